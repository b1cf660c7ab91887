//! What templates are given, and what they come to.

use crate::codes;
use crate::fields::{Fields, Known};
use Known::Built;
use arm::{Deployment, Facts};
use diagnostic::{Diagnostic, Location};
use document::{Entry, Node, Value, read_json, read_json_file};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::path::{Path, PathBuf};

/// A resource that a template deploys, for printing.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its JSON path in the template.
    pub path: String,
    /// Where it is declared.
    pub at: Location,
    /// The full type.
    pub kind: String,
    /// The name, or the expression that has no value.
    pub name: String,
    node: Node,
}

impl Serialize for Deployed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Json(&self.node).serialize(serializer)
    }
}

/// What the command line gives documents.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// Each a parameter file, `name=value` or `expression=value`.
    pub parameters: &'a [String],
    /// The resource group that templates are deployed to.
    pub resource_group: Option<&'a str>,
    /// The subscription.
    pub subscription: Option<&'a str>,
    /// The location.
    pub location: Option<&'a str>,
    /// The published file of service tags.
    pub service_tags: Option<&'a Path>,
}

/// What the templates among `files` come to, and everything that was found.
pub fn expand_documents(files: &[PathBuf], given: &Given<'_>) -> (Vec<Deployed>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let deployment = given.deployment(&mut found);
    let mut nodes = Vec::new();
    for file in files {
        match read_document(file, &mut found) {
            Ok(node) => nodes.push(node),
            Err(errors) => found.extend(errors),
        }
    }
    let plain = deployment.expand(&nodes);
    found.extend(plain.diagnostics);
    let deployed = |it: arm::Resource| Deployed {
        path: it.path,
        at: it.node.at.clone(),
        kind: it.kind,
        name: match it.node.get("name").map(|it| &it.value) {
            Some(Value::String(name)) => name.clone(),
            Some(Value::Unknown(unknown)) => format!("[{}]", unknown.expression),
            _ => String::new(),
        },
        node: it.node,
    };
    (plain.resources.into_iter().map(deployed).collect(), found)
}

impl Given<'_> {
    /// What templates are expanded with; what cannot be read goes to `found`.
    pub(crate) fn deployment(&self, found: &mut Vec<Diagnostic>) -> Deployment {
        let mut deployment = Deployment::default();
        let facts = &mut deployment.facts;
        let named: fn(&str) -> Option<String> = name;
        for (option, given, fact, read) in [
            ("--resource-group", self.resource_group, &mut facts.resource_group, named),
            ("--subscription", self.subscription, &mut facts.subscription, named),
            ("--location", self.location, &mut facts.location, location),
        ] {
            match given.map(|text| (text, read(text))) {
                None => {}
                Some((_, Some(text))) => *fact = text,
                Some((text, None)) => {
                    let message = format!("{option}: \"{text}\" is not a name");
                    let at = Location::new(option, 1, 1);
                    found.push(Diagnostic::error(codes::INVALID_VALUE, &at, message));
                }
            }
        }
        for argument in self.parameters {
            let file = argument.strip_prefix('@').unwrap_or(argument);
            let read = match assigned(argument).filter(|_| !Path::new(file).exists()) {
                Some((name, value)) if is_name(name) => {
                    single(name, value).map(|it| deployment.overrides.extend(it))
                }
                // Nobody declares its type, so it is whatever JSON it is.
                Some((text, value)) => entries(text, value, |_| true).map(|it| deployment.values.extend(it)),
                None => read_parameters(Path::new(file), found)
                    .map(|it| deployment.parameters.push(it))
                    .map_err(|errors| neither(Path::new(file), errors)),
            };
            if let Err(errors) = read {
                found.extend(errors);
            }
        }
        deployment
    }
}

