//! The daemon's threads: each gives up what it does not need, and none begins before all have.

use crate::desk::Desk;
use crate::load::{self, LOADERS, Loader};
use crate::stop::Stop;
use crate::tag_watch::TagWatch;
use crate::{CannotStart, worker};
use answer::Confinement;
use confine::Role;
use control::Listener;
use crossbeam::channel::{Receiver, Sender, unbounded};
use io::watch::{Change, Changes};
use nix::sys::signal::{SigSet, Signal};
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::Builder;
use std::time::Duration;
use tracing::warn;

/// How long the watch waits for a change at a time.
const WATCHING: Duration = Duration::from_secs(3600);
/// How long the watch pauses after it has told of changes, the first of which is told at once.
///
/// Whoever changes an interface without end, as a machine can that sets its end of a veth up and down, has the main thread
/// look at all of them once in that time: some system calls for each, in between which everything else has its turn. Of
/// workers and packets it costs nothing. An interface that returns meanwhile is without its guard for hardly longer, or, where
/// the main thread is changing many, until it has opened or closed one more.
const BREATH: Duration = Duration::from_millis(10);
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

/// What each of them does.
impl Threads {
    pub(crate) fn start_workers(&mut self, loops: Vec<worker::Loop>) -> std::io::Result<()> {
        for (nth, work) in loops.into_iter().enumerate() {
            self.start(&format!("worker-{nth}"), Role::Worker, Some(nth), move || work.run_or_exit())?;
        }
        Ok(())
    }

    /// Returns the way to the loaders.
    pub(crate) fn start_loaders(&mut self) -> std::io::Result<Loader> {
        let (loader, jobs, results) = Loader::channels();
        for number in 0..LOADERS {
            let (jobs, results) = (jobs.clone(), results.clone());
            let work = move || load::work(&jobs, &results);
            self.start(&format!("loader-{number}"), Role::Loader, None, work)?;
        }
        Ok(loader)
    }

    /// Passes on what the kernel tells of the host's interfaces.
    pub(crate) fn start_watch(
        &mut self,
        (mut changes, changed): (Changes, Sender<Change>),
    ) -> std::io::Result<()> {
        self.start("watch", Role::Control, None, move || {
            while changes.wait(WATCHING).is_ok() {
                while let Some(change) = changes.next_change() {
                    // What does not fit is found when the main thread looks by itself.
                    let _ = changed.try_send(change);
                }
                std::thread::sleep(BREATH);
            }
            warn!("the host's interfaces are no longer watched, only looked at now and then");
        })
    }

    pub(crate) fn start_tag_watch(&mut self, watch: TagWatch) -> std::io::Result<()> {
        self.start("tag-watch", Role::Watch, None, move || {
            watch.work();
            warn!("the file of service tags is no longer watched; a reload reads it");
        })
    }

    /// A thread for each peer that there may be, and one that hands them their peers: none makes another later on.
    pub(crate) fn start_control(
        &mut self,
        listener: Arc<Listener>,
        desk: &Arc<Desk>,
        (hands, tasks): (Sender<control::Task>, Receiver<control::Task>),
    ) -> std::io::Result<()> {
        for number in 0..control::MAX_PEERS {
            let tasks = tasks.clone();
            let work = move || tasks.iter().for_each(|task| task());
            self.start(&format!("control-{number}"), Role::Control, None, work)?;
        }
        let desk = Arc::clone(desk);
        let spawn = move |task| hands.try_send(task).map_err(|_| ErrorKind::WouldBlock.into());
        self.start("control", Role::Control, None, move || {
            control::serve(&listener, spawn, move |request| desk.answer(request));
        })
    }

    /// Passes signals on, and sees to it that the daemon stops when they say so.
    pub(crate) fn start_signals(
        &mut self,
        (mut signals, sender): (Signals, Sender<i32>),
        stop: Stop,
    ) -> std::io::Result<()> {
        self.start("signals", Role::Control, None, move || {
            // What has come since the others stopped hearing waits for this one.
            let _ = heard().thread_unblock();
            for signal in signals.forever() {
                if signal != SIGHUP {
                    stop.ask();
                    // Where the queue is full the main thread is busy; it is watched over.
                    let _ = sender.try_send(signal);
                    stop.watch_over();
                }
                // A full queue holds the same signal already.
                let _ = sender.try_send(signal);
            }
        })
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
