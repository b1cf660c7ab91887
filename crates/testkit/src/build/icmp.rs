//! ICMP of both families: echo, and errors that quote the packet they are about (RFC 792, RFC 4443).

use super::parts::chain;
use super::{Bare, Draft, ETHERNET, Layer};

/// The eight bytes of an ICMP header.
#[derive(Clone, Debug)]
pub struct Icmp {
    kind: u8,
    code: u8,
    rest: [u8; 4],
    v6: bool,
}

impl Draft<Bare> {
    /// Any ICMP message; `rest` is the header's second word.
    pub fn icmp(self, kind: u8, code: u8, rest: u32) -> Draft<Icmp> {
        let v6 = self.ip.source.is_ipv6();
        self.carrying(Icmp { kind, code, rest: rest.to_be_bytes(), v6 })
    }

    /// The message of that type and code in this packet's family: the first is IPv4's.
    fn icmp_of_family(self, (v4, v6): ((u8, u8), (u8, u8)), rest: u32) -> Draft<Icmp> {
        let (kind, code) = if self.ip.source.is_ipv4() { v4 } else { v6 };
        self.icmp(kind, code, rest)
    }

    /// A ping.
    pub fn echo_request(self, identifier: u16, sequence: u16) -> Draft<Icmp> {
        self.icmp_of_family(((8, 0), (128, 0)), u32::from(identifier) << 16 | u32::from(sequence))
    }

    /// A ping's answer.
    pub fn echo_reply(self, identifier: u16, sequence: u16) -> Draft<Icmp> {
        self.icmp_of_family(((0, 0), (129, 0)), u32::from(identifier) << 16 | u32::from(sequence))
    }

    /// Destination unreachable. Type 3: code 0 network, 1 host, 2 protocol, 3 port, 13 prohibited; for IPv6 type 1: code 0
    /// no route, 1 prohibited, 3 address, 4 port.
    pub fn unreachable(self, code: u8) -> Draft<Icmp> {
        self.icmp_of_family(((3, code), (1, code)), 0)
    }

    /// Fragmentation needed, type 3 code 4, or IPv6's packet too big, type 2, with the next hop's MTU.
    pub fn fragmentation_needed(self, mtu: u16) -> Draft<Icmp> {
        self.icmp_of_family(((3, 4), (2, 0)), mtu.into())
    }

    /// Time exceeded in transit, type 11; for IPv6 type 3.
    pub fn time_exceeded(self) -> Draft<Icmp> {
        self.icmp_of_family(((11, 0), (3, 0)), 0)
    }
}

impl Draft<Icmp> {
    /// Quotes a frame's IP header, with its extension headers, and at most that many bytes of what follows it.
    pub fn quoting(mut self, frame: &[u8], payload: usize) -> Self {
        let packet = frame.get(ETHERNET..).expect("a frame to quote has an Ethernet header");
        let header = match packet.first() {
            Some(first) if first >> 4 == 6 => chain(packet).expect("a whole chain of headers").length,
            first => first.map_or(0, |first| usize::from(first & 0xf) * 4),
        };
        self.payload = packet.iter().take(header + payload).copied().collect();
        self
    }
}

impl Layer for Icmp {
    fn protocol(&self) -> u8 {
        if self.v6 { 58 } else { 1 }
    }

    fn header(&self, _: usize) -> Vec<u8> {
        let [a, b, c, d] = self.rest;
        vec![self.kind, self.code, 0, 0, a, b, c, d]
    }

    fn checksum(&self) -> Option<(usize, bool)> {
        Some((2, self.v6))
    }
}
