//! What stands in the template, and what is known of its deployment.

use super::{Function, Written, lazy, unknown};
use crate::evaluate::{Frame, Lent};
use crate::fault::{Fault, Stop};
use crate::scope::Fact;
use document::Value;
use std::borrow::Cow;

pub(super) const FUNCTIONS: &[Function] = &[
    lazy("parameters", 1, 1, parameters),
    lazy("variables", 1, 1, variables),
    lazy("copyIndex", 0, 2, copy_index),
    lazy("deployment", 0, 0, |call, _| fact(call, Fact::Deployment)),
    lazy("deployer", 0, 0, |call, _| fact(call, Fact::Deployer)),
    lazy("environment", 0, 0, |call, _| fact(call, Fact::Environment)),
    lazy("externalInput", 1, 2, external),
    lazy("externalInputs", 1, 1, external),
    lazy("managementGroup", 0, 0, |call, _| fact(call, Fact::ManagementGroup)),
    lazy("resourceGroup", 0, 0, |call, _| fact(call, Fact::ResourceGroup)),
    lazy("subscription", 0, 0, |call, _| fact(call, Fact::Subscription)),
    lazy("tenant", 0, 0, |call, _| fact(call, Fact::Tenant)),
];

fn named<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Cow<'v, str>, Stop> {
    let node = call.value(0, frame)?;
    let wrong = call.wrong(0, &node, "a name");
    match node {
        Cow::Borrowed(node) => match &node.value {
            Value::String(name) => Ok(Cow::Borrowed(name)),
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown.clone())),
            _ => Err(wrong),
        },
        Cow::Owned(node) => match node.value {
            Value::String(name) => Ok(Cow::Owned(name)),
            Value::Unknown(unknown) => Err(Stop::Unknown(unknown)),
            _ => Err(wrong),
        },
    }
}

fn external<'v>(call: Written<'v>, _: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    unknown(call, "is read by the tool that deploys", "give the value of the parameter that it is in")
}

/// The fault at the call, if it has no place yet: one of the scope's own.
fn here<T>(call: Written<'_>, result: Result<T, Fault>) -> Result<T, Stop> {
    result.map_err(|fault| Stop::Fault(call.evaluator.placed(fault, call.expr.from, call.expr.to)))
}

fn parameters<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let name = named(call, frame)?;
    here(call, call.evaluator.scope.parameter(&name, call.budget()))
}

fn variables<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let name = named(call, frame)?;
    here(call, call.evaluator.scope.variable(&name, call.budget()))
}

fn fact<'v>(call: Written<'v>, fact: Fact) -> Result<Lent<'v>, Stop> {
    here(call, call.evaluator.scope.fact(fact))
}

/// `copyIndex()`, `copyIndex(offset)`, `copyIndex(loop)` and `copyIndex(loop, offset)`.
fn copy_index<'v>(call: Written<'v>, frame: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    let (mut name, mut offset) = (None, 0);
    for nth in 0..call.arguments.len() {
        let node = call.value(nth, frame)?;
        match &node.value {
            Value::String(text) if nth == 0 => name = Some(text.clone()),
            Value::Number(text) if nth + 1 == call.arguments.len() => {
                offset = text.parse::<i64>().map_err(|_| call.wrong(nth, &node, "an integer"))?;
            }
            Value::Unknown(unknown) => return Err(Stop::Unknown(unknown.clone())),
            _ if nth == 0 => return Err(call.wrong(nth, &node, "a loop's name or an offset")),
            _ => return Err(call.wrong(nth, &node, "an offset")),
        }
    }
    let index = here(call, call.evaluator.scope.copy_index(name.as_deref()))?;
    let Some(sum) = index.checked_add(offset) else {
        return Err(call.fault("the sum has more than 64 bits").into());
    };
    Ok(Cow::Owned(call.node(Value::Number(sum.to_string()))))
}
