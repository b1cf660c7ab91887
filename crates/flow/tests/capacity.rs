//! Who has to go when the table is full, and what comes back.

#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{IDLE, key};
use flow::{Flow, FlowId, Inserted, NewFlow, Refusal, Refused, Segment, Side, Table, Touched};
use packet::parse::{ACK, RST, SYN};
use packet::{Owner, Time};
use std::time::Duration;

/// An action that owns something, as a SNAT lease does.
#[derive(Debug, PartialEq)]
struct Lease(u32);

fn syn() -> Segment {
    Segment::Tcp { flags: SYN, seq: 100, ack: 0, payload_len: 0 }
}

fn tcp(flags: u8, seq: u32, ack: u32) -> Segment {
    Segment::Tcp { flags, seq, ack, payload_len: 0 }
}

fn insert(table: &mut Table<Lease>, client: u32, first: Segment) -> Result<Inserted<Lease>, Refused<Lease>> {
    let new = NewFlow {
        initiator: key(client),
        responder: key(client).reversed(),
        owner: Owner(0),
        idle: IDLE,
        action: Lease(client),
    };
    table.insert(new, Time::ZERO, first, 1, 60)
}

fn evicted(table: &mut Table<Lease>, client: u32, first: Segment) -> Option<u32> {
    insert(table, client, first).unwrap().evicted.map(|flow: Flow<Lease>| flow.action.0)
}

fn id(table: &Table<Lease>, client: u32) -> FlowId {
    table.find(&key(client)).unwrap().0
}

fn establish(table: &mut Table<Lease>, client: u32) {
    let id = id(table, client);
    table.touch(id, Side::Responder, Time::ZERO, tcp(SYN | ACK, 500, 101), 1, 60);
    table.touch(id, Side::Initiator, Time::ZERO, tcp(ACK, 101, 501), 1, 60);
}

fn answer(table: &mut Table<Lease>, client: u32) {
    let id = id(table, client);
    table.touch(id, Side::Responder, Time::ZERO, Segment::Other, 1, 60);
}

#[test]
fn a_flood_of_syns_pushes_out_its_own_oldest_and_nothing_else() {
    let mut table = Table::new(8, [1, 2]).unwrap();
    for client in 0..4 {
        insert(&mut table, client, syn()).unwrap();
        establish(&mut table, client);
    }
    insert(&mut table, 4, Segment::Other).unwrap();
    answer(&mut table, 4);
    for client in 5..8 {
        assert_eq!(evicted(&mut table, client, syn()), None);
    }
    for client in 8..100 {
        assert_eq!(evicted(&mut table, client, syn()), Some(client - 3));
    }
    assert_eq!(table.len(), 8);
    (0..5).for_each(|client| assert!(table.find(&key(client)).is_some()));
}

#[test]
fn a_connection_that_is_over_goes_before_one_that_begins() {
    let mut table = Table::new(4, [1, 2]).unwrap();
    for client in 0..4 {
        insert(&mut table, client, syn()).unwrap();
    }
    for client in [2, 1] {
        establish(&mut table, client);
        let id = id(&table, client);
        table.touch(id, Side::Responder, Time::ZERO, tcp(RST, 501, 0), 1, 60);
    }
    assert_eq!(evicted(&mut table, 10, syn()), Some(2));
    assert_eq!(evicted(&mut table, 11, syn()), Some(1));
    assert_eq!(evicted(&mut table, 12, syn()), Some(0));
    assert_eq!(evicted(&mut table, 13, syn()), Some(3));
}

#[test]
fn what_was_picked_up_is_expendable_until_it_is_answered() {
    let mut table = Table::new(2, [1, 2]).unwrap();
    insert(&mut table, 0, tcp(ACK, 5, 5)).unwrap();
    insert(&mut table, 1, tcp(ACK, 5, 5)).unwrap();
    let answered = id(&table, 0);
    table.touch(answered, Side::Responder, Time::ZERO, tcp(RST, 77, 0), 1, 60);
    table.touch(answered, Side::Responder, Time::ZERO, tcp(ACK, 5, 5), 1, 60);
    assert_eq!(evicted(&mut table, 2, syn()), Some(1));
}

