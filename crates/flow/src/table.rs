//! The table: find, touch, insert, remove.

use crate::hash::{Seed, Words};
use crate::index::{Index, Link};
use crate::lists::Lists;
use crate::record::{Flow, FlowId, Inserted, NewFlow, Refusal, Refused, Side, TooLarge, Touched};
use crate::shares::{Shares, Standing};
use crate::slot::{End, Life, Slot};
use crate::state::{Segment, State};
use crate::tcp::Tcp;
use crate::timeouts::{self, span};
use crate::wheel::Wheel;
use packet::{FlowKey, Owner, Time};

/// Flow records, at most `capacity` of them, each with an action `A`.
///
/// # Cost
/// No call but [`new`](Self::new) and [`announce`](Self::announce) allocates, unless for the first flow of an owner that
/// was not announced. A record takes 192 bytes, `created` and the action, rounded up to whole cache
/// lines, and 40 to 56 bytes of links beside it.
#[derive(Debug)]
pub struct Table<A> {
    pub(crate) slots: Vec<Slot<A>>,
    pub(crate) wheel: Wheel,
    pub(crate) index: Index,
    /// Whose the records are, and which may have to go.
    shares: Shares,
    /// The free slots below `slots.len()`, linked through their first ends.
    free: Link,
    live: usize,
    capacity: u32,
    pub(crate) seed: Seed,
}

/// Links carry a record's number and a side in 32 bits, and there are four chains a record.
const MOST_RECORDS: usize = 1 << 29;

impl<A> Table<A> {
    /// An empty table for `capacity` flows (at least one), hashed under the secret `seed`.
    ///
    /// # Errors
    /// If there is no such memory.
    ///
    /// # Cost
    /// All memory is reserved here; its pages are first touched when they are first used.
    pub fn new(capacity: usize, seed: [u64; 2]) -> Result<Self, TooLarge> {
        let too_large = TooLarge { capacity };
        if capacity > MOST_RECORDS {
            return Err(too_large);
        }
        let capacity = capacity.max(1);
        let mut slots = Vec::new();
        slots.try_reserve_exact(capacity).map_err(|_| too_large)?;
        Ok(Self {
            slots,
            wheel: Wheel::new(capacity).map_err(|_| too_large)?,
            shares: Shares::new(capacity).map_err(|_| too_large)?,
            index: Index::new(capacity as u32),
            free: Link::NONE,
            live: 0,
            capacity: capacity as u32,
            seed: Seed::new(seed),
        })
    }

    /// The memory of a table with this capacity, in bytes. It is taken at the start; its pages are touched when they are
    /// first used.
    pub const fn memory(capacity: usize) -> usize {
        // The records; their places in the wheel and in their owners' lists; the chains.
        capacity * size_of::<Slot<A>>()
            + 2 * Lists::memory(capacity)
            + (4 * capacity).next_power_of_two() * size_of::<u32>()
    }

    /// A table whose keys all share one chain.
    #[cfg(test)]
    pub(crate) fn with_one_chain(capacity: usize) -> Self {
        let mut table = Self::new(capacity, [0, 0]).unwrap();
        table.index = Index::with_chains(1);
        table
    }

    /// Says who may have flows: each of them can count on its share from now on, whether it has any yet or not.
    ///
    /// # Cost
    /// Allocates 20 bytes for every number up to the highest.
    pub fn announce(&mut self, owners: impl IntoIterator<Item = Owner>) {
        self.shares.announce(owners.into_iter());
    }

    /// The flow that a received packet belongs to, and which end sent it. Changes nothing.
    ///
    /// A flow whose time is up is found until [`expire`](Self::expire) takes it.
    #[inline]
    pub fn find(&self, key: &FlowKey) -> Option<(FlowId, Side)> {
        let words = Words::new(key);
        let (index, side) = self.index.find(&self.slots, &words, self.seed.hash(&words))?;
        let generation = self.slots[index as usize].life.generation;
        Some((FlowId { index, generation }, side))
    }

    /// How many keys the fullest chain of the index has: what the dearest lookup reads. Costs a walk over them all.
    pub fn longest_chain(&self) -> usize {
        self.index.longest_chain(&self.slots)
    }

