//! Room for the frames of one batch that do not lie in a ring.

use crate::virtio;
use packet::MAX_FRAME;

/// The bytes of an 802.1Q tag; there is room for one before every frame.
pub(crate) const TAG: usize = 4;
/// The longest frame with its virtio header and room for a tag, one byte more so that a longer one shows, rounded up
/// to cache lines.
const LONGEST: usize = (TAG + virtio::SIZE + MAX_FRAME + 1).next_multiple_of(64);
/// How many of the longest frames fit. Half a megabyte stays in the second-level cache between receiving and sending;
/// with four times as much a core moves a tenth less.
const COUNT: usize = 8;

/// The frames of one batch, packed, each behind room for a tag and its virtio header.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: Vec<u8>,
    used: usize,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; COUNT * LONGEST], used: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.used = 0;
    }

    /// Whether the longest frame may find no place.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() - self.used < LONGEST
    }

    /// Where the next frame goes with its virtio header; empty when full.
    pub(crate) fn next(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.used + TAG..self.used + LONGEST).unwrap_or_default()
    }

    /// Keeps the first `length` bytes that were written to [`Self::next`] and says where they begin.
    pub(crate) fn keep(&mut self, length: usize) -> usize {
        let start = self.used + TAG;
        self.used = (start + length).next_multiple_of(64).min(self.bytes.len());
        start
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}
