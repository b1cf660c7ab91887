//! The packet that an ICMP error quotes.

use super::ipv6::{self, ends, walk};
use super::transport::{parse_icmp, parse_icmpv6};
use super::{Fragment, Packet, Transport};
use crate::checksum::header_holds;
use crate::{Address, Protocol};
use etherparse::Ipv4HeaderSlice;

/// The packet that an ICMP error quotes, as far as the quote reaches.
#[derive(Clone, Copy, Debug)]
pub struct Quote {
    /// Who had sent it.
    pub source: Address,
    /// Whom it was addressed to.
    pub destination: Address,
    /// Its protocol.
    pub protocol: Protocol,
    /// Its ports, as [`Packet::ports`] gives them.
    pub ports: (u16, u16),
    /// The sequence number of a TCP segment.
    pub sequence: Option<u32>,
    /// Where its IP header begins, in bytes from the frame's start.
    pub network_at: u16,
    /// Where its transport header begins, in bytes from the frame's start.
    pub transport_at: u16,
}

/// Reads the packet that an ICMP error quotes: its IP header and at least eight bytes of transport (RFC 792, RFC 4443).
///
/// `None` where the quote is cut short, of the other family, its IPv4 checksum is wrong, or it is a later fragment, which
/// names no ports. The quoted transport checksum is not verified (RFC 5508, REQ-3).
pub fn parse_quote(bytes: &[u8], error: &Packet) -> Option<Quote> {
    let network_at = usize::from(error.transport_at) + 8;
    let quoted = bytes.get(network_at..error.end as usize)?;
    let (source, destination, protocol, length) =
        if error.source.is_v4() { head_of_ipv4(quoted)? } else { head_of_ipv6(quoted)? };
    let transport: &[u8; 8] = quoted.get(length..)?.first_chunk()?;
    let word = |at: usize| u16::from_be_bytes([transport[at], transport[at + 1]]);
    let ports = match protocol {
        Protocol::TCP | Protocol::UDP => (word(0), word(2)),
        Protocol::ICMP if source.is_v4() => ports_of_query(parse_icmp(transport)?)?,
        Protocol::ICMPV6 if !source.is_v4() => ports_of_query(parse_icmpv6(transport)?)?,
        _ => (0, 0),
    };
    Some(Quote {
        source,
        destination,
        protocol,
        ports,
        sequence: (protocol == Protocol::TCP).then(|| u32::from(word(4)) << 16 | u32::from(word(6))),
        network_at: network_at as u16,
        transport_at: (network_at + length) as u16,
    })
}

/// An error about an error is none of ours.
fn ports_of_query(message: Transport) -> Option<(u16, u16)> {
    matches!(message, Transport::Query { .. }).then(|| message.ports())
}

type Head = (Address, Address, Protocol, usize);

fn head_of_ipv4(quoted: &[u8]) -> Option<Head> {
    let ip = Ipv4HeaderSlice::from_slice(quoted).ok()?;
    if !header_holds(ip.slice()) || ip.fragments_offset().value() != 0 {
        return None;
    }
    let length = ip.slice().len();
    Some((ip.source_addr().into(), ip.destination_addr().into(), Protocol(ip.protocol().0), length))
}

fn head_of_ipv6(quoted: &[u8]) -> Option<Head> {
    let (header, payload) = quoted.split_first_chunk::<{ ipv6::HEADER }>()?;
    let (source, destination) = ends(header).filter(|_| header[0] >> 4 == 6)?;
    let chain = walk(header[6], payload).ok()?;
    if matches!(chain.fragment, Fragment::Later { .. }) {
        return None;
    }
    Some((source, destination, chain.protocol, ipv6::HEADER + chain.transport_at))
}
