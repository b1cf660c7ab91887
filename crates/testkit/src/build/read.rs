//! What a frame says, by pnet_packet's reading, with every checksum summed anew.

use super::parts::{Parts, chain, flags, number, split};
use super::seen::{Arp, Body, Ip, Malformed, Quoted, Seen, Sum, Transport};
use super::{ETHERNET, Ends, pseudo_sum};
use pnet_packet::arp::ArpPacket;
use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::ipv4::{Ipv4Flags, Ipv4Packet};
use pnet_packet::ipv6::Ipv6Packet;
use pnet_packet::tcp::TcpPacket;
use pnet_packet::util;
use std::net::IpAddr;

/// Reads a frame.
///
/// Errors: a header that is cut off or contradicts the frame's length; a wrong checksum is no error but a finding.
pub fn read(frame: &[u8]) -> Result<Seen, Malformed> {
    let ethernet = EthernetPacket::new(frame).ok_or(Malformed("shorter than an Ethernet header"))?;
    let body = match ethernet.get_ethertype().0 {
        0x0800 | 0x86dd => Body::Ip(ip(frame)?),
        0x0806 => Body::Arp(arp(&frame[ETHERNET..])?),
        other => Body::Other(other),
    };
    let macs = (ethernet.get_source().octets(), ethernet.get_destination().octets());
    Ok(Seen { source_mac: macs.0, destination_mac: macs.1, body })
}

fn arp(message: &[u8]) -> Result<Arp, Malformed> {
    let arp = ArpPacket::new(message).ok_or(Malformed("shorter than an ARP message"))?;
    Ok(Arp {
        operation: arp.get_operation().0,
        sender: (arp.get_sender_hw_addr().octets(), arp.get_sender_proto_addr()),
        target: (arp.get_target_hw_addr().octets(), arp.get_target_proto_addr()),
    })
}

fn ip(frame: &[u8]) -> Result<Ip, Malformed> {
    let Parts { head, payload: segment, ends, id, offset, more, place: _ } = split(frame)?;
    let (transport, length) = if offset > 0 { (Transport::Fragment, 0) } else { transport(ends, segment)? };
    let whole = offset == 0 && !more;
    let (v4, network) = (ends.0.is_ipv4(), &head[ETHERNET..]);
    Ok(Ip {
        source: ends.0,
        destination: ends.1,
        protocol: ends.2,
        tos: if v4 { network[1] } else { network[0] << 4 | network[1] >> 4 },
        id,
        dont_fragment: !v4 || flags(head) & Ipv4Flags::DontFragment != 0,
        more_fragments: more,
        offset,
        ttl: network[if v4 { 8 } else { 7 }],
        options: network[if v4 { 20 } else { 40 }..].to_vec(),
        ip_checksum: !v4 || util::checksum(network, usize::MAX) == 0,
        checksum: if whole { sum(segment, ends) } else { Sum::Unknown },
        payload: segment[length..].to_vec(),
        transport,
    })
}

/// The transport header and its length.
fn transport(ends: Ends, segment: &[u8]) -> Result<(Transport, usize), Malformed> {
    match ends.2 {
        6 => {
            let tcp = TcpPacket::new(segment).ok_or(Malformed("shorter than a TCP header"))?;
            let length = usize::from(tcp.get_data_offset()) * 4;
            let options =
                segment.get(20..length).ok_or(Malformed("data offset outside the segment"))?.to_vec();
            let (source, destination) = (tcp.get_source(), tcp.get_destination());
            let (sequence, acknowledgement) = (tcp.get_sequence(), tcp.get_acknowledgement());
            let (flags, window) = (tcp.get_flags(), tcp.get_window());
            let tcp =
                Transport::Tcp { source, destination, sequence, acknowledgement, flags, window, options };
            Ok((tcp, length))
        }
        17 => {
            let header = segment.first_chunk::<8>().ok_or(Malformed("shorter than a UDP header"))?;
            let [source, destination, length, _] = words(header);
            Ok((Transport::Udp { source, destination, length }, 8))
        }
        1 | 58 if is_icmp(ends) => {
            let header = segment.first_chunk::<8>().ok_or(Malformed("shorter than an ICMP header"))?;
            let [_, _, high, low] = words(header);
            let kind = header[0];
            let quotes =
                if ends.2 == 1 { matches!(kind, 3 | 4 | 5 | 11 | 12) } else { matches!(kind, 1..=4) };
            let quoted = if quotes { Some(quoted(&segment[8..], ends.0.is_ipv4())?) } else { None };
            let rest = u32::from(high) << 16 | u32::from(low);
            Ok((Transport::Icmp { kind, code: header[1], rest, quoted }, 8))
        }
        _ => Ok((Transport::Other, 0)),
    }
}

