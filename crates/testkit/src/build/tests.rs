//! The builder and its readers against each other, against etherparse, and against bytes from elsewhere.

use super::*;
use packet::{Offload, SegmentKind};

fn line(frame: &[u8]) -> String {
    read(frame).map_or_else(|malformed| format!("{malformed:?}"), |seen| seen.to_string())
}

#[test]
fn frames_read_as_they_were_written() {
    let inner = ipv4("203.0.113.10", "8.8.8.8").udp(1025, 53).data(40).bytes();
    let mac = [2, 0, 0, 0, 0, 9];
    for (frame, text) in [
        (
            ipv4("10.0.1.4", "8.8.8.8").tcp(40000, 443).syn().bytes(),
            "tcp 10.0.1.4:40000 > 8.8.8.8:443 [S] ttl 64",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").tcp(1, 2).flags(0xff).ttl(3).dont_fragment().data(9).bytes(),
            "tcp 10.0.1.4:1 > 8.8.8.8:2 [SFRP.UEW] ttl 3 df 9 bytes",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").udp(5, 53).data(3).bytes(),
            "udp 10.0.1.4:5 > 8.8.8.8:53 ttl 64 3 bytes",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").udp(5, 53).without_checksum().bytes(),
            "udp 10.0.1.4:5 > 8.8.8.8:53 ttl 64, no checksum",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").udp(5, 53).wrong_checksum().ip_checksum(7).bytes(),
            "udp 10.0.1.4:5 > 8.8.8.8:53 ttl 64, wrong IP checksum, wrong checksum",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").tcp(5, 80).partial().data(1).bytes(),
            "tcp 10.0.1.4:5 > 8.8.8.8:80 [] ttl 64 1 bytes, partial checksum",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").echo_request(7, 1).bytes(),
            "icmp 10.0.1.4 > 8.8.8.8 echo request id 7 seq 1 ttl 64",
        ),
        (
            ipv4("8.8.8.8", "203.0.113.10").unreachable(3).quoting(&inner, 8).bytes(),
            "icmp 8.8.8.8 > 203.0.113.10 port unreachable [udp 203.0.113.10:1025 > 8.8.8.8:53] ttl 64",
        ),
        (
            ipv4("9.9.9.9", "203.0.113.10").fragmentation_needed(1400).quoting(&inner, 999).bytes(),
            "icmp 9.9.9.9 > 203.0.113.10 fragmentation needed 1400 [udp 203.0.113.10:1025 > 8.8.8.8:53] ttl 64",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").esp(1, 2).data(16).bytes(),
            "protocol 50 10.0.1.4 > 8.8.8.8 ttl 64 24 bytes",
        ),
        (
            ipv4("10.0.1.4", "8.8.8.8").protocol(17).fragment(1480, true).data(8).bytes(),
            "udp 10.0.1.4 > 8.8.8.8 ttl 64 fragment 1480+ 8 bytes",
        ),
        (arp_request(mac, "10.0.1.4", "10.0.1.1"), "arp who has 10.0.1.1? tell 10.0.1.4"),
        (arp_reply(mac, "10.0.1.1", [3; 6], "10.0.1.4"), "arp 10.0.1.1 is at 02:00:00:00:00:09 for 10.0.1.4"),
        (ethernet(0x8100, &[0, 5, 8, 0]), "ethernet type 0x8100"),
    ] {
        assert_eq!(line(&frame), text);
    }
}

#[test]
fn every_field_has_its_place() {
    let frame = ipv4("10.0.1.4", "8.8.8.8")
        .macs([2; 6], [4; 6])
        .tos(0xb9)
        .id(77)
        .ip_options(&[1, 1, 1, 0])
        .tcp(40000, 443)
        .seq(5)
        .ack(6)
        .window(7)
        .mss(1460)
        .payload(b"hello")
        .padded()
        .bytes();
    let headers = etherparse::PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let seen = read(&frame).unwrap();
    assert_eq!((seen.source_mac, seen.destination_mac), ([2; 6], [4; 6]));
    let ip = seen.ipv4();
    assert_eq!((ip.tos, ip.id, ip.options.as_slice()), (0xb9, 77, [1, 1, 1, 0].as_slice()));
    assert_eq!((ip.payload.as_slice(), ip.ports()), (b"hello".as_slice(), Some((40000, 443))));
    assert!(ip.checksums_hold());
    let Some(etherparse::TransportHeader::Tcp(tcp)) = headers.transport else { panic!("no TCP header") };
    assert_eq!((tcp.sequence_number, tcp.acknowledgment_number, tcp.window_size), (5, 6, 7));
    assert_eq!((tcp.ack, tcp.syn, tcp.options.as_slice()), (true, false, [2, 4, 5, 180].as_slice()));
    let Some(etherparse::NetHeaders::Ipv4(header, _)) = headers.net else { panic!("no IPv4 header") };
    assert_eq!(header.header_checksum, header.calc_header_checksum());
    assert_eq!(tcp.checksum, tcp.calc_checksum_ipv4(&header, b"hello").unwrap());
}

