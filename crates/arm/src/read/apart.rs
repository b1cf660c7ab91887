//! Templates that cannot be deployed to one resource group, because they make the same resource.

use super::kind::Kind;
use crate::codes;
use document::Node;
use model::{Diagnostic, Location};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
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

/// What one template has made so far.
#[derive(Default)]
pub(super) struct Made(HashMap<String, Location>);

impl Made {
    /// The error of a resource that the template makes more than once. Of what several deployments of it write, one is left.
    ///
    /// # Source
    /// Azure "Resolve errors for invalid template": "The resource … is defined multiple times in a template".
    pub(super) fn again(&mut self, resource: &Resource) -> Option<Diagnostic> {
        let id = resource.node.get("id").and_then(Node::as_str)?.to_ascii_lowercase();
        let (name, at) = name_of(resource);
        let first = match self.0.entry(id) {
            Entry::Occupied(first) => first.get().clone(),
            Entry::Vacant(place) => {
                place.insert(at);
                return None;
            }
        };
        let message = format!(
            "{}: the resource {}/{name} is defined multiple times in a template",
            resource.path, resource.kind
        );
        let error = Diagnostic::error(template::codes::INVALID_TEMPLATE, &at, message);
        Some(match first == at {
            true => error.help("give each turn of the loop a name of its own, with copyIndex()"),
            false => {
                error.help("give each a name of its own, or take one away").related(&first, "the other one")
            }
        })
    }
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
pub(super) fn apart(twin: &Twin) -> Diagnostic {
    let message = format!(
        "another template makes the {} '{}', too, so this one is taken to be deployed to another resource group",
        twin.kind, twin.name
    );
    let help = "where they are deployed to one, take one of the two away, and say which with --resource-group or under \
                network.deployment";
    let warning = Diagnostic::warning(codes::ANOTHER_RESOURCE_GROUP, &twin.at, message).help(help);
    warning.related(&twin.first, "the other one")
}
