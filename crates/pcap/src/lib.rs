//! Capture files: packets read from them one by one, and written to them.
//!
//! A [`Reader`] finds out by itself whether it has classic pcap (both byte orders, microseconds or nanoseconds) or pcapng
//! (sections, interfaces, enhanced and simple packet blocks). Of each packet a [`Record`] says when it was captured and what
//! its bytes are; [`Record::payload`] looks behind the header of its link. However long a file is, one packet of it is in
//! memory, and no bytes make the reader panic or take more than a packet's room.
//!
//! ```
//! use std::time::Duration;
//!
//! let mut file = Vec::new();
//! let mut writer = pcap::Writer::new(&mut file)?;
//! writer.write(Duration::from_secs(5), &[0; 60])?;
//! let records = pcap::Reader::new(&file[..])?.collect::<Result<Vec<_>, _>>()?;
//! assert_eq!((records.len(), records[0].time.as_secs(), records[0].link), (1, 5, pcap::Link::Ethernet));
//! # Ok::<(), pcap::Error>(())
//! ```
//!
//! # Source
//! "PCAP Capture File Format" (draft-ietf-opsawg-pcap) and "PCAP Now Generic (pcapng) Capture File Format"
//! (draft-ietf-opsawg-pcapng).

mod bytes;
mod classic;
mod link;
mod ng;
mod write;

pub use link::{IPV4, IPV6, Link};
pub use write::Writer;

use bytes::Source;
use std::io::{self, Read};
use std::time::Duration;

/// The most bytes of a packet that we believe; also what capture tools write as their limit.
pub const LONGEST: u32 = 262_144;

/// Why a capture file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as capture files do.
    #[error("not a capture file: it begins with {0:#010x}, which is neither pcap nor pcapng")]
    Magic(u32),
    /// It is of a version that nobody has written yet.
    #[error("the file is of version {0}.{1}, which is not known here")]
    Version(u16, u16),
    /// The link type of all its packets is not known here.
    #[error(
        "the packets are of link type {0}; Ethernet (1), raw IP (101) and Linux cooked (113, 276) are read"
    )]
    LinkType(u16),
    /// A packet claims a length that no frame has.
    #[error("packet {number} claims {length} bytes, more than the {LONGEST} of any frame")]
    TooLong {
        /// Which packet, from 1.
        number: u64,
        /// The bytes it claims.
        length: u32,
    },
    /// A block of pcapng contradicts itself.
    #[error("before packet {number}: {why}")]
    Block {
        /// The packet that would have come next, from 1.
        number: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// It ends in the middle of something.
    #[error("the file ends in the middle of packet {0}, or of what stands before it")]
    CutShort(u64),
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A packet of a capture file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Its place in the file, from 1.
    pub number: u64,
    /// When it was captured, since 1970.
    pub time: Duration,
    /// The bytes captured, from its link's header on.
    pub bytes: Vec<u8>,
    /// The bytes the packet had, captured or not.
    pub length: u32,
    /// What its link's header is.
    pub link: Link,
}

impl Record {
    /// The EtherType, and what stands behind the link's header; `None` where that is cut short or not known.
    pub fn payload(&self) -> Option<(u16, &[u8])> {
        self.link.payload(&self.bytes)
    }

    /// The bytes of the payload that were not captured.
    pub fn missing(&self) -> usize {
        (self.length as usize).saturating_sub(self.bytes.len())
    }
}

/// Reads a capture file: an iterator over its packets that ends after the first error.
#[derive(Debug)]
pub struct Reader<R> {
    source: Source<R>,
    format: Format,
    is_over: bool,
}

#[derive(Debug)]
enum Format {
    Classic(classic::Header),
    Ng(ng::Section),
}

impl<R: Read> Reader<R> {
    /// Reads the file's header.
    ///
    /// # Errors
    /// Where it is no capture file, or all of its packets are of a link that is not known here.
    pub fn new(source: R) -> Result<Self, Error> {
        let mut source = Source::new(source);
        let magic = source.array::<4>()?.ok_or(Error::CutShort(1))?;
        let format = match u32::from_le_bytes(magic) {
            ng::SECTION => Format::Ng(ng::Section::read(&mut source)?),
            _ => Format::Classic(classic::Header::read(magic, &mut source)?),
        };
        Ok(Self { source, format, is_over: false })
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = match &mut self.format {
            Format::Classic(header) => header.next(&mut self.source),
            Format::Ng(section) => section.next(&mut self.source),
        };
        self.is_over = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}
