//! Rewriting in place: every checksum as if it had been summed anew.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{
    address, between, finished_frames, frames, is_v4, nth_address, packet_in, plain_frames, two_addresses,
};
use packet::parse::parse_quote;
use packet::{Checksum, Tuple, decrement_ttl, set_identification, set_macs, translate, translate_error};
use proptest::prelude::*;
use testkit::build::{Sum, Transport, fragments, read, reassemble, wire};

fn tuple(source: &str, destination: &str, source_port: u16, destination_port: u16) -> Tuple {
    Tuple { source: address(source), destination: address(destination), source_port, destination_port }
}

/// One tuple in either family: IPv6, then IPv4.
fn tuples() -> impl Strategy<Value = [Tuple; 2]> {
    (two_addresses(), any::<(u16, u16)>()).prop_map(|((from, to), (sport, dport))| {
        [false, true].map(|v4| tuple(nth_address(v4, from), nth_address(v4, to), sport, dport))
    })
}

fn tuple_in(packet: &packet::Packet) -> Tuple {
    let (source_port, destination_port) = packet.ports();
    Tuple { source: packet.source, destination: packet.destination, source_port, destination_port }
}

/// Whether the frame carries the tuple, as far as its protocol has one.
fn carries(bytes: &[u8], tuple: &Tuple) -> bool {
    let seen = read(bytes).unwrap();
    let packet = seen.ip();
    let ports = match packet.transport {
        Transport::Tcp { .. } | Transport::Udp { .. } => {
            packet.ports() == Some((tuple.source_port, tuple.destination_port))
        }
        Transport::Icmp { kind: 8 | 128, .. } => packet.echo_identifier() == Some(tuple.source_port),
        Transport::Icmp { .. } => packet.echo_identifier() == Some(tuple.destination_port),
        _ => true,
    };
    (packet.source, packet.destination) == (tuple.source.ip(), tuple.destination.ip()) && ports
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_translated_packet_holds(frame in frames(), to in tuples()) {
        let mut bytes = frame.bytes.clone();
        let before = read(&bytes).unwrap();
        let (packet, to) = (packet_in(&bytes), to[usize::from(is_v4(&bytes))]);
        translate(&mut bytes, &packet, frame.offload.checksum, &to);
        prop_assert!(carries(&bytes, &to));
        let after = read(&bytes).unwrap();
        prop_assert!(after.ip().ip_checksum);
        // What the device makes of an unfinished one is looked at below.
        if frame.offload.checksum == Checksum::Finished {
            prop_assert_eq!(after.ip().checksum, before.ip().checksum, "right stays right, absent absent");
        }
        prop_assert_eq!(&after.ip().payload, &before.ip().payload);
        for frame in wire(&bytes, frame.offload) {
            let packet = read(&frame).unwrap();
            prop_assert!(packet.ip().ip_checksum);
            prop_assert!(matches!(packet.ip().checksum, Sum::Right | Sum::Absent | Sum::Unknown), "{packet}");
        }
    }

    #[test]
    fn there_and_back_is_the_same_packet(frame in finished_frames(), to in tuples()) {
        let mut bytes = frame.bytes.clone();
        let packet = packet_in(&bytes);
        let (from, to) = (tuple_in(&packet), to[usize::from(is_v4(&bytes))]);
        translate(&mut bytes, &packet, frame.offload.checksum, &to);
        let packet = packet_in(&bytes);
        translate(&mut bytes, &packet, frame.offload.checksum, &from);
        prop_assert_eq!(read(&bytes).unwrap(), read(&frame.bytes).unwrap());
    }

    #[test]
    fn translated_fragments_join_to_a_sound_packet(frame in finished_frames(), to in tuples(), eights in 8usize..20) {
        let to = to[usize::from(is_v4(&frame.bytes))];
        let translated: Vec<Vec<u8>> = fragments(&frame.bytes, eights * 8)
            .into_iter()
            .map(|mut piece| {
                let packet = packet_in(&piece);
                translate(&mut piece, &packet, Checksum::Finished, &to);
                piece
            })
            .collect();
        let whole = reassemble(&translated).unwrap();
        prop_assert!(carries(&whole, &to));
        prop_assert!(matches!(read(&whole).unwrap().ip().checksum, Sum::Right | Sum::Absent | Sum::Unknown));
    }

    #[test]
    fn hops_and_identifications_hold(frame in frames(), identification: u16) {
        let mut bytes = frame.bytes;
        let ttl = packet_in(&bytes).ttl;
        if ttl > 0 {
            decrement_ttl(&mut bytes);
            prop_assert_eq!(packet_in(&bytes).ttl, ttl - 1);
        }
        if is_v4(&bytes) {
            set_identification(&mut bytes, identification);
            prop_assert_eq!(packet_in(&bytes).identification, u32::from(identification));
        }
        set_macs(&mut bytes, [7; 6], [8; 6]);
        let seen = read(&bytes).unwrap();
        prop_assert_eq!((seen.destination_mac, seen.source_mac), ([7; 6], [8; 6]));
    }

    #[test]
    fn an_error_and_its_quote_hold(
        frame in plain_frames(), to in tuples(), outer in two_addresses(), reach in 8usize..400, kind in 0usize..3,
    ) {
        let quoted = wire(&frame.bytes, frame.offload).remove(0);
        let (v4, to) = (is_v4(&quoted), to[usize::from(is_v4(&quoted))]);
        let draft = if v4 { between("203.0.113.9", "203.0.113.10") } else { between("2001:db8::9", "2001:db8::a") };
        let error = match kind {
            0 => draft.unreachable(3),
            1 => draft.time_exceeded(),
            _ => draft.fragmentation_needed(1400),
        };
        let mut bytes = error.quoting(&quoted, reach).bytes();
        let packet = packet_in(&bytes);
        let quote = parse_quote(&bytes, &packet).unwrap();
        let outer = tuple(nth_address(v4, outer.0), nth_address(v4, outer.1), 0, 0);
        translate_error(&mut bytes, &packet, &quote, &to, (outer.source, outer.destination));
        let seen = read(&bytes).unwrap();
        prop_assert!(seen.ip().checksums_hold(), "{}", seen);
        let Transport::Icmp { quoted: Some(inside), .. } = &seen.ip().transport else { panic!("no quote") };
        prop_assert_eq!((inside.source, inside.destination), (to.source.ip(), to.destination.ip()));
        prop_assert!(inside.ip_checksum);
        prop_assert!(!matches!(inside.checksum, Sum::Wrong), "{}", seen);
        let after = parse_quote(&bytes, &packet_in(&bytes)).unwrap();
        if matches!(quote.protocol.0, 6 | 17) {
            prop_assert_eq!(after.ports, (to.source_port, to.destination_port));
        }
        prop_assert_eq!(quote.sequence.is_some(), quote.protocol.0 == 6);
        if matches!(quote.protocol.0, 1 | 58) {
            let asks = matches!(quote.ports.1, 8 | 128) && matches!(frame.bytes[usize::from(packet_in(&frame.bytes).transport_at)], 8 | 128);
            let identifier = if asks { after.ports.0 } else { after.ports.1 };
            prop_assert_eq!(identifier, if asks { to.source_port } else { to.destination_port });
        }
    }

    #[test]
    fn rewriting_what_does_not_fit_leaves_the_rest_alone(
        frame in frames(), to in tuples(), keep in any::<prop::sample::Index>(),
    ) {
        let (packet, to) = (packet_in(&frame.bytes), to[usize::from(is_v4(&frame.bytes))]);
        let mut bytes = frame.bytes[..keep.index(frame.bytes.len())].to_vec();
        translate(&mut bytes, &packet, frame.offload.checksum, &to);
        decrement_ttl(&mut bytes);
        set_identification(&mut bytes, 1);
        set_macs(&mut bytes, [1; 6], [2; 6]);
    }
}

