//! What the gateway writes itself, and cutting.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

mod common;

use common::{address, between, finished_frames, frames, is_v4, packet_in, plain_frames, super_frames};
use packet::make::{IcmpError, echo_reply, icmp_error, neighbour_reply, neighbour_request};
use packet::{Offload, Parsed, cut, parse, shrink_segments};
use proptest::prelude::*;
use testkit::build::{
    self, Sum, ipv4, ipv6, neighbour_advertisement, neighbour_solicitation, read, reassemble, wire,
};

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const OTHER: [u8; 6] = [2, 0, 0, 0, 0, 2];

#[test]
fn arp_messages_are_what_others_write() {
    let mut out = vec![9; 200];
    neighbour_request(&mut out, None, (MAC, address("10.0.1.1")), address("10.0.1.4"));
    assert_eq!(out, build::arp_request(MAC, "10.0.1.1", "10.0.1.4"));
    neighbour_reply(&mut out, (MAC, address("10.0.1.1")), (OTHER, address("10.0.1.4")));
    assert_eq!(out, build::arp_reply(MAC, "10.0.1.1", OTHER, "10.0.1.4"));
    neighbour_request(&mut out, Some(OTHER), (MAC, address("10.0.1.1")), address("10.0.1.4"));
    assert_eq!(read(&out).unwrap().destination_mac, OTHER, "a confirmation is asked of one alone");
    assert!(
        matches!(parse(&out), Ok(Parsed::Neighbour(arp)) if arp.request && arp.target == address("10.0.1.4"))
    );
}

