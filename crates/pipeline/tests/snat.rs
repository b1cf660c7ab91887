//! Out to the internet under the default public address, and back: addresses, ports, and every checksum.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

use packet::{Checksum, Offload};
use testkit::build::{Ip, Sum, Transport, arp_request, ipv4, read};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.10";

/// The packet that left by the internet attachment, seen as it is on the wire.
fn on_the_wire(lab: &mut Lab, frame: impl Into<testkit::build::OwnedFrame>) -> Ip {
    let sent = lab.send("vm1", frame);
    let out = sent.only();
    assert_eq!(out.to, "internet");
    let [wire] = &out.on_the_wire()[..] else { panic!("not one frame") };
    read(wire).unwrap().ipv4().clone()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn udp_goes_out_and_its_answer_comes_back() {
    let mut lab = Blueprint::default().build();
    let seen = on_the_wire(&mut lab, ipv4(VM1, FAR).udp(5000, 53).data(33));
    assert_eq!((seen.source.to_string(), seen.ttl), (PUBLIC.into(), 63));
    assert!(seen.checksums_hold());
    let (port, _) = seen.ports().unwrap();
    assert!(nat::PORTS.contains(&port));
    let answer = lab.send("internet", ipv4(FAR, PUBLIC).udp(53, port).data(7));
    assert_eq!(answer.lines(), ["vm1: udp 198.51.100.7:53 > 10.0.1.4:5000 ttl 63 7 bytes"]);
    lab.expect([("forwarded", 2)]);
    assert_eq!(on_the_wire(&mut lab, ipv4(VM1, FAR).udp(5000, 53)).ports(), Some((port, 53)));
    lab.expect([("forwarded", 1)]);
    assert_eq!(lab.pools().used_total(), 1);
}

#[test]
fn a_udp_datagram_without_checksum_stays_without() {
    let mut lab = Blueprint::default().build();
    let seen = on_the_wire(&mut lab, ipv4(VM1, FAR).udp(5000, 53).data(33).without_checksum());
    assert_eq!(seen.checksum, Sum::Absent);
    let (port, _) = seen.ports().unwrap();
    let answer = lab.send("internet", ipv4(FAR, PUBLIC).udp(53, port).without_checksum());
    assert_eq!(answer.lines(), ["vm1: udp 198.51.100.7:53 > 10.0.1.4:5000 ttl 63, no checksum"]);
}

#[test]
fn tcp_opens_carries_and_closes() {
    let mut lab = Blueprint::default().build();
    let seen = on_the_wire(&mut lab, ipv4(VM1, FAR).tcp(5000, 443).syn().seq(100).mss(1460));
    assert!(seen.checksums_hold());
    let (port, _) = seen.ports().unwrap();
    let vm1 = || ipv4(VM1, FAR).tcp(5000, 443);
    let far = || ipv4(FAR, PUBLIC).tcp(443, port);
    let steps = [
        ("internet", far().syn().seq(500).ack(101), "vm1: tcp 198.51.100.7:443 > 10.0.1.4:5000 [S.] ttl 63"),
        (
            "vm1",
            vm1().seq(101).ack(501).data(10),
            "internet: tcp 203.0.113.10:P > 198.51.100.7:443 [.] ttl 63 10 bytes",
        ),
        ("internet", far().fin().seq(501).ack(111), "vm1: tcp 198.51.100.7:443 > 10.0.1.4:5000 [F.] ttl 63"),
        ("vm1", vm1().fin().seq(111).ack(502), "internet: tcp 203.0.113.10:P > 198.51.100.7:443 [F.] ttl 63"),
        ("internet", far().seq(502).ack(112), "vm1: tcp 198.51.100.7:443 > 10.0.1.4:5000 [.] ttl 63"),
    ];
    for (from, frame, text) in steps {
        let text = text.replace(":P", &format!(":{port}"));
        assert_eq!(lab.send(from, frame).lines(), [text]);
    }
    lab.expect([("forwarded", 6)]);
    let flows = lab.flows();
    assert_eq!(flows[0].state, flow::State::Closing);
    assert_eq!(lab.held(), [1, 0, 1], "a closed connection lingers");
}

#[test]
fn two_pings_with_one_identifier_stay_apart() {
    let mut lab = Blueprint::default().build();
    let first = on_the_wire(&mut lab, ipv4(VM1, FAR).echo_request(77, 1).data(56)).echo_identifier().unwrap();
    let sent = lab.send("vm2", ipv4("10.0.1.5", FAR).echo_request(77, 1).data(56));
    let second = sent.only().seen().ipv4().echo_identifier().unwrap();
    assert_ne!(first, second);
    for (identifier, line) in [
        (first, "vm1: icmp 198.51.100.7 > 10.0.1.4 echo reply id 77 seq 1 ttl 63 56 bytes"),
        (second, "vm2: icmp 198.51.100.7 > 10.0.1.5 echo reply id 77 seq 1 ttl 63 56 bytes"),
    ] {
        let answer = lab.send("internet", ipv4(FAR, PUBLIC).echo_reply(identifier, 1).data(56));
        assert_eq!(answer.lines(), [line]);
    }
    lab.expect([("forwarded", 4)]);
}

#[test]
fn unfinished_checksums_stay_unfinished_and_come_right() {
    let mut lab = Blueprint::default().build();
    for length in [0, 1, 2, 333, 1400] {
        let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn().data(length).partial());
        let out = sent.only();
        assert!(matches!(out.offload.checksum, Checksum::Partial { start: 34, offset: 16 }));
        assert_eq!(out.seen().ipv4().checksum, Sum::Pseudo, "{length} bytes of TCP");
        assert!(read(&out.on_the_wire()[0]).unwrap().ipv4().checksums_hold());
        let seen = on_the_wire(&mut lab, ipv4(VM1, FAR).udp(5000, 443).data(length).partial());
        assert!(seen.checksums_hold(), "{length} bytes of UDP");
        let (port, _) = seen.ports().unwrap();
        let answer = lab.send("internet", ipv4(FAR, PUBLIC).udp(443, port).data(length).partial());
        assert!(read(&answer.only().on_the_wire()[0]).unwrap().ipv4().checksums_hold());
    }
}

