//! Functions on resources.

use super::{ANY, Call, Function, Written, lazy, plain, unknown};
use crate::evaluate::{Frame, IN_THE_RESOURCE, Lent, WRITE_IT, own};
use crate::fault::Stop;
use crate::scope::{Fact, Level, Question};
use document::{Node, Unknown, Value};
use std::borrow::Cow;
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("resourceId", 2, ANY, resource_id),
    plain("subscriptionResourceId", 2, ANY, subscription_resource_id),
    plain("managementGroupResourceId", 2, ANY, management_group_resource_id),
    plain("tenantResourceId", 2, ANY, |call| id(call, "", 0)),
    plain("extensionResourceId", 3, ANY, |call| {
        let scope = call.text(0)?.trim_end_matches('/').to_owned();
        id(call, &scope, 1)
    }),
    lazy("reference", 1, 3, |call, frame| ask(call, frame, Question::Reference)),
    lazy("references", 1, 2, |call, frame| ask(call, frame, Question::References)),
    lazy("resourceInfo", 1, 1, |call, frame| ask(call, frame, Question::ResourceInfo)),
    lazy("listOutputsWithSecureValues", 1, 3, |call, frame| ask(call, frame, Question::SecureOutputs)),
    lazy("providers", 1, 2, |call, _| {
        unknown(
            call,
            "depends on what Azure offers at the time",
            "write the API version or the location itself",
        )
    }),
    lazy("roleDefinitions", 1, 1, |call, _| {
        unknown(call, "depends on which roles Azure has", "write the id of the role itself")
    }),
    lazy("pickZones", 3, 5, zones),
    lazy("toLogicalZone", 3, 3, zones),
    lazy("toLogicalZones", 3, 3, zones),
    lazy("toPhysicalZone", 3, 3, zones),
    lazy("toPhysicalZones", 3, 3, zones),
    lazy("getSecret", 1, 3, |call, _| secret(call)),
];

/// The functions whose names begin with `list`; there is one for each thing that a resource lists.
pub(super) const LIST: Function = lazy("list", 1, 3, |call, _| secret(call));

fn zones<'v>(call: Written<'v>, _: &'v Frame<'v>) -> Result<Lent<'v>, Stop> {
    unknown(call, "depends on which zones Azure has there", "write the zones, as in [\"1\"]")
}

fn secret(call: Written<'_>) -> Result<Lent<'_>, Stop> {
    unknown(call, IN_THE_RESOURCE, WRITE_IT)
}

fn ask<'v>(call: Written<'v>, frame: &'v Frame<'v>, question: Question) -> Result<Lent<'v>, Stop> {
    let (mut arguments, mut missing) = (Vec::with_capacity(call.arguments.len()), None);
    for nth in 0..call.arguments.len() {
        let mut node = own(call.value(nth, frame)?, call.budget())?;
        if let Value::Unknown(unknown) = node.value {
            // Whatever the name will be, it may be that of a resource of this template.
            let Some(stand_in) = unknown.stand_in.clone() else { return Err(Stop::Unknown(unknown)) };
            node.value = Value::String(stand_in);
            missing = missing.or(Some(unknown));
        }
        arguments.push(node);
    }
    match (call.evaluator.scope.reference(question, &arguments), missing) {
        (Ok(Node { value: Value::Unknown(_), .. }), Some(unknown)) => Err(Stop::Unknown(unknown)),
        // It is supplied by its text, so this is what it is called.
        (Ok(Node { value: Value::Unknown(unknown), .. }), None) => {
            let expression = call.evaluator.said(call.expr.from, call.expr.to);
            Err(Stop::Unknown(Arc::new(Unknown { expression, ..unknown.reason() })))
        }
        (Ok(node), _) => Ok(Cow::Owned(node)),
        (Err(fault), _) => Err(Stop::Fault(call.evaluator.placed(fault, call.expr.from, call.expr.to))),
    }
}

