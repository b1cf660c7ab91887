//! ICMP errors about packets of live flows, both ways (RFC 5508).

use std::time::Duration;
use testkit::build::{ipv4, read};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const ROUTER: &str = "192.0.2.254";
const SHARED: &str = "203.0.113.10";

/// A lab with one frame of `vm1` that has gone out; the frame as the far side saw it.
fn with_one_out(frame: impl Into<testkit::build::OwnedFrame>) -> (Lab, Vec<u8>) {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", frame);
    let bytes = sent.only().on_the_wire().remove(0);
    lab.expect([("forwarded", 1)]);
    (lab, bytes)
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn the_far_sides_error_reaches_its_vm_translated() {
    for (frame, quoted) in [
        (ipv4(VM1, FAR).udp(5000, 53).data(30).frame(), "udp 10.0.1.4:5000 > 198.51.100.7:53"),
        (ipv4(VM1, FAR).tcp(5000, 443).syn().mss(1400).frame(), "tcp 10.0.1.4:5000 > 198.51.100.7:443"),
        (ipv4(VM1, FAR).echo_request(7, 1).data(30).frame(), "icmp 10.0.1.4 > 198.51.100.7 id 7"),
    ] {
        let (mut lab, out) = with_one_out(frame);
        for reach in [8, 20, 1000] {
            let told = lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&out, reach));
            assert_eq!(
                told.lines(),
                [format!("vm1: icmp 198.51.100.7 > 10.0.1.4 port unreachable [{quoted}] ttl 63")],
                "{reach} bytes of {quoted}"
            );
        }
        lab.expect([("forwarded", 3)]);
    }
}

#[test]
fn a_router_on_the_way_keeps_its_address() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53).data(30));
    for (router, error) in [
        (ROUTER, ipv4(ROUTER, SHARED).fragmentation_needed(1400).quoting(&out, 8)),
        (ROUTER, ipv4(ROUTER, SHARED).time_exceeded().quoting(&out, 8)),
        ("192.168.44.1", ipv4("192.168.44.1", SHARED).unreachable(13).quoting(&out, 8)),
        (ROUTER, ipv4(ROUTER, SHARED).icmp(12, 0, 0).quoting(&out, 8)),
        (ROUTER, ipv4(ROUTER, SHARED).icmp(4, 0, 0).quoting(&out, 8)),
    ] {
        let told = lab.send("internet", error);
        let line = &told.lines()[0];
        assert!(line.starts_with(&format!("vm1: icmp {router} > 10.0.1.4 ")), "{line}");
        assert!(line.ends_with("[udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 63"), "{line}");
    }
    lab.expect([("forwarded", 5)]);
}

#[test]
fn the_vms_error_reaches_the_far_side_translated() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53).data(30));
    let (port, _) = read(&out).unwrap().ipv4().ports().unwrap();
    let answer = lab.send("internet", ipv4(FAR, SHARED).udp(53, port).data(50));
    let told = lab.send("vm1", ipv4(VM1, FAR).unreachable(3).quoting(&answer.only().bytes, 58));
    assert_eq!(
        told.lines(),
        [format!(
            "internet: icmp 203.0.113.10 > 198.51.100.7 port unreachable [udp 198.51.100.7:53 > 203.0.113.10:{port}] ttl 63"
        )]
    );
    lab.expect([("forwarded", 2)]);
}

#[test]
fn a_public_addresses_error_leaves_under_it() {
    let mut lab = Blueprint::default().public("vm1", "203.0.113.20").build();
    let called = lab.send("internet", ipv4(FAR, "203.0.113.20").udp(4000, 9).data(12));
    let told = lab.send("vm1", ipv4(VM1, FAR).unreachable(3).quoting(&called.only().bytes, 20));
    assert_eq!(
        told.lines(),
        [
            "internet: icmp 203.0.113.20 > 198.51.100.7 port unreachable [udp 198.51.100.7:4000 > 203.0.113.20:9] ttl 63"
        ]
    );
}

