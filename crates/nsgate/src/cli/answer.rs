//! How answers and log lines are written.

use clap::ValueEnum;

/// How an answer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
pub enum Output {
    /// For people; `table` is the same.
    #[default]
    #[value(alias = "table")]
    Text,
    /// For programs.
    #[value(alias = "jsonc")]
    Json,
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
