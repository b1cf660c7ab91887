//! Attachments in memory, for tests and for questions about packets that never were on a wire.

use crate::{Links, Statistics};
use packet::{AttachmentId, Frame, Offload};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

/// Attachments in memory. Frames come in by [`Memory::deliver`] and are found by [`Memory::take_sent`].
#[derive(Debug)]
pub struct Memory {
    ends: BTreeMap<AttachmentId, End>,
    capacity: usize,
}

#[derive(Debug, Default)]
struct End {
    inbox: VecDeque<(Vec<u8>, Offload)>,
    outbox: VecDeque<(Vec<u8>, Offload)>,
    statistics: Statistics,
}

impl Memory {
    /// No attachments yet; each will hold `capacity` frames in either direction.
    pub fn new(capacity: usize) -> Self {
        Self { ends: BTreeMap::new(), capacity }
    }

    /// Adds an attachment, or empties one that exists.
    pub fn attach(&mut self, id: AttachmentId) {
        self.ends.insert(id, End::default());
    }

    /// Removes an attachment with all its frames.
    pub fn detach(&mut self, id: AttachmentId) {
        self.ends.remove(&id);
    }

    /// Lets a frame arrive on an attachment; whether there was room for it.
    pub fn deliver(&mut self, on: AttachmentId, frame: Vec<u8>, offload: Offload) -> bool {
        let Some(end) = self.ends.get_mut(&on) else { return false };
        let has_room = end.inbox.len() < self.capacity;
        if has_room {
            end.inbox.push_back((frame, offload));
        } else {
            end.statistics.ring_drops += 1;
        }
        has_room
    }

    /// Takes the oldest frame sent to an attachment.
    pub fn take_sent(&mut self, to: AttachmentId) -> Option<(Vec<u8>, Offload)> {
        self.ends.get_mut(&to)?.outbox.pop_front()
    }

    fn put(&mut self, to: AttachmentId, frame: Vec<u8>, offload: Offload) -> bool {
        let Some(end) = self.ends.get_mut(&to) else { return false };
        if end.outbox.len() < self.capacity {
            end.outbox.push_back((frame, offload));
            end.statistics.sent += 1;
        } else {
            end.statistics.send_failures += 1;
        }
        true
    }
}

impl Links for Memory {
    fn relay(
        &mut self,
        from: AttachmentId,
        budget: usize,
        mut judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize> {
        for taken in 0..budget {
            let end = self.ends.get_mut(&from).ok_or(io::ErrorKind::NotFound)?;
            let Some((mut bytes, offload)) = end.inbox.pop_front() else { return Ok(taken) };
            end.statistics.received += 1;
            let mut frame = Frame { bytes: &mut bytes, offload };
            let to = judge(&mut frame);
            let offload = frame.offload;
            let is_lost = to.is_some_and(|to| !self.put(to, bytes, offload));
            if let Some(end) = self.ends.get_mut(&from).filter(|_| is_lost) {
                end.statistics.refused += 1;
            }
        }
        Ok(budget)
    }

    fn send(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) -> bool {
        let sent = self.statistics(to).sent;
        self.put(to, frame.to_vec(), offload);
        self.statistics(to).sent > sent
    }

    /// Returns at once: nobody else can let a frame arrive meanwhile.
    fn wait(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn statistics(&self, attachment: AttachmentId) -> Statistics {
        self.ends.get(&attachment).map(|end| end.statistics).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::Checksum;

    const A: AttachmentId = AttachmentId(0);
    const B: AttachmentId = AttachmentId(7);

    fn memory() -> Memory {
        let mut memory = Memory::new(2);
        memory.attach(A);
        memory.attach(B);
        memory
    }

    #[test]
    fn a_frame_leaves_as_the_judge_left_it() {
        let mut memory = memory();
        assert!(memory.deliver(A, vec![1, 2, 3], Offload::default()));
        let taken = memory.relay(A, 10, |frame| {
            frame.bytes[0] = 9;
            frame.offload.checksum = Checksum::Verified;
            Some(B)
        });
        assert_eq!(taken.unwrap(), 1);
        let offload = Offload { checksum: Checksum::Verified, segments: None };
        assert_eq!(memory.take_sent(B), Some((vec![9, 2, 3], offload)));
        assert_eq!(memory.take_sent(B), None);
    }

    #[test]
    fn every_queue_is_bounded_and_every_loss_counted() {
        let mut memory = memory();
        let delivered = [1, 2, 3].map(|byte| memory.deliver(A, vec![byte], Offload::default()));
        assert_eq!(delivered, [true, true, false]);
        assert_eq!(memory.relay(A, 1, |_| Some(B)).unwrap(), 1);
        assert_eq!(memory.relay(A, 8, |_| Some(AttachmentId(3))).unwrap(), 1);
        for _ in 0..2 {
            memory.send(B, &[4], Offload::default());
        }
        assert_eq!(
            memory.statistics(A),
            Statistics { received: 2, ring_drops: 1, refused: 1, ..Default::default() }
        );
        assert_eq!(memory.statistics(B), Statistics { sent: 2, send_failures: 1, ..Default::default() });
    }

    #[test]
    fn an_attachment_that_is_not_there_is_an_error() {
        let mut memory = memory();
        memory.detach(A);
        assert_eq!(memory.relay(A, 1, |_| None).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(!memory.deliver(A, vec![1], Offload::default()));
    }
}