    /// Counts a packet that `side` sent, follows its connection and prolongs the flow's life.
    ///
    /// A packet that must not prolong it (an ICMP error about the flow) is not for this function; RST and whatever
    /// follows a believed RST are, and do not.
    ///
    /// # Units and shape
    /// `now` should not run backwards; where it does, the later moment counts. A super-frame is `packets` packets.
    ///
    /// # Cost
    /// Two cache lines; timers and lists are only moved when the state changes.
    #[inline]
    pub fn touch(
        &mut self,
        id: FlowId,
        side: Side,
        now: Time,
        segment: Segment,
        packets: u32,
        bytes: u64,
    ) -> Touched {
        let Some(slot) =
            self.slots.get_mut(id.index as usize).filter(|slot| slot.life.generation == id.generation)
        else {
            return Touched::Stale;
        };
        slot.end_mut(side).count(packets, bytes);
        let life = &mut slot.life;
        life.last_seen = life.last_seen.max(now);
        let before = life.tcp.state();
        let prolongs = life.tcp.step(side, segment);
        let state = life.tcp.state();
        if prolongs {
            life.deadline = after(life.last_seen, timeouts::of(state, life.idle));
        }
        let answers = prolongs && side == Side::Responder && !life.answered;
        if state == before && !answers {
            return Touched::Same;
        }
        life.answered |= answers;
        self.changed(id.index);
        if state == before { Touched::Same } else { Touched::Became(state) }
    }

    /// Whether this packet begins a new connection on the tuple of one that is over.
    ///
    /// The caller then removes the flow and judges the packet as a first one (RFC 9293, section 3.10.7.4; Azure: a SYN
    /// for a closed flow starts a new record).
    #[inline]
    pub fn would_reopen(&self, id: FlowId, segment: Segment) -> bool {
        segment.opens() && self.live_slot(id).is_some_and(|slot| slot.life.tcp.state().is_over())
    }

    /// Whether a segment with this sequence number, sent by `side`, may be under way: whether an ICMP error about it is to be
    /// believed (RFC 5927, section 4.1). Flows without TCP state say yes.
    pub fn is_under_way(&self, id: FlowId, side: Side, sequence: u32) -> bool {
        self.live_slot(id).is_some_and(|slot| slot.life.tcp.is_under_way(side, sequence))
    }

    /// Records a flow and counts its first packet, which the initiator sent.
    ///
    /// In a table that is nearly full another flow makes room: the connection that closed first, else an unanswered flow of
    /// the same owner or of whoever holds most; for an owner that holds less than its share, in the end an answered flow of
    /// one that holds more.
    ///
    /// # Errors
    /// If no record may go, or if one of the keys belongs to a live flow: two flows never share a key.
    ///
    /// # Cost
    /// In a full table, a look at every owner at worst.
    pub fn insert(
        &mut self,
        new: NewFlow<A>,
        now: Time,
        segment: Segment,
        packets: u32,
        bytes: u64,
    ) -> Result<Inserted<A>, Refused<A>> {
        let keys = [new.initiator, new.responder].map(|key| Words::new(&key));
        let mut ends = keys.map(|key| End::new(key, self.seed.hash(&key)));
        let is_taken = |side: &Side| {
            let end = &ends[side.index()];
            self.index.find(&self.slots, &end.key, end.hash).is_some()
        };
        let twin = (keys[0] == keys[1]).then_some(Side::Responder);
        if let Some(side) = Side::BOTH.into_iter().find(is_taken).or(twin) {
            return Err(Refused { why: Refusal::Duplicate(side), action: new.action });
        }
        let evicted = match self.shares.room(new.owner, self.live) {
            Ok(None) => None,
            Ok(Some(victim)) => self.take(victim),
            Err(why) => return Err(Refused { why, action: new.action }),
        };
        let Some(index) = self.free_slot() else {
            return Err(Refused { why: Refusal::Full, action: new.action });
        };
        let slot = &mut self.slots[index as usize];
        ends[0].count(packets, bytes);
        slot.ends = ends;
        slot.created = now;
        slot.action = Some(new.action);
        let (tcp, idle) = (Tcp::begin(segment), span(new.idle));
        let deadline = after(now, timeouts::of(tcp.state(), idle));
        let generation = slot.life.generation;
        slot.life =
            Life { last_seen: now, deadline, idle, tcp, generation, owner: new.owner, answered: false };
        self.live += 1;
        for side in Side::BOTH {
            self.index.enter(&mut self.slots, index, side);
        }
        self.wheel.hang(index, deadline);
        self.changed(index);
        Ok(Inserted { id: FlowId { index, generation }, evicted })
    }

