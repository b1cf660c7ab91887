//! Log lines to stderr, as text or JSON.

use crate::cli::LogFormat;
use crate::lines::Lines;
use anyhow::Context as _;
use std::io::IsTerminal as _;
use std::sync::Mutex;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging for the whole process. Colour only where stderr is a terminal.
///
/// A line that cannot be written, because the disk is full or nobody reads any more, is lost and nothing else; the next that
/// gets through comes behind one that says how many were.
///
/// # Errors
/// Where `level` is not a level or filter, or logging was started before.
pub(crate) fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = filter(level)?;
    let stderr = Lines::to_stderr(Box::new(move |count| lost(format, count))).context("stderr")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Mutex::new(stderr))
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

/// The line that says how many were lost before it.
fn lost(format: LogFormat, count: u64) -> String {
    let (mut now, what) = (String::new(), "lines of this log were lost: they could not be written at once");
    // Where the clock cannot be written the rest still counts.
    let _ = SystemTime.format_time(&mut Writer::new(&mut now));
    match format {
        LogFormat::Text => format!("{now}  WARN {what} lines={count}\n"),
        LogFormat::Json => {
            format!(r#"{{"timestamp":"{now}","level":"WARN","message":"{what}","lines":{count}}}"#) + "\n"
        }
    }
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
    fn what_was_lost_is_said_in_the_logs_own_format() {
        let text = lost(LogFormat::Text, 3);
        assert!(
            text.contains("Z  WARN lines of this log were lost") && text.ends_with(" lines=3\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&lost(LogFormat::Json, 3)).unwrap();
        assert_eq!((&json["level"], &json["lines"]), (&"WARN".into(), &3.into()));
        assert!(json["timestamp"].as_str().unwrap().ends_with('Z'));
    }

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
