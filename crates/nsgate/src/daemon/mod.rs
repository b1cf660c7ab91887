//! The daemon: how packets, reloads, questions and signals meet.
//!
//! ```text
//!   signals ──► main thread ──────────┐ reload, reattach, stop
//!   control socket ──► peer threads ──┤
//!                                     ▼
//!                    State (one lock) ── commands ──► worker thread: rings ► engine ► rings
//!                                     ◄── notices ───┘
//! ```
//!
//! The worker owns its rings and its engine, and nobody else touches them; everybody else sends it a command and
//! wakes it. A policy is built aside under the state's lock and handed over whole. A worker that fails takes the daemon
//! down; what the kernel drops meanwhile (the guard) stays in place, so nothing passes.

mod change;
mod hold;
mod link;
mod privileges;
mod start;
mod state;
mod views;
mod worker;

pub use start::CannotStart;

use crate::cli::{LogFormat, Run};
use crate::logs;
use crossbeam::channel::{Receiver, bounded, select, tick};
use link::Notice;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use start::Started;
use state::Daemon;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{error, info, warn};

/// How often missing interfaces are looked for: one that returns has no guard until it is found.
const MISSING: Duration = Duration::from_millis(250);
/// How often full rings are logged.
const RINGS: Duration = Duration::from_secs(10);
/// How often hardware addresses, MTUs and the host's own addresses are looked at.
const INTERFACES: Duration = Duration::from_secs(5);

/// Runs the gateway in the foreground until it is told to stop.
///
/// # Errors
/// [`crate::command::Broken`] where the file has errors, [`CannotStart`] where the host does not let it start.
pub(crate) fn run(args: &Run) -> anyhow::Result<()> {
    logs::start(args.log_format, &args.log_level)?;
    log_panics();
    // From here on a signal waits until somebody looks, instead of ending the process half-way.
    let signals = listen()?;
    let started = start::start(&args.config).inspect_err(|error| log_failure(error, args.log_format))?;
    let Started { daemon, notices, listener, worker } = started;
    let listener = Arc::new(listener);
    {
        let (daemon, listener) = (Arc::clone(&daemon), Arc::clone(&listener));
        std::thread::Builder::new()
            .name("control".into())
            .spawn(move || control::serve(&listener, spawn_peer, move |request| daemon.answer(request)))?;
    }
    daemon.log_ready();
    attend(&daemon, &signals, &notices);
    let stopped = daemon.stop();
    listener.remove();
    if stopped.is_ok() {
        // The worker has said that its rings are empty; it ends by itself.
        let _ = worker.join();
    }
    info!("stopped; the interfaces stay guarded until `nsgate release` or the next start");
    Ok(())
}

/// Serves one peer of the control socket beside the others.
fn spawn_peer(task: control::Task) -> std::io::Result<()> {
    std::thread::Builder::new().name("control-peer".into()).spawn(task).map(drop)
}

/// Attends to signals and to what the worker notices, until a signal says to stop.
fn attend(daemon: &Daemon, signals: &Receiver<i32>, notices: &Receiver<Notice>) {
    let (missing, interfaces, rings) = (tick(MISSING), tick(INTERFACES), tick(RINGS));
    loop {
        select! {
            recv(signals) -> signal => match signal {
                Ok(SIGHUP) => {
                    info!("SIGHUP: loading the gateway file again");
                    // Refusals are logged where they are counted.
                    let _ = daemon.reload();
                }
                Ok(signal) => {
                    let name = if signal == SIGINT { "SIGINT" } else { "SIGTERM" };
                    info!("{name}: stopping");
                    return;
                }
                Err(_) => return,
            },
            recv(notices) -> notice => match notice {
                Ok(notice) => daemon.note(notice),
                Err(_) => {
                    // The worker is gone and takes the process with it.
                    std::thread::sleep(Duration::from_millis(100));
                }
            },
            recv(missing) -> _ => daemon.look_for_missing(),
            recv(interfaces) -> _ => daemon.look_at_interfaces(),
            recv(rings) -> _ => daemon.look_at_rings(),
        }
    }
}

fn listen() -> anyhow::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    let (sender, receiver) = bounded(8);
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            // A full queue holds the same signals already.
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
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
