//! Reading frames: the same as other readers where a frame is sound, and nothing that another reads otherwise.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

mod common;

use common::{address, frames, packet_in, pieces};
use packet::parse::{Fragment, parse_quote};
use packet::{Malformed, Packet, Parsed, Transport, parse};
use proptest::prelude::*;
use testkit::build::{
    self, Body, Seen, arp_reply, arp_request, ethernet, ipv4, ipv6, neighbour_advertisement,
    neighbour_solicitation, read,
};

/// Compares what two readers say of one frame.
fn assert_same(packet: &Packet, seen: &Seen) {
    let other = seen.ip();
    assert_eq!((packet.source.ip(), packet.destination.ip()), (other.source, other.destination));
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
            assert_eq!((u32::from(identifier), reply), (rest >> 16, matches!(kind, 0 | 14 | 16 | 18 | 129)));
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
        prop_assert!(!matches!(parse(&frame.bytes[..at]), Ok(Parsed::Ip(_))));
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
            Ok(Parsed::Ip(packet)) => {
                prop_assert!(packet.end as usize <= bytes.len());
                match read(&bytes) {
                    Ok(seen) => assert_same(&packet, &seen),
                    // The other reader looks into every quote at once; ours when it is asked to.
                    Err(_) if matches!(packet.transport, Transport::IcmpError { .. }) => {
                        prop_assert!(parse_quote(&bytes, &packet).is_none());
                    }
                    Err(why) => assert!(matches!(packet.transport, Transport::OtherIcmp { kind: 5 }), "{why:?}"),
                }
            }
            Ok(Parsed::Neighbour(_)) => {
                let seen = read(&bytes).unwrap();
                let discovery = |ip: &build::Ip| ip.protocol == 58 && ip.ttl == 255 && ip.checksums_hold();
                prop_assert!(matches!(&seen.body, Body::Arp(_)) || discovery(seen.ip()));
            }
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
        let mut six = vec![0x60];
        six.extend(&bytes);
        let _ = parse(&ethernet(0x86dd, &six));
    }
}

/// Makes the IP header's checksum right, so that a change is not refused for that alone.
fn reseal(bytes: &mut [u8]) {
    if bytes.get(12..14) != Some(&[0x08, 0x00]) {
        return;
    }
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
    assert!(matches!(parse(&ethernet(0x8100, &[0; 40])), Ok(Parsed::Vlan)));
    assert!(matches!(parse(&ethernet(0x88a8, &[])), Ok(Parsed::Vlan)));
    assert!(matches!(parse(&ethernet(0x0026, &[0; 40])), Ok(Parsed::Other(0x26))));
}

#[test]
fn options_lie_within_the_header() {
    let with =
        |options: &[u8]| parse(&ipv4("10.0.1.4", "10.0.2.4").ip_options(options).udp(1, 2).bytes()).err();
    for options in [[68, 0, 0, 0], [68, 1, 131, 3], [7, 255, 0, 0], [1, 1, 1, 68], [1, 7, 4, 0]] {
        assert_eq!(with(&options), Some(Malformed::IpHeader), "{options:?}");
    }
    for options in [[7, 4, 0, 0], [1, 7, 3, 0], [1, 1, 7, 2], [0, 131, 3, 4], [0, 7, 255, 0]] {
        assert_eq!(with(&options), None, "{options:?}: behind the end of the list there are no options");
    }
}

