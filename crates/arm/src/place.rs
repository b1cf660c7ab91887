//! A value, its place in the file, and its path in the document.

use crate::{Node, Value, codes};
use model::{At, Diagnostic, Severity, codes as azure};
use std::fmt;

/// A node with the way that led to it, so that an error can name both.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) node: &'a Node,
    up: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    pub(crate) fn root(node: &'a Node) -> Self {
        Self { node, up: None, step: Step::Root }
    }

    /// The value of `key`, whatever its case; a null is none.
    pub(crate) fn get<'b>(&'b self, key: &'b str) -> Option<Place<'b>> {
        let node = self.node.get(key)?;
        Some(Place { node, up: Some(self), step: Step::Key(key) })
    }

    /// The elements of an array; of anything else, none.
    pub(crate) fn elements(&self) -> impl Iterator<Item = Place<'_>> {
        let items = match &self.node.value {
            Value::Array(items) => items.as_slice(),
            _ => &[],
        };
        let place = |(nth, node)| Place { node, up: Some(self), step: Step::Index(nth) };
        items.iter().enumerate().map(place)
    }

    /// An error here, with the path.
    pub(crate) fn error(&self, code: &'static str, message: impl fmt::Display) -> Diagnostic {
        Diagnostic::error(code, &self.node.at, format!("{self}: {message}"))
    }

    /// A warning here, with the path.
    pub(crate) fn warning(&self, code: &'static str, message: impl fmt::Display) -> Diagnostic {
        Diagnostic::warning(code, &self.node.at, format!("{self}: {message}"))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let above = match self.up {
            Some(up) => {
                // The document itself has no name.
                let root = matches!(up.step, Step::Root);
                if !root {
                    write!(f, "{up}")?;
                }
                !root
            }
            None => return f.write_str("the document"),
        };
        match self.step {
            Step::Root => Ok(()),
            Step::Key(key) if above => write!(f, ".{key}"),
            Step::Key(key) => f.write_str(key),
            Step::Index(nth) => write!(f, "[{nth}]"),
        }
    }
}

/// What was found while reading.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) diagnostics: Vec<Diagnostic>,
    errors: usize,
}

