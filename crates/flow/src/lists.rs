//! Doubly linked lists of record numbers, each number on at most one list.
//!
//! The links live in one array: first the lists' own nodes, each the head and foot of a ring, then one node per
//! record. Joining and leaving take a few stores, wherever in its list a record stands.

use std::collections::TryReserveError;

#[derive(Clone, Copy, Debug)]
struct Node {
    previous: u32,
    next: u32,
    /// The list it is on, or [`NOWHERE`].
    list: u32,
}

const NOWHERE: u32 = u32::MAX;

#[derive(Debug)]
pub(crate) struct Lists {
    nodes: Vec<Node>,
    lists: u32,
}

impl Lists {
    /// Empty lists, with memory for `records` record numbers.
    pub(crate) fn new(lists: u32, records: usize) -> Result<Self, TryReserveError> {
        let mut nodes = Vec::new();
        nodes.try_reserve_exact(lists as usize + records)?;
        nodes.extend((0..lists).map(|list| Node { previous: list, next: list, list }));
        Ok(Self { nodes, lists })
    }

    /// Makes the next record number known. At most as many as memory was reserved for.
    pub(crate) fn add_record(&mut self) {
        debug_assert!(
            self.nodes.len() < self.nodes.capacity(),
            "the table is never larger than its capacity"
        );
        self.nodes.push(Node { previous: 0, next: 0, list: NOWHERE });
    }

    /// The list that `record` is on.
    #[inline]
    pub(crate) fn list_of(&self, record: u32) -> Option<u32> {
        Some(self.nodes[self.node(record)].list).filter(|&list| list != NOWHERE)
    }

    /// The record that has been on `list` longest.
    #[inline]
    pub(crate) fn front(&self, list: u32) -> Option<u32> {
        self.nodes[list as usize].next.checked_sub(self.lists)
    }

    /// Takes `record` off the list it is on and puts it at the end of `list`.
    pub(crate) fn move_to_back(&mut self, record: u32, list: u32) {
        self.leave(record);
        let node = self.lists + record;
        let last = self.nodes[list as usize].previous;
        self.nodes[node as usize] = Node { previous: last, next: list, list };
        self.nodes[last as usize].next = node;
        self.nodes[list as usize].previous = node;
    }

    /// Takes `record` off the list it is on, if it is on one.
    pub(crate) fn leave(&mut self, record: u32) {
        let position = self.node(record);
        let Node { previous, next, list } = self.nodes[position];
        if list != NOWHERE {
            self.nodes[previous as usize].next = next;
            self.nodes[next as usize].previous = previous;
            self.nodes[position].list = NOWHERE;
        }
    }

    #[inline]
    fn node(&self, record: u32) -> usize {
        self.lists as usize + record as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agree_with_vectors(moves in prop::collection::vec((0u32..6, prop::option::of(0u32..3)), 0..60)) {
            let mut lists = Lists::new(3, 6).unwrap();
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
