//! Reading frames: the same as other readers where a frame is sound, and nothing that another reads otherwise.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

mod common;

use common::{frames, packet_in, pieces};
use packet::parse::{Fragment, parse_quote};
use packet::{Malformed, Packet, Parsed, Transport, parse};
use proptest::prelude::*;
use testkit::build::{self, Body, Seen, arp_reply, arp_request, ethernet, ipv4, read};

/// Compares what two readers say of one frame.
fn assert_same(packet: &Packet, seen: &Seen) {
    let other = seen.ipv4();
    assert_eq!((packet.source.v4(), packet.destination.v4()), (Some(other.source), Some(other.destination)));
    assert_eq!((packet.protocol.0, packet.ttl, packet.identification), (other.protocol, other.ttl, other.id));
    assert_eq!(packet.dont_fragment, other.dont_fragment);
    let fragment = match (other.offset, other.more_fragments) {
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First,
        (offset, more) => Fragment::Later { offset: offset as u16, more },
    };
    assert_eq!(packet.fragment, fragment);
    assert!(other.ip_checksum, "a wrong header checksum is refused");
    match (packet.transport, &other.transport) {
        (
            Transport::Tcp(tcp),
            build::Transport::Tcp { source, destination, sequence, acknowledgement, flags, .. },
        ) => {
            assert_eq!((tcp.source_port, tcp.destination_port), (*source, *destination));
            assert_eq!((tcp.sequence, tcp.acknowledgement), (*sequence, *acknowledgement));
            assert_eq!((tcp.flags, tcp.payload as usize), (flags & 0x3f, other.payload.len()));
        }
        (
            Transport::Udp { source_port, destination_port },
            build::Transport::Udp { source, destination, .. },
        ) => {
            assert_eq!((source_port, destination_port), (*source, *destination));
        }
        (Transport::Query { identifier, reply, .. }, build::Transport::Icmp { kind, rest, .. }) => {
            assert_eq!((u32::from(identifier), reply), (rest >> 16, matches!(kind, 0 | 14 | 16 | 18)));
        }
        (
            Transport::IcmpError { kind } | Transport::OtherIcmp { kind },
            build::Transport::Icmp { kind: other, .. },
        ) => assert_eq!(kind, *other),
        (Transport::Bare, build::Transport::Fragment | build::Transport::Other) => {}
        (ours, theirs) => panic!("{ours:?} is not {theirs:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn sound_frames_are_read_like_others_read_them(frame in frames()) {
        let packet = packet_in(&frame.bytes);
        assert_same(&packet, &read(&frame.bytes).unwrap());
        let sliced = etherparse::SlicedPacket::from_ethernet(&frame.bytes).unwrap();
        let ip = sliced.net.unwrap();
        prop_assert_eq!(packet.end as usize, frame.bytes.len());
        prop_assert_eq!(ip.ip_payload_ref().unwrap().payload.len(), frame.bytes.len() - usize::from(packet.transport_at));
    }

    #[test]
    fn padding_is_not_the_packets(frame in frames(), padding in 0usize..50) {
        let mut bytes = frame.bytes;
        let end = bytes.len();
        bytes.resize(end + padding, 0xee);
        prop_assert_eq!(packet_in(&bytes).end as usize, end);
    }

    #[test]
    fn a_frame_cut_short_is_refused(frame in frames(), at in any::<prop::sample::Index>()) {
        let at = at.index(frame.bytes.len());
        prop_assert!(!matches!(parse(&frame.bytes[..at]), Ok(Parsed::Ipv4(_))));
    }

    #[test]
    fn whatever_is_accepted_others_read_the_same(
        frame in prop_oneof![frames().prop_map(|frame| frame.bytes), pieces()],
        changes in proptest::collection::vec((12usize..70, any::<u8>()), 1..4),
    ) {
        let mut bytes = frame;
        for (at, to) in changes {
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = to);
        }
        reseal(&mut bytes);
        match parse(&bytes) {
            Ok(Parsed::Ipv4(packet)) => {
                prop_assert!(packet.end as usize <= bytes.len());
                match read(&bytes) {
                    Ok(seen) => assert_same(&packet, &seen),
                    // The other reader looks into every quote at once; ours when it is asked to.
                    Err(_) if matches!(packet.transport, Transport::IcmpError { .. }) => {
                        prop_assert!(parse_quote(&bytes, &packet).is_none());
                    }
                    Err(_) => assert!(matches!(packet.transport, Transport::OtherIcmp { kind: 5 })),
                }
            }
            Ok(Parsed::Arp(_)) => prop_assert!(matches!(read(&bytes).unwrap().body, Body::Arp(_))),
            _ => {}
        }
    }

    #[test]
    fn garbage_is_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let mut frame = ethernet(0x0800, &bytes);
        reseal(&mut frame);
        let _ = parse(&frame);
        let _ = parse(&ethernet(0x0806, &bytes));
    }
}

