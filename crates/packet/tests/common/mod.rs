//! Random packets of every kind that the path knows, of both families.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use packet::{Address, Offload, Packet, Parsed, parse};
use proptest::prelude::*;
use std::net::IpAddr;
use testkit::build::{Bare, Draft, Layer, OwnedFrame, fragments, ipv4, ipv6};

const ADDRESSES: [&str; 6] =
    ["10.0.1.4", "203.0.113.10", "0.0.0.0", "255.255.255.255", "1.2.3.4", "198.51.100.255"];
const ADDRESSES_V6: [&str; 6] = [
    "fd00::4",
    "2001:db8::a",
    "::",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "fe80::1",
    "2001:db8:0:ffff::",
];

/// The packet in a frame; panics where there is none.
pub(crate) fn packet_in(bytes: &[u8]) -> Packet {
    match parse(bytes) {
        Ok(Parsed::Ip(packet)) => packet,
        other => panic!("not an IP packet: {other:?}"),
    }
}

pub(crate) fn address(text: &str) -> Address {
    Address::from(text.parse::<IpAddr>().unwrap())
}

pub(crate) fn is_v4(frame: &[u8]) -> bool {
    frame[12..14] == [0x08, 0x00]
}

/// Starts a packet of the family that its ends are of.
pub(crate) fn between(from: &str, to: &str) -> Draft<Bare> {
    if from.contains(':') { ipv6(from, to) } else { ipv4(from, to) }
}

/// One of the addresses of a family.
pub(crate) fn nth_address(v4: bool, nth: usize) -> &'static str {
    if v4 { ADDRESSES[nth] } else { ADDRESSES_V6[nth] }
}

/// Two numbers of addresses.
pub(crate) fn two_addresses() -> impl Strategy<Value = (usize, usize)> {
    (0..ADDRESSES.len(), 0..ADDRESSES.len())
}

/// What a header carries besides: options of IPv4 or extension headers of IPv6.
fn embellished(draft: Draft<Bare>, v4: bool, how: usize) -> Draft<Bare> {
    match (v4, how) {
        (true, 0) => draft.ip_options(&[1, 1, 1, 0]),
        (true, 1) => draft.ip_options(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        // Router alert; padding; a routing header that has been used up; an atomic fragment.
        (false, 0) => draft.extension(0, &[5, 2, 0, 0, 1, 0]),
        (false, 1) => draft.extension(60, &[1, 4]).extension(43, &[4, 0]).extension(60, &[]),
        (false, 2) => draft.extension(0, &[]).fragment(0, false).extension(60, &[0x3e, 3, 1, 2, 3]),
        _ => draft,
    }
}

/// A sound frame: TCP, UDP with and without checksum, ICMP, others; finished, partial or a super-frame.
pub(crate) fn frames() -> impl Strategy<Value = OwnedFrame> {
    let header = (any::<bool>(), two_addresses(), 0usize..8, any::<u8>(), any::<u16>(), any::<bool>());
    (header, any::<(u16, u16)>(), 0usize..9, any::<u8>(), 0usize..300).prop_map(
        |((v4, (from, to), how, ttl, id, df), (sport, dport), kind, byte, length)| {
            let draft = between(nth_address(v4, from), nth_address(v4, to));
            let draft = embellished(draft, v4, how).ttl(ttl).id(id.into());
            let draft = if df && v4 { draft.dont_fragment() } else { draft };
            match kind {
                0 => sized(
                    draft.tcp(sport, dport).flags(0x10 | byte & 0x28).ack(u32::from(sport) << 9),
                    length,
                    byte,
                ),
                1 => sized(draft.tcp(sport, dport).syn().mss(1460).partial(), length, byte),
                2 => sized(draft.tcp(sport, dport).ack(5).segments(100), 50 + 10 * length, byte),
                3 => sized(draft.udp(sport, dport), length, byte),
                4 => sized(draft.udp(sport, dport).without_checksum(), length, byte),
                5 => sized(draft.udp(sport, dport).partial(), length, byte),
                6 => sized(draft.echo_request(sport, dport), length, byte),
                7 => sized(draft.echo_reply(sport, dport), length, byte),
                _ => sized(draft.esp(9, 10), length, byte),
            }
        },
    )
}

/// Sound frames but for super-frames.
pub(crate) fn plain_frames() -> impl Strategy<Value = OwnedFrame> {
    frames().prop_filter("a super-frame", |frame| frame.offload.segments.is_none())
}

/// Sound frames whose senders left nothing to the device.
pub(crate) fn finished_frames() -> impl Strategy<Value = OwnedFrame> {
    frames().prop_filter("something left to do", |frame| frame.offload == Offload::default())
}

/// A sound TCP super-frame.
pub(crate) fn super_frames() -> impl Strategy<Value = OwnedFrame> {
    (any::<bool>(), 0usize..3, any::<(u16, u16)>(), 1u16..2000, 1usize..20_000).prop_map(
        |(v4, how, (sport, dport), size, length)| {
            let (from, to) = if v4 { ("10.0.1.4", "198.51.100.7") } else { ("fd00::4", "2001:db8::7") };
            let draft = embellished(between(from, to), v4, how).tcp(sport, dport).ack(5);
            draft.options(&[1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]).data(length).segments(size).frame()
        },
    )
}

/// The draft with a payload.
fn sized<L: Layer>(draft: Draft<L>, length: usize, byte: u8) -> OwnedFrame {
    let payload: Vec<u8> = (0..length).map(|at| (at as u8).wrapping_mul(byte | 1)).collect();
    draft.payload(&payload).frame()
}

/// A fragment of a sound packet.
pub(crate) fn pieces() -> impl Strategy<Value = Vec<u8>> {
    (frames(), 8usize..30, any::<prop::sample::Index>()).prop_map(|(frame, eights, nth)| {
        let pieces = fragments(&frame.bytes, eights * 8);
        pieces[nth.index(pieces.len())].clone()
    })
}
