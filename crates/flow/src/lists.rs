//! Doubly linked lists of record numbers, each number on at most one list.
//!
//! The links of the records live in one array and the two ends of the lists in another. Joining and leaving take a few
//! stores, wherever in its list a record stands.

use std::collections::TryReserveError;

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// The list it is on, or [`NONE`].
    list: u32,
}

/// The first and the last record of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

/// No record, or no list.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Lists {
    ends: Vec<Ends>,
    nodes: Vec<Node>,
}

impl Lists {
    /// Empty lists, with memory for `records` record numbers.
    pub(crate) fn new(lists: usize, records: usize) -> Result<Self, TryReserveError> {
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(records)?;
        let mut new = Self { ends: Vec::new(), nodes };
        new.add_lists(lists);
        Ok(new)
    }

    /// The memory of so many record numbers, in bytes.
    pub(crate) const fn memory(records: usize) -> usize {
        records * size_of::<Node>()
    }

    /// Makes the lists up to this number known. Allocates where there were fewer.
    pub(crate) fn add_lists(&mut self, lists: usize) {
        if self.ends.len() < lists {
            self.ends.resize(lists, Ends { first: NONE, last: NONE });
        }
    }

    /// Makes the next record number known. At most as many as memory was reserved for.
    pub(crate) fn add_record(&mut self) {
        debug_assert!(
            self.nodes.len() < self.nodes.capacity(),
            "the table is never larger than its capacity"
        );
        self.nodes.push(Node { previous: NONE, next: NONE, list: NONE });
    }

    /// The list that `record` is on.
    #[inline]
    pub(crate) fn list_of(&self, record: u32) -> Option<u32> {
        Some(self.nodes[record as usize].list).filter(|&list| list != NONE)
    }

    /// The record that has been on `list` longest.
    #[inline]
    pub(crate) fn front(&self, list: u32) -> Option<u32> {
        Some(self.ends[list as usize].first).filter(|&first| first != NONE)
    }

    /// The record that came to `list` last.
    #[inline]
    pub(crate) fn back(&self, list: u32) -> Option<u32> {
        Some(self.ends[list as usize].last).filter(|&last| last != NONE)
    }

    /// Takes `record` off the list it is on and puts it at the end of `list`.
    pub(crate) fn move_to_back(&mut self, record: u32, list: u32) {
        self.leave(record);
        let last = self.ends[list as usize].last;
        self.nodes[record as usize] = Node { previous: last, next: NONE, list };
        match self.nodes.get_mut(last as usize) {
            Some(last) => last.next = record,
            None => self.ends[list as usize].first = record,
        }
        self.ends[list as usize].last = record;
    }

    /// Takes `record` off the list it is on, if it is on one.
    pub(crate) fn leave(&mut self, record: u32) {
        let Node { previous, next, list } = self.nodes[record as usize];
        if list == NONE {
            return;
        }
        match self.nodes.get_mut(previous as usize) {
            Some(previous) => previous.next = next,
            None => self.ends[list as usize].first = next,
        }
        match self.nodes.get_mut(next as usize) {
            Some(next) => next.previous = previous,
            None => self.ends[list as usize].last = previous,
        }
        self.nodes[record as usize].list = NONE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agree_with_vectors(moves in prop::collection::vec((0u32..6, prop::option::of(0u32..3)), 0..60)) {
            let mut lists = Lists::new(1, 6).unwrap();
            lists.add_lists(3);
            (0..6).for_each(|_| lists.add_record());
            let mut plain: [Vec<u32>; 3] = Default::default();
            for (record, to) in moves {
                plain.iter_mut().for_each(|list| list.retain(|&other| other != record));
                match to {
                    Some(list) => {
                        lists.move_to_back(record, list);
                        plain[list as usize].push(record);
                    }
                    None => lists.leave(record),
                }
                prop_assert_eq!(lists.list_of(record), to);
                for list in 0..3 {
                    prop_assert_eq!(lists.front(list), plain[list as usize].first().copied());
                    prop_assert_eq!(lists.back(list), plain[list as usize].last().copied());
                }
            }
            for list in 0..3 {
                for record in &plain[list as usize] {
                    prop_assert_eq!(lists.front(list), Some(*record));
                    lists.leave(*record);
                }
                prop_assert_eq!(lists.front(list), None);
            }
        }
    }
}
