//! Files with errors as one error.

use diagnostic::Diagnostic;

/// Files with errors: what was found in them, which stderr shows line by line.
#[derive(Debug, thiserror::Error)]
#[error("{} errors and warnings", .0.len())]
pub struct Broken(pub Vec<Diagnostic>);

impl Broken {
    /// Every diagnostic on a line of its own, for logs and the control socket.
    pub fn one_line_each(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }
}
