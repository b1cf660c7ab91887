//! Cutting a packet that is too big for the next link and may be cut.

use crate::checksum::{checksum, finish};
use crate::parse::{Fragment, NETWORK_AT, Packet};
use crate::{Checksum, Frame, SegmentKind};

/// Cuts the packet in `frame` into fragments of at most `mtu` bytes each and hands them to `emit` as whole frames (RFC 791).
///
/// An unfinished checksum is finished first, since no device can finish it over fragments. Options are copied to
/// every fragment; that is more than RFC 791 asks for, and harmless.
///
/// # Returns
/// The number of fragments; zero where not even eight bytes of payload fit, or for IPv6, which no router cuts.
pub fn cut(frame: &mut Frame<'_>, packet: &Packet, mtu: u32, mut emit: impl FnMut(&[u8])) -> usize {
    let end = packet.end as usize;
    let at = usize::from(packet.transport_at);
    if !packet.source.is_v4() {
        return 0;
    }
    if let Checksum::Partial { start, offset } = frame.offload.checksum
        && let Some(whole) = frame.bytes.get_mut(..end)
    {
        finish(whole, usize::from(start), usize::from(offset));
    }
    let (Some(headers), Some(payload)) = (frame.bytes.get(..at), frame.bytes.get(at..end)) else { return 0 };
    let room = (mtu as usize).saturating_sub(at - NETWORK_AT) / 8 * 8;
    if room == 0 {
        return 0;
    }
    let (already, more_behind) = match packet.fragment {
        Fragment::Whole => (0, false),
        Fragment::First => (0, true),
        Fragment::Later { offset, more } => (usize::from(offset), more),
    };
    let pieces = payload.len().div_ceil(room);
    let mut out = Vec::with_capacity(at + room);
    for (nth, piece) in payload.chunks(room).enumerate() {
        out.clear();
        out.extend_from_slice(headers);
        out.extend_from_slice(piece);
        let more = more_behind || nth + 1 < pieces;
        let field = ((already + nth * room) / 8) as u16 | if more { 0x2000 } else { 0 };
        finish_header(&mut out, piece.len(), field);
        emit(&out);
    }
    pieces
}

fn finish_header(out: &mut [u8], payload: usize, fragment_field: u16) {
    let headers = out.len() - payload;
    let Some(ip) = out.get_mut(NETWORK_AT..headers) else { return };
    let total = u16::try_from(ip.len() + payload).unwrap_or(u16::MAX);
    ip[2..4].copy_from_slice(&total.to_be_bytes());
    ip[6..8].copy_from_slice(&fragment_field.to_be_bytes());
    ip[10..12].fill(0);
    let sum = checksum(&[ip]);
    ip[10..12].copy_from_slice(&sum.to_be_bytes());
}

/// Makes the segments of a TCP super-frame small enough for `mtu`, where that is all it takes.
///
/// TCP is a stream, so smaller segments say the same. Returns whether the frame now fits.
pub fn shrink_segments(frame: &mut Frame<'_>, packet: &Packet, mtu: u32) -> bool {
    let Some(segments) = &mut frame.offload.segments else { return false };
    let tcp = usize::from(packet.transport_at);
    let Some(&offset) = frame.bytes.get(tcp + 12) else { return false };
    let headers = (tcp - NETWORK_AT) as u32 + u32::from(offset >> 4) * 4;
    match (segments.kind, u16::try_from(mtu.saturating_sub(headers))) {
        (SegmentKind::Tcp4, Ok(size)) if size > 0 => {
            segments.size = segments.size.min(size);
            true
        }
        _ => false,
    }
}
