//! A value, its place in the file, and its path in the document.

use crate::{Node, Value};
use diagnostic::Diagnostic;
use std::fmt;

/// A node with the way that led to it, so that an error can name both.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The value.
    pub node: &'a Node,
    up: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    /// The way from the document to what is walked in, where it is a part.
    Root(Option<&'a str>),
    Key(&'a str),
    Index(usize),
}

impl<'a> Place<'a> {
    /// A whole document.
    pub fn root(node: &'a Node) -> Self {
        Self { node, up: None, step: Step::Root(None) }
    }

    /// A part of a document; `path` is the way to it.
    pub fn part(node: &'a Node, path: &'a str) -> Self {
        Self { node, up: None, step: Step::Root(Some(path)) }
    }

    /// The value of `key`, whatever its case; a null is none.
    pub fn get<'b>(&'b self, key: &'b str) -> Option<Place<'b>> {
        let node = self.node.get(key)?;
        Some(Place { node, up: Some(self), step: Step::Key(key) })
    }

    /// The elements of an array; of anything else, none.
    pub fn elements(&self) -> impl Iterator<Item = Place<'_>> {
        let items = match &self.node.value {
            Value::Array(items) => items.as_slice(),
            _ => &[],
        };
        let place = |(nth, node)| Place { node, up: Some(self), step: Step::Index(nth) };
        items.iter().enumerate().map(place)
    }

    /// An error here, with the path.
    pub fn error(&self, code: &'static str, message: impl fmt::Display) -> Diagnostic {
        Diagnostic::error(code, &self.node.at, format!("{self}: {message}"))
    }

    /// A warning here, with the path.
    pub fn warning(&self, code: &'static str, message: impl fmt::Display) -> Diagnostic {
        Diagnostic::warning(code, &self.node.at, format!("{self}: {message}"))
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The document itself has no name, so the first step after it has no dot.
        let first = self.up.is_none_or(|up| matches!(up.step, Step::Root(None)));
        if let Some(up) = self.up.filter(|_| !first) {
            write!(f, "{up}")?;
        }
        match self.step {
            Step::Root(path) => f.write_str(path.unwrap_or("the document")),
            Step::Key(key) if first => f.write_str(key),
            Step::Key(key) => write!(f, ".{key}"),
            Step::Index(nth) => write!(f, "[{nth}]"),
        }
    }
}