#[test]
fn a_full_table_refuses_and_gives_the_action_back() {
    let mut table = Table::new(2, [1, 2]).unwrap();
    for client in 0..2 {
        insert(&mut table, client, Segment::Other).unwrap();
        answer(&mut table, client);
    }
    assert_eq!(insert(&mut table, 2, syn()), Err(Refused { why: Refusal::Full, action: Lease(2) }));
    assert_eq!(table.remove(id(&table, 0)).map(|flow| flow.action), Some(Lease(0)));
    assert!(insert(&mut table, 2, syn()).is_ok());
}

#[test]
fn two_flows_never_share_a_key() {
    let mut table = Table::new(4, [1, 2]).unwrap();
    insert(&mut table, 0, syn()).unwrap();
    let mut refusal = |initiator, responder| {
        let new = NewFlow { initiator, responder, owner: Owner::default(), idle: IDLE, action: Lease(9) };
        table.insert(new, Time::ZERO, syn(), 1, 60).unwrap_err().why
    };
    assert_eq!(refusal(key(0), key(5)), Refusal::Duplicate(Side::Initiator));
    assert_eq!(refusal(key(0).reversed(), key(5)), Refusal::Duplicate(Side::Initiator));
    assert_eq!(refusal(key(5), key(0).reversed()), Refusal::Duplicate(Side::Responder));
    assert_eq!(refusal(key(5), key(5)), Refusal::Duplicate(Side::Responder), "both ends would be one");
    assert_eq!(table.len(), 1);
}

#[test]
fn a_duplicate_evicts_nobody() {
    let mut table = Table::new(1, [1, 2]).unwrap();
    insert(&mut table, 0, syn()).unwrap();
    assert_eq!(insert(&mut table, 0, syn()).unwrap_err().why, Refusal::Duplicate(Side::Initiator));
    assert_eq!(table.len(), 1);
}

#[test]
fn a_place_taken_again_does_not_answer_to_the_old_name() {
    let mut table = Table::new(1, [1, 2]).unwrap();
    let old = insert(&mut table, 0, syn()).unwrap().id;
    assert!(table.remove(old).is_some());
    let new = insert(&mut table, 0, syn()).unwrap().id;
    assert_ne!(old, new);
    assert_eq!(table.touch(old, Side::Initiator, Time::ZERO, syn(), 1, 60), Touched::Stale);
    assert_eq!((table.get(old), table.get(new)), (None, Some(&Lease(0))));
}

#[test]
fn no_table_is_too_large_to_refuse() {
    for capacity in [usize::MAX, 1 << 31, (1 << 29) + 1] {
        let refused = Table::<Lease>::new(capacity, [1, 2]).unwrap_err();
        assert_eq!(refused.capacity, capacity);
    }
    assert_eq!(Table::<Lease>::new(0, [1, 2]).unwrap().capacity(), 1);
}

#[test]
fn short_times_never_exceed_the_idle_time() {
    let mut table = Table::new(3, [1, 2]).unwrap();
    let idle = Duration::from_secs(2);
    for (client, first) in [(0, syn()), (1, tcp(ACK, 1, 1)), (2, tcp(RST, 1, 0))] {
        let (initiator, responder) = (key(client), key(client).reversed());
        let new = NewFlow { initiator, responder, owner: Owner(0), idle, action: Lease(client) };
        let id = table.insert(new, Time::ZERO, first, 1, 60).unwrap().id;
        assert_eq!(table.flow(id).unwrap().deadline, Time::ZERO + Duration::from_secs(2));
    }
    let mut ended = 0;
    assert!(table.expire(Time::ZERO + Duration::from_secs(2), 3, |_| ended += 1));
    assert_eq!((ended, table.next_deadline()), (3, None));
}