/// A well-known header: checksum 0xb861 over a UDP datagram of 95 bytes without a checksum of its own.
#[test]
fn a_checksum_from_elsewhere_holds() {
    let mut frame = ethernet(0x0800, &[0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61]);
    frame.extend([192, 168, 0, 1, 192, 168, 0, 199]);
    frame.extend([0; 95]);
    assert_eq!(line(&frame), "udp 192.168.0.1:0 > 192.168.0.199:0 ttl 64 df 87 bytes, no checksum");
    frame[14 + 8] -= 1;
    assert_eq!(
        line(&frame),
        "udp 192.168.0.1:0 > 192.168.0.199:0 ttl 63 df 87 bytes, wrong IP checksum, no checksum"
    );
}

#[test]
fn lies_are_told_and_found() {
    let tcp = || ipv4("10.0.1.4", "8.8.8.8").tcp(1, 2);
    for (frame, why) in [
        (tcp().version(6).bytes(), "not IPv4 by its version"),
        (tcp().header_length(4).bytes(), "IP header length under 20"),
        (tcp().header_length(15).bytes(), "total length under the header's"),
        (tcp().total_length(41).bytes(), "total length beyond the frame"),
        (tcp().total_length(39).bytes(), "shorter than a TCP header"),
        (tcp().data_offset(4).bytes(), "data offset outside the segment"),
        (tcp().data_offset(6).bytes(), "data offset outside the segment"),
        (tcp().bytes()[..13].to_vec(), "shorter than an Ethernet header"),
        (tcp().bytes()[..30].to_vec(), "shorter than an IPv4 header"),
        (ipv4("1.1.1.1", "2.2.2.2").unreachable(1).bytes(), "the quoted header is cut off"),
    ] {
        assert_eq!(read(&frame), Err(Malformed(why)));
    }
    let long = ipv4("10.0.1.4", "8.8.8.8").udp(1, 2).length(9).bytes();
    assert_eq!(long[14 + 24..14 + 26], [0, 9]);
}

#[test]
fn every_way_of_cutting_joins_again() {
    let whole = ipv4("10.0.1.4", "8.8.8.8").udp(1, 2).id(9).data(3_000).bytes();
    for size in [8, 64, 1_480, 3_000, 4_000] {
        let mut pieces = fragments(&whole, size);
        assert_eq!(pieces.len(), 3_008_usize.div_ceil(size));
        assert!(pieces.iter().all(|piece| read(piece).unwrap().ipv4().ip_checksum));
        pieces.reverse();
        assert_eq!(reassemble(&pieces), Ok(whole.clone()));
        let again: Vec<_> = pieces.iter().flat_map(|piece| fragments(piece, 8)).collect();
        assert_eq!(reassemble(&again), Ok(whole.clone()));
    }
    let pieces = fragments(&whole, 1_000);
    assert_eq!(line(&pieces[1]), "udp 10.0.1.4 > 8.8.8.8 ttl 64 fragment 1000+ 1000 bytes");
    assert_eq!(reassemble(&pieces[..3]), Err(Malformed("the last fragment is missing")));
    assert_eq!(reassemble(&pieces[1..]), Err(Malformed("a gap between fragments")));
    assert_eq!(reassemble(&[&pieces[0], &pieces[0]]), Err(Malformed("overlapping fragments")));
}

#[test]
fn later_fragments_carry_only_the_copied_options() {
    // A security option (copied), a record route (not copied), and the end.
    let options = [0x82, 4, 1, 2, 0x07, 3, 4, 0];
    let pieces = fragments(&ipv4("1.1.1.1", "2.2.2.2").ip_options(&options).udp(1, 2).data(16).bytes(), 8);
    assert_eq!(read(&pieces[0]).unwrap().ipv4().options, options);
    assert_eq!(read(&pieces[1]).unwrap().ipv4().options, [0x82, 4, 1, 2, 1, 1, 1, 0]);
}

