//! What a frame says, by pnet_packet's reading, with every checksum summed anew.

use super::fragment::split;
use super::seen::{Arp, Body, Ipv4, Malformed, Quoted, Seen, Sum, Transport};
use super::{ETHERNET, Ends, pseudo_sum};
use pnet_packet::arp::ArpPacket;
use pnet_packet::ethernet::EthernetPacket;
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{Ipv4Flags, Ipv4Packet};
use pnet_packet::tcp::TcpPacket;
use pnet_packet::util;

/// Reads a frame.
///
/// Errors: a header that is cut off or contradicts the frame's length; a wrong checksum is no error but a finding.
pub fn read(frame: &[u8]) -> Result<Seen, Malformed> {
    let ethernet = EthernetPacket::new(frame).ok_or(Malformed("shorter than an Ethernet header"))?;
    let body = match ethernet.get_ethertype().0 {
        0x0800 => Body::Ipv4(ipv4(frame)?),
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

fn ipv4(frame: &[u8]) -> Result<Ipv4, Malformed> {
    let (head, segment) = split(frame)?;
    let header = Ipv4Packet::new(&head[ETHERNET..]).ok_or(Malformed("shorter than an IPv4 header"))?;
    let more_fragments = header.get_flags() & Ipv4Flags::MoreFragments != 0;
    let offset = usize::from(header.get_fragment_offset()) * 8;
    let protocol = header.get_next_level_protocol().0;
    let (transport, length) =
        if offset > 0 { (Transport::Fragment, 0) } else { transport(protocol, segment)? };
    let whole = offset == 0 && !more_fragments;
    let ends = (header.get_source(), header.get_destination(), protocol);
    Ok(Ipv4 {
        source: ends.0,
        destination: ends.1,
        protocol,
        tos: header.get_dscp() << 2 | header.get_ecn(),
        id: header.get_identification(),
        dont_fragment: header.get_flags() & Ipv4Flags::DontFragment != 0,
        more_fragments,
        offset,
        ttl: header.get_ttl(),
        options: head[ETHERNET + 20..].to_vec(),
        ip_checksum: util::checksum(&head[ETHERNET..], usize::MAX) == 0,
        checksum: if whole { sum(segment, ends) } else { Sum::Unknown },
        payload: segment[length..].to_vec(),
        transport,
    })
}

/// The transport header and its length.
fn transport(protocol: u8, segment: &[u8]) -> Result<(Transport, usize), Malformed> {
    match protocol {
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
        1 => {
            let header = segment.first_chunk::<8>().ok_or(Malformed("shorter than an ICMP header"))?;
            let [_, _, high, low] = words(header);
            let kind = header[0];
            let quoted =
                if matches!(kind, 3 | 4 | 5 | 11 | 12) { Some(quoted(&segment[8..])?) } else { None };
            let rest = u32::from(high) << 16 | u32::from(low);
            Ok((Transport::Icmp { kind, code: header[1], rest, quoted }, 8))
        }
        _ => Ok((Transport::Other, 0)),
    }
}

/// What an error quotes: a header and at least eight bytes, seldom the whole.
fn quoted(packet: &[u8]) -> Result<Quoted, Malformed> {
    let header = Ipv4Packet::new(packet).ok_or(Malformed("the quoted header is cut off"))?;
    let length = usize::from(header.get_header_length()) * 4;
    let head =
        packet.get(..length).filter(|_| length >= 20).ok_or(Malformed("the quoted header is cut off"))?;
    let segment = &packet[length..];
    let first = segment.first_chunk::<8>().ok_or(Malformed("fewer than eight bytes quoted"))?;
    let [a, b, identifier, _] = words(first);
    let (source, destination) = (header.get_source(), header.get_destination());
    let protocol = header.get_next_level_protocol().0;
    // Flags and offset but don't-fragment: a fragment's checksum sums more than is here.
    let whole =
        packet[6] & 0x3f == 0 && packet[7] == 0 && packet.len() == usize::from(header.get_total_length());
    Ok(Quoted {
        source,
        destination,
        protocol,
        ports: if protocol == 1 { (identifier, identifier) } else { (a, b) },
        ip_checksum: util::checksum(head, usize::MAX) == 0,
        checksum: if whole { sum(segment, (source, destination, protocol)) } else { Sum::Unknown },
    })
}

/// Sums a whole segment, what stands in the field included.
fn sum(segment: &[u8], ends: Ends) -> Sum {
    let (source, destination, protocol) = ends;
    let at = match protocol {
        1 => return if util::checksum(segment, usize::MAX) == 0 { Sum::Right } else { Sum::Wrong },
        6 => 16,
        17 => 6,
        _ => return Sum::Unknown,
    };
    let Some(&[high, low]) = segment.get(at..at + 2) else { return Sum::Unknown };
    let field = u16::from_be_bytes([high, low]);
    let number = IpNextHeaderProtocol(protocol);
    match util::ipv4_checksum(segment, usize::MAX, &[], &source, &destination, number) {
        _ if protocol == 17 && field == 0 => Sum::Absent,
        0 => Sum::Right,
        _ if field == pseudo_sum(ends, segment.len()) => Sum::Pseudo,
        _ => Sum::Wrong,
    }
}

fn words(&[a, b, c, d, e, f, g, h]: &[u8; 8]) -> [u16; 4] {
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_be_bytes)
}
