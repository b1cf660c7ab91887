//! The packet's path through one engine: live flows and first packets, with 1,000 rules and SNAT.

mod site;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use site::{Site, first_frame};
use std::hint::black_box;

/// A packet of a live flow, from the VM and from the internet, among so many flows.
fn hit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path/hit");
    group.throughput(Throughput::Elements(1));
    for flows in [1_000, 100_000] {
        let mut site = Site::with_flows(1_000, flows);
        let mut frames = site.frames_of_flows();
        let mut next = 0;
        group.bench_function(format!("both ways/{flows} flows"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    next = (next + 1) % frames.len();
                    frames[next].clone()
                },
                |(on, bytes)| black_box(site.receive(*on, bytes)),
                BatchSize::SmallInput,
            );
        });
        frames.clear();
    }
    group.finish();
}

/// The first packet of a UDP flow: rules, route, port, record.
fn first(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("path/first");
    group.throughput(Throughput::Elements(1));
    for rules in [1, 1_000] {
        let mut site = Site::with_flows(rules, 0);
        let mut nth = 0;
        group.bench_function(format!("udp with SNAT/{rules} rules"), |bencher| {
            bencher.iter_batched_ref(
                || {
                    nth += 1;
                    first_frame(nth)
                },
                |(on, bytes)| black_box(site.receive(*on, bytes)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, hit, first);
criterion_main!(benches);
