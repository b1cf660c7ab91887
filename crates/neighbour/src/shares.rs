//! What the packets of each attachment hold: places for neighbours, and places to wait.

use crate::Waiting;
use crate::neighbour::Neighbour;
use packet::AttachmentId;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The most next hops known or asked for at once for the packets of one attachment.
pub(crate) const PLACES: usize = 4096;
/// The most packets of one attachment that wait.
pub(crate) const WAITING: usize = 64;

/// What the packets of each attachment hold.
#[derive(Debug, Default)]
pub(crate) struct Shares(HashMap<AttachmentId, Share>);

#[derive(Debug, Default)]
struct Share {
    /// Neighbours that its packets looked for first.
    places: usize,
    /// Packets that wait.
    waiting: usize,
}

impl Shares {
    /// Takes a place for one more neighbour that this attachment's packets look for, if one is left.
    pub(crate) fn take_place(&mut self, from: AttachmentId) -> bool {
        let share = self.0.entry(from).or_default();
        let is_free = share.places < PLACES;
        share.places += usize::from(is_free);
        is_free
    }

    /// Takes a place to wait for one more of this attachment's packets, if one is left.
    pub(crate) fn wait(&mut self, from: AttachmentId) -> bool {
        let share = self.0.entry(from).or_default();
        let is_free = share.waiting < WAITING;
        share.waiting += usize::from(is_free);
        is_free
    }

    /// Whether anything is held for an attachment.
    pub(crate) fn know(&self, attachment: AttachmentId) -> bool {
        self.0.contains_key(&attachment)
    }

    /// How many packets wait.
    pub(crate) fn waiting(&self) -> usize {
        self.0.values().map(|share| share.waiting).sum()
    }

    /// Takes in that these packets wait no longer.
    pub(crate) fn let_go(&mut self, waited: &[Waiting]) {
        for waiting in waited {
            self.change(waiting.whose.from, |share| share.waiting -= 1);
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
        self.0.is_empty()
    }

    fn change(&mut self, of: AttachmentId, change: impl FnOnce(&mut Share)) {
        let Entry::Occupied(mut share) = self.0.entry(of) else { return };
        change(share.get_mut());
        if share.get().places + share.get().waiting == 0 {
            share.remove();
        }
    }
}
