//! What stands before a packet: the header of its link.

/// The EtherType of IPv4.
pub const IPV4: u16 = 0x0800;
/// The EtherType of IPv6.
pub const IPV6: u16 = 0x86dd;

/// The EtherTypes of VLAN tags (IEEE 802.1Q and 802.1ad).
const VLAN: [u16; 2] = [0x8100, 0x88a8];
/// The most tags before a packet that are read through.
const TAGS: usize = 2;

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

    /// The EtherType, and what stands behind the header; VLAN tags are a part of that.
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
        let mut payload = bytes.get(header..)?;
        let mut kind = u16::from_be_bytes(*bytes.get(type_at..)?.first_chunk()?);
        for _ in 0..TAGS {
            if !VLAN.contains(&kind) {
                break;
            }
            // Priority and VLAN, then the type of what follows.
            let [_, _, high, low] = *payload.first_chunk()?;
            (kind, payload) = (u16::from_be_bytes([high, low]), payload.get(4..)?);
        }
        Some((kind, payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_through() {
        let frame = |tags: &[u16]| {
            let mut frame = vec![0; 12];
            for tag in tags {
                frame.extend([tag.to_be_bytes(), [0, 7]].concat());
            }
            frame.extend([0x08, 0x00, 0x45]);
            frame
        };
        for tags in [&[][..], &[0x8100], &[0x88a8, 0x8100]] {
            assert_eq!(Link::Ethernet.payload(&frame(tags)), Some((IPV4, &[0x45][..])), "{tags:x?}");
        }
        // One more than anybody has, and one that is cut off.
        assert_eq!(Link::Ethernet.payload(&frame(&[0x8100; 3])).map(|(kind, _)| kind), Some(0x8100));
        assert_eq!(Link::Ethernet.payload(&frame(&[0x8100])[..16]), None);
    }
}
