//! Frames on their way from the worker that received them to the worker that owns their flow.
//!
//! Each worker has one queue, which all others fill; what one worker puts in comes out in that order. The queue's
//! buffers are made at the start and go round, so nothing is allocated for a frame, and a full queue is full of bytes
//! that were counted before: [`SMALL`] frames of up to [`SMALL_FRAME`] bytes and [`LARGE`] super-frames.

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
pub(crate) const MEMORY: usize = SMALL * SMALL_FRAME + LARGE * MAX_FRAME;

/// A frame that changes hands.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) on: AttachmentId,
    pub(super) offload: Offload,
    pub(super) parcel: Parcel,
    /// Whether nobody has looked at it yet.
    pub(super) is_new: bool,
}

/// What waits for one worker.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: ArrayQueue<Handed>,
    small: ArrayQueue<Parcel>,
    large: ArrayQueue<Parcel>,
}

impl Queue {
    /// An empty queue with all its buffers.
    pub(super) fn new() -> Self {
        let buffers = |count: usize, size: usize| {
            let buffers = ArrayQueue::new(count);
            // As many as fit.
            (0..count).for_each(|_| drop(buffers.push(Parcel::with_capacity(size))));
            buffers
        };
        Self {
            waiting: ArrayQueue::new(SMALL + LARGE),
            small: buffers(SMALL, SMALL_FRAME),
            large: buffers(LARGE, MAX_FRAME),
        }
    }

    /// Copies a frame in; `false` where there is no buffer left for it.
    fn put(&self, on: AttachmentId, offload: Offload, frame: &[u8], is_new: bool) -> bool {
        if frame.len() > MAX_FRAME {
            return false;
        }
        let buffers = if frame.len() <= SMALL_FRAME { &self.small } else { &self.large };
        let Some(mut parcel) = buffers.pop() else { return false };
        parcel.fill(frame);
        // There is a place for every buffer.
        self.waiting.push(Handed { on, offload, parcel, is_new }).is_ok()
    }

    /// The frame that has waited longest.
    pub(super) fn take(&self) -> Option<Handed> {
        self.waiting.pop()
    }

    /// Gives a buffer back.
    pub(super) fn give_back(&self, parcel: Parcel) {
        let buffers = if parcel.capacity() < MAX_FRAME { &self.small } else { &self.large };
        // There is a place for every buffer.
        let _ = buffers.push(parcel);
    }

    /// Whether any `count` frames would fit.
    fn has_room(&self, count: usize) -> bool {
        self.small.len() >= count && self.large.len() >= count
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

/// One worker's way to the queues of all.
#[derive(Debug)]
pub(super) struct Others {
    queues: Vec<(Arc<Queue>, Waker)>,
    /// Whoever got something since the last [`Self::wake`], a bit each.
    touched: u64,
}

impl Others {
    /// The queues in the order of the workers, and what wakes each; at most 64.
    pub(super) fn new(queues: Vec<(Arc<Queue>, Waker)>) -> Self {
        Self { queues, touched: 0 }
    }

    /// Copies a frame into the queue of worker `to`; `false` where it does not fit.
    pub(super) fn hand_over(&mut self, to: usize, on: AttachmentId, offload: Offload, frame: &[u8]) -> bool {
        let Some((queue, _)) = self.queues.get(to) else { return false };
        self.touched |= 1 << to;
        queue.put(on, offload, frame, false)
    }

    /// Copies a frame that nobody has looked at into the queue of worker `to`; `false` where it does not fit.
    pub(super) fn hand_on(&mut self, to: usize, on: AttachmentId, offload: Offload, frame: &[u8]) -> bool {
        let Some((queue, _)) = self.queues.get(to) else { return false };
        self.touched |= 1 << to;
        queue.put(on, offload, frame, true)
    }

    /// Whether any `count` frames would fit into the queue of worker `to`.
    pub(super) fn has_room(&self, to: usize, count: usize) -> bool {
        self.queues.get(to).is_some_and(|(queue, _)| queue.has_room(count))
    }

    /// Wakes whoever got something; once after a batch.
    pub(super) fn wake(&mut self) {
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ON: AttachmentId = AttachmentId(3);

    #[test]
    fn a_full_queue_refuses_by_size_and_recovers() {
        let queue = Queue::new();
        let (small, large) = (vec![1; SMALL_FRAME], vec![2; MAX_FRAME]);
        let put = |frame: &[u8]| queue.put(ON, Offload::default(), frame, false);
        assert_eq!((0..SMALL + 5).filter(|_| put(&small)).count(), SMALL);
        assert_eq!((0..LARGE + 5).filter(|_| put(&large)).count(), LARGE, "they have buffers of their own");
        assert!(!put(&vec![0; MAX_FRAME + 1]), "nothing longer");
        let mut taken = 0;
        while let Some(handed) = queue.take() {
            taken += handed.parcel.frame().len();
            queue.give_back(handed.parcel);
        }
        assert_eq!(taken, MEMORY);
        assert_eq!((0..SMALL + 5).filter(|_| put(&small)).count(), SMALL, "every buffer has come back");
        assert_eq!((0..LARGE + 5).filter(|_| put(&large)).count(), LARGE);
    }

    #[test]
    fn several_senders_lose_nothing_and_keep_their_order() {
        let queue = Arc::new(Queue::new());
        let senders = 3_u8;
        let each = 20_000_u32;
        std::thread::scope(|scope| {
            for sender in 0..senders {
                let queue = Arc::clone(&queue);
                scope.spawn(move || {
                    for number in 0..each {
                        let mut frame = vec![sender; 64];
                        frame[1..5].copy_from_slice(&number.to_ne_bytes());
                        while !queue.put(ON, Offload::default(), &frame, false) {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let mut next = vec![0; usize::from(senders)];
            while next.iter().any(|seen| *seen < each) {
                let Some(handed) = queue.take() else {
                    std::thread::yield_now();
                    continue;
                };
                let frame = handed.parcel.frame();
                let number = u32::from_ne_bytes(frame[1..5].try_into().unwrap());
                let expected = &mut next[usize::from(frame[0])];
                assert_eq!(number, *expected, "of sender {}", frame[0]);
                *expected += 1;
                queue.give_back(handed.parcel);
            }
        });
        assert!(queue.is_empty());
    }

    proptest! {
        #[test]
        fn a_frame_comes_out_as_it_went_in(lengths in proptest::collection::vec(0..=MAX_FRAME, 1..40)) {
            let queue = Queue::new();
            for (nth, length) in lengths.iter().enumerate() {
                assert!(queue.put(AttachmentId(nth as u16), Offload::default(), &vec![nth as u8; *length], true));
            }
            for (nth, length) in lengths.iter().enumerate() {
                let handed = queue.take().unwrap();
                assert_eq!(handed.on, AttachmentId(nth as u16));
                assert_eq!(handed.parcel.frame(), vec![nth as u8; *length]);
                queue.give_back(handed.parcel);
            }
            assert!(queue.take().is_none());
        }
    }
}
