//! What a frame says, read once and checked, so that nobody behind needs to doubt it.
//!
//! [`parse`] refuses whatever a host could read differently than we do: wrong lengths, source routes, headers split
//! over fragments. What it returns are copies and offsets, never views, so the bytes stay free to be rewritten.

use crate::checksum::header_holds;
use crate::{Address, Protocol};
use etherparse::{Ethernet2HeaderSlice, Ipv4HeaderSlice, TcpHeaderSlice, UdpHeaderSlice};

/// Where the network header begins: frames are untagged Ethernet.
pub const NETWORK_AT: usize = 14;

/// A frame by its EtherType.
#[derive(Clone, Copy, Debug)]
pub enum Parsed {
    /// An ARP message for IPv4 over Ethernet (RFC 826).
    Arp(Arp),
    /// An IPv4 packet.
    Ipv4(Packet),
    /// An IPv6 packet; not looked into.
    Ipv6,
    /// A frame with a VLAN tag.
    Vlan,
    /// Any other EtherType.
    Other(u16),
}

/// An ARP request or reply.
#[derive(Clone, Copy, Debug)]
pub struct Arp {
    /// Whether it asks; else it answers.
    pub request: bool,
    /// The sender's hardware address.
    pub sender_mac: [u8; 6],
    /// The sender's protocol address.
    pub sender: Address,
    /// The address asked for, or the asker's in a reply.
    pub target: Address,
}

/// What an IPv4 packet says.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// The transport protocol.
    pub protocol: Protocol,
    /// Time to live, in hops.
    pub ttl: u8,
    /// The identification field.
    pub identification: u16,
    /// The don't-fragment flag.
    pub dont_fragment: bool,
    /// Which part of a datagram this is.
    pub fragment: Fragment,
    /// Where the transport header begins, in bytes from the frame's start.
    pub transport_at: u16,
    /// Where the IP packet ends, in bytes from the frame's start; what follows is Ethernet padding.
    pub end: u32,
    /// What the transport header says.
    pub transport: Transport,
}

/// Which part of a datagram a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fragment {
    /// All of it.
    Whole,
    /// The first fragment, with the transport header whole.
    First,
    /// A later fragment.
    Later {
        /// Where its payload belongs, in bytes.
        offset: u16,
        /// Whether more follow.
        more: bool,
    },
}

/// What a transport header says.
#[derive(Clone, Copy, Debug)]
pub enum Transport {
    /// TCP.
    Tcp(Tcp),
    /// UDP.
    Udp {
        /// The sender's port.
        source_port: u16,
        /// The receiver's port.
        destination_port: u16,
    },
    /// An ICMP query or its reply: echo, timestamp, information, address mask (RFC 792, RFC 950).
    Query {
        /// The identifier, which takes the place of a port.
        identifier: u16,
        /// The type of the request, whether this is the request or the reply.
        kind: u8,
        /// Whether this is the reply.
        reply: bool,
    },
    /// An ICMP error, which quotes the packet that it is about.
    IcmpError {
        /// 3, 4, 11 or 12.
        kind: u8,
    },
    /// Any other ICMP type.
    OtherIcmp {
        /// The type.
        kind: u8,
    },
    /// A protocol without ports, or a later fragment.
    Bare,
}

/// What a TCP header says.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// FIN, SYN, RST, PSH, ACK and URG, from bit 0 up.
    pub flags: u8,
    /// The sequence number.
    pub sequence: u32,
    /// The acknowledgement number.
    pub acknowledgement: u32,
    /// The bytes of payload, of all segments of a super-frame together.
    pub payload: u32,
}

/// FIN in [`Tcp::flags`].
pub const FIN: u8 = 0x01;
/// SYN in [`Tcp::flags`].
pub const SYN: u8 = 0x02;
/// RST in [`Tcp::flags`].
pub const RST: u8 = 0x04;
/// ACK in [`Tcp::flags`].
pub const ACK: u8 = 0x10;

/// Why a frame is refused before anyone asks what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Shorter than its headers say, or lengths that contradict each other.
    Length,
    /// An IPv4 header that is none: wrong version, header length or checksum.
    IpHeader,
    /// A transport header that is none: TCP data offset, impossible flags, UDP length.
    TransportHeader,
    /// A source route option (RFC 791), which would take the packet past the rules.
    SourceRoute,
    /// A fragment that hides its transport header or reaches past 65,535 bytes (RFC 1858, RFC 3128).
    Fragment,
    /// An ARP message for other hardware or protocols, cut short, or from a group's hardware address.
    Arp,
}

