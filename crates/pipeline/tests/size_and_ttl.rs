//! The way out: hops and sizes.

use packet::{Offload, SegmentKind, Segments};
use std::collections::BTreeSet;
use testkit::build::{Sum, ip, ipv4, read, reassemble};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.20";

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn the_last_hop_names_itself() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let told = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).ttl(1).data(20));
    assert_eq!(
        told.lines(),
        ["vm1: icmp 10.0.1.1 > 10.0.1.4 time exceeded [udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 64"]
    );
    assert!(told.only().seen().ipv4().checksums_hold());
    lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
    let told = lab.send("internet", ipv4(FAR, PUBLIC).udp(5000, 53).ttl(1).data(20));
    assert_eq!(
        told.lines(),
        [
            "internet: icmp 203.0.113.2 > 198.51.100.7 time exceeded [udp 198.51.100.7:5000 > 203.0.113.20:53] ttl 64"
        ]
    );
    lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
    assert_eq!(lab.held(), [0, 0, 0], "no record for a packet that goes nowhere");
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).ttl(0));
    lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
}

#[test]
fn a_live_flow_counts_hops_too() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    let told = lab.send("vm3", ipv4("10.0.2.4", VM1).udp(53, 5000).ttl(1));
    assert_eq!(
        told.lines(),
        ["vm3: icmp 10.0.2.1 > 10.0.2.4 time exceeded [udp 10.0.2.4:53 > 10.0.1.4:5000] ttl 64"]
    );
    lab.expect([("forwarded", 1), ("ttl-exceeded", 1), ("originated", 1)]);
}

#[test]
fn an_error_that_dies_on_the_way_tells_nobody() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    let error = ipv4(FAR, PUBLIC).unreachable(3).quoting(&sent.only().bytes, 8).ttl(1);
    assert_eq!(lab.send("internet", error).lines(), [""; 0]);
    lab.expect([("forwarded", 1), ("ttl-exceeded", 1)]);
}

/// RFC 1812, section 4.3.2.7: only about a packet's first fragment.
#[test]
fn a_later_fragment_that_goes_nowhere_tells_nobody() {
    let mut lab = Blueprint::default().dual_stack().mtu("vm3", 1300).build();
    for (id, (from, to)) in (1..).zip([(VM1, "10.0.2.4"), ("fd00:a:0:1::4", "fd00:a:0:2::4")]) {
        let first = |id| ip(from, to).id(id).fragment(0, true).udp(5000, 53).length(2_000).data(792);
        let later = |id| ip(from, to).id(id).fragment(800, false).protocol(17).dont_fragment();
        for (id, later, reason) in [
            (id, later(id).data(1_192).ttl(1), "ttl-exceeded"),
            (id + 10, later(id + 10).data(1_300), "too-big"),
        ] {
            assert_eq!(lab.send("vm1", first(id)).only().to, "vm3");
            assert_eq!(lab.send("vm1", later).lines(), [""; 0], "{reason} from {from}");
            lab.expect([("forwarded", 1), (reason, 1)]);
        }
    }
}

#[test]
fn the_gateway_sends_only_so_many_errors_a_second() {
    let mut lab = Blueprint::default().build();
    let told = (0..1500).filter(|_| !lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).ttl(1)).frames.is_empty());
    assert_eq!(told.count(), 1000);
    lab.advance(std::time::Duration::from_secs(1));
    assert_eq!(lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).ttl(1)).frames.len(), 1);
}

#[test]
fn who_causes_many_errors_does_not_silence_those_of_others() {
    let mut lab = Blueprint::default().build();
    for _ in 0..1500 {
        lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).ttl(1));
    }
    assert_eq!(lab.send("vm2", ipv4("10.0.1.5", FAR).udp(5000, 53).ttl(1)).frames.len(), 1);
}

