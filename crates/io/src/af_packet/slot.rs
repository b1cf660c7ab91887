//! What the kernel says about a frame in its slot.
//!
//! # Source
//! `struct tpacket2_hdr` and, behind it, `struct sockaddr_ll` in `linux/if_packet.h`; host byte order.

use crate::room::TAG;
use crate::virtio;
use std::ops::Range;

const STATUS: Range<usize> = 0..4;
const LENGTH: Range<usize> = 4..8;
const CAPTURED: Range<usize> = 8..12;
const MAC: Range<usize> = 12..14;
const VLAN_TCI: Range<usize> = 24..26;
const VLAN_TPID: Range<usize> = 26..28;
const PACKET_TYPE: usize = 42;
const END: usize = 52;

const DOT1Q: u16 = 0x8100;

/// A slot's header, as far as it concerns us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// Where the virtio header and the frame behind it begin.
    pub(super) start: usize,
    /// The bytes of the whole frame.
    pub(super) length: usize,
    /// The bytes of it that lie in the slot.
    pub(super) captured: usize,
    /// Whether the whole frame also waits in the socket's queue.
    pub(super) is_queued: bool,
    /// Whether it is for another machine's Ethernet address.
    pub(super) is_foreign: bool,
    /// The tag that the device took out, protocol and control word.
    pub(super) tag: Option<[u8; TAG]>,
}

impl Slot {
    /// Reads the header of a filled slot; `None` where it contradicts itself.
    #[inline]
    pub(super) fn read(slot: &[u8]) -> Option<Self> {
        let header: &[u8; END] = slot.first_chunk()?;
        let half = |at: Range<usize>| u16::from_ne_bytes([header[at.start], header[at.start + 1]]);
        let word = |at: Range<usize>| Some(u32::from_ne_bytes(header[at].try_into().ok()?));
        let status = word(STATUS)?;
        let tag = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            let named = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            let [p, q] = if named { half(VLAN_TPID) } else { DOT1Q }.to_be_bytes();
            let [t, u] = half(VLAN_TCI).to_be_bytes();
            [p, q, t, u]
        });
        let start = usize::from(half(MAC)).checked_sub(virtio::SIZE)?;
        let captured = word(CAPTURED)? as usize;
        // Where the tag goes, if there is one, begins behind this header.
        if start < END + TAG || start + virtio::SIZE + captured > slot.len() {
            return None;
        }
        Some(Self {
            start,
            length: word(LENGTH)? as usize,
            captured,
            is_queued: status & libc::TP_STATUS_COPY != 0,
            is_foreign: header[PACKET_TYPE] == libc::PACKET_OTHERHOST,
            tag,
        })
    }
}

/// Puts a tag back where the device took it out, so that the frame is what it was on the wire.
///
/// `bytes` begins [`TAG`] bytes before the virtio header and is filled from its beginning on afterwards. A frame
/// without room for both addresses is left alone.
pub(super) fn insert_tag(bytes: &mut [u8], tag: [u8; TAG]) {
    const ADDRESSES: usize = virtio::SIZE + 12;
    if bytes.len() < TAG + ADDRESSES {
        return;
    }
    bytes.copy_within(TAG..TAG + ADDRESSES, 0);
    bytes[ADDRESSES..ADDRESSES + TAG].copy_from_slice(&tag);
    if let Some(header) = bytes.first_chunk_mut() {
        virtio::shift(header, TAG as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(status: u32, mac: u16, length: u32, captured: u32) -> Vec<u8> {
        let mut bytes = vec![0; 2048];
        bytes[STATUS].copy_from_slice(&status.to_ne_bytes());
        bytes[LENGTH].copy_from_slice(&length.to_ne_bytes());
        bytes[CAPTURED].copy_from_slice(&captured.to_ne_bytes());
        bytes[MAC].copy_from_slice(&mac.to_ne_bytes());
        bytes[VLAN_TCI].copy_from_slice(&0x0064u16.to_ne_bytes());
        bytes[VLAN_TPID].copy_from_slice(&0x88a8u16.to_ne_bytes());
        bytes
    }

    #[test]
    fn a_slot_is_read_as_the_kernel_wrote_it() {
        let mut bytes = slot(libc::TP_STATUS_USER | libc::TP_STATUS_COPY, 76, 66_000, 1972);
        bytes[PACKET_TYPE] = libc::PACKET_OTHERHOST;
        let read = Slot::read(&bytes).unwrap();
        assert_eq!((read.start, read.length, read.captured), (66, 66_000, 1972));
        assert!(read.is_queued && read.is_foreign && read.tag.is_none());
    }

    #[test]
    fn a_tag_keeps_its_protocol_where_the_kernel_knows_it() {
        let plain = libc::TP_STATUS_VLAN_VALID;
        let tag = |status| Slot::read(&slot(status, 76, 60, 60)).unwrap().tag;
        assert_eq!(tag(plain), Some([0x81, 0, 0, 0x64]));
        assert_eq!(tag(plain | libc::TP_STATUS_VLAN_TPID_VALID), Some([0x88, 0xa8, 0, 0x64]));
    }

    #[test]
    fn a_slot_that_contradicts_itself_is_refused() {
        assert_eq!(Slot::read(&slot(1, 5, 60, 60)), None, "no room for a virtio header");
        assert_eq!(Slot::read(&slot(1, 62, 60, 60)), None, "no room for a tag");
        assert_eq!(Slot::read(&slot(1, 76, 2000, 1973)), None, "longer than the slot");
        assert_eq!(Slot::read(&[0; 20]), None);
    }

    #[test]
    fn a_tag_goes_between_addresses_and_type() {
        let mut bytes = vec![0; TAG];
        bytes.extend([1, 0, 0, 0, 0, 0]);
        bytes.extend(34u16.to_ne_bytes());
        bytes.extend(16u16.to_ne_bytes());
        bytes.extend([1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 8, 0, 0x45]);
        insert_tag(&mut bytes, [0x81, 0, 0, 0x64]);
        assert_eq!(bytes[6..8], 38u16.to_ne_bytes(), "the checksum begins later");
        assert_eq!(bytes[10..], [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x81, 0, 0, 0x64, 8, 0, 0x45]);
        let mut short = vec![7; TAG + 12];
        insert_tag(&mut short, [0; 4]);
        assert_eq!(short, vec![7; TAG + 12]);
    }
}
