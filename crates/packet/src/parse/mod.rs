//! What a frame says, read once and checked, so that nobody behind needs to doubt it.
//!
//! [`parse`] refuses whatever a host could read differently than we do: wrong lengths, source routes, headers split
//! over fragments. What it returns are copies and offsets, never views, so the bytes stay free to be rewritten.

mod ipv4;
mod ipv6;
mod neighbour;
mod quote;
mod transport;

pub use neighbour::Neighbour;
pub(crate) use neighbour::{ADVERTISEMENT, SOLICITATION, solicited_node};
pub use quote::{Quote, parse_quote};
pub(crate) use transport::ECHO_REPLY_V6;
pub use transport::{ACK, FIN, RST, SYN, Tcp, Transport};

use crate::{Address, Protocol};
use etherparse::Ethernet2HeaderSlice;
use ipv4::parse_ipv4;
use ipv6::parse_ipv6;

/// Where the network header begins: frames are untagged Ethernet.
pub const NETWORK_AT: usize = 14;

/// A frame by what it carries.
#[derive(Clone, Copy, Debug)]
pub enum Parsed {
    /// A question or an answer of ARP or neighbour discovery.
    Neighbour(Neighbour),
    /// Any other packet of IPv4 or IPv6.
    Ip(Packet),
    /// A frame with a VLAN tag.
    Vlan,
    /// Any other EtherType.
    Other(u16),
}

/// What an IP packet says.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// The transport protocol; of a later IPv6 fragment whatever header its part of the datagram began with.
    pub protocol: Protocol,
    /// Time to live, or the hop limit of IPv6.
    pub ttl: u8,
    /// The identification that fragments of one datagram share; 16 bits for IPv4, zero for IPv6 without a fragment header.
    pub identification: u32,
    /// The don't-fragment flag; set for IPv6, which no router cuts (RFC 8200, section 5).
    pub dont_fragment: bool,
    /// Which part of a datagram this is.
    pub fragment: Fragment,
    /// Where the part of the datagram begins that fragment offsets count, in bytes from the frame's start.
    pub payload_at: u16,
    /// Where the transport header begins, in bytes from the frame's start; behind `payload_at` where IPv6 extension
    /// headers stand between.
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

/// Why a frame is refused before anyone asks what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Shorter than its headers say, or lengths that contradict each other.
    Length,
    /// An IP header that is none: wrong version, header length or checksum, or an IPv4 address in an IPv6 header.
    IpHeader,
    /// A transport header that is none: TCP data offset, impossible flags, UDP length.
    TransportHeader,
    /// A source route option (RFC 791) or routing header (RFC 5095), which would take the packet past the rules.
    SourceRoute,
    /// A fragment that hides its headers or reaches past 65,535 bytes (RFC 1858, RFC 3128, RFC 7112).
    Fragment,
    /// IPv6 extension headers that are too many, out of order, cut short or a jumbogram's (RFC 7045, RFC 2675).
    ExtensionHeader,
    /// An ARP message for other hardware or protocols, cut short, or from a group's hardware address.
    Arp,
    /// A neighbour solicitation or advertisement that is none: from afar, with a wrong checksum or broken options, or
    /// behind extension headers (RFC 4861, section 7.1, RFC 6980).
    NeighbourDiscovery,
}

/// Reads a frame.
///
/// # Errors
/// [`Malformed`] for a frame that no correct sender makes.
///
/// # Cost
/// A few nanoseconds; no allocation. The IP header's checksum is verified, and that of neighbour discovery; that of any
/// other transport is not.
#[inline]
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    let ethernet = Ethernet2HeaderSlice::from_slice(bytes).map_err(|_| Malformed::Length)?;
    let rest = bytes.get(NETWORK_AT..).unwrap_or_default();
    match ethernet.ether_type().0 {
        0x0800 => parse_ipv4(bytes, rest).map(Parsed::Ip),
        0x86dd => {
            let packet = parse_ipv6(bytes, rest)?;
            match packet.transport {
                Transport::OtherIcmp { kind: SOLICITATION | ADVERTISEMENT } => {
                    neighbour::parse_discovery(bytes, &packet).map(Parsed::Neighbour)
                }
                _ => Ok(Parsed::Ip(packet)),
            }
        }
        0x0806 => neighbour::parse_arp(rest).map(Parsed::Neighbour),
        0x8100 | 0x88a8 => Ok(Parsed::Vlan),
        other => Ok(Parsed::Other(other)),
    }
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