#[test]
fn each_kind_of_wrong_ipv6_has_its_name() {
    let start = || ipv6("fd00::4", "fd00::5");
    let udp = || start().udp(5000, 53).data(40);
    let chain = |length: usize| (0..length).fold(start(), |draft, _| draft.extension(60, &[])).udp(1, 2);
    for (name, frame, malformed) in [
        ("no header", ethernet(0x86dd, &[0x60; 39]), Malformed::IpHeader),
        ("version 4", udp().version(4).bytes(), Malformed::IpHeader),
        ("length beyond the frame", udp().total_length(49).bytes(), Malformed::Length),
        (
            "an IPv4 source in disguise",
            ipv6("::ffff:10.0.1.4", "fd00::5").udp(1, 2).bytes(),
            Malformed::IpHeader,
        ),
        (
            "an IPv4 receiver in disguise",
            ipv6("fd00::4", "::ffff:1.2.3.4").udp(1, 2).bytes(),
            Malformed::IpHeader,
        ),
        ("routing type 0", start().extension(43, &[0, 0]).udp(1, 2).bytes(), Malformed::SourceRoute),
        ("a route to go on", start().extension(43, &[4, 1]).udp(1, 2).bytes(), Malformed::SourceRoute),
        (
            "hop-by-hop behind others",
            start().extension(60, &[]).extension(0, &[]).udp(1, 2).bytes(),
            Malformed::ExtensionHeader,
        ),
        (
            "a jumbogram",
            start().extension(0, &[0xc2, 4, 0, 1, 0, 0]).udp(1, 2).bytes(),
            Malformed::ExtensionHeader,
        ),
        (
            "an option past its header",
            start().extension(60, &[1, 9]).udp(1, 2).bytes(),
            Malformed::ExtensionHeader,
        ),
        ("nine headers", chain(9).bytes(), Malformed::ExtensionHeader),
        (
            "too many bytes",
            start().extension(60, &[&[1, 253][..], &[0; 253]].concat()).udp(1, 2).bytes(),
            Malformed::ExtensionHeader,
        ),
        (
            "a chain cut short",
            start().extension(60, &[]).udp(1, 2).total_length(7).bytes(),
            Malformed::ExtensionHeader,
        ),
        (
            "two fragment headers",
            start().fragment(0, true).fragment(0, true).udp(1, 2).data(8).bytes(),
            Malformed::ExtensionHeader,
        ),
        (
            "a first fragment without its transport",
            start().fragment(0, true).protocol(6).data(16).bytes(),
            Malformed::Fragment,
        ),
        (
            "a first fragment that ends in its chain",
            start().fragment(0, true).extension(60, &[]).protocol(60).bytes(),
            Malformed::Fragment,
        ),
        (
            "a first fragment of odd length",
            start().fragment(0, true).udp(1, 2).data(3).bytes(),
            Malformed::Fragment,
        ),
        ("a fragment without bytes", start().fragment(8, false).protocol(17).bytes(), Malformed::Fragment),
        (
            "a middle fragment of odd length",
            start().fragment(8, true).protocol(17).data(9).bytes(),
            Malformed::Fragment,
        ),
        (
            "a fragment past the end",
            start().fragment(65_528, false).protocol(17).data(8).bytes(),
            Malformed::Fragment,
        ),
        ("UDP without a length", udp().length(0).bytes(), Malformed::TransportHeader),
        ("ICMP of 7 bytes", start().protocol(58).data(7).bytes(), Malformed::TransportHeader),
    ] {
        assert_eq!(parse(&frame).err(), Some(malformed), "{name}");
    }
    assert_eq!(packet_in(&chain(8).bytes()).ports(), (1, 2), "eight headers are walked");
}

#[test]
fn what_is_behind_an_unknown_header_is_not_guessed() {
    for (protocol, frame) in [
        (1, ipv6("fd00::4", "fd00::5").protocol(1).data(3).bytes()),
        (135, ipv6("fd00::4", "fd00::5").extension(135, &[]).udp(1, 2).bytes()),
        (59, ipv6("fd00::4", "fd00::5").protocol(59).bytes()),
        (51, ipv6("fd00::4", "fd00::5").extension(51, &[]).tcp(1, 2).bytes()),
        (58, ipv4("10.0.1.4", "10.0.1.5").protocol(58).data(3).bytes()),
    ] {
        let packet = packet_in(&frame);
        assert!(matches!(packet.transport, Transport::Bare), "{packet:?}");
        assert_eq!(packet.protocol.0, protocol);
    }
}

#[test]
fn an_atomic_fragment_is_a_whole_packet() {
    let packet = packet_in(&ipv6("fd00::4", "fd00::5").id(9).fragment(0, false).tcp(1, 2).syn().bytes());
    assert_eq!((packet.fragment, packet.identification), (Fragment::Whole, 9));
    assert!(matches!(packet.transport, Transport::Tcp(_)));
}

#[test]
fn the_part_that_offsets_count_begins_behind_the_fragment_header() {
    let first =
        ipv6("fd00::4", "fd00::5").extension(0, &[]).fragment(0, true).extension(60, &[]).udp(1, 2).data(8);
    let packet = packet_in(&first.bytes());
    assert_eq!((packet.payload_at, packet.transport_at), (14 + 40 + 16, 14 + 40 + 24));
    let later = packet_in(&ipv6("fd00::4", "fd00::5").fragment(24, false).protocol(60).data(5).bytes());
    assert_eq!(later.fragment, Fragment::Later { offset: 24, more: false });
}