#[test]
fn too_big_and_not_to_be_cut_is_answered_as_its_sender_knew_it() {
    let mut lab = Blueprint::default().mtu("internet", 1400).mtu("vm3", 1300).build();
    let told = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).dont_fragment().data(1373));
    assert_eq!(
        told.lines(),
        [
            "vm1: icmp 10.0.1.1 > 10.0.1.4 fragmentation needed 1400 [udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 64"
        ]
    );
    assert!(told.only().bytes.len() <= 14 + 576);
    lab.expect([("too-big", 1), ("originated", 1)]);
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).dont_fragment().data(1372));
    lab.expect([("forwarded", 1)]);
    let told = lab.send("vm1", ipv4(VM1, "10.0.2.4").echo_request(3, 1).dont_fragment().data(1400));
    assert_eq!(
        told.lines(),
        ["vm1: icmp 10.0.1.1 > 10.0.1.4 fragmentation needed 1300 [icmp 10.0.1.4 > 10.0.2.4 id 3] ttl 64"]
    );
    lab.expect([("too-big", 1), ("originated", 1)]);
}

#[test]
fn what_waits_is_not_cut_when_a_reload_narrows_its_link() {
    let mut lab = Blueprint::default().build();
    lab.silence("vm3");
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53).dont_fragment().data(1200));
    lab.reload(|blueprint| blueprint.mtu("vm3", 1000));
    lab.wake("vm3");
    assert_eq!(lab.advance(std::time::Duration::from_secs(2)).lines(), [""; 0]);
    lab.expect([("originated", 1), ("too-big", 1)]);
}

#[test]
fn what_may_be_cut_is_cut_and_joins_again() {
    let mut lab = Blueprint::default().mtu("internet", 1400).build();
    for (draft, pieces) in [
        (ipv4(VM1, FAR).udp(5000, 53).data(1373).frame(), 2),
        (ipv4(VM1, FAR).udp(5000, 53).data(20_001).frame(), 15),
        (ipv4(VM1, FAR).udp(5000, 53).data(20_001).partial().frame(), 15),
        (ipv4(VM1, FAR).udp(5000, 53).data(3000).ip_options(&[1, 1, 1, 0]).frame(), 3),
        (ipv4(VM1, FAR).echo_request(5, 1).data(3000).frame(), 3),
        (ipv4(VM1, FAR).tcp(5000, 80).syn().data(1461).partial().frame(), 2),
    ] {
        let sent = lab.send("vm1", draft);
        let frames: Vec<Vec<u8>> = sent.frames.iter().map(|out| out.bytes.clone()).collect();
        assert_eq!(frames.len(), pieces);
        assert!(sent.frames.iter().all(|out| out.offload == Offload::default() && out.bytes.len() <= 1414));
        let whole = read(&reassemble(&frames).unwrap()).unwrap();
        assert_eq!(whole.ipv4().checksum, Sum::Right);
        assert_eq!(whole.ipv4().source.to_string(), "203.0.113.10");
        lab.expect([("forwarded", 1)]);
    }
}

#[test]
fn super_frames_are_judged_by_their_segments() {
    let mut lab = Blueprint::default().mtu("vm3", 1400).build();
    let tcp =
        |size, length| ipv4(VM1, "10.0.2.4").tcp(5000, 80).ack(1).data(length).segments(size).dont_fragment();
    let sent = lab.send("vm1", tcp(1360, 50_000));
    assert!(sent.only().on_the_wire().iter().all(|frame| frame.len() <= 1414));
    lab.expect([("forwarded", 1)]);
    let told = lab.send("vm1", tcp(1361, 50_000));
    assert_eq!(
        told.lines(),
        ["vm1: icmp 10.0.1.1 > 10.0.1.4 fragmentation needed 1400 [tcp 10.0.1.4:5000 > 10.0.2.4:80] ttl 64"]
    );
    lab.expect([("too-big", 1), ("originated", 1)]);
    lab.send("vm1", tcp(1448, 1300));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn super_frames_that_may_be_cut_get_smaller_segments() {
    let mut lab = Blueprint::default().mtu("vm3", 1400).build();
    let sent = lab.send("vm1", ipv4(VM1, "10.0.2.4").tcp(5000, 80).ack(1).data(50_000).segments(1448));
    let out = sent.only();
    assert_eq!(out.offload.segments.map(|segments| segments.size), Some(1360));
    let wire = out.on_the_wire();
    assert!(wire.iter().all(|frame| frame.len() <= 1414 && read(frame).unwrap().ipv4().checksums_hold()));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn segments_made_smaller_have_identifications_of_their_own() {
    let mut lab = Blueprint::default().mtu("internet", 600).build();
    let syn = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).syn().seq(999));
    let (port, _) = syn.only().seen().ipv4().ports().unwrap();
    lab.send("internet", ipv4(FAR, "203.0.113.10").tcp(80, port).syn().seq(500).ack(1000));
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let stream = ipv4(VM1, FAR).tcp(5000, 80).seq(1000).ack(501).data(50_000).segments(1448);
        let sent = lab.send("vm1", stream);
        let wire = sent.only().on_the_wire();
        assert_eq!(wire.len(), 50_000_usize.div_ceil(560));
        assert!(wire.iter().all(|frame| seen.insert([frame[18], frame[19]])));
    }
    lab.expect([("forwarded", 5)]);
}

