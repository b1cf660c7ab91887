//! One pool: which of its indexes are leased, and which comes next.
//!
//! A pool counts in **indexes** from 0, up to 64,510, and its secret [permutation](crate::permutation) makes ports of them. A
//! cursor goes round the indexes from a random start. A lease takes the first free index at the cursor or after it, and
//! the cursor moves past it.
//!
//! What that means for a port that was given back: it is not leased again before every index that was free all the time
//! and lies between the cursor and it has been. Ports given back in the order in which they were taken therefore come
//! out in that order, after all others. A port that is held for long and given back just as the cursor comes by is used
//! again earlier; a queue of all free ports would have no such case, and would cost 129 KB a destination. Where
//! one port is free, that port is next.
//!
//! Several workers each have ports that they like better. A lease then takes the first index that is liked, of at most
//! [`LOOKED_AT`] free ones, and where it likes none of those the first of them. The cursor moves past the one taken, so the
//! order above holds only roughly: those it went past are next when the cursor has come round. Whoever likes every port
//! gets exactly that order.
//!
//! A pool that empties is forgotten, and the place of its cursor with it. The next pool of that key starts at a place of
//! its own, so its first port is drawn afresh from all of them: that a given port is used again at once has a chance of
//! one in 64,511, as with RFC 6056's algorithm 1. Whoever needs a port to rest after its flow keeps the lease meanwhile.

use crate::bitmap::Bitmap;
use std::mem;

/// How many leases a pool holds without memory of its own.
const FEW: usize = 3;

/// How many free indexes are looked at for one that is liked; of four workers each finds its own but once in 10,000 times.
const LOOKED_AT: usize = 32;

/// When a large pool becomes a small one again; below [`FEW`], so that a pool at the limit does not go to and fro.
const SHRINK_AT: u16 = 2;

/// No index: a place of a small pool that holds no lease.
const VACANT: u16 = u16::MAX;

/// The leases of one destination, as they lie in the directory.
///
/// Packed, because most destinations have a flow or two: with padding a destination would cost up to 75 bytes where the
/// directory has just doubled, without it is 64. A packed field cannot be borrowed; [`Open`] is the form to work with.
#[repr(Rust, packed)]
pub(crate) struct Pool {
    used: u16,
    cursor: u16,
    few: [u16; FEW],
    many: Option<Box<Bitmap>>,
}

/// A pool taken out of its slot.
struct Open {
    used: u16,
    /// Where the search for the next index begins.
    cursor: u16,
    leased: Leased,
}

enum Leased {
    /// Up to three, in no order.
    Few([u16; FEW]),
    /// More than two: 136 bytes, and 528 for every 4,096 indexes of which one is leased; 8,584 at most.
    Many(Box<Bitmap>),
}

impl Pool {
    /// An empty pool whose first lease takes the index `start`.
    pub(crate) const fn new(start: u16) -> Self {
        Self { used: 0, cursor: start, few: [VACANT; FEW], many: None }
    }

    /// How many indexes are leased.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used.into()
    }

    /// Leases the next of `size` indexes, one that is liked if there is one near; `None` where all are leased.
    #[inline]
    pub(crate) fn take(&mut self, size: u16, likes: impl Fn(u16) -> bool) -> Option<u16> {
        if self.used == size {
            return None;
        }
        Some(self.open(|pool| pool.take(size, likes)))
    }

    /// The index that [`take`](Self::take) would lease, or `None` where all are leased.
    pub(crate) fn peek(&mut self, size: u16, likes: impl Fn(u16) -> bool) -> Option<u16> {
        if self.used == size {
            return None;
        }
        Some(self.open(|pool| pool.next(size, likes)))
    }

    /// Gives a leased index back; says whether it was the pool's last.
    #[inline]
    pub(crate) fn give(&mut self, index: u16) -> bool {
        self.open(|pool| pool.give(index));
        self.used() == 0
    }

    #[inline]
    fn open<T>(&mut self, change: impl FnOnce(&mut Open) -> T) -> T {
        let Self { used, cursor, few, many } = mem::replace(self, Self::new(0));
        let mut open = Open { used, cursor, leased: many.map_or(Leased::Few(few), Leased::Many) };
        let outcome = change(&mut open);
        let Open { used, cursor, leased } = open;
        *self = match leased {
            Leased::Few(few) => Self { used, cursor, few, many: None },
            Leased::Many(many) => Self { used, cursor, few: [VACANT; FEW], many: Some(many) },
        };
        outcome
    }
}

impl Open {
    /// The next index, one that is liked if there is one near; there must be a free one.
    #[inline]
    fn next(&self, size: u16, likes: impl Fn(u16) -> bool) -> u16 {
        let first = self.free_from(size, self.cursor);
        let mut index = first;
        for _ in 0..LOOKED_AT {
            if likes(index) {
                return index;
            }
            index = self.free_from(size, after(size, index));
            if index == first {
                break;
            }
        }
        first
    }

