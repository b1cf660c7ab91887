//! TCP's states on the path, and what a reload does to live flows.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use flow::State;
use std::time::Duration;
use testkit::build::{Draft, Tcp, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";
const PUBLIC: &str = "203.0.113.20";

/// Opens a connection from `vm1` to the far side; its translated port.
fn open(lab: &mut Lab, port: u16) -> u16 {
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(port, 443).syn().seq(100));
    let (translated, _) = sent.only().seen().ipv4().ports().unwrap();
    lab.send("internet", ipv4(FAR, SHARED).tcp(443, translated).syn().seq(500).ack(101));
    lab.send("vm1", ipv4(VM1, FAR).tcp(port, 443).seq(101).ack(501));
    translated
}

/// Closes it with both FINs acknowledged.
fn close(lab: &mut Lab, port: u16, translated: u16) {
    lab.send("vm1", ipv4(VM1, FAR).tcp(port, 443).fin().seq(101).ack(501));
    lab.send("internet", ipv4(FAR, SHARED).tcp(443, translated).fin().seq(501).ack(102));
    lab.send("vm1", ipv4(VM1, FAR).tcp(port, 443).seq(102).ack(502));
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn midstream_is_judged_by_the_rules_and_picked_up() {
    let mut lab = Blueprint::default().guard("db", &["100 in deny tcp * > *:22"]).build();
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 80).ack(7).data(100));
    lab.send("vm3", ipv4(VM3, VM1).tcp(80, 5000).ack(7).data(100));
    lab.expect([("forwarded", 2)]);
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 22).ack(7).data(100));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
}

#[test]
fn midstream_gets_no_translated_port() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).ack(7).data(100));
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).rst());
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).fin().ack(7));
    // An answer to a SYN that came by some other tuple is no beginning either.
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).syn().ack(7));
    lab.expect([("snat-midstream", 4)]);
    assert_eq!(lab.pools().used_total(), 0);
    let mut lab = Blueprint::default().public("vm1", "203.0.113.20").build();
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 80).ack(7).data(100));
    lab.expect([("forwarded", 1)]);
}

/// Sends a packet with a wrong checksum, which changes nothing, and then as it should be.
#[track_caller]
fn wrong_and_right(lab: &mut Lab, host: &str, frame: Draft<Tcp>, after: State) {
    let before: Vec<State> = lab.flows().iter().map(|flow| flow.state).collect();
    lab.send(host, frame.clone().wrong_checksum());
    lab.expect([("bad-checksum", 1)]);
    assert_eq!(lab.flows().iter().map(|flow| flow.state).collect::<Vec<_>>(), before);
    lab.send(host, frame);
    lab.expect([("forwarded", 1)]);
    assert_eq!(lab.flows().iter().map(|flow| flow.state).collect::<Vec<_>>(), [after]);
}

#[test]
fn a_wrong_checksum_changes_no_state() {
    for reset in [false, true] {
        let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
        let (inside, outside) = (|| ipv4(VM1, FAR).tcp(5000, 443), || ipv4(FAR, PUBLIC).tcp(443, 5000));
        wrong_and_right(&mut lab, "vm1", inside().syn().seq(100), State::SynSent);
        wrong_and_right(&mut lab, "internet", outside().syn().seq(500).ack(101), State::SynReceived);
        lab.send("vm1", inside().seq(101).ack(501));
        // In data it is the receiver's to find, and stays wrong.
        let sent = lab.send("vm1", inside().seq(101).ack(501).data(9).wrong_checksum());
        assert!(sent.lines()[0].ends_with("wrong checksum"));
        lab.expect([("forwarded", 2)]);
        if reset {
            wrong_and_right(&mut lab, "internet", outside().rst().seq(501), State::Closed);
        } else {
            wrong_and_right(&mut lab, "vm1", inside().fin().seq(110).ack(501), State::FinWait);
            wrong_and_right(&mut lab, "internet", outside().fin().seq(501).ack(111), State::FinWait);
        }
    }
}

/// Nobody sums up a packet that carries no sign of its own: where its acknowledgement is the last that was missing, it is
/// believed.
#[test]
fn an_acknowledgement_with_a_wrong_checksum_is_the_receivers_to_find() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let (inside, outside) = (|| ipv4(VM1, FAR).tcp(5000, 443), || ipv4(FAR, PUBLIC).tcp(443, 5000));
    lab.send("vm1", inside().syn().seq(100));
    lab.send("internet", outside().syn().seq(500).ack(101));
    lab.send("vm1", inside().seq(101).ack(501).wrong_checksum());
    assert_eq!(lab.flows()[0].state, State::Established);
    lab.send("vm1", inside().fin().seq(101).ack(501));
    lab.send("internet", outside().fin().seq(501).ack(102));
    let sent = lab.send("vm1", inside().seq(102).ack(502).wrong_checksum());
    assert!(sent.lines()[0].ends_with("wrong checksum"));
    assert_eq!(lab.flows()[0].state, State::Closing);
    lab.expect([("forwarded", 6)]);
}

#[test]
fn headers_that_mean_nothing_are_refused() {
    let mut lab = Blueprint::default().build();
    let tcp = || ipv4(VM1, VM3).tcp(5000, 80);
    for flags in [0x00, 0x03, 0x06, 0x07, 0x3f, 0x08 | 0x03] {
        lab.send("vm1", tcp().flags(flags));
        lab.expect([("bad-transport-header", 1)]);
    }
    lab.send("vm1", tcp().syn().data_offset(4));
    lab.send("vm1", tcp().syn().data_offset(15));
    lab.send("vm1", ipv4(VM1, VM3).udp(5, 6).length(7));
    lab.send("vm1", ipv4(VM1, VM3).udp(5, 6).length(9));
    lab.send("vm1", ipv4(VM1, VM3).protocol(1).data(7));
    lab.expect([("bad-transport-header", 5)]);
}

