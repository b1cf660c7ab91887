//! One worker's engine: the state that packets leave behind, and the clockwork that clears it away.

use crate::closing::Closing;
use crate::counters::Counters;
use crate::fragments::Fragments;
use crate::judge::Judgement;
use crate::neighbours::{Chore, Neighbours};
use crate::outbox::Outbox;
use crate::path::World;
use crate::snapshot::Snapshot;
use crate::{DropReason, Ending};
use flow::{Table, Timeouts, TooLarge};
use nat::{Lease, PoolKey, Pools};
use packet::make::neighbour_request;
use packet::{AttachmentId, FlowKey, Mac, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often neighbours and fragments are looked after.
const ROUND: Duration = Duration::from_millis(200);
/// The most flow records that one tick ends.
const EXPIRED_EACH: usize = 1024;
/// The most flow records that one tick looks at after a reload.
const SWEPT_EACH: usize = 4096;
/// The most ICMP errors that the gateway sends on one attachment in a second (RFC 1812, section 4.3.2.8).
const ERRORS_PER_SECOND: u32 = 1000;
/// The most pools whose exhaustion is remembered until it is reported.
const EXHAUSTED: usize = 64;

/// What an engine is made with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `flows.capacity`: the most flow records.
    pub capacity: usize,
    /// How long silent flows live.
    pub timeouts: Timeouts,
    /// The secrets of the flow table's hash and of the identification counter.
    pub seed: [u64; 2],
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
    pub(crate) pools: Arc<Pools>,
    pub(crate) closing: Closing,
    pub(crate) fragments: Fragments,
    pub(crate) neighbours: Neighbours,
    pub(crate) counters: Counters,
    pub(crate) outbox: Outbox,
    /// By attachment, so that who causes many does not silence those of others.
    pub(crate) errors: HashMap<AttachmentId, Allowance>,
    pub(crate) identification: u16,
    pub(crate) exhausted: HashMap<PoolKey, u64>,
    next_round: Time,
    /// Whether flow records are left whose time is up.
    behind: bool,
    /// Where the look through the flow table after a reload has got to.
    sweep: Option<usize>,
}

impl Engine {
    /// An engine without flows.
    ///
    /// # Errors
    /// [`TooLarge`] where the flow table does not fit into memory.
    pub fn new(snapshot: Arc<Snapshot>, settings: Settings, pools: Arc<Pools>) -> Result<Self, TooLarge> {
        let mut counters = Counters::default();
        counters.make_room(snapshot.names.len());
        let mut flows = Table::new(settings.capacity, settings.timeouts, settings.seed)?;
        flows.announce(snapshot.owners());
        Ok(Self {
            flows,
            snapshot,
            pools,
            closing: Closing::default(),
            fragments: Fragments::default(),
            neighbours: Neighbours::default(),
            counters,
            outbox: Outbox::default(),
            errors: HashMap::new(),
            identification: settings.seed[0] as u16,
            exhausted: HashMap::new(),
            next_round: Time::ZERO,
            behind: false,
            sweep: None,
        })
    }

    /// Judges by another policy from the next frame on. Live flows stay, but for those of NICs that are no longer attached.
    pub fn replace(&mut self, snapshot: Arc<Snapshot>) {
        self.counters.make_room(snapshot.names.len());
        let old = &self.snapshot;
        let is_there = |on, target| {
            let (Some(before), Some(now)) = (old.link(on), snapshot.link(on)) else { return false };
            before.scope == now.scope && now.next_hop(target) == Some(target)
        };
        let gone = self.neighbours.forget(|on, target| !is_there(on, target));
        for waiting in gone {
            self.counters.end(Ending::Dropped(DropReason::AttachmentGone), waiting.bytes.len());
        }
        self.flows.announce(snapshot.owners());
        self.snapshot = snapshot;
        self.sweep = Some(0);
    }

