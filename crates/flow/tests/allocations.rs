//! Nothing allocates once the table is made.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{IDLE, key};
use flow::{NewFlow, Segment, Side, Table};
use packet::parse::{ACK, FIN, SYN};
use packet::{Owner, Time};
use std::time::Duration;
use testkit::allocations::{Counting, during};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FLOWS: u32 = 10_000;

fn table() -> Table<[u64; 8]> {
    Table::new(FLOWS as usize, [7, 8]).unwrap()
}

fn fill(table: &mut Table<[u64; 8]>, now: Time, clients: std::ops::Range<u32>) {
    let syn = Segment::Tcp { flags: SYN, seq: 9, ack: 0, payload_len: 0 };
    for client in clients {
        let (initiator, responder) = (key(client), key(client).reversed());
        table
            .insert(
                NewFlow { initiator, responder, owner: Owner::default(), idle: IDLE, action: [0; 8] },
                now,
                syn,
                1,
                60,
            )
            .unwrap();
    }
}

#[test]
fn the_counter_counts() {
    assert_eq!(during(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn a_hit_allocates_nothing() {
    let mut table = table();
    fill(&mut table, Time::ZERO, 0..FLOWS);
    let packets = [
        (Side::Responder, SYN | ACK, 99, 10),
        (Side::Initiator, ACK, 10, 100),
        (Side::Initiator, FIN | ACK, 10, 100),
        (Side::Responder, FIN | ACK, 100, 11),
        (Side::Initiator, ACK, 11, 101),
    ];
    let asked = during(|| {
        for (step, (side, flags, seq, ack)) in packets.into_iter().enumerate() {
            let now = Time::from_nanos(step as u64 * 1_000_000_000);
            for client in 0..FLOWS {
                let seen = if side == Side::Initiator { key(client) } else { key(client).reversed() };
                let (id, found) = table.find(&seen).unwrap();
                assert_eq!(found, side);
                table.touch(id, side, now, Segment::Tcp { flags, seq, ack, payload_len: 0 }, 1, 60);
            }
        }
    });
    assert_eq!(asked, 0);
    assert_eq!(table.page(0, usize::MAX).0.filter(|flow| flow.state == flow::State::Closing).count(), 10_000);
}

#[test]
fn a_first_packet_and_an_end_allocate_nothing() {
    let mut table = table();
    let mut ended = 0;
    let asked = during(|| {
        let mut now = Time::ZERO;
        for round in 0..3 {
            // The second half of each round finds the table full and evicts.
            fill(&mut table, now, round * 2 * FLOWS..(round + 1) * 2 * FLOWS);
            now = now + Duration::from_secs(31);
            while !table.expire(now, 1_000, |_| ended += 1) {}
        }
    });
    assert_eq!((asked, ended, table.len()), (0, 3 * FLOWS, 0));
}
