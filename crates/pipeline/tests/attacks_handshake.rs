//! Packets that pretend to belong to a handshake under way (requirements: RFC 5961, RFC 9293, section 3.10.7.3).
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use flow::State;
use std::time::Duration;
use testkit::build::{Draft, Tcp, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";

/// `vm1` has sent its SYN, 1,000, through SNAT.
struct Opening {
    lab: Lab,
    port: u16,
}

fn opening() -> Opening {
    let mut lab = Blueprint::default().build();
    let syn = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn().seq(1_000));
    let (port, _) = syn.only().seen().ipv4().ports().unwrap();
    lab.expect([("forwarded", 1)]);
    Opening { lab, port }
}

impl Opening {
    fn inside(&self) -> Draft<Tcp> {
        ipv4(VM1, FAR).tcp(5000, 443)
    }

    fn outside(&self) -> Draft<Tcp> {
        ipv4(FAR, SHARED).tcp(443, self.port)
    }

    fn state(&self) -> State {
        self.lab.flows()[0].state
    }

    /// The far side answers under the number 9,000, and `vm1` acknowledges.
    #[track_caller]
    fn completes(&mut self) {
        self.lab.send("internet", self.outside().syn().seq(9_000).ack(1_001));
        self.lab.send("vm1", self.inside().seq(1_001).ack(9_001));
        self.lab.expect([("forwarded", 2)]);
        assert_eq!(self.state(), State::Established);
    }

    /// A RST with this number ends nothing, and data passes after all the silence that a connection may keep.
    #[track_caller]
    fn outlives_a_reset(&mut self, sequence: u32) {
        self.lab.send("internet", self.outside().rst().seq(sequence));
        self.lab.expect([("forwarded", 1)]);
        self.lab.advance(Duration::from_secs(200));
        self.lab.send("vm1", self.inside().seq(1_001).ack(9_001).data(1_000));
        self.lab.send("internet", self.outside().seq(9_001).ack(2_001).data(10));
        self.lab.expect([("forwarded", 2)]);
    }
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

/// The stranger has guessed the port and nothing else; `vm1` never saw its SYN.
#[test]
fn a_blind_syn_before_the_answer_helps_no_blind_reset() {
    for sequence in [1u32, 8_999, 9_001, 0x9000_0000] {
        let mut it = opening();
        it.lab.send("internet", it.outside().syn().seq(sequence));
        it.lab.send("internet", it.outside().rst().seq(sequence + 1));
        it.lab.send("internet", it.outside().rst().seq(sequence + 1).ack(7));
        it.lab.expect([("forwarded", 3)]);
        assert_eq!(it.state(), State::SynReceived, "{sequence}");
        it.completes();
        it.outlives_a_reset(if sequence == 8_999 { sequence } else { sequence + 1 });
    }
}

/// The first answer was lost between the gateway and `vm1`; its SYN, sent again, has another one.
#[test]
fn an_answer_under_another_number_is_one() {
    let mut it = opening();
    it.lab.send("internet", it.outside().syn().seq(70_000).ack(1_001));
    it.lab.send("vm1", it.inside().syn().seq(1_000));
    it.lab.expect([("forwarded", 2)]);
    it.completes();
    it.outlives_a_reset(70_001);
}

#[test]
fn a_refusal_is_believed_after_a_blind_syn_too() {
    let mut it = opening();
    it.lab.send("internet", it.outside().syn().seq(77));
    it.lab.send("internet", it.outside().rst().seq(0).ack(1_001));
    assert_eq!(it.state(), State::Closed);
}

/// No host reads options that run past their header: whoever gets such a SYN does not answer it.
#[test]
fn a_syn_with_options_that_no_host_reads_opens_nothing() {
    let mut it = opening();
    let unread = ipv4(FAR, SHARED).ip_options(&[7, 255, 0, 0]).tcp(443, it.port).syn().seq(77);
    it.lab.send("internet", unread);
    it.lab.expect([("bad-ip-header", 1)]);
    assert_eq!(it.state(), State::SynSent);
}
