//! Nobody takes the whole table: what the rules of `shares.rs` promise, seen from outside.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{IDLE, key};
use flow::{NewFlow, Refusal, Segment, Side, Table};
use packet::parse::{ACK, RST, SYN};
use packet::{Owner, Time};
use proptest::prelude::*;
use std::collections::BTreeMap;

const HOG: Owner = Owner(0);
const QUIET: Owner = Owner(1);

/// A table whose flows' actions say whose they are and whether they were answered.
struct Busy {
    table: Table<(Owner, bool)>,
    clients: u32,
}

/// Who had to go.
type Gone = Option<(Owner, bool)>;

impl Busy {
    fn new(capacity: usize, owners: u16) -> Self {
        let mut table = Table::new(capacity, [1, 2]).unwrap();
        table.announce((0..owners).map(Owner));
        Self { table, clients: 0 }
    }

    fn begin(&mut self, owner: Owner, first: Segment) -> Result<Gone, Refusal> {
        self.clients += 1;
        let (initiator, responder) = (key(self.clients), key(self.clients).reversed());
        let new = NewFlow { initiator, responder, owner, idle: IDLE, action: (owner, false) };
        let inserted = self.table.insert(new, Time::ZERO, first, 1, 60).map_err(|refused| refused.why)?;
        Ok(inserted.evicted.map(|flow| flow.action))
    }

    /// The latest flow is answered.
    fn answer(&mut self) {
        let (id, side) = self.table.find(&key(self.clients).reversed()).unwrap();
        assert_eq!(side, Side::Responder);
        self.table.touch(id, side, Time::ZERO, Segment::Other, 1, 60);
        self.table.get_mut(id).unwrap().1 = true;
    }

    fn answered(&mut self, owner: Owner) -> Result<Gone, Refusal> {
        let gone = self.begin(owner, Segment::Other)?;
        self.answer();
        Ok(gone)
    }

    fn held(&self) -> BTreeMap<Owner, usize> {
        let mut held = BTreeMap::new();
        let (flows, _) = self.table.page(0, usize::MAX);
        flows.filter(|flow| !flow.state.is_over()).for_each(|flow| *held.entry(flow.owner).or_default() += 1);
        held
    }
}

fn syn() -> Segment {
    Segment::Tcp { flags: SYN, seq: 100, ack: 0, payload_len: 0 }
}

#[test]
fn a_hog_with_answered_flows_stops_at_the_last_eighth() {
    let mut busy = Busy::new(80, 2);
    for _ in 0..70 {
        assert_eq!(busy.answered(HOG), Ok(None));
    }
    assert_eq!(busy.begin(HOG, syn()), Err(Refusal::Share));
    assert_eq!(busy.table.room(HOG), Err(Refusal::Share));
    for _ in 0..10 {
        assert_eq!(busy.answered(QUIET), Ok(None), "the last eighth");
    }
    for _ in 0..30 {
        assert_eq!(busy.answered(QUIET), Ok(Some((HOG, true))), "called back");
    }
    assert_eq!(busy.answered(QUIET), Err(Refusal::Share), "each has its share, and no more");
    assert_eq!(busy.held(), [(HOG, 40), (QUIET, 40)].into());
}

#[test]
fn a_flood_pushes_out_itself() {
    for first in [syn(), Segment::Other] {
        let mut busy = Busy::new(80, 3);
        (0..20).for_each(|_| assert_eq!(busy.answered(QUIET), Ok(None)));
        for nth in 0..1_000 {
            let gone = if nth < 50 { None } else { Some((HOG, false)) };
            assert_eq!(busy.begin(HOG, first), Ok(gone), "flow {nth}");
        }
        assert_eq!(busy.held(), [(HOG, 50), (QUIET, 20)].into());
    }
}

#[test]
fn unanswered_flows_of_the_largest_go_before_answered_ones_of_anybody() {
    let mut busy = Busy::new(80, 3);
    (0..35).for_each(|_| assert_eq!(busy.answered(HOG), Ok(None)));
    (0..35).for_each(|_| assert_eq!(busy.begin(QUIET, Segment::Other), Ok(None)));
    (0..10).for_each(|_| assert_eq!(busy.answered(Owner(2)), Ok(None)));
    for _ in 0..9 {
        assert_eq!(busy.answered(Owner(2)), Ok(Some((QUIET, false))));
    }
    assert_eq!(busy.held()[&QUIET], 26, "down to its share");
    assert_eq!(busy.answered(Owner(2)), Ok(Some((HOG, true))));
}

#[test]
fn who_is_alone_has_the_whole_table() {
    let mut busy = Busy::new(80, 1);
    (0..80).for_each(|_| assert_eq!(busy.answered(HOG), Ok(None)));
    assert_eq!(busy.begin(HOG, syn()), Err(Refusal::Full));
    assert_eq!(busy.answered(QUIET), Ok(Some((HOG, true))), "a stranger has a share too");
}

#[test]
fn connections_that_are_over_count_as_free() {
    let mut busy = Busy::new(80, 2);
    let rst = Segment::Tcp { flags: RST, seq: 7, ack: 0, payload_len: 0 };
    (0..80).for_each(|_| assert_eq!(busy.begin(HOG, rst), Ok(None)));
    (0..70).for_each(|_| assert_eq!(busy.answered(HOG), Ok(Some((HOG, false)))));
    assert_eq!(busy.begin(HOG, syn()), Err(Refusal::Share));
    (0..10).for_each(|_| assert_eq!(busy.answered(QUIET), Ok(Some((HOG, false)))));
    assert_eq!(busy.answered(QUIET), Ok(Some((HOG, true))));
}

#[test]
fn an_owner_beyond_those_announced_is_known_by_its_first_flow() {
    let mut busy = Busy::new(80, 2);
    let late = Owner(u16::MAX);
    assert_eq!(busy.table.room(late), Ok(()));
    assert_eq!(busy.begin(late, Segment::Tcp { flags: ACK, seq: 1, ack: 1, payload_len: 0 }), Ok(None));
    assert_eq!(busy.held(), [(late, 1)].into());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whoever holds less than its share gets a record, and whoever holds no more than that loses none to another.
    #[test]
    fn shares_hold_whatever_the_others_do(
        capacity in 8usize..64,
        owners in 1u16..6,
        deeds in prop::collection::vec((0u16..6, any::<bool>(), any::<bool>()), 1..400),
    ) {
        let mut busy = Busy::new(capacity, owners);
        for (owner, tcp, answered) in deeds {
            let before = busy.held();
            let owner = Owner(owner);
            let sharers = before.len() + usize::from(!before.contains_key(&owner));
            let share = capacity / sharers.max(usize::from(owners));
            let held = |owner: Owner| before.get(&owner).copied().unwrap_or(0);
            let outcome = busy.begin(owner, if tcp { syn() } else { Segment::Other });
            match outcome {
                Ok(None) => {}
                Ok(Some((gone, _))) if gone == owner => prop_assert!(held(owner) >= share),
                Ok(Some((gone, was_answered))) => {
                    prop_assert!(held(gone) > share.min(held(owner)));
                    prop_assert!(held(gone) > held(owner));
                    prop_assert!(!was_answered || held(owner) < share);
                }
                Err(_) => prop_assert!(held(owner) >= share, "{owner:?} holds {} of {share}", held(owner)),
            }
            if outcome.is_ok() && answered && !tcp {
                busy.answer();
            }
            prop_assert!(busy.table.len() <= capacity);
        }
    }
}