/// Makes the IP header's checksum right, so that a change is not refused for that alone.
fn reseal(bytes: &mut [u8]) {
    let length = bytes.get(14).map_or(0, |first| usize::from(first & 0xf) * 4);
    let Some(header) = bytes.get_mut(14..14 + length).filter(|header| header.len() >= 20) else { return };
    let sum = pnet_packet::util::checksum(header, 5);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

#[test]
fn each_kind_of_wrong_has_its_name() {
    let udp = || ipv4("10.0.1.4", "10.0.2.4").udp(5000, 53).data(40);
    let tcp = || ipv4("10.0.1.4", "10.0.2.4").tcp(5000, 80).syn();
    for (name, frame, malformed) in [
        ("empty", Vec::new(), Malformed::Length),
        ("no header", vec![0; 13], Malformed::Length),
        ("total length under the header's", udp().total_length(19).bytes(), Malformed::Length),
        ("total length beyond the frame", udp().total_length(69).bytes(), Malformed::Length),
        ("version 6", udp().version(6).bytes(), Malformed::IpHeader),
        ("header of 16 bytes", udp().header_length(4).bytes(), Malformed::IpHeader),
        ("header checksum", udp().ip_checksum(0xdead).bytes(), Malformed::IpHeader),
        ("loose source route", udp().ip_options(&[131, 7, 4, 1, 2, 3, 4, 0]).bytes(), Malformed::SourceRoute),
        (
            "strict source route behind others",
            udp().ip_options(&[1, 68, 4, 5, 0, 1, 1, 137, 3, 4, 0, 0]).bytes(),
            Malformed::SourceRoute,
        ),
        ("UDP length under 8", udp().length(7).bytes(), Malformed::TransportHeader),
        ("UDP length beyond the packet", udp().length(49).bytes(), Malformed::TransportHeader),
        ("TCP data offset 4", tcp().data_offset(4).bytes(), Malformed::TransportHeader),
        ("TCP data offset beyond the packet", tcp().data_offset(6).bytes(), Malformed::TransportHeader),
        ("TCP without flags", tcp().flags(0).bytes(), Malformed::TransportHeader),
        ("SYN and FIN", tcp().flags(3).bytes(), Malformed::TransportHeader),
        ("SYN and RST", tcp().flags(6).bytes(), Malformed::TransportHeader),
        (
            "ICMP of 7 bytes",
            ipv4("1.1.1.1", "2.2.2.2").protocol(1).data(7).bytes(),
            Malformed::TransportHeader,
        ),
        (
            "an ARP message cut short",
            arp_request([2; 6], "10.0.1.4", "10.0.1.1")[..41].to_vec(),
            Malformed::Arp,
        ),
        (
            "an ARP sender with a group's address",
            arp_reply([1; 6], "10.0.1.4", [2; 6], "10.0.1.1"),
            Malformed::Arp,
        ),
    ] {
        assert_eq!(parse(&frame).err(), Some(malformed), "{name}");
    }
}

#[test]
fn other_kinds_of_frame_are_told_apart() {
    assert!(matches!(parse(&ethernet(0x86dd, &[0; 40])), Ok(Parsed::Ipv6)));
    assert!(matches!(parse(&ethernet(0x8100, &[0; 40])), Ok(Parsed::Vlan)));
    assert!(matches!(parse(&ethernet(0x88a8, &[])), Ok(Parsed::Vlan)));
    assert!(matches!(parse(&ethernet(0x0026, &[0; 40])), Ok(Parsed::Other(0x26))));
}

#[test]
fn options_that_contradict_themselves_end_the_search() {
    for options in [[68, 0, 0, 0], [68, 1, 131, 3], [7, 255, 0, 0], [1, 1, 1, 68], [0, 131, 3, 4]] {
        let frame = ipv4("10.0.1.4", "10.0.2.4").ip_options(&options).udp(1, 2).bytes();
        let _ = parse(&frame);
    }
    let ended = ipv4("10.0.1.4", "10.0.2.4").ip_options(&[0, 131, 3, 4]).udp(1, 2).bytes();
    assert!(matches!(parse(&ended), Ok(Parsed::Ipv4(_))), "behind the end of the list there are no options");
}