#[test]
fn a_device_finishes_partial_checksums() {
    for data in [0, 1, 2, 1_459] {
        let tcp = ipv4("10.0.1.4", "8.8.8.8").tcp(1, 2).ack(1).mss(9).data(data);
        let partial = tcp.clone().partial().frame();
        assert_ne!(partial.offload, Offload::default());
        assert_eq!(read(&partial.bytes).unwrap().ipv4().checksum, Sum::Pseudo);
        assert_eq!(wire(&partial.bytes, partial.offload), [tcp.bytes()]);
        let udp = ipv4("10.0.1.4", "8.8.8.8").udp(1, 2).data(data);
        let partial = udp.clone().partial().frame();
        assert_eq!(wire(&partial.bytes, partial.offload), [udp.bytes()]);
        assert_eq!(wire(&udp.bytes(), Offload::default()), [udp.bytes()]);
    }
}

#[test]
fn a_super_frame_becomes_the_segments_its_sender_meant() {
    let tcp = |seq, id| ipv4("10.0.1.4", "8.8.8.8").id(id).dont_fragment().tcp(1, 2).seq(seq).ack(1).mss(9);
    let data: Vec<u8> = (0..2_500_u32).map(|at| (at % 247) as u8).collect();
    // CWR on the first only, FIN and PSH on the last only; numbers wrap.
    let whole = tcp(u32::MAX - 99, u16::MAX.into()).flags(0x99).payload(&data).segments(1_000).frame();
    assert_eq!(
        wire(&whole.bytes, whole.offload),
        [
            tcp(u32::MAX - 99, u16::MAX.into()).flags(0x90).payload(&data[..1_000]).bytes(),
            tcp(900, 0).flags(0x10).payload(&data[1_000..2_000]).bytes(),
            tcp(1_900, 1).flags(0x19).payload(&data[2_000..]).bytes(),
        ]
    );
}

#[test]
fn udp_super_frames_become_datagrams_or_fragments() {
    let udp = |id| ipv4("10.0.1.4", "8.8.8.8").id(id).udp(1, 2);
    let whole = udp(1).data(2_000);
    let mut datagrams = whole.clone().segments(1_472).frame();
    let payload = read(&whole.bytes()).unwrap().ipv4().payload.clone();
    assert_eq!(
        wire(&datagrams.bytes, datagrams.offload),
        [udp(1).payload(&payload[..1_472]).bytes(), udp(2).payload(&payload[1_472..]).bytes(),]
    );
    datagrams.offload.segments.as_mut().unwrap().kind = SegmentKind::UdpFragments;
    let pieces = wire(&datagrams.bytes, datagrams.offload);
    assert_eq!((pieces.len(), reassemble(&pieces)), (2, Ok(whole.bytes())));
}

#[test]
fn the_largest_super_frame_can_be_written() {
    let mut whole = ipv4("10.0.1.4", "8.8.8.8").tcp(1, 2).data(65_495).segments(1_448).frame();
    assert_eq!(whole.frame().bytes.len(), packet::MAX_FRAME);
    let segments = wire(&whole.bytes, whole.offload);
    assert_eq!(segments.len(), 46);
    assert!(segments.iter().all(|segment| read(segment).unwrap().ipv4().checksums_hold()));
}

#[test]
fn no_frame_makes_the_reader_panic() {
    let quoted = ipv4("10.0.1.4", "8.8.8.8").ip_options(&[1; 8]).tcp(1, 2).mss(9).data(9).bytes();
    let frames = [
        quoted.clone(),
        ipv4("8.8.8.8", "10.0.1.4").unreachable(3).quoting(&quoted, 99).bytes(),
        ipv4("8.8.8.8", "10.0.1.4").udp(1, 2).data(9).bytes(),
        arp_request([2; 6], "10.0.1.4", "10.0.1.1"),
    ];
    let mut seed = 1_u64;
    let mut draw = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize % below
    };
    let (mut readable, mut malformed) = (0, 0);
    for _ in 0..20_000 {
        let mut frame = frames[draw(frames.len())].clone();
        frame.truncate(draw(frame.len() * 2));
        for _ in 0..draw(4).min(frame.len()) {
            let at = draw(frame.len());
            frame[at] = draw(256) as u8;
        }
        match read(&frame) {
            Ok(seen) => readable += seen.to_string().len().min(1),
            Err(_) => malformed += 1,
        }
    }
    assert!(readable > 1_000 && malformed > 1_000, "{readable} readable, {malformed} malformed");
}
