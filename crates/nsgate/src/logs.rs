//! Log lines to stderr, as text or JSON.

use crate::cli::LogFormat;
use anyhow::Context as _;
use std::io::IsTerminal as _;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging for the whole process. Colour only where stderr is a terminal.
///
/// A line that cannot be written, because the disk is full or nobody reads any more, is lost and nothing else.
///
/// # Errors
/// Where `level` is not a level or filter, or logging was started before.
pub(crate) fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
        // It would complain on stderr too, and panic where that fails.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match format {
        LogFormat::Text => lines.try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| anyhow::anyhow!("logging cannot start: {error}"))
}

/// A level, or a list such as `info,nsgate=debug`. A lone word that is no level would silence everything.
fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let said =
        || format!("--log-level {level}: expected error, warn, info, debug, trace or a tracing filter");
    if !level.contains('=') {
        let _: LevelFilter = level.parse().with_context(said)?;
    }
    EnvFilter::try_new(level).with_context(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_a_level_or_a_filter() {
        for level in ["info", "DEBUG", "off", "nsgate=debug", "info,io=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["nonsense", "infoo", "nsgate=loud"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }
}