#[test]
fn a_udp_checksum_that_becomes_zero_is_written_as_ones() {
    for (from, to, at) in [("10.0.1.4", "10.0.2.4", 40), ("fd00::4", "fd00:0:0:1::4", 60)] {
        let mut seen = false;
        for port in 0..=u16::MAX {
            let mut bytes = between(from, to).udp(5000, 53).data(9).bytes();
            let packet = packet_in(&bytes);
            translate(&mut bytes, &packet, Checksum::Finished, &tuple(from, to, port, 53));
            let field = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
            assert_ne!(field, 0, "port {port}");
            if field == 0xffff {
                seen = true;
                assert!(read(&bytes).unwrap().ip().checksums_hold());
            }
        }
        assert!(seen, "some port makes it so");
    }
}

#[test]
fn an_echo_reply_that_becomes_all_zeros_holds() {
    let (from, to) = ("8.8.8.8", "10.0.1.4");
    for size in [0, 1, 56] {
        let mut bytes = between(from, "203.0.113.10").echo_reply(1025, 0).payload(&vec![0; size]).bytes();
        let packet = packet_in(&bytes);
        translate(&mut bytes, &packet, Checksum::Finished, &tuple(from, to, 8, 0));
        assert!(read(&bytes).unwrap().ip().checksums_hold(), "{size} bytes of zeros");
    }
}

#[test]
fn addresses_of_the_other_family_change_nothing() {
    for (frame, to) in [
        (between("10.0.1.4", "10.0.2.4").udp(1, 2).bytes(), tuple("fd00::4", "fd00::5", 1, 2)),
        (between("fd00::4", "fd00::5").udp(1, 2).bytes(), tuple("10.0.1.4", "10.0.2.4", 1, 2)),
        (between("fd00::4", "fd00::5").udp(1, 2).bytes(), tuple("10.0.1.4", "fd00::5", 1, 2)),
    ] {
        let mut bytes = frame.clone();
        translate(&mut bytes, &packet_in(&frame), Checksum::Finished, &to);
        assert_eq!(bytes, frame);
    }
}

#[test]
fn a_quoted_segment_tells_its_sequence_number() {
    for (from, to) in [("10.0.1.4", "10.0.2.4"), ("fd00::4", "fd00::5")] {
        let segment = between(from, to).tcp(1, 2).seq(0xdead_beef).ack(1).bytes();
        let error = between(to, from).time_exceeded().quoting(&segment, 8).bytes();
        assert_eq!(parse_quote(&error, &packet_in(&error)).unwrap().sequence, Some(0xdead_beef));
    }
}