    /// Does what is due: ends silent flows, asks for neighbours, gives up what waited too long. Bounded; call it often.
    pub fn tick(&mut self, now: Time) {
        self.expire(now);
        self.sweep();
        if now < self.next_round {
            return;
        }
        self.next_round = now + ROUND;
        for held in self.fragments.tick(now) {
            self.counters.end(Ending::Dropped(DropReason::FragmentOrphan), held.bytes.len());
        }
        for chore in self.neighbours.tick(now) {
            match chore {
                Chore::Ask { on, target, known } => self.ask(on, target, known),
                Chore::GiveUp(waited) => {
                    for waiting in waited {
                        self.counters.end(Ending::Dropped(DropReason::NoNeighbour), waiting.bytes.len());
                    }
                }
            }
        }
    }

    /// How long [`Self::tick`] can wait when no frames come.
    pub fn idle_for(&self) -> Duration {
        if self.behind || self.sweep.is_some() { Duration::ZERO } else { ROUND }
    }

    /// Frames that the gateway has made or let go since they were last taken out.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// What happened so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The policy in force.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Frames that have neither ended nor left: they wait for a neighbour or for their first fragment.
    pub fn waiting(&self) -> usize {
        self.neighbours.waiting() + self.fragments.waiting()
    }

    /// What is held: flow records, fragmented datagrams, pools with lingering connections. All return to zero when traffic stops.
    pub fn held(&self) -> [usize; 3] {
        [self.flows.len(), self.fragments.len(), self.closing.len()]
    }

    /// Flow records, and the most there may be.
    pub fn flow_usage(&self) -> (usize, usize) {
        (self.flows.len(), self.flows.capacity())
    }

    /// Which pools had no port for how many new flows since this was last asked.
    pub fn take_exhausted(&mut self) -> Vec<(PoolKey, u64)> {
        self.exhausted.drain().collect()
    }

    pub(crate) fn world(&self) -> World<'_> {
        World {
            snapshot: &self.snapshot,
            flows: &self.flows,
            fragments: &self.fragments,
            pools: &self.pools,
            closing: &self.closing,
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

    fn expire(&mut self, now: Time) {
        let mut pools = Vec::new();
        let done = self.flows.expire(now, EXPIRED_EACH, |ended| pools.extend(pool_of(ended)));
        self.behind = !done;
        self.prune(pools);
    }

    /// Forgets what lingered in pools that flows have left.
    fn prune(&mut self, mut pools: Vec<PoolKey>) {
        pools.sort_unstable();
        pools.dedup();
        for pool in pools {
            self.closing.prune(&self.flows, &pool);
        }
    }

    /// Ends the flows of NICs that a reload took away.
    fn sweep(&mut self) {
        let Some(start) = self.sweep else { return };
        let snapshot = Arc::clone(&self.snapshot);
        let is_gone = |flow: flow::Flow<&Action>| {
            let [to_responder, to_initiator] = flow.action.hops;
            !still_attached(&snapshot, &flow.keys.initiator, to_initiator.egress)
                || !still_attached(&snapshot, &flow.keys.responder, to_responder.egress)
        };
        let mut pools = Vec::new();
        self.sweep =
            self.flows.remove_where(start, SWEPT_EACH, is_gone, |ended| pools.extend(pool_of(ended)));
        self.prune(pools);
    }
}

/// The pool that an ended flow's port goes back to, where it had one.
pub(crate) fn pool_of(ended: flow::Flow<Action>) -> Option<PoolKey> {
    Some(ended.action.lease?.key())
}

/// Whether the end that a key was received from is still behind the attachment that answers go to.
fn still_attached(snapshot: &Snapshot, key: &FlowKey, on: AttachmentId) -> bool {
    snapshot.link(on).is_some_and(|link| {
        link.scope == key.scope && (link.is_internet() || link.next_hop(key.source).is_some())
    })
}

/// How many more ICMP errors may be sent now.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    second: u64,
    used: u32,
}

impl Allowance {
    /// Takes one, if one is left in this second.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let second = now.nanos() / 1_000_000_000;
        if second != self.second {
            *self = Self { second, used: 0 };
        }
        self.used += 1;
        self.used <= ERRORS_PER_SECOND
    }
}
