//! Cutting IP packets into fragments and joining them again (RFC 791).

use super::{ETHERNET, Malformed};
use pnet_packet::ipv4::{Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet_packet::util;

/// Cuts a frame's packet into fragments of `size` payload bytes each, a multiple of eight; one that fits stays whole.
///
/// A fragment can be cut again. Options without the copied flag become no-operations in all but the first piece.
pub fn fragments(frame: &[u8], size: usize) -> Vec<Vec<u8>> {
    assert!(size > 0 && size.is_multiple_of(8), "fragments hold a multiple of eight bytes");
    let (head, payload) = split(frame).expect("a frame to cut has an IPv4 header");
    let whole = Ipv4Packet::new(&head[ETHERNET..]).expect("it was split there");
    let (flags, start) = (whole.get_flags(), whole.get_fragment_offset());
    let last = payload.len().saturating_sub(1) / size;
    let piece = |(number, piece): (usize, &[u8])| {
        let more = if number < last { Ipv4Flags::MoreFragments } else { 0 };
        let offset = start + (number * size / 8) as u16;
        let mut bytes = head.to_vec();
        if number > 0 {
            blank_uncopied(&mut bytes[ETHERNET + 20..]);
        }
        bytes.extend(piece);
        reseal(&mut bytes, flags | more, offset);
        bytes
    };
    payload.chunks(size).enumerate().map(piece).collect()
}

/// Joins the fragments of one packet, in any order, into the frame that was cut.
///
/// Errors: a piece that is no IPv4 packet or belongs to another, a gap, an overlap, a missing end.
pub fn reassemble<F: AsRef<[u8]>>(frames: &[F]) -> Result<Vec<u8>, Malformed> {
    let mut pieces = Vec::new();
    for frame in frames {
        let (head, payload) = split(frame.as_ref())?;
        let header = Ipv4Packet::new(&head[ETHERNET..]).ok_or(Malformed("no IPv4 header"))?;
        let packet = (
            header.get_source(),
            header.get_destination(),
            header.get_next_level_protocol().0,
            header.get_identification(),
        );
        let more = header.get_flags() & Ipv4Flags::MoreFragments != 0;
        pieces.push((usize::from(header.get_fragment_offset()) * 8, more, packet, head, payload));
    }
    pieces.sort_by_key(|piece| piece.0);
    let Some(&(_, _, packet, head, _)) = pieces.first() else { return Err(Malformed("no fragments")) };
    let mut bytes = head.to_vec();
    let mut expected = 0;
    let mut ended = false;
    for (offset, more, of, _, payload) in pieces {
        match () {
            () if of != packet => return Err(Malformed("fragments of two packets")),
            () if offset < expected => return Err(Malformed("overlapping fragments")),
            () if offset > expected => return Err(Malformed("a gap between fragments")),
            () if ended => return Err(Malformed("a fragment after the last")),
            () if more && payload.len() % 8 != 0 => return Err(Malformed("a fragment of odd length")),
            () => {}
        }
        bytes.extend(payload);
        expected += payload.len();
        ended = !more;
    }
    if !ended {
        return Err(Malformed("the last fragment is missing"));
    }
    if bytes.len() - ETHERNET > 65_535 {
        return Err(Malformed("more than 65,535 bytes"));
    }
    let header = Ipv4Packet::new(&bytes[ETHERNET..]).ok_or(Malformed("no IPv4 header"))?;
    let flags = header.get_flags() & !Ipv4Flags::MoreFragments;
    reseal(&mut bytes, flags, 0);
    Ok(bytes)
}

/// The Ethernet and IP headers, and the packet's payload without Ethernet's padding.
pub(super) fn split(frame: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let packet = frame.get(ETHERNET..).ok_or(Malformed("shorter than an Ethernet header"))?;
    let header = Ipv4Packet::new(packet).ok_or(Malformed("shorter than an IPv4 header"))?;
    let length = usize::from(header.get_header_length()) * 4;
    let total = usize::from(header.get_total_length());
    match () {
        () if frame[12..14] != [0x08, 0x00] => Err(Malformed("not IPv4 by its type")),
        () if header.get_version() != 4 => Err(Malformed("not IPv4 by its version")),
        () if length < 20 => Err(Malformed("IP header length under 20")),
        () if total < length => Err(Malformed("total length under the header's")),
        () if total > packet.len() => Err(Malformed("total length beyond the frame")),
        () => Ok((&frame[..ETHERNET + length], &packet[length..total])),
    }
}

/// Writes flags, offset, length and checksum of a frame that was cut or joined.
pub(super) fn reseal(frame: &mut [u8], flags: u8, offset: u16) {
    let packet = &mut frame[ETHERNET..];
    let (length, words) = (packet.len(), packet[0] & 0xf);
    let mut header = MutableIpv4Packet::new(packet).expect("it has a header");
    header.set_flags(flags);
    header.set_fragment_offset(offset);
    header.set_total_length(u16::try_from(length).expect("at most 65,535 bytes"));
    let checksum = util::checksum(&packet[..usize::from(words) * 4], 5);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// Overwrites the options that only the first fragment carries.
fn blank_uncopied(options: &mut [u8]) {
    let mut at = 0;
    while let Some(&kind) = options.get(at) {
        let length = match kind {
            0 => return,
            1 => 1,
            _ => options.get(at + 1).map_or(0, |&length| usize::from(length)),
        };
        let Some(option) = options.get_mut(at..at + length).filter(|option| !option.is_empty()) else {
            return;
        };
        if kind & 0x80 == 0 {
            option.fill(1);
        }
        at += length;
    }
}
