//! Frames that did not come by a port of this worker, with room for the header that a port sends before them.

use crate::virtio;
use packet::{AttachmentId, Offload};

/// A frame with room before it, so that it is sent as it lies. Its buffer can be used again and again.
#[derive(Debug, Default)]
pub struct Parcel(Vec<u8>);

impl Parcel {
    /// An empty one for a frame of up to `length` bytes.
    pub fn with_capacity(length: usize) -> Self {
        let mut bytes = Vec::with_capacity(virtio::SIZE + length);
        bytes.resize(virtio::SIZE, 0);
        Self(bytes)
    }

    /// Puts a frame in, in place of the one that was there; allocates where it is longer than the capacity.
    pub fn fill(&mut self, frame: &[u8]) {
        self.0.truncate(virtio::SIZE);
        self.0.resize(virtio::SIZE, 0);
        self.0.extend_from_slice(frame);
    }

    /// The longest frame that can be put in without allocating, in bytes.
    pub fn capacity(&self) -> usize {
        self.0.capacity().saturating_sub(virtio::SIZE)
    }

    /// The frame.
    pub fn frame(&self) -> &[u8] {
        self.0.get(virtio::SIZE..).unwrap_or_default()
    }

    /// The frame, writable; it keeps its length.
    pub fn frame_mut(&mut self) -> &mut [u8] {
        self.0.get_mut(virtio::SIZE..).unwrap_or_default()
    }

    /// The header and the frame behind it.
    pub(crate) fn sealed(&mut self, offload: Offload) -> &[u8] {
        let length = self.frame().len();
        if let Some(header) = self.0.first_chunk_mut() {
            *header = virtio::encode(offload, length);
        }
        &self.0
    }
}

/// A parcel on its way out.
#[derive(Debug)]
pub struct Leaving {
    /// The attachment that it leaves by.
    pub to: AttachmentId,
    /// The frame.
    pub parcel: Parcel,
    /// What is left to do on its checksums and segments.
    pub offload: Offload,
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Checksum;

    #[test]
    fn a_parcel_is_filled_again_without_a_trace_of_what_was_in_it() {
        let mut parcel = Parcel::with_capacity(100);
        let capacity = parcel.capacity();
        assert!(capacity >= 100);
        for frame in [vec![7; 100], vec![8; 60], Vec::new(), vec![9; 100]] {
            parcel.fill(&frame);
            assert_eq!(parcel.frame(), frame);
            let offload = Offload { checksum: Checksum::Verified, segments: None };
            let header = virtio::encode(offload, frame.len());
            assert_eq!(parcel.sealed(offload), [&header[..], &frame].concat());
        }
        assert_eq!(parcel.capacity(), capacity, "nothing was allocated");
        let mut empty = Parcel::default();
        empty.fill(&[1, 2, 3]);
        assert_eq!(empty.frame(), [1, 2, 3]);
    }
}