#[test]
fn neighbours_are_read_in_one_shape() {
    let mac = [2, 0, 0, 0, 0, 9];
    let read = |frame: Vec<u8>| match parse(&frame) {
        Ok(Parsed::Neighbour(neighbour)) => neighbour,
        other => panic!("no neighbour: {other:?}"),
    };
    let arp = read(arp_request(mac, "10.0.1.4", "10.0.1.1"));
    let asked = read(neighbour_solicitation(mac, "fd00::4", "fd00::1").bytes());
    for (neighbour, sender, target) in [(arp, "10.0.1.4", "10.0.1.1"), (asked, "fd00::4", "fd00::1")] {
        assert!(neighbour.request && neighbour.wants_answer());
        assert_eq!(neighbour.sender_mac, mac);
        assert_eq!((neighbour.sender, neighbour.target), (address(sender), address(target)));
    }
    let told = read(neighbour_advertisement(mac, "fd00::4", [2; 6], "fd00::1").bytes());
    assert_eq!((told.request, told.sender_mac, told.sender), (false, mac, address("fd00::4")));
    let probes = [
        read(arp_request(mac, "0.0.0.0", "10.0.1.4")),
        read(arp_request(mac, "10.0.1.4", "10.0.1.4")),
        read(neighbour_solicitation(mac, "::", "fd00::4").bytes()),
    ];
    assert!(probes.iter().all(|probe| probe.request && !probe.wants_answer()));
    let bare = neighbour_solicitation(mac, "fd00::4", "fd00::1")
        .payload(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(read(bare.macs([2; 6], [4; 6]).bytes()).sender_mac, [2; 6], "the frame's own sender");
}

#[test]
fn neighbour_discovery_from_afar_or_broken_is_refused() {
    let mac = [2, 0, 0, 0, 0, 9];
    let target: [u8; 16] = "fd00::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
    let asked = || neighbour_solicitation(mac, "fd00::4", "fd00::1");
    let told = || neighbour_advertisement(mac, "fd00::4", [2; 6], "fd00::1");
    let with = |option: &[u8]| asked().payload(&[&target[..], option].concat()).bytes();
    let raw = |draft: build::Draft<build::Bare>, target: &str| {
        let target = target.parse::<std::net::Ipv6Addr>().unwrap().octets();
        draft.ttl(255).icmp(135, 0, 0).payload(&target).bytes()
    };
    for (name, frame) in [
        ("from afar", asked().ttl(254).bytes()),
        ("a wrong checksum", told().wrong_checksum().bytes()),
        ("cut short", asked().payload(&target[..15]).bytes()),
        ("an option of no length", with(&[1, 0, 2, 0, 0, 0, 0, 9])),
        ("an option past the end", with(&[1, 2, 2, 0, 0, 0, 0, 9])),
        ("half an option", with(&[1, 1, 2, 0])),
        ("a group's hardware address", with(&[1, 1, 1, 0, 0, 0, 0, 9])),
        ("a code", ipv6("fd00::4", "fd00::1").ttl(255).icmp(135, 1, 0).payload(&target).bytes()),
        ("about a group", raw(ipv6("fd00::4", "ff02::1:ff00:1"), "ff02::1")),
        ("about IPv4 in disguise", raw(ipv6("fd00::4", "fd00::1"), "::ffff:1.2.3.4")),
        ("to another group", raw(ipv6("fd00::4", "ff02::1"), "fd00::1")),
        ("a probe of one alone", raw(ipv6("::", "fd00::1"), "fd00::1")),
        (
            "a probe that says where",
            neighbour_solicitation(mac, "::", "fd00::1")
                .payload(&[&target[..], &[1, 1, 2, 0, 0, 0, 0, 9]].concat())
                .bytes(),
        ),
        ("behind an extension header", raw(ipv6("fd00::4", "fd00::1").extension(60, &[]), "fd00::1")),
        ("in an atomic fragment", raw(ipv6("fd00::4", "fd00::1").fragment(0, false), "fd00::1")),
        ("in a first fragment", raw(ipv6("fd00::4", "fd00::1").fragment(0, true), "fd00::1")),
        (
            "a solicited answer to all",
            ipv6("fd00::4", "ff02::1").ttl(255).icmp(136, 0, 0x6000_0000).payload(&target).bytes(),
        ),
    ] {
        assert_eq!(parse(&frame).err(), Some(Malformed::NeighbourDiscovery), "{name}");
    }
}
