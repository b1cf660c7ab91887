//! Names and white space.

use super::Report;
use crate::{codes, limits, raw};
use diagnostic::{At, Diagnostic};

/// Reports a name outside Azure's grammar of names, unless its reader did.
///
/// # Source
/// Azure "Naming rules and restrictions for Azure resources", *Microsoft.Network*.
pub(super) fn name(name: &At<String>, what: &str, report: &mut Report) {
    if raw::is_unread(&name.value) {
        report.unread = true;
        return;
    }
    if is_name(&name.value) {
        return;
    }
    let message = format!("{what} has the invalid name '{}'", name.value);
    let help = format!(
        "use 1 to {} letters, digits, '_', '.' and '-': the first a letter or digit, the last a letter, digit or '_'",
        limits::NAME_CHARACTERS
    );
    report.push(Diagnostic::error(codes::INVALID_RESOURCE_NAME, &name.at, message).help(help));
}

fn is_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.len() <= limits::NAME_CHARACTERS
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && name.chars().all(inner)
}

/// The value without the white space around it, which is worth a warning.
pub(super) fn trimmed<'a>(text: &'a At<String>, report: &mut Report) -> &'a str {
    let trimmed = text.value.trim();
    if trimmed.len() != text.value.len() {
        let message = format!("'{}' has white space around it, which is ignored", text.value);
        let help = format!("write '{trimmed}'");
        report.push(Diagnostic::warning(codes::SURROUNDING_WHITESPACE, &text.at, message).help(help));
    }
    trimmed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_names() {
        for good in ["a", "9", "Allow_", "web-1.x_", &"a".repeat(80)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "_a", "-a", "a-", "a.", "a b", "ä", "a/b", &"a".repeat(81)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