impl Report {
    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.errors += usize::from(diagnostic.severity == Severity::Error);
        self.diagnostics.push(diagnostic);
    }

    /// How many errors there are so far: more of them later say that something in between was unreadable.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// A string under `key`.
    pub(crate) fn string(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.text(&object.get(key)?)
    }

    /// A string under `key`, or a number in its place.
    pub(crate) fn string_or_number(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.text_or_number(&object.get(key)?)
    }

    /// An integer under `key` as it is written; a string in its place is worth a warning.
    pub(crate) fn integer(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        let place = object.get(key)?;
        match &place.node.value {
            Value::Number(text) => Some(At::new(text.as_str(), &place.node.at)),
            Value::String(text) if !is_expression(text) => {
                let warning = place.warning(codes::LOOSE_TYPE, format_args!("\"{text}\" is a string"));
                self.push(warning.help("write the number without quotes"));
                Some(At::new(text.as_str(), &place.node.at))
            }
            Value::String(_) => self.text(&place),
            _ => self.wrong_type(&place, "a number"),
        }
    }

    /// A boolean under `key`; a string in its place is worth a warning.
    pub(crate) fn boolean(&mut self, object: &Place<'_>, key: &str) -> Option<At<bool>> {
        let place = object.get(key)?;
        let value = match &place.node.value {
            Value::Bool(value) => *value,
            Value::String(text) => {
                let value = ["false", "true"].iter().position(|word| word.eq_ignore_ascii_case(text));
                let Some(value) = value else { return self.wrong_type(&place, "true or false") };
                let warning = place.warning(codes::LOOSE_TYPE, format_args!("\"{text}\" is a string"));
                self.push(warning.help("write true or false without quotes"));
                value == 1
            }
            _ => return self.wrong_type(&place, "true or false"),
        };
        Some(At { value, at: place.node.at.clone() })
    }

    /// The strings of an array under `key`, or numbers in their place.
    pub(crate) fn strings(&mut self, object: &Place<'_>, key: &str) -> Vec<At<String>> {
        let Some(place) = object.get(key) else { return Vec::new() };
        self.array(&place);
        place.elements().filter_map(|item| self.text_or_number(&item)).collect()
    }

    /// The `id` of a reference under `key`.
    pub(crate) fn reference(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.id_of(&object.get(key)?)
    }

    /// The `id`s of an array of references under `key`.
    pub(crate) fn references(&mut self, object: &Place<'_>, key: &str) -> Vec<At<String>> {
        let Some(place) = object.get(key) else { return Vec::new() };
        self.array(&place);
        place.elements().filter_map(|item| self.id_of(&item)).collect()
    }

    fn id_of(&mut self, place: &Place<'_>) -> Option<At<String>> {
        if !self.object(place) {
            return None;
        }
        if place.get("id").is_none() {
            let error = place.error(azure::INVALID_REQUEST_FORMAT, "the reference has no id");
            self.push(error.help("write {\"id\": \"…\"} with a resource id or a name"));
            return None;
        }
        self.string(place, "id")
    }

    /// Whether it is an object; reported if not.
    pub(crate) fn object(&mut self, place: &Place<'_>) -> bool {
        let is = matches!(place.node.value, Value::Object(_));
        if !is {
            self.wrong_type::<()>(place, "an object");
        }
        is
    }

    /// Whether it is an array; reported if not.
    pub(crate) fn array(&mut self, place: &Place<'_>) -> bool {
        let is = matches!(place.node.value, Value::Array(_));
        if !is {
            self.wrong_type::<()>(place, "an array");
        }
        is
    }

    fn text_or_number(&mut self, place: &Place<'_>) -> Option<At<String>> {
        match &place.node.value {
            Value::Number(text) => Some(At::new(text.as_str(), &place.node.at)),
            _ => self.text(place),
        }
    }

    fn text(&mut self, place: &Place<'_>) -> Option<At<String>> {
        match &place.node.value {
            Value::String(text) if is_expression(text) => self.expression(place, text),
            // A doubled bracket is how a template writes one that begins no expression.
            Value::String(text) if text.starts_with("[[") => Some(At::new(&text[1..], &place.node.at)),
            Value::String(text) => Some(At::new(text.as_str(), &place.node.at)),
            _ => self.wrong_type(place, "a string"),
        }
    }

    fn expression<T>(&mut self, place: &Place<'_>, text: &str) -> Option<T> {
        let message = format_args!("'{text}' is an expression of a template");
        let help = "templates are not read yet: export what is deployed as JSON, or write the value itself";
        self.push(place.error(codes::TEMPLATE_NOT_SUPPORTED, message).help(help));
        None
    }

    fn wrong_type<T>(&mut self, place: &Place<'_>, expected: &str) -> Option<T> {
        if let Value::String(text) = &place.node.value
            && is_expression(text)
        {
            return self.expression(place, text);
        }
        let found = match &place.node.value {
            Value::String(text) => format!("the string '{text}'"),
            Value::Number(text) => format!("the number {text}"),
            Value::Bool(value) => format!("{value}"),
            other => other.kind().to_owned(),
        };
        let message = format_args!("{found} stands where {expected} should");
        self.push(place.error(azure::INVALID_REQUEST_FORMAT, message).help(format!("write {expected}")));
        None
    }
}

/// Whether a template would evaluate the text.
///
/// # Source
/// Azure "Syntax and expressions in ARM templates": `[[` escapes a literal bracket.
pub(crate) fn is_expression(text: &str) -> bool {
    text.starts_with('[') && !text.starts_with("[[") && text.ends_with(']')
}
