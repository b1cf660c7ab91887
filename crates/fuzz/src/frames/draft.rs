//! Frames that a script writes.

use super::hosts::HOSTS;
use crate::packets::reseal;
use crate::script::Script;
use packet::parse::NETWORK_AT;
use packet::{Checksum, Offload, SegmentKind, Segments};
use std::net::IpAddr;
use testkit::build::{
    Bare, DESTINATION_MAC, Draft, OwnedFrame, SOURCE_MAC, arp_reply, arp_request, fragments, ipv4, ipv6,
    neighbour_advertisement, neighbour_solicitation,
};

/// Where packets go: hosts, public addresses of ours, and nowhere.
const PLACES: [&str; 21] = [
    "198.51.100.7",
    "10.0.1.4",
    "10.0.1.5",
    "10.0.2.4",
    "203.0.113.21",
    "203.0.113.23",
    "203.0.113.10",
    "203.0.113.2",
    "203.0.113.1",
    "10.0.1.1",
    "10.0.1.200",
    "172.31.0.9",
    "168.63.129.16",
    "169.254.169.254",
    "198.51.100.6",
    "255.255.255.255",
    "172.99.0.4",
    "192.168.1.7",
    "192.168.9.2",
    "192.168.9.7",
    "100.64.0.1",
];
/// The same of IPv6.
const PLACES_V6: [&str; 24] = [
    "2001:db8:7::7",
    "fd00:a:0:1::4",
    "fd00:a:0:1::5",
    "fd00:a:0:2::4",
    "2001:db8:ffff::21",
    "2001:db8:23::23",
    "2001:db8:ffff::2",
    "2001:db8:ffff::1",
    "fd00:a:0:1::1",
    "fd00:a:0:1::c8",
    "fd00:bb::9",
    "fe80::1",
    "ff02::1",
    "ff02::1:ff00:4",
    "2001:db8:7::8",
    "::",
    "fd00:ac:63::4",
    "fd00:c0:a8:1::7",
    "fd00:c0:a8:9::2",
    "fd00:c0:a8:9::7",
    "::ffff:10.0.1.4",
    "64:ff9b::a00:104",
    "::1",
    "ff02::2",
];
/// Extension headers and the fragment header, which makes a packet an atomic fragment.
const EXTENSIONS: [u8; 4] = [0, 60, 44, 43];
const PORTS: [u16; 12] = [0, 8, 22, 53, 80, 443, 1024, 1025, 40_000, 40_001, 65_534, 65_535];
const SIZES: [usize; 12] = [0, 1, 7, 8, 20, 60, 500, 548, 1472, 1500, 3000, 9000];

/// Starts a packet between two addresses of one family.
pub(super) fn between(source: IpAddr, destination: IpAddr) -> Draft<Bare> {
    let (source, destination) = (source.to_string(), destination.to_string());
    if source.contains(':') { ipv6(&source, &destination) } else { ipv4(&source, &destination) }
}

