//! Packets that pretend to belong to somebody's connection (requirements: RFC 5927, RFC 5961, RFC 4787 REQ-12).
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod bystander;

use bystander::Bystander;
use std::time::Duration;
use testkit::build::{Draft, OwnedFrame, Tcp, ipv4};
use testkit::lab::{Blueprint, Lab, Outcome};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const ROUTER: &str = "192.0.2.254";
const SHARED: &str = "203.0.113.10";
const PUBLIC: &str = "203.0.113.21";

/// An established connection of `vm1` with the far side, and the last data segment as it left.
struct Connected {
    lab: Lab,
    bystander: Bystander,
    port: u16,
    data: Vec<u8>,
}

fn connected() -> Connected {
    let mut lab = Blueprint::default().build();
    let bystander = Bystander::begin(&mut lab);
    let syn = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn().seq(1_000));
    let (port, _) = syn.only().seen().ipv4().ports().unwrap();
    lab.send("internet", ipv4(FAR, SHARED).tcp(443, port).syn().seq(9_000).ack(1_001));
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).seq(1_001).ack(9_001));
    let data = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).seq(1_001).ack(9_001).data(1_000));
    lab.expect([("forwarded", 4)]);
    Connected { data: data.only().bytes.clone(), lab, bystander, port }
}

impl Connected {
    fn inside(&self) -> Draft<Tcp> {
        ipv4(VM1, FAR).tcp(5000, 443)
    }

    fn outside(&self) -> Draft<Tcp> {
        ipv4(FAR, SHARED).tcp(443, self.port)
    }

    /// The connection still carries data both ways, and so does the bystander's.
    #[track_caller]
    fn goes_on(&mut self) {
        self.lab.send("vm1", self.inside().seq(1_001).ack(9_001).data(1_000));
        self.lab.send("internet", self.outside().seq(9_001).ack(2_001).data(10));
        self.lab.send("internet", self.outside().seq(9_001).ack(1_001));
        self.lab.expect([("forwarded", 3)]);
        self.bystander.goes_on(&mut self.lab);
    }
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_forged_error_must_quote_what_is_under_way() {
    let mut it = connected();
    for sequence in [1_000, 2_002, 70_000, 0x8000_0000, 0xffff_ffff] {
        let quoted = ipv4(SHARED, FAR).tcp(it.port, 443).seq(sequence).ack(9_001).bytes();
        for error in [
            ipv4(ROUTER, SHARED).unreachable(1),
            ipv4(ROUTER, SHARED).fragmentation_needed(1_400),
            ipv4(ROUTER, SHARED).time_exceeded(),
        ] {
            it.lab.send("internet", error.quoting(&quoted, 8));
        }
        it.lab.expect([("error-out-of-window", 3)]);
    }
    let true_one = ipv4(ROUTER, SHARED).fragmentation_needed(1_400).quoting(&it.data, 8);
    let told = it.lab.send("internet", true_one);
    assert_eq!(told.only().to, "vm1");
    it.lab.expect([("forwarded", 1)]);
    it.goes_on();
}

/// Whoever knows no number of the connection can not make one up by an acknowledgement first.
#[test]
fn a_forged_acknowledgement_makes_no_forged_error_believed() {
    let mut it = connected();
    for sequence in [500, 2_002, 70_000, 0x7000_0000, 0x9000_0000] {
        it.lab.send("internet", it.outside().seq(sequence ^ 0x5555_5555).ack(sequence));
        it.lab.expect([("forwarded", 1)]);
        let quoted = ipv4(SHARED, FAR).tcp(it.port, 443).seq(sequence).ack(9_001).bytes();
        it.lab.send("internet", ipv4(ROUTER, SHARED).fragmentation_needed(1_400).quoting(&quoted, 8));
        it.lab.expect([("error-out-of-window", 1)]);
    }
    let true_one = ipv4(ROUTER, SHARED).fragmentation_needed(1_400).quoting(&it.data, 8);
    assert_eq!(it.lab.send("internet", true_one).only().to, "vm1");
    it.lab.expect([("forwarded", 1)]);
    it.goes_on();
}

#[test]
fn an_error_from_inside_is_measured_too() {
    let mut it = connected();
    let answer = it.lab.send("internet", it.outside().seq(9_001).ack(2_001).data(500));
    it.lab.expect([("forwarded", 1)]);
    let quoted = |sequence| ipv4(FAR, VM1).tcp(443, 5000).seq(sequence).ack(2_001).bytes();
    for sequence in [9_000, 9_502, 0x7000_0000] {
        it.lab.send("vm1", ipv4(VM1, FAR).unreachable(3).quoting(&quoted(sequence), 8));
        it.lab.expect([("error-out-of-window", 1)]);
    }
    it.lab.send("vm1", ipv4(VM1, FAR).unreachable(3).quoting(&answer.only().bytes, 8));
    it.lab.expect([("forwarded", 1)]);
}

#[test]
fn an_absurd_mtu_is_refused() {
    let mut it = connected();
    for mtu in [0, 1, 67] {
        it.lab.send("internet", ipv4(ROUTER, SHARED).fragmentation_needed(mtu).quoting(&it.data, 8));
        it.lab.expect([("error-absurd-mtu", 1)]);
    }
    it.lab.send("internet", ipv4(ROUTER, SHARED).fragmentation_needed(68).quoting(&it.data, 8));
    // The field means nothing in other errors.
    it.lab.send("internet", ipv4(ROUTER, SHARED).unreachable(1).quoting(&it.data, 8));
    it.lab.expect([("forwarded", 2)]);
    let udp = it.lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(900));
    let forged = ipv4(ROUTER, SHARED).fragmentation_needed(67).quoting(&udp.only().bytes, 8);
    it.lab.send("internet", forged);
    it.lab.expect([("forwarded", 1), ("error-absurd-mtu", 1)]);
    it.goes_on();
}

