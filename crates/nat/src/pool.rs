//! One pool: which of its indexes are leased, and which comes next.
//!
//! A pool counts in **indexes** from 0, up to 64,510, and its secret [permutation](crate::permutation) makes ports of them. A
//! cursor goes round the indexes from a random start. The next is the first index at the cursor or after it that is neither
//! leased nor resting, and a lease moves the cursor past what it takes.
//!
//! An index that was given back **rests**: as long as there is any other, and until [`RESTING`] others were given back after
//! it, nobody gets it. Where all that is free rests, the one that was given back first comes first. So a starved pool uses its
//! ports again in exactly the order in which they became free, and where one port is free, that port is next. In a pool of more
//! than [`RESTING`] ports no more rest than are leased, so each rests about as long as a flow lives, and what a pool costs
//! follows from its leases; where few are leased the cursor takes its time to come round.
//!
//! Only a pool that has had more than [`FEW`] leases at once knows what rests in it. One of more than [`RESTING`] ports that is
//! down to [`SHRINK_AT`] leases forgets it, and one that empties is forgotten altogether. That an index comes again
//! before its time is then a matter of chance: the cursor must stand just before it, or the next pool's start be drawn there,
//! which is as good as RFC 6056's algorithm 1. Whoever needs a port to rest for a time after its flow keeps the lease
//! meanwhile.
//!
//! Several workers each have ports that they like better. The next for one of them is the first index that it likes, of at most
//! [`LOOKED_AT`] in the order above, and where it likes none of those the first of them. Whoever likes every port gets exactly
//! that order. Between the look and the lease another worker may have moved the cursor; what was seen is leased all the same,
//! if it is still free.

use crate::many::Many;
use std::iter;
use std::mem;

/// How many leases a pool holds without memory of its own.
const FEW: usize = 3;

/// How many free indexes are looked at for one that is liked; of four workers each finds its own but once in 10,000 times.
const LOOKED_AT: usize = 32;

/// How many indexes rest at once: longer than a round trip takes, at ten thousand new flows a second to one destination.
pub(crate) const RESTING: usize = 4_096;

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
    many: Option<Box<Many>>,
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
    /// More, or once more.
    Many(Box<Many>),
}

impl Pool {
    /// An empty pool whose next index is `start`.
    pub(crate) const fn new(start: u16) -> Self {
        Self { used: 0, cursor: start, few: [VACANT; FEW], many: None }
    }

    /// How many indexes are leased.
    #[inline]
    pub(crate) fn used(&self) -> usize {
        self.used.into()
    }

    /// Leases one of `size` indexes, unless it is leased.
    #[inline]
    pub(crate) fn lease(&mut self, size: u16, index: u16) -> bool {
        self.open(|pool| pool.lease(size, index))
    }

    /// The next of `size` indexes, one that is liked if there is one near; `None` where all are leased.
    #[inline]
    pub(crate) fn peek(&mut self, size: u16, likes: impl Fn(u16) -> bool) -> Option<u16> {
        if self.used == size {
            return None;
        }
        Some(self.open(|pool| pool.next(size, likes)))
    }

    /// Gives a leased index back; says whether it was the pool's last.
    #[inline]
    pub(crate) fn give(&mut self, size: u16, index: u16) -> bool {
        self.open(|pool| pool.give(size, index));
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
        match &self.leased {
            Leased::Few(few) => nearest(round(size, self.cursor, |from| next_beside(size, few, from)), likes),
            Leased::Many(many) => {
                let fresh = many.has_fresh().then(|| round(size, self.cursor, |from| many.next_fresh(from)));
                nearest(fresh.into_iter().flatten().chain(many.resting()), likes)
            }
        }
        .unwrap_or(self.cursor)
    }

    /// Leases an index and moves the cursor past it, unless it is leased.
    #[inline]
    fn lease(&mut self, size: u16, index: u16) -> bool {
        let is_free = match &mut self.leased {
            Leased::Few(few) if few.contains(&index) => false,
            Leased::Few(few) => {
                match few.iter_mut().find(|place| **place == VACANT) {
                    Some(place) => *place = index,
                    None => {
                        self.leased =
                            Leased::Many(Box::new(Many::of(size, few.iter().copied().chain([index]))))
                    }
                }
                true
            }
            Leased::Many(many) => many.lease(index),
        };
        if is_free {
            self.used += 1;
            self.cursor = after(size, index);
        }
        is_free
    }

    #[inline]
    fn give(&mut self, size: u16, index: u16) {
        self.used -= 1;
        match &mut self.leased {
            Leased::Few(few) => {
                for place in few.iter_mut().filter(|place| **place == index) {
                    *place = VACANT;
                }
            }
            Leased::Many(many) => {
                let most = if usize::from(size) > RESTING { RESTING.min(self.used.into()) } else { RESTING };
                many.give(index, most);
                if self.used == SHRINK_AT && usize::from(size) > RESTING {
                    let mut few = [VACANT; FEW];
                    few.iter_mut().zip(many.leased()).for_each(|(place, leased)| *place = leased);
                    self.leased = Leased::Few(few);
                }
            }
        }
    }
}

/// The indexes that `next_free` finds at `from` and after it, once round.
#[inline]
fn round(size: u16, from: u16, next_free: impl Fn(u16) -> u16) -> impl Iterator<Item = u16> {
    let mut first = None;
    let mut from = from;
    iter::from_fn(move || {
        let index = next_free(from);
        from = after(size, index);
        let is_new = first != Some(index);
        first.get_or_insert(index);
        is_new.then_some(index)
    })
}

/// The first that is liked of those that are looked at, else the first.
#[inline]
fn nearest(mut free: impl Iterator<Item = u16>, likes: impl Fn(u16) -> bool) -> Option<u16> {
    let first = free.next()?;
    if likes(first) {
        return Some(first);
    }
    Some(free.take(LOOKED_AT - 1).find(|&index| likes(index)).unwrap_or(first))
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
mod tests;
