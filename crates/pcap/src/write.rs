//! Writing a capture file.

use crate::LONGEST;
use crate::classic::NANOSECONDS;
use std::io::{self, Write};
use std::time::Duration;

/// The link type of Ethernet.
const ETHERNET: u32 = 1;

/// Writes a classic capture file of Ethernet frames, with nanoseconds, in little-endian order.
#[derive(Debug)]
pub struct Writer<W> {
    target: W,
}

impl<W: Write> Writer<W> {
    /// Writes the file's header.
    ///
    /// # Errors
    /// What the target answered.
    pub fn new(mut target: W) -> io::Result<Self> {
        let version = 4 << 16 | 2;
        let header = [NANOSECONDS, version, 0, 0, LONGEST, ETHERNET].map(u32::to_le_bytes);
        target.write_all(header.as_flattened())?;
        Ok(Self { target })
    }

    /// Writes a frame that was seen at `time` since 1970, cut at 256 KiB.
    ///
    /// # Errors
    /// What the target answered.
    pub fn write(&mut self, time: Duration, frame: &[u8]) -> io::Result<()> {
        let kept = frame.get(..LONGEST as usize).unwrap_or(frame);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        // The format's seconds end in 2106.
        let seconds = time.as_secs() as u32;
        let header = [seconds, time.subsec_nanos(), kept.len() as u32, length].map(u32::to_le_bytes);
        self.target.write_all(header.as_flattened())?;
        self.target.write_all(kept)
    }

    /// Passes on what is still buffered.
    ///
    /// # Errors
    /// What the target answered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }

    /// What was written to.
    pub fn into_inner(self) -> W {
        self.target
    }
}
