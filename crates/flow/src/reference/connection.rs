//! How the reference follows a connection.

use super::Plain;
use crate::{Both, Segment, Side, State};
use packet::parse::{ACK, FIN, RST, SYN};

/// How far beyond a gap segments and what they acknowledge are believed, in bytes.
const NEAR: u32 = 1 << 20;
/// The largest window, in bytes.
const WINDOW: i32 = 1 << 30;
/// The most bytes between what was heard first in mid-stream and its acknowledgement.
const UNDER_WAY: i32 = 1 << 24;

/// What is known of one end's numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    syn: Option<u32>,
    /// Of the first segment.
    pub(super) first: Option<u32>,
    pub(super) next: Option<u32>,
    pub(super) acked: Option<u32>,
    fin: Option<u32>,
    /// Whether it was first heard in mid-stream, and the far end has not confirmed it.
    is_hearsay: bool,
}

impl Plain {
    pub(super) fn begin(&mut self, segment: Segment) {
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

    pub(super) fn step(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, .. } = segment else { return };
        match self.state {
            State::Open | State::Closed => {}
            _ if flags & RST != 0 => self.reset(side, segment),
            State::SynSent if flags & SYN != 0 => self.answer_syn(side, segment),
            State::SynSent => {}
            State::SynReceived if flags & SYN != 0 => {
                self.begin_anew(side, segment);
                self.acknowledge(side, segment);
            }
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

    /// An initiator that has acknowledged nothing may be in SYN-SENT still. There every SYN+ACK is its answer that acknowledges
    /// something of what it has sent (RFC 9293, section 3.10.7.3), and with it come the responder's numbers.
    fn begin_anew(&mut self, side: Side, segment: Segment) {
        let Segment::Tcp { flags, seq, ack, .. } = segment else { return };
        let Both { initiator, responder } = self.ends;
        let repeats = initiator.acked == Some(ack);
        let answers = flags & ACK != 0 && (repeats || initiator.accepts(ack));
        let is_undecided = responder.acked.is_none() && responder.syn != Some(seq);
        if side == Side::Responder && answers && is_undecided {
            self.ends.responder = Known::of_syn(seq, length(segment));
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
        let near = self.ends.of(side);
        let far = self.ends.of(side.other());
        let is_near =
            |from: Option<u32>, number: u32| from.is_some_and(|from| number.wrapping_sub(from) <= NEAR);
        let is_expected = near.next.is_none_or(|next| next == seq)
            || near.acked == Some(seq)
            || is_near(near.next, seq) && is_near(far.acked, ack);
        if was_half_open {
            self.acknowledge(side, segment);
        } else if flags & ACK != 0 && is_expected {
            let far = end_mut(&mut self.ends, side.other());
            let ahead = far.next.map_or(0, |next| ack.wrapping_sub(next) as i32);
            let contradicts = far.is_hearsay && !(-UNDER_WAY..=UNDER_WAY).contains(&ahead);
            if ahead <= WINDOW || contradicts {
                far.acked = Some(ack);
                far.next = far.next.map(|next| if ahead > 0 || contradicts { ack } else { next });
                far.is_hearsay = contradicts;
            }
        }
        let near = end_mut(&mut self.ends, side);
        near.first = near.first.or(Some(seq));
        near.is_hearsay |= near.next.is_none();
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
        let is_handshake = matches!(self.state, State::SynSent | State::SynReceived);
        let answers_syn = is_handshake && side == Side::Responder;
        let refuses = answers_syn && flags & ACK != 0 && self.ends.initiator.accepts(ack);
        // A number that the far end never named is a stranger's as likely as the responder's.
        let is_first_answer =
            answers_syn && self.ends.initiator.acked.is_none() && self.ends.responder.acked.is_none();
        let is_hearsay = near.is_hearsay && side == Side::Responder;
        let is_strange = is_hearsay || is_first_answer;
        let is_exact = near.next == Some(seq) && !is_strange || near.acked == Some(seq);
        if is_exact || refuses {
            self.state = State::Closed;
        }
    }
}

impl Known {
    fn of_syn(seq: u32, length: u32) -> Self {
        Self {
            syn: Some(seq),
            first: Some(seq),
            next: Some(seq.wrapping_add(length)),
            acked: None,
            fin: None,
            is_hearsay: false,
        }
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

pub(super) fn end_mut<T>(both: &mut Both<T>, side: Side) -> &mut T {
    match side {
        Side::Initiator => &mut both.initiator,
        Side::Responder => &mut both.responder,
    }
}
