//! What is found while a template is expanded: each fault once, however many loops reach it.

use crate::way::Way;
use diagnostic::{Diagnostic, Location, Severity};
use expression::codes;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// So many are kept; more would say nothing new.
const MOST: usize = 1000;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    diagnostics: Vec<Diagnostic>,
    /// What has been said of which place, whatever way led there.
    said: HashSet<(Location, &'static str, String)>,
    /// The expressions that have been said not to be known, each with its file.
    not_known: HashSet<(Arc<str>, String)>,
    /// Whether what is wrong now is wrong with something that does not matter.
    pub(crate) lenient: bool,
    /// Whether what is being evaluated will be evaluated again: what is wrong with it then counts.
    pub(crate) halted: bool,
}

/// One fault before it has its way.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    pub(crate) severity: Severity,
    pub(crate) code: &'static str,
    pub(crate) at: &'a Location,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

impl Findings {
    /// Takes one in, unless the same has been said of the same place.
    pub(crate) fn push(&mut self, found: Found<'_>, way: &Way<'_>) {
        let Found { severity, code, at, message, help } = found;
        if self.halted
            || self.diagnostics.len() >= MOST
            || !self.said.insert((at.clone(), code, message.clone()))
        {
            return;
        }
        let is_lenient = self.lenient && code != codes::TEMPLATE_LIMIT;
        let severity = if is_lenient { Severity::Warning } else { severity };
        let message = Prefixed(way, &message).to_string();
        let found = Diagnostic { severity, ..Diagnostic::error(code, at, message) };
        self.diagnostics.push(match help {
            Some(help) => found.help(help),
            None => found,
        });
    }

    /// Whether it has not been said before that an expression is not known; now it is.
    pub(crate) fn is_news(&mut self, file: &Arc<str>, expression: &str) -> bool {
        !self.halted && self.not_known.insert((Arc::clone(file), expression.to_owned()))
    }

    /// Takes in what has its way already.
    pub(crate) fn extend(&mut self, diagnostics: impl IntoIterator<Item = Diagnostic>) {
        let room = MOST.saturating_sub(self.diagnostics.len());
        self.diagnostics.extend(diagnostics.into_iter().take(room));
    }

    pub(crate) fn into_parts(self) -> (Vec<Diagnostic>, HashSet<(Arc<str>, String)>) {
        (self.diagnostics, self.not_known)
    }
}

/// A message behind its way, if it has one.
struct Prefixed<'a>(&'a Way<'a>, &'a str);

impl fmt::Display for Prefixed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Way::Root("") => f.write_str(self.1),
            way => write!(f, "{way}: {}", self.1),
        }
    }
}