/// Whether the protocol is the family's own ICMP.
fn is_icmp((source, _, protocol): Ends) -> bool {
    protocol == if source.is_ipv4() { 1 } else { 58 }
}

/// What an error quotes: a header and at least eight bytes, or all of a shorter packet.
fn quoted(packet: &[u8], v4: bool) -> Result<Quoted, Malformed> {
    let (ends, length, ip_checksum, whole) = if v4 { quoted_v4(packet) } else { quoted_v6(packet) }
        .ok_or(Malformed("the quoted header is cut off"))?;
    let segment = &packet[length..];
    let mut first = [0; 8];
    let there = segment.len().min(first.len());
    if there < first.len() && !whole {
        return Err(Malformed("fewer than eight bytes quoted"));
    }
    first[..there].copy_from_slice(&segment[..there]);
    let [a, b, identifier, _] = words(&first);
    Ok(Quoted {
        source: ends.0,
        destination: ends.1,
        protocol: ends.2,
        ports: if is_icmp(ends) { (identifier, identifier) } else { (a, b) },
        ip_checksum,
        checksum: if whole { sum(segment, ends) } else { Sum::Unknown },
    })
}

/// The ends, the header's length, whether its checksum holds, and whether the packet is quoted whole.
type Head = (Ends, usize, bool, bool);

fn quoted_v4(packet: &[u8]) -> Option<Head> {
    let header = Ipv4Packet::new(packet)?;
    let length = usize::from(header.get_header_length()) * 4;
    let head = packet.get(..length).filter(|_| length >= 20)?;
    // Flags and offset but don't-fragment: a fragment's checksum sums more than is here.
    let whole =
        packet[6] & 0x3f == 0 && packet[7] == 0 && packet.len() == usize::from(header.get_total_length());
    let ends =
        (header.get_source().into(), header.get_destination().into(), header.get_next_level_protocol().0);
    Some((ends, length, util::checksum(head, usize::MAX) == 0, whole))
}

fn quoted_v6(packet: &[u8]) -> Option<Head> {
    let header = Ipv6Packet::new(packet).filter(|header| header.get_version() == 6)?;
    let chain = chain(packet).ok()?;
    let whole = chain.length == 40 && packet.len() == 40 + usize::from(header.get_payload_length());
    let ends = (header.get_source().into(), header.get_destination().into(), chain.protocol);
    Some((ends, chain.length, true, whole))
}

/// Sums a whole segment, what stands in the field included.
fn sum(segment: &[u8], ends: Ends) -> Sum {
    let at = match ends.2 {
        1 | 58 if is_icmp(ends) => 2,
        6 => 16,
        17 => 6,
        _ => return Sum::Unknown,
    };
    let Some(&[high, low]) = segment.get(at..at + 2) else { return Sum::Unknown };
    let field = u16::from_be_bytes([high, low]);
    // With the whole segment summed, the field too, a right checksum gives zero; nothing lies at the skipped word.
    let number = number(ends.2);
    let rest = match (ends.0, ends.1) {
        (IpAddr::V4(_), _) if ends.2 == 1 => util::checksum(segment, usize::MAX),
        (IpAddr::V4(a), IpAddr::V4(b)) => util::ipv4_checksum(segment, usize::MAX, &[], &a, &b, number),
        (IpAddr::V6(a), IpAddr::V6(b)) => util::ipv6_checksum(segment, usize::MAX, &[], &a, &b, number),
        _ => return Sum::Unknown,
    };
    match rest {
        _ if ends.2 == 17 && field == 0 => Sum::Absent,
        0 => Sum::Right,
        _ if at != 2 && field == pseudo_sum(ends, segment.len()) => Sum::Pseudo,
        _ => Sum::Wrong,
    }
}

fn words(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> [u16; 4] {
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes)
}
