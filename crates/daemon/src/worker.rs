//! A worker: frames from its ports and its queue through its engine, and out again or over to their owner.
//!
//! Between two batches it takes commands; nothing else reaches it. It allocates nothing for a packet of a live flow.

use crate::Clock;
use crate::commands::{Command, Ends, Notice, Report};
use crate::hand_over::{Handed, Others, Queue};
use crate::rest::Progress;
use io::{Leaving, LinkState, Port, Ports, Unsent};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use packet::{AttachmentId, Frame, Time};
use pipeline::{Count, Engine, Way};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{debug, error};

/// The most frames taken from one attachment before the next has its turn.
///
/// A frame waits for whole batches of others: each of their frames costs some 5 µs where the host's kernel receives it at
/// once, as on veth. Beside a neighbour's flood of 100,000 SYNs a second the slowest hundredth of a machine's round trips
/// took 2.3 times as long as without it at 16 frames, 1.7 times at 8.
const EACH: usize = 8;
/// The most frames of the queue that are sent at once.
const BATCH: usize = Ports::BATCH;
/// The most frames taken from the queue in one turn.
const QUEUED: usize = 256;
/// More frames than can wait at a port: a ring has 4,096 at most, a socket of 4 MiB fewer than 5,500.
const WAITING: usize = 8192;
/// How often ports are looked at that may be gone, and exhausted pools are told.
const TELLING: Duration = Duration::from_secs(1);

/// One worker's belongings.
#[derive(Debug)]
pub(crate) struct Loop {
    pub(crate) clock: Clock,
    pub(crate) ports: Ports,
    pub(crate) engine: Engine,
    /// Attached, in the order of their turns.
    pub(crate) attached: Vec<AttachmentId>,
    /// What the other workers have received for this one.
    pub(crate) queue: Arc<Queue>,
    /// How many frames have been taken from there.
    pub(crate) taken: u64,
    /// What of that goes out next; empty between two batches.
    pub(crate) leaving: Vec<Leaving>,
    pub(crate) others: Others,
    /// Where every frame goes before anybody looks at it; `None` but for tests.
    pub(crate) detour: Option<usize>,
    pub(crate) ends: Ends,
}

impl Loop {
    /// Relays; whatever ends it but a command ends the process.
    pub(crate) fn run_or_exit(self) {
        let worker = self.engine.worker();
        if let Err(error) = self.run() {
            error!(worker, %error, "the worker cannot go on, nsgate goes down; the interfaces stay guarded");
            std::process::exit(70);
        }
    }

    /// Relays until it is told to stop.
    ///
    /// # Errors
    /// Where the system does not let it wait for frames or look at its ports.
    fn run(mut self) -> std::io::Result<()> {
        let mut next_telling = Time::ZERO;
        loop {
            let busy = self.turn();
            while let Ok(command) = self.ends.commands.try_recv() {
                if let Command::Stop(reply) = command {
                    let _ = reply.send(self.ports.take_all());
                    return Ok(());
                }
                self.obey(command);
            }
            let now = self.clock.now();
            self.ends.beat.at(now);
            if now >= next_telling {
                next_telling = now + TELLING;
                self.tell()?;
            }
            if !busy && self.queue.is_empty() {
                self.ports.wait(self.engine.idle_for())?;
            }
        }
    }

    /// The queue, one batch from each attachment, and what is due. Whether there was anything.
    fn turn(&mut self) -> bool {
        let mut busy = self.take_over();
        for nth in 0..self.attached.len() {
            let Some(&id) = self.attached.get(nth) else { break };
            busy |= self.relay(id) > 0;
            self.send_own();
            self.others.wake();
        }
        self.engine.tick(self.clock.now());
        self.send_own();
        busy
    }

