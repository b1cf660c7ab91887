//! Parameter files and single values, as they were given, held against what the template declares.

use crate::constraints::resolved;
use crate::findings::{Findings, Found};
use crate::given::Given;
use crate::way::Way;
use diagnostic::Severity;
use document::{Entry, Node, Unknown, Value};
use expression::{codes, from_json};
use std::collections::HashMap;
use std::sync::Arc;

/// The values by their parameters' names in small letters.
pub(crate) fn read(given: &Given<'_>, template: &Node, found: &mut Findings) -> HashMap<String, Node> {
    let mut supplied = HashMap::new();
    for file in given.parameters {
        let (entries, wrapped) = entries_of(file);
        if !matches!(file.value, Value::Object(_)) {
            let message = format!("{} stands where a parameter file should", file.value.kind());
            let help = r#"write {"parameters": {"name": {"value": …}}}"#;
            push(found, file, message, help.to_owned(), &Way::Root(""));
        }
        for entry in entries {
            let way = if wrapped { Way::Root("parameters") } else { Way::Root("") };
            let way = way.key(&entry.key.value);
            if is_declared(entry, template, found) {
                let value = if wrapped || is_wrapped(&entry.value) {
                    unwrapped(&entry.key.value, &entry.value, &way, found)
                } else {
                    Some(entry.value.clone())
                };
                supplied.extend(value.map(|value| (entry.key.value.to_lowercase(), value)));
            }
        }
    }
    for entry in given.overrides {
        if is_declared(entry, template, found) {
            let value = as_declared(&entry.key.value, &entry.value, template);
            supplied.insert(entry.key.value.to_lowercase(), value);
        }
    }
    supplied
}

/// A value of the command line, which is a text where the template wants a number, a truth value, or an array or object; those may
/// have single quotes, as Azure's command line reads them.
fn as_declared(name: &str, value: &Node, template: &Node) -> Node {
    let declared = template.get("parameters").and_then(|it| it.get(name));
    let kind = declared.map(|it| resolved(template, it)).and_then(|it| it.get("type")).and_then(Node::as_str);
    let Some(text) = value.as_str().map(str::trim) else { return value.clone() };
    let typed = match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("int") if text.parse::<i64>().is_ok() => Value::Number(text.to_owned()),
        Some("bool") if text.eq_ignore_ascii_case("true") => Value::Bool(true),
        Some("bool") if text.eq_ignore_ascii_case("false") => Value::Bool(false),
        Some("array") if text.starts_with('[') => read_value(text, value),
        Some("object" | "secureobject") if text.starts_with('{') => read_value(text, value),
        _ => return value.clone(),
    };
    Node::new(typed, value.at.clone())
}

/// The JSON that a text is, or the text where it is none.
fn read_value(text: &str, node: &Node) -> Value {
    from_json(text, &node.at).map_or_else(|_| node.value.clone(), |read| read.value)
}

/// The names that a parameter file gives values to.
pub fn parameter_names(file: &Node) -> impl Iterator<Item = &str> {
    entries_of(file).0.iter().map(|entry| entry.key.value.as_str())
}

/// The entries of a file, and whether each must have its value under `value`.
fn entries_of(file: &Node) -> (&[Entry], bool) {
    let says = |key| file.get(key).is_some();
    match file.get("parameters").filter(|it| matches!(it.value, Value::Object(_))) {
        Some(inner)
            if says("$schema")
                || says("contentVersion")
                || inner.entries().iter().all(|it| is_wrapped(&it.value)) =>
        {
            (inner.entries(), true)
        }
        _ => (file.entries(), false),
    }
}

/// Whether a value stands in the wrapping of a parameter file, rather than for itself.
fn is_wrapped(node: &Node) -> bool {
    let words = ["value", "reference", "metadata", "expression"];
    let is_word = |entry: &Entry| words.iter().any(|word| word.eq_ignore_ascii_case(&entry.key.value));
    let has = |key: &str| node.entry(key).is_some();
    node.entries().iter().all(is_word) && (has("value") || has("reference") || has("expression"))
}

/// The value in `{"value": …}`, or what nobody knows of `{"reference": …}` and `{"expression": …}`.
pub(crate) fn unwrapped(name: &str, node: &Node, way: &Way<'_>, found: &mut Findings) -> Option<Node> {
    if let Some(entry) = node.entry("value") {
        return Some(entry.value.clone());
    }
    if let Some(reference) = node.get("reference") {
        let unknown = Unknown::new(
            format!("parameters('{name}')"),
            "is a secret in a key vault",
            format!("give the value itself, with --parameters {name}=…"),
        );
        return Some(Node::new(Value::Unknown(Arc::new(unknown)), reference.at.clone()));
    }
    if let Some(expression) = node.get("expression") {
        let unknown = Unknown::new(
            format!("parameters('{name}')"),
            "is worked out by the tool that deploys",
            format!("give the value itself, with --parameters {name}=…"),
        );
        return Some(Node::new(Value::Unknown(Arc::new(unknown)), expression.at.clone()));
    }
    let help = r#"write {"value": …}"#.to_owned();
    push(found, node, "the parameter has neither value nor reference".to_owned(), help, way);
    None
}

/// Whether the template has such a parameter; reported if not, as Azure does.
fn is_declared(entry: &Entry, template: &Node, found: &mut Findings) -> bool {
    let declared = template.get("parameters").map(Node::entries).unwrap_or_default();
    if declared.iter().any(|it| it.key.value.eq_ignore_ascii_case(&entry.key.value)) {
        return true;
    }
    let name = &entry.key.value;
    let message = format!("the template {} has no parameter '{name}'", template.at.file);
    let names = || declared.iter().map(|it| it.key.value.as_str());
    // A misspelt parameter would silently be left at its default; one too many changes nothing here.
    let (severity, help) = match diagnostic::nearest(name, names()) {
        Some(near) => (Severity::Error, format!("did you mean '{near}'?")),
        None if declared.is_empty() => (Severity::Warning, "it has none; Azure refuses this".to_owned()),
        None => {
            let some = names().take(20).collect::<Vec<_>>().join(", ");
            (Severity::Warning, format!("take it away, Azure refuses it; the parameters are {some}"))
        }
    };
    let (code, at) = (codes::INVALID_TEMPLATE, &entry.key.at);
    found.push(Found { severity, code, at, message, help: Some(help) }, &Way::Root(""));
    false
}

fn push(found: &mut Findings, node: &Node, message: String, help: String, way: &Way<'_>) {
    let fault = Found {
        severity: Severity::Error,
        code: codes::INVALID_TEMPLATE,
        at: &node.at,
        message,
        help: Some(help),
    };
    found.push(fault, way);
}
