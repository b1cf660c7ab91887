//! What RFCs ask of a NAT and a firewall, where no other test shows it: times, classes of ports, payloads, loads, loops.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use std::time::Duration;
use testkit::build::{Draft, Udp, ipv4, ipv6};
use testkit::lab::{Blueprint, Lab, Outcome};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";
const VM1_V6: &str = "fd00:a:0:1::4";
const PUBLIC_V6: &str = "2001:db8:f::21";
const FAR_V6: &str = "2001:db8:1::7";

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

/// The port, or identifier, under which the far side sees a frame.
#[track_caller]
fn public_port(sent: &Outcome) -> u16 {
    let seen = sent.only().seen();
    seen.ipv4().ports().map(|(port, _)| port).or(seen.ipv4().echo_identifier()).unwrap()
}

/// RFC 4787, REQ-5: at least two minutes. REQ-6: what goes out prolongs it.
#[test]
fn a_silent_udp_mapping_answers_for_nearly_four_minutes() {
    let mut lab = Blueprint::default().build();
    let port = public_port(&lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53)));
    for _ in 0..3 {
        lab.advance(Duration::from_secs(230));
        assert_eq!(lab.send("internet", ipv4(FAR, SHARED).udp(53, port)).only().to, "vm1");
        lab.advance(Duration::from_secs(230));
        assert_eq!(public_port(&lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53))), port);
    }
    lab.expect([("forwarded", 7)]);
    lab.advance(Duration::from_secs(242));
    lab.send("internet", ipv4(FAR, SHARED).udp(53, port));
    lab.expect([("no-mapping", 1)]);
}

/// RFC 5508, REQ-2: at least 60 seconds.
#[test]
fn a_late_echo_reply_is_let_in() {
    let mut lab = Blueprint::default().build();
    for late in [55, 61, 200] {
        let sent = lab.send("vm1", ipv4(VM1, FAR).echo_request(7, 1).data(56));
        let identifier = public_port(&sent);
        lab.advance(Duration::from_secs(late));
        let answer = lab.send("internet", ipv4(FAR, SHARED).echo_reply(identifier, 1).data(56));
        let line = "vm1: icmp 198.51.100.7 > 10.0.1.4 echo reply id 7 seq 1 ttl 63 56 bytes";
        assert_eq!(answer.lines(), [line], "after {late} seconds");
    }
    lab.expect([("forwarded", 6)]);
}

/// RFC 4787, REQ-3a: Azure's range has no well-known port, so whoever comes from one gets none.
#[test]
fn no_source_port_leaves_under_a_well_known_one() {
    let mut lab = Blueprint::default().build();
    for source in [500, 1, 22, 123, 1023, 1024, 1025, 4500] {
        let sent = lab.send("vm1", ipv4(VM1, FAR).udp(source, 500).data(4));
        let port = public_port(&sent);
        assert!(port > 1024, "{source} became {port}");
        let answer = lab.send("internet", ipv4(FAR, SHARED).udp(500, port));
        assert_eq!(answer.only().seen().ipv4().ports(), Some((500, source)));
    }
}

