//! What is said where the command line is not understood.

use super::UNUSABLE;
use crate::cli::{Output, output};
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::process::ExitCode;

/// So many letters of an option may be wrong, and it is clear which is meant.
const MISTYPED: usize = 2;

/// Says what is wrong with the command line of this process, for programs where it asks for JSON; or what help was asked for.
pub(super) fn report(error: Error) -> ExitCode {
    let error = without_far_tips(error);
    let words = std::env::args_os().filter_map(|word| word.into_string().ok());
    if !error.use_stderr() || !asks_for_json(words) {
        error.exit();
    }
    // There is nobody left to tell where stderr fails.
    let _ = print::errors_json(&mut super::stderr(), &[sentence(&error)]);
    ExitCode::from(UNUSABLE)
}

/// Whether a command line that is not understood has `--output json` in it.
fn asks_for_json(words: impl Iterator<Item = String>) -> bool {
    let mut follows = false;
    words.into_iter().any(|word| {
        let attached = word.strip_prefix("--output=").or_else(|| word.strip_prefix("-o"));
        let attached = attached.map(|format| format.strip_prefix('=').unwrap_or(format));
        let format = if follows { Some(word.as_str()) } else { attached };
        follows = word == "--output" || word == "-o";
        format.is_some_and(|format| output(format) == Ok(Output::Json))
    })
}

/// What is wrong, and its tips, without the usage.
fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let is_about_it = |part: &&str| !["Usage:", "For more information"].iter().any(|it| part.starts_with(it));
    let parts = text.split("\n\n").map(str::trim).filter(is_about_it).filter(|part| !part.is_empty());
    let joined = |part: &str| part.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    parts.map(joined).collect::<Vec<_>>().join("; ")
}

/// The error without tips that lead away: an option that is only a little like what was written, and how to give a file
/// a name that begins as options do.
fn without_far_tips(mut error: Error) -> Error {
    if error.kind() != ErrorKind::UnknownArgument {
        return error;
    }
    let word = |error: &Error, kind| match error.get(kind) {
        Some(ContextValue::String(word)) => {
            Some(word.split(['=', ' ']).next().unwrap_or_default().to_owned())
        }
        _ => None,
    };
    let (written, tip) = (word(&error, ContextKind::InvalidArg), word(&error, ContextKind::SuggestedArg));
    let is_near = written.zip(tip).is_some_and(|(written, tip)| {
        diagnostic::is_near(&written, &tip, MISTYPED)
            || (written.len() > MISTYPED && tip.starts_with(&written))
    });
    if !is_near {
        error.remove(ContextKind::SuggestedArg);
    }
    error.remove(ContextKind::Suggested);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser as _;

    fn said(words: &str) -> String {
        let words = std::iter::once("nsgate").chain(words.split(' '));
        without_far_tips(Cli::try_parse_from(words).unwrap_err()).to_string()
    }

    #[test]
    fn only_what_could_be_meant_is_a_tip() {
        let far = said("list-effective-nsg --nic a --direction Inbound");
        assert!(far.contains("--direction") && !far.contains("similar"), "{far}");
        let near = said("list-effective-nsg --nic a --confgi x");
        assert!(near.contains("'--config'"), "{near}");
        let begun = said("test-ip-flow --proto TCP");
        assert!(begun.contains("'--protocol'"), "{begun}");
        let none = said("diff a b --files x");
        assert!(!none.contains("-- --files"), "{none}");
    }
}
