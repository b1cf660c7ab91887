//! What is counted of the frames that come and go.

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
