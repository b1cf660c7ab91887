//! What the worker is told, what it notices, and how to reach it.

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use crossbeam::utils::CachePadded;
use nat::PoolKey;
use packet::{AttachmentId, Time};
use pipeline::{Counters, Explanation, FlowView, Snapshot};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Commands that may wait for the worker.
const COMMANDS: usize = 16;
/// Notices that may wait for the main thread; more are counted in the next one or seen again later.
const NOTICES: usize = 64;
/// How long the worker may take; it looks after every batch, so this is long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the worker is told, between two batches.
#[derive(Debug)]
pub(super) enum Command {
    /// What has been counted?
    Report(Sender<Report>),
    /// A page of live flows.
    Flows { start: usize, limit: usize, reply: Sender<(Vec<FlowView>, Option<usize>)> },
    /// What would happen to this frame now?
    Explain { on: AttachmentId, frame: Vec<u8>, reply: Sender<Explanation> },
    /// Judge by this policy, on these attachments, which the main thread has opened.
    Replace {
        snapshot: Arc<Snapshot>,
        attach: Vec<(AttachmentId, io::Port)>,
        detach: Vec<AttachmentId>,
        reply: Sender<()>,
    },
    /// Empty the rings and end.
    Stop(Sender<()>),
}

/// What has been counted.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) counters: Counters,
    pub(super) flows: (usize, usize),
    pub(super) links: Vec<(AttachmentId, io::Statistics)>,
}

/// What the worker notices on its own.
#[derive(Debug)]
pub(super) enum Notice {
    /// A link went up, down or away.
    Link(io::Event),
    /// Pools without a free port, and how many new flows were dropped for it.
    Exhausted(Vec<(PoolKey, u64)>),
}

/// When the worker last came round, in nanoseconds of the daemon's clock.
#[derive(Clone, Debug, Default)]
pub(super) struct Beat(Arc<CachePadded<AtomicU64>>);

impl Beat {
    /// The worker has come round at `now`.
    pub(super) fn at(&self, now: Time) {
        self.0.store(now.nanos(), Ordering::Relaxed);
    }

    fn last(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The way to the worker.
#[derive(Clone, Debug)]
pub(super) struct Worker {
    commands: Sender<Command>,
    waker: io::Waker,
    beat: Beat,
}

/// The worker's ends of its channels.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) commands: Receiver<Command>,
    pub(super) notices: Sender<Notice>,
    pub(super) beat: Beat,
}

impl Worker {
    /// The two ends of a worker's channels: what others hold, and what the worker holds; and what it notices.
    pub(super) fn channels(waker: io::Waker) -> (Self, Ends, Receiver<Notice>) {
        let ((commands, inbox), (notices, noticed)) = (bounded(COMMANDS), bounded(NOTICES));
        let beat = Beat::default();
        let ends = Ends { commands: inbox, notices, beat: beat.clone() };
        (Self { commands, waker, beat }, ends, noticed)
    }

    /// Whether the worker has come round within `limit`.
    pub(super) fn is_alive(&self, now: Time, limit: Duration) -> bool {
        now.since(self.beat.last()) <= limit
    }

    /// Sends the command that `command` makes and waits for the answer.
    ///
    /// # Errors
    /// One sentence where the worker is gone or does not answer in time.
    pub(super) fn ask<T>(&self, command: impl FnOnce(Sender<T>) -> Command) -> Result<T, String> {
        self.ask_within(PATIENCE, command)
    }

    /// The same with a limit to each of both waits.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) fn ask_within<T>(
        &self,
        patience: Duration,
        command: impl FnOnce(Sender<T>) -> Command,
    ) -> Result<T, String> {
        let (reply, answer) = bounded(1);
        let sent = self.commands.send_timeout(command(reply), patience);
        sent.map_err(|_| String::from("the worker takes no commands"))?;
        self.waker.wake();
        answer.recv_timeout(patience).map_err(|error| match error {
            RecvTimeoutError::Timeout => "the worker does not answer".into(),
            RecvTimeoutError::Disconnected => "the worker has ended".into(),
        })
    }
}