#[test]
fn a_verified_checksum_is_mended_like_a_finished_one() {
    let mut lab = Blueprint::default().build();
    let mut frame = ipv4(VM1, FAR).tcp(5000, 443).syn().data(100).frame();
    frame.offload = Offload { checksum: Checksum::Verified, segments: None };
    let sent = lab.send("vm1", frame);
    assert_eq!(sent.only().offload.checksum, Checksum::Verified);
    assert!(sent.only().seen().ipv4().checksums_hold());
}

#[test]
fn super_frames_pass_whole_and_come_right() {
    let mut lab = Blueprint::default().build();
    let syn = on_the_wire(&mut lab, ipv4(VM1, FAR).tcp(5000, 443).syn().seq(999));
    let (port, _) = syn.ports().unwrap();
    lab.send("internet", ipv4(FAR, PUBLIC).tcp(443, port).syn().seq(500).ack(1000));
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).seq(1000).ack(501).data(60_000).segments(1448));
    let wire = sent.only().on_the_wire();
    assert_eq!(wire.len(), 42);
    for (nth, frame) in wire.iter().enumerate() {
        let seen = read(frame).unwrap();
        let packet = seen.ipv4();
        assert!(packet.checksums_hold(), "segment {nth}");
        assert_eq!((packet.source.to_string(), packet.ports()), (PUBLIC.into(), Some((port, 443))));
        let Transport::Tcp { sequence, .. } = packet.transport else { panic!("not TCP") };
        assert_eq!(sequence, 1000 + nth as u32 * 1448);
    }
    let back = ipv4(FAR, PUBLIC).tcp(443, port).seq(501).ack(61_000).data(20_000).segments(1400);
    let answer = lab.send("internet", back);
    assert!(
        answer.lines().iter().all(|line| line.starts_with("vm1: tcp 198.51.100.7:443 > 10.0.1.4:5000 ["))
    );
    assert!(!answer.lines().iter().any(|line| line.contains("checksum")));
    lab.expect([("forwarded", 4)]);
    let flows = lab.flows();
    assert_eq!(flows[0].sent.packets, 1 + 42, "a super-frame counts as the packets it becomes");
}

#[test]
fn batches_of_datagrams_come_right() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 443).data(12_345).segments(1200));
    let wire = sent.only().on_the_wire();
    assert_eq!(wire.len(), 11);
    assert!(wire.iter().all(|frame| read(frame).unwrap().ipv4().checksums_hold()));
}

