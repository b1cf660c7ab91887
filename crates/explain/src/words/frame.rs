//! From words to bytes: the frame that a packet would be.

use super::Words;
use packet::checksum::{checksum, transport_sum};
use packet::{Address, Mac, Protocol, parse};
use std::net::{IpAddr, Ipv4Addr};

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

impl Words {
    /// The packet as an Ethernet frame with right checksums.
    pub fn frame(&self, from: Mac, to: Mac) -> Vec<u8> {
        let total = usize::from(self.size.unwrap_or(0)).max(self.headers());
        let mut segment = self.transport();
        segment.resize(total - self.ip_header(), 0);
        self.finish_transport(&mut segment);

        let mut frame = Vec::with_capacity(parse::NETWORK_AT + total);
        frame.extend_from_slice(&to);
        frame.extend_from_slice(&from);
        match (self.source.0, self.destination.0) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend_from_slice(&[0x08, 0x00]);
                frame.extend_from_slice(&self.ipv4_header(total, source, destination));
            }
            (source, destination) => {
                frame.extend_from_slice(&[0x86, 0xdd]);
                frame.extend_from_slice(&self.ipv6_header(total, source, destination));
            }
        }
        frame.extend_from_slice(&segment);
        frame
    }

    /// The bytes of its headers, the least that it can have.
    pub(super) fn headers(&self) -> usize {
        self.ip_header()
            + match self.protocol {
                Protocol::TCP => 20,
                _ => 8,
            }
    }

    fn ip_header(&self) -> usize {
        if self.source.0.is_ipv4() { IPV4_HEADER } else { IPV6_HEADER }
    }

    fn ipv4_header(&self, total: usize, source: Ipv4Addr, destination: Ipv4Addr) -> [u8; IPV4_HEADER] {
        let mut header = [0; IPV4_HEADER];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&u16::try_from(total).unwrap_or(u16::MAX).to_be_bytes());
        header[6] = if self.dont_fragment { 0x40 } else { 0 };
        header[8] = self.ttl;
        header[9] = self.protocol.0;
        header[12..16].copy_from_slice(&source.octets());
        header[16..20].copy_from_slice(&destination.octets());
        let sum = checksum(&[&header]);
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        header
    }

    fn ipv6_header(&self, total: usize, source: IpAddr, destination: IpAddr) -> [u8; IPV6_HEADER] {
        let mut header = [0; IPV6_HEADER];
        let payload = total - IPV6_HEADER;
        header[0] = 0x60;
        header[4..6].copy_from_slice(&u16::try_from(payload).unwrap_or(u16::MAX).to_be_bytes());
        header[6] = self.protocol.0;
        header[7] = self.ttl;
        header[8..24].copy_from_slice(&Address::from(source).bits().to_be_bytes());
        header[24..40].copy_from_slice(&Address::from(destination).bits().to_be_bytes());
        header
    }

    fn transport(&self) -> Vec<u8> {
        let ports = [self.source.1.to_be_bytes(), self.destination.1.to_be_bytes()].concat();
        match self.protocol {
            Protocol::TCP => {
                let mut header = ports;
                header.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 0, 0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
                header
            }
            Protocol::UDP => ports,
            Protocol::ICMP => vec![8, 0, 0, 0, 0, 1, 0, 1],
            Protocol::ICMPV6 => vec![128, 0, 0, 0, 0, 1, 0, 1],
            _ => vec![0, 0, 0, 1, 0, 0, 0, 1],
        }
    }

    fn finish_transport(&self, segment: &mut [u8]) {
        let length = u16::try_from(segment.len()).unwrap_or(u16::MAX);
        let at = match self.protocol {
            Protocol::TCP => 16,
            Protocol::UDP => {
                segment[4..6].copy_from_slice(&length.to_be_bytes());
                6
            }
            Protocol::ICMP | Protocol::ICMPV6 => 2,
            _ => return,
        };
        let sum = transport_sum(self.source.0.into(), self.destination.0.into(), self.protocol, segment);
        // A sum of zero would say "no checksum" in UDP (RFC 768).
        let sum = if sum == 0 && self.protocol == Protocol::UDP { u16::MAX } else { sum };
        segment[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_right() {
        for text in [
            "tcp 1.2.3.4:5 6.7.8.9:10 size=77",
            "udp 1.2.3.4:5 6.7.8.9:10 size=100",
            "tcp [fd00::4]:5 [fd00::5]:10 size=77",
            "udp [fd00::4]:5 [fd00::5]:10 size=101",
            "icmpv6 fd00::4 fd00::5 size=101",
        ] {
            let words = Words::parse(&[text]).unwrap();
            let frame = words.frame([2; 6], [4; 6]);
            let v4 = words.source.0.is_ipv4();
            let segment = &frame[if v4 { 34 } else { 54 }..];
            let (source, destination) = (words.source.0.into(), words.destination.0.into());
            assert_eq!(transport_sum(source, destination, words.protocol, segment), 0, "{text}");
            assert!(!v4 || checksum(&[&frame[14..34]]) == 0, "{text}");
        }
    }
}
