//! Whose records they are, and who has to go when the table is nearly full.
//!
//! Every record belongs to an [`Owner`]. An owner's **share** is the capacity divided by the number of owners: those that
//! hold records, and those that were announced. Whoever holds less than its share always gets a record, whatever the
//! others do. The rest is lent to whoever asks, but for the last eighth, and what is lent can be called back:
//!
//! * A connection that is over counts as free: its record lingers until the place is needed, the oldest first.
//! * An owner at or above its share that comes when the rest is lent pushes out its own oldest unanswered flow, so a flood
//!   pushes out itself; without one, the oldest unanswered flow of whoever holds most, if that is more than it holds itself.
//! * An owner below its share that comes when nothing is free calls back from those above theirs: of whoever holds most,
//!   the oldest unanswered flow; where none of them has such a flow, the one that was answered last.
//!
//! So nobody at or below its share loses a connection to anybody else.
//!
//! Why the last rule always finds one: then the owners hold the capacity together, and one of them less than its share, so
//! another holds more than its own. Why the last eighth: calling back an answered flow breaks a connection,
//! and a table that nobody fills to the brim seldom has to.

use crate::lists::Lists;
use crate::record::Refusal;
use packet::Owner;
use std::collections::TryReserveError;

/// What a record is to its owner.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// The connection is over.
    Over,
    /// TCP without a complete handshake, and whatever no responder has answered.
    Unanswered,
    /// Anything else.
    Answered,
}

/// Connections that are over, of all owners, by when they closed.
const OVER: u32 = 0;
/// The part of the table, one in so many, that is kept for owners below their share.
const KEPT: u32 = 8;

#[derive(Debug)]
pub(crate) struct Shares {
    /// [`OVER`], and two for each owner: unanswered flows by when they began, answered ones by when they were answered.
    lists: Lists,
    /// Records of each owner, but for those that are over.
    held: Vec<u32>,
    /// Of all owners together.
    in_use: u32,
    /// How many owners hold any.
    holders: u32,
    /// How many were announced.
    announced: u32,
    capacity: u32,
}

impl Shares {
    pub(crate) fn new(capacity: usize) -> Result<Self, TryReserveError> {
        let lists = Lists::new(1, capacity)?;
        let mut new =
            Self { lists, held: Vec::new(), in_use: 0, holders: 0, announced: 0, capacity: capacity as u32 };
        new.reach(Owner::default());
        Ok(new)
    }

    pub(crate) fn announce(&mut self, owners: impl Iterator<Item = Owner>) {
        self.announced = 0;
        for owner in owners {
            self.announced += 1;
            self.reach(owner);
        }
    }

    /// Makes the next record number known.
    pub(crate) fn add_record(&mut self) {
        self.lists.add_record();
    }

    /// Puts a record where it stands now; it keeps its place where that is the same as before. Allocates where the owner was
    /// never heard of.
    pub(crate) fn place(&mut self, record: u32, owner: Owner, standing: Standing) {
        self.reach(owner);
        let list = match standing {
            Standing::Over => OVER,
            Standing::Unanswered => unanswered(owner.0.into()),
            Standing::Answered => answered(owner.0.into()),
        };
        let before = self.lists.list_of(record);
        if before != Some(list) {
            self.count(before, owner, -1);
            self.lists.move_to_back(record, list);
            self.count(Some(list), owner, 1);
        }
    }

    /// Forgets a record that is gone.
    pub(crate) fn leave(&mut self, record: u32, owner: Owner) {
        self.count(self.lists.list_of(record), owner, -1);
        self.lists.leave(record);
    }

    /// Notes that a list of this owner has one record more or less.
    fn count(&mut self, list: Option<u32>, owner: Owner, change: i32) {
        if list.is_some_and(|list| list != OVER) {
            let held = &mut self.held[usize::from(owner.0)];
            let before = *held;
            *held = before.wrapping_add_signed(change);
            self.in_use = self.in_use.wrapping_add_signed(change);
            self.holders = self.holders + u32::from(before == 0) - u32::from(*held == 0);
        }
    }

    /// Where a new record of this owner comes from, with `live` records in use: `None` where one is free for it, else
    /// the record that makes room.
    ///
    /// # Cost
    /// A few loads; with the table full and nothing else expendable, a look at every owner.
    pub(crate) fn room(&self, owner: Owner, live: usize) -> Result<Option<u32>, Refusal> {
        let held = self.held.get(usize::from(owner.0)).copied().unwrap_or(0);
        let owners = self.announced.max(self.holders + u32::from(held == 0)).max(1);
        let share = (self.capacity / owners).max(1);
        let is_below = held < share;
        let kept = if is_below || owners == 1 { 0 } else { self.capacity / KEPT };
        if self.in_use < self.capacity - kept {
            let is_full = live >= self.capacity as usize;
            return Ok(if is_full { self.lists.front(OVER) } else { None });
        }
        if is_below {
            return self.call_back(share).map(Some).ok_or(Refusal::Full);
        }
        let own = self.oldest_unanswered(owner.0.into());
        let victim = own.or_else(|| self.largest(held, |of| self.oldest_unanswered(of)));
        victim.map(Some).ok_or(if owners == 1 { Refusal::Full } else { Refusal::Share })
    }

    /// The record that somebody above `share` gives back.
    #[cold]
    fn call_back(&self, share: u32) -> Option<u32> {
        let unanswered = self.largest(share, |of| self.oldest_unanswered(of));
        unanswered.or_else(|| self.largest(share, |of| self.lists.back(answered(of))))
    }

    /// What `record_of` gives for whoever holds most, among those that hold more than `above` and have such a record; of equal
    /// ones, the first.
    fn largest(&self, above: u32, record_of: impl Fn(usize) -> Option<u32>) -> Option<u32> {
        let mut largest = (above, None);
        for (owner, &held) in self.held.iter().enumerate() {
            if held > largest.0
                && let Some(record) = record_of(owner)
            {
                largest = (held, Some(record));
            }
        }
        largest.1
    }

    fn oldest_unanswered(&self, owner: usize) -> Option<u32> {
        self.lists.front(unanswered(owner))
    }

    fn reach(&mut self, owner: Owner) {
        let owners = usize::from(owner.0) + 1;
        if self.held.len() < owners {
            self.held.resize(owners, 0);
            self.lists.add_lists(1 + 2 * owners);
        }
    }
}

fn unanswered(owner: usize) -> u32 {
    1 + 2 * owner as u32
}

fn answered(owner: usize) -> u32 {
    2 + 2 * owner as u32
}
