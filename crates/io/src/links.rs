//! What every backend offers.

use packet::{AttachmentId, Frame, Offload};
use std::io;
use std::time::Duration;

/// A set of attachments that frames come from and go to.
pub trait Links {
    /// Takes up to `budget` frames received on `from`, asks `judge` about each, sends those for which it names an
    /// attachment, and gives the others back.
    ///
    /// The judge may rewrite the bytes in place and change the offload; a frame keeps its length. Frames leave
    /// before this returns, those of one receiver in the order in which they came. A frame that cannot be sent is
    /// lost and counted; this never blocks.
    ///
    /// # Returns
    /// The number of frames taken, those included that were broken and never judged; zero where nothing waits.
    ///
    /// # Errors
    /// `NotFound` where there is no such attachment.
    fn relay(
        &mut self,
        from: AttachmentId,
        budget: usize,
        judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize>;

    /// Sends one frame that lies elsewhere; whether it has left. Where that fails, the frame is lost and counted.
    fn send(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) -> bool;

    /// Waits until something can be received, somebody wakes us, or the time is over.
    ///
    /// # Errors
    /// Where the system refuses to wait; never because one attachment has failed.
    fn wait(&mut self, timeout: Duration) -> io::Result<()>;

    /// What has been counted on an attachment since it was attached; all zeros where there is no such attachment.
    fn statistics(&self, attachment: AttachmentId) -> Statistics;
}

/// What has been counted on one attachment, in frames. Every frame the interface delivered to us is in one of
/// `received`, `ring_drops`, `truncated`, `malformed` and `foreign`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    /// Frames received and judged.
    pub received: u64,
    /// Frames sent, the gateway's own included.
    pub sent: u64,
    /// Frames lost because the receive queue was full, or because nobody could describe their offload.
    pub ring_drops: u64,
    /// Frames that could not be received whole, never forwarded.
    pub truncated: u64,
    /// Frames whose description makes no sense, never forwarded.
    pub malformed: u64,
    /// Frames for another machine's Ethernet address, which are none of our business.
    pub foreign: u64,
    /// Frames that could not be sent because the system had no room or the link was down.
    pub send_failures: u64,
    /// Frames that the system refused to send: longer than the MTU, or to an attachment that is gone.
    pub refused: u64,
    /// Frames sent, already among `sent`, whose checksum or segments had to be finished in software, because the
    /// backend leaves no work to the device.
    pub finished: u64,
    /// Frames received, already among `received`, whose sender left the checksum to a device that was not there, and
    /// whose backend could not say so.
    pub unfinished: u64,
}

/// Frames that were to leave and did not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Unsent {
    /// Frames; a super-frame is one.
    pub frames: u64,
    /// Their bytes, with their Ethernet headers.
    pub bytes: u64,
}

impl std::ops::AddAssign for Unsent {
    fn add_assign(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
    }
}

impl std::ops::AddAssign for Statistics {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.sent += other.sent;
        self.ring_drops += other.ring_drops;
        self.truncated += other.truncated;
        self.malformed += other.malformed;
        self.foreign += other.foreign;
        self.send_failures += other.send_failures;
        self.refused += other.refused;
        self.finished += other.finished;
        self.unfinished += other.unfinished;
    }
}
