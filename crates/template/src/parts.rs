//! The parts of a parameter's value held against a type of the template's own: its properties and elements.
//!
//! # Source
//! Azure "Understand the structure and syntax of ARM templates", *Definitions*; "Type definitions in ARM templates".

use crate::constraints::{is_nullable, resolved};
use crate::inside::Inside;
use crate::way::Way;
use document::{Entry, Node, Value};

impl Inside<'_, '_> {
    /// Reports what of an array or an object its declaration does not allow. `name` says where in the parameter it is.
    pub(crate) fn check_parts(&self, name: &str, declaration: &Node, value: &Node, way: &Way<'_>) {
        let rules = resolved(self.deployment.start.template.node(), declaration);
        match &value.value {
            Value::Array(items) => {
                let first = match rules.get("prefixItems").map(|it| &it.value) {
                    Some(Value::Array(rules)) => rules.as_slice(),
                    _ => &[],
                };
                let ends = matches!(rules.get("items"), Some(Node { value: Value::Bool(false), .. }));
                if let Some(more) = items.get(first.len()).filter(|_| ends) {
                    let (most, count) = (first.len(), items.len());
                    let message = format!("'{name}' has {count} elements, and its type has {most}");
                    self.misfit(more, message, "take the others away", way);
                }
                for (nth, item) in items.iter().enumerate() {
                    if let Some(rules) = first.get(nth).or_else(|| rules.get("items")) {
                        self.check_part(&format!("{name}[{nth}]"), rules, item, way);
                    }
                }
            }
            Value::Object(entries) => self.check_properties(name, rules, value, entries, way),
            _ => {}
        }
    }

    fn check_properties(&self, name: &str, rules: &Node, value: &Node, entries: &[Entry], way: &Way<'_>) {
        if let Some(discriminator) = rules.get("discriminator") {
            return self.check_variant(name, discriminator, value, way);
        }
        let declared = rules.get("properties").map(Node::entries).unwrap_or_default();
        for property in declared {
            let key = &property.key.value;
            match value.entry(key) {
                Some(found) => self.check_part(&format!("{name}.{key}"), &property.value, &found.value, way),
                None if is_nullable(self.deployment.start.template.node(), &property.value) => {}
                None => {
                    let message = format!("'{name}' has no '{key}', and its type wants one");
                    self.misfit(value, message, "write it", way);
                }
            }
        }
        let is_declared =
            |entry: &&Entry| rules.get("properties").is_some_and(|it| it.entry(&entry.key.value).is_some());
        for entry in entries.iter().filter(|it| !is_declared(it)) {
            let key = &entry.key.value;
            match rules.get("additionalProperties") {
                Some(Node { value: Value::Bool(false), .. }) => {
                    let message = format!("'{name}' has a '{key}', and its type has none");
                    let help = match diagnostic::nearest(key, declared.iter().map(|it| it.key.value.as_str()))
                    {
                        Some(near) => format!("did you mean '{near}'?"),
                        None => "take it away".to_owned(),
                    };
                    self.misfit(&Node::new(Value::Null, entry.key.at.clone()), message, &help, way);
                }
                Some(rules) => self.check_part(&format!("{name}.{key}"), rules, &entry.value, way),
                None => {}
            }
        }
    }

    /// One of several types, which the value of a property tells.
    fn check_variant(&self, name: &str, discriminator: &Node, value: &Node, way: &Way<'_>) {
        let Some(key) = discriminator.get("propertyName").and_then(Node::as_str) else { return };
        let mapping = discriminator.get("mapping").map(Node::entries).unwrap_or_default();
        let told = value.get(key);
        if let Some(Value::Unknown(_)) = told.map(|it| &it.value) {
            return;
        }
        let word = told.and_then(Node::as_str);
        match mapping.iter().find(|it| Some(it.key.value.as_str()) == word) {
            Some(variant) => self.check_parts(name, &variant.value, value, way),
            None => {
                let message = format!("the '{key}' of '{name}' tells none of the types that it may have");
                let words: Vec<&str> = mapping.iter().take(20).map(|it| it.key.value.as_str()).collect();
                self.misfit(told.unwrap_or(value), message, &format!("it may be {}", words.join(", ")), way);
            }
        }
    }

    fn check_part(&self, name: &str, declaration: &Node, value: &Node, way: &Way<'_>) {
        let template = self.deployment.start.template.node();
        let rules = resolved(template, declaration);
        let says_nothing = match &value.value {
            Value::Unknown(_) => true,
            Value::Null => is_nullable(template, declaration),
            _ => false,
        };
        let Some(word) = rules.get("type").and_then(Node::as_str).filter(|_| !says_nothing) else { return };
        let word = word.to_ascii_lowercase();
        let fits = match word.trim_start_matches("secure") {
            "string" => matches!(value.value, Value::String(_)),
            "int" => matches!(&value.value, Value::Number(text) if text.parse::<i64>().is_ok()),
            "bool" => matches!(value.value, Value::Bool(_)),
            "array" => matches!(value.value, Value::Array(_)),
            "object" => matches!(value.value, Value::Object(_)),
            _ => true,
        };
        if !fits {
            let message = format!("'{name}' is {}, and its type is {word}", value.value.kind());
            return self.misfit(value, message, &format!("give a value of the type {word}"), way);
        }
        self.check_allowed(name, rules, value, word.starts_with("secure"), way);
        self.check_bounds(name, rules, value, way);
        self.check_parts(name, rules, value, way);
    }
}
