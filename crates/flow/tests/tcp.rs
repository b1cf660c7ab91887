//! TCP through the public interface: every state × packet × side, then the stories that need more than one packet.

#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{IDLE, key};
use flow::{NewFlow, Segment, Side, State, Table, Touched};
use packet::parse::{ACK, FIN, RST, SYN};
use packet::{Owner, Time};
use std::time::Duration;

use Side::{Initiator, Responder};

/// One connection in a table of its own; each end's next sequence number is kept by the test.
struct Talk {
    table: Table<()>,
    now: Time,
    next: [u32; 2],
}

const ISN: [u32; 2] = [u32::MAX - 50, 5_000];

impl Talk {
    fn begin(segment: Segment) -> Self {
        let mut table = Table::new(1, [5, 6]).unwrap();
        let new = NewFlow {
            initiator: key(0),
            responder: key(0).reversed(),
            owner: Owner::default(),
            idle: IDLE,
            action: (),
        };
        table.insert(new, Time::ZERO, segment, 1, 60).unwrap();
        Self { table, now: Time::ZERO, next: ISN }
    }

    /// A connection whose initiator has sent its SYN.
    fn syn_sent() -> Self {
        let mut talk = Self::begin(tcp(SYN, ISN[0], 0, 0));
        talk.next[0] = ISN[0].wrapping_add(1);
        talk
    }

    fn established() -> Self {
        let mut talk = Self::syn_sent();
        talk.says(Responder, SYN | ACK, 0);
        talk.says(Initiator, ACK, 0);
        talk.says(Initiator, ACK, 100);
        talk.says(Responder, ACK, 0);
        talk
    }

    fn in_state(state: State) -> Self {
        let mut talk = match state {
            State::Open => Self::begin(Segment::Other),
            State::SynSent => Self::syn_sent(),
            State::SynReceived => {
                let mut talk = Self::syn_sent();
                talk.says(Responder, SYN | ACK, 0);
                talk
            }
            _ => Self::established(),
        };
        match state {
            State::FinWait => talk.says(Initiator, FIN | ACK, 0),
            State::Closing => {
                talk.says(Initiator, FIN | ACK, 0);
                talk.says(Responder, FIN | ACK, 0);
                talk.says(Initiator, ACK, 0)
            }
            State::Closed => talk.says(Responder, RST, 0),
            _ => talk.state(),
        };
        assert_eq!(talk.state(), state, "the way to it");
        talk
    }

    /// The next segment in order, acknowledging all that the far end has said.
    fn says(&mut self, side: Side, flags: u8, payload: u32) -> State {
        let seq = self.next[side as usize];
        let ack = self.next[side.other() as usize];
        let signs = (flags & SYN != 0) as u32 + (flags & FIN != 0) as u32;
        self.next[side as usize] = seq.wrapping_add(payload).wrapping_add(signs);
        self.sends(side, tcp(flags, seq, ack, payload))
    }

    fn sends(&mut self, side: Side, segment: Segment) -> State {
        let before = self.state();
        let (id, _) = self.table.find(&key(0)).unwrap();
        let touched = self.table.touch(id, side, self.now, segment, 1, 60);
        let after = self.state();
        assert_eq!(touched, if after == before { Touched::Same } else { Touched::Became(after) });
        after
    }

    fn state(&self) -> State {
        self.flow().state
    }

    fn flow(&self) -> flow::Flow<&()> {
        self.table.flow(self.table.find(&key(0)).unwrap().0).unwrap()
    }

    /// Seconds from now to the end of the record.
    fn left(&self) -> u64 {
        self.flow().deadline.since(self.now).as_secs()
    }

    fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

fn tcp(flags: u8, seq: u32, ack: u32, payload_len: u32) -> Segment {
    Segment::Tcp { flags, seq, ack, payload_len }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Syn,
    SynAck,
    Ack,
    Data,
    Fin,
    Rst,
    RstOffByOne,
    Refusal,
    Other,
}

/// A packet, and what it makes of a state if the initiator sends it and if the responder does.
type Cell = (Kind, State, State);

#[rustfmt::skip]
fn table() -> [(State, [Cell; 9]); 7] {
    use Kind::*;
    use State::{Closed, Closing, Established, FinWait, Open, SynReceived, SynSent};
    [
        (Open, [
            (Syn, Open, Open), (SynAck, Open, Open), (Ack, Open, Open), (Data, Open, Open), (Fin, Open, Open),
            (Rst, Open, Open), (RstOffByOne, Open, Open), (Refusal, Open, Open), (Other, Open, Open),
        ]),
        (SynSent, [
            (Syn, SynSent, SynReceived), (SynAck, SynSent, SynReceived), (Ack, SynSent, SynSent),
            (Data, SynSent, SynSent), (Fin, SynSent, SynSent),
            (Rst, Closed, SynSent), (RstOffByOne, SynSent, SynSent), (Refusal, SynSent, Closed),
            (Other, SynSent, SynSent),
        ]),
        (SynReceived, [
            (Syn, SynReceived, SynReceived), (SynAck, Established, SynReceived), (Ack, Established, SynReceived),
            (Data, Established, SynReceived), (Fin, FinWait, SynReceived),
            (Rst, Closed, Closed), (RstOffByOne, SynReceived, SynReceived), (Refusal, SynReceived, SynReceived),
            (Other, SynReceived, SynReceived),
        ]),
        (Established, [
            (Syn, Established, Established), (SynAck, Established, Established), (Ack, Established, Established),
            (Data, Established, Established), (Fin, FinWait, FinWait),
            (Rst, Closed, Closed), (RstOffByOne, Established, Established), (Refusal, Established, Established),
            (Other, Established, Established),
        ]),
        (FinWait, [
            (Syn, FinWait, FinWait), (SynAck, FinWait, FinWait), (Ack, FinWait, FinWait),
            (Data, FinWait, FinWait), (Fin, FinWait, FinWait),
            (Rst, Closed, Closed), (RstOffByOne, FinWait, FinWait), (Refusal, FinWait, FinWait),
            (Other, FinWait, FinWait),
        ]),
        (Closing, [
            (Syn, Closing, Closing), (SynAck, Closing, Closing), (Ack, Closing, Closing),
            (Data, Closing, Closing), (Fin, Closing, Closing),
            (Rst, Closed, Closed), (RstOffByOne, Closing, Closing), (Refusal, Closing, Closing),
            (Other, Closing, Closing),
        ]),
        (Closed, [
            (Syn, Closed, Closed), (SynAck, Closed, Closed), (Ack, Closed, Closed), (Data, Closed, Closed),
            (Fin, Closed, Closed), (Rst, Closed, Closed), (RstOffByOne, Closed, Closed), (Refusal, Closed, Closed),
            (Other, Closed, Closed),
        ]),
    ]
}

fn packet(kind: Kind, seq: u32, ack: u32) -> Segment {
    match kind {
        Kind::Syn => tcp(SYN, seq, 0, 0),
        Kind::SynAck => tcp(SYN | ACK, seq, ack, 0),
        Kind::Ack => tcp(ACK, seq, ack, 0),
        Kind::Data => tcp(ACK, seq, ack, 10),
        Kind::Fin => tcp(FIN | ACK, seq, ack, 0),
        Kind::Rst => tcp(RST, seq, 0, 0),
        Kind::RstOffByOne => tcp(RST, seq.wrapping_add(1), 0, 0),
        Kind::Refusal => tcp(RST | ACK, 0, ack, 0),
        Kind::Other => Segment::Other,
    }
}

#[test]
fn every_state_packet_and_side() {
    for (state, cells) in table() {
        for (kind, if_initiator, if_responder) in cells {
            for (side, expected) in [(Initiator, if_initiator), (Responder, if_responder)] {
                let mut talk = Talk::in_state(state);
                let before = talk.flow().deadline;
                talk.wait(1);
                let seq = talk.next[side as usize];
                let ack = talk.next[side.other() as usize];
                let segment = packet(kind, seq, ack);
                let found = talk.sends(side, segment);
                assert_eq!(found, expected, "{kind:?} from {side:?} in {state:?}");
                let reopens = kind == Kind::Syn && matches!(state, State::Closing | State::Closed);
                let (id, _) = talk.table.find(&key(0)).unwrap();
                assert_eq!(talk.table.would_reopen(id, segment), reopens, "{kind:?} in {state:?}");
                let is_rst = matches!(kind, Kind::Rst | Kind::RstOffByOne | Kind::Refusal);
                if state == State::Closed || is_rst && state != State::Open {
                    assert!(talk.flow().deadline <= before, "{kind:?} in {state:?} prolongs a life");
                } else {
                    let seconds = match expected {
                        State::SynSent | State::SynReceived => 30,
                        State::Closing => 65,
                        _ => 240,
                    };
                    assert_eq!(talk.left(), seconds, "{kind:?} from {side:?} in {state:?}");
                }
            }
        }
    }
}

#[test]
fn two_syns_that_cross_make_a_connection() {
    let mut talk = Talk::syn_sent();
    assert_eq!(talk.says(Responder, SYN, 0), State::SynReceived);
    talk.sends(Initiator, tcp(SYN | ACK, ISN[0], talk.next[1], 0));
    assert_eq!(talk.state(), State::SynReceived, "only one SYN is acknowledged");
    let answer = tcp(SYN | ACK, ISN[1], talk.next[0], 0);
    assert_eq!(talk.sends(Responder, answer), State::Established);
}

#[test]
fn a_wrong_acknowledgement_answers_no_syn() {
    let mut talk = Talk::syn_sent();
    for wrong in [ISN[0], talk.next[0].wrapping_add(1), 0x4000_0000] {
        assert_eq!(talk.sends(Responder, tcp(SYN | ACK, 5_000, wrong, 0)), State::SynSent);
        assert_eq!(talk.sends(Responder, tcp(RST | ACK, 0, wrong, 0)), State::SynSent);
    }
    assert_eq!(talk.says(Responder, SYN | ACK, 0), State::SynReceived);
    assert_eq!(talk.sends(Initiator, tcp(ACK, talk.next[0], 5_002, 0)), State::SynReceived);
    assert_eq!(talk.says(Initiator, ACK, 0), State::Established);
}

/// Whoever knows no number can send a SYN in the responder's name before it answers: neither the true answer is lost on the
/// record by that, nor does a RST to match end it.
#[test]
fn a_forged_syn_stands_in_for_no_answer() {
    const FORGED: u32 = 0x5555_0000;
    for (forged, after) in
        [(FORGED, ISN[1]), (ISN[1].wrapping_sub(1), ISN[1]), (ISN[1].wrapping_add(1), ISN[1])]
    {
        let mut talk = Talk::syn_sent();
        assert_eq!(talk.sends(Responder, tcp(SYN, forged, 0, 0)), State::SynReceived);
        for flags in [RST, RST | ACK] {
            let reset = tcp(flags, forged.wrapping_add(1), ISN[0], 0);
            assert_eq!(talk.sends(Responder, reset), State::SynReceived, "{forged}");
        }
        talk.sends(Responder, tcp(FIN | ACK, forged.wrapping_add(1), 7, 0));
        assert_eq!(talk.sends(Responder, tcp(SYN | ACK, after, talk.next[0], 0)), State::SynReceived);
        talk.next[1] = after.wrapping_add(1);
        assert_eq!(talk.says(Initiator, ACK, 0), State::Established, "{forged}");
        assert_eq!(talk.left(), 240);
        if forged.wrapping_add(1) != after {
            let reset = tcp(RST, forged.wrapping_add(1), 0, 0);
            assert_eq!(talk.sends(Responder, reset), State::Established, "{forged}");
        }
        assert_eq!(talk.says(Responder, RST, 0), State::Closed);
    }
    let mut talk = Talk::syn_sent();
    talk.sends(Responder, tcp(SYN, FORGED, 0, 0));
    assert_eq!(talk.sends(Responder, tcp(RST | ACK, 0, talk.next[0], 0)), State::Closed, "the true refusal");
}

/// The first answer was lost on its way to the initiator, and its SYN, sent again, is answered under another number.
#[test]
fn the_last_answer_to_a_syn_counts_until_one_is_acknowledged() {
    const LOST: u32 = 0x7777_0000;
    for data in [0, 500] {
        let mut talk = Talk::begin(tcp(SYN, ISN[0], 0, data));
        talk.next[0] = ISN[0].wrapping_add(1 + data);
        assert_eq!(talk.sends(Responder, tcp(SYN | ACK, LOST, talk.next[0], 0)), State::SynReceived);
        talk.sends(Initiator, tcp(SYN, ISN[0], 0, 0));
        assert_eq!(talk.says(Responder, SYN | ACK, 0), State::SynReceived);
        assert_eq!(talk.says(Initiator, ACK, 0), State::Established);
        assert_eq!(talk.sends(Responder, tcp(RST, LOST.wrapping_add(1), 0, 0)), State::Established);
        assert_eq!(talk.says(Responder, RST, 0), State::Closed);
    }
}

/// Not what acknowledges another SYN, and nothing once the initiator has acknowledged one.
#[test]
fn no_other_answer_counts() {
    let mut talk = Talk::in_state(State::SynReceived);
    for wrong in [ISN[0], talk.next[0].wrapping_add(1)] {
        talk.sends(Responder, tcp(SYN | ACK, 77, wrong, 0));
    }
    talk.sends(Responder, tcp(SYN, 77, 0, 0));
    assert_eq!(talk.says(Initiator, ACK, 0), State::Established);

    let mut talk = Talk::syn_sent();
    talk.says(Responder, SYN, 0);
    talk.sends(Initiator, tcp(SYN | ACK, ISN[0], talk.next[1], 0));
    assert_eq!(talk.sends(Responder, tcp(SYN | ACK, 77, talk.next[0], 0)), State::Established);
    assert_eq!(talk.sends(Responder, tcp(RST, 78, 0, 0)), State::Established);
    assert_eq!(
        talk.says(Responder, RST, 0),
        State::Closed,
        "it was the first that the initiator acknowledged"
    );
}

/// Of two SYNs that cross, the second one's sender gives up: the receiver believes that where it says what it answers, or where
/// its own number was acknowledged.
#[test]
fn a_reset_ends_a_simultaneous_open() {
    let mut talk = Talk::syn_sent();
    talk.says(Responder, SYN, 0);
    assert_eq!(talk.says(Responder, RST | ACK, 0), State::Closed);

    let mut talk = Talk::syn_sent();
    talk.says(Responder, SYN, 0);
    talk.sends(Initiator, tcp(SYN | ACK, ISN[0], talk.next[1], 0));
    assert_eq!(talk.says(Responder, RST, 0), State::Closed);
}

#[test]
fn data_in_the_syn_may_be_acknowledged_or_not() {
    for acknowledged in [1, 501] {
        let mut talk = Talk::begin(tcp(SYN, ISN[0], 0, 500));
        let ack = ISN[0].wrapping_add(acknowledged);
        assert_eq!(talk.sends(Responder, tcp(SYN | ACK, 5_000, ack, 0)), State::SynReceived);
        assert_eq!(talk.sends(Initiator, tcp(ACK, ack, 5_001, 0)), State::Established);
    }
}

#[test]
fn a_fin_before_the_handshake_ends_is_remembered() {
    let mut talk = Talk::begin(tcp(SYN, ISN[0], 0, 500));
    talk.next[0] = ISN[0].wrapping_add(501);
    talk.says(Responder, SYN | ACK, 0);
    talk.says(Responder, ACK, 1_000);
    assert_eq!(talk.says(Responder, FIN | ACK, 0), State::SynReceived);
    assert_eq!(talk.says(Initiator, ACK, 0), State::FinWait);
    assert_eq!(talk.says(Initiator, FIN | ACK, 0), State::FinWait);
    assert_eq!(talk.says(Responder, ACK, 0), State::Closing);
}

#[test]
fn time_that_runs_backwards_shortens_no_life() {
    let mut talk = Talk::established();
    talk.wait(100);
    talk.says(Initiator, ACK, 10);
    let before = talk.flow();
    let (deadline, last_seen) = (before.deadline, before.last_seen);
    talk.now = Time::ZERO;
    talk.says(Responder, ACK, 10);
    assert_eq!((talk.flow().deadline, talk.flow().last_seen), (deadline, last_seen));
}

#[test]
fn a_half_closed_connection_lives_as_long_as_data_flows() {
    let mut talk = Talk::established();
    assert_eq!(talk.says(Initiator, FIN | ACK, 0), State::FinWait);
    for _ in 0..20 {
        talk.wait(239);
        assert!(talk.table.expire(talk.now, 10, |_| panic!("it is alive")));
        assert_eq!(talk.says(Responder, ACK, 1_000), State::FinWait);
        talk.says(Initiator, ACK, 0);
    }
    assert_eq!(talk.says(Responder, FIN | ACK, 0), State::FinWait);
    assert_eq!(talk.says(Initiator, ACK, 0), State::Closing);
    assert_eq!(talk.left(), 65);
}

#[test]
fn both_ends_may_close_at_once() {
    let mut talk = Talk::established();
    let [initiator, responder] = talk.next;
    talk.sends(Initiator, tcp(FIN | ACK, initiator, responder, 0));
    talk.sends(Responder, tcp(FIN | ACK, responder, initiator, 0));
    talk.sends(Initiator, tcp(ACK, initiator.wrapping_add(1), responder.wrapping_add(1), 0));
    assert_eq!(talk.state(), State::FinWait, "one FIN is not acknowledged");
    talk.sends(Responder, tcp(ACK, responder.wrapping_add(1), initiator.wrapping_add(1), 0));
    assert_eq!(talk.state(), State::Closing);
}

#[test]
fn forged_fins_close_nothing() {
    let mut talk = Talk::established();
    let [initiator, responder] = talk.next;
    talk.sends(Initiator, tcp(FIN | ACK, initiator.wrapping_add(7_000), responder, 0));
    talk.sends(Responder, tcp(FIN | ACK, responder.wrapping_add(9_000), initiator, 0));
    for _ in 0..10 {
        talk.says(Initiator, ACK, 1_000);
        talk.says(Responder, ACK, 1_000);
    }
    assert_eq!(talk.state(), State::FinWait);
    assert_eq!(talk.left(), 240);
    talk.says(Initiator, FIN | ACK, 0);
    talk.says(Responder, FIN | ACK, 0);
    assert_eq!(talk.says(Initiator, ACK, 0), State::Closing, "the true ones still do");
}

#[test]
fn a_reset_after_unacknowledged_data_is_believed() {
    let mut talk = Talk::established();
    let acknowledged = talk.next[1];
    talk.says(Responder, ACK, 1_448);
    talk.says(Responder, ACK, 30_000);
    let end = talk.next[1];
    assert_eq!(talk.sends(Responder, tcp(RST, end.wrapping_sub(1), 0, 0)), State::Established);
    assert_eq!(talk.sends(Responder, tcp(RST | ACK, end, talk.next[0], 0)), State::Closed);

    // The answer to a challenge carries the number that the challenge acknowledged (RFC 5961, section 3.2).
    let mut talk = Talk::established();
    talk.says(Responder, ACK, 1_448);
    assert_eq!(talk.sends(Responder, tcp(RST, acknowledged, 0, 0)), State::Closed);
}

#[test]
fn data_beyond_a_gap_moves_no_expectation() {
    let mut talk = Talk::established();
    let forged = talk.next[1].wrapping_add(50_000);
    talk.sends(Responder, tcp(ACK, forged, talk.next[0], 100));
    assert_eq!(talk.sends(Responder, tcp(RST, forged.wrapping_add(100), 0, 0)), State::Established);
}

#[test]
fn a_reset_shortens_a_life_and_never_prolongs_it() {
    let mut talk = Talk::established();
    assert_eq!(talk.says(Responder, RST, 0), State::Closed);
    assert_eq!(talk.left(), 15);

    let mut talk = Talk::established();
    talk.wait(235);
    assert_eq!(talk.says(Responder, RST, 0), State::Closed);
    assert_eq!(talk.left(), 5);
    talk.wait(4);
    talk.says(Initiator, ACK, 100);
    assert_eq!(talk.left(), 1, "nothing prolongs it afterwards");
}

#[test]
fn a_flow_is_picked_up_in_mid_stream() {
    let mut talk = Talk::begin(tcp(ACK, 700, 900, 50));
    assert_eq!((talk.state(), talk.left()), (State::Established, 240));
    assert_eq!(talk.sends(Responder, tcp(RST, 899, 0, 0)), State::Established);
    assert_eq!(talk.sends(Responder, tcp(RST, 900, 0, 0)), State::Closed);

    let mut talk = Talk::begin(tcp(FIN | ACK, 700, 900, 0));
    assert_eq!(talk.state(), State::FinWait);
    talk.sends(Responder, tcp(FIN | ACK, 900, 701, 0));
    assert_eq!(talk.sends(Initiator, tcp(ACK, 701, 901, 0)), State::Closing);

    assert_eq!(Talk::begin(tcp(SYN | ACK, 700, 900, 0)).state(), State::Established);
    let talk = Talk::begin(tcp(RST, 700, 0, 0));
    assert_eq!((talk.state(), talk.left()), (State::Closed, 15));
}

/// Between the first packet after a restart and its answer a stranger speaks in the responder's name.
#[test]
fn a_forged_first_segment_in_mid_stream_is_forgotten() {
    const ANYWHERE: [u32; 6] = [0x0200_0000, 0x4000_0000, 0x7fff_0000, 0x8000_0384, 0xa000_0000, 0xf000_0000];
    for (forged, forged_ack) in ANYWHERE.into_iter().flat_map(|seq| ANYWHERE.map(|ack| (seq, ack))) {
        for (last, seq) in [(Responder, 950), (Initiator, 800)] {
            let mut talk = Talk::begin(tcp(ACK, 700, 900, 50));
            talk.sends(Responder, tcp(ACK, forged, forged_ack, 0));
            talk.sends(Responder, tcp(ACK, 900, 750, 50));
            talk.sends(Initiator, tcp(ACK, 750, 950, 50));
            talk.sends(Responder, tcp(RST, forged, 0, 0));
            assert_eq!(talk.state(), State::Established, "{forged} {forged_ack}");
            assert_eq!(talk.sends(last, tcp(RST, seq, 0, 0)), State::Closed, "{forged} {forged_ack}");
        }
    }
}

/// Nobody but the forger has named the number that its RST has.
#[test]
fn two_forged_segments_in_mid_stream_end_nothing() {
    let mut talk = Talk::begin(tcp(ACK, 700, 900, 50));
    talk.sends(Responder, tcp(ACK, 5_000, 750, 20));
    assert_eq!(talk.sends(Responder, tcp(RST, 5_020, 0, 0)), State::Established);
    let mut talk = Talk::begin(tcp(ACK, 700, 900, 50));
    talk.sends(Responder, tcp(ACK, 900, 750, 50));
    talk.sends(Initiator, tcp(ACK, 750, 950, 0));
    assert_eq!(talk.sends(Responder, tcp(RST, 950, 0, 0)), State::Closed, "a true one, acknowledged");
}

/// What was under way when the first of it is acknowledged still is.
#[test]
fn a_stream_is_picked_up_with_all_that_is_under_way() {
    let mut talk = Talk::begin(tcp(ACK, 700, 900, 1_448));
    for nth in 1..100 {
        talk.sends(Initiator, tcp(ACK, 700 + nth * 1_448, 900, 1_448));
    }
    talk.sends(Responder, tcp(ACK, 900, 700 + 1_448, 0));
    let (id, _) = talk.table.find(&key(0)).unwrap();
    assert!(talk.table.is_under_way(id, Initiator, 700 + 99 * 1_448));
    assert!(!talk.table.is_under_way(id, Initiator, 700 + 101 * 1_448));
}

/// RFC 5961, section 3: a RST inside the window but not exact must not tear the connection down.
#[test]
fn an_inexact_reset_in_the_window_ends_nothing() {
    for side in [Initiator, Responder] {
        for off in [1, 2, 100, 1_447, 30_000, 65_535] {
            let mut talk = Talk::established();
            talk.says(side, ACK, 1_448);
            let before = talk.left();
            let end = talk.next[side as usize];
            assert_eq!(talk.sends(side, tcp(RST, end.wrapping_add(off), 0, 0)), State::Established);
            assert_eq!(
                talk.sends(side, tcp(RST | ACK, end.wrapping_sub(1_448 + off), 0, 0)),
                State::Established
            );
            assert_eq!(talk.left(), before);
        }
    }
}

/// RFC 5961, section 4: whoever gets a SYN in a connection answers with a challenge, and both go on.
#[test]
fn a_syn_and_its_challenge_change_nothing() {
    for off in [0, 1, 5_000, 0x8000_0000] {
        let mut talk = Talk::established();
        let seq = talk.next[1].wrapping_add(off);
        assert_eq!(talk.sends(Responder, tcp(SYN, seq, 0, 0)), State::Established);
        assert_eq!(talk.says(Initiator, ACK, 0), State::Established, "the challenge");
        assert_eq!(talk.says(Responder, ACK, 100), State::Established);
        assert_eq!(talk.says(Responder, RST, 0), State::Closed, "what was expected next still is");
    }
}

/// Data of both ends that was lost on its way here, at the same time: what they acknowledge goes on counting.
#[test]
fn gaps_on_both_sides_are_left_behind() {
    let mut talk = Talk::established();
    for side in [Initiator, Responder] {
        talk.next[side as usize] = talk.next[side as usize].wrapping_add(1_448);
    }
    for _ in 0..1_000 {
        talk.says(Initiator, ACK, 1_448);
        talk.says(Responder, ACK, 1_448);
    }
    let (id, _) = talk.table.find(&key(0)).unwrap();
    let last = talk.next[0];
    assert!(talk.table.is_under_way(id, Initiator, last), "acknowledged just now");
    assert!(!talk.table.is_under_way(id, Initiator, last.wrapping_sub(1_448)), "long acknowledged");
    assert_eq!(talk.says(Initiator, RST, 0), State::Closed);
}

/// Beyond a gap, as far as segments and what they acknowledge are believed.
const NEAR: u32 = 1 << 20;

#[test]
fn beyond_a_gap_both_numbers_must_be_near() {
    for (seq, ack, is_believed) in
        [(1, NEAR, true), (NEAR, 1, true), (NEAR + 1, 1, false), (1, NEAR + 1, false)]
    {
        let mut talk = Talk::established();
        let ack = talk.next[0].wrapping_add(ack);
        talk.sends(Responder, tcp(ACK, talk.next[1].wrapping_add(seq), ack, 100));
        let expected = if is_believed { State::Closed } else { State::Established };
        assert_eq!(talk.sends(Initiator, tcp(RST, ack, 0, 0)), expected, "{seq} {ack}");
    }
}

/// RFC 5961, section 5: data and acknowledgements out of nowhere move nothing that a reset is measured by.
#[test]
fn blind_data_moves_no_expectation() {
    for last in [Responder, Initiator] {
        let mut talk = Talk::established();
        for off in [1u32, 9_000, NEAR + 1, 0x7fff_0000, 0xf000_0000] {
            let seq = talk.next[1].wrapping_add(off);
            // Whoever comes near with one number has guessed, and the other is anywhere.
            let ack = talk.next[0].wrapping_add(off.max(NEAR + 1));
            talk.sends(Responder, tcp(ACK, seq, ack, 500));
            let reset = talk.sends(Responder, tcp(RST, seq.wrapping_add(500), 0, 0));
            assert_eq!(reset, State::Established);
            assert_eq!(talk.sends(Initiator, tcp(RST, ack, 0, 0)), State::Established, "{off}");
        }
        assert_eq!(talk.says(last, RST, 0), State::Closed);
    }
}

/// Not even its peer can make an end believe that it has sent more than any window holds.
#[test]
fn nobody_acknowledges_more_than_can_be_sent() {
    for (ahead, is_believed) in [(1u32 << 30, true), ((1 << 30) + 1, false), (0x7fff_ffff, false)] {
        let mut talk = Talk::established();
        let ack = talk.next[0].wrapping_add(ahead);
        talk.sends(Responder, tcp(ACK, talk.next[1], ack, 0));
        let expected = if is_believed { State::Closed } else { State::Established };
        assert_eq!(talk.sends(Initiator, tcp(RST, ack, 0, 0)), expected, "{ahead}");
    }
}

/// RFC 5927, section 4.1: an error about a segment that can not be under way is forged or late.
#[test]
fn errors_are_believed_only_about_what_is_under_way() {
    let mut talk = Talk::syn_sent();
    let believes = |talk: &Talk, side: Side, seq: u32| {
        let (id, _) = talk.table.find(&key(0)).unwrap();
        talk.table.is_under_way(id, side, seq)
    };
    assert!(believes(&talk, Initiator, ISN[0]) && !believes(&talk, Initiator, ISN[0].wrapping_sub(1)));
    assert!(!believes(&talk, Responder, ISN[1]), "it has sent nothing");
    talk.says(Responder, SYN | ACK, 0);
    talk.says(Initiator, ACK, 0);
    let start = talk.next[0];
    for _ in 0..10 {
        talk.says(Initiator, ACK, 1_448);
    }
    let end = talk.next[0];
    for (seq, expected) in [
        (start, true),
        (start.wrapping_add(1_448), true),
        (end, true),
        (start.wrapping_sub(1), false),
        (end.wrapping_add(1), false),
        (end.wrapping_add(0x8000_0000), false),
    ] {
        assert_eq!(believes(&talk, Initiator, seq), expected, "{seq} of {start}..{end}");
    }
    talk.says(Responder, ACK, 0);
    assert!(believes(&talk, Initiator, end) && !believes(&talk, Initiator, start), "acknowledged");

    // In mid-stream, from the first segment that was seen.
    let talk = Talk::begin(tcp(ACK, 700, 900, 50));
    for (seq, expected) in [(699, false), (700, true), (750, true), (751, false)] {
        assert_eq!(believes(&talk, Initiator, seq), expected, "{seq}");
    }
    assert!(!believes(&talk, Responder, 900), "it has sent nothing that was seen");

    // The far end may acknowledge what came to it another way, beyond a gap here.
    let mut talk = Talk::established();
    let una = talk.next[0].wrapping_add(50_000);
    talk.sends(Responder, tcp(ACK, talk.next[1], una, 0));
    assert!(believes(&talk, Initiator, una) && !believes(&talk, Initiator, una.wrapping_add(1)));

    // But not whoever knows none of its numbers; and of one that sends again what nobody has acknowledged it is believed.
    let mut talk = Talk::established();
    for off in [1, 1_000, 0x7000_0000, 0x9000_0000] {
        let forged = talk.next[0].wrapping_sub(off);
        talk.sends(Responder, tcp(ACK, talk.next[1].wrapping_sub(off), forged, 100));
        assert!(!believes(&talk, Initiator, forged), "{off}");
    }
    let [start, again] = talk.next;
    talk.says(Responder, ACK, 500);
    talk.sends(Initiator, tcp(ACK, start, again, 300));
    let end = start.wrapping_add(300);
    talk.sends(Responder, tcp(ACK, again, end, 500));
    assert!(believes(&talk, Initiator, end) && !believes(&talk, Initiator, start));
}
