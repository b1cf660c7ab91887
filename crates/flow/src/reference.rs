//! The flow table as plainly as it can be said: a map, a clock, and every rule spelled out. Slow, and the measure of
//! the fast one.

mod connection;

use self::connection::{Known, end_mut};
use crate::timeouts::{CLOSING, HALF_OPEN, RESET};
use crate::{Both, Counters, NewFlow, Refusal, Segment, Side, State, Touched};
use packet::parse::{ACK, FIN, RST, SYN};
use packet::{FlowKey, Owner, Time};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Flows by serial number, in the order of their making.
pub(crate) struct Reference {
    pub(crate) flows: BTreeMap<u64, Plain>,
    capacity: usize,
    pub(crate) announced: usize,
    /// How often anything closed or was answered.
    turns: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Plain {
    pub(crate) keys: Both<FlowKey>,
    pub(crate) sent: Both<Counters>,
    pub(crate) state: State,
    pub(crate) created: Time,
    pub(crate) last_seen: Time,
    pub(crate) deadline: Time,
    idle: Duration,
    pub(crate) owner: Owner,
    answered: bool,
    /// When it came to stand where it stands.
    turn: u64,
    ends: Both<Known>,
}

impl Reference {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { flows: BTreeMap::new(), capacity, announced: 0, turns: 0 }
    }

    pub(crate) fn find(&self, key: &FlowKey) -> Option<(u64, Side)> {
        self.flows.iter().find_map(|(&serial, flow)| {
            let side = Side::BOTH.into_iter().find(|&side| flow.keys.of(side) == key)?;
            Some((serial, side))
        })
    }

    /// Inserts under the serial number `new.action`; says who was evicted.
    pub(crate) fn insert(
        &mut self,
        new: NewFlow<u64>,
        now: Time,
        segment: Segment,
        sent: Counters,
    ) -> Result<Option<u64>, Refusal> {
        if self.find(&new.initiator).is_some() {
            return Err(Refusal::Duplicate(Side::Initiator));
        }
        if self.find(&new.responder).is_some() || new.initiator == new.responder {
            return Err(Refusal::Duplicate(Side::Responder));
        }
        let evicted = self.room(new.owner)?;
        if let Some(victim) = evicted {
            self.flows.remove(&victim);
        }
        let mut flow = Plain {
            keys: Both { initiator: new.initiator, responder: new.responder },
            sent: Both { initiator: sent, responder: Counters::default() },
            state: State::Open,
            created: now,
            last_seen: now,
            deadline: now,
            idle: new.idle,
            owner: new.owner,
            answered: false,
            turn: 0,
            ends: Both::default(),
        };
        flow.begin(segment);
        flow.deadline = now + flow.timeout();
        self.flows.insert(new.action, flow);
        self.turns += 1;
        self.flows.get_mut(&new.action).unwrap().turn = self.turns;
        Ok(evicted)
    }

    /// Who has to go for a new flow of `owner`, if anybody.
    pub(crate) fn room(&self, owner: Owner) -> Result<Option<u64>, Refusal> {
        let in_use = self.flows.values().filter(|flow| !flow.is_over()).count();
        let (held, share) = (self.held(owner), self.share(owner));
        let is_alone = self.owners(owner) == 1;
        let lent_at_most =
            if held < share || is_alone { self.capacity } else { self.capacity - self.capacity / 8 };
        if in_use < lent_at_most {
            let over = self.flows.iter().filter(|(_, flow)| flow.is_over()).min_by_key(|(_, flow)| flow.turn);
            return Ok(over.filter(|_| self.flows.len() == self.capacity).map(|(&serial, _)| serial));
        }
        if held < share {
            let back = self.of_largest(share, Plain::is_unanswered, false);
            return back
                .or_else(|| self.of_largest(share, Plain::is_answered, true))
                .map(Some)
                .ok_or(Refusal::Full);
        }
        let own = self.flows.iter().filter(|(_, flow)| flow.owner == owner && flow.is_unanswered());
        let own = own.min_by_key(|(_, flow)| flow.turn).map(|(&serial, _)| serial);
        let refusal = if is_alone { Refusal::Full } else { Refusal::Share };
        own.or_else(|| self.of_largest(held, Plain::is_unanswered, false)).map(Some).ok_or(refusal)
    }

    pub(crate) fn held(&self, owner: Owner) -> usize {
        self.flows.values().filter(|flow| flow.owner == owner && !flow.is_over()).count()
    }

