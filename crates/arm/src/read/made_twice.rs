//! Templates that cannot be deployed to one resource group, because they make the same resource.

use super::kind::Kind;
use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::Node;
use std::collections::HashMap;
use template::{Expanded, Resource};

/// The resources of the network that stand in no other, each by its id.
pub(super) fn tops(expanded: &Expanded) -> impl Iterator<Item = (String, &Resource)> {
    let is_top = |it: &&Resource| {
        it.kind.matches('/').count() == 1 && !matches!(Kind::named(&it.kind), Kind::Other(_))
    };
    expanded
        .resources
        .iter()
        .filter(is_top)
        .filter_map(|it| Some((it.node.get("id").and_then(Node::as_str)?.to_ascii_lowercase(), it)))
}

/// What a resource is called, and where.
pub(super) fn name_of(resource: &Resource) -> (String, Location) {
    let name = resource.node.get("name");
    let text = name.and_then(Node::as_str).unwrap_or_default().to_owned();
    (text, name.map_or(&resource.node.at, |it| &it.at).clone())
}

/// A resource that two templates make.
pub(super) struct Twin {
    kind: String,
    name: String,
    at: Location,
    first: Location,
}

/// The first resource that an earlier template makes, too.
pub(super) fn twin(made: &HashMap<String, Location>, expanded: &Expanded) -> Option<Twin> {
    let (first, resource) = tops(expanded).find_map(|(id, it)| Some((made.get(&id)?.clone(), it)))?;
    let (name, at) = name_of(resource);
    Some(Twin { kind: resource.kind.clone(), name, at, first })
}

/// Says that a template is in a resource group of its own.
pub(super) fn another_group(twin: &Twin) -> Diagnostic {
    let message = format!(
        "another template makes the {} '{}', too, so this one is taken to be deployed to another resource group",
        twin.kind, twin.name
    );
    let help = "where they are deployed to one, take one of the two away, and say which with --resource-group or under \
                network.deployment";
    let warning = Diagnostic::warning(codes::ANOTHER_RESOURCE_GROUP, &twin.at, message).help(help);
    warning.related(&twin.first, "the other one")
}
