//! What a device does with a frame whose sender left work to it: finish checksums, cut super-frames (TSO in software).

use super::parts::{Parts, flags, reseal, split};
use super::{ETHERNET, checksum, fragments};
use packet::{Checksum, Offload, SegmentKind, Segments};
use pnet_packet::ipv4::MutableIpv4Packet;
use pnet_packet::tcp::{MutableTcpPacket, TcpFlags, TcpPacket};
use pnet_packet::util;

/// The frames that appear on the wire for this one: checksums finished, super-frames cut.
///
/// Panics on what a device would refuse: a checksum outside the frame, a kind that does not fit the packet.
pub fn wire(frame: &[u8], offload: Offload) -> Vec<Vec<u8>> {
    let Some(segments) = offload.segments else { return vec![finished(frame, offload.checksum)] };
    match segments.kind {
        SegmentKind::Tcp4 | SegmentKind::Tcp6 => tcp(frame, segments),
        SegmentKind::Udp => udp(frame, segments),
        SegmentKind::UdpFragments => {
            let (frame, size) = (finished(frame, offload.checksum), usize::from(segments.size));
            // What fits is left alone; only what is cut is cut at multiples of eight bytes.
            let fits = split(&frame).is_ok_and(|parts| parts.payload.len() <= size);
            if fits { vec![frame] } else { fragments(&frame, size / 8 * 8) }
        }
    }
}

/// Sums from `start` to the frame's end, what stands in the field included, and stores the complement there.
fn finished(frame: &[u8], state: Checksum) -> Vec<u8> {
    let mut bytes = frame.to_vec();
    if let Checksum::Partial { start, offset } = state {
        let at = usize::from(start) + usize::from(offset);
        assert!(at + 2 <= bytes.len(), "the checksum lies outside the frame");
        let sum = util::checksum(&bytes[usize::from(start)..], usize::MAX);
        // Zero would mean "no checksum" in UDP, and means the same as 0xffff elsewhere.
        let field = if sum == 0 { 0xffff } else { sum };
        bytes[at..at + 2].copy_from_slice(&field.to_be_bytes());
    }
    bytes
}

fn tcp(frame: &[u8], segments: Segments) -> Vec<Vec<u8>> {
    let parts = split(frame).expect("a super-frame has an IP header");
    let kind = if parts.ends.0.is_ipv4() { SegmentKind::Tcp4 } else { SegmentKind::Tcp6 };
    assert_eq!(segments.kind, kind, "the kind of segment fits the family");
    let header = TcpPacket::new(parts.payload).expect("a TCP super-frame has a TCP header");
    let (sequence, flags) = (header.get_sequence(), header.get_flags());
    let length = usize::from(header.get_data_offset()) * 4;
    cut(frame, 6, length, segments.size, |segment, number, last| {
        let mut header = MutableTcpPacket::new(segment).expect("each has the header of the whole");
        header.set_sequence(sequence.wrapping_add(number as u32 * u32::from(segments.size)));
        let first_only = if number == 0 { 0 } else { TcpFlags::CWR };
        let last_only = if last { 0 } else { TcpFlags::FIN | TcpFlags::PSH };
        header.set_flags(flags & !first_only & !last_only);
        16
    })
}

fn udp(frame: &[u8], segments: Segments) -> Vec<Vec<u8>> {
    cut(frame, 17, 8, segments.size, |datagram, _, _| {
        let length = datagram.len() as u16;
        datagram[4..6].copy_from_slice(&length.to_be_bytes());
        6
    })
}

/// Cuts the payload behind a transport header of `length` bytes; `number` writes each header's differences and says
/// where its checksum lies.
fn cut(
    frame: &[u8],
    protocol: u8,
    length: usize,
    size: u16,
    number: impl Fn(&mut [u8], usize, bool) -> usize,
) -> Vec<Vec<u8>> {
    let Parts { head, payload: segment, ends, id, .. } =
        split(frame).expect("a super-frame has an IP header");
    assert_eq!(ends.2, protocol, "the kind of segment fits the packet");
    let flags = flags(head);
    let (header, payload) = segment.split_at(length);
    let pieces = payload.chunks(size.into()).enumerate();
    let last = pieces.len().saturating_sub(1);
    let piece = |(at, piece): (usize, &[u8])| {
        let mut bytes = [head, header, piece].concat();
        if ends.0.is_ipv4() {
            let mut ip = MutableIpv4Packet::new(&mut bytes[ETHERNET..]).expect("it was split there");
            ip.set_identification((id as u16).wrapping_add(at as u16));
        }
        reseal(&mut bytes, flags, 0);
        let segment = &mut bytes[head.len()..];
        let field = number(segment, at, at == last);
        let sum = checksum(segment, field, Some(ends));
        segment[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        bytes
    };
    pieces.map(piece).collect()
}
