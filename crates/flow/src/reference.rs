//! The flow table as plainly as it can be said: a map, a clock, and every rule spelled out. Slow, and the measure of
//! the fast one.

use crate::{Both, Counters, NewFlow, Refusal, Segment, Side, State, Timeouts, Touched};
use packet::parse::{ACK, FIN, RST, SYN};
use packet::{FlowKey, Time};
use std::collections::BTreeMap;
use std::time::Duration;

/// Flows by serial number, in the order of their making.
pub(crate) struct Reference {
    pub(crate) flows: BTreeMap<u64, Plain>,
    timeouts: Timeouts,
    capacity: usize,
    closings: u64,
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
    answered: bool,
    /// Its place among all that ever closed.
    closed: Option<u64>,
    ends: Both<Known>,
}

/// What is known of one end's numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    syn: Option<u32>,
    next: Option<u32>,
    acked: Option<u32>,
    fin: Option<u32>,
}

impl Reference {
    pub(crate) fn new(capacity: usize, timeouts: Timeouts) -> Self {
        Self { flows: BTreeMap::new(), timeouts, capacity, closings: 0 }
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
        let mut evicted = None;
        if self.flows.len() == self.capacity {
            let victim = self.victim().ok_or(Refusal::Full)?;
            self.flows.remove(&victim);
            evicted = Some(victim);
        }
        let mut flow = Plain {
            keys: Both { initiator: new.initiator, responder: new.responder },
            sent: Both { initiator: sent, responder: Counters::default() },
            state: State::Open,
            created: now,
            last_seen: now,
            deadline: now,
            idle: new.idle.unwrap_or(self.timeouts.idle),
            answered: false,
            closed: None,
            ends: Both::default(),
        };
        flow.begin(segment);
        flow.deadline = now + flow.timeout(&self.timeouts);
        self.flows.insert(new.action, flow);
        self.note_closing(new.action);
        Ok(evicted)
    }

    /// First whoever closed first, then the oldest that waits for its handshake or its first answer.
    fn victim(&self) -> Option<u64> {
        let over = self.flows.iter().filter(|(_, flow)| flow.closed.is_some());
        let waits = |flow: &Plain| match flow.state {
            State::SynSent | State::SynReceived => true,
            State::Established | State::FinWait => !flow.answered,
            State::Open | State::Closing | State::Closed => false,
        };
        over.min_by_key(|(_, flow)| flow.closed)
            .or_else(|| self.flows.iter().find(|(_, flow)| waits(flow)))
            .map(|(&serial, _)| serial)
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
        let counters = end_mut(&mut flow.sent, side);
        counters.packets += sent.packets;
        counters.bytes += sent.bytes;
        flow.last_seen = now;
        let before = flow.state;
        flow.step(side, segment);
        let is_reset = matches!(segment, Segment::Tcp { flags, .. } if flags & RST != 0);
        let end = now + flow.timeout(&self.timeouts);
        if before == State::Open || !is_reset && before != State::Closed {
            flow.deadline = end;
            flow.answered |= side == Side::Responder;
        } else if flow.state == State::Closed && before != State::Closed {
            flow.deadline = flow.deadline.min(end);
        }
        let after = flow.state;
        self.note_closing(serial);
        if after == before { Touched::Same } else { Touched::Became(after) }
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

    fn note_closing(&mut self, serial: u64) {
        let flow = self.flows.get_mut(&serial).unwrap();
        if matches!(flow.state, State::Closing | State::Closed) && flow.closed.is_none() {
            flow.closed = Some(self.closings);
            self.closings += 1;
        }
    }
}

fn end_mut<T>(both: &mut Both<T>, side: Side) -> &mut T {
    match side {
        Side::Initiator => &mut both.initiator,
        Side::Responder => &mut both.responder,
    }
}

impl Plain {
    fn timeout(&self, timeouts: &Timeouts) -> Duration {
        match self.state {
            State::SynSent | State::SynReceived => timeouts.half_open.min(self.idle),
            State::Open | State::Established | State::FinWait => self.idle,
            State::Closing => timeouts.closing.min(self.idle),
            State::Closed => timeouts.reset.min(self.idle),
        }
    }

