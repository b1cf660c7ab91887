//! A tree of values that know where they were written, whatever language they were written in.

use diagnostic::{At, Location};
use std::sync::Arc;

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Where it stands.
    pub at: Location,
    /// What it is.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing; the same as leaving the key out.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A text.
    String(String),
    /// A list.
    Array(Vec<Node>),
    /// Keys and values in the order they are written.
    Object(Vec<Entry>),
    /// What nobody can know before the deployment; an error only where it is read.
    Unknown(Arc<Unknown>),
}

/// Why a value is not known, and what can be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unknown {
    /// The expression, or that part of it, that has no value.
    pub expression: String,
    /// Why, as the rest of a sentence: `is known only after deployment`.
    pub why: String,
    /// How to supply it; empty where the reason has been reported already, and there is nothing to add.
    pub help: String,
    /// A text in its place for what is only compared with itself, such as the name of a deployment that others ask about.
    pub stand_in: Option<String>,
}

impl Unknown {
    /// One that nothing stands in for.
    pub fn new(expression: impl Into<String>, why: impl Into<String>, help: impl Into<String>) -> Self {
        Self { expression: expression.into(), why: why.into(), help: help.into(), stand_in: None }
    }

    /// The reason alone, for what is made of the value.
    #[must_use]
    pub fn reason(&self) -> Self {
        Self { stand_in: None, ..self.clone() }
    }
}

/// A key with its value.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// The key.
    pub key: At<String>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// A value at a place.
    pub fn new(value: Value, at: Location) -> Self {
        Self { at, value }
    }

    /// The value of `key`, whatever its case, or `None` for a null and for what is no object.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let found = self.entry(key)?;
        (found.value.value != Value::Null).then_some(&found.value)
    }

    /// The entry of `key`, whatever its case, also of a null.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.value.eq_ignore_ascii_case(key))
    }

    /// The entries of an object; of anything else, none.
    pub fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Object(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string, or what stands in for one that is not known: to compare with another of its kind.
    pub fn as_key(&self) -> Option<&str> {
        match &self.value {
            Value::Unknown(unknown) => unknown.stand_in.as_deref(),
            _ => self.as_str(),
        }
    }
}

impl Value {
    /// The type in a message's words.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
            Self::Unknown(_) => "a value that is not known",
        }
    }
}
