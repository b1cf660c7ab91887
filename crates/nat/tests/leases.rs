//! What holds for the leases of all pools, against a naive set of ports.

use nat::{Asker, CAPACITY, Lease, PORTS, Place, PoolKey, Pools, Ports, Refused};
use packet::{Owner, Protocol};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const SEED: [u64; 2] = [0x6e73_6761, 0x7465];

fn key(destination: u32) -> PoolKey {
    PoolKey {
        public: Ipv4Addr::new(203, 0, 113, 10),
        protocol: Protocol::TCP,
        destination: Ipv4Addr::from_bits(destination),
    }
}

/// Keys that differ from the first in one field each.
fn keys() -> [PoolKey; 4] {
    let first = key(0x0808_0808);
    [
        first,
        PoolKey { public: Ipv4Addr::new(203, 0, 113, 11), ..first },
        PoolKey { protocol: Protocol::UDP, ..first },
        PoolKey { destination: Ipv4Addr::new(8, 8, 8, 9), ..first },
    ]
}

fn peek(pools: &Pools, key: PoolKey) -> Option<u16> {
    pools.peek_for(key, Asker::ANYBODY, |_| true).ok().map(|place| place.port())
}

/// Looks and leases until nobody else was quicker.
fn lease_for(
    pools: &Arc<Pools>,
    key: PoolKey,
    asker: Asker,
    likes: impl Fn(u16) -> bool,
) -> Result<Lease, Refused> {
    loop {
        if let Some(lease) = pools.lease_at(pools.peek_for(key, asker, &likes)?, asker)? {
            return Ok(lease);
        }
    }
}