#[test]
fn a_flow_survives_a_rule_change_and_a_new_one_meets_the_rule() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.reload(|blueprint| blueprint.guard("db", &["100 in deny any * > *"]));
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.send("vm3", ipv4(VM3, VM1).udp(53, 5000));
    lab.expect([("forwarded", 3)]);
    lab.send("vm1", ipv4(VM1, VM3).udp(5001, 53));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
    lab.advance(Duration::from_secs(241));
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
}

#[test]
fn rules_keep_their_names_and_counts_over_reloads() {
    let mut lab = Blueprint::default().guard("db", &["100 in deny udp * > *"]).build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1)]);
    lab.reload(|blueprint| blueprint.guard("db", &["90 in deny tcp * > *", "100 in deny udp * > *"]));
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 53).syn());
    lab.expect([("denied-inbound", 2), ("db-nsg/rule-100", 1), ("db-nsg/rule-90", 1)]);
}

#[test]
fn a_nic_that_a_reload_takes_away_loses_its_flows() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.send("vm3", ipv4(VM3, FAR).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("forwarded", 3)]);
    assert_eq!(lab.pools().used_total(), 2);
    lab.reload(|blueprint| blueprint.detached("vm3"));
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.send("vm3", ipv4(VM3, VM1).udp(53, 5000));
    lab.expect([("attachment-gone", 2)]);
    lab.advance(Duration::from_secs(1));
    assert_eq!((lab.held()[0], lab.pools().used_total()), (1, 1));
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("detached-destination", 1)]);
}

#[test]
fn a_syn_on_a_closed_connection_begins_a_new_one() {
    let mut lab = Blueprint::default().build();
    let first = open(&mut lab, 5000);
    close(&mut lab, 5000, first);
    lab.expect([("forwarded", 6)]);
    assert_eq!(lab.held(), [1, 0, 1]);
    let second = open(&mut lab, 5000);
    assert_ne!(first, second, "the far side may remember the old one");
    lab.expect([("forwarded", 3)]);
    assert_eq!(lab.held(), [1, 0, 0]);
    assert_eq!(lab.pools().used_total(), 1);
}

#[test]
fn a_syn_on_a_live_connection_changes_nothing() {
    let mut lab = Blueprint::default().build();
    let first = open(&mut lab, 5000);
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn().seq(7777));
    assert_eq!(sent.only().seen().ipv4().ports(), Some((first, 443)));
    assert_eq!(lab.flows()[0].state, State::Established);
}

#[test]
fn a_reopening_syn_meets_the_rules_of_now() {
    let mut lab = Blueprint::default().build();
    let port = open(&mut lab, 5000);
    close(&mut lab, 5000, port);
    lab.expect([("forwarded", 6)]);
    lab.reload(|blueprint| blueprint.guard("vm1", &["100 out deny tcp * > *:443"]));
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn().seq(9000));
    lab.expect([("denied-outbound", 1), ("vm1-nsg/rule-100", 1)]);
}

/// RFC 5382, REQ-2: between machines, at a lent port, and under an address of the machine's own.
#[test]
fn both_ends_may_open_at_once_and_one_may_close_alone() {
    for (peer, theirs, ours) in [("vm3", VM3, VM1), ("internet", FAR, SHARED), ("internet", FAR, PUBLIC)] {
        let blueprint = Blueprint::default();
        let mut lab = if ours == PUBLIC { blueprint.public("vm1", PUBLIC) } else { blueprint }.build();
        let here = || ipv4(VM1, theirs).tcp(5000, 5000);
        let syn = lab.send("vm1", here().syn().seq(100));
        let (port, _) = syn.only().seen().ipv4().ports().unwrap();
        let there = || ipv4(theirs, ours).tcp(5000, port);
        assert_eq!(lab.send(peer, there().syn().seq(500)).only().to, "vm1", "{ours}: the SYNs cross");
        assert_eq!(lab.send("vm1", here().syn().seq(100).ack(501)).only().to, peer);
        assert_eq!(lab.send(peer, there().syn().seq(500).ack(101)).only().to, "vm1");
        assert_eq!(lab.flows()[0].state, State::Established);
        lab.send("vm1", here().fin().seq(101).ack(501));
        for _ in 0..10 {
            lab.advance(Duration::from_secs(200));
            assert_eq!(lab.send(peer, there().seq(501).ack(102).data(10)).only().to, "vm1");
        }
        lab.expect([("forwarded", 15), ("originated", 0)]);
    }
}

#[test]
fn half_open_dies_early_and_a_reset_soon() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 80).syn());
    lab.advance(Duration::from_secs(29));
    assert_eq!(lab.held()[0], 1);
    lab.advance(Duration::from_secs(2));
    assert_eq!(lab.held()[0], 0);
    let port = open(&mut lab, 5000);
    lab.send("internet", ipv4(FAR, SHARED).tcp(443, port).rst().seq(501));
    lab.advance(Duration::from_secs(16));
    assert_eq!((lab.held(), lab.pools().used_total()), ([0, 0, 0], 0));
}
