//! Where a TCP connection stands, from what passes by.
//!
//! ```text
//!              SYN                SYN, or SYN+ACK that           each SYN
//!              initiator          acknowledges ours              acknowledged
//!   (no record) ─────► SynSent ────────────────────► SynReceived ─────► Established ◄── any other first packet
//!                                                                           │ FIN, either side
//!                                                                           ▼
//!                               Closing ◄──────────────────────────────  FinWait
//!                                  ▲       both FINs acknowledged           ▲ first packet with FIN
//!                                  │ SYN: a new flow takes the tuple
//!                               Closed  ◄── from every state: RST with the sequence number expected next
//! ```
//!
//! The shape is that of RFC 6146, section 3.5.2, with the times of [`timeouts`](crate::timeouts). A gateway
//! sees each packet before its receiver does and never knows whether it arrives, so every rule here errs on the side
//! of keeping the record: a wrong belief costs an idle time, a lost record costs a connection.
//!
//! * Simultaneous open: two SYNs cross, each is acknowledged, the flow is established (RFC 9293, section 3.5).
//! * Half-close: data may go on in the other direction for ever; `FinWait` lives as long as `Established`.
//!   A FIN may come before the handshake is complete (RFC 7413); the flow is then established as `FinWait`.
//! * A FIN counts as acknowledged when an ACK names exactly the number after it, the last of its sender. So a forged
//!   FIN closes nothing.
//! * A RST is believed only if its number is exactly the next expected: the last acknowledged, or the end of
//!   what was sent in order since (RFC 5961, section 3.2, whose receivers answer any other RST with a
//!   challenge). Until one end has acknowledged the other's SYN, a RST of the responder must acknowledge the initiator's
//!   (RFC 9293, section 3.10.7.3).
//! * Until the initiator acknowledges a SYN of the responder, another that acknowledges its own takes that one's place: the
//!   first was forged, or was lost behind us.
//! * An acknowledgement is believed from a segment that begins where its sender's next is expected, or where the last that
//!   was acknowledged ends; and where something was lost on its way here, from one within [`NEAR`] beyond that whose
//!   acknowledgement is as near. A forger who knows no number of either end guesses so in one of 2^24 tries.
//!   What was acknowledged has been sent, so expectations do not stay before a gap for ever; but nothing further ahead
//!   than the largest window (RFC 7323, section 2.3).
//!   In mid-stream, what was heard first counts no more where the far end acknowledges something else ([`UNDER_WAY`]), and
//!   until it acknowledges anything the responder's ends nothing.
//! * An error about a segment is believed only if that may be under way (RFC 5927, section 4.1), see `is_under_way`.
//! * A SYN in a synchronised state changes nothing (RFC 5961, section 4).
//! * A RST never prolongs a flow's life (RFC 7857, section 3.1, forbids it to one that answers an inbound packet).
//!
//! Deviates: RFC 6146 keeps a reset flow for 4 minutes and revives it by the next packet; here it lingers for
//! 15 seconds and nothing prolongs that. RFC 7857, section 2.2, asks for the same 4 minutes.
//! Deviates: RFC 6146 starts no session in mid-stream; here the first packet of any kind makes a record, since the
//! rules have judged it (a restart of the gateway breaks no connection).

use crate::{Segment, Side, State};
use packet::parse::{ACK, FIN, RST, SYN};

/// What is known of one end's sequence numbers; `una` and `next` as in RFC 9293, section 3.3.1.
#[derive(Clone, Copy, Debug, Default)]
struct Sender {
    /// What the far end acknowledged last; before that, where its SYN stands.
    una: u32,
    /// The end of what it has sent in order.
    next: u32,
    /// The number after its FIN.
    fin: u32,
}

/// How far beyond a gap segments and their acknowledgements are believed, in bytes: most windows are smaller.
const NEAR: u32 = 1 << 20;
/// The largest window, in bytes: nobody has sent more than that beyond what was acknowledged (RFC 7323, section 2.3).
const WINDOW: i32 = 1 << 30;
/// How far from what was heard first in mid-stream its acknowledgement may lie, in bytes: as much is under way at once in 100 ms
/// of 1.3 Gbit/s.
const UNDER_WAY: u32 = 1 << 24;

// Which of a sender's numbers are known.
const SENT: u8 = 1;
const ACKED: u8 = 2;
const FINISHED: u8 = 4;
/// What it has sent began in mid-stream, and no acknowledgement has come near that: anybody can have been the first to speak in
/// its name.
const FIRST: u8 = 8;

/// A connection's state, in 28 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tcp {
    senders: [Sender; 2],
    known: [u8; 2],
    state: State,
}

#[derive(Clone, Copy)]
struct Header {
    flags: u8,
    seq: u32,
    ack: u32,
    payload: u32,
}