fn lease_all(pools: &Arc<Pools>, key: PoolKey) -> Vec<Lease> {
    (0..CAPACITY).map_while(|_| pools.lease(key).ok()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn live_leases_are_a_set(
        seed in any::<[u64; 2]>(),
        workers in 1..5u16,
        steps in prop::collection::vec((any::<bool>(), 0..4usize, 1..40usize, any::<prop::sample::Index>()), 1..60),
    ) {
        let pools = Pools::new(seed);
        let mut leases: Vec<Lease> = Vec::new();
        let mut naive: BTreeSet<(PoolKey, u16)> = BTreeSet::new();
        for (take, which, count, at) in steps {
            for nth in 0..count {
                if take {
                    let likes = |port: u16| port % workers == nth as u16 % workers;
                    let foreseen = pools.peek_for(keys()[which], Asker::ANYBODY, likes).ok();
                    let lease = lease_for(&pools, keys()[which], Asker::ANYBODY, likes).unwrap();
                    prop_assert_eq!(foreseen, Some(lease.place()));
                    prop_assert!(PORTS.contains(&lease.port()));
                    prop_assert!(naive.insert((lease.key(), lease.port())), "{lease:?} was live");
                    leases.push(lease);
                } else if !leases.is_empty() {
                    let lease = leases.swap_remove(at.index(leases.len()));
                    prop_assert!(naive.remove(&(lease.key(), lease.port())));
                }
            }
            let mut count = BTreeMap::<PoolKey, usize>::new();
            naive.iter().for_each(|(key, _)| *count.entry(*key).or_default() += 1);
            let usage = pools.usage(9);
            prop_assert!(usage.is_sorted_by_key(|usage| (std::cmp::Reverse(usage.used), usage.key)));
            prop_assert_eq!(usage.iter().map(|usage| (usage.key, usage.used)).collect::<BTreeMap<_, _>>(), count);
            prop_assert_eq!(pools.used_total(), leases.len());
        }
        drop(leases);
        prop_assert_eq!((pools.used_total(), pools.destinations()), (0, 0));
    }
}

#[test]
fn exactly_64511_leases_of_one_key_and_each_port_once() {
    let pools = Pools::new(SEED);
    let [full, others @ ..] = keys();
    let mut leases = lease_all(&pools, full);
    let ports: BTreeSet<u16> = leases.iter().map(Lease::port).collect();
    assert!(ports.into_iter().eq(PORTS));
    assert!(!pools.has_free(&full));
    assert_eq!(peek(&pools, full), None);
    assert_eq!(pools.lease(full).unwrap_err(), Refused::Exhausted(full));
    assert_eq!(pools.used_total(), CAPACITY);
    for other in others {
        assert!(pools.has_free(&other));
        assert_eq!(pools.lease(other).unwrap().key(), other);
    }
    // One port comes back: it is the next, and the one after it is refused.
    for at in [0, 4_095, CAPACITY / 2, CAPACITY - 1] {
        let given_back = leases.swap_remove(at).port();
        assert!(pools.has_free(&full));
        leases.push(pools.lease(full).unwrap());
        assert_eq!(leases.last().unwrap().port(), given_back);
        assert!(pools.lease(full).is_err());
    }
    drop(leases);
    assert_eq!((pools.used_total(), pools.destinations()), (0, 0));
    assert_eq!(pools.usage(9), []);
}

#[test]
fn workers_with_ports_of_their_own_lease_every_port_once() {
    let pools = Pools::new(SEED);
    let mut leases = Vec::new();
    let mut borrowed = 0;
    for nth in 0..CAPACITY {
        let worker = (nth / 3 % 4) as u16;
        let likes = |port: u16| port % 4 == worker;
        let foreseen = pools.peek_for(key(1), Asker::ANYBODY, likes).ok();
        let lease = lease_for(&pools, key(1), Asker::ANYBODY, likes).unwrap();
        assert_eq!(foreseen, Some(lease.place()));
        borrowed += usize::from(!likes(lease.port()));
        leases.push(lease);
    }
    assert!(lease_for(&pools, key(1), Asker::ANYBODY, |_| true).is_err());
    let ports: BTreeSet<u16> = leases.iter().map(Lease::port).collect();
    assert!(ports.into_iter().eq(PORTS));
    // Near the end there are few to choose from.
    assert!(borrowed < CAPACITY / 20, "{borrowed} ports were borrowed");
}

#[test]
fn whoever_likes_every_port_gets_the_plain_order() {
    let (plain, preferring) = (Pools::new(SEED), Pools::new(SEED));
    let mut leases = Vec::new();
    for _ in 0..10_000 {
        let pair =
            (plain.lease(key(1)).unwrap(), lease_for(&preferring, key(1), Asker::ANYBODY, |_| true).unwrap());
        assert_eq!(pair.0.port(), pair.1.port());
        leases.push(pair);
    }
}

#[test]
fn a_freed_port_rests_until_the_others_were_used() {
    let pools = Pools::new(SEED);
    let _keeps_the_pool = pools.lease(key(1)).unwrap();
    let freed = pools.lease(key(1)).unwrap().port();
    for _ in 2..CAPACITY {
        assert_ne!(pools.lease(key(1)).unwrap().port(), freed);
    }
    assert_eq!(pools.lease(key(1)).unwrap().port(), freed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// In a pool without a port that never was leased, those that are free come out as they came back, and each is one of
    /// a plain set of free ones; the next after the last of them is refused.
    #[test]
    fn a_starved_pool_uses_its_ports_again_oldest_first(
        (first, last) in prop_oneof![Just((1_025, 65_535)), Just((2_000, 2_063)), Just((2_000, 2_003))],
        steps in prop::collection::vec((any::<bool>(), 1..100usize, any::<prop::sample::Index>()), 1..60),
    ) {
        let pools = Pools::of(SEED, Ports::new(first..=last).unwrap());
        let size = usize::from(last - first) + 1;
        let mut leases: Vec<Lease> = (0..size).map(|_| pools.lease(key(1)).unwrap()).collect();
        let mut free = VecDeque::new();
        for (take, count, at) in steps {
            for _ in 0..count {
                if take {
                    let lease = pools.lease(key(1));
                    prop_assert_eq!(lease.as_ref().ok().map(Lease::port), free.pop_front());
                    prop_assert!(lease.is_ok() || leases.len() == size);
                    leases.extend(lease.ok());
                } else if leases.len() > 1 && free.len() < 4_096 {
                    free.push_back(leases.swap_remove(at.index(leases.len())).port());
                }
            }
            prop_assert_eq!((peek(&pools, key(1)), pools.used_total()), (free.front().copied(), leases.len()));
        }
    }
}

/// A port that is given back just before the cursor, where it would be the next, is the last.
#[test]
fn a_freed_port_rests_wherever_it_lies() {
    let order: Vec<u16> = lease_all(&Pools::new(SEED), key(1)).iter().map(Lease::port).collect();
    let pools = Pools::new(SEED);
    let mut leases: VecDeque<Lease> = (0..10).map(|_| pools.lease(key(1)).unwrap()).collect();
    // Nearly once round, after which the cursor stands before the first one's port.
    for _ in 10..CAPACITY {
        let lease = pools.lease(key(1)).unwrap();
        assert!(order[10..].contains(&lease.port()));
    }
    let freed = leases.pop_front().unwrap().port();
    // What is free and does not rest comes first, and those are all but the 4,096 before it and the nine that are leased.
    for nth in 10..CAPACITY - 4_096 {
        assert_ne!(pools.lease(key(1)).unwrap().port(), freed, "{nth}");
    }
}

#[test]
fn usage_keeps_the_fullest() {
    let pools = Pools::new(SEED);
    let _leases: Vec<Lease> =
        (1..=20).flat_map(|n| (0..n).map(move |_| key(n))).map(|key| pools.lease(key).unwrap()).collect();
    let used: Vec<(PoolKey, usize)> = pools.usage(3).iter().map(|usage| (usage.key, usage.used)).collect();
    assert_eq!(used, [(key(20), 20), (key(19), 19), (key(18), 18)]);
    assert_eq!(pools.usage(0), []);
}

/// Pearson's statistic over 64 equal bins: 63 on average, over 120 once in a hundred thousand fair draws.
fn chi_square(values: impl Iterator<Item = u16>) -> f64 {
    let mut bins = [0_f64; 64];
    values.for_each(|value| bins[usize::from(value) * 64 / CAPACITY] += 1.0);
    let expected = bins.iter().sum::<f64>() / 64.0;
    bins.iter().map(|seen| (seen - expected).powi(2) / expected).sum()
}

fn place(port: u16) -> u16 {
    port - PORTS.start()
}

#[test]
fn first_ports_of_many_destinations_are_spread_evenly() {
    let pools = Pools::new(SEED);
    let ports: Vec<u16> = (0..20_000).map(|n| pools.lease(key(n)).unwrap().port()).collect();
    assert!(chi_square(ports.iter().map(|&port| place(port))) < 120.0);
    let step = |pair: &[u16]| (usize::from(pair[0]) + CAPACITY - usize::from(pair[1])) % CAPACITY;
    assert!(chi_square(ports.windows(2).map(|pair| step(pair) as u16)) < 120.0);
}

#[test]
fn a_pools_next_port_does_not_follow_from_its_last() {
    let pools = Pools::new(SEED);
    for destination in 0..8 {
        let ports: Vec<u16> = lease_all(&pools, key(destination)).iter().map(Lease::port).collect();
        for apart in [1, 2, 64, 256, 4_096] {
            let steps = ports.iter().zip(&ports[apart..]);
            let steps = steps.map(|(&a, &b)| (usize::from(a) + CAPACITY - usize::from(b)) % CAPACITY);
            assert!(chi_square(steps.map(|step| step as u16)) < 120.0, "{destination}: {apart} apart");
        }
        assert!(chi_square(ports.iter().take(4_000).map(|&port| place(port))) < 120.0);
    }
}

#[test]
fn an_emptied_pool_draws_afresh() {
    let pools = Pools::new(SEED);
    let ports: Vec<u16> = (0..20_000).map(|_| pools.lease(key(1)).unwrap().port()).collect();
    assert!(chi_square(ports.iter().map(|&port| place(port))) < 120.0);
    let again = ports.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(again <= 3, "{again} ports were used twice running");
}

#[test]
fn the_seed_alone_decides_the_order() {
    let ports = |seed| {
        let pools = Pools::new(seed);
        let leases: Vec<Lease> = (0..100).map(|n| pools.lease(key(n % 7)).unwrap()).collect();
        leases.iter().map(Lease::port).collect::<Vec<_>>()
    };
    assert_eq!(ports(SEED), ports(SEED));
    assert_ne!(ports(SEED), ports([SEED[0], SEED[1] + 1]));
    assert_ne!(ports(SEED), ports([SEED[0] + 1, SEED[1]]));
}

/// Two workers take and drop on the same few keys, down to none and up again; at the end the sums are exact.
#[test]
fn workers_share_the_pools() {
    let pools = Pools::new(SEED);
    let worker = |id: u32| {
        let pools = Arc::clone(&pools);
        move || {
            let mut kept = Vec::new();
            for round in 0..20_000_u32 {
                let lease = pools.lease(keys()[(round % 4) as usize]).unwrap();
                match round % 50 {
                    0 => kept.push(lease),
                    49 if id == 0 => kept.clear(),
                    _ => drop(lease),
                }
            }
            kept
        }
    };
    let workers = [thread::spawn(worker(0)), thread::spawn(worker(1))];
    let leases: Vec<Lease> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    let distinct: BTreeSet<_> = leases.iter().map(|lease| (lease.key(), lease.port())).collect();
    assert_eq!(distinct.len(), leases.len());
    assert_eq!(pools.used_total(), leases.len());
    assert_eq!(pools.usage(9).iter().map(|usage| usage.used).sum::<usize>(), leases.len());
    drop(leases);
    assert_eq!((pools.used_total(), pools.destinations()), (0, 0));
}

/// What others lease and give back after the look, of the same pool or of new ones, changes nothing but whether it is free.
#[test]
fn what_was_seen_is_leased_while_it_is_free() {
    for before in [0, 1, 3, 5_000] {
        let pools = Pools::new(SEED);
        let held: Vec<Lease> = (0..before).map(|_| pools.lease(key(1)).unwrap()).collect();
        let seen = pools.peek_for(key(1), Asker::ANYBODY, |port| port % 4 == 1).unwrap();
        let others = [key(2), key(3), key(1), key(1), key(1), key(1)];
        let likes = |port: u16| port % 4 == 2;
        let others = others.map(|key| lease_for(&pools, key, Asker::ANYBODY, likes).unwrap());
        drop(held);
        let lease = pools.lease_at(seen, Asker::ANYBODY).unwrap().expect("nobody has it");
        assert_eq!((lease.place(), lease.port(), lease.key()), (seen, seen.port(), key(1)));
        assert!(pools.lease_at(seen, Asker::ANYBODY).unwrap().is_none());
        let who = Asker { owner: Owner(7), limit: 1 };
        assert!(pools.lease_at(seen, who).unwrap().is_none());
        assert_eq!((pools.used_total(), pools.askers()), (7, 0), "a lease that fails counts for nobody");
        drop((lease, others));
        let again: Place = pools.lease_at(seen, who).unwrap().expect("it is free again").place();
        assert_eq!((again, pools.destinations()), (seen, 0));
    }
}

/// Two workers fight for the one free port of a pool: it is never given to both.
#[test]
fn workers_fight_for_the_last_port() {
    let pools = Pools::new(SEED);
    let mut leases = lease_all(&pools, key(1));
    let last = leases.pop().unwrap();
    let port = last.port();
    drop(last);
    let held = AtomicBool::new(false);
    let fight = || {
        let mut won = 0;
        while won < 5_000 {
            let Ok(lease) = pools.lease(key(1)) else { continue };
            assert!(!held.swap(true, Ordering::SeqCst), "two leases of one port");
            assert_eq!(lease.port(), port);
            held.store(false, Ordering::SeqCst);
            won += 1;
        }
    };
    thread::scope(|scope| {
        scope.spawn(fight);
        scope.spawn(fight);
    });
    assert_eq!(pools.usage(1)[0].used, CAPACITY - 1);
}

#[test]
fn a_range_of_ports_is_leased_whole_and_nothing_beside_it() {
    for (first, last) in [(49_152, 65_535), (2_000, 2_009), (2_000, 2_000)] {
        let pools = Pools::of(SEED, Ports::new(first..=last).unwrap());
        let size = usize::from(last - first) + 1;
        let leases: Vec<Lease> = (0..=size).map_while(|_| pools.lease(key(1)).ok()).collect();
        let ports: BTreeSet<u16> = leases.iter().map(Lease::port).collect();
        assert!(ports.into_iter().eq(first..=last), "{first}-{last}");
        assert_eq!(pools.lease(key(1)).unwrap_err(), Refused::Exhausted(key(1)));
        assert!(!pools.has_free(&key(1)) && peek(&pools, key(1)).is_none());
        assert_eq!((pools.usage(1)[0].used, pools.usage(1)[0].capacity), (size, size));
        drop(leases);
        assert!(pools.has_free(&key(1)));
    }
    for (first, last) in [(0, 0), (1, 1_024), (1_024, 2_000), (2_001, 2_000), (65_535, 1_025)] {
        assert_eq!(Ports::new(first..=last), None, "{first}-{last}");
    }
}

#[derive(Clone, Debug)]
enum Deed {
    Take { which: usize, asker: u16 },
    Drop(prop::sample::Index),
    Linger(prop::sample::Index),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Against plain counts: nobody holds more of one pool than it may, and whoever may hold more is refused only by an
    /// empty pool.
    #[test]
    fn shares_are_exact(
        size in 4u16..30,
        limits in prop::collection::vec(0u32..12, 3),
        deeds in prop::collection::vec(prop_oneof![
            3 => (0..4usize, 0..3u16).prop_map(|(which, asker)| Deed::Take { which, asker }),
            1 => any::<prop::sample::Index>().prop_map(Deed::Drop),
            1 => any::<prop::sample::Index>().prop_map(Deed::Linger),
        ], 1..200),
    ) {
        let pools = Pools::of(SEED, Ports::new(5_000..=5_000 + size - 1).unwrap());
        // Each lease, who has it, and whether it counts.
        let mut live: Vec<(Lease, u16, bool)> = Vec::new();
        for deed in deeds {
            match deed {
                Deed::Take { which, asker } => {
                    let (key, limit) = (keys()[which], limits[usize::from(asker)]);
                    let of_pool = || live.iter().filter(|(lease, ..)| lease.key() == key);
                    let counted = of_pool().filter(|(_, of, counts)| *of == asker && *counts).count();
                    let expected = if counted >= limit as usize && limit < u32::from(size) {
                        Err(Refused::Share(key))
                    } else if of_pool().count() == usize::from(size) {
                        Err(Refused::Exhausted(key))
                    } else {
                        Ok(())
                    };
                    let who = Asker { owner: Owner(asker), limit };
                    let foreseen = pools.peek_for(key, who, |_| true);
                    let lease = lease_for(&pools, key, who, |_| true);
                    prop_assert_eq!(lease.as_ref().map(drop).map_err(|refused| *refused), expected);
                    prop_assert_eq!(lease.as_ref().map(Lease::place).map_err(|refused| *refused), foreseen);
                    live.extend(lease.ok().map(|lease| (lease, asker, true)));
                }
                Deed::Drop(at) if !live.is_empty() => drop(live.swap_remove(at.index(live.len()))),
                Deed::Linger(at) if !live.is_empty() => {
                    let place = at.index(live.len());
                    prop_assert_eq!(live[place].0.lingers(), !live[place].2);
                    prop_assert_eq!(live[place].0.linger(), live[place].2);
                    live[place].2 = false;
                }
                Deed::Drop(_) | Deed::Linger(_) => {}
            }
            prop_assert_eq!(pools.used_total(), live.len());
        }
        drop(live);
        prop_assert_eq!((pools.used_total(), pools.destinations(), pools.askers()), (0, 0, 0));
    }
}

#[test]
fn a_share_is_exact_whatever_the_workers_do() {
    let pools = Pools::new(SEED);
    let who = Asker { owner: Owner(7), limit: 100 };
    let most = std::sync::atomic::AtomicUsize::new(0);
    let now = std::sync::atomic::AtomicUsize::new(0);
    thread::scope(|scope| {
        for worker in 0..4u64 {
            let (pools, most, now) = (&pools, &most, &now);
            scope.spawn(move || {
                let mut mine = Vec::new();
                let mut random = worker + 1;
                for _ in 0..20_000 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if random >> 63 == 0 {
                        if let Ok(lease) = lease_for(pools, key(1), who, |_| true) {
                            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            mine.push(lease);
                        }
                    } else if let Some(lease) = mine.pop() {
                        now.fetch_sub(1, Ordering::SeqCst);
                        drop(lease);
                    }
                }
                now.fetch_sub(mine.len(), Ordering::SeqCst);
            });
        }
    });
    assert!((90..=100).contains(&most.load(Ordering::SeqCst)), "{most:?}");
    assert_eq!((pools.used_total(), pools.askers()), (0, 0));
    let all: Vec<Lease> = (0..200).map_while(|_| lease_for(&pools, key(1), who, |_| true).ok()).collect();
    assert_eq!(all.len(), 100);
    let other = Asker { owner: Owner(8), ..who };
    assert!(
        lease_for(&pools, key(1), other, |_| true).is_ok()
            && lease_for(&pools, key(2), who, |_| true).is_ok()
    );
}
