//! Frames on their way from the worker that received them to the worker that owns their flow.
//!
//! Each worker has one queue, which all others fill; what one worker puts in comes out in that order. The queue's
//! buffers are made at the start and go round, so nothing is allocated for a frame, and a full queue is full of bytes
//! that were counted before: [`SMALL`] frames of up to [`SMALL_FRAME`] bytes and [`LARGE`] super-frames. Of both, an
//! attachment gets a share ([`Shares`]): a flooder behind one does not crowd the others out.

use crate::shares::{self, Shares};
use crossbeam::queue::ArrayQueue;
use io::{Parcel, Waker};
use packet::{AttachmentId, MAX_FRAME, Offload};
use std::sync::Arc;

/// The ordinary frames that may wait for one worker.
const SMALL: usize = 2048;
/// The longest of them, in bytes: a packet of the usual MTU and its Ethernet header fit.
const SMALL_FRAME: usize = 2048;
/// The longer frames that may wait for one worker.
const LARGE: usize = 128;

/// The most memory of one worker's queue, in bytes; the pages of a buffer are touched when it is first used.
pub const MEMORY: usize = SMALL * SMALL_FRAME + LARGE * MAX_FRAME + 2 * shares::MEMORY;

/// A frame that changes hands.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) on: AttachmentId,
    pub(crate) offload: Offload,
    pub(crate) parcel: Parcel,
    /// Whether nobody has looked at it yet.
    pub(crate) is_new: bool,
}

/// What waits for one worker.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: ArrayQueue<Handed>,
    small: Pool,
    large: Pool,
}

/// Buffers of one size, and how many of them each attachment has waiting.
#[derive(Debug)]
struct Pool {
    free: ArrayQueue<Parcel>,
    shares: Shares,
}

impl Pool {
    fn new(count: usize, size: usize) -> Self {
        let free = ArrayQueue::new(count);
        // As many as fit.
        (0..count).for_each(|_| drop(free.push(Parcel::with_capacity(size))));
        Self { free, shares: Shares::new() }
    }

    fn take(&self, on: AttachmentId) -> Option<Parcel> {
        if !self.shares.take(on, self.free.len()) {
            return None;
        }
        let parcel = self.free.pop();
        if parcel.is_none() {
            // Others have taken the last of them meanwhile.
            self.shares.give_back(on);
        }
        parcel
    }

    fn has_room(&self, on: AttachmentId, count: usize) -> bool {
        self.shares.allows(on, count, self.free.len())
    }
}

impl Queue {
    /// An empty queue with all its buffers.
    pub(crate) fn new() -> Self {
        Self {
            waiting: ArrayQueue::new(SMALL + LARGE),
            small: Pool::new(SMALL, SMALL_FRAME),
            large: Pool::new(LARGE, MAX_FRAME),
        }
    }

    /// Copies a frame in; `false` where there is no buffer left for it, or none for its attachment.
    fn put(&self, on: AttachmentId, offload: Offload, frame: &[u8], is_new: bool) -> bool {
        if frame.len() > MAX_FRAME {
            return false;
        }
        let pool = if frame.len() <= SMALL_FRAME { &self.small } else { &self.large };
        let Some(mut parcel) = pool.take(on) else { return false };
        parcel.fill(frame);
        // There is a place for every buffer.
        self.waiting.push(Handed { on, offload, parcel, is_new }).is_ok()
    }

    /// The frame that has waited longest. It no longer counts for its attachment; its buffer is not free yet.
    pub(crate) fn take(&self) -> Option<Handed> {
        let handed = self.waiting.pop()?;
        self.pool_of(&handed.parcel).shares.give_back(handed.on);
        Some(handed)
    }

    /// Gives a buffer back.
    pub(crate) fn give_back(&self, parcel: Parcel) {
        // There is a place for every buffer.
        let _ = self.pool_of(&parcel).free.push(parcel);
    }

    fn pool_of(&self, parcel: &Parcel) -> &Pool {
        if parcel.capacity() < MAX_FRAME { &self.small } else { &self.large }
    }

    /// Whether any `count` frames of an attachment would fit.
    fn has_room(&self, on: AttachmentId, count: usize) -> bool {
        self.small.has_room(on, count) && self.large.has_room(on, count)
    }

    /// How many frames wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// One worker's way to the queues of all.
#[derive(Debug)]
pub(crate) struct Others {
    queues: Vec<(Arc<Queue>, Waker)>,
    /// Whoever got something since the last [`Self::wake`], a bit each.
    touched: u64,
}

impl Others {
    /// The queues in the order of the workers, and what wakes each; at most 64.
    pub(crate) fn new(queues: Vec<(Arc<Queue>, Waker)>) -> Self {
        Self { queues, touched: 0 }
    }

    /// Copies a frame into the queue of worker `to`; `false` where it does not fit.
    pub(crate) fn hand_over(&mut self, to: usize, on: AttachmentId, offload: Offload, frame: &[u8]) -> bool {
        let Some((queue, _)) = self.queues.get(to) else { return false };
        self.touched |= 1 << to;
        queue.put(on, offload, frame, false)
    }

    /// Copies a frame that nobody has looked at into the queue of worker `to`; `false` where it does not fit.
    pub(crate) fn hand_on(&mut self, to: usize, on: AttachmentId, offload: Offload, frame: &[u8]) -> bool {
        let Some((queue, _)) = self.queues.get(to) else { return false };
        self.touched |= 1 << to;
        queue.put(on, offload, frame, true)
    }

    /// Whether any `count` frames of an attachment would fit into the queue of worker `to`.
    pub(crate) fn has_room(&self, to: usize, on: AttachmentId, count: usize) -> bool {
        self.queues.get(to).is_some_and(|(queue, _)| queue.has_room(on, count))
    }

    /// Wakes whoever got something; once after a batch.
    pub(crate) fn wake(&mut self) {
        while self.touched != 0 {
            let next = self.touched.trailing_zeros() as usize;
            self.touched &= self.touched - 1;
            if let Some((_, waker)) = self.queues.get(next) {
                waker.wake();
            }
        }
    }
}

#[cfg(test)]
mod tests;
