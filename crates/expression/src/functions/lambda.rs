//! Functions that call an expression for each element.

use super::{Function, Written, described, lazy};
use crate::evaluate::{Frame, Lent, own};
use crate::fault::Stop;
use crate::syntax::{Expr, Kind};
use diagnostic::{At, nearest};
use document::{Entry, Node, Value};
use std::borrow::Cow;
use std::collections::HashMap;

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("filter", 2, 2, filter),
    lazy("map", 2, 2, map),
    lazy("reduce", 3, 3, reduce),
    lazy("sort", 2, 2, sort),
    lazy("toObject", 2, 3, to_object),
    lazy("groupBy", 2, 2, group_by),
    lazy("mapValues", 2, 2, map_values),
    lazy("lambdaVariables", 1, 1, variables),
    lazy("lambda", 1, super::ANY, |call, _| {
        let fault = call.fault("it stands where nothing calls it");
        Err(fault
            .help("it is an argument of filter, map, reduce, sort, toObject, groupBy or mapValues")
            .into())
    }),
];

/// An expression with names for what it is called with.
struct Lambda<'v> {
    call: Written<'v>,
    names: Vec<&'v str>,
    body: &'v Expr,
    frame: &'v Frame<'v>,
}

impl<'v> Lambda<'v> {
    /// The nth argument of a call; it is called with at most `most` values.
    fn of(call: Written<'v>, nth: usize, most: usize, frame: &'v Frame<'v>) -> Result<Self, Stop> {
        let argument = call.arguments.get(nth).map(|argument| &argument.kind);
        let Some(Kind::Call(lambda)) = argument else {
            return Err(call.at(nth, format!("argument {} is no lambda", nth + 1)));
        };
        let is = lambda.namespace.is_none() && lambda.name.eq_ignore_ascii_case("lambda");
        let Some((body, names)) = lambda.arguments.split_last().filter(|_| is) else {
            return Err(call.at(nth, format!("argument {} is no lambda", nth + 1)));
        };
        let names = names.iter().map(|name| match &name.kind {
            Kind::Text(name) => Ok(name.as_str()),
            _ => Err(call.at(nth, "a lambda's variables are texts, the last argument what it computes")),
        });
        let names = names.collect::<Result<Vec<_>, Stop>>()?;
        if names.len() > most {
            let message =
                format!("the lambda has {} variables, and there are {most} values for them", names.len());
            return Err(call.at(nth, message));
        }
        Ok(Self { call, names, body, frame })
    }

    fn apply(&self, values: &[&Node]) -> Result<Node, Stop> {
        let variables: Vec<(&str, &Node)> = self.names.iter().copied().zip(values.iter().copied()).collect();
        let frame = Frame { variables: &variables, up: Some(self.frame) };
        let value = self.call.evaluator.value(self.body, &frame)?;
        Ok(own(value, self.call.budget())?)
    }

    fn truth(&self, values: &[&Node]) -> Result<bool, Stop> {
        let node = self.apply(values)?;
        match &node.value {
            Value::Bool(truth) => Ok(*truth),
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
            _ => Err(self.wrong(&node, "true or false")),
        }
    }

    fn key(&self, values: &[&Node]) -> Result<String, Stop> {
        let node = self.apply(values)?;
        match node.value {
            Value::String(key) => Ok(key),
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown)),
            _ => Err(self.wrong(&node, "a string")),
        }
    }

    fn wrong(&self, node: &Node, expected: &str) -> Stop {
        let message = format!("the lambda gives {}, and it must give {expected}", described(node));
        let fault = self.call.fault(message);
        Stop::Fault(self.call.evaluator.placed(fault, self.body.from, self.body.to))
    }

    fn entry(&self, key: String, value: Node) -> Entry {
        Entry { key: At { value: key, at: self.call.evaluator.at.clone() }, value }
    }
}

/// The elements of the first argument.
fn items(call: Written<'_>, node: Node) -> Result<Vec<Node>, Stop> {
    match node.value {
        Value::Array(items) => Ok(items),
        Value::Unknown(unknown) => Err(Stop::Unknown(unknown)),
        _ => Err(call.wrong(0, &node, "an array")),
    }
}

fn array<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Vec<Node>, Stop> {
    items(call, own(call.value(0, frame)?, call.budget())?)
}

fn number(call: Written<'_>, nth: usize) -> Node {
    call.node(Value::Number(nth.to_string()))
}