    /// Ends a flow and gives it back, or `None` where the id is stale.
    pub fn remove(&mut self, id: FlowId) -> Option<Flow<A>> {
        self.live_slot(id)?;
        self.take(id.index)
    }

    /// The action of a live flow.
    #[inline]
    pub fn get(&self, id: FlowId) -> Option<&A> {
        self.live_slot(id)?.action.as_ref()
    }

    /// The action of a live flow, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: FlowId) -> Option<&mut A> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.life.generation == id.generation { slot.action.as_mut() } else { None }
    }

    /// The action of a live flow, and the tuple as received from `side`.
    #[inline]
    pub fn action_and_key(&self, id: FlowId, side: Side) -> Option<(&A, FlowKey)> {
        let slot = self.live_slot(id)?;
        Some((slot.action.as_ref()?, slot.ends[side.index()].key.key()))
    }

    /// All that is known of a live flow.
    pub fn flow(&self, id: FlowId) -> Option<Flow<&A>> {
        let slot = self.live_slot(id)?;
        Some(slot.flow(id.index, slot.action.as_ref()?))
    }

    /// The number of live flows.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Whether no flow lives.
    pub fn is_empty(&self) -> bool {
        self.live == 0
    }

    /// Whether a new flow of this owner would be recorded: there is a free record for it, or one that may go.
    ///
    /// # Errors
    /// [`Refusal::Full`] or [`Refusal::Share`].
    pub fn room(&self, owner: Owner) -> Result<(), Refusal> {
        self.shares.room(owner, self.live).map(drop)
    }

    /// The number of flows that may live at once.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    #[inline]
    fn live_slot(&self, id: FlowId) -> Option<&Slot<A>> {
        self.slots.get(id.index as usize).filter(|slot| slot.life.generation == id.generation)
    }

    /// Puts a record where its new state belongs: nearer on the wheel, and among those of its owner that stand as it does.
    fn changed(&mut self, index: u32) {
        let life = &mut self.slots[index as usize].life;
        let state = life.tcp.state();
        if state == State::Closed {
            life.deadline = life.deadline.min(after(life.last_seen, timeouts::of(state, life.idle)));
        }
        self.wheel.hasten(index, life.deadline);
        let standing = match state {
            State::Closing | State::Closed => Standing::Over,
            State::SynSent | State::SynReceived => Standing::Unanswered,
            _ if !life.answered => Standing::Unanswered,
            _ => Standing::Answered,
        };
        self.shares.place(index, life.owner, standing);
    }

    /// A free slot, from the list or fresh; `None` at capacity.
    fn free_slot(&mut self) -> Option<u32> {
        if let Some((index, _)) = self.free.target() {
            self.free = self.slots[index as usize].ends[0].next;
            return Some(index);
        }
        if self.slots.len() >= self.capacity as usize {
            return None;
        }
        self.slots.push(Slot::free());
        self.wheel.add_record();
        self.shares.add_record();
        Some(self.slots.len() as u32 - 1)
    }

    /// Ends the flow in a slot; `None` where there is none.
    pub(crate) fn take(&mut self, index: u32) -> Option<Flow<A>> {
        let slot = self.slots.get_mut(index as usize)?;
        let action = slot.action.take()?;
        let ended = slot.flow(index, action);
        slot.life.generation = slot.life.generation.wrapping_add(1);
        for side in Side::BOTH {
            self.index.forget(&mut self.slots, index, side);
        }
        self.wheel.take_down(index);
        self.shares.leave(index, ended.owner);
        self.slots[index as usize].ends[0].next = self.free;
        self.free = Link::to_record(index);
        self.live -= 1;
        Some(ended)
    }
}

#[inline]
fn after(moment: Time, nanos: u64) -> Time {
    Time::from_nanos(moment.nanos().saturating_add(nanos))
}
