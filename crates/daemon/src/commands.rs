//! What workers are told, what they notice, and how to reach them.

use crate::rest::Progress;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use crossbeam::utils::CachePadded;
use io::Port;
use nat::PoolKey;
use packet::{AttachmentId, Offload, Time};
use pipeline::{Counters, Explanation, FlowView};
use snapshot::Snapshot;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Commands that may wait for a worker.
const COMMANDS: usize = 32;
/// Notices that may wait for the main thread; a worker keeps what finds no room and tells it later.
const NOTICES: usize = 256;
/// How long a worker may take; it looks after every batch, so this is long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a worker is told, between two batches.
#[derive(Debug)]
pub(crate) enum Command {
    /// What has been counted?
    Report(Sender<Report>),
    /// A page of live flows.
    Flows { start: usize, limit: usize, reply: Sender<(Vec<FlowView>, Option<usize>)> },
    /// What would happen to this frame now, received here or taken over?
    Explain {
        on: AttachmentId,
        frame: Vec<u8>,
        offload: Offload,
        is_taken_over: bool,
        /// The walk, and the policy that judged.
        reply: Sender<(Explanation, Arc<Snapshot>)>,
    },
    /// Judge by this policy.
    Replace { snapshot: Arc<Snapshot>, reply: Sender<()> },
    /// Relay on these ports, which the main thread has opened, and on those attachments no more. The answer is the ports
    /// that are no longer needed: to close one takes the kernel some 25 ms, in which no packet flowed.
    Attach { ports: Vec<(AttachmentId, Port)>, detach: Vec<AttachmentId>, reply: Sender<Vec<Port>> },
    /// How far with what attachments have left?
    Settle(Sender<Progress>),
    /// Say when the rings and the queue have been empty, at the latest `by` then.
    Empty { by: Instant, reply: Sender<()> },
    /// Give the ports away, and end.
    Stop(Sender<Vec<Port>>),
}

/// What one worker has counted.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) counters: Counters,
    pub(crate) flows: (usize, usize),
    pub(crate) links: Vec<(AttachmentId, io::Statistics)>,
}

/// What a worker notices on its own.
#[derive(Debug)]
pub(crate) enum Notice {
    /// A link went up, down or away.
    Link(io::Event),
    /// The port of an interface that is gone, to be closed.
    Parted(Port),
    /// Pools without a free port, and how many new flows were dropped for it.
    Exhausted(Vec<(PoolKey, u64)>),
}

/// When a worker last came round, in nanoseconds of the daemon's clock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat(Arc<CachePadded<AtomicU64>>);

impl Beat {
    /// The worker has come round at `now`.
    pub(crate) fn at(&self, now: Time) {
        self.0.store(now.nanos(), Ordering::Relaxed);
    }

    fn last(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// The way to one worker.
#[derive(Clone, Debug)]
struct Worker {
    commands: Sender<Command>,
    waker: io::Waker,
    beat: Beat,
}

/// One worker's ends of its channels.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) commands: Receiver<Command>,
    notices: Sender<Notice>,
    /// What found no room there yet.
    untold: VecDeque<Notice>,
    pub(crate) beat: Beat,
}

impl Ends {
    /// Tells the main thread, after what it has not been told yet; what it has no room for waits here.
    pub(crate) fn tell(&mut self, notice: Notice) {
        self.untold.push_back(notice);
        self.catch_up();
    }

    /// Tells the main thread what it had no room for; whether nothing is left of that.
    pub(crate) fn catch_up(&mut self) -> bool {
        while let Some(notice) = self.untold.pop_front() {
            // Without a main thread the process is about to end.
            if let Err(TrySendError::Full(notice)) = self.notices.try_send(notice) {
                self.untold.push_front(notice);
                return false;
            }
        }
        true
    }
}

/// The way to all workers.
#[derive(Clone, Debug)]
pub(crate) struct Workers {
    each: Arc<[Worker]>,
    /// Whether somebody has begun to end them.
    are_ending: Arc<AtomicBool>,
}

impl Workers {
    /// The two ends of the workers' channels, given what wakes each: what others hold, and what each worker holds; and
    /// what they notice.
    pub(crate) fn channels(wakers: Vec<io::Waker>) -> (Self, Vec<Ends>, Receiver<Notice>) {
        let (notices, noticed) = bounded(NOTICES);
        let pair = |waker| {
            let ((commands, inbox), beat) = (bounded(COMMANDS), Beat::default());
            let (notices, untold) = (notices.clone(), VecDeque::new());
            let ends = Ends { commands: inbox, notices, untold, beat: beat.clone() };
            (Worker { commands, waker, beat }, ends)
        };
        let (workers, ends): (Vec<_>, _) = wakers.into_iter().map(pair).unzip();
        (Self { each: workers.into(), are_ending: Arc::default() }, ends, noticed)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.each.len()
    }