impl Header {
    #[inline]
    fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The sequence number after this segment.
    #[inline]
    fn end(&self) -> u32 {
        let signs = u32::from(self.has(SYN)) + u32::from(self.has(FIN));
        self.seq.wrapping_add(self.payload).wrapping_add(signs)
    }
}

impl Tcp {
    /// The state after the flow's first packet, which the initiator sends.
    pub(crate) fn begin(segment: Segment) -> Self {
        let mut tcp = Self { senders: [Sender::default(); 2], known: [0; 2], state: State::Open };
        let Segment::Tcp { flags, seq, ack, payload_len: payload } = segment else { return tcp };
        let header = Header { flags, seq, ack, payload };
        if header.has(RST) {
            tcp.state = State::Closed;
        } else if segment.opens() {
            tcp.state = State::SynSent;
            tcp.open(Side::Initiator, &header);
        } else {
            tcp.state = State::Established;
            tcp.pass(Side::Initiator, &header);
        }
        tcp
    }

    #[inline]
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Takes note of a packet and says whether it prolongs the flow's life.
    #[inline]
    pub(crate) fn step(&mut self, from: Side, segment: Segment) -> bool {
        let Segment::Tcp { flags, seq, ack, payload_len: payload } = segment else {
            return self.state != State::Closed;
        };
        let header = Header { flags, seq, ack, payload };
        if matches!(self.state, State::Open | State::Closed) {
            return self.state == State::Open;
        }
        if header.has(RST) {
            if self.believes(from, &header) {
                self.state = State::Closed;
            }
            return false;
        }
        if header.has(SYN) {
            self.synchronise(from, &header);
        } else if self.state != State::SynSent {
            self.pass(from, &header);
        }
        true
    }

    /// A SYN: only an unfinished handshake listens.
    fn synchronise(&mut self, from: Side, syn: &Header) {
        match (self.state, from) {
            (State::SynSent, Side::Initiator) if !syn.has(ACK) => self.open(from, syn),
            (State::SynSent, Side::Responder) => {
                if syn.has(ACK) {
                    self.acknowledge_syn(Side::Initiator, syn.ack);
                    if !self.knows(Side::Initiator, ACKED) {
                        return;
                    }
                }
                self.open(from, syn);
                self.state = State::SynReceived;
            }
            (State::SynReceived, _) if syn.has(ACK) => {
                if from == Side::Responder {
                    self.answer_again(syn);
                }
                self.acknowledge_syn(from.other(), syn.ack);
                self.establish();
            }
            _ => {}
        }
    }

    /// A SYN+ACK with another number than the responder's SYN before: that was forged, or lost behind us and its sender has begun
    /// anew. While the initiator has acknowledged none, this one is its answer.
    fn answer_again(&mut self, syn: &Header) {
        let Sender { una, .. } = self.senders[Side::Initiator.index()];
        let is_known = self.knows(Side::Initiator, ACKED) && syn.ack == una;
        let is_answer = is_known || self.is_acceptable(Side::Initiator, syn.ack);
        let is_new = syn.seq != self.senders[Side::Responder.index()].una;
        if is_answer && is_new && !self.knows(Side::Responder, ACKED) {
            self.open(Side::Responder, syn);
        }
    }

    /// A segment without SYN and RST, the initiator's SYN having been answered or never been seen.
    #[inline]
    fn pass(&mut self, from: Side, header: &Header) {
        let is_in_order = self.advance(from, header);
        if header.has(ACK) {
            if self.state == State::SynReceived {
                self.acknowledge_syn(from.other(), header.ack);
            } else if is_in_order || self.is_near(from, header) {
                self.acknowledge(from.other(), header.ack);
            }
        }
        if header.has(FIN) {
            self.finish(from, header);
        }
        if self.state == State::SynReceived {
            self.establish();
        }
        if self.state == State::FinWait && Side::BOTH.into_iter().all(|side| self.is_finished(side)) {
            self.state = State::Closing;
        }
    }

    /// Whether a segment, and what it acknowledges, lie not far beyond what was seen in order.
    fn is_near(&self, from: Side, header: &Header) -> bool {
        let (near, far) = (&self.senders[from.index()], &self.senders[from.other().index()]);
        self.knows(from.other(), ACKED)
            && header.seq.wrapping_sub(near.next) <= NEAR
            && header.ack.wrapping_sub(far.una) <= NEAR
    }

    /// What was acknowledged has been sent, unless that is more than can be.
    #[inline]
    fn acknowledge(&mut self, sender: Side, ack: u32) {
        let (is_sent, is_first) = (self.knows(sender, SENT), self.knows(sender, FIRST));
        let sent = &mut self.senders[sender.index()];
        let known = &mut self.known[sender.index()];
        if is_sent {
            let ahead = ack.wrapping_sub(sent.next) as i32;
            let is_made_up = is_first && ahead.unsigned_abs() > UNDER_WAY;
            if ahead > WINDOW && !is_made_up {
                return;
            }
            if ahead > 0 || is_made_up {
                sent.next = ack;
            }
            if !is_made_up {
                *known &= !FIRST;
            }
        }
        sent.una = ack;
        *known |= ACKED;
    }

