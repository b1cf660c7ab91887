//! The end: whatever is left to do shares one deadline, and what cannot be done by then is left undone and named.
//!
//! ```text
//!   signal ─► 0 s    the workers empty their rings and queues, twice
//!             1.2 s  at the latest they give their rings away, and end
//!             4 s    at the latest the rings are closed, and the process ends
//! ```
//!
//! A packet socket takes the kernel some 25 ms to close (it waits for every core to have let go of it), and a process
//! that ends closes one after the other: 200 of them, of a hundred attachments and two workers, took over five seconds. So
//! they are closed by all the control socket's threads at once.
//!
//! Where the main thread is busy and does not come round, the thread that hears the signals acts in its place.

use crate::commands::{Command, Workers};
use crate::notify;
use crate::opening::{Opened, ports_of};
use control::Listener;
use crossbeam::channel::{Sender, bounded};
use io::Port;
use std::sync::Arc;
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long stopping may take; five seconds are promised, and the rest is the kernel's.
const LIMIT: Duration = Duration::from_secs(4);
/// When the main thread must have come round.
const COMING: Duration = Duration::from_millis(1800);
/// How long the rings may take to empty the first time.
const EMPTYING: Duration = Duration::from_millis(800);
/// The same for the second time, which is for what was handed over the first time to somebody who was done already.
const AGAIN: Duration = Duration::from_millis(1200);
/// How long a worker may take beyond that to say that it is done.
const GRACE: Duration = Duration::from_millis(300);
/// How long a worker may take to give its rings away.
const PARTING: Duration = Duration::from_millis(600);

/// What it takes to end, for whoever does it.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    workers: Workers,
    /// Threads that do whatever they are given.
    hands: Sender<control::Task>,
    listener: Arc<Listener>,
    asked: Arc<OnceLock<Instant>>,
}

impl Stop {
    pub(crate) fn new(workers: Workers, hands: Sender<control::Task>, listener: Arc<Listener>) -> Self {
        Self { workers, hands, listener, asked: Arc::default() }
    }

    /// From now on the time runs.
    pub(crate) fn ask(&self) {
        let _ = self.asked.set(Instant::now());
    }

    /// Whether somebody has asked.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.get().is_some()
    }

    fn asked(&self) -> Instant {
        *self.asked.get_or_init(Instant::now)
    }

    /// Stops in the middle of a change, with ports that no worker has, and ends the process.
    pub(crate) fn end(&self, ports: Vec<Port>) -> ! {
        info!("stopping in the middle of a change of interfaces");
        self.stop(ports);
        std::process::exit(0);
    }

    /// Lets the workers empty their rings and queues and closes everything, and ports that no worker has; for the main
    /// thread.
    pub(crate) fn stop(&self, ports: Vec<Port>) {
        if !self.workers.begin_to_end() {
            // Another thread has begun to, and takes the process with it.
            loop {
                std::thread::park();
            }
        }
        notify::stopping();
        self.listener.remove();
        for limit in [EMPTYING, AGAIN] {
            let by = self.asked() + limit;
            let emptied = self.workers.ask_each_by(by + GRACE, |_, reply| Command::Empty { by, reply });
            for why in emptied.into_iter().filter_map(Result::err) {
                warn!("{why}: what waits in its rings is lost");
            }
        }
        self.close(ports);
        tell_the_end(self.asked());
    }

    /// Waits for the main thread to do so, then ends the process without it; for the thread that hears the signals.
    pub(crate) fn watch_over(&self) -> ! {
        std::thread::sleep((self.asked() + COMING).saturating_duration_since(Instant::now()));
        let unfinished = if self.workers.begin_to_end() {
            self.close(Vec::new());
            "the main thread was busy: stopped without emptying the rings"
        } else {
            std::thread::sleep((self.asked() + LIMIT + GRACE).saturating_duration_since(Instant::now()));
            "stopping took too long and was cut short"
        };
        // Not by this thread: the log may be a file of a server that is gone.
        let (told, is_told) = bounded(1);
        let _ = self.hands.try_send(Box::new(move || {
            warn!("{unfinished}; the interfaces stay guarded until `nsgate release` or the next start");
            let _ = told.send(());
        }));
        let _ = is_told.recv_timeout(GRACE);
        std::process::exit(0);
    }

    /// Takes the workers' rings and closes them, and some more.
    fn close(&self, mut ports: Vec<Port>) {
        let by = Instant::now() + PARTING;
        let parted = self.workers.ask_each_by(by, |_, reply| Command::Stop(reply));
        for given in parted {
            match given {
                Ok(given) => ports.extend(given),
                Err(why) => warn!("{why}: its rings are left to the kernel"),
            }
        }
        let open = close_all(ports, &self.hands, self.asked() + LIMIT);
        if open > 0 {
            warn!(open, "rings are left to the kernel to close: there was no time");
        }
    }
}

/// Ends the process while the interfaces are being opened, when nobody works yet, with what has been opened.
pub(crate) fn end_before_the_start(opened: Opened, listener: &Listener) -> ! {
    let begun = Instant::now();
    info!("stopping in the middle of the start");
    notify::stopping();
    listener.remove();
    let (hands, tasks) = bounded::<control::Task>(control::MAX_PEERS);
    for _ in 0..control::MAX_PEERS {
        let tasks = tasks.clone();
        // Where there is no thread to be had it takes longer.
        let _ = std::thread::Builder::new().spawn(move || tasks.iter().for_each(|task| task()));
    }
    let open = close_all(ports_of(opened), &hands, begun + LIMIT);
    if open > 0 {
        warn!(open, "rings are left to the kernel to close: there was no time");
    }
    tell_the_end(begun);
    std::process::exit(0);
}

fn tell_the_end(begun: Instant) {
    let took_ms = begun.elapsed().as_millis();
    info!(took_ms, "stopped; the interfaces stay guarded until `nsgate release` or the next start");
}

/// Closes ports on as many threads as there are hands, and on this one. Returns how many were still open at `by`.
fn close_all(ports: Vec<Port>, hands: &Sender<control::Task>, by: Instant) -> usize {
    let count = ports.len();
    let (put, waiting) = bounded(count);
    ports.into_iter().for_each(|port| drop(put.try_send(port)));
    let (close, closed) = bounded(count);
    for _ in 0..control::MAX_PEERS.min(count) {
        let (waiting, close) = (waiting.clone(), close.clone());
        // Those that are busy with a peer are done without.
        let _ = hands.try_send(Box::new(move || {
            for port in waiting.try_iter() {
                drop(port);
                let _ = close.send(());
            }
        }));
    }
    while Instant::now() < by
        && let Ok(port) = waiting.try_recv()
    {
        drop(port);
        let _ = close.send(());
    }
    let is_closed = |_: &usize| closed.recv_deadline(by).is_ok();
    count - (0..count).take_while(is_closed).count()
}
