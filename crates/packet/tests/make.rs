//! What the gateway writes itself, and cutting.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod common;

use common::{finished_frames, frames, packet_in, plain_frames, super_frames};
use packet::make::{BROADCAST, IcmpError, arp_reply, arp_request, echo_reply, icmp_error};
use packet::{Address, Offload, Parsed, cut, parse, shrink_segments};
use proptest::prelude::*;
use testkit::build::{self, Sum, ipv4, read, reassemble, wire};

fn address(text: &str) -> Address {
    Address::from(text.parse::<std::net::Ipv4Addr>().unwrap())
}

#[test]
fn arp_messages_are_what_others_write() {
    let (mac, other) = ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    let mut out = vec![9; 200];
    arp_request(&mut out, BROADCAST, (mac, address("10.0.1.1")), address("10.0.1.4"));
    assert_eq!(out, build::arp_request(mac, "10.0.1.1", "10.0.1.4"));
    arp_reply(&mut out, (mac, address("10.0.1.1")), (other, address("10.0.1.4")));
    assert_eq!(out, build::arp_reply(mac, "10.0.1.1", other, "10.0.1.4"));
    arp_request(&mut out, other, (mac, address("10.0.1.1")), address("10.0.1.4"));
    assert_eq!(read(&out).unwrap().destination_mac, other, "a confirmation is asked of one alone");
    assert!(matches!(parse(&out), Ok(Parsed::Arp(arp)) if arp.request && arp.target == address("10.0.1.4")));
}

#[test]
fn an_echo_reply_returns_what_was_sent() {
    for length in [0, 1, 55, 1472] {
        let request =
            ipv4("198.51.100.7", "203.0.113.2").echo_request(0xabcd, 7).data(length).padded().bytes();
        let mut out = Vec::new();
        echo_reply(&mut out, &request, &packet_in(&request));
        let expected = ipv4("203.0.113.2", "198.51.100.7").echo_reply(0xabcd, 7).data(length);
        assert_eq!(out, expected.macs(build::DESTINATION_MAC, build::SOURCE_MAC).bytes());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn errors_quote_what_fits_as_it_was(frame in frames(), too_big: bool, mtu: u16) {
        let error = if too_big { IcmpError::FragmentationNeeded { mtu } } else { IcmpError::TimeExceeded };
        let packet = packet_in(&frame.bytes);
        let mut out = Vec::new();
        icmp_error(&mut out, error, address("10.0.1.1"), &frame.bytes, &packet);
        let reach = (frame.bytes.len() - usize::from(packet.transport_at)).min(548 - usize::from(packet.transport_at - 14));
        let draft = ipv4("10.0.1.1", &packet.source.to_string()).id(packet.identification);
        let draft = if too_big { draft.fragmentation_needed(mtu) } else { draft.time_exceeded() };
        let draft = draft.macs(build::DESTINATION_MAC, build::SOURCE_MAC).quoting(&frame.bytes, reach);
        prop_assert_eq!(out, draft.bytes());
    }

    #[test]
    fn pieces_fit_and_join_to_the_whole(frame in plain_frames(), mtu in 68u32..500) {
        let mut bytes = frame.bytes.clone();
        let packet = packet_in(&bytes);
        let mut pieces = Vec::new();
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
        let mut pieces = Vec::new();
        cut(&mut packet::Frame { bytes: &mut bytes, offload: frame.offload }, &packet, mtu, |piece| pieces.push(piece.to_vec()));
        let mut smaller = Vec::new();
        for mut piece in pieces {
            // A piece too small for its TCP header is what no path would carry; the gateway cuts what it has parsed.
            let Ok(Parsed::Ipv4(packet)) = parse(&piece) else { return Ok(()) };
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
    let mut frame = packet::Frame { bytes: &mut bytes, offload: Offload::default() };
    assert!(!shrink_segments(&mut frame, &packet, 1500), "not a super-frame");
}
