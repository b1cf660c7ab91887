//! The worker: frames from the rings through the engine and out again.
//!
//! Between two batches it takes commands; nothing else reaches it. It allocates nothing for a packet of a live flow.

use super::Clock;
use super::link::{Command, Ends, Notice, Report};
use io::{LinkState, Links as _, Port, Ports};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use packet::{AttachmentId, Offload, Time};
use pipeline::Engine;
use std::time::Duration;
use tracing::{debug, error};

/// The most frames taken from one attachment before the next has its turn.
const BATCH: usize = 64;
/// How long the rings may take to empty when the daemon stops.
const EMPTYING: Duration = Duration::from_secs(1);
/// How often exhausted pools are told.
const TELLING: Duration = Duration::from_secs(1);

/// One worker's belongings.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) clock: Clock,
    pub(super) links: Ports,
    pub(super) engine: Engine,
    /// Attached, in the order of their turns.
    pub(super) attached: Vec<AttachmentId>,
    pub(super) ends: Ends,
}

impl Loop {
    /// Relays until it is told to stop.
    ///
    /// # Errors
    /// Where the system does not let it wait for frames.
    fn run(mut self) -> std::io::Result<()> {
        let mut next_telling = Time::ZERO;
        loop {
            let busy = self.turn();
            while let Ok(command) = self.ends.commands.try_recv() {
                if let Command::Stop(reply) = command {
                    self.empty();
                    let _ = reply.send(());
                    return Ok(());
                }
                self.obey(command);
            }
            let now = self.clock.now();
            self.ends.beat.at(now);
            if now >= next_telling {
                next_telling = now + TELLING;
                self.tell();
            }
            if !busy {
                self.links.wait(self.engine.idle_for())?;
            }
        }
    }

    /// Relays; whatever ends it but a command ends the process.
    pub(super) fn run_or_exit(self) {
        if let Err(error) = self.run() {
            error!(%error, "the worker cannot go on, nsgate goes down; the interfaces stay guarded");
            std::process::exit(70);
        }
    }

    /// One batch from each attachment, and what is due. Whether there was anything.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        for nth in 0..self.attached.len() {
            let Some(&id) = self.attached.get(nth) else { break };
            let Self { links, engine, .. } = self;
            // One moment for the whole batch: the clock costs as much as a small packet.
            let now = self.clock.now();
            let taken =
                links.relay(id, BATCH, |frame| engine.receive(now, id, frame).egress()).unwrap_or_default();
            busy |= taken > 0;
            self.send_own();
        }
        self.engine.tick(self.clock.now());
        self.send_own();
        busy
    }

    /// Sends the frames that the engine has made or let go.
    fn send_own(&mut self) {
        let Self { links, engine, .. } = self;
        if !engine.outbox().is_empty() {
            engine.outbox().drain(|frame| links.send(frame.to, &frame.bytes, frame.offload));
        }
    }

    fn empty(&mut self) {
        let deadline = self.clock.now() + EMPTYING;
        while self.turn() && self.clock.now() < deadline {}
    }

    /// Notes what changed by itself: links, and pools without ports.
    fn tell(&mut self) {
        while let Some(event) = self.links.next_event() {
            if event.state == LinkState::Gone {
                self.detach(event.attachment);
            }
            // The main thread looks at every interface anyway; a notice only makes it sooner.
            let _ = self.ends.notices.try_send(Notice::Link(event));
        }
        let exhausted = self.engine.take_exhausted();
        if !exhausted.is_empty() {
            let _ = self.ends.notices.try_send(Notice::Exhausted(exhausted));
        }
    }

    /// Obeys one command. Whoever asked may have given up meanwhile, so nobody minds an answer that cannot be sent.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Report(reply) => {
                let links = self.attached.iter().map(|&id| (id, self.links.statistics(id))).collect();
                let counters = self.engine.counters().clone();
                let _ = reply.send(Report { counters, flows: self.engine.flow_usage(), links });
            }
            Command::Flows { start, limit, reply } => {
                let _ = reply.send(self.engine.flows(self.clock.now(), start, limit));
            }
            Command::Explain { on, mut frame, reply } => {
                let _ = reply.send(self.engine.explain(on, &mut frame, Offload::default()));
            }
            Command::Replace { snapshot, attach, detach, reply } => {
                attach.into_iter().for_each(|(id, port)| self.attach(id, port));
                self.engine.replace(snapshot);
                self.send_own();
                detach.into_iter().for_each(|id| self.detach(id));
                let _ = reply.send(());
            }
            Command::Stop(_) => debug!("stopping is the loop's own business"),
        }
    }

    fn attach(&mut self, id: AttachmentId, port: Port) {
        self.links.put(id, port);
        if !self.attached.contains(&id) {
            self.attached.push(id);
        }
    }

    fn detach(&mut self, id: AttachmentId) {
        self.links.remove(id);
        self.attached.retain(|attached| *attached != id);
    }
}

/// Keeps the calling thread on the last of the cores that this process may use; the first ones have the interrupts.
pub(super) fn pin() {
    let own = Pid::from_raw(0);
    let pinned = sched_getaffinity(own).and_then(|allowed| {
        let last = (0..CpuSet::count()).rev().find(|&cpu| allowed.is_set(cpu).unwrap_or(false));
        let mut one = CpuSet::new();
        last.map_or(Ok(()), |cpu| one.set(cpu))?;
        sched_setaffinity(own, &one)
    });
    if let Err(error) = pinned {
        // It works without, only less steadily.
        debug!(%error, "the worker is not pinned to a core");
    }
}