#[test]
fn between_vms_the_error_passes_untranslated() {
    let mut lab = Blueprint::default().guard("vm3", &["100 out deny any * > *"]).build();
    let sent = lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53).data(10));
    let told = lab.send("vm3", ipv4("10.0.2.4", VM1).unreachable(3).quoting(&sent.only().bytes, 18));
    assert_eq!(
        told.lines(),
        ["vm1: icmp 10.0.2.4 > 10.0.1.4 port unreachable [udp 10.0.1.4:5000 > 10.0.2.4:53] ttl 63"]
    );
    lab.expect([("forwarded", 2)]);
}

#[test]
fn an_error_without_a_flow_goes_nowhere() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53));
    let other = ipv4(SHARED, FAR).udp(2000, 53).bytes();
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&other, 8));
    let not_from_us = ipv4("203.0.113.11", FAR).udp(2000, 53).bytes();
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&not_from_us, 8));
    lab.expect([("error-without-flow", 2)]);
    // The quote names vm1's flow, and the sender is not who got the packet.
    lab.send("vm2", ipv4("10.0.1.5", FAR).unreachable(3).quoting(&out, 8));
    lab.expect([("error-without-flow", 1)]);
}

#[test]
fn a_neighbour_can_not_speak_about_anothers_flow() {
    let mut lab = Blueprint::default().guard("vm2", &["100 out deny any * > *"]).build();
    let inside = ipv4(VM1, "10.0.2.4").udp(5000, 53).bytes();
    lab.send("vm1", inside.clone());
    let (away, answer) = (ipv4(VM1, FAR).udp(5000, 53), ipv4(FAR, VM1).udp(53, 5000).bytes());
    lab.send("vm1", away.clone());
    lab.expect([("forwarded", 2)]);
    for error in [
        ipv4("10.0.1.5", VM1).unreachable(3).quoting(&inside, 8),
        ipv4("10.0.1.5", FAR).unreachable(3).quoting(&answer, 8),
        ipv4("10.0.1.5", "10.0.2.4")
            .fragmentation_needed(68)
            .quoting(&ipv4("10.0.2.4", VM1).udp(53, 5000).bytes(), 8),
    ] {
        lab.send("vm2", error);
        lab.expect([("error-without-flow", 1)]);
    }
}

#[test]
fn a_quote_that_can_not_be_read_goes_nowhere() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53).data(40));
    let mut wrong_sum = out.clone();
    wrong_sum[24] ^= 0x55;
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&wrong_sum, 8));
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&out, 7));
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3));
    let later = ipv4(SHARED, FAR).protocol(17).fragment(1480, false).data(8).bytes();
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&later, 8));
    lab.expect([("error-unreadable", 4)]);
    lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&out, 8).wrong_checksum());
    lab.expect([("bad-checksum", 1)]);
}

#[test]
fn a_wrong_inner_transport_checksum_does_not_matter() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(40).wrong_checksum());
    let told = lab.send("internet", ipv4(FAR, SHARED).unreachable(3).quoting(&sent.only().bytes, 1000));
    assert_eq!(
        told.lines(),
        [
            "vm1: icmp 198.51.100.7 > 10.0.1.4 port unreachable [udp 10.0.1.4:5000 > 198.51.100.7:53, wrong checksum] ttl 63"
        ]
    );
}

