//! What is wrong with a file, where, and what to do.
//!
//! | module | says |
//! |---|---|
//! | `diagnostic` | what a diagnostic is, where things are written, and how many diagnostics are listed |
//! | `nearest` | which known word an unknown one was probably meant to be |
//! | `bounded` | how much of what a file says is said again |

mod bounded;
mod diagnostic;
mod nearest;

pub use bounded::bounded;
pub use diagnostic::{At, Diagnostic, Location, Related, Severity, Tally};
pub use nearest::{is_near, nearest};

/// Azure's code for a value that has the wrong type, is missing, or is none of the words allowed.
pub const INVALID_REQUEST_FORMAT: &str = "InvalidRequestFormat";
/// The code of ours for more errors or warnings than are listed.
pub const TOO_MANY_DIAGNOSTICS: &str = "TooManyDiagnostics";
