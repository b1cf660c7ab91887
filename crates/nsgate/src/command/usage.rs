//! What is said where the command line is not understood.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

/// So many letters of an option may be wrong, and it is clear which is meant.
const MISTYPED: usize = 2;

/// The error without tips that lead away: an option that is only a little like what was written, and how to give a file
/// a name that begins as options do.
pub(super) fn without_far_tips(mut error: Error) -> Error {
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
        model::is_near(&written, &tip, MISTYPED) || (written.len() > MISTYPED && tip.starts_with(&written))
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
