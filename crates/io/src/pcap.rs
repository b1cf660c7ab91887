//! Capture files: frames read from them, and written to them.
//!
//! # Source
//! The classic format, "PCAP Capture File Format" (draft-ietf-opsawg-pcap).

mod format;
mod replay;

pub use format::{Reader, Record, Writer};
pub use replay::Replay;

use std::io;

/// Why a capture file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It does not begin as capture files do.
    #[error(
        "not a pcap file: it begins with {0:#010x} (pcapng is not read; convert it with `editcap -F pcap`)"
    )]
    Magic(u32),
    /// Its packets are not Ethernet frames.
    #[error("the packets are of link type {0}, not Ethernet frames (1)")]
    LinkType(u32),
    /// A packet claims a length that no frame has.
    #[error("packet {number} claims {length} bytes, more than the {limit} of any frame")]
    TooLong {
        /// Which packet, from 1.
        number: u64,
        /// The bytes it claims.
        length: u32,
        /// The bytes that are possible.
        limit: u32,
    },
    /// It ends in the middle of something.
    #[error("the file ends in the middle of packet {0}")]
    CutShort(u64),
    /// It could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}