/// A parameter file.
pub(crate) fn read_parameters(file: &Path, found: &mut Vec<Diagnostic>) -> Result<Node, Vec<Diagnostic>> {
    read_json_file(file, found).map_err(|errors| {
        // Only of an empty one it is said what a document would be.
        let helped = |it: Diagnostic| match it.help {
            Some(_) if file.metadata().is_ok_and(|it| it.len() == 0) => {
                it.help(r#"write {"parameters": {"name": {"value": …}}}"#)
            }
            _ => it,
        };
        errors.into_iter().map(helped).collect()
    })
}

/// The errors of what may have been meant as a parameter, and is neither one nor a file.
fn neither(file: &Path, errors: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let help = "give a parameter file, or a parameter as NAME=VALUE";
    let is_there = file.exists();
    errors.into_iter().map(|it| if is_there { it } else { it.help(help) }).collect()
}

/// The name of a resource group, a subscription and the like.
fn name(text: &str) -> Option<String> {
    (!text.is_empty() && !text.contains('/')).then(|| text.to_owned())
}

/// The name of a location, which may be written as it is displayed: `West Europe` is `westeurope`.
fn location(text: &str) -> Option<String> {
    let word: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    name(&word.to_lowercase())
}

/// A document that the command line names.
pub(crate) fn read_document(file: &Path, found: &mut Vec<Diagnostic>) -> Result<Node, Vec<Diagnostic>> {
    read_json_file(file, found).map_err(|errors| match file.to_str().and_then(assigned) {
        Some(_) if !file.exists() => {
            let help = "it is taken for a file; each parameter has --parameters before it";
            errors.into_iter().map(|it| it.help(help)).collect()
        }
        _ => errors,
    })
}

/// What is before the `=` that gives a parameter or an expression a value, and what is behind it.
fn assigned(argument: &str) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut quoted = false;
    for (nth, it) in argument.char_indices() {
        match it {
            '\'' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '=' if depth == 0 => {
                let (name, value) = (argument.get(..nth)?, argument.get(nth + 1..)?);
                return (is_name(name) || name.contains('(')).then_some((name, value));
            }
            _ => {}
        }
    }
    None
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_alphanumeric() || it == '_' || it == '-')
}

/// One parameter of the command line: JSON where it is an array or an object, else a text, which the template's type makes a
/// number or a truth value.
fn single(name: &str, value: &str) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    entries(name, value, |value| value.trim_start().starts_with(['{', '[']))
}

/// A name with its value: as JSON, where it is some and `is_json` says so, else as a text.
fn entries(name: &str, value: &str, is_json: fn(&str) -> bool) -> Result<Vec<Entry>, Vec<Diagnostic>> {
    let place = format!("--parameters {name}");
    let is_json = is_json(value) && read_json(&place, value).is_ok();
    let text = |text: &str| serde_json::Value::from(text).to_string();
    let value = if is_json { value.to_owned() } else { text(value) };
    let node = read_json(&place, &format!("{{{}: {value}}}", text(name)))?;
    Ok(node.entries().to_vec())
}

/// Reads `network.deployment`.
pub(crate) fn read_facts(node: Option<&Node>, out: &mut Vec<Diagnostic>) -> Facts {
    let keys =
        [Built("resourceGroup"), Built("location"), Built("subscription"), Built("tenant"), Built("name")];
    let fields = Fields::read(node, "network.deployment", &keys, out);
    let mut facts = Facts::default();
    let named: fn(&str) -> Option<String> = name;
    for (key, fact, read) in [
        ("resourceGroup", &mut facts.resource_group, named),
        ("location", &mut facts.location, location),
        ("subscription", &mut facts.subscription, named),
        ("tenant", &mut facts.tenant, named),
        ("name", &mut facts.deployment, named),
    ] {
        if let Some(given) = fields.parsed(key, "a name", read, out) {
            *fact = given.value;
        }
    }
    facts
}

/// Reads `network.values`.
pub(crate) fn read_values(node: Option<&Node>, out: &mut Vec<Diagnostic>) -> Vec<Entry> {
    match node.map(|node| (&node.value, &node.at)) {
        None => Vec::new(),
        Some((Value::Object(entries), _)) => entries.clone(),
        Some((_, at)) => {
            let error =
                Diagnostic::error(codes::INVALID_VALUE, at, "network.values: expected keys and values");
            out.push(
                error.help("write expressions as keys, such as \"reference('ip').ipAddress\": 203.0.113.7"),
            );
            Vec::new()
        }
    }
}

/// A value as JSON; what is not known stays an expression.
struct Json<'a>(&'a Node);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0.value {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Number(text) => match (text.parse::<i64>(), text.parse::<f64>()) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) if number.is_finite() => serializer.serialize_f64(number),
                _ => serializer.serialize_str(text),
            },
            Value::String(text) => serializer.serialize_str(text),
            Value::Unknown(unknown) => serializer.serialize_str(&format!("[{}]", unknown.expression)),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(&Json(item)))?;
                list.end()
            }
            Value::Object(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|it| map.serialize_entry(&it.key.value, &Json(&it.value)))?;
                map.end()
            }
        }
    }
}
