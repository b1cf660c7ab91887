//! What a device does with work that a sender left to it: finishing checksums, cutting super-frames.
//!
//! # Source
//! What the kernel does in software for a device that cannot (`skb_gso_segment`): identifications count up, FIN and
//! PSH stand on the last segment only, CWR on the first.

use crate::checksum::{checksum, finish};
use crate::parse::NETWORK_AT;
use crate::{Checksum, Offload, Protocol, SegmentKind, Segments};
use std::ops::Range;

const V6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;
const FIN_PSH: u8 = 0x09;
const CWR: u8 = 0x80;

/// Hands the frames to `emit` that appear on the wire for this one: its checksum finished, itself cut where it is a
/// super-frame. UDP without a checksum stays without.
///
/// `scratch` holds one frame at a time.
///
/// # Returns
/// Whether the frame was what its offload says; where not, nothing is emitted.
///
/// # Cost
/// Allocates only where `scratch` is smaller than the frame.
pub fn segment(
    frame: &[u8],
    offload: Offload,
    scratch: &mut Vec<u8>,
    mut emit: impl FnMut(&mut [u8]),
) -> bool {
    let Some(segments) = offload.segments else {
        emit(finished(frame, offload, scratch));
        return true;
    };
    let Some(headers) = Headers::read(frame, offload.checksum) else { return false };
    if segments.size == 0 || !headers.are_of(segments.kind) {
        return false;
    }
    let unit = if segments.kind == SegmentKind::UdpFragments { headers.transport } else { headers.payload };
    if headers.end - unit <= usize::from(segments.size) {
        emit(finished(frame, offload, scratch));
    } else if segments.kind == SegmentKind::UdpFragments {
        return fragments(frame, offload, &headers, segments, scratch, emit);
    } else {
        pieces(frame, offload, &headers, segments, scratch, emit);
    }
    true
}

/// The place of a transport checksum that was left open although nobody says so, as [`Checksum::Partial`] has it.
/// `None` where the checksum is finished, or there is none.
///
/// An open field holds the sum of the pseudo-header. A finished one holds that only where the packet is right, or, with
/// one chance in 65,536, where it was damaged on its way.
pub fn unfinished(frame: &[u8]) -> Option<Checksum> {
    let headers = Headers::read(frame, Checksum::Finished)?;
    let offset = headers.checksum_offset();
    let covered = frame.get(headers.transport..headers.end)?;
    let field = covered.get(offset..offset + 2)?;
    let length = (covered.len() as u32).to_be_bytes();
    let pseudo = [headers.addresses(frame), &[0, headers.protocol.0], &length];
    let is_open = field == (!checksum(&pseudo)).to_be_bytes();
    let holds = || checksum(&[pseudo[0], pseudo[1], pseudo[2], covered]) == 0;
    (is_open && !holds())
        .then_some(Checksum::Partial { start: headers.transport as u16, offset: offset as u16 })
}

/// The places of a TCP or UDP packet's parts, from the frame's beginning.
#[derive(Debug)]
struct Headers {
    is_v4: bool,
    protocol: Protocol,
    transport: usize,
    payload: usize,
    end: usize,
}

impl Headers {
    /// Reads a whole packet. Behind IPv6's extension headers only an unfinished checksum tells where transport begins.
    fn read(frame: &[u8], state: Checksum) -> Option<Self> {
        let byte = |at: usize| frame.get(at).copied();
        let half = |at: usize| Some(usize::from(u16::from_be_bytes([byte(at)?, byte(at + 1)?])));
        let is_v4 = match half(12)? {
            0x0800 => true,
            0x86dd => false,
            _ => return None,
        };
        let (protocol, transport, length) = if is_v4 {
            let header = usize::from(byte(NETWORK_AT)? & 0x0f) * 4;
            if header < 20 || half(NETWORK_AT + 6)? & 0x3fff != 0 {
                return None;
            }
            (Protocol(byte(NETWORK_AT + 9)?), NETWORK_AT + header, half(NETWORK_AT + 2)?)
        } else {
            let length = V6_HEADER + half(NETWORK_AT + 4)?;
            let next = Protocol(byte(NETWORK_AT + 6)?);
            match state {
                _ if next.has_ports() => (next, NETWORK_AT + V6_HEADER, length),
                Checksum::Partial { start, offset: 16 } => (Protocol::TCP, start.into(), length),
                Checksum::Partial { start, offset: 6 } => (Protocol::UDP, start.into(), length),
                _ => return None,
            }
        };
        let end = NETWORK_AT + length;
        let header = match protocol {
            Protocol::TCP => usize::from(byte(transport + 12)? >> 4) * 4,
            Protocol::UDP => UDP_HEADER,
            _ => return None,
        };
        let payload = transport + header;
        let is_sound = transport >= NETWORK_AT + if is_v4 { 20 } else { V6_HEADER }
            && (protocol == Protocol::UDP || header >= 20)
            && payload <= end
            && end <= frame.len();
        is_sound.then_some(Self { is_v4, protocol, transport, payload, end })
    }

    fn are_of(&self, kind: SegmentKind) -> bool {
        match kind {
            SegmentKind::Tcp4 => self.is_v4 && self.protocol == Protocol::TCP,
            SegmentKind::Tcp6 => !self.is_v4 && self.protocol == Protocol::TCP,
            SegmentKind::Udp => self.protocol == Protocol::UDP,
            // IPv6's fragments have a header of their own, and no kernel since 4.14 makes them of super-frames.
            SegmentKind::UdpFragments => self.is_v4 && self.protocol == Protocol::UDP,
        }
    }

