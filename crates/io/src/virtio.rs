//! The virtio header that stands before every frame of a packet socket or a TAP device.
//!
//! # Source
//! virtio 1.2, section 5.1.6; in the host's byte order, as `linux/virtio_net.h` says for both.

use packet::{Checksum, Offload, SegmentKind, Segments};

/// The bytes of the header.
pub(crate) const SIZE: usize = 10;

const NEEDS_CHECKSUM: u8 = 1;
const DATA_VALID: u8 = 2;

const NO_SEGMENTS: u8 = 0;
const TCP4: u8 = 1;
const UDP_FRAGMENTS: u8 = 3;
const TCP6: u8 = 4;
const UDP: u8 = 5;
const ECN: u8 = 0x80;

/// What a header says about a frame of `length` bytes, or `None` where the kernel would refuse to send it.
#[inline]
pub(crate) fn decode(header: &[u8; SIZE], length: usize) -> Option<Offload> {
    let word = |at: usize| u16::from_ne_bytes([header[at], header[at + 1]]);
    let (flags, kind, headers, size) = (header[0], header[1], word(2), word(4));
    let checksum = if flags & NEEDS_CHECKSUM != 0 {
        let (start, offset) = (word(6), word(8));
        if usize::from(start) + usize::from(offset) + 2 > length {
            return None;
        }
        Checksum::Partial { start, offset }
    } else if flags & DATA_VALID != 0 {
        Checksum::Verified
    } else {
        Checksum::Finished
    };
    let segments = match kind {
        NO_SEGMENTS => None,
        _ if size == 0 => return None,
        _ => Some(Segments { kind: segment_kind(kind & !ECN)?, size, header: headers, ecn: kind & ECN != 0 }),
    };
    Some(Offload { checksum, segments })
}

/// The header for a frame of `length` bytes.
#[inline]
pub(crate) fn encode(offload: Offload, length: usize) -> [u8; SIZE] {
    let (flags, start, offset) = match offload.checksum {
        Checksum::Finished => (0, 0, 0),
        Checksum::Verified => (DATA_VALID, 0, 0),
        Checksum::Partial { start, offset } => (NEEDS_CHECKSUM, start, offset),
    };
    let (kind, headers, size) = match offload.segments {
        None => (NO_SEGMENTS, 0, 0),
        Some(Segments { kind, size, header, ecn }) => {
            let kind = match kind {
                SegmentKind::Tcp4 => TCP4,
                SegmentKind::Tcp6 => TCP6,
                SegmentKind::UdpFragments => UDP_FRAGMENTS,
                SegmentKind::Udp => UDP,
            };
            // More headers than frame would be refused; the kernel needs no more than a hint.
            let headers = header.min(u16::try_from(length).unwrap_or(u16::MAX));
            (kind | if ecn { ECN } else { 0 }, headers, size)
        }
    };
    let mut header = [flags, kind, 0, 0, 0, 0, 0, 0, 0, 0];
    for (at, word) in [(2, headers), (4, size), (6, start), (8, offset)] {
        header[at..at + 2].copy_from_slice(&word.to_ne_bytes());
    }
    header
}

/// Moves what a header says about places by the `bytes` that were inserted before them.
pub(crate) fn shift(header: &mut [u8; SIZE], bytes: u16) {
    if header[0] & NEEDS_CHECKSUM != 0 {
        let start = u16::from_ne_bytes([header[6], header[7]]).saturating_add(bytes);
        header[6..8].copy_from_slice(&start.to_ne_bytes());
    }
}

fn segment_kind(kind: u8) -> Option<SegmentKind> {
    match kind {
        TCP4 => Some(SegmentKind::Tcp4),
        TCP6 => Some(SegmentKind::Tcp6),
        UDP_FRAGMENTS => Some(SegmentKind::UdpFragments),
        UDP => Some(SegmentKind::Udp),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_survives_the_round_trip() {
        let checksums = [Checksum::Finished, Checksum::Verified, Checksum::Partial { start: 34, offset: 16 }];
        let kinds = [SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::UdpFragments, SegmentKind::Udp];
        let cut = |ecn| kinds.map(|kind| Some(Segments { kind, size: 1448, header: 66, ecn }));
        for checksum in checksums {
            for segments in cut(false).into_iter().chain(cut(true)).chain([None]) {
                let offload = Offload { checksum, segments };
                assert_eq!(decode(&encode(offload, 9000), 9000), Some(offload));
            }
        }
    }

    #[test]
    fn what_the_kernel_would_refuse_is_refused() {
        let partial = Offload { checksum: Checksum::Partial { start: 34, offset: 16 }, segments: None };
        assert_eq!(decode(&encode(partial, 60), 52), Some(partial));
        assert_eq!(decode(&encode(partial, 60), 51), None, "the checksum lies outside");
        assert_eq!(decode(&[0, TCP4, 0, 0, 0, 0, 0, 0, 0, 0], 60), None, "segments of no size");
        assert_eq!(decode(&[0, 2, 0, 0, 1, 1, 0, 0, 0, 0], 60), None, "a kind that does not exist");
        assert_eq!(decode(&[0, ECN, 0, 0, 1, 1, 0, 0, 0, 0], 60), None, "nothing to notify");
        assert_eq!(decode(&[0; SIZE], 0), Some(Offload::default()));
    }

    #[test]
    fn headers_never_exceed_the_frame() {
        let segments = Segments { kind: SegmentKind::Tcp4, size: 100, header: 5000, ecn: false };
        let header = encode(Offload { checksum: Checksum::Finished, segments: Some(segments) }, 200);
        assert_eq!(header[2..4], 200u16.to_ne_bytes());
    }
}