    fn open(&mut self, from: Side, syn: &Header) {
        self.senders[from.index()] = Sender { una: syn.seq, next: syn.end(), fin: 0 };
        self.known[from.index()] = SENT;
    }

    /// Believes an acknowledgement of `sender`'s SYN if it lies within what `sender` has sent.
    fn acknowledge_syn(&mut self, sender: Side, ack: u32) {
        if self.is_acceptable(sender, ack) {
            self.senders[sender.index()].una = ack;
            self.known[sender.index()] |= ACKED;
        }
    }

    /// RFC 9293, section 3.10.7.3: SND.UNA < SEG.ACK =< SND.NXT.
    fn is_acceptable(&self, sender: Side, ack: u32) -> bool {
        let Sender { una, next, .. } = self.senders[sender.index()];
        ack != una && ack.wrapping_sub(una) <= next.wrapping_sub(una)
    }

    fn establish(&mut self) {
        if Side::BOTH.into_iter().all(|side| self.knows(side, ACKED)) {
            // With data in the SYN, the responder may have closed before its own SYN was acknowledged.
            let has_fin = Side::BOTH.into_iter().any(|side| self.knows(side, FINISHED));
            self.state = if has_fin { State::FinWait } else { State::Established };
        }
    }

    fn finish(&mut self, from: Side, fin: &Header) {
        self.senders[from.index()].fin = fin.end();
        self.known[from.index()] |= FINISHED;
        if self.state == State::Established {
            self.state = State::FinWait;
        }
    }

    fn is_finished(&self, side: Side) -> bool {
        let sender = &self.senders[side.index()];
        self.knows(side, ACKED | FINISHED) && sender.una == sender.fin
    }

    /// Moves the end of what was sent in order; a segment beyond a gap does not count. Returns whether the segment begins where
    /// its sender's next is expected.
    #[inline]
    fn advance(&mut self, from: Side, header: &Header) -> bool {
        let resent = self.knows(from, ACKED);
        let sender = &mut self.senders[from.index()];
        let known = &mut self.known[from.index()];
        let end = header.end();
        let is_ahead = end.wrapping_sub(sender.next) as i32 > 0;
        let is_resent = resent && header.seq == sender.una;
        if *known & SENT == 0 {
            // Until the far end acknowledges something, nothing before this was ever sent as far as anybody here knows.
            *sender = Sender { una: if resent { sender.una } else { header.seq }, next: end, ..*sender };
            *known |= SENT | FIRST;
            true
        } else if header.seq == sender.next {
            sender.next = end;
            true
        } else {
            if is_resent && is_ahead {
                sender.next = end;
            }
            is_resent
        }
    }

    /// Whether the receiver of this RST resets its connection (RFC 5961, section 3.2).
    fn believes(&self, from: Side, rst: &Header) -> bool {
        let sender = &self.senders[from.index()];
        let is_half_open = matches!(self.state, State::SynSent | State::SynReceived);
        let may_refuse = is_half_open && from == Side::Responder;
        // The initiator's first segment is what the record was made for.
        let is_hearsay = from == Side::Responder && self.knows(from, FIRST);
        let is_strange = is_hearsay || may_refuse && self.is_unvouched();
        self.knows(from, SENT) && rst.seq == sender.next && !is_strange
            || self.knows(from, ACKED) && rst.seq == sender.una
            || may_refuse && rst.has(ACK) && self.is_acceptable(Side::Initiator, rst.ack)
    }

    /// Whether neither end has acknowledged the other's SYN: anybody can have sent the responder's, under any number.
    fn is_unvouched(&self) -> bool {
        Side::BOTH.into_iter().all(|side| !self.knows(side, ACKED))
    }

    /// Whether a segment of `sender` with this sequence number is under way, as far as can be known here: not acknowledged,
    /// and not beyond what was sent in order (RFC 5927, section 4.1, SND.UNA =< SEG.SEQ =< SND.NXT).
    ///
    /// Flows without TCP state say yes.
    pub(crate) fn is_under_way(&self, sender: Side, seq: u32) -> bool {
        if self.state == State::Open {
            return true;
        }
        let Sender { una, next, .. } = self.senders[sender.index()];
        let sent = next.wrapping_sub(una);
        // What lies beyond a gap may be acknowledged before it was counted as sent.
        let sent = if (sent as i32) < 0 { 0 } else { sent };
        self.knows(sender, SENT) && seq.wrapping_sub(una) <= sent
    }

    fn knows(&self, side: Side, what: u8) -> bool {
        self.known[side.index()] & what == what
    }
}
