//! Random packets of every kind that the path knows.
// Each test file uses its own part, and a test may panic.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use packet::{Offload, Packet, Parsed, parse};
use proptest::prelude::*;
use testkit::build::{Draft, Layer, OwnedFrame, fragments, ipv4};

const ADDRESSES: [&str; 6] =
    ["10.0.1.4", "203.0.113.10", "0.0.0.0", "255.255.255.255", "1.2.3.4", "198.51.100.255"];

/// The packet in a frame; panics where there is none.
pub(crate) fn packet_in(bytes: &[u8]) -> Packet {
    match parse(bytes) {
        Ok(Parsed::Ipv4(packet)) => packet,
        other => panic!("not an IPv4 packet: {other:?}"),
    }
}

pub(crate) fn addresses() -> impl Strategy<Value = &'static str> {
    (0..ADDRESSES.len()).prop_map(|nth| ADDRESSES[nth])
}

/// Options of the IP header: none, no-operations, a timestamp.
fn options() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![
        4 => Just(&[][..]),
        1 => Just(&[1, 1, 1, 0][..]),
        1 => Just(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0][..]),
    ]
}

/// A sound frame: TCP, UDP with and without checksum, ICMP, others; finished, partial or a super-frame.
pub(crate) fn frames() -> impl Strategy<Value = OwnedFrame> {
    let header = (addresses(), addresses(), options(), any::<u8>(), any::<u16>(), any::<bool>());
    (header, any::<(u16, u16)>(), 0usize..9, any::<u8>(), 0usize..300).prop_map(
        |((from, to, options, ttl, id, df), (sport, dport), kind, byte, length)| {
            let draft = ipv4(from, to).ip_options(options).ttl(ttl).id(id);
            let draft = if df { draft.dont_fragment() } else { draft };
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
    (options(), any::<(u16, u16)>(), 1u16..2000, 1usize..20_000).prop_map(
        |(options, (sport, dport), size, length)| {
            let draft = ipv4("10.0.1.4", "198.51.100.7").ip_options(options).tcp(sport, dport).ack(5);
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
