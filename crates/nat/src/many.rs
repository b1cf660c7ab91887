//! The indexes of a pool with many leases: which are leased, and which rest.

use crate::bitmap::Bitmap;
use std::collections::VecDeque;

/// How many times as many places as it needs a list of resting indexes may have.
const SPARSE: usize = 4;

/// Leased and resting indexes: 168 bytes, 528 for every 4,096 indexes of which one is leased or rests, and up to eight for each
/// that rests; 16,808 at most.
pub(crate) struct Many {
    /// A set bit is an index that is leased or rests.
    busy: Bitmap,
    /// Given back, the first longest ago.
    resting: VecDeque<u16>,
}

impl Many {
    /// These leased, none resting.
    pub(crate) fn of(size: u16, leased: impl IntoIterator<Item = u16>) -> Self {
        let mut busy = Bitmap::new(size);
        leased.into_iter().for_each(|index| busy.set(index));
        Self { busy, resting: VecDeque::new() }
    }

    /// Whether an index is neither leased nor rests.
    #[inline]
    pub(crate) fn has_fresh(&self) -> bool {
        !self.busy.is_full()
    }

    /// The first index at `from` or after it, going round the end, that is neither leased nor rests; there must be one.
    #[inline]
    pub(crate) fn next_fresh(&self, from: u16) -> u16 {
        self.busy.next_free(from)
    }

    /// What rests, longest first.
    #[inline]
    pub(crate) fn resting(&self) -> impl Iterator<Item = u16> {
        self.resting.iter().copied()
    }

    /// Leases an index, unless it is leased.
    ///
    /// Cost: a look at what rests, where it is not fresh.
    #[inline]
    pub(crate) fn lease(&mut self, index: u16) -> bool {
        if !self.busy.has(index) {
            self.busy.set(index);
            return true;
        }
        let place = self.resting.iter().position(|&resting| resting == index);
        place.and_then(|place| self.resting.remove(place)).is_some()
    }

    /// Takes a leased index back; it rests from now on, and those that have rested longest make room where more than `most`
    /// would.
    #[inline]
    pub(crate) fn give(&mut self, index: u16, most: usize) {
        while self.resting.len() >= most.max(1)
            && let Some(rested) = self.resting.pop_front()
        {
            self.busy.clear(rested);
        }
        self.resting.push_back(index);
        if self.resting.len() < self.resting.capacity() / SPARSE {
            self.resting.shrink_to(2 * self.resting.len());
        }
    }

    /// The memory that it takes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.busy.bytes() + self.resting.capacity() * size_of::<u16>()
    }

    /// The leased indexes, lowest first, when nothing is to rest any longer.
    pub(crate) fn leased(&mut self) -> impl Iterator<Item = u16> {
        for rested in self.resting.drain(..) {
            self.busy.clear(rested);
        }
        self.busy.indexes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CAPACITY;
    use crate::pool::RESTING;

    const _: () = assert!(size_of::<Many>() == 168);

    #[test]
    fn what_rests_takes_no_more_room_than_it_needs() {
        let mut many = Many::of(CAPACITY as u16, 0..CAPACITY as u16);
        (0..60_000).for_each(|index| many.give(index, RESTING));
        assert_eq!((many.resting.len(), many.resting.capacity()), (RESTING, RESTING));
        assert!(many.resting().eq(60_000 - RESTING as u16..60_000));
        (60_000..CAPACITY as u16)
            .for_each(|index| many.give(index, RESTING.min(CAPACITY - usize::from(index))));
        assert!(many.resting().eq([CAPACITY as u16 - 1]) && many.resting.capacity() <= 8);
        assert!(many.has_fresh() && many.leased().next().is_none());
    }
}