#[test]
fn who_has_no_way_out_is_told_why() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, FAR).esp(1, 1).data(40));
    lab.expect([("snat-protocol", 1)]);
    let mut lab = Blueprint::default().default_public(&[]).build();
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("no-public-address", 1)]);
    let mut lab = Blueprint::default().without_internet().build();
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("no-internet", 1)]);
    let mut lab = Blueprint::default().internet("203.0.113.2/24", None).build();
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("no-internet", 1)]);
    lab.send("vm1", ipv4(VM1, "203.0.113.77").udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

const POOL: [&str; 3] = ["203.0.113.5", "203.0.113.77", "203.0.113.9"];

/// RFC 4787, REQ-2, and RFC 6888, REQ-2 and REQ-3: addresses anywhere, and each machine has one of them for everything.
#[test]
fn a_machine_keeps_one_address_of_a_pool() {
    let mut lab = Blueprint::default().default_public(&POOL).build();
    for (vm, private) in [("vm1", VM1), ("vm2", "10.0.1.5"), ("vm3", "10.0.2.4")] {
        let public = outside_address(&mut lab, vm, private);
        for nth in 0..67 {
            let far = format!("198.51.100.{}", 7 + nth % 5);
            let (there, back) = (ipv4(private, &far), ipv4(&far, &public));
            let begun = [
                there.clone().udp(2000 + nth, 53).frame(),
                there.clone().tcp(2000 + nth, 80).syn().frame(),
                there.echo_request(2000 + nth, 1).frame(),
            ];
            for frame in begun {
                let sent = lab.send(vm, frame).only().seen().ip().clone();
                assert_eq!(sent.source.to_string(), public, "{vm}");
                let answer = match (sent.protocol, sent.ports()) {
                    (6, Some((port, _))) => back.clone().tcp(80, port).syn().ack(1).frame(),
                    (_, Some((port, _))) => back.clone().udp(53, port).frame(),
                    _ => back.clone().echo_reply(sent.echo_identifier().unwrap(), 1).frame(),
                };
                assert_eq!(lab.send("internet", answer).only().to, vm);
            }
        }
    }
    lab.expect([("forwarded", 3 * (1 + 2 * 3 * 67))]);
    for address in POOL {
        let asked = lab.send("internet", arp_request(lab.host_mac("internet"), "203.0.113.1", address));
        assert_eq!(asked.frames.len(), 1, "{address} is answered for");
    }
}

/// The shared address that a machine has now, by a datagram that it sends.
fn outside_address(lab: &mut Lab, vm: &str, private: &str) -> String {
    lab.send(vm, ipv4(private, FAR).udp(9, 9)).only().seen().ip().source.to_string()
}

#[test]
fn machines_keep_their_address_when_others_come_and_when_the_pool_grows() {
    let machines: Vec<_> = (10..60).map(|nth| (format!("m{nth}"), format!("10.0.1.{nth}"))).collect();
    let with = |blueprint: Blueprint, from: usize| {
        machines[from..].iter().fold(blueprint, |it, (name, address)| it.vm(name, "web", address))
    };
    let of = |blueprint: Blueprint| {
        let mut lab = blueprint.build();
        machines[10..].iter().map(|(vm, address)| outside_address(&mut lab, vm, address)).collect::<Vec<_>>()
    };
    let before = of(with(Blueprint::default().default_public(&POOL), 10));
    assert!(POOL.iter().all(|address| before.iter().filter(|it| it == address).count() >= 5), "{before:?}");
    assert_eq!(of(with(Blueprint::default().default_public(&POOL), 0)), before);
    let more = [&POOL[..], &["203.0.113.40"]].concat();
    let after = of(with(Blueprint::default().default_public(&more), 10));
    let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(moved.len() >= 3 && moved.iter().all(|(_, after)| *after == "203.0.113.40"), "{moved:?}");
}

#[test]
fn the_gateways_own_address_may_be_the_shared_one() {
    const OWN: &str = "203.0.113.2";
    let mut lab = Blueprint::default().default_public(&[OWN]).build();
    let asked = on_the_wire(&mut lab, ipv4(VM1, FAR).echo_request(7, 1));
    let identifier = asked.echo_identifier().unwrap();
    let answer = lab.send("internet", ipv4(FAR, OWN).echo_reply(identifier, 1));
    assert_eq!(answer.lines(), ["vm1: icmp 198.51.100.7 > 10.0.1.4 echo reply id 7 seq 1 ttl 63"]);
    let pong = lab.send("internet", ipv4(FAR, OWN).echo_request(identifier, 1));
    assert_eq!(pong.only().to, "internet", "the gateway answers for itself");
    lab.expect([("forwarded", 2), ("answered", 1), ("originated", 1)]);
}

#[test]
fn the_far_side_is_filtered_by_address_and_port() {
    let mut lab = Blueprint::default().build();
    let (port, _) = on_the_wire(&mut lab, ipv4(VM1, FAR).udp(5000, 53)).ports().unwrap();
    lab.expect([("forwarded", 1)]);
    lab.send("internet", ipv4(FAR, PUBLIC).udp(54, port));
    lab.send("internet", ipv4("198.51.100.8", PUBLIC).udp(53, port));
    lab.send("internet", ipv4(FAR, PUBLIC).tcp(53, port).syn());
    lab.expect([("no-mapping", 3)]);
}
