//! A parameter's value held against its declaration.

use crate::findings::Found;
use crate::inside::Inside;
use crate::way::Way;
use diagnostic::{Location, Severity};
use document::{Node, Value, codes as loose};
use expression::codes;

/// How many `$ref` lead from one to the next.
const MOST_REFS: usize = 8;

/// The types of the language, in small letters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Type {
    String,
    Int,
    Bool,
    Array,
    Object,
}

/// Which types there are.
const TYPES: &str = "the types are string, securestring, int, bool, object, secureObject and array";

impl Type {
    /// The type of a name, whatever its case.
    fn named(word: &str) -> Option<Self> {
        Some(match word.to_ascii_lowercase().as_str() {
            "string" | "securestring" => Self::String,
            "int" => Self::Int,
            "bool" => Self::Bool,
            "array" => Self::Array,
            "object" | "secureobject" => Self::Object,
            _ => return None,
        })
    }
}

/// The declaration's own words, or those of the type it refers to (`"$ref": "#/definitions/…"`), which may be a part of another.
pub(crate) fn resolved<'n>(template: &'n Node, declaration: &'n Node) -> &'n Node {
    let mut resolved = declaration;
    for _ in 0..MOST_REFS {
        let Some(name) = resolved.get("$ref").and_then(Node::as_str) else { break };
        let Some(way) = name.strip_prefix("#/definitions/") else { break };
        let part = |node: &'n Node, step: &str| node.get(&step.replace("~1", "/").replace("~0", "~"));
        let definitions = template.get("definitions");
        let Some(next) = definitions.and_then(|it| way.split('/').try_fold(it, part)) else { break };
        resolved = next;
    }
    resolved
}

/// Whether a value may be null, and a property may be left out.
pub(crate) fn is_nullable(template: &Node, declaration: &Node) -> bool {
    let says_so = |it: &Node| it.get("nullable").is_some_and(|it| it.value == Value::Bool(true));
    says_so(declaration) || says_so(resolved(template, declaration))
}

impl Inside<'_, '_> {
    /// The value if it is one that the declaration allows, with the right type; else what is wrong is reported, and it is a hole.
    pub(crate) fn held_against(&self, name: &str, declaration: &Node, value: Node, way: &Way<'_>) -> Node {
        let rules = resolved(self.deployment.start.template.node(), declaration);
        if matches!(value.value, Value::Unknown(_)) {
            return value;
        }
        if value.value == Value::Null && is_nullable(self.deployment.start.template.node(), declaration) {
            return value;
        }
        let Some(word) = rules.get("type").and_then(Node::as_str) else { return value };
        let secret = word.get(..6).is_some_and(|it| it.eq_ignore_ascii_case("secure"));
        let Some(expected) = Type::named(word) else {
            self.check_type(name, declaration, way);
            return value;
        };
        let Some(value) = self.of_type(name, expected, value, way) else {
            return self.hole(&declaration.at, name);
        };
        // What does not fit is reported and used all the same, so that what comes after it is looked at too.
        self.check_allowed(name, rules, &value, secret, way);
        self.check_bounds(name, rules, &value, way);
        self.check_parts(name, rules, &value, way);
        value
    }

    /// Reports a declaration that says no type, or one that there is not.
    pub(crate) fn check_type(&self, name: &str, declaration: &Node, way: &Way<'_>) {
        let rules = resolved(self.deployment.start.template.node(), declaration);
        let (at, message) = match (rules.get("$ref"), rules.get("type")) {
            (Some(reference), _) => {
                let way = reference.as_str().unwrap_or_default();
                (
                    &reference.at,
                    format!("the parameter '{name}' refers to '{way}', which leads to no definition"),
                )
            }
            (None, None) => (&declaration.at, format!("the parameter '{name}' has no type")),
            (None, Some(kind)) => match kind.as_str() {
                Some(word) if Type::named(word).is_none() => {
                    (&kind.at, format!("the parameter '{name}' has the type '{word}', and there is none"))
                }
                _ => return,
            },
        };
        self.invalid(at, message, TYPES, way);
    }

    fn of_type(&self, name: &str, expected: Type, value: Node, way: &Way<'_>) -> Option<Node> {
        let Node { at, value } = value;
        let loosely = |value: Value| {
            let message = format!("the parameter '{name}' is given as a string");
            let help = Some("write the value without quotes".to_owned());
            let found =
                Found { severity: Severity::Warning, code: loose::LOOSE_TYPE, at: &at, message, help };
            self.all.found.borrow_mut().push(found, way);
            value
        };
        let value = match (expected, value) {
            (Type::String, value @ Value::String(_))
            | (Type::Bool, value @ Value::Bool(_))
            | (Type::Array, value @ Value::Array(_))
            | (Type::Object, value @ Value::Object(_)) => value,
            (Type::Int, Value::Number(text)) if text.parse::<i64>().is_ok() => Value::Number(text),
            (Type::Int, Value::String(text)) if text.trim().parse::<i64>().is_ok() => {
                loosely(Value::Number(text.trim().to_owned()))
            }
            (Type::Bool, Value::String(text)) if text.eq_ignore_ascii_case("true") => {
                loosely(Value::Bool(true))
            }
            (Type::Bool, Value::String(text)) if text.eq_ignore_ascii_case("false") => {
                loosely(Value::Bool(false))
            }
            (_, value) => {
                let word = match expected {
                    Type::String => "a string",
                    Type::Int => "a whole number",
                    Type::Bool => "a boolean",
                    Type::Array => "an array",
                    Type::Object => "an object",
                };
                let message =
                    format!("the parameter '{name}' is {}, and the template expects {word}", value.kind());
                let help = match expected {
                    Type::Array => r#"give an array, such as ["80", "443"]"#.to_owned(),
                    Type::Object => r#"give an object, such as {"name": "value"}"#.to_owned(),
                    _ => format!("give {word}"),
                };
                self.invalid(&at, message, &help, way);
                return None;
            }
        };
        Some(Node::new(value, at))
    }