    /// The first worker that has not come round within `limit`.
    pub(crate) fn stalled(&self, now: Time, limit: Duration) -> Option<usize> {
        self.each.iter().position(|worker| now.since(worker.beat.last()) > limit)
    }

    /// Sends one worker the command that `command` makes and waits for the answer.
    ///
    /// # Errors
    /// One sentence where there is no such worker, or it does not answer in time.
    pub(crate) fn ask<T>(
        &self,
        worker: usize,
        command: impl FnOnce(Sender<T>) -> Command,
    ) -> Result<T, String> {
        let deadline = Instant::now() + PATIENCE;
        self.send(worker, deadline, command)?.wait(deadline)
    }

    /// Sends every worker the command that `command` makes for it, and waits for all answers, in the workers' order.
    ///
    /// # Errors
    /// One sentence where one of them does not answer in time.
    pub(crate) fn ask_all<T>(
        &self,
        command: impl FnMut(usize, Sender<T>) -> Command,
    ) -> Result<Vec<T>, String> {
        self.ask_all_within(PATIENCE, command)
    }

    /// The same with another limit.
    ///
    /// # Errors
    /// As [`Self::ask_all`].
    pub(crate) fn ask_all_within<T>(
        &self,
        patience: Duration,
        command: impl FnMut(usize, Sender<T>) -> Command,
    ) -> Result<Vec<T>, String> {
        self.ask_each_by(Instant::now() + patience, command).into_iter().collect()
    }

    /// The same for the answers of those that answer by then, and one sentence for each of the others.
    pub(crate) fn ask_each_by<T>(
        &self,
        deadline: Instant,
        mut command: impl FnMut(usize, Sender<T>) -> Command,
    ) -> Vec<Result<T, String>> {
        let sent = |worker| self.send(worker, deadline, |reply| command(worker, reply));
        // All have the command before the first answer is waited for.
        let sent: Vec<_> = (0..self.count()).map(sent).collect();
        sent.into_iter().map(|answer| answer?.wait(deadline)).collect()
    }

    /// Whether the caller is the first to end them.
    pub(crate) fn begin_to_end(&self) -> bool {
        !self.are_ending.swap(true, Ordering::Relaxed)
    }

    /// Whether somebody has begun to end them.
    pub(crate) fn are_ending(&self) -> bool {
        self.are_ending.load(Ordering::Relaxed)
    }

    fn send<T>(
        &self,
        worker: usize,
        deadline: Instant,
        command: impl FnOnce(Sender<T>) -> Command,
    ) -> Result<Answer<T>, String> {
        let to = self.each.get(worker).ok_or_else(|| format!("there is no worker {worker}"))?;
        let (reply, answer) = bounded(1);
        let sent = to.commands.send_deadline(command(reply), deadline);
        sent.map_err(|_| format!("worker {worker} takes no commands"))?;
        to.waker.wake();
        Ok(Answer { worker, answer })
    }
}

/// An answer that is on its way.
struct Answer<T> {
    worker: usize,
    answer: Receiver<T>,
}

impl<T> Answer<T> {
    fn wait(self, deadline: Instant) -> Result<T, String> {
        let Self { worker, answer } = self;
        answer.recv_deadline(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => format!("worker {worker} does not answer"),
            RecvTimeoutError::Disconnected => format!("worker {worker} has ended"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use io::{Event, LinkState, Ports};

    #[test]
    fn what_the_main_thread_has_no_room_for_is_told_later_and_in_order() {
        const MORE: u32 = 100;
        let waker = Ports::new().unwrap().waker();
        let (_workers, mut ends, noticed) = Workers::channels(vec![waker]);
        let ends = &mut ends[0];
        let all = NOTICES as u32 + MORE;
        for interface in 0..all {
            ends.tell(Notice::Link(Event { attachment: AttachmentId(0), interface, state: LinkState::Gone }));
        }
        assert!(!ends.catch_up());
        let numbers = || {
            let number = |notice| if let Notice::Link(event) = notice { event.interface } else { u32::MAX };
            noticed.try_iter().map(number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(), (0..NOTICES as u32).collect::<Vec<_>>());
        assert!(ends.catch_up());
        assert_eq!(numbers(), (NOTICES as u32..all).collect::<Vec<_>>());
    }
}
