//! The daemon: how packets, reloads, questions and signals meet.
//!
//! ```text
//!   signals ────────────┐            ┌── what is in force, on show ──► control threads: status, explain, ...
//!   reloads, asked for ─┼─► main ────┤
//!   the host's links ───┤
//!   the tags' file ─────┤
//!   loaders: the file ──┘   thread   └── commands, open ports ──► worker threads: ports ► engine ► ports
//!                             ▲────────────── notices ──────────────┘  ▲── frames of others' flows ──┘
//! ```
//!
//! Each worker owns its ports and its engine, and nobody else touches them; everybody else sends it a command and
//! wakes it. A flow is one worker's; a frame of it that another receives is handed over. The main thread is the only one
//! with rights: it opens interfaces and guards them. A file is read by a loader, which has none, and handed over
//! whole; meanwhile signals and questions are answered. A thread that fails takes the daemon down; what the kernel drops
//! meanwhile (the guard) stays in place, so nothing passes.

mod attend;
mod change;
mod crew;
mod desk;
mod errand;
mod follow;
mod hand_over;
mod hold;
mod link;
mod load;
mod notify;
mod opening;
mod rest;
mod shares;
mod start;
mod stop;
mod tag_watch;
mod tags;
mod trial;
mod views;
mod worker;

pub(crate) use hand_over::MEMORY as HAND_OVER;
pub use start::CannotStart;

use crate::cli::{LogFormat, Run};
use crate::logs;
use start::Started;
use std::time::Instant;
use tracing::{error, warn};

/// Runs the gateway in the foreground until it is told to stop.
///
/// # Errors
/// [`crate::command::Broken`] where the file has errors, [`CannotStart`] where the host does not let it start.
pub(crate) fn run(args: &Run) -> anyhow::Result<()> {
    logs::start(args.log_format, &args.log_level)?;
    log_panics();
    confine::no_new_privileges()?;
    let started = start::start(&args.config);
    let Started { mut main, doors, stop } =
        started.inspect_err(|error| log_failure(error, args.log_format))?;
    main.log_ready();
    notify::ready();
    main.attend(&doors);
    stop.ask();
    stop.stop(Vec::new());
    Ok(())
}

/// Sends panics to the log, in its format, and ends the process: nothing goes on half-way.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        error!(thread = thread.name().unwrap_or("?"), "internal error, nsgate goes down: {panic}");
        std::process::exit(70);
    }));
}

fn log_failure(failure: &anyhow::Error, format: LogFormat) {
    if format == LogFormat::Text {
        // The command line writes it for people.
        return;
    }
    match failure.downcast_ref::<crate::command::Broken>() {
        Some(broken) => broken.0.iter().for_each(log_diagnostic),
        None => error!("{failure:#}"),
    }
}

fn log_diagnostic(diagnostic: &model::Diagnostic) {
    let at = diagnostic.at.as_ref().map(ToString::to_string).unwrap_or_default();
    let help = diagnostic.help.as_deref().unwrap_or_default();
    match diagnostic.severity {
        model::Severity::Error => error!(code = diagnostic.code, at, help, "{}", diagnostic.message),
        model::Severity::Warning => warn!(code = diagnostic.code, at, help, "{}", diagnostic.message),
    }
}

/// A monotonic clock that begins when the daemon does.
#[derive(Clone, Copy, Debug)]
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> packet::Time {
        packet::Time::from_nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Not run by itself: the other test starts it as a process of its own.
    #[test]
    #[ignore = "the child of another test"]
    fn a_thread_panics() {
        super::log_panics();
        let _ = std::thread::spawn(|| panic!("on purpose")).join();
    }

    #[test]
    fn a_panic_on_any_thread_ends_the_process_at_once() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args(["--exact", "daemon::tests::a_thread_panics", "--ignored"]);
        assert_eq!(child.output().unwrap().status.code(), Some(70));
    }
}
