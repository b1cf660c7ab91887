//! How answers and log lines are written.

use clap::ValueEnum;

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs.
    Json,
    /// Not at all: the exit status says enough.
    None,
}

/// Reads `--output`, which knows the words of Azure's CLI.
pub(crate) fn output(word: &str) -> Result<Output, String> {
    match word.to_ascii_lowercase().as_str() {
        "text" | "table" => Ok(Output::Text),
        "json" | "jsonc" => Ok(Output::Json),
        "none" => Ok(Output::None),
        "tsv" | "yaml" | "yamlc" => {
            Err("answers are text or JSON; pipe those of `--output json` into jq or yq".into())
        }
        _ => Err("expected text (table is the same), json (jsonc is the same), or none".into()),
    }
}

/// Refuses `--query`, and says what to use.
pub(super) fn query(_: &str) -> Result<String, String> {
    Err("answers are written whole; pipe those of `--output json` into jq".into())
}

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}
