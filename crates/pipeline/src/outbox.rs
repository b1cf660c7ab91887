//! Frames that leave otherwise than straight out of where they were received.

use crate::Count;
use packet::{AttachmentId, Frame, Offload};

/// The most buffers kept for the next frames.
const SPARE: usize = 64;

/// A frame to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Where.
    pub to: AttachmentId,
    /// What the device is to do.
    pub offload: Offload,
    /// The frame.
    pub bytes: Vec<u8>,
    /// The bytes of the forwarded packet of which this is the last or only frame; 0 for any other, and for the gateway's own.
    pub forwards: usize,
    /// Whether more pieces of the same packet stand behind it.
    pub(crate) more: bool,
}

/// Frames waiting to be sent, in order. Buffers are used again.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: Vec<Outgoing>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Hands every frame to `send`, in order, and forgets it.
    pub fn drain(&mut self, mut send: impl FnMut(&Outgoing)) {
        for frame in self.frames.drain(..) {
            send(&frame);
            if self.spare.len() < SPARE {
                self.spare.push(frame.bytes);
            }
        }
    }

    /// Hands every frame to `send`, which says whether it left, in order, and forgets it. Returns the forwarded packets that did
    /// not leave, or not with all their pieces: whoever receives the others cannot put the packet together.
    pub(crate) fn send(&mut self, mut send: impl FnMut(&Outgoing) -> bool) -> Count {
        let (mut unsent, mut whole) = (Count::default(), true);
        self.drain(|frame| {
            whole &= send(frame);
            if frame.more {
                return;
            }
            if !whole && frame.forwards > 0 {
                unsent.add(frame.forwards as u64);
            }
            whole = true;
        });
        unsent
    }

    /// Whether something waits that is to leave by this attachment.
    #[inline]
    pub(crate) fn has_for(&self, to: AttachmentId) -> bool {
        self.frames.iter().any(|frame| frame.to == to)
    }

    /// Adds the frame of a forwarded packet as it lies.
    pub(crate) fn push_frame(&mut self, to: AttachmentId, frame: &Frame<'_>) {
        let length = self.push(to, frame.offload, |out| out.extend_from_slice(frame.bytes));
        self.ends_packet(length);
    }

    /// Adds a piece of a forwarded packet; the last one [ends](Self::ends_packet) it.
    pub(crate) fn push_piece(&mut self, to: AttachmentId, piece: &[u8]) {
        self.push(to, Offload::default(), |out| out.extend_from_slice(piece));
        if let Some(last) = self.frames.last_mut() {
            last.more = true;
        }
    }

    /// Adds the frame that `write` writes, and returns its length.
    pub(crate) fn push(
        &mut self,
        to: AttachmentId,
        offload: Offload,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> usize {
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        write(&mut bytes);
        let length = bytes.len();
        self.frames.push(Outgoing { to, offload, bytes, forwards: 0, more: false });
        length
    }

    /// Notes that the last frame is the end of a forwarded packet of so many bytes.
    pub(crate) fn ends_packet(&mut self, length: usize) {
        if let Some(last) = self.frames.last_mut() {
            last.forwards = length;
            last.more = false;
        }
    }
}