/// RFC 4787, REQ-10: addresses and ports in a payload are the applications'.
#[test]
fn sip_and_ftp_pass_untouched() {
    let mut lab = Blueprint::default().build();
    let invite = b"INVITE sip:bob@198.51.100.7 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.4:5060;branch=z9\r\n\
        Contact: <sip:alice@10.0.1.4:5060>\r\n\r\nc=IN IP4 10.0.1.4\r\nm=audio 49170 RTP/AVP 0\r\n";
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5060, 5060).payload(invite));
    assert_eq!(sent.only().seen().ipv4().payload, invite);
    let port = public_port(&sent);
    let answer =
        ipv4(FAR, SHARED).udp(5060, port).payload(b"SIP/2.0 200 OK\r\nContact: <sip:bob@203.0.113.10>\r\n");
    let answer = lab.send("internet", answer);
    assert_eq!(answer.only().seen().ipv4().payload, b"SIP/2.0 200 OK\r\nContact: <sip:bob@203.0.113.10>\r\n");
    let control = lab.send("vm1", ipv4(VM1, FAR).tcp(5021, 21).syn().seq(100));
    let port = public_port(&control);
    lab.send("internet", ipv4(FAR, SHARED).tcp(21, port).syn().seq(500).ack(101));
    let active = b"PORT 10,0,1,4,195,80\r\n";
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5021, 21).psh().seq(101).ack(501).payload(active));
    assert_eq!(sent.only().seen().ipv4().payload, active);
    let passive = b"227 Entering Passive Mode (198,51,100,7,195,80).\r\n";
    let answer = ipv4(FAR, SHARED).tcp(21, port).psh().seq(501).ack(101 + 22).payload(passive);
    assert_eq!(lab.send("internet", answer).only().seen().ipv4().payload, passive);
    lab.expect([("forwarded", 6)]);
    // Nothing was opened for the data that they talk about.
    lab.send("internet", ipv4(FAR, SHARED).udp(49_170, 49_170));
    lab.send("internet", ipv4(FAR, SHARED).tcp(20, 50_000).syn());
    lab.expect([("no-mapping", 2)]);
}

/// What happens to a few of everything, with the public port that it got written as `P`.
fn talk(lab: &mut Lab) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |lab: &mut Lab, from: &str, frame: testkit::build::OwnedFrame, port: u16| {
        let said = lab.send(from, frame).lines().join(" + ");
        let (first, last) = (format!(":{port} "), format!(":{port}]"));
        lines
            .push(said.replace(&first, ":P ").replace(&last, ":P]").replace(&format!("id {port} "), "id P "));
    };
    let syn = ipv4(VM1, FAR).tcp(5000, 443).syn().seq(100);
    let port = public_port(&lab.send("vm1", syn.clone()));
    say(lab, "vm1", syn.into(), port);
    say(lab, "internet", ipv4(FAR, SHARED).tcp(443, port).syn().seq(500).ack(101).into(), port);
    let data = ipv4(VM1, FAR).tcp(5000, 443).psh().seq(101).ack(501).data(100);
    say(lab, "vm1", data.clone().into(), port);
    say(lab, "internet", ipv4("198.51.100.8", SHARED).tcp(443, port).ack(201).seq(501).into(), port);
    say(
        lab,
        "internet",
        ipv4("192.0.2.9", SHARED)
            .unreachable(1)
            .quoting(&ipv4(SHARED, FAR).tcp(port, 443).seq(101).bytes(), 8)
            .into(),
        port,
    );
    say(lab, "internet", ipv4(FAR, SHARED).tcp(443, port).rst().seq(501).ack(201).into(), port);
    let ask = ipv4(VM1, FAR).udp(5000, 53).data(20);
    let port = public_port(&lab.send("vm1", ask.clone()));
    say(lab, "vm1", ask.into(), port);
    say(lab, "internet", ipv4(FAR, SHARED).udp(53, port).data(50).into(), port);
    say(lab, "internet", ipv4(FAR, SHARED).udp(54, port).data(50).into(), port);
    let ping = ipv4(VM1, FAR).echo_request(9, 1);
    let port = public_port(&lab.send("vm1", ping.clone()));
    say(lab, "vm1", ping.into(), port);
    say(lab, "internet", ipv4(FAR, SHARED).echo_reply(port, 1).into(), port);
    say(lab, "vm1", ipv4(VM1, "10.0.1.5").tcp(1, 22).syn().into(), 0);
    lines
}

const VMS: [(&str, &str); 5] =
    [("vm2", "10.0.1.5"), ("vm3", "10.0.2.4"), ("vm4", "10.0.1.6"), ("vm5", "10.0.1.7"), ("vm1", VM1)];

