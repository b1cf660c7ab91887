//! Who may have how much of a pool of buffers that all attachments use.
//!
//! An attachment may hold at most [`PART`] times what is still free. A lone one gets two thirds of the pool; beside a
//! flooder, or several, what they leave free is for the others, who hold next to nothing and get in. Nobody's share is
//! set aside, so none lies idle, and nothing is to be told of attachments that come and go.
//!
//! # Source
//! Choudhury and Hahne, "Dynamic queue length thresholds for shared-memory packet switches" (IEEE/ACM Transactions on
//! Networking, 1998).

use packet::AttachmentId;
use std::sync::atomic::{AtomicU16, Ordering};

/// How many times what is free an attachment may hold.
const PART: usize = 2;
/// As many as attachments can be numbered; what lies beyond would share a count with another.
const COUNTS: usize = 0x8000;

/// The memory of the counts, in bytes.
pub(crate) const MEMORY: usize = COUNTS * size_of::<AtomicU16>();

/// How much each attachment holds of one pool.
#[derive(Debug)]
pub(crate) struct Shares(Box<[AtomicU16]>);

impl Shares {
    /// Nobody holds anything.
    pub(crate) fn new() -> Self {
        Self((0..COUNTS).map(|_| AtomicU16::new(0)).collect())
    }

    /// Counts one more for an attachment where its share allows that, with so many `free`.
    ///
    /// Of several threads that ask at once for one attachment none gets more than the share; one may be refused that would
    /// have got in a moment later.
    pub(crate) fn take(&self, on: AttachmentId, free: usize) -> bool {
        let held = self.of(on).fetch_add(1, Ordering::Relaxed);
        let is_within = usize::from(held) < PART * free;
        if !is_within {
            self.give_back(on);
        }
        is_within
    }

    /// Counts one less.
    pub(crate) fn give_back(&self, on: AttachmentId) {
        self.of(on).fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether an attachment's share allows `count` more, one after the other, with so many `free` before the first.
    pub(crate) fn allows(&self, on: AttachmentId, count: usize, free: usize) -> bool {
        let held = usize::from(self.of(on).load(Ordering::Relaxed));
        // The last of them counts: by then more is held and less is free.
        count == 0 || free >= count && held + count - 1 < PART * (free + 1 - count)
    }

    fn of(&self, on: AttachmentId) -> &AtomicU16 {
        &self.0[usize::from(on.0) % COUNTS]
    }
}