    fn begin(&mut self, segment: Segment) {
        let Segment::Tcp { flags, seq, .. } = segment else { return };
        if flags & RST != 0 {
            self.state = State::Closed;
        } else if flags & SYN != 0 && flags & (ACK | FIN) == 0 {
            self.state = State::SynSent;
            self.ends.initiator = Known::of_syn(seq, length(segment));
        } else {
            self.state = State::Established;
            self.data(Side::Initiator, segment);
        }
    }

    fn step(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, .. } = segment else { return };
        match self.state {
            State::Open | State::Closed => {}
            _ if flags & RST != 0 => self.reset(side, segment),
            State::SynSent if flags & SYN != 0 => self.answer_syn(side, segment),
            State::SynSent => {}
            State::SynReceived if flags & SYN != 0 => self.acknowledge(side, segment),
            _ if flags & SYN != 0 => {}
            _ => self.data(side, segment),
        }
    }

    fn answer_syn(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, seq, ack, .. } = segment else { return };
        let has_ack = flags & ACK != 0;
        if side == Side::Initiator {
            if !has_ack {
                self.ends.initiator = Known::of_syn(seq, length(segment));
            }
        } else if !has_ack || self.ends.initiator.accepts(ack) {
            self.ends.responder = Known::of_syn(seq, length(segment));
            if has_ack {
                self.ends.initiator.acked = Some(ack);
            }
            self.state = State::SynReceived;
        }
    }

    /// In an unfinished handshake.
    fn acknowledge(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, ack, .. } = segment else { return };
        let far = end_mut(&mut self.ends, side.other());
        if flags & ACK != 0 && far.accepts(ack) {
            far.acked = Some(ack);
        }
        let ends = &self.ends;
        if ends.initiator.acked.is_some() && ends.responder.acked.is_some() {
            let has_fin = ends.initiator.fin.is_some() || ends.responder.fin.is_some();
            self.state = if has_fin { State::FinWait } else { State::Established };
        }
    }

    fn data(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, seq, ack, .. } = segment else { return };
        let end = seq.wrapping_add(length(segment));
        let was_half_open = self.state == State::SynReceived;
        if was_half_open {
            self.acknowledge(side, segment);
        } else if flags & ACK != 0 {
            end_mut(&mut self.ends, side.other()).acked = Some(ack);
        }
        let near = end_mut(&mut self.ends, side);
        near.next = match near.next {
            None => Some(end),
            Some(next) if seq == next => Some(end),
            Some(next) if Some(seq) == near.acked && (end.wrapping_sub(next) as i32) > 0 => Some(end),
            Some(next) => Some(next),
        };
        if flags & FIN != 0 {
            near.fin = Some(end);
            if self.state == State::Established {
                self.state = State::FinWait;
            }
        }
        let is_done = |end: &Known| end.fin.is_some() && end.fin == end.acked;
        if self.state == State::FinWait && is_done(&self.ends.initiator) && is_done(&self.ends.responder) {
            self.state = State::Closing;
        }
    }

    fn reset(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, seq, ack, .. } = segment else { return };
        let near = self.ends.of(side);
        let is_exact = near.next == Some(seq) || near.acked == Some(seq);
        let refuses = self.state == State::SynSent && side == Side::Responder && flags & ACK != 0;
        if is_exact || refuses && self.ends.initiator.accepts(ack) {
            self.state = State::Closed;
        }
    }
}

impl Known {
    fn of_syn(seq: u32, length: u32) -> Self {
        Self { syn: Some(seq), next: Some(seq.wrapping_add(length)), acked: None, fin: None }
    }

    /// Whether `ack` acknowledges something new of what this end has sent since its SYN.
    fn accepts(&self, ack: u32) -> bool {
        let (Some(syn), Some(next)) = (self.syn, self.next) else { return false };
        let lowest = self.acked.unwrap_or(syn);
        let (new, sent) = (ack.wrapping_sub(lowest), next.wrapping_sub(lowest));
        0 < new && new <= sent
    }
}

/// The sequence numbers that a segment takes.
fn length(segment: Segment) -> u32 {
    let Segment::Tcp { flags, payload_len, .. } = segment else { return 0 };
    payload_len + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0)
}
