//! Room for the frames that are longer than a slot.

use super::slot::{Slot, TAG};
use super::virtio;
use crate::sys::socket::PacketSocket;
use packet::MAX_FRAME;

/// How many frames of a batch may be longer than a slot. Half a megabyte of them stays in the second-level cache
/// between receiving and sending; with 32 a core moves a tenth less.
const COUNT: usize = 8;
/// The longest frame with its virtio header and room for a tag, rounded up to cache lines.
const SIZE: usize = (TAG + virtio::SIZE + MAX_FRAME).next_multiple_of(64);
/// How much of a frame is compared with what the slot says it begins with.
const PROOF: usize = 64;

/// Buffers for one batch.
#[derive(Debug)]
pub(super) struct Copies {
    bytes: Vec<u8>,
    used: usize,
}

impl Copies {
    pub(super) fn new() -> Self {
        Self { bytes: vec![0; COUNT * SIZE], used: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    pub(super) fn is_full(&self) -> bool {
        self.used == COUNT
    }

    /// Takes the whole of a slot's frame out of the socket's queue and names the buffer it lies in, from
    /// [`TAG`] on, behind its virtio header.
    ///
    /// Slots and queue are filled under one lock, so they agree; should they ever not, the queue is emptied and
    /// the frame is lost, for a wrong frame must not pass under another's name.
    pub(super) fn receive(&mut self, socket: &PacketSocket, slot: &Slot, beginning: &[u8]) -> Option<usize> {
        let index = self.used;
        let buffer = self.buffer_mut(index).get_mut(TAG..)?;
        // A pending error, such as that the link went down, is told first and once.
        let received = socket.receive(buffer).or_else(|_| socket.receive(buffer)).unwrap_or(0);
        if received > buffer.len() {
            return None;
        }
        let proof = beginning.len().min(virtio::SIZE + PROOF);
        if received != virtio::SIZE + slot.length || buffer.get(..proof) != beginning.get(..proof) {
            while socket.receive(buffer).is_ok() {}
            return None;
        }
        self.used += 1;
        Some(index)
    }

    pub(super) fn buffer(&self, index: usize) -> &[u8] {
        self.bytes.get(index * SIZE..(index + 1) * SIZE).unwrap_or_default()
    }

    pub(super) fn buffer_mut(&mut self, index: usize) -> &mut [u8] {
        self.bytes.get_mut(index * SIZE..(index + 1) * SIZE).unwrap_or_default()
    }
}
