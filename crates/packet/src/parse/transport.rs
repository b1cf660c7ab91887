//! Transport headers: TCP, UDP, ICMP and ICMPv6.

use super::Malformed;
use crate::Protocol;
use etherparse::{TcpHeaderSlice, UdpHeaderSlice};

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
    /// An ICMP query or its reply: echo, timestamp, information, address mask (RFC 792, RFC 950, RFC 4443).
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
        /// 3, 4, 11 or 12; for IPv6 1 to 4.
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

/// An echo request of ICMPv6 (RFC 4443, section 4.1).
const ECHO_REQUEST_V6: u8 = 128;
/// An echo reply of ICMPv6 (RFC 4443, section 4.2).
pub(crate) const ECHO_REPLY_V6: u8 = 129;

/// Reads the transport header of a packet, or of its `first` fragment.
#[inline]
pub(super) fn parse_transport(
    protocol: Protocol,
    payload: &[u8],
    first: bool,
) -> Result<Transport, Malformed> {
    // In a first fragment a header that is not whole is an attempt to hide it (RFC 3128, RFC 7112).
    let missing = if first { Malformed::Fragment } else { Malformed::TransportHeader };
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
        Protocol::ICMPV6 => parse_icmpv6(payload).ok_or(missing),
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

pub(super) fn parse_icmp(payload: &[u8]) -> Option<Transport> {
    let (kind, identifier) = icmp_header(payload)?;
    Some(match kind {
        8 | 13 | 15 | 17 => Transport::Query { identifier, kind, reply: false },
        0 => Transport::Query { identifier, kind: 8, reply: true },
        14 | 16 | 18 => Transport::Query { identifier, kind: kind - 1, reply: true },
        3 | 4 | 11 | 12 => Transport::IcmpError { kind },
        kind => Transport::OtherIcmp { kind },
    })
}

pub(super) fn parse_icmpv6(payload: &[u8]) -> Option<Transport> {
    let (kind, identifier) = icmp_header(payload)?;
    Some(match kind {
        ECHO_REQUEST_V6 => Transport::Query { identifier, kind, reply: false },
        ECHO_REPLY_V6 => Transport::Query { identifier, kind: ECHO_REQUEST_V6, reply: true },
        1..=4 => Transport::IcmpError { kind },
        kind => Transport::OtherIcmp { kind },
    })
}

/// The type, and what is the identifier of a query.
fn icmp_header(payload: &[u8]) -> Option<(u8, u16)> {
    let &[kind, _code, _, _, high, low, _, _] = payload.first_chunk::<8>()?;
    Some((kind, u16::from_be_bytes([high, low])))
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
