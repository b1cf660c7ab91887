//! Functions on objects.

use super::{ANY, Call, Function, array, lazy, plain};
use crate::evaluate::{Frame, Lent};
use crate::fault::Stop;
use crate::value::same;
use diagnostic::At;
use document::{Entry, Node, Value};
use std::borrow::Cow;
use std::collections::HashMap;

pub(super) const FUNCTIONS: &[Function] = &[
    Function { carries: true, ..plain("createObject", 0, ANY, create) },
    plain("intersection", 2, ANY, |call| match &call.argument(0)?.value {
        Value::Object(_) => intersection(call),
        _ => array::intersection(call),
    }),
    plain("union", 1, ANY, |call| match &call.argument(0)?.value {
        Value::Object(_) => union(call),
        _ => array::union(call),
    }),
    plain("shallowMerge", 1, 1, shallow_merge),
    plain("items", 1, 1, items),
    plain("objectKeys", 1, 1, keys),
    lazy("tryGet", 2, ANY, try_get),
];

fn create(call: &mut Call<'_>) -> Result<Node, Stop> {
    if !call.arguments.len().is_multiple_of(2) {
        return Err(call.fault("each key needs a value"));
    }
    let mut object = Merged::default();
    for nth in (0..call.arguments.len()).step_by(2) {
        let key = At { value: call.text(nth)?.to_owned(), at: call.argument(nth)?.at.clone() };
        call.budget().text(key.value.len())?;
        if object.find(&key.value).is_some() {
            return Err(call.at(nth, format!("the key '{}' is given twice", key.value)));
        }
        object.put(Entry { key, value: call.take(nth + 1)? });
    }
    call.node(Value::Object(object.entries))
}

/// An object that is found in by key however large it is.
#[derive(Default)]
struct Merged {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl Merged {
    fn of(entries: Vec<Entry>) -> Self {
        let places = entries.iter().enumerate();
        let places = places.map(|(nth, entry)| (entry.key.value.to_ascii_lowercase(), nth)).collect();
        Self { entries, places }
    }

    fn find(&self, key: &str) -> Option<&Node> {
        let nth = *self.places.get(&key.to_ascii_lowercase())?;
        self.entries.get(nth).map(|entry| &entry.value)
    }

    fn put(&mut self, entry: Entry) {
        let nth = *self.places.entry(entry.key.value.to_ascii_lowercase()).or_insert(self.entries.len());
        match self.entries.get_mut(nth) {
            Some(old) => old.value = entry.value,
            None => self.entries.push(entry),
        }
    }

