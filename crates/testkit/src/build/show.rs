//! One line for a frame: what matters always, the unusual where it occurs.

use super::seen::{Arp, Body, Ip, Quoted, Seen, Sum, Transport};
use std::fmt::{Display, Formatter, Result};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.body {
            Body::Arp(arp) => arp.fmt(f),
            Body::Ip(packet) => packet.fmt(f),
            Body::Other(ethertype) => write!(f, "ethernet type {ethertype:#06x}"),
        }
    }
}

impl Display for Arp {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let (sender, target) = (self.sender.1, self.target.1);
        match self.operation {
            1 => write!(f, "arp who has {target}? tell {sender}"),
            2 => write!(f, "arp {sender} is at {} for {target}", mac(self.sender.0)),
            other => write!(f, "arp operation {other} from {sender} to {target}"),
        }
    }
}

impl Display for Ip {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { source, destination, ttl, .. } = self;
        match &self.transport {
            Transport::Icmp { kind, code, rest, quoted } => {
                if source.is_ipv4() {
                    write!(f, "icmp {source} > {destination} {}", icmp(*kind, *code, *rest))?;
                } else {
                    let said = icmpv6(*kind, *code, *rest, &self.payload);
                    write!(f, "icmp6 {source} > {destination} {said}")?;
                }
                quoted.iter().try_for_each(|quoted| write!(f, " [{quoted}]"))?;
            }
            Transport::Tcp { flags, .. } => {
                ends(f, self.protocol, (*source, *destination), self.ports())?;
                write!(f, " [{}]", letters(*flags))?;
            }
            _ => ends(f, self.protocol, (*source, *destination), self.ports())?,
        }
        write!(f, " ttl {ttl}")?;
        if self.dont_fragment && source.is_ipv4() {
            f.write_str(" df")?;
        }
        if self.more_fragments || self.offset > 0 {
            write!(f, " fragment {}{}", self.offset, if self.more_fragments { "+" } else { "" })?;
        }
        let told = matches!(
            self.transport,
            Transport::Icmp { quoted: Some(_), .. } | Transport::Icmp { kind: 135 | 136, .. }
        );
        if !self.payload.is_empty() && !told {
            write!(f, " {} bytes", self.payload.len())?;
        }
        sums(f, self.ip_checksum, self.checksum)
    }
}

impl Display for Quoted {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        ends(f, self.protocol, (self.source, self.destination), Some(self.ports))?;
        sums(f, self.ip_checksum, self.checksum)
    }
}

fn ends(
    f: &mut Formatter<'_>,
    protocol: u8,
    addresses: (IpAddr, IpAddr),
    ports: Option<(u16, u16)>,
) -> Result {
    match protocol {
        1 => f.write_str("icmp ")?,
        6 => f.write_str("tcp ")?,
        17 => f.write_str("udp ")?,
        58 => f.write_str("icmp6 ")?,
        number => write!(f, "protocol {number} ")?,
    }
    match ports {
        Some((source, destination)) if matches!(protocol, 6 | 17) => {
            let (from, to) =
                (SocketAddr::new(addresses.0, source), SocketAddr::new(addresses.1, destination));
            write!(f, "{from} > {to}")
        }
        Some((identifier, _)) if matches!(protocol, 1 | 58) => {
            write!(f, "{} > {} id {identifier}", addresses.0, addresses.1)
        }
        _ => write!(f, "{} > {}", addresses.0, addresses.1),
    }
}

fn sums(f: &mut Formatter<'_>, ip: bool, transport: Sum) -> Result {
    if !ip {
        f.write_str(", wrong IP checksum")?;
    }
    f.write_str(match transport {
        Sum::Right | Sum::Unknown => "",
        Sum::Wrong => ", wrong checksum",
        Sum::Pseudo => ", partial checksum",
        Sum::Absent => ", no checksum",
    })
}

fn icmp(kind: u8, code: u8, rest: u32) -> String {
    let (identifier, sequence) = (rest >> 16, rest & 0xffff);
    match (kind, code) {
        (8, 0) => format!("echo request id {identifier} seq {sequence}"),
        (0, 0) => format!("echo reply id {identifier} seq {sequence}"),
        (3, 0) => "network unreachable".into(),
        (3, 1) => "host unreachable".into(),
        (3, 2) => "protocol unreachable".into(),
        (3, 3) => "port unreachable".into(),
        (3, 4) => format!("fragmentation needed {sequence}"),
        (11, 0) => "time exceeded".into(),
        _ => format!("type {kind} code {code}"),
    }
}

fn icmpv6(kind: u8, code: u8, rest: u32, payload: &[u8]) -> String {
    let (identifier, sequence) = (rest >> 16, rest & 0xffff);
    let about = payload.first_chunk::<16>().map_or(Ipv6Addr::UNSPECIFIED, |&octets| octets.into());
    match (kind, code) {
        (128, 0) => format!("echo request id {identifier} seq {sequence}"),
        (129, 0) => format!("echo reply id {identifier} seq {sequence}"),
        (1, 0) => "no route".into(),
        (1, 1) => "prohibited".into(),
        (1, 3) => "address unreachable".into(),
        (1, 4) => "port unreachable".into(),
        (2, 0) => format!("too big {rest}"),
        (3, 0) => "hop limit exceeded".into(),
        (135, 0) => format!("who has {about}?"),
        (136, 0) => match payload.get(16..24) {
            Some(&[2, 1, a, b, c, d, e, f]) => format!("{about} is at {}", mac([a, b, c, d, e, f])),
            _ => format!("{about} is here"),
        },
        _ => format!("type {kind} code {code}"),
    }
}

/// The flags as tcpdump writes them.
fn letters(flags: u8) -> String {
    let letters = [
        (0x02, 'S'),
        (0x01, 'F'),
        (0x04, 'R'),
        (0x08, 'P'),
        (0x10, '.'),
        (0x20, 'U'),
        (0x40, 'E'),
        (0x80, 'W'),
    ];
    letters.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, letter)| letter).collect()
}

fn mac(bytes: [u8; 6]) -> String {
    bytes.map(|byte| format!("{byte:02x}")).join(":")
}