fn filter<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let lambda = Lambda::of(call, 1, 2, frame)?;
    let mut kept = Vec::new();
    for (nth, item) in array(call, frame)?.into_iter().enumerate() {
        if lambda.truth(&[&item, &number(call, nth)])? {
            kept.push(item);
        }
    }
    Ok(Cow::Owned(call.node(Value::Array(kept))))
}

fn map<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let lambda = Lambda::of(call, 1, 2, frame)?;
    let mut mapped = Vec::new();
    for (nth, item) in array(call, frame)?.iter().enumerate() {
        mapped.push(lambda.apply(&[item, &number(call, nth)])?);
    }
    Ok(Cow::Owned(call.node(Value::Array(mapped))))
}

fn reduce<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let lambda = Lambda::of(call, 2, 3, frame)?;
    let items = array(call, frame)?;
    let mut reduced = own(call.value(1, frame)?, call.budget())?;
    for (nth, item) in items.iter().enumerate() {
        reduced = lambda.apply(&[&reduced, item, &number(call, nth)])?;
    }
    Ok(Cow::Owned(reduced))
}

/// A merge sort: it is stable, asks at most n log n times, and ends whatever the lambda says.
fn sort<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let lambda = Lambda::of(call, 1, 2, frame)?;
    let mut runs: Vec<Vec<Node>> = array(call, frame)?.into_iter().map(|item| vec![item]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut pairs = runs.into_iter();
        while let Some(left) = pairs.next() {
            match pairs.next() {
                Some(right) => merged.push(merge(&lambda, left, right)?),
                None => merged.push(left),
            }
        }
        runs = merged;
    }
    Ok(Cow::Owned(call.node(Value::Array(runs.pop().unwrap_or_default()))))
}

fn merge(lambda: &Lambda<'_>, left: Vec<Node>, right: Vec<Node>) -> Result<Vec<Node>, Stop> {
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        merged.extend(if lambda.truth(&[b, a])? { right.next() } else { left.next() });
    }
    merged.extend(left);
    merged.extend(right);
    Ok(merged)
}

fn to_object<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let key = Lambda::of(call, 1, 1, frame)?;
    let value = if call.arguments.len() > 2 { Some(Lambda::of(call, 2, 1, frame)?) } else { None };
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut entries: Vec<Entry> = Vec::new();
    for item in array(call, frame)? {
        let name = key.key(&[&item])?;
        let value = match &value {
            Some(value) => value.apply(&[&item])?,
            None => item,
        };
        let nth = *places.entry(name.to_ascii_lowercase()).or_insert(entries.len());
        match entries.get_mut(nth) {
            Some(entry) => entry.value = value,
            None => entries.push(key.entry(name, value)),
        }
    }
    Ok(Cow::Owned(call.node(Value::Object(entries))))
}

fn group_by<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let key = Lambda::of(call, 1, 1, frame)?;
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut groups: Vec<(String, Vec<Node>)> = Vec::new();
    for item in array(call, frame)? {
        let name = key.key(&[&item])?;
        let nth = *places.entry(name.to_ascii_lowercase()).or_insert(groups.len());
        match groups.get_mut(nth) {
            Some((_, group)) => group.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    let entries = groups.into_iter().map(|(name, group)| key.entry(name, call.node(Value::Array(group))));
    Ok(Cow::Owned(call.node(Value::Object(entries.collect()))))
}

fn map_values<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let lambda = Lambda::of(call, 1, 1, frame)?;
    let node = own(call.value(0, frame)?, call.budget())?;
    let mut entries = match node.value {
        Value::Object(entries) => entries,
        Value::Unknown(unknown) => return Err(Stop::Unknown(unknown)),
        _ => return Err(call.wrong(0, &node, "an object")),
    };
    for entry in &mut entries {
        entry.value = lambda.apply(&[&entry.value])?;
    }
    Ok(Cow::Owned(call.node(Value::Object(entries))))
}

fn variables<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let node = call.value(0, frame)?;
    let Value::String(name) = &node.value else { return Err(call.wrong(0, &node, "a name")) };
    let mut names = Vec::new();
    let mut around = Some(frame);
    while let Some(frame) = around {
        let found = frame.variables.iter().find(|(variable, _)| variable.eq_ignore_ascii_case(name));
        if let Some((_, value)) = found {
            return Ok(Cow::Borrowed(value));
        }
        names.extend(frame.variables.iter().map(|(variable, _)| *variable));
        around = frame.up;
    }
    let fault = call.fault(format!("no lambda here has a variable '{name}'"));
    Err(match nearest(name, names) {
        Some(near) => fault.help(format!("did you mean '{near}'?")).into(),
        None => fault.into(),
    })
}