fn place(script: &mut Script<'_>, six: bool) -> &'static str {
    if six { script.one_of(&PLACES_V6) } else { script.one_of(&PLACES) }
}

/// Who sends, and a draft from there: mostly from its own address.
fn ends(script: &mut Script<'_>, six: bool) -> (&'static str, Draft<Bare>) {
    let choice = script.byte();
    let host = &HOSTS[usize::from(choice) % HOSTS.len()];
    let source = if choice < 250 { host.addresses[usize::from(six)] } else { place(script, six) };
    let destination = place(script, six);
    let mut draft = if six { ipv6(source, destination) } else { ipv4(source, destination) };
    let header = script.byte();
    if header & 3 == 3 {
        draft = draft.dont_fragment();
    }
    if header & 0x1c == 0x1c {
        draft = draft.ttl(header >> 5);
    }
    if header & 0xe0 == 0xe0 {
        draft = match EXTENSIONS[usize::from(header & 3)] {
            _ if !six => draft.ip_options(&[7, 7, 4, 10, 0, 1, 1, 0]),
            44 => draft.fragment(0, false),
            kind => draft.extension(kind, &[1, 4]),
        };
    }
    (host.name, draft.id(u32::from(header >> 4)))
}

/// A packet of any kind.
pub(super) fn packet(script: &mut Script<'_>, six: bool) -> (&'static str, OwnedFrame) {
    let (from, draft) = ends(script, six);
    let (kind, ports) = (script.byte(), (script.one_of(&PORTS), script.one_of(&PORTS)));
    let (size, detail) = (script.one_of(&SIZES), script.byte());
    let (sequence, acknowledged) = (u32::from(detail) * 1000, u32::from(script.byte()) * 1000);
    let frame: OwnedFrame = match kind % 12 {
        0 | 1 => draft.tcp(ports.0, ports.1).syn().seq(sequence).into(),
        2 => draft.tcp(ports.0, ports.1).syn().seq(sequence).ack(acknowledged).into(),
        3 => draft.tcp(ports.0, ports.1).ack(acknowledged).flags(detail).seq(sequence).data(size).into(),
        4 => draft.tcp(ports.0, ports.1).seq(sequence).ack(acknowledged).data(size).segments(1448).into(),
        5 | 6 => draft.udp(ports.0, ports.1).data(size).into(),
        7 if detail & 1 == 0 => draft.udp(ports.0, ports.1).without_checksum().data(size).into(),
        7 => draft.udp(ports.0, ports.1).data(size).segments(500).into(),
        8 => draft.echo_request(ports.0, 1).data(size).into(),
        9 => draft.icmp(detail, 0, u32::from(ports.0) << 16).data(size).into(),
        10 => draft.protocol(detail).data(size).into(),
        _ => draft.udp(ports.0, ports.1).partial().data(size).into(),
    };
    (from, frame)
}

/// A fragment of a packet that is cut in three or more.
pub(super) fn fragment(script: &mut Script<'_>, six: bool) -> (&'static str, OwnedFrame) {
    let (from, draft) = ends(script, six);
    let ports = (script.one_of(&PORTS), script.one_of(&PORTS));
    let whole = match script.byte() % 3 {
        0 => draft.udp(ports.0, ports.1).data(1200).bytes(),
        1 => draft.tcp(ports.0, ports.1).syn().data(1200).bytes(),
        _ => draft.echo_request(ports.0, 1).data(1200).bytes(),
    };
    let pieces = fragments(&whole, script.one_of(&[400, 8, 24, 1024]));
    (from, pieces[usize::from(script.byte()) % pieces.len()].clone().into())
}

/// A message of ARP or neighbour discovery, honest or not.
pub(super) fn neighbour(script: &mut Script<'_>, six: bool) -> (&'static str, OwnedFrame) {
    let nth = usize::from(script.byte()) % HOSTS.len();
    let mac = [2, 0, 0, 2, 0, script.byte() % 6];
    let (sender, target) = (place(script, six), place(script, six));
    let (asks, gateway) = (script.byte() & 1 == 0, [2, 0, 0, 1, 0, nth as u8]);
    let frame: OwnedFrame = match (asks, six) {
        (true, false) => arp_request(mac, sender, target).into(),
        (false, false) => arp_reply(mac, sender, gateway, target).into(),
        (true, true) => neighbour_solicitation(mac, sender, target).into(),
        (false, true) => neighbour_advertisement(mac, sender, gateway, target).into(),
    };
    (HOSTS[nth].name, frame)
}

/// Where the source address of a packet is, the two addresses' length, and the protocol's place.
const ENDS_V4: (usize, usize, usize) = (26, 4, 23);
const ENDS_V6: (usize, usize, usize) = (22, 16, 20);

/// The same packet with its ends exchanged, which changes no sum; a ping becomes its answer, TCP takes `flags`.
pub(super) fn answer(bytes: &[u8], offload: Offload, flags: u8) -> Option<OwnedFrame> {
    let mut bytes = bytes.to_vec();
    let ((source, length, protocol), at) = match bytes.get(12..15)? {
        [8, 0, first] => (ENDS_V4, NETWORK_AT + usize::from(first & 0xf) * 4),
        [0x86, 0xdd, _] => (ENDS_V6, NETWORK_AT + 40),
        _ => return None,
    };
    if bytes.len() < at + 20 {
        return None;
    }
    let (low, high) = bytes.split_at_mut(source + length);
    low[source..].swap_with_slice(&mut high[..length]);
    bytes[..6].copy_from_slice(&DESTINATION_MAC);
    bytes[6..12].copy_from_slice(&SOURCE_MAC);
    let protocol = bytes[protocol];
    match protocol {
        6 | 17 => {
            bytes.swap(at, at + 2);
            bytes.swap(at + 1, at + 3);
            if protocol == 6 && flags & 0x20 == 0 {
                let word = [bytes[at + 12], bytes[at + 13]];
                bytes[at + 13] = flags & 0x1f | 0x10;
                if !matches!(offload.checksum, Checksum::Partial { .. }) {
                    mend(&mut bytes, at + 16, u16::from_be_bytes(word), word[0], flags & 0x1f | 0x10);
                }
            }
        }
        1 if bytes[at] == 8 => {
            bytes[at] = 0;
            mend(&mut bytes, at + 2, 0x0800, 0, 0);
        }
        58 if bytes[at] == 128 => {
            bytes[at] = 129;
            mend(&mut bytes, at + 2, 0x8000, 129, 0);
        }
        // Their answers come by themselves.
        58 if matches!(bytes[at], 135 | 136) => return None,
        _ => {}
    }
    Some(OwnedFrame { bytes, offload })
}

/// Writes a type of service into a packet, which the gateway passes on as it is.
pub(super) fn mark(bytes: &mut [u8], tos: u8) {
    match bytes {
        [_, _, _, _, _, _, _, _, _, _, _, _, 8, 0, first, old, rest @ ..] if rest.len() >= 18 => {
            let before = u16::from_be_bytes([*first, *old]);
            let first = *first;
            *old = tos;
            mend(bytes, 24, before, first, tos);
        }
        [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, first, second, ..] => {
            *first = *first & 0xf0 | tos >> 4;
            *second = *second & 0x0f | tos << 4;
        }
        _ => {}
    }
}

/// Mends a checksum for a word that was `old` and is now `high` and `low` (RFC 1624).
fn mend(bytes: &mut [u8], at: usize, old: u16, high: u8, low: u8) {
    let sum = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let change = packet::checksum::Change::NONE.word(old, u16::from_be_bytes([high, low]));
    bytes[at..at + 2].copy_from_slice(&change.finished(sum).to_be_bytes());
}

/// Changes a frame in a few places, seldom; what its device was told, more seldom.
pub(super) fn alter(frame: &mut OwnedFrame, script: &mut Script<'_>) {
    let flags = script.byte();
    let changes = if flags & 7 == 7 { 1 + flags / 8 % 4 } else { 0 };
    for _ in 0..changes {
        let (at, new) = (usize::from(script.byte()), script.byte());
        match new {
            0xf0 => frame.bytes.truncate(at),
            0xf1 => frame.bytes.resize(frame.bytes.len() + at % 64, 0xee),
            _ => frame.bytes.get_mut(NETWORK_AT + at % 80).into_iter().for_each(|byte| *byte = new),
        }
    }
    if changes > 0 && flags & 0x40 == 0 {
        reseal(&mut frame.bytes, NETWORK_AT);
    }
    if flags & 0xb8 == 0xb0 {
        frame.offload = offload(script);
    }
}

fn offload(script: &mut Script<'_>) -> Offload {
    let checksum = match script.byte() % 8 {
        0 => Checksum::Finished,
        1 => Checksum::Verified,
        2 => Checksum::Partial { start: 34, offset: 16 },
        3 => Checksum::Partial { start: 34, offset: 6 },
        4 => Checksum::Partial { start: script.byte().into(), offset: script.byte().into() },
        5 => Checksum::Partial { start: 54, offset: 16 },
        6 => Checksum::Partial { start: 54, offset: 6 },
        _ => Checksum::Partial { start: script.word(), offset: script.word() },
    };
    let kinds = [SegmentKind::Tcp4, SegmentKind::Udp, SegmentKind::UdpFragments, SegmentKind::Tcp6];
    let segments = script.byte();
    let segments = (segments & 1 == 1).then(|| Segments {
        kind: script.one_of(&kinds),
        size: script.one_of(&[0, 1, 500, 1448, 65_535]),
        header: script.word(),
        ecn: segments & 2 == 2,
    });
    Offload { checksum, segments }
}