    /// The first free index at `from` or after it, going round the end; there must be one.
    #[inline]
    fn free_from(&self, size: u16, from: u16) -> u16 {
        match &self.leased {
            Leased::Few(few) => next_beside(size, few, from),
            Leased::Many(many) => many.next_free(from),
        }
    }

    /// Leases the next index; there must be a free one.
    #[inline]
    fn take(&mut self, size: u16, likes: impl Fn(u16) -> bool) -> u16 {
        let index = self.next(size, likes);
        self.lease(size, index);
        self.used += 1;
        self.cursor = after(size, index);
        index
    }

    #[inline]
    fn lease(&mut self, size: u16, index: u16) {
        match &mut self.leased {
            Leased::Few(few) => match few.iter_mut().find(|place| **place == VACANT) {
                Some(place) => *place = index,
                None => {
                    let mut many = Box::new(Bitmap::new(size));
                    few.iter().for_each(|&leased| many.set(leased));
                    many.set(index);
                    self.leased = Leased::Many(many);
                }
            },
            Leased::Many(many) => many.set(index),
        }
    }

    #[inline]
    fn give(&mut self, index: u16) {
        self.used -= 1;
        match &mut self.leased {
            Leased::Few(few) => {
                for place in few.iter_mut().filter(|place| **place == index) {
                    *place = VACANT;
                }
            }
            Leased::Many(many) => {
                many.clear(index);
                if self.used == SHRINK_AT {
                    let mut few = [VACANT; FEW];
                    few.iter_mut().zip(many.indexes()).for_each(|(place, leased)| *place = leased);
                    self.leased = Leased::Few(few);
                }
            }
        }
    }
}

/// The first index at `from` or after it that is none of `few`.
#[inline]
fn next_beside(size: u16, few: &[u16; FEW], from: u16) -> u16 {
    let mut index = from;
    while few.contains(&index) {
        index = after(size, index);
    }
    index
}

/// The index after `index`, going round the end.
#[inline]
fn after(size: u16, index: u16) -> u16 {
    if index + 1 < size { index + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CAPACITY;
    use proptest::prelude::*;
    use std::collections::{BTreeSet, VecDeque};

    const _: () = assert!(size_of::<Pool>() == 18);
    const _: () = assert!(size_of::<Bitmap>() == 136);

    fn every(_: u16) -> bool {
        true
    }

    /// The rule of the module's head, word for word.
    struct Naive {
        free: BTreeSet<u16>,
        cursor: u16,
        size: u16,
    }

    impl Naive {
        fn take(&mut self, likes: impl Fn(u16) -> bool) -> Option<u16> {
            let round = self.free.range(self.cursor..).chain(self.free.range(..self.cursor));
            let mut near = round.copied().take(LOOKED_AT);
            let index = near.clone().find(|&index| likes(index)).or_else(|| near.next())?;
            self.free.remove(&index);
            self.cursor = after(self.size, index);
            Some(index)
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
            let mut naive = Naive { free: (0..size).collect(), cursor: start, size };
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
                    let foreseen = pool.peek(size, likes);
                    let index = pool.take(size, likes);
                    prop_assert_eq!(foreseen, index);
                    prop_assert_eq!(index, naive.take(likes));
                    live.extend(index);
                }
                for _ in 0..gives.min(live.len()) {
                    let at = seed.map_or(0, |seed| (seed >> 33) as usize % live.len());
                    seed = seed.map(|seed| seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
                    let index = live.remove(at).unwrap();
                    naive.free.insert(index);
                    prop_assert_eq!(pool.give(index), live.is_empty());
                }
                prop_assert_eq!(pool.used(), live.len());
                let large = pool.open(|open| matches!(open.leased, Leased::Many(_)));
                prop_assert!(large || live.len() <= FEW);
                prop_assert!(!large || live.len() > usize::from(SHRINK_AT));
            }
        }
    }

    #[test]
    fn ports_given_back_in_order_come_out_in_order_after_all_others() {
        let mut pool = Pool::new(50_000);
        let first: Vec<u16> = (0..100).filter_map(|_| pool.take(CAPACITY as u16, every)).collect();
        first.iter().skip(1).for_each(|&index| assert!(!pool.give(index)));
        let others: BTreeSet<u16> =
            (100..CAPACITY).filter_map(|_| pool.take(CAPACITY as u16, every)).collect();
        assert_eq!(others.len(), CAPACITY - 100);
        assert!(first.iter().all(|index| !others.contains(index)));
        let again: Vec<u16> = (1..100).filter_map(|_| pool.take(CAPACITY as u16, every)).collect();
        assert_eq!(again, first[1..]);
        assert_eq!(pool.take(CAPACITY as u16, every), None);
    }
}
