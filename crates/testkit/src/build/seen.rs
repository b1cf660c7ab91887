//! A frame's fields, as a test asks for them.

use std::net::{IpAddr, Ipv4Addr};

/// A frame's fields. Its text is one line that tells what matters, for comparing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// The sender's MAC.
    pub source_mac: [u8; 6],
    /// The receiver's MAC.
    pub destination_mac: [u8; 6],
    /// What the frame carries.
    pub body: Body,
}

/// What a frame carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Body {
    /// An ARP message.
    Arp(Arp),
    /// An IP packet of either family.
    Ip(Ip),
    /// Something else, by its Ethernet type.
    Other(u16),
}

/// An ARP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arp {
    /// 1 request, 2 reply.
    pub operation: u16,
    /// Who says so: MAC and address.
    pub sender: ([u8; 6], Ipv4Addr),
    /// Whom it is about or for.
    pub target: ([u8; 6], Ipv4Addr),
}

/// An IP packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ip {
    /// Who sent it.
    pub source: IpAddr,
    /// Whom it is for.
    pub destination: IpAddr,
    /// The protocol number; of a later IPv6 fragment what its fragment header says.
    pub protocol: u8,
    /// DSCP and ECN.
    pub tos: u8,
    /// The identification; zero for IPv6 without a fragment header.
    pub id: u32,
    /// The don't-fragment flag; always for IPv6.
    pub dont_fragment: bool,
    /// The more-fragments flag.
    pub more_fragments: bool,
    /// The fragment offset in bytes.
    pub offset: usize,
    /// Hops to live.
    pub ttl: u8,
    /// The options of the header, or the extension headers.
    pub options: Vec<u8>,
    /// Whether the header's checksum holds; IPv6 has none, and nothing to be wrong.
    pub ip_checksum: bool,
    /// The transport header.
    pub transport: Transport,
    /// The state of the transport's checksum.
    pub checksum: Sum,
    /// What follows the transport header; for an ICMP error what it quotes.
    pub payload: Vec<u8>,
}

/// A transport header.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the fields carry the names of RFC 9293, RFC 768 and RFC 792")]
pub enum Transport {
    Tcp {
        source: u16,
        destination: u16,
        sequence: u32,
        acknowledgement: u32,
        flags: u8,
        window: u16,
        options: Vec<u8>,
    },
    Udp {
        source: u16,
        destination: u16,
        length: u16,
    },
    Icmp {
        kind: u8,
        code: u8,
        rest: u32,
        quoted: Option<Quoted>,
    },
    /// A fragment that is not the first.
    Fragment,
    /// A protocol that is not taken apart.
    Other,
}

/// The packet that an ICMP error is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoted {
    /// Who had sent it.
    pub source: IpAddr,
    /// Whom it was for.
    pub destination: IpAddr,
    /// The protocol number.
    pub protocol: u8,
    /// Source and destination port; for ICMP the identifier twice.
    pub ports: (u16, u16),
    /// Whether its header's checksum holds.
    pub ip_checksum: bool,
    /// Its transport's checksum, unknown unless it is quoted whole.
    pub checksum: Sum,
}

/// The state of a transport's checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sum {
    /// It holds.
    Right,
    /// It does not.
    Wrong,
    /// The field holds the pseudo-header's sum: partial.
    Pseudo,
    /// UDP without one.
    Absent,
    /// Not all of what it sums is here, or the protocol has none.
    Unknown,
}

/// Why a frame cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed(pub &'static str);

impl Seen {
    /// The IP packet; panics where the frame carries none.
    pub fn ip(&self) -> &Ip {
        let Body::Ip(packet) = &self.body else { panic!("not an IP packet: {self}") };
        packet
    }

    /// The IPv4 packet; panics where the frame carries none.
    pub fn ipv4(&self) -> &Ip {
        assert!(self.ip().source.is_ipv4(), "not an IPv4 packet: {self}");
        self.ip()
    }
}

impl Ip {
    /// Source and destination port, or `None` for a packet without ports.
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            Transport::Tcp { source, destination, .. } | Transport::Udp { source, destination, .. } => {
                Some((source, destination))
            }
            _ => None,
        }
    }

    /// The identifier of an echo request or reply.
    pub fn echo_identifier(&self) -> Option<u16> {
        match self.transport {
            Transport::Icmp { kind: 0 | 8 | 128 | 129, rest, .. } => Some((rest >> 16) as u16),
            _ => None,
        }
    }

    /// Whether no checksum of the packet is wrong, unfinished or out of sight.
    pub fn checksums_hold(&self) -> bool {
        self.ip_checksum && matches!(self.checksum, Sum::Right | Sum::Absent)
    }
}
