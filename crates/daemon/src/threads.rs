//! The daemon's threads: each gives up what it does not need, and none begins before all have.

use crate::{CannotStart, worker};
use answer::Confinement;
use confine::Role;
use crossbeam::channel::{Receiver, Sender, unbounded};
use nix::sys::signal::{SigSet, Signal};
use std::path::PathBuf;
use std::thread::Builder;

/// Threads that are starting.
#[derive(Debug)]
pub(crate) struct Threads {
    /// The control socket.
    socket: PathBuf,
    started: usize,
    report: Sender<Result<Confinement, confine::Error>>,
    reports: Receiver<Result<Confinement, confine::Error>>,
    /// Each thread takes one word from here before its work; without any it ends.
    begin: Sender<()>,
    may_begin: Receiver<()>,
}

impl Threads {
    /// Nobody yet.
    pub(crate) fn new(socket: PathBuf) -> Self {
        let (report, reports) = unbounded();
        let (begin, may_begin) = unbounded();
        Self { socket, started: 0, report, reports, begin, may_begin }
    }

    /// Starts a thread; it does its `work` when all [begin](Self::begin), and nothing where they do not. It hears none of the
    /// [`heard`] signals until it asks for them.
    ///
    /// Where `core` is given it stays on one; see [`worker::pin`].
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub(crate) fn start(
        &mut self,
        name: &str,
        role: Role,
        core: Option<usize>,
        work: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<()> {
        let (socket, report, may_begin) = (self.socket.clone(), self.report.clone(), self.may_begin.clone());
        self.started += 1;
        let spawned = Builder::new().name(name.into()).spawn(move || {
            // Whoever hears a signal passes it on, which is a system call that not everybody may do.
            let _ = heard().thread_block();
            core.into_iter().for_each(worker::pin);
            // The main thread waits for every report, so it is there.
            let _ = report.send(confine::confine(role, &socket));
            if may_begin.recv().is_ok() {
                work();
            }
        });
        spawned.map(drop)
    }

    /// Waits until everybody is confined, then confines the calling thread, which is the main one and hears no signals from
    /// now on. Returns what is left to it.
    ///
    /// # Errors
    /// Where any thread could not be confined: the daemon must not go on.
    pub(crate) fn settle(&self) -> Result<Confinement, CannotStart> {
        for confined in self.reports.iter().take(self.started) {
            confined.map_err(CannotStart::Confinement)?;
        }
        let _ = heard().thread_block();
        confine::confine(Role::Main, &self.socket).map_err(CannotStart::Confinement)
    }

    /// Lets everybody work: the first packet and the first question find a daemon that has nothing left to give up.
    pub(crate) fn begin(self) {
        for _ in 0..self.started {
            // Whoever is gone needs no word.
            let _ = self.begin.send(());
        }
    }
}

/// The signals that mean something to the daemon.
pub(crate) fn heard() -> SigSet {
    SigSet::from_iter([Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two threads that tell when they work.
    fn two() -> (Threads, Receiver<usize>) {
        let mut threads = Threads::new("/run/nsgate/control.sock".into());
        let (works, worked) = unbounded();
        for number in 0..2 {
            let works = works.clone();
            let work = move || works.send(number).unwrap();
            threads.start(&format!("control-{number}"), Role::Control, None, work).unwrap();
        }
        (threads, worked)
    }

    #[test]
    fn confined_threads_wait_until_all_begin() {
        let (threads, worked) = two();
        assert!(threads.reports.iter().take(2).all(|confined| confined.is_ok()));
        assert!(worked.is_empty());
        threads.begin();
        let mut worked: Vec<_> = worked.iter().collect();
        worked.sort_unstable();
        assert_eq!(worked, [0, 1]);
    }

    #[test]
    fn where_the_daemon_cannot_start_nobody_works() {
        let (threads, worked) = two();
        drop(threads);
        assert_eq!(worked.iter().count(), 0);
    }
}
