//! A packet as a capture has it: perhaps cut short, perhaps with a checksum that its device had yet to finish.

use packet::checksum::transport_sum;
use packet::parse::{Fragment, NETWORK_AT};
use packet::{Checksum, Mac, Offload, Packet, Parsed, Protocol, parse};
use pipeline::DropReason;
use std::fmt;

/// The most bytes of an IP packet.
const LONGEST: usize = 65_535;

/// A captured packet, read: its frame with any hardware addresses.
#[derive(Clone, Debug)]
pub struct Captured {
    /// What it says.
    pub packet: Packet,
    /// The frame, of the length that the packet had; what was not captured is zero.
    pub bytes: Vec<u8>,
    /// What is left to the device. Of a checksum that cannot be right, nothing is asked.
    pub offload: Offload,
}

/// Why nothing is asked about captured bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotJudged {
    /// No IP packet.
    NotIp,
    /// Neighbour discovery, which concerns the link alone.
    Neighbour,
    /// What was captured is no IP packet, and the rest is missing.
    CutShort,
    /// An IP packet that no correct sender makes, captured whole: the gateway drops it.
    Malformed(DropReason),
}

impl NotJudged {
    /// A short name, stable for machines.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::NotIp => "not-ip",
            Self::Neighbour => "neighbour-discovery",
            Self::CutShort => "malformed",
            Self::Malformed(reason) => reason.slug(),
        }
    }

    /// One sentence.
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotIp => "No IP packet.",
            Self::Neighbour => "Neighbour discovery, which no rule judges.",
            Self::CutShort => "Not enough of it was captured, or it contradicts itself.",
            Self::Malformed(reason) => reason.text(),
        }
    }
}

impl fmt::Display for NotJudged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(reason) => write!(f, "{}: {}", reason.slug(), reason.text()),
            _ => f.write_str(self.text()),
        }
    }
}

impl Captured {
    /// Reads the bytes of an IP packet that had `length` bytes; what is missing is taken for zeros, and what follows the
    /// packet for padding of its link.
    ///
    /// # Errors
    /// [`NotJudged`], with the reason.
    pub fn read(ip: &[u8], length: usize) -> Result<Self, NotJudged> {
        let kind: [u8; 2] = match ip.first().map(|first| first >> 4) {
            Some(4) => [0x08, 0x00],
            Some(6) => [0x86, 0xdd],
            _ => return Err(NotJudged::NotIp),
        };
        let whole = length.max(ip.len()).min(LONGEST);
        let captured = &ip[..ip.len().min(LONGEST)];
        let mut bytes = Vec::with_capacity(NETWORK_AT + whole);
        bytes.extend_from_slice(&[0; 12]);
        bytes.extend_from_slice(&kind);
        bytes.extend_from_slice(captured);
        bytes.resize(NETWORK_AT + whole, 0);
        let malformed = |why| match captured.len() < whole {
            true => NotJudged::CutShort,
            false => NotJudged::Malformed(DropReason::from(why)),
        };
        let packet = match parse(&bytes).map_err(malformed)? {
            Parsed::Ip(packet) => packet,
            Parsed::Neighbour(_) => return Err(NotJudged::Neighbour),
            Parsed::Vlan | Parsed::Other(_) => return Err(NotJudged::NotIp),
        };
        bytes.truncate(packet.end as usize);
        let is_cut = captured.len() + NETWORK_AT < bytes.len();
        let checksum =
            if is_cut || is_unfinished(&bytes, &packet) { Checksum::Verified } else { Checksum::Finished };
        Ok(Self { packet, bytes, offload: Offload { checksum, segments: None } })
    }

    /// Puts hardware addresses into the frame.
    pub fn address(&mut self, from: Mac, to: Mac) {
        packet::set_macs(&mut self.bytes, to, from);
    }
}

/// Whether a TCP checksum is wrong, as it is where a packet was captured before its device finished it.
fn is_unfinished(bytes: &[u8], packet: &Packet) -> bool {
    packet.protocol == Protocol::TCP
        && packet.fragment == Fragment::Whole
        && bytes.get(usize::from(packet.transport_at)..).is_some_and(|segment| {
            transport_sum(packet.source, packet.destination, packet.protocol, segment) != 0
        })
}
