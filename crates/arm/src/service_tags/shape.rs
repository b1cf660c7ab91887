//! In what way a document is no file of service tags.

use super::HELP;
use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::{Node, Value, read_json};

/// What is wrong with a document that was not read; `None` where it has the shape after all.
pub(super) fn wrong(file: &str, text: &str) -> Option<Vec<Diagnostic>> {
    let errors = match read_json(file, text) {
        Ok(document) => Vec::from_iter(of_document(&document)),
        Err(errors) => errors
            .into_iter()
            .map(|it| Diagnostic { code: codes::INVALID_SERVICE_TAGS, help: Some(HELP.into()), ..it })
            .collect(),
    };
    (!errors.is_empty()).then_some(errors)
}

fn of_document(document: &Node) -> Option<Diagnostic> {
    let is_resource = |node: &Node| node.get("type").is_some() && node.get("changeNumber").is_none();
    match &document.value {
        Value::Array(items) if items.first().is_some_and(is_resource) => {
            return Some(error(&document.at, "this is a list of resources"));
        }
        Value::Object(_) if is_resource(document) => {
            return Some(error(&document.at, "this is a resource"));
        }
        Value::Object(_) => {}
        other => return Some(error(&document.at, &format!("this is {}", other.kind()))),
    }
    let Some(values) = document.get("values") else {
        return Some(error(&document.at, "it has no values, the list of the tags"));
    };
    if document.get("changeNumber").is_none() {
        return Some(error(&document.at, "it has no changeNumber"));
    }
    let Value::Array(tags) = &values.value else {
        return Some(error(&values.at, &format!("values is {}, and no list", values.value.kind())));
    };
    tags.iter().enumerate().find_map(|(nth, tag)| of_tag(nth, tag))
}

fn of_tag(nth: usize, tag: &Node) -> Option<Diagnostic> {
    let label = match tag.get("name").and_then(Node::as_str) {
        Some(name) => format!("values[{nth}] ('{name}')"),
        None => format!("values[{nth}]"),
    };
    let lacks = |node: &Node, key: &str| Some(error(&node.at, &format!("{label} has no {key}")));
    let is = |node: &Node, key: &str, wanted: &str| {
        Some(error(&node.at, &format!("the {key} of {label} is {}, and no {wanted}", node.value.kind())))
    };
    let Some(name) = tag.get("name") else { return lacks(tag, "name") };
    if name.as_str().is_none() {
        return is(name, "name", "text");
    }
    let Some(properties) = tag.get("properties") else { return lacks(tag, "properties") };
    let Some(prefixes) = properties.get("addressPrefixes") else {
        return lacks(properties, "addressPrefixes");
    };
    let Value::Array(listed) = &prefixes.value else { return is(prefixes, "addressPrefixes", "list") };
    let bad = listed.iter().find(|it| it.as_str().is_none())?;
    is(bad, "address prefix", "text")
}

fn error(at: &Location, message: &str) -> Diagnostic {
    Diagnostic::error(codes::INVALID_SERVICE_TAGS, at, message).help(HELP)
}
