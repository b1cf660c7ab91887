//! What stands before a packet: the header of its link.

/// The EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// The EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// The kind of a link, which says what header its packets have.
///
/// # Source
/// The registry of link-layer header types of tcpdump.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Link {
    /// Ethernet (1).
    Ethernet,
    /// IP without anything before it (101; 228 and 229 for one family alone).
    RawIp,
    /// Linux cooked, as of the device `any` (113).
    Cooked,
    /// Linux cooked, version 2 (276).
    Cooked2,
    /// A link that is not read.
    Other(u16),
}

impl Link {
    /// The link of a number.
    pub fn of(number: u16) -> Self {
        match number {
            1 => Self::Ethernet,
            // Before the numbers were agreed on, 12 and 14 were those of raw IP on different systems.
            12 | 14 | 101 | 228 | 229 => Self::RawIp,
            113 => Self::Cooked,
            276 => Self::Cooked2,
            other => Self::Other(other),
        }
    }

    /// The EtherType, and what stands behind the header.
    pub(crate) fn payload(self, bytes: &[u8]) -> Option<(u16, &[u8])> {
        let (type_at, header) = match self {
            Self::Ethernet => (12, 14),
            Self::Cooked => (14, 16),
            Self::Cooked2 => (0, 20),
            Self::RawIp => {
                return match bytes.first()? >> 4 {
                    4 => Some((IPV4, bytes)),
                    6 => Some((IPV6, bytes)),
                    _ => None,
                };
            }
            Self::Other(_) => return None,
        };
        let payload = bytes.get(header..)?;
        let kind = bytes.get(type_at..)?.first_chunk()?;
        Some((u16::from_be_bytes(*kind), payload))
    }
}
