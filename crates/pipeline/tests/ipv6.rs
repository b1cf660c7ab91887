//! IPv6 on the path: neighbours, the virtual network, public addresses, errors, fragments, and what is left alone.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use packet::Checksum;
use std::time::Duration;
use testkit::build::{
    Draft, OwnedFrame, Udp, fragments, ipv4, ipv6, neighbour_advertisement, neighbour_solicitation, read,
    reassemble,
};
use testkit::lab::{Blueprint, Outcome};

const VM1: &str = "fd00:a:0:1::4";
const VM2: &str = "fd00:a:0:1::5";
const VM3: &str = "fd00:a:0:2::4";
const ROUTER: &str = "fd00:a:0:1::1";
const PUBLIC1: &str = "2001:db8:f::21";
const PUBLIC3: &str = "2001:db8:f::23";
const FAR: &str = "2001:db8:1::7";
const OWN: &str = "2001:db8:ffff::2";

fn blueprint() -> Blueprint {
    Blueprint::default().dual_stack().public_v6("vm1", PUBLIC1)
}

fn udp(from: &str, to: &str) -> Draft<Udp> {
    ipv6(from, to).udp(5000, 53)
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn inside_a_subnet_nothing_changes_and_between_subnets_the_hop_limit_does() {
    let mut lab = blueprint().build();
    let sent = lab.send("vm1", udp(VM1, VM2).data(9));
    assert_eq!(sent.lines(), ["vm2: udp [fd00:a:0:1::4]:5000 > [fd00:a:0:1::5]:53 ttl 64 9 bytes"]);
    let sent = lab.send("vm1", ipv6(VM1, VM3).tcp(5000, 80).syn());
    assert_eq!(sent.lines(), ["vm3: tcp [fd00:a:0:1::4]:5000 > [fd00:a:0:2::4]:80 [S] ttl 63"]);
    let sent = lab.send("vm3", ipv6(VM3, VM1).tcp(80, 5000).syn().ack(1001));
    assert_eq!(sent.lines(), ["vm1: tcp [fd00:a:0:2::4]:80 > [fd00:a:0:1::4]:5000 [S.] ttl 63"]);
    let sent = lab.send("vm1", ipv6(VM1, VM3).echo_request(7, 1));
    assert_eq!(sent.lines(), ["vm3: icmp6 fd00:a:0:1::4 > fd00:a:0:2::4 echo request id 7 seq 1 ttl 63"]);
    let sent = lab.send("vm3", ipv6(VM3, VM1).echo_reply(7, 1));
    assert_eq!(sent.lines(), ["vm1: icmp6 fd00:a:0:2::4 > fd00:a:0:1::4 echo reply id 7 seq 1 ttl 63"]);
    lab.expect([("forwarded", 5), ("originated", 0)]);
}

#[test]
fn rules_judge_both_families() {
    let mut lab = blueprint().guard("db", &["100 in deny tcp [fd00:a:0:1::/64] > *:22"]).build();
    assert!(lab.send("vm1", ipv6(VM1, VM3).tcp(1, 22).syn()).frames.is_empty());
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
    assert_eq!(lab.send("vm1", ipv6(VM1, VM3).tcp(1, 23).syn()).frames.len(), 1);
    assert_eq!(lab.send("vm1", ipv4("10.0.1.4", "10.0.2.4").tcp(1, 22).syn()).frames.len(), 1);
}

#[test]
fn every_address_is_answered_but_the_askers_own() {
    let mut lab = blueprint().build();
    let (mac, own) = (lab.host_mac("vm1"), lab.gateway_mac("vm1"));
    for asked in [ROUTER, VM2, VM3, FAR, "fe80::1234:5678:9abc"] {
        for asker in [VM1, "fe80::4"] {
            let answer = lab.send("vm1", neighbour_solicitation(mac, asker, asked));
            let seen = answer.only().seen();
            let said = neighbour_advertisement(own, asked, mac, asker).bytes();
            assert_eq!(seen.destination_mac, mac);
            assert_eq!(seen.to_string(), read(&said).unwrap().to_string(), "{asker} asks for {asked}");
            assert!(seen.ip().checksums_hold());
        }
    }
    lab.expect([("answered", 10), ("originated", 10)]);
    for (asker, asked) in [(VM1, VM1), ("::", VM1), ("::", VM2), ("fe80::4", VM1)] {
        assert!(
            lab.send("vm1", neighbour_solicitation(mac, asker, asked)).frames.is_empty(),
            "{asker}, {asked}"
        );
    }
    lab.expect([("consumed", 4)]);
    let asked =
        lab.send("internet", neighbour_solicitation(lab.host_mac("internet"), "2001:db8:ffff::1", PUBLIC1));
    assert_eq!(asked.frames.len(), 1, "a public address of ours is answered for");
    let other = neighbour_solicitation(lab.host_mac("internet"), "2001:db8:ffff::1", "2001:db8:f::99");
    assert!(lab.send("internet", other).frames.is_empty(), "and nobody else's");
    lab.expect([("answered", 1), ("consumed", 1), ("originated", 1)]);
}

#[test]
fn who_claims_an_address_of_others_is_named() {
    let mut lab = blueprint().build();
    let (mac, own) = (lab.host_mac("vm1"), lab.gateway_mac("vm1"));
    for claimed in [VM2, VM3, ROUTER, FAR] {
        for frame in [
            neighbour_solicitation(mac, claimed, ROUTER),
            neighbour_solicitation(mac, claimed, VM2),
            neighbour_advertisement(mac, claimed, own, ROUTER),
        ] {
            assert!(lab.send("vm1", frame).frames.is_empty(), "{claimed}");
            lab.expect([("spoofed-neighbour", 1)]);
        }
    }
    lab.send("vm1", neighbour_advertisement(mac, "fe80::4", own, ROUTER));
    lab.expect([("consumed", 1)]);
    for said in [
        neighbour_solicitation(lab.host_mac("internet"), PUBLIC1, "2001:db8:ffff::1"),
        neighbour_advertisement(
            lab.host_mac("internet"),
            PUBLIC1,
            lab.gateway_mac("internet"),
            "2001:db8:ffff::2",
        ),
    ] {
        lab.send("internet", said);
        lab.expect([("spoofed-neighbour", 1)]);
    }
}

#[test]
fn on_a_segment_neighbours_answer_for_their_own_link_local_addresses() {
    let mut lab = Blueprint::default().dual_stack().segment("web").build();
    let mac = lab.host_mac("vm1");
    for asked in ["fe80::5", VM2] {
        assert!(lab.send("vm1", neighbour_solicitation(mac, "fe80::4", asked)).frames.is_empty(), "{asked}");
    }
    assert_eq!(lab.send("vm1", neighbour_solicitation(mac, "fe80::4", ROUTER)).frames.len(), 1);
    lab.expect([("consumed", 2), ("answered", 1), ("originated", 1)]);
    assert_eq!(lab.send("vm1", udp(VM1, VM3)).frames.len(), 1);
}

#[test]
fn nobody_is_learnt_unasked_and_the_enforced_hardware_address_holds() {
    let mut lab = blueprint().enforce_mac("vm1").build();
    lab.silence("vm2");
    let thief = [2, 9, 9, 9, 9, 9];
    lab.send("vm2", neighbour_advertisement(thief, VM2, lab.gateway_mac("vm2"), ROUTER));
    let sent = lab.send("vm1", udp(VM1, VM2));
    assert_eq!(sent.lines(), ["vm2: icmp6 fd00:a:0:1::1 > ff02::1:ff00:5 who has fd00:a:0:1::5? ttl 255"]);
    let told = neighbour_advertisement(lab.host_mac("vm2"), VM2, lab.gateway_mac("vm2"), ROUTER);
    let freed = lab.send("vm2", told);
    assert_eq!(freed.lines(), ["vm2: udp [fd00:a:0:1::4]:5000 > [fd00:a:0:1::5]:53 ttl 64"]);
    lab.expect([("consumed", 2), ("forwarded", 1), ("originated", 1)]);
    lab.send("vm1", neighbour_solicitation(thief, VM1, ROUTER));
    let own = lab.host_mac("vm1");
    for (frame_sender, told) in [(thief, own), (own, thief)] {
        let mut half: OwnedFrame = neighbour_solicitation(told, VM1, ROUTER).into();
        half.bytes[6..12].copy_from_slice(&frame_sender);
        lab.send("vm1", half);
    }
    lab.expect([("spoofed-mac", 3)]);
}

#[test]
fn a_silent_neighbour_is_given_up() {
    let mut lab = blueprint().build();
    lab.silence("vm3");
    lab.send("vm1", udp(VM1, VM3));
    lab.advance(Duration::from_secs(5));
    lab.expect([("no-neighbour", 1), ("originated", 3)]);
}

#[test]
fn a_public_address_stands_for_a_private_one_both_ways() {
    let mut lab = blueprint().build();
    let out = lab.send("vm1", ipv6(VM1, FAR).tcp(5000, 443).syn());
    assert_eq!(out.lines(), ["internet: tcp [2001:db8:f::21]:5000 > [2001:db8:1::7]:443 [S] ttl 63"]);
    let back = lab.send("internet", ipv6(FAR, PUBLIC1).tcp(443, 5000).syn().ack(1001));
    assert_eq!(back.lines(), ["vm1: tcp [2001:db8:1::7]:443 > [fd00:a:0:1::4]:5000 [S.] ttl 63"]);
    let ping = lab.send("internet", ipv6(FAR, PUBLIC1).echo_request(9, 1).data(40));
    assert_eq!(
        ping.lines(),
        ["vm1: icmp6 2001:db8:1::7 > fd00:a:0:1::4 echo request id 9 seq 1 ttl 63 40 bytes"]
    );
    let pong = lab.send("vm1", ipv6(VM1, FAR).echo_reply(9, 1).data(40));
    assert_eq!(
        pong.lines(),
        ["internet: icmp6 2001:db8:f::21 > 2001:db8:1::7 echo reply id 9 seq 1 ttl 63 40 bytes"]
    );
    for outcome in [out, back, ping, pong] {
        assert!(outcome.only().seen().ip().checksums_hold());
    }
    lab.expect([("forwarded", 4)]);
}

#[test]
fn super_frames_and_partial_checksums_survive_translation() {
    let mut lab = blueprint().build();
    let whole = ipv6(VM1, FAR).tcp(5000, 443).ack(1).data(9000).segments(1400);
    let out = lab.send("vm1", whole);
    assert!(matches!(out.only().offload.checksum, Checksum::Partial { .. }));
    let wire = out.only().on_the_wire();
    assert_eq!(wire.len(), 7);
    assert!(wire.iter().all(|frame| read(frame).unwrap().ip().checksums_hold()));
    let mut lying = ipv6(VM1, FAR).tcp(5000, 443).ack(1).data(9000).segments(1400).frame();
    lying.offload.segments.as_mut().unwrap().kind = packet::SegmentKind::Tcp4;
    lab.send("vm1", lying);
    lab.expect([("forwarded", 1), ("bad-offload", 1)]);
}

#[test]
fn a_hairpin_is_translated_both_ways() {
    let mut lab = blueprint().public_v6("vm3", PUBLIC3).build();
    let sent = lab.send("vm1", udp(VM1, PUBLIC3));
    assert_eq!(sent.lines(), ["vm3: udp [2001:db8:f::21]:5000 > [fd00:a:0:2::4]:53 ttl 63"]);
    let back = lab.send("vm3", ipv6(VM3, PUBLIC1).udp(53, 5000));
    assert_eq!(back.lines(), ["vm1: udp [2001:db8:f::23]:53 > [fd00:a:0:1::4]:5000 ttl 63"]);
}

#[test]
fn without_a_public_address_nothing_leaves() {
    let mut lab = blueprint().build();
    for (destination, reason) in [
        (FAR, "no-ipv6-snat"),
        ("fc00::9", "route-none"),
        ("64:ff9b::808:808", "route-none"),
        ("4000::1", "route-none"),
        ("fe80::1", "link-local"),
        ("fd00:a:0:2::99", "unknown-destination"),
        (OWN, "gateway-address"),
    ] {
        assert!(lab.send("vm2", udp(VM2, destination)).frames.is_empty(), "{destination}");
        lab.expect([(reason, 1)]);
    }
    let mut lab = blueprint().without_next_hop_v6().build();
    lab.send("vm1", udp(VM1, FAR));
    lab.expect([("no-internet", 1)]);
    assert_eq!(
        lab.send("vm1", ipv4("10.0.1.4", "198.51.100.7").udp(1, 2)).frames.len(),
        1,
        "IPv4 still goes"
    );
}

#[test]
fn who_may_not_use_an_address_does_not() {
    let mut lab = blueprint().build();
    for (from, source, destination, reason) in [
        ("vm1", VM2, VM3, "spoofed-source"),
        ("vm1", "fe80::4", VM3, "link-local"),
        ("vm1", "fe80::4", "fe80::1", "link-local"),
        ("vm1", VM1, VM1, "land"),
        ("vm1", "::", VM3, "spoofed-source"),
        ("internet", "fd00::9", PUBLIC1, "martian"),
        ("internet", "::1", PUBLIC1, "martian"),
        ("internet", "ff02::1", PUBLIC1, "martian"),
        ("internet", "fe80::9", PUBLIC1, "link-local"),
        ("internet", FAR, OWN, "gateway-address"),
        ("internet", OWN, PUBLIC1, "spoofed-source"),
        ("internet", PUBLIC1, "2001:db8:f::99", "spoofed-source"),
        ("internet", FAR, "2001:db8:f::99", "not-ours"),
    ] {
        assert!(lab.send(from, udp(source, destination)).frames.is_empty(), "{source} > {destination}");
        lab.expect([(reason, 1)]);
    }
}

#[test]
fn the_gateway_answers_a_ping_to_its_own_address() {
    let mut lab = blueprint().build();
    let pong = lab.send("internet", ipv6(FAR, OWN).echo_request(5, 1).data(20));
    assert_eq!(
        pong.lines(),
        ["internet: icmp6 2001:db8:ffff::2 > 2001:db8:1::7 echo reply id 5 seq 1 ttl 64 20 bytes"]
    );
    assert!(pong.only().seen().ip().checksums_hold());
    lab.expect([("answered", 1), ("originated", 1)]);
}

#[test]
fn too_big_and_out_of_hops_are_told() {
    let mut lab = blueprint().mtu("vm3", 1400).build();
    let told = lab.send("vm1", udp(VM1, VM3).data(1400));
    assert_eq!(
        told.lines(),
        [
            "vm1: icmp6 fd00:a:0:1::1 > fd00:a:0:1::4 too big 1400 [udp [fd00:a:0:1::4]:5000 > [fd00:a:0:2::4]:53] ttl 64"
        ]
    );
    assert!(told.only().seen().ip().checksums_hold());
    lab.expect([("too-big", 1), ("originated", 1)]);
    let told = lab.send("vm1", udp(VM1, VM3).ttl(1));
    assert_eq!(
        told.lines(),
        [
            "vm1: icmp6 fd00:a:0:1::1 > fd00:a:0:1::4 hop limit exceeded [udp [fd00:a:0:1::4]:5000 > [fd00:a:0:2::4]:53] ttl 64"
        ]
    );
    lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
    let told = lab.send("vm1", ipv6(VM1, VM3).tcp(5000, 80).ack(1).data(9000).segments(1440));
    assert_eq!(told.frames.len(), 1, "segments are not made smaller for anybody");
    assert_eq!(
        lab.send("vm1", ipv6(VM1, VM3).tcp(5000, 80).ack(1).data(9000).segments(1340)).frames.len(),
        1
    );
    lab.expect([("too-big", 1), ("forwarded", 1), ("originated", 1)]);
}

#[test]
fn errors_are_translated_and_follow_their_flow() {
    let mut lab = blueprint().build();
    let out = lab.send("vm1", ipv6(VM1, FAR).tcp(5000, 443).syn().seq(100));
    let sent = out.only().bytes.clone();
    let told =
        lab.send("internet", ipv6("2001:db8:2::1", PUBLIC1).fragmentation_needed(1300).quoting(&sent, 100));
    assert_eq!(
        told.lines(),
        [
            "vm1: icmp6 2001:db8:2::1 > fd00:a:0:1::4 too big 1300 [tcp [fd00:a:0:1::4]:5000 > [2001:db8:1::7]:443] ttl 63"
        ]
    );
    assert!(told.only().seen().ip().checksums_hold());
    lab.send("internet", ipv6("2001:db8:2::1", PUBLIC1).fragmentation_needed(1200).quoting(&sent, 100));
    lab.expect([("forwarded", 2), ("error-absurd-mtu", 1)]);
    lab.send("internet", udp(FAR, PUBLIC1));
    let answered = lab.send("vm1", ipv6(VM1, FAR).unreachable(4).quoting(&udp(FAR, VM1).bytes(), 99));
    assert_eq!(
        answered.lines(),
        [
            "internet: icmp6 2001:db8:f::21 > 2001:db8:1::7 port unreachable [udp [2001:db8:1::7]:5000 > [2001:db8:f::21]:53] ttl 63"
        ]
    );
    lab.expect([("forwarded", 2)]);
    lab.send(
        "internet",
        ipv6(FAR, PUBLIC1).unreachable(0).quoting(&udp(PUBLIC1, "2001:db8:1::8").bytes(), 99),
    );
    lab.expect([("error-without-flow", 1)]);
}

#[test]
fn groups_and_routers_are_let_talk() {
    let mut lab = blueprint().build();
    let alert = &[5, 2, 0, 0, 1, 0];
    for (by, from, to, kind) in [
        ("vm1", "fe80::4", "ff02::16", 143),
        ("vm1", "fe80::4", "ff02::2", 133),
        ("internet", "fe80::9", "ff02::1", 134),
    ] {
        let said = ipv6(from, to).macs([2; 6], [0x33, 0x33, 0, 0, 0, 1]);
        lab.send(by, said.extension(0, alert).icmp(kind, 0, 0).data(16));
    }
    lab.expect([("consumed", 3)]);
    lab.send("vm1", udp("fe80::4", "ff02::fb").macs([2; 6], [0x33, 0x33, 0, 0, 0, 0xfb]));
    lab.expect([("multicast", 1)]);
    lab.send("vm1", ipv6(VM1, VM2).icmp(137, 0, 0).data(32));
    lab.expect([("unsupported-icmp", 1)]);
    lab.send("vm1", ipv6(VM1, VM2).protocol(1).data(32));
    lab.expect([("unsupported-protocol", 1)]);
}

/// RFC 6105: to whomever it is said, and whatever stands before it (RFC 7113).
#[test]
fn a_machine_passes_for_no_router() {
    let mut lab = blueprint().build();
    let advertisement = |to: &str| ipv6("fe80::4", to).ttl(255);
    let group = [0x33, 0x33, 0, 0, 0, 1];
    for said in [
        advertisement("ff02::1").macs([2; 6], group).icmp(134, 0, 0).data(8),
        advertisement("ff02::1")
            .macs([2; 6], group)
            .extension(60, &[1, 4, 0, 0, 0, 0])
            .icmp(134, 0, 0)
            .data(8),
        advertisement("fe80::5").icmp(134, 0, 0).data(8),
        advertisement(VM2).icmp(134, 0, 0).data(8),
        ipv6(VM1, VM2).icmp(134, 0, 0).data(8),
    ] {
        assert!(lab.send("vm1", said).frames.is_empty());
        lab.expect([("router-advertisement", 1)]);
    }
    let whole = advertisement("ff02::1").macs([2; 6], group).icmp(134, 0, 0).data(200).bytes();
    for piece in fragments(&whole, 80) {
        assert!(lab.send("vm1", piece).frames.is_empty());
    }
    lab.expect([("router-advertisement", 1), ("multicast", 2)]);
}

fn pieces(draft: Draft<Udp>) -> Vec<Vec<u8>> {
    fragments(&draft.data(3000).bytes(), 1232)
}

#[test]
fn fragments_follow_their_first_one_in_any_order() {
    for order in [[0, 1, 2], [2, 0, 1], [1, 2, 0]] {
        let mut lab = blueprint().build();
        let pieces = pieces(udp(VM1, FAR));
        let sent: Vec<Outcome> = order.iter().map(|&nth| lab.send("vm1", pieces[nth].clone())).collect();
        let out: Vec<Vec<u8>> =
            sent.iter().flat_map(|out| &out.frames).map(|out| out.bytes.clone()).collect();
        let whole = reassemble(&out).unwrap();
        let seen = read(&whole).unwrap();
        assert_eq!(seen.ip().source.to_string(), PUBLIC1);
        assert!(seen.ip().checksums_hold(), "{seen}");
        lab.expect([("forwarded", 3)]);
        assert_eq!(lab.held()[1], 0, "nothing is left of it");
    }
}

#[test]
fn an_overlap_takes_all_that_is_still_to_come() {
    let mut lab = blueprint().build();
    let pieces = pieces(udp(VM1, VM3));
    lab.send("vm1", pieces[0].clone());
    lab.expect([("forwarded", 1)]);
    let id = read(&pieces[0]).unwrap().ip().id;
    lab.send("vm1", ipv6(VM1, VM3).id(id).fragment(8, true).protocol(6).data(16));
    lab.expect([("fragment-overlap", 1)]);
    assert!(lab.send("vm1", pieces[1].clone()).frames.is_empty());
    assert!(lab.send("vm1", pieces[2].clone()).frames.is_empty());
    lab.expect([("fragment-of-dropped", 2)]);
}

#[test]
fn an_atomic_fragment_is_nobodys_business_but_its_own() {
    let mut lab = blueprint().build();
    let pieces = pieces(udp(VM1, VM3));
    let id = read(&pieces[0]).unwrap().ip().id;
    lab.send("vm1", pieces[0].clone());
    let atomic = ipv6(VM1, VM3).id(id).fragment(0, false).udp(5000, 53).data(8);
    assert_eq!(lab.send("vm1", atomic).frames.len(), 1);
    assert_eq!(lab.send("vm1", pieces[1].clone()).frames.len(), 1);
    lab.expect([("forwarded", 3)]);
}
