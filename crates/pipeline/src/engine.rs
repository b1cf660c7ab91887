//! One worker's engine: the state that packets leave behind. `clockwork.rs` clears it away.

use crate::closing::Closing;
use crate::counters::Counters;
use crate::directory::Claim;
use crate::identification::Identification;
use crate::judge::Judgement;
use crate::outbox::{Outbox, Outgoing};
use crate::recent::Recent;
use crate::shared::Shared;
use crate::step::{Came, World};
use crate::{Count, DropReason, Ending};
use flow::{Table, TooLarge};
use nat::{Lease, PoolKey};
use packet::make::neighbour_request;
use packet::{AttachmentId, Mac, Time};
use snapshot::Snapshot;
use std::collections::HashMap;
use std::sync::Arc;

/// The most pools whose exhaustion is remembered until it is reported.
const EXHAUSTED: usize = 64;

/// What an engine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `flows.capacity`: the most flow records of all workers together. Each has an equal share.
    pub capacity: usize,
    /// The secret of the flow table's hash; the same for all workers.
    pub seed: [u64; 2],
    /// Which worker this is, from 0.
    pub worker: usize,
    /// How many there are.
    pub workers: usize,
}

/// What a flow record says about its packets.
#[derive(Debug)]
pub struct Action {
    /// Where packets of the initiator and of the responder go.
    pub(crate) hops: [Hop; 2],
    /// Whether the ends know each other by other tuples than their own.
    pub(crate) translated: bool,
    /// Whether the TTL counts down.
    pub(crate) routed: bool,
    /// The rules that allowed it.
    pub(crate) rules: Judgement,
    /// The tuples that other workers would take for their own; free again when the record goes. Before the port (fields are
    /// dropped in this order): whoever leases that finds its tuple free.
    #[expect(dead_code, reason = "it is there to be dropped")]
    pub(crate) claim: Option<Claim>,
    /// The translated port; it is free again when the record goes.
    pub(crate) lease: Option<Lease>,
}

/// Where packets leave, and the hardware address that they go to while `epoch` is that attachment's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hop {
    pub(crate) egress: AttachmentId,
    pub(crate) mac: Mac,
    pub(crate) epoch: Option<u32>,
}

/// One worker's engine.
#[derive(Debug)]
pub struct Engine {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) flows: Table<Action>,
    pub(crate) shared: Arc<Shared>,
    /// Which worker this is, of how many.
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    pub(crate) closing: Closing,
    pub(crate) counters: Counters,
    pub(crate) outbox: Outbox,
    pub(crate) identification: Identification,
    pub(crate) exhausted: HashMap<PoolKey, u64>,
    /// The next hops that this worker met last.
    pub(crate) recent: Recent,
    /// When this worker looks after its packets that wait for a next hop; `None` where none do.
    pub(crate) look_after_at: Option<Time>,
    /// Whether neighbours may be left who are to be asked.
    pub(crate) is_asking: bool,
    /// Whether flow records are left whose time is up.
    pub(crate) behind: bool,
    /// Where the look through the flow table after a reload has got to.
    pub(crate) sweep: Option<usize>,
}

impl Engine {
    /// An engine without flows.
    ///
    /// # Errors
    /// [`TooLarge`] where the flow table does not fit into memory.
    pub fn new(snapshot: Arc<Snapshot>, settings: Settings, shared: Arc<Shared>) -> Result<Self, TooLarge> {
        let Settings { capacity, seed, worker, .. } = settings;
        let workers = settings.workers.max(worker + 1);
        let mut counters = Counters::default();
        counters.make_room(snapshot.names.len());
        let noted = (workers > 1).then(|| (Arc::clone(&shared.lingering), worker));
        let mut flows = Table::new(capacity.div_ceil(workers), seed)?;
        flows.announce(snapshot.owners());
        let mut recent = Recent::default();
        recent.make_room(snapshot.places());
        Ok(Self {
            flows,
            snapshot,
            shared,
            worker,
            workers,
            closing: Closing::new(noted),
            counters,
            outbox: Outbox::default(),
            identification: Identification::default(),
            exhausted: HashMap::new(),
            recent,
            look_after_at: None,
            is_asking: false,
            behind: false,
            sweep: None,
        })
    }

    /// The memory of the flow records of all workers together, in bytes, for a capacity of all together.
    pub const fn memory(capacity: usize, workers: usize) -> usize {
        workers * Table::<Action>::memory(capacity.div_ceil(workers))
    }

