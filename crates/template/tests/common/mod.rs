//! What the tests of whole templates share.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "tests, and not every one needs all of it")]

use document::{Entry, Node, Value, read_json};
use template::{Expanded, Facts, Given, Links, NoLinks, expand};

const SCHEMA: &str = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#";

/// A template with a schema before `sections`.
pub(crate) fn template(sections: &str) -> Node {
    read_json(
        "t.json",
        &format!("{{\"$schema\": \"{SCHEMA}\", \"contentVersion\": \"1.0.0.0\",\n{sections}}}"),
    )
    .unwrap()
}

/// What a test gives, with defaults.
#[derive(Default)]
pub(crate) struct With {
    parameters: Vec<Node>,
    overrides: Vec<Entry>,
    values: Vec<Entry>,
}

impl With {
    pub(crate) fn parameters(mut self, text: &str) -> Self {
        self.parameters.push(read_json("p.json", text).unwrap());
        self
    }

    pub(crate) fn values(mut self, text: &str) -> Self {
        self.values = read_json("v.json", text).unwrap().entries().to_vec();
        self
    }

    pub(crate) fn overrides(mut self, text: &str) -> Self {
        self.overrides = read_json("--parameters", text).unwrap().entries().to_vec();
        self
    }

    pub(crate) fn expand(&self, sections: &str) -> Expanded {
        self.expand_with(&template(sections), &NoLinks)
    }

    pub(crate) fn expand_with(&self, template: &Node, links: &dyn Links) -> Expanded {
        expand(
            template,
            &Given {
                parameters: &self.parameters,
                overrides: &self.overrides,
                facts: Facts { subscription: "s".into(), resource_group: "g".into(), ..Facts::default() },
                values: &self.values,
                now: None,
                hint: None,
                others: &(),
                links,
                is_modelled: &|kind| kind.to_lowercase().starts_with("microsoft.network/"),
            },
        )
    }
}

pub(crate) fn expanded(sections: &str) -> Expanded {
    With::default().expand(sections)
}

/// A value as JSON; what is not known is a question mark and its expression.
pub(crate) fn json(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Number(text) => text.clone(),
        Value::String(text) => format!("{text:?}"),
        Value::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Value::Object(entries) => {
            let entry = |it: &Entry| format!("{:?}:{}", it.key.value, json(&it.value));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(","))
        }
        Value::Unknown(unknown) => format!("?{}", unknown.expression),
    }
}

/// The value at a way of keys and indexes with dots between them.
pub(crate) fn get<'n>(node: &'n Node, path: &str) -> &'n Node {
    path.split('.').fold(node, |node, key| match &node.value {
        Value::Array(items) => &items[key.parse::<usize>().unwrap()],
        _ => node.get(key).unwrap_or_else(|| panic!("no {key} in {}", json(node))),
    })
}

pub(crate) fn said(expanded: &Expanded) -> Vec<String> {
    expanded.diagnostics.iter().map(ToString::to_string).collect()
}

/// The paths and ids of the resources, where nothing is wrong.
pub(crate) fn ids(expanded: &Expanded) -> Vec<(&str, &str)> {
    assert!(expanded.diagnostics.is_empty(), "{:#?}", said(expanded));
    let id = |it| get(it, "id").as_str().unwrap_or("not known");
    expanded.resources.iter().map(|it| (it.path.as_str(), id(&it.node))).collect()
}
