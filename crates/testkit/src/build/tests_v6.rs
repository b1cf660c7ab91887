//! The IPv6 side of the builder and its readers.

use super::*;
use packet::SegmentKind;

fn line(frame: &[u8]) -> String {
    read(frame).map_or_else(|malformed| format!("{malformed:?}"), |seen| seen.to_string())
}

#[test]
fn frames_read_as_they_were_written() {
    let inner = ipv6("fd00::4", "2001:db8::8").udp(1025, 53).data(40).bytes();
    let mac = [2, 0, 0, 0, 0, 9];
    let start = || ipv6("fd00::4", "2001:db8::8");
    let back = || ipv6("2001:db8::8", "fd00::4");
    for (frame, text) in [
        (start().tcp(40000, 443).syn().bytes(), "tcp [fd00::4]:40000 > [2001:db8::8]:443 [S] ttl 64"),
        (start().ttl(3).udp(5, 53).data(3).bytes(), "udp [fd00::4]:5 > [2001:db8::8]:53 ttl 3 3 bytes"),
        (
            start().udp(5, 53).wrong_checksum().bytes(),
            "udp [fd00::4]:5 > [2001:db8::8]:53 ttl 64, wrong checksum",
        ),
        (
            start().tcp(5, 80).partial().bytes(),
            "tcp [fd00::4]:5 > [2001:db8::8]:80 [] ttl 64, partial checksum",
        ),
        (start().echo_request(7, 1).bytes(), "icmp6 fd00::4 > 2001:db8::8 echo request id 7 seq 1 ttl 64"),
        (
            back().unreachable(4).quoting(&inner, 8).bytes(),
            "icmp6 2001:db8::8 > fd00::4 port unreachable [udp [fd00::4]:1025 > [2001:db8::8]:53] ttl 64",
        ),
        (
            back().fragmentation_needed(1400).quoting(&inner, 999).bytes(),
            "icmp6 2001:db8::8 > fd00::4 too big 1400 [udp [fd00::4]:1025 > [2001:db8::8]:53] ttl 64",
        ),
        (
            start().fragment(1480, true).protocol(17).data(8).bytes(),
            "udp fd00::4 > 2001:db8::8 ttl 64 fragment 1480+ 8 bytes",
        ),
        (
            neighbour_solicitation(mac, "fd00::4", "fd00::1").bytes(),
            "icmp6 fd00::4 > ff02::1:ff00:1 who has fd00::1? ttl 255",
        ),
        (
            neighbour_advertisement(mac, "fd00::4", [2; 6], "fd00::1").bytes(),
            "icmp6 fd00::4 > fd00::1 fd00::4 is at 02:00:00:00:00:09 ttl 255",
        ),
    ] {
        assert_eq!(line(&frame), text);
    }
}

#[test]
fn another_reader_finds_the_chain_and_the_sums() {
    let draft =
        ipv6("fd00::4", "2001:db8::8").id(0xdead_beef).extension(0, &[5, 2, 0, 0, 1, 0]).fragment(0, false);
    let frame = draft.extension(60, &[]).tcp(40000, 443).seq(5).mss(1460).payload(b"hello").bytes();
    let headers = etherparse::PacketHeaders::from_ethernet_slice(&frame).unwrap();
    let Some(etherparse::NetHeaders::Ipv6(header, extensions)) = headers.net else {
        panic!("no IPv6 header")
    };
    assert_eq!(extensions.fragment.unwrap().identification, 0xdead_beef);
    assert!(extensions.hop_by_hop_options.is_some() && extensions.destination_options.is_some());
    let Some(etherparse::TransportHeader::Tcp(tcp)) = headers.transport else { panic!("no TCP header") };
    assert_eq!(tcp.checksum, tcp.calc_checksum_ipv6(&header, b"hello").unwrap());
    let seen = read(&frame).unwrap();
    assert_eq!((seen.ip().id, seen.ip().options.len(), seen.ip().checksums_hold()), (0xdead_beef, 24, true));
}

#[test]
fn every_way_of_cutting_joins_again() {
    let whole =
        ipv6("fd00::4", "2001:db8::8").extension(0, &[]).extension(60, &[]).udp(1, 2).data(3_000).bytes();
    for size in [8, 64, 1_480, 3_000] {
        let mut pieces = fragments(&whole, size);
        assert_eq!(pieces.len(), 3_016_usize.div_ceil(size), "the second header is cut with the datagram");
        pieces.reverse();
        assert_eq!(reassemble(&pieces), Ok(whole.clone()));
        let again: Vec<_> = pieces.iter().flat_map(|piece| fragments(piece, 8)).collect();
        assert_eq!(reassemble(&again), Ok(whole.clone()));
    }
    assert_eq!(fragments(&whole, 4_000), std::slice::from_ref(&whole), "what fits stays whole");
    let pieces = fragments(&whole, 1_000);
    assert_eq!(reassemble(&pieces[..2]), Err(Malformed("the last fragment is missing")));
    assert_eq!(reassemble(&pieces[1..]), Err(Malformed("a gap between fragments")));
}

#[test]
fn a_device_finishes_checksums_and_cuts_super_frames() {
    let tcp = |seq| ipv6("fd00::4", "2001:db8::8").tcp(1, 2).seq(seq).ack(1);
    let data: Vec<u8> = (0..2_500_u32).map(|at| (at % 247) as u8).collect();
    let whole = tcp(u32::MAX - 99).payload(&data).segments(1_000).frame();
    assert_eq!(whole.offload.segments.unwrap().kind, SegmentKind::Tcp6);
    assert_eq!(
        wire(&whole.bytes, whole.offload),
        [
            tcp(u32::MAX - 99).payload(&data[..1_000]).bytes(),
            tcp(900).payload(&data[1_000..2_000]).bytes(),
            tcp(1_900).payload(&data[2_000..]).bytes(),
        ]
    );
    let udp = || ipv6("fd00::4", "2001:db8::8").udp(1, 2);
    let whole = udp().payload(&data).segments(2_000).frame();
    assert_eq!(
        wire(&whole.bytes, whole.offload),
        [udp().payload(&data[..2_000]).bytes(), udp().payload(&data[2_000..]).bytes()]
    );
}