/// RFC 7857 asks it of what the inside answers to packets that came in; the errors of the outside do no more.
#[test]
fn errors_neither_prolong_nor_end_a_flow() {
    for host in ["internet", "vm1"] {
        let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53));
        let (port, _) = read(&out).unwrap().ipv4().ports().unwrap();
        let answer = lab.send("internet", ipv4(FAR, SHARED).udp(53, port)).only().bytes.clone();
        let (errors, quoted) =
            if host == "vm1" { (ipv4(VM1, FAR), answer) } else { (ipv4(FAR, SHARED), out) };
        for _ in 0..23 {
            lab.advance(Duration::from_secs(10));
            for kind in [3, 11, 12] {
                lab.send(host, errors.clone().icmp(kind, 0, 0).quoting(&quoted, 8));
            }
        }
        lab.expect([("forwarded", 70)]);
        lab.advance(Duration::from_secs(11));
        assert_eq!(lab.held(), [0, 0, 0], "{host}: 240 seconds after the last packet that was no error");
    }
}

#[test]
fn other_icmp_and_stray_replies_are_named() {
    let mut lab = Blueprint::default().build();
    for kind in [5, 9, 10, 30, 42, 255] {
        lab.send("vm1", ipv4(VM1, "10.0.2.4").icmp(kind, 0, 0));
        lab.expect([("unsupported-icmp", 1)]);
    }
    for kind in [0, 14, 16, 18] {
        lab.send("vm1", ipv4(VM1, "10.0.2.4").icmp(kind, 0, 7 << 16));
        lab.expect([("reply-without-flow", 1)]);
    }
    for (request, reply) in [(8, 0), (13, 14), (15, 16), (17, 18)] {
        lab.send("vm1", ipv4(VM1, "10.0.2.4").icmp(request, 0, 99 << 16).data(12));
        lab.send("vm3", ipv4("10.0.2.4", VM1).icmp(reply, 0, 99 << 16).data(12));
        lab.expect([("forwarded", 2)]);
    }
}

#[test]
fn an_error_in_fragments_is_refused() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).udp(5000, 53).data(900));
    let error = ipv4(FAR, SHARED).unreachable(3).quoting(&out, 900).bytes();
    let pieces = testkit::build::fragments(&error, 480);
    lab.send("internet", pieces[0].clone());
    lab.send("internet", pieces[1].clone());
    lab.expect([("error-without-flow", 1), ("fragment-of-dropped", 1)]);
}

#[test]
fn an_error_about_an_answer_names_the_identifier_outside() {
    let (mut lab, out) = with_one_out(ipv4(VM1, FAR).echo_request(7, 1).data(30));
    let identifier = read(&out).unwrap().ipv4().echo_identifier().unwrap();
    let answer = lab.send("internet", ipv4(FAR, SHARED).echo_reply(identifier, 1).data(30));
    let told = lab.send("vm1", ipv4(VM1, FAR).unreachable(2).quoting(&answer.only().bytes, 38));
    assert_eq!(
        told.lines(),
        [format!(
            "internet: icmp 203.0.113.10 > 198.51.100.7 protocol unreachable [icmp 198.51.100.7 > 203.0.113.10 id {identifier}] ttl 63"
        )]
    );
}

#[test]
fn an_error_goes_to_whom_it_quotes_or_to_nobody() {
    let mut lab = Blueprint::default().public("vm2", "203.0.113.22").build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(10));
    lab.expect([("forwarded", 1)]);
    lab.send("internet", ipv4(FAR, "203.0.113.22").unreachable(3).quoting(&sent.only().bytes, 18));
    lab.expect([("error-without-flow", 1)]);
}

/// What is shorter than the eight bytes that an error quotes is quoted whole.
///
/// # Source
/// RFC 792: "Internet Header + 64 bits of Original Data Datagram".
#[test]
fn a_short_packet_is_quoted_whole() {
    for length in [0, 1, 3, 7, 8] {
        let mut lab = Blueprint::default().build();
        let told = lab.send("vm1", ipv4(VM1, "10.0.2.4").protocol(50).data(length).ttl(1));
        assert_eq!(told.only().bytes.len(), 14 + 20 + 8 + 20 + length, "{length}");
        let seen = read(&told.only().bytes).unwrap();
        assert!(seen.ip().checksums_hold(), "{seen}");
    }
}
