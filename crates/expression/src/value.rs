//! Values compared and written as text.

use crate::budget::Budget;
use crate::fault::Stop;
use diagnostic::Location;
use document::{Entry, Node, Value, read_json};

/// Whether two values are the same, wherever they were written; texts and keys with regard to case.
pub(crate) fn same(a: &Node, b: &Node, budget: &Budget) -> Result<bool, Stop> {
    match (&a.value, &b.value) {
        (Value::Unknown(unknown), _) | (_, Value::Unknown(unknown)) => Err(Stop::Unknown(unknown.clone())),
        (Value::String(a), Value::String(b)) => {
            budget.steps(1 + a.len().min(b.len()) / 64)?;
            Ok(a == b)
        }
        (Value::Array(a), Value::Array(b)) if a.len() != b.len() => Ok(false),
        (Value::Object(a), Value::Object(b)) if a.len() != b.len() => Ok(false),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => {
            Ok(form(a, budget)? == form(b, budget)?)
        }
        (Value::Number(_), Value::Number(_)) => Ok(form(a, budget)? == form(b, budget)?),
        (a, b) => Ok(a == b),
    }
}

/// A text that is the same for the same values and for no others: JSON with its keys in order.
pub(crate) fn form(node: &Node, budget: &Budget) -> Result<String, Stop> {
    let mut out = String::new();
    write(node, budget, &mut out, true)?;
    Ok(out)
}

/// The value as JSON without spaces.
pub(crate) fn json(node: &Node, budget: &Budget) -> Result<String, Stop> {
    let mut out = String::new();
    write(node, budget, &mut out, false)?;
    Ok(out)
}

fn write(node: &Node, budget: &Budget, out: &mut String, formal: bool) -> Result<(), Stop> {
    budget.steps(1)?;
    match &node.value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(text) if formal => out.push_str(&plain_number(text)),
        Value::Number(text) => out.push_str(text),
        Value::String(text) => {
            budget.text(text.len())?;
            quote(text, out);
        }
        Value::Unknown(unknown) => return Err(Stop::Unknown(unknown.clone())),
        Value::Array(items) => {
            out.push('[');
            for (nth, item) in items.iter().enumerate() {
                out.push_str(if nth > 0 { "," } else { "" });
                write(item, budget, out, formal)?;
            }
            out.push(']');
        }
        Value::Object(entries) => {
            let mut order: Vec<&Entry> = entries.iter().collect();
            if formal {
                order.sort_by(|a, b| a.key.value.cmp(&b.key.value));
            }
            out.push('{');
            for (nth, entry) in order.into_iter().enumerate() {
                out.push_str(if nth > 0 { "," } else { "" });
                budget.text(entry.key.value.len())?;
                quote(&entry.key.value, out);
                out.push(':');
                write(&entry.value, budget, out, formal)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// An integer without leading zeros, or a fraction as it is computed with.
fn plain_number(text: &str) -> String {
    if let Ok(integer) = text.parse::<i64>() {
        return integer.to_string();
    }
    text.parse::<f64>().map_or_else(|_| text.to_owned(), |number| format!("{number:e}"))
}

/// A text between quotes, as JSON writes it.
pub(crate) fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            it if it < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(it))),
            it => out.push(it),
        }
    }
    out.push('"');
}

/// A text, a number or a truth value as a text, or `None` for what is neither.
///
/// # Source
/// .NET writes `True` and `False`.
pub(crate) fn textual(node: &Node) -> Option<&str> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text),
        Value::Bool(truth) => Some(if *truth { "True" } else { "False" }),
        _ => None,
    }
}

/// A value written as JSON, all of it at one place; with single quotes too, as Azure reads it.
pub fn from_json(text: &str, at: &Location) -> Result<Node, String> {
    let read = read_json("", text).or_else(|errors| match double_quoted(text) {
        Some(text) => read_json("", &text),
        None => Err(errors),
    });
    match read {
        Ok(mut node) => {
            put(&mut node, at);
            Ok(node)
        }
        Err(errors) => {
            let first = errors.into_iter().next();
            Err(first.map_or_else(String::new, |error| match error.at {
                Some(at) => format!("line {}, column {}: {}", at.line, at.column, error.message),
                None => error.message,
            }))
        }
    }
}

/// Puts a value and all that is in it at one place.
fn put(node: &mut Node, at: &Location) {
    node.at = at.clone();
    match &mut node.value {
        Value::Array(items) => items.iter_mut().for_each(|item| put(item, at)),
        Value::Object(entries) => entries.iter_mut().for_each(|entry| {
            entry.key.at = at.clone();
            put(&mut entry.value, at);
        }),
        _ => {}
    }
}

/// The text with double quotes for single ones, if it has single ones.
fn double_quoted(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut within, mut changed) = (None, false);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, within) {
            ('\\', Some(_)) => match characters.next() {
                Some('\'') => out.push('\''),
                next => out.extend(['\\'].into_iter().chain(next)),
            },
            ('\'' | '"', None) => {
                within = Some(character);
                changed |= character == '\'';
                out.push('"');
            }
            (quote, Some(begun)) if quote == begun => {
                within = None;
                out.push('"');
            }
            ('"', Some(_)) => out.push_str("\\\""),
            (other, _) => out.push(other),
        }
    }
    changed.then_some(out)
}
