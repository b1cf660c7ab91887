//! Answers written for people or programs, into any writer.

mod diagnostics;
mod differences;
mod replayed;
mod source;
mod tables;
mod walk;

pub use diagnostics::{diagnostics, diagnostics_in, diagnostics_json};
pub use differences::{Differences, differences};
pub use replayed::replayed;
pub use tables::{deployed, drops, flows, ip_flow, reloaded, snat, status, trial};
pub use walk::walk;

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// Whether colours are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// To a terminal whose user did not say no.
    Yes,
    /// To everything else.
    No,
}

impl Colour {
    /// What suits `out`: colour on a terminal, unless `NO_COLOR` is set.
    pub fn of(out: &impl IsTerminal) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if out.is_terminal() && !unwanted { Self::Yes } else { Self::No }
    }
}

/// The columns of the terminal that stdout is; `None` where it is none.
pub fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

/// Writes `answer` as indented JSON and a newline.
///
/// # Errors
/// Those of the writer.
pub fn json(out: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
}
