//! When copies of hardware addresses have become doubtful: read for every packet, without a lock, and seldom written.

use packet::AttachmentId;
use std::sync::atomic::{AtomicU32, Ordering};

/// How many attachments have an epoch of their own.
const EPOCHS: usize = 4096;

/// How often hardware addresses have become doubtful.
#[derive(Debug)]
pub(crate) struct Epochs {
    /// By attachment; those [`EPOCHS`] apart share one.
    own: Box<[AtomicU32]>,
    /// Everywhere at once.
    era: AtomicU32,
}

impl Default for Epochs {
    fn default() -> Self {
        Self { own: (0..EPOCHS).map(|_| AtomicU32::new(0)).collect(), era: AtomicU32::new(0) }
    }
}

impl Epochs {
    #[inline]
    pub(crate) fn of(&self, on: AttachmentId) -> u32 {
        let own = self.own[usize::from(on.0) % EPOCHS].load(Ordering::Acquire);
        self.era.load(Ordering::Acquire).wrapping_add(own)
    }

    /// Makes every copy of an attachment's hardware addresses doubtful, and no other's: a host that keeps changing its own
    /// costs nobody else. The table has changed already, and its lock is still held.
    pub(crate) fn doubt(&self, on: AttachmentId) {
        self.own[usize::from(on.0) % EPOCHS].fetch_add(1, Ordering::Release);
    }

    /// The same of all attachments.
    pub(crate) fn doubt_all(&self) {
        self.era.fetch_add(1, Ordering::Release);
    }
}