    /// One batch from one attachment; how many frames it had.
    fn relay(&mut self, id: AttachmentId) -> usize {
        let Self { ports, engine, others, detour, .. } = self;
        // One moment for the whole batch: the clock costs as much as a small packet.
        let now = self.clock.now();
        let taken = match *detour {
            None => ports.relay(id, EACH, |frame| {
                let way = engine.receive(now, id, frame);
                leave(way, id, frame, engine, others)
            }),
            // Where the queue has no room for this attachment its frames wait in its ring.
            Some(to) if !others.has_room(to, id, EACH) => return 0,
            Some(to) => ports.relay(id, EACH, |frame| {
                hand_on(to, id, frame, engine, others);
                None
            }),
        };
        self.note_unsent();
        taken.unwrap_or_default()
    }

    /// What could not leave was not forwarded.
    fn note_unsent(&mut self) {
        let Unsent { frames, bytes } = self.ports.take_unsent();
        if frames > 0 {
            self.engine.not_sent(Count { packets: frames, bytes });
        }
    }

    /// What waits in the queue; whether anything did.
    fn take_over(&mut self) -> bool {
        let mut taken = 0;
        while taken < QUEUED {
            match self.take_over_batch() {
                0 => break,
                count => {
                    taken += count;
                    self.taken += count as u64;
                }
            }
        }
        self.others.wake();
        taken > 0
    }

    /// One batch from the queue; how many frames it had. It ends early where the engine has something of its own to
    /// send, so that everything leaves in the order in which it was judged.
    fn take_over_batch(&mut self) -> usize {
        let now = self.clock.now();
        let Self { ports, engine, queue, leaving, others, .. } = self;
        let mut taken = 0;
        while taken < BATCH
            && engine.outbox().is_empty()
            && let Some(handed) = queue.take()
        {
            taken += 1;
            let Handed { on, offload, mut parcel, is_new } = handed;
            let mut frame = Frame { bytes: parcel.frame_mut(), offload };
            let way = match is_new {
                true => engine.receive(now, on, &mut frame),
                false => engine.take_over(now, on, &mut frame),
            };
            let offload = frame.offload;
            match leave(way, on, &mut frame, engine, others) {
                Some(to) => leaving.push(Leaving { to, parcel, offload }),
                None => queue.give_back(parcel),
            }
        }
        ports.send_all(leaving);
        leaving.drain(..).for_each(|sent| queue.give_back(sent.parcel));
        self.note_unsent();
        self.send_own();
        taken
    }

    /// Sends the frames that the engine has made or let go.
    fn send_own(&mut self) {
        let Self { ports, engine, .. } = self;
        engine.flush(|frame| ports.send(frame.to, &frame.bytes, frame.offload));
    }

    fn empty(&mut self, by: Instant) {
        while self.turn() && Instant::now() < by {}
    }

    /// Notes what changed by itself: links, and pools without ports. What the main thread has no room for stays where it is
    /// until the next time.
    ///
    /// # Errors
    /// Where the system does not let it look.
    fn tell(&mut self) -> std::io::Result<()> {
        // Who always has frames never waits for any, and would not hear of a port that has none any more.
        self.ports.look()?;
        while self.ends.catch_up()
            && let Some(event) = self.ports.next_event()
        {
            self.engine.rewired(event.attachment);
            if event.state == LinkState::Gone {
                // First the port: then it is closed when the main thread opens another.
                let parted = self.detach(event.attachment).map(Notice::Parted);
                parted.into_iter().for_each(|parted| self.ends.tell(parted));
            }
            self.ends.tell(Notice::Link(event));
        }
        if self.ends.catch_up() {
            let exhausted = self.engine.take_exhausted();
            if !exhausted.is_empty() {
                self.ends.tell(Notice::Exhausted(exhausted));
            }
        }
        Ok(())
    }

