//! Where a packet's headers end and its payload begins, in both families.

use super::{ETHERNET, Ends, Malformed};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{Ipv4Flags, Ipv4Packet, MutableIpv4Packet};
use pnet_packet::ipv6::{Ipv6Packet, MutableIpv6Packet};
use pnet_packet::util;

/// A frame's IP packet, taken apart.
pub(super) struct Parts<'a> {
    /// The Ethernet and IP headers, with options or extension headers, up to the transport.
    pub(super) head: &'a [u8],
    /// What follows, without Ethernet's padding.
    pub(super) payload: &'a [u8],
    pub(super) ends: Ends,
    /// Zero for IPv6 without a fragment header.
    pub(super) id: u32,
    /// In bytes.
    pub(super) offset: usize,
    pub(super) more: bool,
    pub(super) place: Option<Place>,
}

/// Where an IPv6 fragment header is in the frame, or would be.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    /// The byte before it that names it.
    pub(super) named_at: usize,
    pub(super) present: bool,
}

pub(super) fn split(frame: &[u8]) -> Result<Parts<'_>, Malformed> {
    let packet = frame.get(ETHERNET..).ok_or(Malformed("shorter than an Ethernet header"))?;
    match frame[12..14] {
        [0x08, 0x00] => split_ipv4(frame, packet),
        [0x86, 0xdd] => split_ipv6(frame, packet),
        _ => Err(Malformed("not IP by its type")),
    }
}

fn split_ipv4<'a>(frame: &'a [u8], packet: &'a [u8]) -> Result<Parts<'a>, Malformed> {
    let header = Ipv4Packet::new(packet).ok_or(Malformed("shorter than an IPv4 header"))?;
    let length = usize::from(header.get_header_length()) * 4;
    let total = usize::from(header.get_total_length());
    match () {
        () if header.get_version() != 4 => Err(Malformed("not IPv4 by its version")),
        () if length < 20 => Err(Malformed("IP header length under 20")),
        () if total < length => Err(Malformed("total length under the header's")),
        () if total > packet.len() => Err(Malformed("total length beyond the frame")),
        () => Ok(Parts {
            head: &frame[..ETHERNET + length],
            payload: &packet[length..total],
            ends: (
                header.get_source().into(),
                header.get_destination().into(),
                header.get_next_level_protocol().0,
            ),
            id: header.get_identification().into(),
            offset: usize::from(header.get_fragment_offset()) * 8,
            more: header.get_flags() & Ipv4Flags::MoreFragments != 0,
            place: None,
        }),
    }
}

fn split_ipv6<'a>(frame: &'a [u8], packet: &'a [u8]) -> Result<Parts<'a>, Malformed> {
    let header = Ipv6Packet::new(packet).ok_or(Malformed("shorter than an IPv6 header"))?;
    let end = 40 + usize::from(header.get_payload_length());
    match () {
        () if header.get_version() != 6 => return Err(Malformed("not IPv6 by its version")),
        () if end > packet.len() => return Err(Malformed("payload length beyond the frame")),
        () => {}
    }
    let chain = chain(&packet[..end])?;
    let place =
        Place { at: ETHERNET + chain.place.at, named_at: ETHERNET + chain.place.named_at, ..chain.place };
    let (mut id, mut field) = (0, 0);
    if let Some(&[_, _, high, low, a, b, c, d]) =
        frame[place.at..].first_chunk::<8>().filter(|_| place.present)
    {
        field = u16::from_be_bytes([high, low]);
        id = u32::from_be_bytes([a, b, c, d]);
    }
    Ok(Parts {
        head: &frame[..ETHERNET + chain.length],
        payload: &packet[chain.length..end],
        ends: (header.get_source().into(), header.get_destination().into(), chain.protocol),
        id,
        offset: usize::from(field & !7),
        more: field & 1 != 0,
        place: Some(place),
    })
}

/// The extension headers of an IPv6 packet, counted from its beginning.
pub(super) struct Chain {
    /// Of all headers up to the transport, which a later fragment has none of.
    pub(super) length: usize,
    pub(super) protocol: u8,
    place: Place,
}

pub(super) fn chain(packet: &[u8]) -> Result<Chain, Malformed> {
    let (mut named_at, mut at) = (6, 40);
    let mut place = Place { at, named_at, present: false };
    loop {
        let kind = *packet.get(named_at).ok_or(Malformed("the extension headers are cut off"))?;
        if !matches!(kind, 0 | 43 | 44 | 60) {
            return Ok(Chain { length: at, protocol: kind, place });
        }
        let header = packet.get(at..at + 8).ok_or(Malformed("the extension headers are cut off"))?;
        let later = kind == 44 && u16::from_be_bytes([header[2], header[3]]) & !7 != 0;
        if kind == 44 && !place.present {
            place = Place { at, named_at, present: true };
        }
        named_at = at;
        at += if kind == 44 { 8 } else { (usize::from(header[1]) + 1) * 8 };
        if at > packet.len() {
            return Err(Malformed("the extension headers are cut off"));
        }
        if matches!(kind, 0 | 43) && !place.present {
            place = Place { at, named_at, present: false };
        }
        if later {
            return Ok(Chain { length: at, protocol: packet[named_at], place });
        }
    }
}

/// Writes flags, offset, length and checksum of a frame that was cut or joined; for IPv6 only the length.
pub(super) fn reseal(frame: &mut [u8], flags: u8, offset: u16) {
    let packet = &mut frame[ETHERNET..];
    let (length, words) = (packet.len(), packet[0] & 0xf);
    if packet[0] >> 4 == 6 {
        let mut header = MutableIpv6Packet::new(packet).expect("it has a header");
        return header.set_payload_length(u16::try_from(length - 40).expect("at most 65,535 bytes"));
    }
    let mut header = MutableIpv4Packet::new(packet).expect("it has a header");
    header.set_flags(flags);
    header.set_fragment_offset(offset);
    header.set_total_length(u16::try_from(length).expect("at most 65,535 bytes"));
    let checksum = util::checksum(&packet[..usize::from(words) * 4], 5);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

/// The flags of an IPv4 header; none for IPv6.
pub(super) fn flags(head: &[u8]) -> u8 {
    let header = Ipv4Packet::new(&head[ETHERNET..]).expect("it was split there");
    if header.get_version() == 4 { header.get_flags() } else { 0 }
}

/// The number in the type pnet_packet wants.
pub(super) fn number(protocol: u8) -> IpNextHeaderProtocol {
    IpNextHeaderProtocol(protocol)
}
