//! What can go wrong while an expression is evaluated.

use crate::codes;
use diagnostic::{Diagnostic, Location};
use document::Unknown;
use std::sync::Arc;

/// An error without a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Azure's code, or ours.
    pub code: &'static str,
    /// Where; `None` until whoever knows the expression has placed it.
    pub at: Option<Location>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Fault {
    /// An error in the language, not yet placed.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: codes::INVALID_TEMPLATE, at: None, message: message.into(), help: None }
    }

    /// More than the budget allows.
    pub fn limit(message: impl Into<String>) -> Self {
        let help = "split the template, or give the network as it is deployed";
        Self { code: codes::TEMPLATE_LIMIT, ..Self::new(message).help(help) }
    }

    /// Whether the budget is used up, so that nothing else can be evaluated either.
    pub fn is_limit(&self) -> bool {
        self.code == codes::TEMPLATE_LIMIT
    }

    /// The same with a word on what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The same at a place, if it has none yet.
    #[must_use]
    pub fn or_at(self, at: &Location) -> Self {
        Self { at: self.at.or_else(|| Some(at.clone())), ..self }
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        let Fault { code, at, message, help } = fault;
        let placed = Self { at, ..Self::nowhere(code, message) };
        match help {
            Some(help) => placed.help(help),
            None => placed,
        }
    }
}

/// Why a function ends without a value of its own.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Stop {
    /// It is wrong.
    Fault(Fault),
    /// It needs what is not known, and so its result is not known.
    Unknown(Arc<Unknown>),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}