    pub(crate) fn check_allowed(&self, name: &str, rules: &Node, value: &Node, secret: bool, way: &Way<'_>) {
        let Some(Node { value: Value::Array(allowed), .. }) = rules.get("allowedValues") else { return };
        let is_one = |value: &Node| allowed.iter().any(|one| same(one, value));
        // A list may also choose several of them.
        let several = matches!(&value.value, Value::Array(items) if items.iter().all(is_one));
        if is_one(value) || several {
            return;
        }
        let words: Vec<String> = allowed.iter().take(20).filter_map(shown).collect();
        let said = shown(value).filter(|_| !secret).map(|it| format!(" '{it}'")).unwrap_or_default();
        let message =
            format!("the value{said} of the parameter '{name}' is not one of those that the template allows");
        let near = shown(value)
            .and_then(|it| diagnostic::nearest(&it, words.iter().map(String::as_str)).map(str::to_owned));
        let help = match near {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("it allows {}", words.join(", ")),
        };
        self.misfit(value, message, &help, way);
    }

    pub(crate) fn check_bounds(&self, name: &str, rules: &Node, value: &Node, way: &Way<'_>) {
        let (size, what, least, most) = match &value.value {
            Value::Number(text) => (text.parse::<i64>().ok(), "the value", "minValue", "maxValue"),
            Value::String(text) => (size(text.chars().count()), "the length", "minLength", "maxLength"),
            Value::Array(items) => (size(items.len()), "the length", "minLength", "maxLength"),
            _ => return,
        };
        let bound = |key: &str| match rules.get(key).map(|it| &it.value) {
            Some(Value::Number(text)) => text.parse::<i64>().ok(),
            _ => None,
        };
        let (Some(size), least, most) = (size, bound(least), bound(most)) else { return };
        if least.is_none_or(|least| size >= least) && most.is_none_or(|most| size <= most) {
            return;
        }
        let range = match (least, most) {
            (Some(least), Some(most)) => format!("between {least} and {most}"),
            (Some(least), None) => format!("{least} or more"),
            (None, Some(most)) => format!("{most} or less"),
            (None, None) => return,
        };
        let message = format!("{what} of the parameter '{name}' is {size}, and the template wants {range}");
        self.misfit(value, message, &format!("give one of {range}"), way);
    }

    /// Reports a value that its declaration does not allow. The published templates have words that stand for a value until
    /// somebody deploys them; those are only worth a warning.
    pub(crate) fn misfit(&self, value: &Node, message: String, help: &str, way: &Way<'_>) {
        let stands_for_another = |text: &str| ["GEN-", "GET-"].iter().any(|it| text.starts_with(it));
        let placeholder = value.as_str().is_some_and(stands_for_another);
        let severity = if placeholder { Severity::Warning } else { Severity::Error };
        let help =
            Some(if placeholder { "it stands for a value of your own".to_owned() } else { help.to_owned() });
        let found = Found { severity, code: codes::INVALID_TEMPLATE, at: &value.at, message, help };
        self.all.found.borrow_mut().push(found, way);
    }

    /// Reports what Azure calls an invalid template.
    pub(crate) fn invalid(&self, at: &Location, message: String, help: &str, way: &Way<'_>) {
        let found = Found {
            severity: Severity::Error,
            code: codes::INVALID_TEMPLATE,
            at,
            message,
            help: (!help.is_empty()).then(|| help.to_owned()),
        };
        self.all.found.borrow_mut().push(found, way);
    }
}

fn size(count: usize) -> Option<i64> {
    i64::try_from(count).ok()
}

/// Whether two values are the same, strings whatever their case, wherever they stand.
pub(crate) fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::String(one), Value::String(other)) => one.to_lowercase() == other.to_lowercase(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(others)) => {
            let has = |key: &str, value: &Node| {
                others.iter().any(|it| it.key.value.eq_ignore_ascii_case(key) && same(&it.value, value))
            };
            one.len() == others.len() && one.iter().all(|it| has(&it.key.value, &it.value))
        }
        (one, other) => one == other,
    }
}

fn shown(node: &Node) -> Option<String> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(text.chars().take(60).collect()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}