/// `resourceId([subscription], [resource group], type, names…)`; the type is what has a slash.
fn resource_id(call: &mut Call<'_>) -> Result<Node, Stop> {
    let scope = call.written.evaluator.scope;
    let first = kind(call, 2)?;
    let given = |nth: usize| call.text(nth).map(str::to_owned);
    let prefix = match (scope.level(), first) {
        (Level::ResourceGroup, 0..=2) => {
            let subscription =
                if first == 2 { given(0)? } else { fact(call, Fact::Subscription, "subscriptionId")? };
            let group = if first > 0 { given(first - 1)? } else { fact(call, Fact::ResourceGroup, "name")? };
            format!("/subscriptions/{subscription}/resourceGroups/{group}")
        }
        // Below a subscription two arguments before the type say which resource group is meant.
        (_, 2) => format!("/subscriptions/{}/resourceGroups/{}", given(0)?, given(1)?),
        (Level::Subscription, 0) => {
            format!("/subscriptions/{}", fact(call, Fact::Subscription, "subscriptionId")?)
        }
        (Level::Subscription, _) => format!("/subscriptions/{}", given(0)?),
        (Level::ManagementGroup | Level::Tenant, 0) => String::new(),
        (_, _) => return Err(call.at(0, "at this level it takes a type and names")),
    };
    id(call, &prefix, first)
}

fn subscription_resource_id(call: &mut Call<'_>) -> Result<Node, Stop> {
    let first = kind(call, 1)?;
    let subscription = match first {
        0 => fact(call, Fact::Subscription, "subscriptionId")?,
        _ => call.text(0)?.to_owned(),
    };
    id(call, &format!("/subscriptions/{subscription}"), first)
}

fn management_group_resource_id(call: &mut Call<'_>) -> Result<Node, Stop> {
    let first = kind(call, 1)?;
    let group = match first {
        0 => fact(call, Fact::ManagementGroup, "name")?,
        _ => call.text(0)?.to_owned(),
    };
    id(call, &format!("/providers/Microsoft.Management/managementGroups/{group}"), first)
}

/// Which argument is the type: the first with a slash, after at most `most` others.
fn kind(call: &Call<'_>, most: usize) -> Result<usize, Stop> {
    for nth in 0..call.arguments.len().min(most + 1) {
        if call.text(nth)?.contains('/') {
            return Ok(nth);
        }
    }
    Err(call.at(0, "none of the first arguments is a type such as Microsoft.Network/virtualNetworks"))
}

/// The id of what the type at `first` and the names after it say.
fn id(call: &Call<'_>, prefix: &str, first: usize) -> Result<Node, Stop> {
    let mut types = call.text(first)?.trim_matches('/').split('/');
    let namespace = types.next().unwrap_or_default();
    let types: Vec<&str> = types.collect();
    let names = call.arguments.len() - first - 1;
    if types.is_empty() || types.iter().any(|part| part.is_empty()) || namespace.is_empty() {
        return Err(call.at(first, "it is no type such as Microsoft.Network/virtualNetworks"));
    }
    // A name may hold those of several levels, as `vnet1/subnet1`.
    let mut parts: Vec<&str> = Vec::new();
    for nth in first + 1..=first + names {
        let text = call.text(nth)?;
        if names == types.len() { parts.push(text) } else { parts.extend(text.split('/')) }
    }
    if parts.len() != types.len() {
        let message = format!(
            "the type has {} levels after its provider, and {} names are given",
            types.len(),
            parts.len()
        );
        return Err(call.at(first, message));
    }
    let mut id = format!("{prefix}/providers/{namespace}");
    for (kind, name) in types.into_iter().zip(parts) {
        call.budget().text(kind.len() + name.len())?;
        id.push('/');
        id.push_str(kind);
        id.push('/');
        id.push_str(name);
    }
    call.made(id)
}

/// A text in what is known of the deployment.
fn fact(call: &Call<'_>, fact: Fact, key: &str) -> Result<String, Stop> {
    let written = call.written;
    let node = written.evaluator.scope.fact(fact);
    let node = node.map_err(|fault| written.evaluator.placed(fault, written.expr.from, written.expr.to))?;
    match (&node.value, node.get(key).map(|node| &node.value)) {
        (Value::Unknown(unknown), _) | (_, Some(Value::Unknown(unknown))) => {
            Err(Stop::Unknown(unknown.clone()))
        }
        (_, Some(Value::String(text))) => Ok(text.clone()),
        _ => Err(call.fault(format!("the {key} of the deployment is not given"))),
    }
}
