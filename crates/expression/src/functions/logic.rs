//! Truth values, and functions that look only at what decides.

use super::{Call, Function, Written, lazy, plain};
use crate::evaluate::{Frame, Lent, shortened};
use crate::fault::Stop;
use document::{Node, Value};
use std::borrow::Cow;

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("if", 3, 3, choose),
    lazy("and", 2, super::ANY, |call, frame| junction(call, frame, false)),
    lazy("or", 2, super::ANY, |call, frame| junction(call, frame, true)),
    lazy("fail", 1, 1, fail),
    lazy("coalesce", 1, super::ANY, coalesce),
    plain("not", 1, 1, |call| call.node(Value::Bool(!call.truth(0)?))),
    plain("true", 0, 0, |call| call.node(Value::Bool(true))),
    plain("false", 0, 0, |call| call.node(Value::Bool(false))),
    plain("null", 0, 0, |call| call.node(Value::Null)),
    plain("bool", 1, 1, boolean),
];

fn choose<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let nth = if call.truth(0, frame)? { 1 } else { 2 };
    call.value(nth, frame)
}

/// `or` where `decides` is true, else `and`: one argument that decides is enough, whatever is not known of the others.
fn junction<'v>(call: Written<'v>, frame: &'v Frame<'v>, decides: bool) -> Result<Lent<'v>, Stop> {
    let mut unknown = None;
    for nth in 0..call.arguments.len() {
        match call.truth(nth, frame) {
            Ok(truth) if truth == decides => return Ok(Cow::Owned(call.node(Value::Bool(decides)))),
            Ok(_) => {}
            Err(Stop::Unknown(why)) => unknown = unknown.or(Some(why)),
            Err(fault) => return Err(fault),
        }
    }
    match unknown {
        Some(why) => Err(Stop::Unknown(why)),
        None => Ok(Cow::Owned(call.node(Value::Bool(!decides)))),
    }
}

/// The template itself says that it must not be deployed like this.
fn fail<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let node = call.value(0, frame)?;
    match &node.value {
        Value::String(message) => Err(call.fault(shortened(message)).into()),
        Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
        _ => Err(call.wrong(0, &node, "a message")),
    }
}

/// The first argument that is not null; one that is not known might be.
fn coalesce<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    for nth in 0..call.arguments.len() {
        let value = call.value(nth, frame)?;
        if value.value != Value::Null {
            return Ok(value);
        }
    }
    Ok(Cow::Owned(call.node(Value::Null)))
}

fn boolean(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let truth = match &node.value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(text) => text.parse::<i64>().ok().map(|number| number != 0),
        Value::String(text) if text.eq_ignore_ascii_case("true") || text == "1" => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") || text == "0" => Some(false),
        _ => None,
    };
    match truth {
        Some(truth) => call.node(Value::Bool(truth)),
        None => Err(call.wrong(0, node, "a string or an integer that says true or false")),
    }
}