/// RFC 4787, REQ-11: nothing behaves otherwise because others hold half of all ports and records, or nearly all.
#[test]
fn an_empty_a_half_full_and_a_full_gateway_behave_alike() {
    let said = [0, 500, 990].map(|load: u16| {
        let blueprint = Blueprint::default().snat_ports(2_000..=2_999).capacity(1_000).one_worker();
        let blueprint = blueprint.vm("vm4", "web", "10.0.1.6").vm("vm5", "web", "10.0.1.7");
        let mut lab = blueprint.guard("web", &["100 in deny tcp * > *:22"]).build();
        for nth in 0..load {
            // Everybody has a fifth of all, but vm1 a few less.
            let (vm, from) = VMS[usize::from(nth % 99) / 20];
            let port = public_port(&lab.send(vm, ipv4(from, FAR).udp(1 + nth, 53)));
            assert_eq!(lab.send("internet", ipv4(FAR, SHARED).udp(53, port)).only().to, vm);
        }
        assert_eq!((lab.held()[0], lab.pools().used_total()), (load.into(), load.into()));
        talk(&mut lab)
    });
    assert_eq!(said[0].len(), 12);
    assert_eq!(said[0].iter().filter(|line| line.is_empty()).count(), 3, "{:#?}", said[0]);
    assert_eq!(said[0], said[1]);
    assert_eq!(said[0], said[2]);
}

/// RFC 5508, REQ-3: a quoted header may have options, over IPv6 extensions.
#[test]
fn quotes_with_options_and_extensions_are_translated() {
    let options = [7, 7, 4, 0, 0, 0, 0, 0];
    let mut lab = Blueprint::default().dual_stack().public_v6("vm1", PUBLIC_V6).build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).ip_options(&options).udp(5000, 53).data(30));
    let quoted = sent.only().bytes.clone();
    let told = lab.send("internet", ipv4("192.0.2.1", SHARED).time_exceeded().quoting(&quoted, 8));
    let line = "vm1: icmp 192.0.2.1 > 10.0.1.4 time exceeded [udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 63";
    assert_eq!(told.lines(), [line]);
    assert!(told.only().seen().ip().checksums_hold());
    let extended = |from: &str| -> Draft<Udp> {
        ipv6(from, FAR_V6).extension(60, &[1, 4, 0, 0, 0, 0]).udp(5000, 53).data(30)
    };
    let sent = lab.send("vm1", extended(VM1_V6));
    let quoted = sent.only().bytes.clone();
    let told = lab.send("internet", ipv6("2001:db8:2::1", PUBLIC_V6).time_exceeded().quoting(&quoted, 38));
    let flow = "udp [fd00:a:0:1::4]:5000 > [2001:db8:1::7]:53";
    let line = format!("vm1: icmp6 2001:db8:2::1 > fd00:a:0:1::4 hop limit exceeded [{flow}] ttl 63");
    assert_eq!(told.lines(), [line]);
    assert!(told.only().seen().ip().checksums_hold());
    lab.expect([("forwarded", 4)]);
}

/// RFC 5508, REQ-3: extensions behind a quote of 128 bytes (RFC 4884) are no part of it, and stay as they are.
#[test]
fn what_an_error_says_behind_its_quote_stays_as_it_is() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(300));
    let quoted = sent.only().on_the_wire().remove(0);
    // An MPLS label that holds what could be taken for the addresses and ports.
    let extension = [&[0x20, 0, 0, 0, 0, 20, 1, 1], &quoted[26..42]].concat();
    let payload = [&quoted[14..142], &extension].concat();
    let told = lab.send("internet", ipv4("192.0.2.1", SHARED).icmp(11, 0, 32 << 16).payload(&payload));
    let line = "vm1: icmp 192.0.2.1 > 10.0.1.4 time exceeded [udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 63";
    assert_eq!(told.lines(), [line]);
    assert!(told.only().seen().ip().checksums_hold());
    assert!(told.only().bytes.ends_with(&extension));
}

