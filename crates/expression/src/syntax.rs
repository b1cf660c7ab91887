//! What an expression says.

use crate::functions::Function;
use std::fmt;

/// An expression, or a part of one, and where in the text it stands.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    /// The byte where it begins.
    pub(crate) from: usize,
    /// The byte after its last.
    pub(crate) to: usize,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The kinds of expressions.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// `'a text'`
    Text(String),
    /// `-12`, as it is written.
    Number(String),
    /// `name(…)`
    Call(Call),
    /// `….name`, `…[index]`
    Walk {
        /// What is walked in.
        base: Box<Expr>,
        /// The way.
        steps: Vec<Step>,
    },
}

/// A call of a function.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The name space of a function that the template defines.
    pub(crate) namespace: Option<String>,
    /// The name as it is written.
    pub(crate) name: String,
    /// Azure's own function of this name.
    pub(crate) function: Option<&'static Function>,
    /// What it is called with.
    pub(crate) arguments: Vec<Expr>,
}

/// One step into a value.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The byte where it begins.
    pub(crate) from: usize,
    /// The byte after its last.
    pub(crate) to: usize,
    /// With a question mark: what is not there is null, and so is what comes after it.
    pub(crate) safe: bool,
    /// Where to.
    pub(crate) key: Key,
}

impl Step {
    /// Whether it is `.name`, in whatever case.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        matches!(&self.key, Key::Name(key) if key.eq_ignore_ascii_case(name))
    }
}

/// Where a step leads.
#[derive(Clone, Debug)]
pub(crate) enum Key {
    /// `.name`
    Name(String),
    /// `[index]`
    Index(Expr),
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Kind::Number(text) => f.write_str(text),
            Kind::Call(call) => call.fmt(f),
            Kind::Walk { base, steps } => {
                base.fmt(f)?;
                steps.iter().try_for_each(|step| step.fmt(f))
            }
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}.")?;
        }
        write!(f, "{}(", self.name)?;
        for (nth, argument) in self.arguments.iter().enumerate() {
            let comma = if nth > 0 { ", " } else { "" };
            write!(f, "{comma}{argument}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = if self.safe { "?" } else { "" };
        match &self.key {
            Key::Name(name) => write!(f, ".{safe}{name}"),
            Key::Index(index) => write!(f, "[{safe}{index}]"),
        }
    }
}