/// A flow of `vm1` with the far side, which knows it by `public`: a packet of each, which may come again.
fn talk(protocol: &str, public: &str) -> (Lab, [(&'static str, OwnedFrame); 2]) {
    let blueprint = Blueprint::default();
    let mut lab = if public == SHARED { blueprint } else { blueprint.public("vm1", public) }.build();
    let (there, back) = (ipv4(VM1, FAR), ipv4(FAR, public));
    let first: OwnedFrame = match protocol {
        "tcp" => there.clone().tcp(5000, 443).syn().seq(1_000).into(),
        "udp" => there.clone().udp(5000, 443).data(40).into(),
        _ => there.clone().echo_request(77, 1).data(40).into(),
    };
    let seen = lab.send("vm1", first.clone()).only().seen();
    let (request, answer) = match (protocol, seen.ipv4().ports()) {
        ("tcp", Some((port, _))) => {
            lab.send("internet", back.clone().tcp(443, port).syn().seq(9_000).ack(1_001));
            let request = there.tcp(5000, 443).seq(1_001).ack(9_001).data(40);
            (request.into(), back.tcp(443, port).seq(9_001).ack(1_001).data(40).into())
        }
        (_, Some((port, _))) => (first, back.udp(443, port).data(40).into()),
        (_, None) => (first, back.echo_reply(seen.ipv4().echo_identifier().unwrap(), 1).data(40).into()),
    };
    (lab, [("vm1", request), ("internet", answer)])
}

/// Both ends send every ICMP message but requests, each quoting what it received last. Four types are errors and pass; the
/// answers, to no request of the other's, and all others do not.
#[track_caller]
fn every_icmp_message(lab: &mut Lab, public: &str, received: &[Outcome; 2]) {
    let senders = [("internet", ipv4(FAR, public)), ("vm1", ipv4(VM1, FAR))];
    for ((host, draft), received) in senders.into_iter().zip(received) {
        for kind in (0..=255).filter(|kind| ![8, 13, 15, 17].contains(kind)) {
            for code in (0..=16).chain([255]) {
                lab.send(host, draft.clone().icmp(kind, code, 1_400).quoting(&received.only().bytes, 28));
            }
        }
        lab.expect([("forwarded", 4 * 18), ("reply-without-flow", 4 * 18), ("unsupported-icmp", 244 * 18)]);
    }
}

/// RFC 4787 REQ-12, RFC 5382 REQ-10, RFC 5508 REQ-6: no ICMP message ends a flow or its mapping, or keeps it alive.
#[test]
fn no_icmp_message_ends_a_flow_or_prolongs_it() {
    for (protocol, public) in ["tcp", "udp", "icmp"].into_iter().flat_map(|it| [(it, PUBLIC), (it, SHARED)]) {
        let (mut lab, packets) = talk(protocol, public);
        let received = packets.clone().map(|(host, packet)| lab.send(host, packet));
        lab.expect([("forwarded", if protocol == "tcp" { 4 } else { 3 })]);
        let before = lab.flows();
        lab.advance(Duration::from_secs(100));
        every_icmp_message(&mut lab, public, &received);
        let after = lab.flows();
        assert_eq!((before.len(), after.len()), (1, 1));
        assert_eq!((after[0].state, after[0].idle), (before[0].state, Duration::from_secs(100)));
        assert_eq!((after[0].sent, after[0].answered), (before[0].sent, before[0].answered));
        for ((host, packet), received) in packets.into_iter().zip(&received) {
            assert_eq!(lab.send(host, packet).lines(), received.lines(), "{protocol}, {public}");
        }
        lab.expect([("forwarded", 2)]);
        lab.advance(Duration::from_secs(100));
        every_icmp_message(&mut lab, public, &received);
        lab.advance(Duration::from_secs(141));
        assert_eq!(lab.held()[0], 0, "{protocol}, {public}: 241 seconds after its last packet");
    }
}

/// RFC 5961, section 3: in the window but not exact, a RST must not tear the connection down.
#[test]
fn conntrack_inexact_rst() {
    let mut it = connected();
    for sequence in [9_002, 9_100, 9_001 + 60_000, 8_000] {
        it.lab.send("internet", it.outside().rst().seq(sequence));
        // Whoever gets it answers with a challenge, and that passes.
        it.lab.send("vm1", it.inside().seq(2_001).ack(9_001));
        it.lab.expect([("forwarded", 2)]);
        let flows = it.lab.flows();
        assert!(flows.iter().all(|flow| !flow.state.is_over()));
    }
    it.goes_on();
    // The one with the exact number is believed.
    it.lab.send("internet", it.outside().rst().seq(9_001));
    let flows = it.lab.flows();
    assert_eq!(flows.iter().filter(|flow| flow.state.is_over()).count(), 1);
}

/// RFC 5961, section 4: a SYN in a connection is answered with a challenge, and both pass.
#[test]
fn conntrack_syn_challenge_ack() {
    let mut it = connected();
    for sequence in [9_001, 9_002, 1, 0x9000_0000] {
        it.lab.send("internet", it.outside().syn().seq(sequence));
        it.lab.send("vm1", it.inside().seq(2_001).ack(9_001));
        it.lab.expect([("forwarded", 2)]);
    }
    it.goes_on();
}

/// RFC 5961, section 5: forged data neither ends the connection nor makes a later forged RST believed.
#[test]
fn blind_data_helps_no_blind_reset() {
    let mut it = connected();
    for sequence in [1, 30_000, 0x8000_0000, 0xffff_0000u32] {
        it.lab.send("internet", it.outside().seq(sequence).ack(5).data(100));
        it.lab.send("internet", it.outside().rst().seq(sequence.wrapping_add(100)));
        it.lab.expect([("forwarded", 2)]);
        let flows = it.lab.flows();
        assert!(flows.iter().all(|flow| !flow.state.is_over()), "{sequence}");
    }
    it.goes_on();
}

/// A RST whose checksum no receiver believes changes nothing here either.
#[test]
fn a_reset_with_a_wrong_checksum_ends_nothing() {
    let mut it = connected();
    it.lab.send("internet", it.outside().rst().seq(9_001).wrong_checksum());
    it.lab.send("vm1", it.inside().rst().seq(2_001).wrong_checksum());
    it.lab.expect([("bad-checksum", 2)]);
    it.goes_on();
}

/// A RST that dies on its way has ended the record and not the connection; its packets pass while the record lingers.
#[test]
fn a_reset_with_a_short_ttl_closes_slowly() {
    let mut it = connected();
    it.lab.send("internet", it.outside().rst().seq(9_001).ttl(2));
    it.lab.expect([("forwarded", 1)]);
    it.lab.advance(Duration::from_secs(10));
    it.goes_on();
    it.lab.send("internet", it.outside().rst().seq(9_001).ttl(1));
    it.lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
}

#[test]
fn redirects_are_never_acted_on() {
    let mut it = connected();
    for code in 0..4 {
        it.lab.send("internet", ipv4("203.0.113.1", SHARED).icmp(5, code, 0xcb00_7163).quoting(&it.data, 8));
        it.lab.send("vm1", ipv4(VM1, "10.0.1.1").icmp(5, code, 0x0a00_0105).quoting(&it.data, 8));
    }
    it.lab.expect([("unsupported-icmp", 8)]);
    it.goes_on();
}