/// RFC 4890, 4.3.1: errors (types 1 to 4) and echo (128, 129) pass with their flow, and never without one.
#[test]
fn icmpv6_errors_and_echo_pass_with_state_only() {
    let mut lab = Blueprint::default().dual_stack().public_v6("vm1", PUBLIC_V6).build();
    let sent = lab.send("vm1", ipv6(VM1_V6, FAR_V6).udp(5000, 53).data(30));
    let quoted = sent.only().bytes.clone();
    let other = ipv6(PUBLIC_V6, FAR_V6).udp(5001, 53).data(30).bytes();
    lab.expect([("forwarded", 1)]);
    for kind in 1..=4 {
        let mtu = if kind == 2 { 1400 } else { 0 };
        let error = |about: &[u8]| ipv6("2001:db8:2::1", PUBLIC_V6).icmp(kind, 0, mtu).quoting(about, 38);
        assert_eq!(lab.send("internet", error(&quoted)).only().to, "vm1", "type {kind}");
        lab.expect([("forwarded", 1)]);
        assert_eq!(lab.send("internet", error(&other)).lines(), [""; 0], "type {kind}");
        lab.expect([("error-without-flow", 1)]);
    }
    lab.send("internet", ipv6(FAR_V6, PUBLIC_V6).echo_reply(7, 1));
    lab.expect([("reply-without-flow", 1)]);
    lab.send("vm1", ipv6(VM1_V6, FAR_V6).echo_request(7, 1));
    assert_eq!(lab.send("internet", ipv6(FAR_V6, PUBLIC_V6).echo_reply(7, 1)).only().to, "vm1");
    assert_eq!(lab.send("internet", ipv6(FAR_V6, PUBLIC_V6).echo_request(8, 1)).only().to, "vm1");
    assert_eq!(lab.send("vm1", ipv6(VM1_V6, FAR_V6).echo_reply(8, 1)).only().to, "internet");
    lab.expect([("forwarded", 4)]);
}

/// Two VMs that send back whatever they get, through a public address of ours; each pass is a hop.
#[test]
fn a_hairpin_loop_ends() {
    let mut lab = Blueprint::default().public("vm3", "203.0.113.23").build();
    let mut hops = 0;
    let (mut from, mut packet) = ("vm1", ipv4(VM1, "203.0.113.23").udp(5000, 53).ttl(64));
    loop {
        let sent = lab.send(from, packet);
        hops += 1;
        let out = sent.only();
        let seen = out.seen();
        let ip = seen.ipv4().clone();
        if out.to == from {
            assert!(sent.lines()[0].contains("time exceeded"), "{}", sent.lines()[0]);
            break;
        }
        from = if from == "vm1" { "vm3" } else { "vm1" };
        assert_eq!(out.to, from);
        let (source, destination) = ip.ports().unwrap();
        packet =
            ipv4(&ip.destination.to_string(), &ip.source.to_string()).udp(destination, source).ttl(ip.ttl);
    }
    assert_eq!(hops, 64);
    lab.expect([("forwarded", 63), ("ttl-exceeded", 1), ("originated", 1)]);
}

/// The router outside sends everything back that leaves.
#[test]
fn a_routing_loop_outside_ends() {
    let mut lab = Blueprint::default().public("vm3", "203.0.113.23").build();
    for (vm, source) in [("vm1", VM1), ("vm3", "10.0.2.4")] {
        let sent = lab.send(vm, ipv4(source, FAR).udp(5000, 53));
        let ip = sent.only().seen().ipv4().clone();
        let (from, to) = ip.ports().unwrap();
        lab.send("internet", ipv4(&ip.source.to_string(), FAR).udp(from, to).ttl(ip.ttl - 1));
    }
    assert_eq!(lab.ended(pipeline::Ending::Forwarded), 2, "nothing leaves twice");
}
