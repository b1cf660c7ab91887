//! First-packet classification and compilation, by number of rules and kind of traffic.
//!
//! With `NSGATE_DATA` set to a folder that holds `service-tags/ServiceTags_Public_*.json`, rules name tags of
//! the newest of these files; without it, of a made-up file of the same size.
#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

mod made;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use made::{Random, VIRTUAL_NETWORK, network, tags};
use model::{Direction, Network, NsgIndex, VnetIndex};
use policy::{Builder, GroupId, Policy, Tuple};
use std::hint::black_box;
use std::time::Duration;

/// How many packets a round walks through.
const PACKETS: usize = 4096;

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1));
    targets = classify, compile
}
criterion_main!(benches);

/// Classes and first match of one packet in one NSG.
fn classify(criterion: &mut Criterion) {
    let tags = tags();
    let mut group = criterion.benchmark_group("classify");
    for rules in [1, 100, 1000, 4000] {
        let network = network(rules, &tags);
        let (policy, id) = build(&network);
        let mut random = Random(7);
        let hits: Vec<Tuple> = (0..PACKETS).map(|_| random.hit(&network)).collect();
        let four: Vec<Tuple> = (0..PACKETS).map(|_| random.packet(false)).collect();
        let six: Vec<Tuple> = (0..PACKETS).map(|_| random.packet(true)).collect();
        for (kind, packets) in [("hit", hits), ("random", four), ("random_v6", six)] {
            group.bench_function(BenchmarkId::new(kind, rules), |bencher| {
                let mut next = 0;
                bencher.iter(|| {
                    next = (next + 1) % PACKETS;
                    let classes = policy.classes(black_box(&packets[next]));
                    policy.first_match(id, Direction::Inbound, &classes)
                });
            });
        }
    }
    group.finish();
}

/// From the model to tables.
fn compile(criterion: &mut Criterion) {
    let tags = tags();
    let mut group = criterion.benchmark_group("compile");
    for rules in [1, 100, 1000, 4000] {
        let network = network(rules, &tags);
        eprintln!("compile/{rules}: {} KiB of tables", build(&network).0.bytes() / 1024);
        group.bench_function(BenchmarkId::from_parameter(rules), |bencher| bencher.iter(|| build(&network)));
    }
    group.finish();
}

fn build(network: &Network) -> (Policy, GroupId) {
    let mut builder = Builder::new(network);
    let id = builder.add(NsgIndex(0), VnetIndex(0), &[VIRTUAL_NETWORK.parse().unwrap()]);
    (builder.compile().unwrap(), id)
}
