//! What the packets of each attachment hold: places for neighbours, and places to wait.

use crate::neighbour::Neighbour;
use crate::{Waiting, Whose};
use packet::AttachmentId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The most next hops known or asked for at once for the packets of one attachment.
pub(crate) const PLACES: usize = 4096;
/// The most packets of one attachment that wait.
pub(crate) const WAITING: usize = 64;
/// The most bytes of them, since each can be a super-frame; Linux keeps some 200 KiB for each next hop (`unres_qlen_bytes`).
pub(crate) const WAITING_BYTES: usize = 256 << 10;

/// What the packets of each attachment hold.
#[derive(Debug, Default)]
pub(crate) struct Shares {
    each: HashMap<AttachmentId, Share>,
    /// How many of the packets that wait are each worker's.
    of_workers: Vec<usize>,
}

#[derive(Debug, Default)]
struct Share {
    /// Neighbours that its packets looked for first.
    places: usize,
    /// Packets that wait, and their bytes.
    waiting: usize,
    bytes: usize,
}

impl Shares {
    /// Takes a place for one more neighbour that this attachment's packets look for, if one is left.
    pub(crate) fn take_place(&mut self, from: AttachmentId) -> bool {
        let share = self.each.entry(from).or_default();
        let is_free = share.places < PLACES;
        share.places += usize::from(is_free);
        is_free
    }

    /// Takes a place to wait for one more of this attachment's packets, of so many bytes, if one is left.
    pub(crate) fn wait(&mut self, Whose { from, worker }: Whose, bytes: usize) -> bool {
        let share = self.each.entry(from).or_default();
        if share.waiting >= WAITING || share.bytes + bytes > WAITING_BYTES {
            return false;
        }
        share.waiting += 1;
        share.bytes += bytes;
        if self.of_workers.len() <= worker {
            self.of_workers.resize(worker + 1, 0);
        }
        self.of_workers[worker] += 1;
        true
    }

    /// Whether a packet of a worker's waits.
    pub(crate) fn waits_for(&self, worker: usize) -> bool {
        self.of_workers.get(worker).is_some_and(|&waiting| waiting > 0)
    }

    /// Whether anything is held for an attachment.
    pub(crate) fn know(&self, attachment: AttachmentId) -> bool {
        self.each.contains_key(&attachment)
    }

    /// How many packets wait.
    pub(crate) fn waiting(&self) -> usize {
        self.of_workers.iter().sum()
    }

    /// Takes in that these packets wait no longer.
    pub(crate) fn let_go(&mut self, waited: &[Waiting]) {
        for waiting in waited {
            let Whose { from, worker } = waiting.whose;
            self.change(from, |share| {
                share.waiting -= 1;
                share.bytes -= waiting.bytes.len();
            });
            self.of_workers[worker] -= 1;
        }
    }

    /// Takes in that a neighbour is forgotten; returns what waited for it.
    pub(crate) fn forget(&mut self, neighbour: &mut Neighbour) -> Vec<Waiting> {
        self.change(neighbour.asker, |share| share.places -= 1);
        let waited = std::mem::take(&mut neighbour.waiting);
        self.let_go(&waited);
        waited
    }

    /// Whether nobody holds anything.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.each.is_empty() && self.of_workers.iter().all(|&waiting| waiting == 0)
    }

    fn change(&mut self, of: AttachmentId, change: impl FnOnce(&mut Share)) {
        let Entry::Occupied(mut share) = self.each.entry(of) else { return };
        change(share.get_mut());
        if share.get().places + share.get().waiting == 0 {
            share.remove();
        }
    }
}
