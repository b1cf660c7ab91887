//! Answers and diagnostics, written as text for people or as JSON for programs, into any writer.
//!
//! What is answered is plain data of the crate [`control`], so that nothing here knows whether a daemon or a file answered.
//! Each function writes one answer; [`json`] writes any of them.
//!
//! ```
//! use control::answer::IpFlow;
//! use print::Colour;
//!
//! let verdict = IpFlow {
//!     access: "Deny".into(),
//!     rule_name: Some("securityRules/DenyMail".into()),
//!     nsg: Some("web1-nsg".into()),
//!     without_rule: None,
//! };
//! let mut text = Vec::new();
//! print::ip_flow(&mut text, &verdict, Colour::No)?;
//! assert_eq!(text, b"Deny: securityRules/DenyMail of web1-nsg\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | module | question |
//! |---|---|
//! | `diagnostics`, `source` | what is wrong in a file, and which few lines of it show that |
//! | `tables` | what do the daemon's answers and a verdict look like? |
//! | `walk` | what became of one packet? |
//! | `differences` | what do two policies decide differently? |
//! | `replayed` | what does a policy decide over what was recorded? |

mod diagnostics;
mod differences;
mod replayed;
mod source;
mod tables;
mod walk;

pub use diagnostics::{diagnostics, diagnostics_in, diagnostics_json};
pub use differences::differences;
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
