//! Functions on arrays, and on texts and objects where Azure's take those too.

use super::{ANY, Call, Function, plain};
use crate::fault::Stop;
use crate::text::Units;
use crate::value::{form, same, textual};
use document::{Node, Value};
use std::collections::HashSet;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("array", 1, 1, array),
    plain("concat", 1, ANY, concat),
    plain("contains", 2, 2, contains),
    Function { carries: true, ..plain("createArray", 0, ANY, create) },
    plain("empty", 1, 1, empty),
    plain("first", 1, 1, |call| end(call, false)),
    plain("last", 1, 1, |call| end(call, true)),
    plain("indexFromEnd", 2, ANY, |call| from_end(call, false)),
    plain("tryIndexFromEnd", 2, ANY, |call| from_end(call, true)),
    plain("indexOf", 2, 2, |call| index(call, false)),
    plain("lastIndexOf", 2, 2, |call| index(call, true)),
    plain("length", 1, 1, length),
    plain("skip", 2, 2, skip),
    plain("take", 2, 2, take),
    plain("flatten", 1, 1, flatten),
];

fn array(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.take(0)?;
    if matches!(node.value, Value::Array(_)) { Ok(node) } else { call.node(Value::Array(vec![node])) }
}

fn create(call: &mut Call<'_>) -> Result<Node, Stop> {
    let items = (0..call.arguments.len()).map(|nth| call.take(nth)).collect::<Result<_, Stop>>()?;
    call.node(Value::Array(items))
}

fn concat(call: &mut Call<'_>) -> Result<Node, Stop> {
    let count = call.arguments.len();
    if !matches!(call.argument(0)?.value, Value::Array(_)) {
        let mut joined = String::new();
        for nth in 0..count {
            let node = call.argument(nth)?;
            let Some(text) = textual(node) else { return Err(call.wrong(nth, node, "a string")) };
            call.budget().text(text.len())?;
            joined.push_str(text);
        }
        return call.node(Value::String(joined));
    }
    let mut joined = Vec::new();
    for nth in 0..count {
        match call.take(nth)? {
            Node { value: Value::Array(items), .. } => joined.extend(items),
            node => return Err(call.wrong(nth, &node, "an array as argument 1 is")),
        }
    }
    call.node(Value::Array(joined))
}

fn contains(call: &mut Call<'_>) -> Result<Node, Stop> {
    let (container, item) = (call.argument(0)?, call.argument(1)?);
    let found = match &container.value {
        Value::Array(_) => position(call, item, false)?.is_some(),
        Value::Object(_) => {
            let Some(key) = textual(item) else { return Err(call.wrong(1, item, "a key")) };
            call.entries(0)?.iter().any(|entry| entry.key.value.eq_ignore_ascii_case(key))
        }
        Value::String(_) => {
            let Some(part) = textual(item) else { return Err(call.wrong(1, item, "a string")) };
            call.text(0)?.contains(part)
        }
        _ => return Err(call.wrong(0, container, "an array, an object or a string")),
    };
    call.node(Value::Bool(found))
}

/// Where the first argument, an array, holds an element. One that is not known might be it, unless another is.
fn position(call: &Call<'_>, item: &Node, last: bool) -> Result<Option<usize>, Stop> {
    let items = call.array(0)?;
    let mut unknown = None;
    for step in 0..items.len() {
        let nth = if last { items.len() - 1 - step } else { step };
        let Some(element) = items.get(nth) else { break };
        match same(element, item, call.budget()) {
            Ok(true) => return Ok(Some(nth)),
            Ok(false) => {}
            Err(Stop::Unknown(why)) => unknown = unknown.or(Some(why)),
            Err(fault) => return Err(fault),
        }
    }
    unknown.map_or(Ok(None), |why| Err(Stop::Unknown(why)))
}

fn empty(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let empty = match &node.value {
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Null => true,
        _ => return Err(call.wrong(0, node, "an array, an object or a string")),
    };
    call.node(Value::Bool(empty))
}

/// The first or last element or character; of nothing, nothing.
fn end(call: &mut Call<'_>, last: bool) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    match &node.value {
        Value::Array(items) => match if last { items.last() } else { items.first() } {
            Some(item) => Ok(call.budget().copy(item)?),
            None => call.node(Value::Null),
        },
        Value::String(text) => {
            let units = Units::of(text);
            let from = if last { units.length().saturating_sub(1) } else { 0 };
            call.made(units.slice(from, 1))
        }
        _ => Err(call.wrong(0, node, "an array or a string")),
    }
}

