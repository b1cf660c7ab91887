//! The language, tried through a deployment that is fixed.

mod functions;
mod hostile;
mod language;
mod unknowns;

use crate::budget::Budget;
use crate::evaluate::evaluate_text;
use crate::fault::Fault;
use crate::scope::{Fact, Level, Question, Scope};
use crate::value::json;
use diagnostic::Location;
use document::{Node, Unknown, Value, read_json};
use std::borrow::Cow;
use std::sync::Arc;

/// Parameters, variables and facts that are written down here.
struct Fixed {
    parameters: Node,
    variables: Node,
    facts: Node,
    level: Level,
    now: Option<i64>,
}

impl Fixed {
    fn new(variables: &str) -> Self {
        let parameters = r#"{
            "one": 1, "text": "Abc", "null": null, "yes": true, "list": [3, 1, 2], "deep": [[1], {"a": [2]}],
            "object": {"Name": "web", "ports": [80, 443], "inner": {"x": 1, "y": null}},
            "dogs": [{"name": "Evie", "age": 5}, {"name": "Casper", "age": 3}, {"name": "Indy", "age": 3}]
        }"#;
        let facts = r#"{
            "Subscription": {"subscriptionId": "S", "id": "/subscriptions/S"},
            "ResourceGroup": {"name": "G", "location": "westeurope"}, "ManagementGroup": {"name": "M"}
        }"#;
        Self {
            parameters: read_json("parameters.json", parameters).unwrap(),
            variables: read_json("variables.json", variables).unwrap(),
            facts: read_json("facts.json", facts).unwrap(),
            level: Level::ResourceGroup,
            now: Some(1_767_323_045),
        }
    }
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    node.entries().iter().find(|entry| entry.key.value.eq_ignore_ascii_case(name)).map(|entry| &entry.value)
}

impl Scope for Fixed {
    fn parameter(&self, name: &str, _: &Budget) -> Result<Cow<'_, Node>, Fault> {
        if name == "missing" {
            let unknown = Unknown::new("parameters('missing')", "has no value", "give it");
            return Ok(Cow::Owned(Node::new(Value::Unknown(Arc::new(unknown)), place())));
        }
        let found = member(&self.parameters, name).map(Cow::Borrowed);
        found.ok_or_else(|| Fault::new(format!("no parameter '{name}'")))
    }

    fn variable(&self, name: &str, budget: &Budget) -> Result<Cow<'_, Node>, Fault> {
        let Some(node) = member(&self.variables, name) else {
            return Err(Fault::new(format!("no variable '{name}'")));
        };
        match &node.value {
            Value::String(text) => evaluate_text(text, &node.at, self, budget).map(Cow::Owned),
            _ => Ok(Cow::Borrowed(node)),
        }
    }

    fn copy_index(&self, name: Option<&str>) -> Result<i64, Fault> {
        match name {
            None => Ok(4),
            Some("inner") => Ok(7),
            Some(name) => Err(Fault::new(format!("no loop '{name}'"))),
        }
    }

    fn call(&self, space: &str, name: &str, arguments: Vec<Node>, budget: &Budget) -> Result<Node, Fault> {
        match (space, name) {
            ("own", "again") => evaluate_text("[own.again()]", &self.facts.at, self, budget),
            ("own", "first") => arguments.into_iter().next().ok_or_else(|| Fault::new("no argument")),
            _ => Err(Fault::new(format!("no function '{space}.{name}'"))),
        }
    }

    fn fact(&self, fact: Fact) -> Result<Cow<'_, Node>, Fault> {
        let found = member(&self.facts, &format!("{fact:?}")).map(Cow::Borrowed);
        found.ok_or_else(|| Fault::new("not here"))
    }

    fn level(&self) -> Level {
        self.level
    }

    fn reference(&self, _: Question, arguments: &[Node]) -> Result<Node, Fault> {
        let name = arguments[0].as_str().ok_or_else(|| Fault::new("no name"))?;
        let unknown = Unknown::new(format!("reference('{name}')"), crate::AFTER_DEPLOYMENT, crate::SUPPLY);
        Ok(Node::new(Value::Unknown(Arc::new(unknown)), arguments[0].at.clone()))
    }

    fn given(&self, text: &str) -> Option<Node> {
        text.starts_with("reference('given')").then(|| self.parameters.clone())
    }

    fn now(&self) -> Option<i64> {
        self.now
    }
}

fn place() -> Location {
    Location::new("t.json", 3, 10).until(3, 60)
}

fn evaluated(text: &str) -> Result<Node, Fault> {
    evaluate_text(text, &place(), &Fixed::new("{}"), &Budget::default())
}

/// The value of an expression as JSON, or `? …` for what is not known, or `! …` for what is wrong.
fn shown_in(scope: &Fixed, expression: &str) -> String {
    shown_within(scope, expression, &Budget::default())
}

fn shown_within(scope: &Fixed, expression: &str, budget: &Budget) -> String {
    match evaluate_text(&format!("[{expression}]"), &place(), scope, budget) {
        Ok(node) => match json(&node, &Budget::default()) {
            Ok(json) => json,
            Err(_) => match &node.value {
                Value::Unknown(unknown) => format!("? {} {}", unknown.expression, unknown.why),
                _ => "? within".to_owned(),
            },
        },
        Err(fault) => {
            let help = fault.help.map(|help| format!("; {help}")).unwrap_or_default();
            let message = fault.message.split(", at character").next().unwrap_or_default().to_owned();
            format!("! {message}{help}")
        }
    }
}

fn shown(expression: &str) -> String {
    shown_in(&Fixed::new("{}"), expression)
}

/// Each expression has the value beside it.
fn table(rows: &[(&str, &str)]) {
    for (expression, expected) in rows {
        assert_eq!(shown(expression), *expected, "{expression}");
    }
}
