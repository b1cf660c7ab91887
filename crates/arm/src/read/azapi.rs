//! Resources of Terraform's provider azapi: their types and bodies are those of Azure's REST interface already.

use super::kind::Kind;
use diagnostic::At;
use document::{Entry, Node, Unknown, Value};
use std::sync::Arc;
use template::from_json;

/// What to do about what a data source does not export.
const EXPORT: &str = "write response_export_values = [\"*\"] in the data source, apply it, and give what `terraform show -json` prints then";

/// The resource in the shape of the REST interface; `None` where it does not say its type, or is not there.
pub(super) fn plain(resource: &Node, values: &Node) -> Option<Node> {
    // Microsoft.Network/virtualNetworks/subnets@2024-05-01
    let kind = text(values, "type")?.split('@').next()?;
    let (provider, types) = kind.split_once('/')?;
    if values.get("exists").is_some_and(|it| it.value == Value::Bool(false)) {
        return None;
    }
    let at = |key: &str, value: Value| {
        let at = values.entry(key).map_or(&resource.at, |it| &it.value.at);
        Entry { key: At::new(key, at), value: Node::new(value, at.clone()) }
    };
    let mut entries = vec![at("type", Value::String(kind.to_owned()))];
    let own = text(values, "name");
    let parent = text(values, "parent_id").map(|it| it.trim_end_matches('/'));
    // A plan does not know the id, and mostly the parent's.
    let id = text(values, "id").or_else(|| text(values, "resource_id"));
    let id = id.map(str::to_owned).or_else(|| {
        let (own, parent) = (own?, parent?);
        Some(match types.rsplit_once('/') {
            Some((_, last)) => format!("{parent}/{last}/{own}"),
            None => format!("{parent}/providers/{provider}/{types}/{own}"),
        })
    });
    entries.extend(own.map(|own| at("name", Value::String(own.to_owned()))));
    entries.extend(id.map(|id| at("id", Value::String(id))));
    let said = || [values.get("body"), values.get("output")].into_iter().flatten();
    // A plan may not know what is written, and then it does not matter what Azure answered before.
    if let Some(unknown) = said().find(|it| matches!(it.value, Value::Unknown(_))) {
        // The name of an application security group says everything.
        let has_properties = Kind::named(kind) != Kind::ApplicationSecurityGroup;
        entries.extend(has_properties.then(|| at("properties", unknown.value.clone())));
    } else {
        let body = said().map(read).find(says_more);
        // What is said of it beside the body says nothing of packets.
        let kept = ["properties", "sku"].iter().filter_map(|key| body.as_ref()?.entry(key).cloned());
        entries.extend(kept);
        if text(resource, "mode") == Some("data") {
            mark_not_exported(&mut entries, resource, values, kind);
        }
    }
    Some(Node::new(Value::Object(entries), resource.at.clone()))
}

/// Puts a value that is not known in the place of each property that a data source does not export and that says what a resource
/// of the type lets through. One that is exported and not there, Azure's answer has not.
///
/// # Source
/// Terraform Registry, azapi, data source `azapi_resource`, *response_export_values*: the paths of what is exported, or names with
/// a query for each. Where it is not set, versions up to 1 export nothing, and later ones what is read-only.
fn mark_not_exported(entries: &mut Vec<Entry>, resource: &Node, values: &Node, kind: &str) {
    let kind = Kind::named(kind);
    let telling: &[&str] = match kind {
        Kind::SecurityGroup => &["securityRules"],
        Kind::VirtualNetwork => &["addressSpace", "subnets", "virtualNetworkPeerings"],
        Kind::Subnet => &["networkSecurityGroup", "routeTable"],
        Kind::NetworkInterface => &["ipConfigurations", "networkSecurityGroup"],
        Kind::RouteTable => &["routes"],
        Kind::PublicIp => &["ipAddress"],
        // Its name says everything.
        Kind::ApplicationSecurityGroup => return,
        _ => &[],
    };
    let not_known = |path: &str| {
        let what = format!("{}: {path}", text(resource, "address").unwrap_or(kind.name()));
        let value = Value::Unknown(Arc::new(Unknown::new(what, "is not exported", EXPORT)));
        let name = path.rsplit('.').next().unwrap_or(path);
        Entry { key: At::new(name, &resource.at), value: Node::new(value, resource.at.clone()) }
    };
    match entries.iter_mut().find(|it| it.key.value.eq_ignore_ascii_case("properties")) {
        None => entries.push(not_known("properties")),
        Some(properties) => {
            let missing = telling.iter().filter(|it| properties.value.get(it).is_none());
            let paths = missing.map(|it| format!("properties.{it}")).filter(|it| !exports(values, it));
            let missing: Vec<Entry> = paths.map(|it| not_known(&it)).collect();
            if let Value::Object(all) = &mut properties.value.value {
                all.extend(missing);
            }
        }
    }
    if kind == Kind::PublicIp && entries.iter().all(|it| it.key.value != "sku") {
        entries.push(not_known("sku"));
    }
}

/// Whether a data source exports what stands at the path, or a part of it, in its own place.
fn exports(values: &Node, path: &str) -> bool {
    let is_in = |one: &str, other: &str| {
        one.strip_prefix(other).is_some_and(|it| it.is_empty() || it.starts_with('.'))
    };
    let covers = |export: &str| export == "*" || is_in(path, export) || is_in(export, path);
    match values.get("response_export_values").map(|it| &it.value) {
        Some(Value::Array(paths)) => paths.iter().filter_map(Node::as_str).any(covers),
        Some(Value::Object(queries)) => {
            let own = |it: &&Entry| it.value.as_str() == Some(&it.key.value);
            queries.iter().filter(own).any(|it| covers(&it.key.value))
        }
        _ => false,
    }
}

fn says_more(body: &Node) -> bool {
    body.get("properties").is_some()
}

/// The body, which older versions of the provider keep as a text.
fn read(body: &Node) -> Node {
    let written = body.as_str().and_then(|text| from_json(text, &body.at).ok());
    written.unwrap_or_else(|| body.clone())
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str).filter(|it| !it.is_empty())
}
