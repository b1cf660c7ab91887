//! ICMP: echo, and errors that quote the packet they are about (RFC 792).

use super::{Bare, Draft, ETHERNET, Layer};

/// The eight bytes of an ICMP header.
#[derive(Clone, Debug)]
pub struct Icmp {
    kind: u8,
    code: u8,
    rest: [u8; 4],
}

impl Draft<Bare> {
    /// Any ICMP message; `rest` is the header's second word.
    pub fn icmp(self, kind: u8, code: u8, rest: u32) -> Draft<Icmp> {
        self.carrying(Icmp { kind, code, rest: rest.to_be_bytes() })
    }

    /// A ping.
    pub fn echo_request(self, identifier: u16, sequence: u16) -> Draft<Icmp> {
        self.icmp(8, 0, u32::from(identifier) << 16 | u32::from(sequence))
    }

    /// A ping's answer.
    pub fn echo_reply(self, identifier: u16, sequence: u16) -> Draft<Icmp> {
        self.icmp(0, 0, u32::from(identifier) << 16 | u32::from(sequence))
    }

    /// Destination unreachable, type 3: code 0 network, 1 host, 2 protocol, 3 port, 13 prohibited.
    pub fn unreachable(self, code: u8) -> Draft<Icmp> {
        self.icmp(3, code, 0)
    }

    /// Fragmentation needed, type 3 code 4, with the next hop's MTU (RFC 1191).
    pub fn fragmentation_needed(self, mtu: u16) -> Draft<Icmp> {
        self.icmp(3, 4, mtu.into())
    }

    /// Time exceeded in transit, type 11.
    pub fn time_exceeded(self) -> Draft<Icmp> {
        self.icmp(11, 0, 0)
    }
}

impl Draft<Icmp> {
    /// Quotes a frame's IP header and at most that many bytes of what follows it.
    pub fn quoting(mut self, frame: &[u8], payload: usize) -> Self {
        let packet = frame.get(ETHERNET..).expect("a frame to quote has an Ethernet header");
        let header = packet.first().map_or(0, |first| usize::from(first & 0xf) * 4);
        self.payload = packet.iter().take(header + payload).copied().collect();
        self
    }
}

impl Layer for Icmp {
    fn protocol(&self) -> u8 {
        1
    }

    fn header(&self, _: usize) -> Vec<u8> {
        let [a, b, c, d] = self.rest;
        vec![self.kind, self.code, 0, 0, a, b, c, d]
    }

    fn checksum(&self) -> Option<(usize, bool)> {
        Some((2, false))
    }
}