/// Reads a frame.
///
/// # Errors
/// [`Malformed`] for a frame that no correct sender makes.
///
/// # Cost
/// A few nanoseconds; no allocation. The IP header's checksum is verified, the transport's is not.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let ethernet = Ethernet2HeaderSlice::from_slice(bytes).map_err(|_| Malformed::Length)?;
    let rest = bytes.get(NETWORK_AT..).unwrap_or_default();
    match ethernet.ether_type().0 {
        0x0800 => parse_ipv4(bytes, rest).map(Parsed::Ipv4),
        0x0806 => parse_arp(rest).map(Parsed::Arp),
        0x86dd => Ok(Parsed::Ipv6),
        0x8100 | 0x88a8 => Ok(Parsed::Vlan),
        other => Ok(Parsed::Other(other)),
    }
}

#[inline]
fn parse_ipv4(bytes: &[u8], rest: &[u8]) -> Result<Packet, Malformed> {
    let ip = Ipv4HeaderSlice::from_slice(rest).map_err(|_| Malformed::IpHeader)?;
    let header = ip.slice();
    let total = usize::from(ip.total_len());
    if total < header.len() || total > rest.len() {
        return Err(Malformed::Length);
    }
    if !header_holds(header) {
        return Err(Malformed::IpHeader);
    }
    if has_source_route(ip.options()) {
        return Err(Malformed::SourceRoute);
    }
    let protocol = Protocol(ip.protocol().0);
    let end = NETWORK_AT + total;
    let transport_at = NETWORK_AT + header.len();
    let payload = bytes.get(transport_at..end).ok_or(Malformed::Length)?;
    let fragment = fragment_of(&ip, protocol, payload.len())?;
    let transport = match fragment {
        Fragment::Later { .. } => Transport::Bare,
        part => parse_transport(protocol, payload, part == Fragment::First)?,
    };
    Ok(Packet {
        source: ip.source_addr().into(),
        destination: ip.destination_addr().into(),
        protocol,
        ttl: ip.ttl(),
        identification: ip.identification(),
        dont_fragment: ip.dont_fragment(),
        fragment,
        transport_at: transport_at as u16,
        end: end as u32,
        transport,
    })
}

/// Loose (131) and strict (137) source routes, wherever in the options they stand.
fn has_source_route(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        match kind {
            0 => return false,
            1 => options = rest,
            131 | 137 => return true,
            _ => {
                let Some(&length) = rest.first() else { return false };
                match options.get(usize::from(length.max(2))..) {
                    Some(rest) => options = rest,
                    None => return false,
                }
            }
        }
    }
    false
}

fn fragment_of(ip: &Ipv4HeaderSlice<'_>, protocol: Protocol, payload: usize) -> Result<Fragment, Malformed> {
    let offset = usize::from(ip.fragments_offset().value()) * 8;
    let more = ip.more_fragments();
    if offset == 0 {
        return Ok(if more { Fragment::First } else { Fragment::Whole });
    }
    // A TCP fragment at offset 8 could overwrite the flags that the rules saw (RFC 1858, section 4.2).
    let overwrites_header = protocol == Protocol::TCP && offset == 8;
    let uneven = more && !payload.is_multiple_of(8);
    if overwrites_header || uneven || payload == 0 || offset + payload > 65_535 - ip.slice().len() {
        return Err(Malformed::Fragment);
    }
    Ok(Fragment::Later { offset: offset as u16, more })
}

#[inline]
fn parse_transport(protocol: Protocol, payload: &[u8], first: bool) -> Result<Transport, Malformed> {
    // In a first fragment a header that is not whole is an attempt to hide it (RFC 3128).
    let missing = if first { Malformed::Fragment } else { Malformed::TransportHeader };
    if first && !payload.len().is_multiple_of(8) {
        return Err(Malformed::Fragment);
    }
    match protocol {
        Protocol::TCP => parse_tcp(payload).ok_or(missing).map(Transport::Tcp),
        Protocol::UDP => {
            let udp = UdpHeaderSlice::from_slice(payload).map_err(|_| missing)?;
            let length = usize::from(udp.length());
            if length < 8 || (!first && length > payload.len()) {
                return Err(Malformed::TransportHeader);
            }
            Ok(Transport::Udp { source_port: udp.source_port(), destination_port: udp.destination_port() })
        }
        Protocol::ICMP => parse_icmp(payload).ok_or(missing),
        _ => Ok(Transport::Bare),
    }
}

