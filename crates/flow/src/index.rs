//! From a key to its record: hash chains that run through the records themselves.
//!
//! There are at least two chains for each key, so that even in a full table four lookups in five end at the first
//! record they read. Nothing is ever moved or marked: no tombstones, no rehash, the worst insert costs what the best
//! does.

use crate::Side;
use crate::hash::Words;
use crate::slot::Slot;

/// A reference to one key of one record, or none (zero, so that fresh memory is an empty index).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub(crate) struct Link(u32);

impl Link {
    pub(crate) const NONE: Self = Self(0);

    fn new(record: u32, side: Side) -> Self {
        Self((record << 1 | side as u32) + 1)
    }

    #[inline]
    pub(crate) fn target(self) -> Option<(u32, Side)> {
        let bits = self.0.checked_sub(1)?;
        Some((bits >> 1, if bits & 1 == 0 { Side::Initiator } else { Side::Responder }))
    }

    /// A link to a record itself, for the list of free ones.
    pub(crate) fn to_record(record: u32) -> Self {
        Self::new(record, Side::Initiator)
    }
}

#[derive(Debug)]
pub(crate) struct Index {
    /// As zeroed words, so that the memory is not touched before it is used.
    chains: Vec<u32>,
    mask: u32,
}

impl Index {
    /// An index for `records` records.
    pub(crate) fn new(records: u32) -> Self {
        Self::with_chains((4 * records).next_power_of_two())
    }

    /// An index of `chains` chains, a power of two.
    pub(crate) fn with_chains(chains: u32) -> Self {
        Self { chains: vec![0; chains as usize], mask: chains - 1 }
    }

    /// The record and side that `key` belongs to.
    #[inline]
    pub(crate) fn find<A>(&self, slots: &[Slot<A>], key: &Words, hash: u32) -> Option<(u32, Side)> {
        let mut link = Link(self.chains[self.chain(hash)]);
        while let Some((record, side)) = link.target() {
            let end = slots[record as usize].end(side);
            if end.hash == hash && end.key == *key {
                return Some((record, side));
            }
            link = end.next;
        }
        None
    }

    /// Makes one key of `record` known.
    pub(crate) fn enter<A>(&mut self, slots: &mut [Slot<A>], record: u32, side: Side) {
        let end = slots[record as usize].end_mut(side);
        let chain = self.chain(end.hash);
        end.next = Link(self.chains[chain]);
        self.chains[chain] = Link::new(record, side).0;
    }

    /// Forgets one key of `record`.
    pub(crate) fn forget<A>(&mut self, slots: &mut [Slot<A>], record: u32, side: Side) {
        let gone = Link::new(record, side);
        let end = slots[record as usize].end(side);
        let (chain, next) = (self.chain(end.hash), end.next);
        let mut link = Link(self.chains[chain]);
        if link == gone {
            self.chains[chain] = next.0;
            return;
        }
        while let Some((record, side)) = link.target() {
            let end = slots[record as usize].end_mut(side);
            if end.next == gone {
                end.next = next;
                return;
            }
            link = end.next;
        }
    }

    /// How many keys the fullest chain has.
    pub(crate) fn longest_chain<A>(&self, slots: &[Slot<A>]) -> usize {
        let next = |link: &Link| link.target().map(|(record, side)| slots[record as usize].end(side).next);
        let length = |chain: &u32| std::iter::successors(next(&Link(*chain)), next).count();
        self.chains.iter().map(length).max().unwrap_or_default()
    }

    #[inline]
    fn chain(&self, hash: u32) -> usize {
        (hash & self.mask) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slot::End;
    use packet::FlowKey;

    /// Keys that differ under one and the same hash.
    fn words(number: u16) -> Words {
        Words::new(&FlowKey { source_port: number, ..FlowKey::default() })
    }

    #[test]
    fn equal_hashes_are_told_apart_and_leave_in_any_order() {
        for first_gone in 0..4 {
            let mut index = Index::new(4);
            let mut slots: Vec<Slot<()>> = (0..4).map(|_| Slot::free()).collect();
            for record in 0..4 {
                slots[usize::from(record)].ends[1] = End::new(words(record), 0xabcd);
                index.enter(&mut slots, record.into(), Side::Responder);
            }
            for gone in (0..4).map(|step| (first_gone + step) % 4) {
                assert_eq!(index.find(&slots, &words(gone), 0xabcd), Some((gone.into(), Side::Responder)));
                index.forget(&mut slots, gone.into(), Side::Responder);
                assert_eq!(index.find(&slots, &words(gone), 0xabcd), None);
            }
        }
    }
}