    /// Takes in another object, and what both hold as objects in the same way.
    fn merge(&mut self, other: Vec<Entry>) {
        for mut entry in other {
            let place = self.places.get(&entry.key.value.to_ascii_lowercase()).copied();
            let old = place.and_then(|nth| self.entries.get_mut(nth));
            if let Some(Entry { value: Node { value: Value::Object(old), .. }, .. }) = old
                && let Value::Object(new) = &mut entry.value.value
            {
                let mut both = Self::of(std::mem::take(old));
                both.merge(std::mem::take(new));
                *old = both.entries;
            } else {
                self.put(entry);
            }
        }
    }
}

fn union(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut merged = Merged::default();
    for nth in 0..call.arguments.len() {
        match call.take(nth)? {
            Node { value: Value::Object(entries), .. } => {
                call.budget().steps(entries.len())?;
                merged.merge(entries);
            }
            node => return Err(call.wrong(nth, &node, "an object as argument 1 is")),
        }
    }
    call.node(Value::Object(merged.entries))
}

fn shallow_merge(call: &mut Call<'_>) -> Result<Node, Stop> {
    call.array(0)?;
    let Value::Array(items) = call.take(0)?.value else { return Err(call.fault("it takes an array")) };
    let mut merged = Merged::default();
    for item in items {
        match item.value {
            Value::Object(entries) => entries.into_iter().for_each(|entry| merged.put(entry)),
            Value::Unknown(unknown) => return Err(Stop::Unknown(unknown)),
            _ => return Err(call.wrong(0, &item, "an array of objects")),
        }
    }
    call.node(Value::Object(merged.entries))
}

fn intersection(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut others = Vec::new();
    for nth in 1..call.arguments.len() {
        let entries = call.entries(nth)?;
        let places: HashMap<String, &Node> =
            entries.iter().map(|entry| (entry.key.value.to_ascii_lowercase(), &entry.value)).collect();
        others.push(places);
    }
    let mut common = Vec::new();
    for entry in call.entries(0)? {
        let mut in_all = true;
        for other in &others {
            in_all = match other.get(&entry.key.value.to_ascii_lowercase()) {
                Some(value) => same(value, &entry.value, call.budget())?,
                None => false,
            };
            if !in_all {
                break;
            }
        }
        if in_all {
            common.push(Entry { key: entry.key.clone(), value: call.budget().copy(&entry.value)? });
        }
    }
    call.node(Value::Object(common))
}

/// The entries in the order of their keys.
fn sorted<'c>(call: &'c Call<'_>) -> Result<Vec<&'c Entry>, Stop> {
    let mut entries: Vec<(String, &Entry)> =
        call.entries(0)?.iter().map(|entry| (entry.key.value.to_ascii_lowercase(), entry)).collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn items(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut items = Vec::new();
    for entry in sorted(call)? {
        let at = &entry.key.at;
        let named = |name: &str, value| Entry { key: At { value: name.to_owned(), at: at.clone() }, value };
        let key = Node::new(call.made(entry.key.value.as_str())?.value, at.clone());
        let value = call.budget().copy(&entry.value)?;
        let item = Value::Object(vec![named("key", key), named("value", value)]);
        items.push(Node::new(call.node(item)?.value, at.clone()));
    }
    call.node(Value::Array(items))
}

fn keys(call: &mut Call<'_>) -> Result<Node, Stop> {
    let mut keys = Vec::new();
    for entry in sorted(call)? {
        keys.push(Node::new(call.made(entry.key.value.as_str())?.value, entry.key.at.clone()));
    }
    call.node(Value::Array(keys))
}

/// What is found by going on from a value as the nth argument says.
pub(super) fn inside<'n>(call: &Call<'_>, node: &'n Node, nth: usize) -> Result<Option<&'n Node>, Stop> {
    let step = call.argument(nth)?;
    match (&node.value, &step.value) {
        (Value::Unknown(unknown), _) => Err(Stop::Unknown(unknown.clone())),
        (Value::Object(entries), Value::String(key)) => {
            call.budget().steps(entries.len() / 16)?;
            let found = entries.iter().find(|entry| entry.key.value.eq_ignore_ascii_case(key));
            Ok(found.map(|entry| &entry.value))
        }
        (Value::Array(items), Value::Number(_)) => {
            let index = usize::try_from(call.integer(nth)?).ok();
            Ok(index.and_then(|index| items.get(index)))
        }
        (_, Value::String(_) | Value::Number(_)) => Ok(None),
        _ => Err(call.wrong(nth, step, "a key or an index")),
    }
}

/// What stands at the end of a way of keys and indexes, or null.
fn try_get<'v>(written: super::Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let arguments = (0..written.arguments.len()).map(|nth| written.value(nth, frame));
    let call = Call { written, arguments: arguments.collect::<Result<_, Stop>>()? };
    let mut found = call.argument(0)?;
    if let Value::Unknown(unknown) = &found.value {
        return Err(Stop::Unknown(unknown.clone()));
    }
    for nth in 1..call.arguments.len() {
        if let Value::Unknown(unknown) = &call.argument(nth)?.value {
            return Err(Stop::Unknown(unknown.clone()));
        }
        match inside(&call, found, nth)? {
            Some(next) => found = next,
            None => return Ok(Cow::Owned(call.node(Value::Null)?)),
        }
    }
    Ok(Cow::Owned(call.budget().copy(found)?))
}
