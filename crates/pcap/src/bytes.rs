//! Numbers and runs of bytes from a stream, in the byte order of the file.

use crate::{Error, LONGEST, Record};
use std::io::{self, Read};

/// A stream that knows how many packets have come.
#[derive(Debug)]
pub(crate) struct Source<R> {
    stream: R,
    /// The packets so far.
    pub(crate) count: u64,
}

impl<R: Read> Source<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, count: 0 }
    }

    /// The number of the packet that is being read, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.count + 1
    }

    /// The next `N` bytes, or `None` at the end of the stream.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<Option<[u8; N]>, Error> {
        let mut bytes = [0; N];
        match self.fill(&mut bytes)? {
            0 => Ok(None),
            full if full == N => Ok(Some(bytes)),
            _ => Err(self.cut_short()),
        }
    }

    /// The same where the stream may not end.
    pub(crate) fn need<const N: usize>(&mut self) -> Result<[u8; N], Error> {
        self.array()?.ok_or(self.cut_short())
    }

    /// So many bytes of a packet.
    pub(crate) fn packet(&mut self, length: u32) -> Result<Vec<u8>, Error> {
        if length > LONGEST {
            return Err(Error::TooLong { number: self.number(), length });
        }
        self.bytes(length as usize)
    }

    /// So many bytes, which the caller has found reasonable.
    pub(crate) fn bytes(&mut self, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        if self.fill(&mut bytes)? < length { Err(self.cut_short()) } else { Ok(bytes) }
    }

    /// Passes over so many bytes.
    pub(crate) fn skip(&mut self, length: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut (&mut self.stream).take(length), &mut io::sink())?;
        if skipped < length { Err(self.cut_short()) } else { Ok(()) }
    }

    /// Counts a packet.
    pub(crate) fn done(&mut self, record: Record) -> Record {
        self.count += 1;
        record
    }

    fn cut_short(&self) -> Error {
        Error::CutShort(self.number())
    }

    /// Fills the buffer as far as the stream reaches, and says how far that is.
    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

/// A byte order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, bytes: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(bytes),
            Self::Big => u16::from_be_bytes(bytes),
        }
    }

    pub(crate) fn u32(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }

    /// The `nth` 32-bit word of `bytes`, or zero where they end before it.
    pub(crate) fn word(self, bytes: &[u8], nth: usize) -> u32 {
        let word = bytes.get(4 * nth..).and_then(|rest| rest.first_chunk());
        self.u32(word.copied().unwrap_or_default())
    }
}
