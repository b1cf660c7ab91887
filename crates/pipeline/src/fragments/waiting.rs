//! The fragments of one attachment that wait for their first one.
//!
//! Anybody can fill the places, and every first fragment looks here under the lock that all workers share. So they are found by
//! their datagram and counted as they come and go: what others have waiting costs nobody a step.

use super::on_link::Whose;
use super::{Datagram, Held, PATIENCE, WAITING, WAITING_BYTES};
use packet::Time;
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Fragments in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// By their numbers, which count up: the first has waited longest.
    held: BTreeMap<u64, Held>,
    next: u64,
    /// The numbers of each datagram's, ascending; none for one of which none waits.
    numbers: HashMap<Datagram, VecDeque<u64>>,
    /// None for those of whom none waits.
    sums: HashMap<Whose, Sum>,
}

/// Some fragments, and their bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sum {
    fragments: usize,
    bytes: usize,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether one more fragment, of so many bytes, may wait.
    pub(super) fn has_room(&self, datagram: &Datagram, bytes: usize) -> bool {
        Whose::each(datagram).into_iter().all(|whose| {
            let theirs = self.sums.get(&whose).copied().unwrap_or_default();
            theirs.fragments < whose.times() * WAITING
                && theirs.bytes + bytes <= whose.times() * WAITING_BYTES
        })
    }

    /// Takes one more in, behind all others.
    pub(super) fn push(&mut self, held: Held) {
        for whose in Whose::each(&held.datagram) {
            let theirs = self.sums.entry(whose).or_default();
            theirs.fragments += 1;
            theirs.bytes += held.bytes.len();
        }
        self.numbers.entry(held.datagram).or_default().push_back(self.next);
        self.held.insert(self.next, held);
        self.next += 1;
    }

    /// Takes out those of a datagram, in their order.
    ///
    /// # Cost
    /// A search for each of them; one look where there is none.
    pub(super) fn release(&mut self, datagram: &Datagram) -> Vec<Held> {
        let numbers = self.numbers.remove(datagram).unwrap_or_default();
        numbers.into_iter().filter_map(|number| self.take(number)).collect()
    }

    /// Takes out the first, if its time is up.
    pub(super) fn late(&mut self, now: Time) -> Option<Held> {
        let (&number, first) = self.held.first_key_value()?;
        if now.since(first.since) < PATIENCE {
            return None;
        }
        let datagram = first.datagram;
        // First of all, so first of its datagram's.
        if let Some(numbers) = self.numbers.get_mut(&datagram) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.numbers.remove(&datagram);
            }
        }
        self.take(number)
    }

    /// Takes one out whose datagram does not name it any more.
    fn take(&mut self, number: u64) -> Option<Held> {
        let held = self.held.remove(&number)?;
        for whose in Whose::each(&held.datagram) {
            let Some(theirs) = self.sums.get_mut(&whose) else { continue };
            theirs.fragments -= 1;
            theirs.bytes -= held.bytes.len();
            if theirs.fragments == 0 {
                self.sums.remove(&whose);
            }
        }
        Some(held)
    }
}

#[cfg(test)]
mod tests;