    fn checksum_offset(&self) -> usize {
        if self.protocol == Protocol::TCP { 16 } else { 6 }
    }

    fn addresses<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let place: Range<usize> = if self.is_v4 { 12..20 } else { 8..40 };
        frame.get(NETWORK_AT + place.start..NETWORK_AT + place.end).unwrap_or_default()
    }
}

/// The frame with its checksum finished.
fn finished<'a>(frame: &[u8], offload: Offload, scratch: &'a mut Vec<u8>) -> &'a mut [u8] {
    scratch.clear();
    scratch.extend_from_slice(frame);
    if let Checksum::Partial { start, offset } = offload.checksum {
        finish(scratch, start.into(), offset.into());
    }
    scratch
}

/// Cuts the payload into segments with a transport header each.
fn pieces(
    frame: &[u8],
    offload: Offload,
    headers: &Headers,
    segments: Segments,
    scratch: &mut Vec<u8>,
    mut emit: impl FnMut(&mut [u8]),
) {
    let (head, payload) = frame.split_at(headers.payload);
    let payload = &payload[..headers.end - headers.payload];
    let last = payload.len().div_ceil(segments.size.into()) - 1;
    for (nth, piece) in payload.chunks(segments.size.into()).enumerate() {
        scratch.clear();
        scratch.extend_from_slice(head);
        scratch.extend_from_slice(piece);
        seal(scratch, headers, nth as u16, 0);
        let length = scratch.len() - headers.transport;
        let transport = &mut scratch[headers.transport..];
        if headers.protocol == Protocol::TCP {
            let sequence = u32::from_be_bytes([transport[4], transport[5], transport[6], transport[7]]);
            let sequence = sequence.wrapping_add(nth as u32 * u32::from(segments.size));
            transport[4..8].copy_from_slice(&sequence.to_be_bytes());
            let not_first = if nth == 0 { 0 } else { CWR };
            let not_last = if nth == last { 0 } else { FIN_PSH };
            transport[13] &= !(not_first | not_last);
        } else {
            transport[4..6].copy_from_slice(&(length as u16).to_be_bytes());
        }
        let field = headers.checksum_offset();
        let is_without = headers.protocol == Protocol::UDP
            && !matches!(offload.checksum, Checksum::Partial { .. })
            && transport[field..field + 2] == [0, 0];
        if !is_without {
            transport[field..field + 2].fill(0);
            let length = (length as u32).to_be_bytes();
            let sum = checksum(&[
                headers.addresses(scratch),
                &[0, headers.protocol.0],
                &length,
                &scratch[headers.transport..],
            ]);
            // A computed zero would mean "no checksum" in UDP (RFC 768).
            let sum = if sum == 0 && headers.protocol == Protocol::UDP { 0xffff } else { sum };
            let field = headers.transport + field;
            scratch[field..field + 2].copy_from_slice(&sum.to_be_bytes());
        }
        emit(scratch);
    }
}

/// Cuts a large IPv4 datagram into fragments (RFC 791); false where not even eight bytes are allowed.
fn fragments(
    frame: &[u8],
    offload: Offload,
    headers: &Headers,
    segments: Segments,
    scratch: &mut Vec<u8>,
    mut emit: impl FnMut(&mut [u8]),
) -> bool {
    let size = usize::from(segments.size) / 8 * 8;
    if size == 0 {
        return false;
    }
    let (head, datagram) = frame.split_at(headers.transport);
    let datagram = &datagram[..headers.end - headers.transport];
    let last = datagram.len().div_ceil(size) - 1;
    for (nth, piece) in datagram.chunks(size).enumerate() {
        scratch.clear();
        scratch.extend_from_slice(head);
        scratch.extend_from_slice(piece);
        if nth == 0 && matches!(offload.checksum, Checksum::Partial { .. }) {
            // The field holds the pseudo-header's sum, and the sum goes over all fragments.
            let sum = match checksum(&[datagram]) {
                0 => 0xffff,
                sum => sum,
            };
            scratch[headers.transport + 6..headers.transport + 8].copy_from_slice(&sum.to_be_bytes());
        }
        let more = if nth == last { 0 } else { 0x2000 };
        seal(scratch, headers, 0, (nth * size / 8) as u16 | more);
        emit(scratch);
    }
    true
}

/// Makes the network header true of the frame in `out`, as the `nth` of its packet.
fn seal(out: &mut [u8], headers: &Headers, nth: u16, fragment: u16) {
    let length = out.len() - NETWORK_AT;
    let ip = &mut out[NETWORK_AT..headers.transport];
    if !headers.is_v4 {
        ip[4..6].copy_from_slice(&((length - V6_HEADER) as u16).to_be_bytes());
        return;
    }
    let identification = u16::from_be_bytes([ip[4], ip[5]]).wrapping_add(nth);
    // What is cut into fragments may be cut, whatever its header says.
    let kept = u16::from_be_bytes([ip[6], ip[7]]) & if fragment == 0 { 0xc000 } else { 0x8000 };
    ip[2..4].copy_from_slice(&(length as u16).to_be_bytes());
    ip[4..6].copy_from_slice(&identification.to_be_bytes());
    ip[6..8].copy_from_slice(&(kept | fragment).to_be_bytes());
    ip[10..12].fill(0);
    let sum = checksum(&[ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
}
