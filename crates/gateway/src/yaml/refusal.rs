//! Why a text is not read as YAML, in words for whoever wrote it.

use super::{MAX_DEPTH, MAX_NODES};
use serde_saphyr::{Error, budget::BudgetBreach};

/// What is wrong, and what to do where that is more than to mend it.
pub(super) fn refusal(error: &Error) -> (String, Option<&'static str>) {
    const WRITE_OUT: &str = "write the values where they are used";
    let plain = |said: &str| (said.to_owned(), None);
    let deep = || (format!("lists and mappings stand more than {MAX_DEPTH} deep in each other"), None);
    let anchors = || ("its anchors and aliases stand for too many values".to_owned(), Some(WRITE_OUT));
    match error {
        Error::WithSnippet { error, .. } | Error::AliasError { error, .. } => refusal(error),
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => deep(),
            BudgetBreach::Events { .. } | BudgetBreach::Nodes { .. } => {
                plain(&format!("it has more than {MAX_NODES} values"))
            }
            BudgetBreach::Aliases { .. }
            | BudgetBreach::Anchors { .. }
            | BudgetBreach::AliasAnchorRatio { .. }
            | BudgetBreach::RecordedAnchorEvents { .. }
            | BudgetBreach::RecordedAnchorBytes { .. }
            | BudgetBreach::MergeKeys { .. } => anchors(),
            BudgetBreach::SequenceUnbalanced => plain("a list or mapping ends that does not begin"),
            _ => plain("it is too large"),
        },
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => anchors(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            ("an alias stands within the value that it stands for".to_owned(), Some(WRITE_OUT))
        }
        Error::UnknownAnchor { .. } => plain("an alias has no anchor"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            plain(&format!("the key '{key}' is there twice"))
        }
        Error::DuplicateMappingKey { key: None, .. } => plain("a key is there twice"),
        Error::MultipleDocuments { .. } => plain("there is more than one document"),
        Error::MergeValueNotMapOrSeqOfMaps { .. } => plain("what '<<' merges is no mapping"),
        Error::NonFiniteFloat { value, .. } => plain(&format!("the number '{value}' is not finite")),
        Error::InvalidBinaryBase64 { .. } => plain("a value that is said to be binary is no base64"),
        Error::BinaryNotUtf8 { .. } => plain("a binary value is no text"),
        Error::TaggedScalarCannotDeserializeIntoString { .. } => {
            plain("a key has a tag that makes it no text")
        }
        Error::NullIntoString { .. } => plain("a key is empty"),
        Error::InvalidScalar { .. } => plain("a value is not of the type that its tag says"),
        Error::Unexpected { expected, .. } if *expected == "string scalar" => plain("a key is no text"),
        Error::Message { msg, .. } if msg.contains("recursion limit") => deep(),
        Error::Eof { .. } => plain("it ends in the midst of a value"),
        Error::ContainerEndMismatch { .. } => plain("a list or mapping ends that does not begin"),
        other => plain(sentence(&other.to_string())),
    }
}

/// The reader's words without the place, which the diagnostic has, and without its advice to programmers.
fn sentence(error: &str) -> &str {
    let first = error.lines().next().unwrap_or(error);
    let words = first.rsplit_once(" at line ").map_or(first, |(words, _)| words);
    let advice = words.find(", set ").or_else(|| words.find("; use "));
    advice.map_or(words, |advice| &words[..advice])
}
