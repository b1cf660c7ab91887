//! Pools against the rule of the module's head, word for word.

use super::*;
use crate::CAPACITY;
use crate::bitmap::Bitmap;
use proptest::prelude::*;
use std::collections::{BTreeSet, VecDeque};

const _: () = assert!(size_of::<Pool>() == 18);
const _: () = assert!(size_of::<Bitmap>() == 136);

/// Leases the next index that whoever likes every one gets.
fn take(pool: &mut Pool) -> Option<u16> {
    let index = pool.peek(CAPACITY as u16, |_| true)?;
    assert!(pool.lease(CAPACITY as u16, index));
    Some(index)
}

/// The rule of the module's head, word for word.
struct Naive {
    /// Neither leased nor resting.
    fresh: BTreeSet<u16>,
    resting: VecDeque<u16>,
    leased: usize,
    cursor: u16,
    size: u16,
    /// Whether it knows what rests.
    knows: bool,
}

impl Naive {
    fn new(size: u16, start: u16) -> Self {
        let fresh = (0..size).collect();
        Self { fresh, resting: VecDeque::new(), leased: 0, cursor: start, size, knows: false }
    }

    fn take(&mut self, likes: impl Fn(u16) -> bool) -> Option<u16> {
        let round = self.fresh.range(self.cursor..).chain(self.fresh.range(..self.cursor));
        let near: Vec<u16> = round.chain(&self.resting).copied().take(LOOKED_AT).collect();
        let index = near.iter().copied().find(|&index| likes(index)).or(near.first().copied())?;
        self.fresh.remove(&index);
        self.resting.retain(|&resting| resting != index);
        self.leased += 1;
        self.knows |= self.leased > FEW;
        self.cursor = after(self.size, index);
        Some(index)
    }

    fn give(&mut self, index: u16) {
        self.leased -= 1;
        self.resting.push_back(index);
        self.knows &= self.leased > 2 || usize::from(self.size) <= RESTING;
        let most = match usize::from(self.size) > RESTING {
            _ if !self.knows => 0,
            true => self.leased.clamp(1, RESTING),
            false => RESTING,
        };
        while self.resting.len() > most {
            self.fresh.extend(self.resting.pop_front());
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Take(usize),
    /// Give back so many at places that the seed draws.
    GiveAny(usize, u64),
    GiveOldest(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let count = || prop_oneof![4 => 1usize..6, 1 => 1usize..9_000, 1 => Just(CAPACITY)];
    let step = prop_oneof![
        count().prop_map(Step::Take),
        (count(), any::<u64>()).prop_map(|(count, seed)| Step::GiveAny(count, seed)),
        count().prop_map(Step::GiveOldest),
    ];
    prop::collection::vec(step, 1..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_pool_is_the_naive_cursor_over_a_set(
        size in prop_oneof![Just(CAPACITY as u16), 1u16..6, 4_000u16..9_000],
        start in any::<u16>(),
        steps in steps(),
        workers in prop_oneof![Just(1), 2..9u16, Just(500), Just(u16::MAX)],
    ) {
        let start = start % size;
        let mut naive = Naive::new(size, start);
        let mut pool = Pool::new(start);
        let mut live = VecDeque::new();
        for step in steps {
            let (takes, gives, mut seed) = match step {
                Step::Take(count) => (count, 0, None),
                Step::GiveAny(count, seed) => (0, count, Some(seed)),
                Step::GiveOldest(count) => (0, count, None),
            };
            for nth in 0..takes {
                // Whoever is one of one likes all; one of thousands finds none that it likes.
                let likes = |index: u16| index % workers == nth as u16 % workers;
                let index = pool.peek(size, likes);
                prop_assert_eq!(index, naive.take(likes));
                if let Some(index) = index {
                    prop_assert!(pool.lease(size, index));
                    prop_assert!(!pool.lease(size, index), "it is leased");
                }
                live.extend(index);
            }
            for _ in 0..gives.min(live.len()) {
                let at = seed.map_or(0, |seed| (seed >> 33) as usize % live.len());
                seed = seed.map(|seed| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                let index = live.remove(at).unwrap();
                naive.give(index);
                prop_assert_eq!(pool.give(size, index), live.is_empty());
            }
            prop_assert_eq!(pool.used(), live.len());
            let large = pool.open(|open| matches!(open.leased, Leased::Many(_)));
            prop_assert_eq!(large, naive.knows);
            prop_assert!(large || live.len() <= FEW);
        }
    }
}

#[test]
fn ports_given_back_in_order_come_out_in_order_after_all_others() {
    let mut pool = Pool::new(50_000);
    let first: Vec<u16> = (0..100).filter_map(|_| take(&mut pool)).collect();
    first.iter().skip(1).for_each(|&index| assert!(!pool.give(CAPACITY as u16, index)));
    let others: BTreeSet<u16> = (100..CAPACITY).filter_map(|_| take(&mut pool)).collect();
    assert_eq!(others.len(), CAPACITY - 100);
    assert!(first.iter().all(|index| !others.contains(index)));
    let again: Vec<u16> = (1..100).filter_map(|_| take(&mut pool)).collect();
    assert_eq!(again, first[1..]);
    assert_eq!(take(&mut pool), None);
}

/// Whoever keeps three flows to each of many destinations holds no more for each than those need, whatever was there before.
#[test]
fn a_pool_that_was_full_keeps_no_more_than_its_leases_need() {
    let mut pool = Pool::new(0);
    let leased: Vec<u16> = (0..CAPACITY).filter_map(|_| take(&mut pool)).collect();
    let kept = [0, 20_000, 40_000];
    for (_, index) in leased.into_iter().enumerate().filter(|(nth, _)| !kept.contains(nth)) {
        pool.give(CAPACITY as u16, index);
    }
    let bytes = pool.open(|open| match &open.leased {
        Leased::Many(many) => many.bytes(),
        Leased::Few(_) => panic!("three are still leased"),
    });
    assert!(bytes <= 3 * 1_200, "{bytes}");
}
