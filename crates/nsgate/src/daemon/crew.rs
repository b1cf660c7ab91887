//! The daemon's threads: each gives up what it does not need before it begins, and a daemon without all of them is none.

use super::{CannotStart, worker};
use confine::Role;
use control::answer::Confinement;
use crossbeam::channel::{Receiver, Sender, unbounded};
use std::path::PathBuf;
use std::thread::Builder;

/// Threads that are starting.
#[derive(Debug)]
pub(super) struct Crew {
    /// The control socket.
    socket: PathBuf,
    started: usize,
    report: Sender<Result<Confinement, confine::Error>>,
    reports: Receiver<Result<Confinement, confine::Error>>,
}

impl Crew {
    /// Nobody yet.
    pub(super) fn new(socket: PathBuf) -> Self {
        let (report, reports) = unbounded();
        Self { socket, started: 0, report, reports }
    }

    /// Starts a thread; it does its `work` once it is confined, and nothing where it cannot be.
    ///
    /// Where `core` is given it stays on one; see [`worker::pin`].
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn start(
        &mut self,
        name: &str,
        role: Role,
        core: Option<usize>,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let (socket, report) = (self.socket.clone(), self.report.clone());
        self.started += 1;
        let spawned = Builder::new().name(name.into()).spawn(move || {
            core.into_iter().for_each(worker::pin);
            let confined = confine::confine(role, &socket);
            let is_confined = confined.is_ok();
            // The main thread waits for every report, so it is there.
            let _ = report.send(confined);
            if is_confined {
                work();
            }
        });
        spawned.map(drop)
    }

    /// Waits for everybody, then confines the calling thread, which is the main one. Returns what is left to it.
    ///
    /// # Errors
    /// Where any thread could not be confined: the daemon must not go on.
    pub(super) fn settle(self) -> Result<Confinement, CannotStart> {
        let Self { socket, started, reports, .. } = self;
        for confined in reports.iter().take(started) {
            confined.map_err(CannotStart::Confinement)?;
        }
        confine::confine(Role::Main, &socket).map_err(CannotStart::Confinement)
    }
}
