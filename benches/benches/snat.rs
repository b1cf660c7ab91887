//! SNAT ports: one lease taken and given back, by how full its pool is and how many pools there are.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use nat::{CAPACITY, Lease, PoolKey, Pools};
use packet::Protocol;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;

fn key(destination: u32) -> PoolKey {
    PoolKey {
        public: Ipv4Addr::new(203, 0, 113, 10),
        protocol: Protocol::TCP,
        destination: Ipv4Addr::from_bits(destination),
    }
}

/// A pool of which `used` ports stay leased; the free ones lie anywhere, as after a long day.
fn filled(pools: &Arc<Pools>, used: usize) -> Vec<Lease> {
    let mut leases: Vec<Lease> = (0..CAPACITY).map_while(|_| pools.lease(key(1)).ok()).collect();
    let mut place = 1_usize;
    while leases.len() > used {
        place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let at = (place >> 33) % leases.len();
        drop(leases.swap_remove(at));
    }
    leases
}

fn by_fill(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snat/fill");
    for (name, used) in [
        ("0 %", 0),
        ("2 leases", 2),
        ("10 leases", 10),
        ("50 %", CAPACITY / 2),
        ("99.99 %", CAPACITY - 6),
        ("one free", CAPACITY - 1),
    ] {
        let pools = Pools::new([1, 2]);
        let _leases = filled(&pools, used);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(pools.lease(black_box(key(1))))));
    }
    let pools = Pools::new([1, 2]);
    let _leases = filled(&pools, CAPACITY);
    group.bench_function("refused", |bencher| bencher.iter(|| black_box(pools.lease(black_box(key(1))))));
    group.finish();
}

fn by_destinations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("snat/destinations");
    for destinations in [64_u32, 10_000, 1_000_000] {
        let pools = Pools::new([1, 2]);
        let _leases: Vec<Lease> = (0..destinations).map_while(|n| pools.lease(key(n)).ok()).collect();
        let mut next = 0_u32;
        group.bench_function(BenchmarkId::from_parameter(destinations), |bencher| {
            bencher.iter(|| {
                // An odd stride visits every destination, none near the one before.
                next = next.wrapping_add(2_654_435_761) % destinations;
                black_box(pools.lease(black_box(key(next))))
            })
        });
    }
    group.finish();
}

criterion_group!(benches, by_fill, by_destinations);
criterion_main!(benches);
