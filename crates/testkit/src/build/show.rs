//! One line for a frame: what matters always, the unusual where it occurs.

use super::seen::{Arp, Body, Ipv4, Quoted, Seen, Sum, Transport};
use std::fmt::{Display, Formatter, Result};
use std::net::Ipv4Addr;

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.body {
            Body::Arp(arp) => arp.fmt(f),
            Body::Ipv4(packet) => packet.fmt(f),
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

impl Display for Ipv4 {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { source, destination, ttl, .. } = self;
        match &self.transport {
            Transport::Icmp { kind, code, rest, quoted } => {
                write!(f, "icmp {source} > {destination} {}", icmp(*kind, *code, *rest))?;
                quoted.iter().try_for_each(|quoted| write!(f, " [{quoted}]"))?;
            }
            Transport::Tcp { flags, .. } => {
                ends(f, self.protocol, (*source, *destination), self.ports())?;
                write!(f, " [{}]", letters(*flags))?;
            }
            _ => ends(f, self.protocol, (*source, *destination), self.ports())?,
        }
        write!(f, " ttl {ttl}")?;
        if self.dont_fragment {
            f.write_str(" df")?;
        }
        if self.more_fragments || self.offset > 0 {
            write!(f, " fragment {}{}", self.offset, if self.more_fragments { "+" } else { "" })?;
        }
        let is_error = matches!(self.transport, Transport::Icmp { quoted: Some(_), .. });
        if !self.payload.is_empty() && !is_error {
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
    addresses: (Ipv4Addr, Ipv4Addr),
    ports: Option<(u16, u16)>,
) -> Result {
    match protocol {
        1 => f.write_str("icmp ")?,
        6 => f.write_str("tcp ")?,
        17 => f.write_str("udp ")?,
        number => write!(f, "protocol {number} ")?,
    }
    match ports {
        Some((source, destination)) if matches!(protocol, 6 | 17) => {
            write!(f, "{}:{source} > {}:{destination}", addresses.0, addresses.1)
        }
        Some((identifier, _)) if protocol == 1 => {
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
