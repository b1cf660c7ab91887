//! Resources of Terraform's provider azapi: their types and bodies are those of Azure's REST interface already.

use document::{Entry, Node, Value};
use model::At;
use template::from_json;

/// The resource in the shape of the REST interface; `None` where it does not say its type.
pub(super) fn plain(resource: &Node, values: &Node) -> Option<Node> {
    // Microsoft.Network/virtualNetworks/subnets@2024-05-01
    let kind = text(values, "type")?.split('@').next()?;
    let (provider, types) = kind.split_once('/')?;
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
        entries.push(at("properties", unknown.value.clone()));
    } else {
        let body = said().map(read).find(says_more);
        // What is said of it beside the body says nothing of packets.
        let kept = ["properties", "sku"].iter().filter_map(|key| body.as_ref()?.entry(key).cloned());
        entries.extend(kept);
    }
    Some(Node::new(Value::Object(entries), resource.at.clone()))
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
