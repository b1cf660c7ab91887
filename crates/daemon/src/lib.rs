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
//!
//! Nothing else in nsgate starts threads, and nothing here knows the command line.
//!
//! | module | question |
//! |---|---|
//! | `start`, `threads` | in which order is everything opened, which threads are there, and what does each give up? |
//! | `attend`, `errand` | what does the main thread wait for, and what does it have done? |
//! | `load` | who reads files that may hang? |
//! | `change`, `opening`, `hold` | how does a reload come into force, interface by interface? |
//! | `pause` | what cannot wait until a long change is done? |
//! | `follow`, `rest` | what if an interface goes, comes back or changes? |
//! | `tags`, `tag_watch` | what if the file of service tags changes? |
//! | `worker`, `commands` | what does a worker do all day, and how do the others speak with it? |
//! | `hand_over`, `shares` | how does a frame come to the worker that has its flow? |
//! | `desk`, `figures`, `trial` | what does the control socket answer? |
//! | `stop`, `notify` | how does it end, and who hears that it lives? |
//! | `limits` | how much of what packets cause is logged? |

mod attend;
mod change;
mod commands;
mod desk;
mod errand;
mod figures;
mod follow;
mod hand_over;
mod hold;
mod limits;
mod load;
mod notify;
mod opening;
mod pause;
mod rest;
mod shares;
mod start;
mod stop;
mod tag_watch;
mod tags;
mod threads;
mod trial;
mod worker;

pub use hand_over::MEMORY as QUEUE_MEMORY;
pub use start::CannotStart;

use gateway::Broken;
use start::Started;
use std::path::Path;
use std::time::Instant;
use tracing::{error, warn};

/// Runs the gateway of a file in the foreground until it is told to stop. Logging has been started.
///
/// # Errors
/// [`Broken`] where the file has errors, [`CannotStart`] where the host does not let it start.
pub fn run(file: &Path) -> anyhow::Result<()> {
    log_panics();
    confine::no_new_privileges()?;
    let Started { mut main, inbox } = start::start(file)?;
    main.log_ready();
    notify::ready();
    main.attend(&inbox);
    main.state.stop.ask();
    main.state.stop.stop(Vec::new());
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

/// Logs why [`run`] failed: every error of the file by itself, or the one that there is.
pub fn log_failure(failure: &anyhow::Error) {
    match failure.downcast_ref::<Broken>() {
        Some(broken) => broken.0.iter().for_each(log_diagnostic),
        None => error!("{failure:#}"),
    }
}

fn log_diagnostic(diagnostic: &diagnostic::Diagnostic) {
    let at = diagnostic.at.as_ref().map(ToString::to_string).unwrap_or_default();
    let help = diagnostic.help.as_deref().unwrap_or_default();
    match diagnostic.severity {
        diagnostic::Severity::Error => error!(code = diagnostic.code, at, help, "{}", diagnostic.message),
        diagnostic::Severity::Warning => warn!(code = diagnostic.code, at, help, "{}", diagnostic.message),
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
        child.args(["--exact", "tests::a_thread_panics", "--ignored"]);
        assert_eq!(child.output().unwrap().status.code(), Some(70));
    }
}