#[test]
fn neighbour_discovery_is_what_others_write() {
    let mut out = vec![9; 200];
    neighbour_request(&mut out, None, (MAC, address("fd00::1")), address("fd00::12:3456"));
    assert_eq!(out, neighbour_solicitation(MAC, "fd00::1", "fd00::12:3456").bytes());
    assert_eq!(out[..6], [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
    neighbour_reply(&mut out, (MAC, address("fd00::1")), (OTHER, address("fd00::4")));
    let mut expected = neighbour_advertisement(MAC, "fd00::1", OTHER, "fd00::4").bytes();
    // The router flag, and the checksum that covers it.
    expected[58] = 0xe0;
    let sum = pnet_packet::icmpv6::checksum(
        &pnet_packet::icmpv6::Icmpv6Packet::new(&expected[54..]).unwrap(),
        &"fd00::1".parse().unwrap(),
        &"fd00::4".parse().unwrap(),
    );
    expected[56..58].copy_from_slice(&sum.to_be_bytes());
    assert_eq!(out, expected);
    neighbour_request(&mut out, Some(OTHER), (MAC, address("fd00::1")), address("fd00::4"));
    let seen = read(&out).unwrap();
    assert_eq!((seen.destination_mac, seen.ip().destination), (OTHER, address("fd00::4").ip()));
    assert!(seen.ip().checksums_hold());
    let Ok(Parsed::Neighbour(asked)) = parse(&out) else { panic!("no solicitation") };
    assert!(asked.request && asked.wants_answer());
    assert_eq!((asked.sender_mac, asked.sender, asked.target), (MAC, address("fd00::1"), address("fd00::4")));
}

#[test]
fn an_echo_reply_returns_what_was_sent() {
    for (from, to) in [("198.51.100.7", "203.0.113.2"), ("2001:db8::7", "2001:db8::2")] {
        for length in [0, 1, 55, 1452] {
            let request = between(from, to).echo_request(0xabcd, 7).data(length).padded().bytes();
            let mut out = Vec::new();
            echo_reply(&mut out, &request, &packet_in(&request));
            let expected = between(to, from).echo_reply(0xabcd, 7).data(length);
            assert_eq!(out, expected.macs(build::DESTINATION_MAC, build::SOURCE_MAC).bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn errors_quote_what_fits_as_it_was(frame in frames(), kind in 0usize..3, mtu: u16) {
        let error = [IcmpError::TooBig { mtu }, IcmpError::TimeExceeded, IcmpError::Prohibited][kind];
        let (packet, v4) = (packet_in(&frame.bytes), is_v4(&frame.bytes));
        let mut out = Vec::new();
        let (own, header, limit) = if v4 { ("10.0.1.1", 20, 576) } else { ("fd00::1", 40, 1280) };
        icmp_error(&mut out, error, address(own), &frame.bytes, &packet);
        let head = usize::from(packet.transport_at) - 14;
        let reach = (frame.bytes.len() - 14 - head).min(limit - header - 8 - head);
        let draft = between(own, &packet.source.to_string());
        let draft = if v4 { draft.id(packet.identification) } else { draft };
        let draft = match error {
            IcmpError::TooBig { mtu } => draft.fragmentation_needed(mtu),
            IcmpError::TimeExceeded => draft.time_exceeded(),
            IcmpError::Prohibited => draft.unreachable(if v4 { 13 } else { 1 }),
        };
        let draft = draft.macs(build::DESTINATION_MAC, build::SOURCE_MAC).quoting(&frame.bytes, reach);
        prop_assert_eq!(out, draft.bytes());
    }

    #[test]
    fn pieces_fit_and_join_to_the_whole(frame in plain_frames(), mtu in 68u32..500) {
        let mut bytes = frame.bytes.clone();
        let packet = packet_in(&bytes);
        let mut pieces = Vec::new();
        if !is_v4(&bytes) {
            return Ok(());
        }
        let count = cut(&mut packet::Frame { bytes: &mut bytes, offload: frame.offload }, &packet, mtu, |piece| pieces.push(piece.to_vec()));
        prop_assert_eq!(count, pieces.len());
        prop_assert!(pieces.iter().all(|piece| piece.len() <= 14 + mtu as usize && packet_in_or_later(piece)));
        let finished = wire(&frame.bytes, frame.offload).remove(0);
        let whole = reassemble(&pieces).unwrap();
        let (whole, finished) = (read(&whole).unwrap(), read(&finished).unwrap());
        prop_assert_eq!(&whole.ipv4().payload, &finished.ipv4().payload);
        prop_assert_eq!(&whole.ipv4().transport, &finished.ipv4().transport);
        prop_assert!(!matches!(whole.ipv4().checksum, Sum::Wrong | Sum::Pseudo));
    }

    #[test]
    fn pieces_can_be_cut_again(frame in finished_frames(), mtu in 200u32..400, again in 68u32..200) {
        let mut bytes = frame.bytes.clone();
        let packet = packet_in(&bytes);
        if !is_v4(&bytes) {
            return Ok(());
        }
        let mut pieces = Vec::new();
        cut(&mut packet::Frame { bytes: &mut bytes, offload: frame.offload }, &packet, mtu, |piece| pieces.push(piece.to_vec()));
        let mut smaller = Vec::new();
        for mut piece in pieces {
            // A piece too small for its TCP header is what no path would carry; the gateway cuts what it has parsed.
            let Ok(Parsed::Ip(packet)) = parse(&piece) else { return Ok(()) };
            cut(&mut packet::Frame { bytes: &mut piece, offload: Offload::default() }, &packet, again, |piece| smaller.push(piece.to_vec()));
        }
        let (whole, before) = (read(&reassemble(&smaller).unwrap()).unwrap(), read(&frame.bytes).unwrap());
        prop_assert_eq!(&whole.ipv4().payload, &before.ipv4().payload);
    }

    #[test]
    fn shrunk_segments_fit(frame in super_frames(), mtu in 100u32..1500) {
        let mut bytes = frame.bytes.clone();
        let packet = packet_in(&bytes);
        let mut view = packet::Frame { bytes: &mut bytes, offload: frame.offload };
        if !is_v4(&frame.bytes) {
            prop_assert!(!shrink_segments(&mut view, &packet, mtu), "too big for IPv6 is the sender's to mend");
            return Ok(());
        }
        prop_assert!(shrink_segments(&mut view, &packet, mtu));
        let offload = view.offload;
        let segments = wire(&bytes, offload);
        prop_assert!(segments.iter().all(|frame| frame.len() <= 14 + mtu as usize));
        prop_assert!(segments.iter().all(|frame| read(frame).unwrap().ipv4().checksums_hold()));
    }
}

/// Whether a piece reads as a fragment; with headers as small as the smallest link allows.
fn packet_in_or_later(piece: &[u8]) -> bool {
    read(piece).is_ok_and(|seen| seen.ipv4().ip_checksum)
}

#[test]
fn where_nothing_fits_nothing_comes_out() {
    let mut bytes = ipv4("10.0.1.4", "10.0.2.4").udp(1, 2).data(100).bytes();
    let packet = packet_in(&bytes);
    for mtu in [0, 1, 20, 27] {
        let mut frame = packet::Frame { bytes: &mut bytes, offload: Offload::default() };
        assert_eq!(cut(&mut frame, &packet, mtu, |_| panic!("a piece")), 0);
    }
    let mut six = ipv6("fd00::4", "fd00::5").udp(1, 2).data(2000).bytes();
    let packet_v6 = packet_in(&six);
    let mut frame = packet::Frame { bytes: &mut six, offload: Offload::default() };
    assert_eq!(cut(&mut frame, &packet_v6, 1280, |_| panic!("a piece")), 0);
    let mut frame = packet::Frame { bytes: &mut bytes, offload: Offload::default() };
    assert!(!shrink_segments(&mut frame, &packet, 1500), "not a super-frame");
}