    /// Obeys one command. Whoever asked may have given up meanwhile, so nobody minds an answer that cannot be sent.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Report(reply) => {
                let links = self.attached.iter().map(|&id| (id, self.ports.statistics(id))).collect();
                let counters = self.engine.counters().clone();
                let _ = reply.send(Report { counters, flows: self.engine.flow_usage(), links });
            }
            Command::Flows { start, limit, reply } => {
                let _ = reply.send(self.engine.flows(self.clock.now(), start, limit));
            }
            Command::Explain { on, mut frame, offload, is_taken_over, reply } => {
                let walk = match is_taken_over {
                    true => self.engine.explain_taken_over(on, &mut frame, offload),
                    false => self.engine.explain(on, &mut frame, offload),
                };
                let _ = reply.send((walk, Arc::clone(self.engine.snapshot())));
            }
            Command::Replace { snapshot, reply } => {
                self.engine.replace(snapshot);
                self.send_own();
                let _ = reply.send(());
            }
            Command::Attach { ports, detach, reply } => {
                let mut parted: Vec<_> =
                    ports.into_iter().filter_map(|(id, port)| self.attach(id, port)).collect();
                parted.extend(detach.into_iter().filter_map(|id| self.detach(id)));
                let _ = reply.send(parted);
            }
            Command::Settle(reply) => {
                let _ = reply.send(Progress {
                    is_sweeping: self.engine.is_sweeping(),
                    taken: self.taken,
                    waiting: self.queue.len() as u64,
                });
            }
            Command::Empty { by, reply } => {
                self.empty(by);
                let _ = reply.send(());
            }
            Command::Stop(_) => debug!("stopping is the loop's own business"),
        }
    }

    /// Relays on a port; gives back the one that was there before, if any.
    fn attach(&mut self, id: AttachmentId, port: Port) -> Option<Port> {
        let have_heard_the_same = self.ports.interface(id) == Some(port.interface());
        if have_heard_the_same {
            self.empty_port(id);
        }
        let before = self.ports.remove(id);
        self.ports.put(id, port);
        if have_heard_the_same {
            // What came since it was opened the one before has brought, but for the few that come just now: those are lost.
            // Again it would be behind what came later.
            self.ports.discard(id, WAITING);
        }
        // Where an interface returns, another machine may be behind it.
        self.engine.rewired(id);
        if !self.attached.contains(&id) {
            self.attached.push(id);
        }
        before
    }

    /// Relays what waits at a port, however much comes after it.
    fn empty_port(&mut self, id: AttachmentId) {
        for _ in 0..WAITING / EACH {
            if self.relay(id) == 0 {
                break;
            }
            self.send_own();
            self.others.wake();
        }
    }

    fn detach(&mut self, id: AttachmentId) -> Option<Port> {
        self.attached.retain(|attached| *attached != id);
        self.ports.remove(id)
    }
}

/// Puts a frame that nobody has judged into another worker's queue. Where others have filled that meanwhile it is lost: judged
/// at once it would overtake those of its flow that wait there.
fn hand_on(to: usize, on: AttachmentId, frame: &Frame<'_>, engine: &mut Engine, others: &mut Others) {
    if !others.hand_on(to, on, frame.offload, frame.bytes) {
        engine.lost_unjudged(frame.bytes.len());
    }
}

/// Where a judged frame leaves, if it does; one of another worker is put into that worker's queue.
#[inline]
fn leave(
    way: Way,
    on: AttachmentId,
    frame: &mut Frame<'_>,
    engine: &mut Engine,
    others: &mut Others,
) -> Option<AttachmentId> {
    match way {
        Way::Leaves(to) => Some(to),
        Way::Ends => None,
        Way::HandOver(worker) => {
            if !others.hand_over(worker, on, frame.offload, frame.bytes) {
                engine.lost_in_hand_over(frame.bytes.len());
            }
            None
        }
    }
}

/// Keeps the calling thread on a core of its own as far as there are any: the last of those that this process may use
/// for the first worker, and so on downwards, because the first cores have the interrupts.
pub(crate) fn pin(worker: usize) {
    let own = Pid::from_raw(0);
    let pinned = sched_getaffinity(own).and_then(|allowed| {
        let cores: Vec<_> =
            (0..CpuSet::count()).rev().filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect();
        let mut one = CpuSet::new();
        cores.get(worker % cores.len().max(1)).map_or(Ok(()), |&cpu| one.set(cpu))?;
        sched_setaffinity(own, &one)
    });
    if let Err(error) = pinned {
        // It works without, only less steadily.
        debug!(worker, %error, "the worker is not pinned to a core");
    }
}

#[cfg(test)]
mod tests;
