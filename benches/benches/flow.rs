//! The flow table: what a packet of a known flow costs, what a new flow costs, what an end costs.
#![allow(clippy::expect_used, reason = "a benchmark that cannot set up its table has nothing to measure")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use flow::{NewFlow, Segment, Side, Table};
use packet::parse::ACK;
use packet::{Address, FlowKey, Owner, Protocol, Scope, Time};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// About the size of a compiled action: two rewrites, a route, the rules that allowed it, a lease.
type Action = [u64; 12];

const DATA: Segment = Segment::Tcp { flags: ACK, seq: 1, ack: 1, payload_len: 10 };

fn key(client: u32, v6: bool) -> FlowKey {
    let address = |bits: u32| match v6 {
        false => Address::from_v4_bits(bits),
        true => std::net::Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(bits)).into(),
    };
    FlowKey {
        source: address(0x0a00_0004 + client / 50_000),
        destination: address(0xcb00_7105 + client % 64),
        source_port: 1_025 + (client % 50_000) as u16,
        destination_port: 443,
        scope: Scope(1),
        protocol: Protocol::TCP,
    }
}

fn new(client: u32, v6: bool) -> NewFlow<Action> {
    let initiator = key(client, v6);
    NewFlow {
        initiator,
        responder: initiator.reversed(),
        owner: Owner::default(),
        idle: Duration::from_secs(240),
        action: [7; 12],
    }
}

fn empty(capacity: u32) -> Table<Action> {
    Table::new(capacity as usize, [0x0123, 0x4567]).expect("memory for the table")
}

fn full(flows: u32, v6: bool) -> Table<Action> {
    let mut table = empty(flows);
    for client in 0..flows {
        table.insert(new(client, v6), Time::ZERO, DATA, 1, 60).expect("room for the flow");
    }
    table
}

/// The clients `0..flows`, in order or as a fixed generator mixes them.
fn order(flows: u32, random: bool) -> Vec<u32> {
    let mut clients: Vec<u32> = (0..flows).collect();
    let mut state = 1u64;
    for place in (1..clients.len()).rev().filter(|_| random) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        clients.swap(place, (state >> 33) as usize % (place + 1));
    }
    clients
}

/// Find, touch and read the action: all that the path asks of the table for a packet of a known flow.
fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow/hit");
    group.throughput(Throughput::Elements(1));
    for (name, flows, random, v6) in [
        ("1k in order", 1_000, false, false),
        ("1k random", 1_000, true, false),
        ("1k random, IPv6", 1_000, true, true),
        ("100k in order", 100_000, false, false),
        ("100k random", 100_000, true, false),
        ("1M in order", 1_000_000, false, false),
        ("1M random", 1_000_000, true, false),
    ] {
        let mut table = full(flows, v6);
        let packets: Vec<FlowKey> = order(flows, random)
            .into_iter()
            .map(|client| if client % 2 == 0 { key(client, v6) } else { key(client, v6).reversed() })
            .collect();
        let mut next = packets.iter().cycle();
        let now = Time::from_nanos(1_000_000);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                let (id, side) = next.next().and_then(|key| table.find(key)).expect("a live flow");
                table.touch(id, side, now, DATA, 1, 60);
                black_box(table.get(id).map(|action| action[0]))
            });
        });
    }
    group.finish();
}

/// A packet that no flow knows.
fn miss(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow/miss");
    for flows in [1_000, 1_000_000] {
        let table = full(flows, false);
        let strangers: Vec<FlowKey> = (flows..2 * flows).map(|client| key(client, false)).collect();
        let mut next = strangers.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(flows), |bencher| {
            bencher.iter(|| black_box(next.next().and_then(|key| table.find(key))));
        });
    }
    group.finish();
}

/// The life of a flow without its packets, in a table that holds as many others.
fn insert_and_remove(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("flow/insert and remove");
    for flows in [1_000, 100_000, 1_000_000] {
        let mut table = full(flows, false);
        let others = order(flows, true);
        let mut next = others.iter().cycle();
        group.bench_function(BenchmarkId::from_parameter(flows), |bencher| {
            bencher.iter(|| {
                let client = *next.next().expect("an endless iterator");
                let (id, _) = table.find(&key(client, false)).expect("a live flow");
                black_box(table.remove(id));
                table.insert(new(client, false), Time::ZERO, DATA, 1, 60).map(|inserted| inserted.id)
            });
        });
    }
    group.finish();
}

/// One flow's share of expiring 100,000: those that were silent end, those that were seen are hung up again.
fn expire(criterion: &mut Criterion) {
    const FLOWS: u32 = 100_000;
    let mut group = criterion.benchmark_group("flow/expire");
    for (name, silent) in [("silent", true), ("seen since", false)] {
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|times| {
                let mut spent = Duration::ZERO;
                let mut rounds = 0;
                while rounds * u64::from(FLOWS) < times {
                    rounds += 1;
                    let mut table = full(FLOWS, false);
                    let seen = Time::ZERO + Duration::from_secs(100);
                    for client in (0..FLOWS).filter(|_| !silent) {
                        let (id, _) = table.find(&key(client, false)).expect("a live flow");
                        table.touch(id, Side::Initiator, seen, DATA, 1, 60);
                    }
                    let now = Time::ZERO + Duration::from_secs(241);
                    let start = Instant::now();
                    while !table.expire(now, 256, |flow| _ = black_box(flow)) {}
                    spent += start.elapsed();
                    assert_eq!(table.is_empty(), silent);
                }
                Duration::from_nanos(
                    (spent.as_nanos() as u64).saturating_mul(times) / (rounds * u64::from(FLOWS)),
                )
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_millis(300)).measurement_time(Duration::from_secs(1));
    targets = hit, miss, insert_and_remove, expire
}
criterion_main!(benches);
