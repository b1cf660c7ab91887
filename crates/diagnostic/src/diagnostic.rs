//! What is wrong with a file, where, and what to do.

use crate::{TOO_MANY_DIAGNOSTICS, bounded};
use std::fmt;
use std::sync::Arc;

/// A place in a file: lines and columns count from one, columns in characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Location {
    /// The file's path as the user gave it.
    pub file: Arc<str>,
    /// The line it begins in.
    pub line: u32,
    /// The column of its first character.
    pub column: u32,
    /// The line it ends in.
    pub end_line: u32,
    /// The column after its last character; that of the first one where nobody knows how long it is.
    pub end_column: u32,
}

impl Location {
    /// A place whose end is not known.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Self { file: file.into(), line, column, end_line: line, end_column: column }
    }

    /// The same up to a character, which is outside.
    #[must_use]
    pub fn until(self, end_line: u32, end_column: u32) -> Self {
        Self { end_line, end_column, ..self }
    }

    /// Whether it is known where it ends.
    pub fn has_end(&self) -> bool {
        (self.end_line, self.end_column) > (self.line, self.column)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub at: Location,
}

impl<T> At<T> {
    /// `value`, written at `at`.
    pub fn new(value: impl Into<T>, at: &Location) -> Self {
        Self { value: value.into(), at: at.clone() }
    }
}

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Severity {
    /// Worth a look; nothing is refused for it.
    Warning,
    /// The configuration is refused.
    Error,
}

/// Another place that matters for a diagnostic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Related {
    /// Where.
    pub at: Location,
    /// What is there, in a few words: `first used here`.
    pub message: String,
}

/// One error or warning. Whatever its texts quote of a file is [`bounded`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Azure's error code where Azure has one, else ours.
    pub code: &'static str,
    /// Where; `None` only for what has no place in any file.
    pub at: Option<Location>,
    /// What is wrong, with the value that is.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// Other places that one should look at, in the order in which they matter.
    pub related: Box<[Related]>,
}

/// How many errors and warnings there are, so that a list of them stays short.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    errors: usize,
    warnings: usize,
}

impl Tally {
    /// So many of each severity are worth reading, and more; a file of some megabytes can hold millions.
    pub const MOST: usize = 10_000;

    /// Counts one more. What is to be listed of it: it; after the most a word that there are more; nothing behind that.
    pub fn listed(&mut self, diagnostic: Diagnostic) -> Option<Diagnostic> {
        let (count, what) = match diagnostic.severity {
            Severity::Error => (&mut self.errors, "errors"),
            Severity::Warning => (&mut self.warnings, "warnings"),
        };
        *count += 1;
        match *count {
            1..=Self::MOST => Some(diagnostic),
            count if count == Self::MOST + 1 => Some(Diagnostic {
                code: TOO_MANY_DIAGNOSTICS,
                message: format!("there are more than {} {what}; the others are left out", Self::MOST),
                help: Some("mend those before it first".to_owned()),
                related: Box::default(),
                ..diagnostic
            }),
            _ => None,
        }
    }

    /// How many errors there are, those that are not listed among them.
    pub fn errors(&self) -> usize {
        self.errors
    }
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, at: &Location, message: impl Into<String>) -> Self {
        Self { at: Some(at.clone()), ..Self::nowhere(code, message) }
    }

    /// An error that has no place in any file.
    pub fn nowhere(code: &'static str, message: impl Into<String>) -> Self {
        let severity = Severity::Error;
        let message = bounded(message.into());
        Self { severity, code, at: None, message, help: None, related: Box::default() }
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, at: &Location, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    /// The same with a word on what to do.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(bounded(help.into())), ..self }
    }

    /// The same with another place, and what is there.
    #[must_use]
    pub fn related(mut self, at: &Location, message: impl Into<String>) -> Self {
        let mut related = Vec::from(self.related);
        related.push(Related { at: at.clone(), message: bounded(message.into()) });
        self.related = related.into();
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.at {
            write!(f, "{at}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: {}", self.code, self.message)?;
        for Related { at, message } in &self.related {
            write!(f, "\n  {at}: {message}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}