/// An element counted from the end, the last being 1, and what is found by going further.
fn from_end(call: &mut Call<'_>, safe: bool) -> Result<Node, Stop> {
    let number = call.integer(1)?;
    let items = match &call.argument(0)?.value {
        Value::Array(items) => items,
        Value::Null if safe => return call.node(Value::Null),
        _ => return Err(call.wrong(0, call.argument(0)?, "an array")),
    };
    let nth = usize::try_from(number).ok().filter(|nth| *nth > 0);
    let mut found = nth.and_then(|nth| items.get(items.len().checked_sub(nth)?));
    for nth in 2..call.arguments.len() {
        found = match found {
            Some(node) => super::object::inside(call, node, nth)?,
            None => None,
        };
    }
    match found {
        Some(node) => Ok(call.budget().copy(node)?),
        None if safe => call.node(Value::Null),
        None => Err(call.fault(format!("there is no such element; the array has {}", items.len()))),
    }
}

/// Where something begins, or -1. Texts compare without regard to case.
fn index(call: &mut Call<'_>, last: bool) -> Result<Node, Stop> {
    let (container, item) = (call.argument(0)?, call.argument(1)?);
    let found = match &container.value {
        Value::Array(_) => position(call, item, last)?,
        Value::String(_) => {
            let (text, part) = (Units::folded(call.text(0)?), Units::folded(call.text(1)?));
            let byte = if last { text.rfind(&part) } else { text.find(&part) };
            byte.map(|byte| Units::of(text.get(..byte).unwrap_or_default()).length())
        }
        _ => return Err(call.wrong(0, container, "an array or a string")),
    };
    call.number(found.map_or(-1, |nth| nth as i64))
}

fn length(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let length = match &node.value {
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        Value::String(_) => Units::of(call.text(0)?).length(),
        _ => return Err(call.wrong(0, node, "an array, an object or a string")),
    };
    call.number(length)
}

fn skip(call: &mut Call<'_>) -> Result<Node, Stop> {
    let count = usize::try_from(call.integer(1)?.max(0)).unwrap_or(usize::MAX);
    part(call, count, usize::MAX)
}

fn take(call: &mut Call<'_>) -> Result<Node, Stop> {
    let count = usize::try_from(call.integer(1)?.max(0)).unwrap_or(usize::MAX);
    part(call, 0, count)
}

fn part(call: &mut Call<'_>, skipped: usize, taken: usize) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    match &node.value {
        Value::Array(items) => {
            let items = items.iter().skip(skipped).take(taken).map(|item| call.budget().copy(item));
            let items = items.collect::<Result<_, _>>()?;
            call.node(Value::Array(items))
        }
        Value::String(_) => call.made(Units::of(call.text(0)?).slice(skipped, taken)),
        _ => Err(call.wrong(0, node, "an array or a string")),
    }
}

fn flatten(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut flat = Vec::new();
    for item in call.array(0)? {
        match &item.value {
            Value::Array(items) => {
                for item in items {
                    flat.push(call.budget().copy(item)?);
                }
            }
            Value::Unknown(unknown) => return Err(Stop::Unknown(unknown.clone())),
            _ => return Err(call.wrong(0, item, "arrays")),
        }
    }
    call.node(Value::Array(flat))
}

/// The elements of the first array that are in all the others, each once.
pub(super) fn intersection(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut others = Vec::new();
    for nth in 1..call.arguments.len() {
        let forms = call.array(nth)?.iter().map(|item| form(item, call.budget()));
        others.push(forms.collect::<Result<HashSet<String>, Stop>>()?);
    }
    let (mut common, mut seen) = (Vec::new(), HashSet::new());
    for item in call.array(0)? {
        let form = form(item, call.budget())?;
        if others.iter().all(|other| other.contains(&form)) && seen.insert(form) {
            common.push(call.budget().copy(item)?);
        }
    }
    call.node(Value::Array(common))
}

/// The elements of all arrays, each once, in the order of their first.
pub(super) fn union(call: &mut Call<'_>) -> Result<Node, Stop> {
    let (mut joined, mut seen) = (Vec::new(), HashSet::new());
    for nth in 0..call.arguments.len() {
        for item in call.array(nth)? {
            // What is not known is not the same as anything.
            let new = match form(item, call.budget()) {
                Ok(form) => seen.insert(form),
                Err(Stop::Unknown(_)) => true,
                Err(fault) => return Err(fault),
            };
            if new {
                joined.push(call.budget().copy(item)?);
            }
        }
    }
    call.node(Value::Array(joined))
}