    pub(crate) fn share(&self, asking: Owner) -> usize {
        (self.capacity / self.owners(asking)).max(1)
    }

    /// How many share the table, of whom the asking one is one.
    fn owners(&self, asking: Owner) -> usize {
        let holders = self.flows.values().filter(|flow| !flow.is_over()).map(|flow| flow.owner);
        holders.chain([asking]).collect::<BTreeSet<_>>().len().max(self.announced)
    }

    /// The first or the last of the wanted flows of whoever holds most, of those with more than `above` and a wanted flow.
    fn of_largest(&self, above: usize, is_wanted: impl Fn(&Plain) -> bool, last: bool) -> Option<u64> {
        let wanted = || self.flows.iter().filter(|(_, flow)| !flow.is_over() && is_wanted(flow));
        let owners: BTreeSet<Owner> = wanted().map(|(_, flow)| flow.owner).collect();
        let largest = owners.into_iter().rev().max_by_key(|&owner| self.held(owner))?;
        if self.held(largest) <= above {
            return None;
        }
        let mut flows: Vec<_> = wanted().filter(|(_, flow)| flow.owner == largest).collect();
        flows.sort_by_key(|(_, flow)| flow.turn);
        let flow = if last { flows.last() } else { flows.first() };
        flow.map(|&(&serial, _)| serial)
    }

    pub(crate) fn touch(
        &mut self,
        serial: u64,
        side: Side,
        now: Time,
        segment: Segment,
        sent: Counters,
    ) -> Touched {
        let Some(flow) = self.flows.get_mut(&serial) else { return Touched::Stale };
        let stood = flow.standing();
        let counters = end_mut(&mut flow.sent, side);
        counters.packets += sent.packets;
        counters.bytes += sent.bytes;
        flow.last_seen = now;
        let before = flow.state;
        flow.step(side, segment);
        let is_reset = matches!(segment, Segment::Tcp { flags, .. } if flags & RST != 0);
        let end = now + flow.timeout();
        if before == State::Open || !is_reset && before != State::Closed {
            flow.deadline = end;
            flow.answered |= side == Side::Responder;
        } else if flow.state == State::Closed && before != State::Closed {
            flow.deadline = flow.deadline.min(end);
        }
        let after = flow.state;
        if flow.standing() != stood {
            self.turns += 1;
            flow.turn = self.turns;
        }
        if after == before { Touched::Same } else { Touched::Became(after) }
    }

    pub(crate) fn is_under_way(&self, serial: u64, side: Side, seq: u32) -> bool {
        let flow = &self.flows[&serial];
        let end = flow.ends.of(side);
        let Some(next) = end.next else { return flow.state == State::Open };
        let lowest = end.acked.or(end.first).unwrap_or(next);
        // Numbers on a circle: how far ahead of the lowest, and nothing is more than half a circle ahead.
        let ahead = |number: u32| i64::from(number.wrapping_sub(lowest) as i32);
        flow.state == State::Open || (0..=ahead(next).max(0)).contains(&ahead(seq))
    }

    pub(crate) fn would_reopen(&self, serial: u64, segment: Segment) -> bool {
        let Segment::Tcp { flags, .. } = segment else { return false };
        let is_first = flags & SYN != 0 && flags & (ACK | RST | FIN) == 0;
        is_first && matches!(self.flows[&serial].state, State::Closing | State::Closed)
    }

    /// Whose time is up: the wheel's tick at or after the deadline has come.
    pub(crate) fn is_due(&self, serial: u64, now: Time) -> bool {
        let tick = u128::from(crate::wheel::TICK);
        let deadline = u128::from(self.flows[&serial].deadline.nanos());
        deadline.div_ceil(tick) * tick <= u128::from(now.nanos())
    }
}

impl Plain {
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, State::Closing | State::Closed)
    }

    fn is_unanswered(&self) -> bool {
        match self.state {
            State::SynSent | State::SynReceived => true,
            State::Open | State::Established | State::FinWait => !self.answered,
            State::Closing | State::Closed => false,
        }
    }

    fn is_answered(&self) -> bool {
        !self.is_over() && !self.is_unanswered()
    }

    fn standing(&self) -> (bool, bool) {
        (self.is_over(), self.is_unanswered())
    }

    fn timeout(&self) -> Duration {
        match self.state {
            State::SynSent | State::SynReceived => HALF_OPEN.min(self.idle),
            State::Open | State::Established | State::FinWait => self.idle,
            State::Closing => CLOSING.min(self.idle),
            State::Closed => RESET.min(self.idle),
        }
    }
}