    /// Judges by another policy from the next frame on. Live flows stay, but for those of NICs that are no longer attached.
    pub fn replace(&mut self, snapshot: Arc<Snapshot>) {
        self.counters.make_room(snapshot.names.len());
        self.recent.make_room(snapshot.places());
        let is_there = |on, scope, target| {
            snapshot.link(on).is_some_and(|link| link.scope == scope && link.next_hop(target) == Some(target))
        };
        let gone = self.shared.neighbours.forget(|on, scope, target| !is_there(on, scope, target));
        for waiting in gone {
            self.counters.end(Ending::Dropped(DropReason::AttachmentGone), waiting.bytes.len());
        }
        self.flows.announce(snapshot.owners());
        self.snapshot = snapshot;
        self.sweep = Some(0);
    }

    /// Whether flows may be left of attachments that the policy has no more.
    pub fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// Takes in that the wire of an attachment was cut, or is another: whoever is at its other end is asked for again.
    pub fn rewired(&self, on: AttachmentId) {
        self.shared.neighbours.forget_link(on);
    }

    /// Frames that the gateway has made or let go since they were last taken out.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Sends what is in the [`Self::outbox`], in order, by `send`, which says whether a frame left. A packet of which any did not
    /// counts as not sent, and not as forwarded.
    pub fn flush(&mut self, send: impl FnMut(&Outgoing) -> bool) {
        let unsent = self.outbox.send(send);
        self.counters.not_sent(unsent);
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The policy in force.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// What is shared with the other workers.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Which worker this is.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Counts a frame whose way was [`Way::HandOver`](crate::Way::HandOver) and for which there was no room in that worker's
    /// queue.
    pub fn lost_in_hand_over(&mut self, bytes: usize) {
        self.counters.end(Ending::Dropped(DropReason::HandOffFull), bytes);
    }

    /// Counts a frame that this worker has received for another to judge, and for which there was no room in that one's queue: as
    /// one that was received, handed over and lost.
    pub fn lost_unjudged(&mut self, bytes: usize) {
        self.counters.receive(bytes);
        self.counters.hand_over(bytes);
        self.lost_in_hand_over(bytes);
    }

    /// Counts frames whose way was [`Way::Leaves`](crate::Way::Leaves) and that could not leave.
    pub fn not_sent(&mut self, count: Count) {
        self.counters.not_sent(count);
    }

    /// What this worker holds: flow records, and pools with lingering connections. Both return to zero when traffic stops.
    pub fn held(&self) -> [usize; 2] {
        [self.flows.len(), self.closing.len()]
    }

    /// How many lingering connections this worker keeps memory for, to find the one whose port is given up next.
    pub fn lingering_places(&self) -> usize {
        self.closing.places()
    }

    /// This worker's flow records, and the most there may be.
    pub fn flow_usage(&self) -> (usize, usize) {
        (self.flows.len(), self.flows.capacity())
    }

    /// How many tuples the dearest lookup of a flow reads. Costs a walk over all records.
    pub fn longest_chain(&self) -> usize {
        self.flows.longest_chain()
    }

    /// Which pools had no port for how many new flows since this was last asked.
    pub fn take_exhausted(&mut self) -> Vec<(PoolKey, u64)> {
        self.exhausted.drain().collect()
    }

    #[inline]
    pub(crate) fn world(&self, came: Came) -> World<'_> {
        World {
            snapshot: &self.snapshot,
            flows: &self.flows,
            shared: &self.shared,
            closing: &self.closing,
            worker: self.worker,
            workers: self.workers,
            came,
        }
    }

    pub(crate) fn note_exhausted(&mut self, pool: PoolKey) {
        if self.exhausted.len() < EXHAUSTED || self.exhausted.contains_key(&pool) {
            *self.exhausted.entry(pool).or_default() += 1;
        }
    }

    /// Asks who has `target`; at `known` where only a confirmation is sought.
    pub(crate) fn ask(&mut self, on: AttachmentId, target: packet::Address, known: Option<Mac>) {
        let Some(link) = self.snapshot.link(on) else { return };
        let Some(own) = self.snapshot.own_address(link, target) else { return };
        let mac = link.mac;
        self.originate(on, |out| neighbour_request(out, known, (mac, own), target));
    }

    /// Sends a frame of the gateway's own.
    pub(crate) fn originate(&mut self, on: AttachmentId, write: impl FnOnce(&mut Vec<u8>)) {
        let bytes = self.outbox.push(on, packet::Offload::default(), write);
        self.counters.originate(bytes);
    }
}
