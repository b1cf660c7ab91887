//! Log lines to stderr, as text or JSON.

use crate::cli::LogFormat;
use anyhow::Context as _;
use std::io::IsTerminal as _;
use std::time::Duration;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// Starts logging for the whole process. Colour only where stderr is a terminal.
///
/// # Errors
/// Where `level` is not a level or filter, or logging was started before.
pub(crate) fn start(format: LogFormat, level: &str) -> anyhow::Result<()> {
    let filter = filter(level)?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false)
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

/// Lets one event out of many be logged, with the number of those kept back.
#[derive(Debug)]
pub(crate) struct Interval {
    every: Duration,
    last: Option<packet::Time>,
    since: u64,
}

impl Interval {
    /// At most one line in `every`.
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, last: None, since: 0 }
    }

    /// Counts `events` and returns how many to report now, or `None` while the interval runs.
    pub(crate) fn pass(&mut self, now: packet::Time, events: u64) -> Option<u64> {
        self.since = self.since.saturating_add(events);
        let over = self.last.is_none_or(|last| now.since(last) >= self.every);
        if !over || self.since == 0 {
            return None;
        }
        self.last = Some(now);
        Some(std::mem::take(&mut self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Time;

    #[test]
    fn a_level_is_a_level_or_a_filter() {
        for level in ["info", "DEBUG", "off", "nsgate=debug", "info,io=trace"] {
            assert!(filter(level).is_ok(), "{level}");
        }
        for level in ["nonsense", "infoo", "nsgate=loud"] {
            assert!(filter(level).is_err(), "{level}");
        }
    }

    #[test]
    fn an_interval_reports_once_and_counts_the_rest() {
        let second = Duration::from_secs(1);
        let mut interval = Interval::new(second * 10);
        assert_eq!(interval.pass(Time::ZERO, 0), None);
        assert_eq!(interval.pass(Time::ZERO, 3), Some(3));
        assert_eq!(interval.pass(Time::ZERO + second, 2), None);
        assert_eq!(interval.pass(Time::ZERO + second * 2, 5), None);
        assert_eq!(interval.pass(Time::ZERO + second * 11, 1), Some(8));
        assert_eq!(interval.pass(Time::ZERO + second * 30, 0), None);
    }
}
