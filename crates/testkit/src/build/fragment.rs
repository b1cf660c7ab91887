//! Cutting IP packets into fragments and joining them again (RFC 791, RFC 8200).

use super::parts::{Parts, flags, reseal, split};
use super::{ETHERNET, Malformed};
use pnet_packet::ipv4::Ipv4Flags;
use std::net::IpAddr;

/// Cuts a frame's packet into fragments of `size` payload bytes each, a multiple of eight; one that fits stays whole.
///
/// A fragment can be cut again. Options without the copied flag become no-operations in all but the first piece. An
/// IPv6 packet's pieces share an identification that is made from its bytes.
pub fn fragments(frame: &[u8], size: usize) -> Vec<Vec<u8>> {
    assert!(size > 0 && size.is_multiple_of(8), "fragments hold a multiple of eight bytes");
    let parts = split(frame).expect("a frame to cut has an IP header");
    match parts.place {
        Some(place) => {
            let end = parts.head.len() + parts.payload.len();
            let part = &frame[place.at + if place.present { 8 } else { 0 }..end];
            if part.len() <= size {
                return vec![frame.to_vec()];
            }
            let id = if place.present { parts.id } else { identification(frame) };
            let next = frame[if place.present { place.at } else { place.named_at }];
            let last = part.len().saturating_sub(1) / size;
            let piece = |(nth, piece): (usize, &[u8])| {
                let mut bytes = frame[..place.at].to_vec();
                bytes[place.named_at] = 44;
                let more = nth < last || parts.more;
                let field = (parts.offset + nth * size) as u16 | u16::from(more);
                bytes.extend([next, 0].into_iter().chain(field.to_be_bytes()).chain(id.to_be_bytes()));
                bytes.extend(piece);
                reseal(&mut bytes, 0, 0);
                bytes
            };
            part.chunks(size).enumerate().map(piece).collect()
        }
        None => fragments_v4(&parts, size),
    }
}

fn fragments_v4(parts: &Parts<'_>, size: usize) -> Vec<Vec<u8>> {
    let flags = flags(parts.head);
    let last = parts.payload.len().saturating_sub(1) / size;
    let piece = |(number, piece): (usize, &[u8])| {
        let more = if number < last { Ipv4Flags::MoreFragments } else { 0 };
        let mut bytes = parts.head.to_vec();
        if number > 0 {
            blank_uncopied(&mut bytes[ETHERNET + 20..]);
        }
        bytes.extend(piece);
        reseal(&mut bytes, flags | more, ((parts.offset + number * size) / 8) as u16);
        bytes
    };
    parts.payload.chunks(size).enumerate().map(piece).collect()
}

/// The same for the same packet, and hardly ever for another (FNV-1a).
fn identification(frame: &[u8]) -> u32 {
    frame.iter().fold(0x811c_9dc5, |hash: u32, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// A fragment, or a whole packet: what stands before the cut part, the part, and where it belongs.
struct Piece {
    head: Vec<u8>,
    part: Vec<u8>,
    offset: usize,
    more: bool,
    packet: (IpAddr, IpAddr, u8, u32),
}

impl Piece {
    fn of(frame: &[u8]) -> Result<Self, Malformed> {
        let Parts { head, payload, ends, id, offset, more, place } = split(frame)?;
        let end = head.len() + payload.len();
        let (mut head, mut part, mut protocol) = (head.to_vec(), payload.to_vec(), ends.2);
        if let Some(place) = place.filter(|place| place.present) {
            part = frame[place.at + 8..end].to_vec();
            head.truncate(place.at);
            head[place.named_at] = frame[place.at];
            protocol = 0;
        }
        Ok(Self { head, part, offset, more, packet: (ends.0, ends.1, protocol, id) })
    }
}

/// Joins the fragments of one packet, in any order, into the frame that was cut.
///
/// Errors: a piece that is no IP packet or belongs to another, a gap, an overlap, a missing end.
pub fn reassemble<F: AsRef<[u8]>>(frames: &[F]) -> Result<Vec<u8>, Malformed> {
    let pieces: Result<Vec<Piece>, Malformed> =
        frames.iter().map(|frame| Piece::of(frame.as_ref())).collect();
    let mut pieces = pieces?;
    pieces.sort_by_key(|piece| piece.offset);
    let Some(Piece { packet, head, .. }) = pieces.first() else { return Err(Malformed("no fragments")) };
    let mut bytes = head.clone();
    let mut expected = 0;
    let mut ended = false;
    for piece in &pieces {
        match () {
            () if piece.packet != *packet => return Err(Malformed("fragments of two packets")),
            () if piece.offset < expected => return Err(Malformed("overlapping fragments")),
            () if piece.offset > expected => return Err(Malformed("a gap between fragments")),
            () if ended => return Err(Malformed("a fragment after the last")),
            () if piece.more && piece.part.len() % 8 != 0 => {
                return Err(Malformed("a fragment of odd length"));
            }
            () => {}
        }
        bytes.extend(&piece.part);
        expected += piece.part.len();
        ended = !piece.more;
    }
    if !ended {
        return Err(Malformed("the last fragment is missing"));
    }
    if bytes.len() - ETHERNET > 65_535 {
        return Err(Malformed("more than 65,535 bytes"));
    }
    let flags = flags(&bytes) & !Ipv4Flags::MoreFragments;
    reseal(&mut bytes, flags, 0);
    Ok(bytes)
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
