//! Answers and diagnostics, written as text for people or as JSON for programs, into any writer.
//!
//! What is answered is plain data of the crate [`answer`], so that nothing here knows whether a daemon or a file answered.
//! Each function writes one answer as text, as wide and as colourful as its [`Look`] says; [`json`] writes any of them.
//!
//! ```
//! use answer::IpFlow;
//! use print::Look;
//!
//! let verdict = IpFlow {
//!     access: "Deny".into(),
//!     rule_name: Some("securityRules/DenyMail".into()),
//!     nsg: Some("web1-nsg".into()),
//!     without_rule: None,
//!     by_port: None,
//! };
//! let mut text = Vec::new();
//! print::ip_flow(&mut text, &verdict, &Look::default())?;
//! assert_eq!(text, b"Deny: securityRules/DenyMail of web1-nsg\n");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! | module | question |
//! |---|---|
//! | `layout` | how wide is a line, and what becomes of a table that is wider? |
//! | `diagnostics`, `source` | what is wrong in a file, and which few lines of it show that |
//! | `running` | what is the daemon doing? |
//! | `reload` | what did a reload change, or would it? |
//! | `views` | Azure's views of a policy |
//! | `walk` | what became of one packet? |
//! | `differences` | what do two policies decide differently? |
//! | `replayed` | what does a policy decide over what was recorded? |

mod diagnostics;
mod differences;
mod layout;
mod reload;
mod replayed;
mod running;
mod source;
mod views;
mod walk;

pub use diagnostics::{diagnostics, diagnostics_in, diagnostics_json, errors_json, notes_json};
pub use differences::differences;
pub use layout::Look;
pub use reload::{reloaded, trial};
pub use replayed::replayed;
pub use running::{drops, flows, snat, status};
pub use views::{diagnoses, effective_nsgs, ip_flow};
pub use walk::walk;

use layout::{Column, Grid};
use serde::Serialize;
use std::io::{self, Write};

/// Writes `answer` as indented JSON and a newline.
///
/// # Errors
/// Those of the writer.
pub fn json(out: &mut impl Write, answer: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, answer)?;
    writeln!(out)
}

/// What templates come to: of each resource its type, its name, where it is declared, and the path to it.
///
/// # Errors
/// Those of the writer.
pub fn deployed(
    out: &mut impl Write,
    resources: impl Iterator<Item = [String; 4]>,
    look: &Look,
) -> io::Result<()> {
    let resources: Vec<[String; 4]> = resources.collect();
    let mut rows = Grid::new(&["type", "name", "declared at", "path"].map(Column::Text));
    resources.iter().for_each(|resource| rows.row(resource.clone()));
    if rows.write_table(out, look)? {
        return Ok(());
    }
    resources.iter().try_for_each(|[kind, name, at, path]| {
        look.line(out, &format!("{kind} {name}"))?;
        look.line(out, &format!("  {at}, {path}"))
    })
}

/// A sentence about the whole.
///
/// # Errors
/// Those of the writer.
pub fn summary(out: &mut impl Write, text: &str, look: &Look) -> io::Result<()> {
    look.line(out, text)
}