#[test]
fn datagrams_without_checksums_are_cut_without() {
    let mut lab = Blueprint::default().mtu("vm3", 700).build();
    let mut batch = ipv4(VM1, "10.0.2.4").udp(5000, 53).data(2000).without_checksum().frame();
    batch.offload.segments = Some(Segments { kind: SegmentKind::Udp, size: 1000, header: 0, ecn: false });
    let sent = lab.send("vm1", batch);
    let frames: Vec<Vec<u8>> = sent.frames.iter().map(|out| out.bytes.clone()).collect();
    for pair in frames.chunks(2) {
        let whole = reassemble(pair).unwrap();
        assert_eq!((whole.len(), &whole[40..42]), (1042, &[0, 0][..]));
    }
    lab.expect([("forwarded", 1)]);
}

#[test]
fn one_large_datagram_is_cut_by_the_device_or_by_us() {
    let mut lab = Blueprint::default().build();
    let mut frame = ipv4(VM1, "10.0.2.4").udp(5000, 53).data(9000).partial().frame();
    frame.offload.segments =
        Some(Segments { kind: SegmentKind::UdpFragments, size: 1480, header: 0, ecn: false });
    let sent = lab.send("vm1", frame);
    let wire: Vec<_> = sent.frames.iter().flat_map(|out| out.on_the_wire()).collect();
    assert!(wire.iter().all(|frame| frame.len() <= 1514));
    assert!(read(&reassemble(&wire).unwrap()).unwrap().ipv4().checksums_hold());
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_batch_of_datagrams_each_too_big_is_cut_one_by_one() {
    let mut lab = Blueprint::default().mtu("vm3", 1400).mtu("internet", 1400).build();
    for (to, expected) in [("10.0.2.4", VM1), (FAR, "203.0.113.10")] {
        let batch = || ipv4(VM1, to).udp(5000, 53).id(700).data(5000);
        let sent = lab.send("vm1", batch().segments(1373));
        lab.expect([("forwarded", 1)]);
        assert!(sent.frames.iter().all(|out| out.offload == Offload::default() && out.bytes.len() <= 1414));
        let frames: Vec<Vec<u8>> = sent.frames.iter().map(|out| out.bytes.clone()).collect();
        let (cut, last) = frames.split_at(6);
        let mut whole: Vec<Vec<u8>> = cut.chunks(2).map(|pair| reassemble(pair).unwrap()).collect();
        whole.extend_from_slice(last);
        let batch = batch().segments(1373).frame();
        let on_the_wire = testkit::build::wire(&batch.bytes, batch.offload);
        assert_eq!(whole.len(), on_the_wire.len());
        let mut identifications = Vec::new();
        for (ours, devices) in whole.iter().zip(&on_the_wire) {
            assert_eq!(ours[42..], devices[42..], "the payload, as a device would have cut it");
            let seen = read(ours).unwrap();
            let ip = seen.ipv4();
            assert!(ip.checksums_hold() && ip.source.to_string() == expected);
            identifications.push(u16::from_be_bytes([ours[18], ours[19]]));
        }
        let first = identifications[0];
        assert_eq!(identifications, [first, first + 1, first + 2, first + 3]);
    }
    // Another one under the shared address does not use the same identifications.
    let sent = lab.send("vm2", ipv4("10.0.1.5", FAR).udp(5000, 53).data(1373));
    let next = &sent.frames[0].bytes;
    let first = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(1373)).frames[0].bytes.clone();
    assert_eq!(next[18..20], (u16::from_be_bytes([first[18], first[19]]) - 1).to_be_bytes());
    lab.expect([("forwarded", 2)]);
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53).data(5000).segments(1373).dont_fragment());
    lab.expect([("too-big", 1), ("originated", 1)]);
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53).data(5000).segments(1372));
    lab.expect([("forwarded", 1)]);
}