#[inline]
fn parse_tcp(payload: &[u8]) -> Option<Tcp> {
    let tcp = TcpHeaderSlice::from_slice(payload).ok()?;
    let flags = *payload.get(13)? & 0x3f;
    // No correct sender makes these, and hosts disagree on what they mean.
    let impossible = flags == 0 || flags & SYN != 0 && flags & (FIN | RST) != 0;
    if impossible {
        return None;
    }
    Some(Tcp {
        source_port: tcp.source_port(),
        destination_port: tcp.destination_port(),
        flags,
        sequence: tcp.sequence_number(),
        acknowledgement: tcp.acknowledgment_number(),
        payload: (payload.len() - tcp.slice().len()) as u32,
    })
}

fn parse_icmp(payload: &[u8]) -> Option<Transport> {
    let &[kind, _code, _, _, id_high, id_low, _, _, ..] = payload else { return None };
    let identifier = u16::from_be_bytes([id_high, id_low]);
    Some(match kind {
        8 | 13 | 15 | 17 => Transport::Query { identifier, kind, reply: false },
        0 => Transport::Query { identifier, kind: 8, reply: true },
        14 | 16 | 18 => Transport::Query { identifier, kind: kind - 1, reply: true },
        3 | 4 | 11 | 12 => Transport::IcmpError { kind },
        kind => Transport::OtherIcmp { kind },
    })
}

fn parse_arp(rest: &[u8]) -> Result<Arp, Malformed> {
    // Ethernet hardware, IPv4, lengths 6 and 4 (RFC 826); operation 1 asks and 2 answers.
    let (Some([0, 1, 8, 0, 6, 4, 0, operation @ (1 | 2)]), Some(body)) =
        (rest.first_chunk::<8>(), rest.get(8..28))
    else {
        return Err(Malformed::Arp);
    };
    // Nobody is at a group's hardware address (RFC 1812, section 3.3.2).
    if body[0] & 1 == 1 {
        return Err(Malformed::Arp);
    }
    let address = |at: usize| -> Address {
        let mut octets = [0; 4];
        octets.copy_from_slice(&body[at..at + 4]);
        Address::from_v4_bits(u32::from_be_bytes(octets))
    };
    let mut sender_mac = [0; 6];
    sender_mac.copy_from_slice(&body[..6]);
    Ok(Arp { request: *operation == 1, sender_mac, sender: address(6), target: address(16) })
}

impl Packet {
    /// The tuple's ports: the sender's and the receiver's; zeros where there are none. See [`crate::FlowKey`].
    #[inline]
    pub fn ports(&self) -> (u16, u16) {
        self.transport.ports()
    }

    /// The bytes of the IP packet, headers and payload, without Ethernet.
    #[inline]
    pub fn length(&self) -> u32 {
        self.end - NETWORK_AT as u32
    }
}

impl Transport {
    #[inline]
    pub(crate) fn ports(&self) -> (u16, u16) {
        match *self {
            Self::Tcp(Tcp { source_port, destination_port, .. })
            | Self::Udp { source_port, destination_port } => (source_port, destination_port),
            Self::Query { identifier, kind, reply: false } => (identifier, u16::from(kind)),
            Self::Query { identifier, kind, reply: true } => (u16::from(kind), identifier),
            Self::IcmpError { .. } | Self::OtherIcmp { .. } | Self::Bare => (0, 0),
        }
    }
}

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

/// Reads the packet that an ICMP error quotes (RFC 792): its IP header and at least eight bytes behind it.
///
/// `None` where the quote is cut short, its IP checksum is wrong, or it is a later fragment, which names no ports.
/// The quoted transport checksum is not verified (RFC 5508, REQ-3).
pub fn parse_quote(bytes: &[u8], error: &Packet) -> Option<Quote> {
    let network_at = usize::from(error.transport_at) + 8;
    let quoted = bytes.get(network_at..error.end as usize)?;
    let ip = Ipv4HeaderSlice::from_slice(quoted).ok()?;
    if !header_holds(ip.slice()) || ip.fragments_offset().value() != 0 {
        return None;
    }
    let transport_at = network_at + ip.slice().len();
    let transport: &[u8; 8] = bytes.get(transport_at..error.end as usize)?.first_chunk()?;
    let protocol = Protocol(ip.protocol().0);
    let word = |at: usize| u16::from_be_bytes([transport[at], transport[at + 1]]);
    let ports = match protocol {
        Protocol::TCP | Protocol::UDP => (word(0), word(2)),
        Protocol::ICMP => match parse_icmp(transport)? {
            query @ Transport::Query { .. } => query.ports(),
            _ => return None,
        },
        _ => (0, 0),
    };
    Some(Quote {
        source: ip.source_addr().into(),
        destination: ip.destination_addr().into(),
        protocol,
        ports,
        sequence: (protocol == Protocol::TCP).then(|| u32::from(word(4)) << 16 | u32::from(word(6))),
        network_at: network_at as u16,
        transport_at: transport_at as u16,
    })
}
