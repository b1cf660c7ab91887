//! What is bounded, how it ends, and that everything returns to zero.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use std::collections::HashSet;
use std::time::Duration;
use testkit::build::ipv4;
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";

/// Sends the first packets of so many UDP flows to the far side, and returns the ports that it saw.
fn fill(lab: &mut Lab, vm: &str, from: &str, flows: u32) -> Vec<u16> {
    let send = |nth: u32| {
        let frame = ipv4(from, FAR).udp(1 + (nth % 65_000) as u16, 1 + (nth / 65_000) as u16);
        let sent = lab.send(vm, frame);
        sent.frames.first().and_then(|out| Some(out.seen().ipv4().ports()?.0))
    };
    (0..flows).filter_map(send).collect()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn exactly_64_511_flows_to_one_destination() {
    let mut lab = Blueprint::default().capacity(100_000).build();
    let mut ports = fill(&mut lab, "vm1", VM1, 32_000);
    ports.extend(fill(&mut lab, "vm2", VM2, 64_511 - 32_000));
    let seen: HashSet<u16> = ports.iter().copied().collect();
    assert_eq!((ports.len(), seen.len()), (64_511, 64_511), "each has a port of its own");
    assert_eq!((ports.iter().min(), ports.iter().max()), (Some(&1025), Some(&65_535)));
    lab.expect([("forwarded", 64_511)]);
    let explained = lab.explain("vm1", ipv4(VM1, FAR).udp(64_999, 9));
    assert_eq!(explained.ending.map(|ending| ending.slug()), Some("snat-ports-exhausted"));
    lab.send("vm1", ipv4(VM1, FAR).udp(64_999, 9));
    lab.send("vm2", ipv4(VM2, FAR).udp(64_999, 9));
    lab.expect([("snat-ports-exhausted", 2), ("originated", 2)]);
    // Another destination, another protocol, a live flow and an address of one's own are not concerned.
    lab.send("vm1", ipv4(VM1, "198.51.100.8").udp(64_999, 9));
    lab.send("vm1", ipv4(VM1, FAR).tcp(64_999, 9).syn());
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 1));
    lab.expect([("forwarded", 3)]);
    lab.advance(Duration::from_secs(242));
    assert_eq!((lab.held(), lab.pools().used_total(), lab.pools().destinations()), ([0, 0, 0], 0, 0));
    lab.send("vm1", ipv4(VM1, FAR).udp(64_999, 9));
    lab.expect([("forwarded", 1)]);
}

/// A lab whose ports towards the far side are all taken by TCP connections, and the ports in their order.
fn exhausted_by_tcp() -> (Lab, Vec<u16>) {
    let mut lab = Blueprint::default().capacity(100_000).build();
    let mut ports = Vec::new();
    for nth in 0..64_511u32 {
        let (vm, from) = if nth % 2 == 0 { ("vm1", VM1) } else { ("vm2", VM2) };
        let sent = lab.send(vm, ipv4(from, FAR).tcp(1 + (nth / 2) as u16, 443).syn().seq(100));
        ports.push(sent.only().seen().ipv4().ports().unwrap().0);
    }
    lab.expect([("forwarded", 64_511)]);
    (lab, ports)
}

#[test]
fn a_closed_connection_gives_its_port_up_oldest_first() {
    let (mut lab, ports) = exhausted_by_tcp();
    let reset = |lab: &mut Lab, nth: usize| {
        lab.send("internet", ipv4(FAR, SHARED).tcp(443, ports[nth]).rst().ack(101).seq(0));
    };
    lab.send("vm1", ipv4(VM1, FAR).tcp(60_000, 443).syn());
    lab.expect([("snat-ports-exhausted", 1), ("originated", 1)]);
    for nth in [70, 50, 60] {
        reset(&mut lab, nth);
    }
    lab.expect([("forwarded", 3)]);
    for (port, nth) in [(60_000, 70), (60_001, 50), (60_002, 60)] {
        let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(port, 443).syn());
        assert_eq!(sent.only().seen().ipv4().ports(), Some((ports[nth], 443)));
    }
    lab.send("vm1", ipv4(VM1, FAR).tcp(60_003, 443).syn());
    lab.expect([("forwarded", 3), ("snat-ports-exhausted", 1), ("originated", 1)]);
    // Its own tuple anew, while it is the only one that lingers.
    reset(&mut lab, 80);
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(41, 443).syn().seq(9999));
    assert_eq!(sent.only().seen().ipv4().ports(), Some((ports[80], 443)));
    lab.expect([("forwarded", 2)]);
    lab.advance(Duration::from_secs(32));
    assert_eq!((lab.held(), lab.pools().used_total()), ([0, 0, 0], 0));
}

#[test]
fn a_full_table_drops_new_flows_and_keeps_live_ones() {
    let mut lab = Blueprint::default().capacity(10).one_worker().build();
    for port in 1..=9 {
        lab.send("vm1", ipv4(VM1, VM2).udp(port, 53));
        lab.send("vm2", ipv4(VM2, VM1).udp(53, port));
    }
    lab.expect([("forwarded", 18)]);
    let explained = lab.explain("vm1", ipv4(VM1, VM2).udp(11, 53));
    assert_eq!(explained.ending.map(|ending| ending.slug()), Some("flow-share-full"));
    lab.send("vm1", ipv4(VM1, VM2).udp(11, 53));
    lab.expect([("flow-share-full", 1), ("originated", 1)]);
    lab.send("vm1", ipv4(VM1, VM2).udp(9, 53));
    lab.expect([("forwarded", 1)]);
    // The others have three places each, whatever the first one holds.
    for port in 1..=4 {
        lab.send("vm2", ipv4(VM2, VM3).udp(port, 53));
        lab.send("vm3", ipv4(VM3, VM2).udp(53, port));
    }
    lab.expect([("forwarded", 7), ("flow-share-full", 1), ("originated", 1)]);
    lab.advance(Duration::from_secs(241));
    lab.send("vm1", ipv4(VM1, VM2).udp(11, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_full_table_takes_no_port() {
    let mut lab = Blueprint::default().capacity(1).one_worker().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(1, 53));
    lab.send("vm2", ipv4(VM2, VM1).udp(53, 1));
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 53));
    lab.send("vm2", ipv4(VM2, FAR).udp(1, 53));
    lab.expect([("forwarded", 2), ("flow-share-full", 1), ("flow-table-full", 1), ("originated", 2)]);
    assert_eq!(lab.pools().used_total(), 0);
}

#[test]
fn half_open_connections_make_room() {
    let mut lab = Blueprint::default().capacity(10).one_worker().build();
    for port in 1..=9 {
        lab.send("vm1", ipv4(VM1, FAR).tcp(port, 80).syn());
    }
    lab.send("vm1", ipv4(VM1, VM2).udp(1, 53));
    for port in 10..=30 {
        lab.send("vm1", ipv4(VM1, FAR).tcp(port, 80).syn());
    }
    lab.send("vm1", ipv4(VM1, VM2).udp(1, 53));
    lab.expect([("forwarded", 32)]);
    assert_eq!((lab.held()[0], lab.pools().used_total()), (9, 8), "the last eighth is for others");
}

#[test]
fn closed_connections_that_are_evicted_leave_nothing_behind() {
    let mut lab = Blueprint::default().capacity(4).one_worker().build();
    for nth in 0..20 {
        let far = format!("198.51.100.{nth}");
        let sent = lab.send("vm1", ipv4(VM1, &far).tcp(5000, 80).syn().seq(100));
        let (port, _) = sent.only().seen().ipv4().ports().unwrap();
        lab.send("internet", ipv4(&far, SHARED).tcp(80, port).rst().ack(101).seq(0));
    }
    lab.expect([("forwarded", 40)]);
    let [flows, _, lingering] = lab.held();
    assert_eq!((flows, lingering), (4, 4), "as many as are left");
    lab.advance(Duration::from_secs(20));
    assert_eq!((lab.held(), lab.pools().used_total()), ([0, 0, 0], 0));
}

#[test]
fn idle_flows_give_their_ports_back() {
    let mut lab = Blueprint::default().idle(Duration::from_secs(2)).build();
    fill(&mut lab, "vm1", VM1, 500);
    assert_eq!((lab.held()[0], lab.pools().used_total()), (500, 500));
    lab.advance(Duration::from_millis(1900));
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 1));
    lab.advance(Duration::from_millis(400));
    assert_eq!((lab.held()[0], lab.pools().used_total()), (1, 1));
    lab.advance(Duration::from_secs(2));
    assert_eq!((lab.held(), lab.pools().used_total()), ([0, 0, 0], 0));
}

/// RFC 5508, REQ-8: whoever is inside is told, in bounds; nobody outside is.
#[test]
fn a_sender_inside_is_told_that_nothing_is_left() {
    let blueprint = Blueprint::default().capacity(1).public("vm3", "203.0.113.23");
    let mut lab = blueprint.one_worker().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(1, 53));
    lab.send("vm2", ipv4(VM2, VM1).udp(53, 1));
    lab.expect([("forwarded", 2)]);
    let told = lab.send("vm1", ipv4(VM1, FAR).udp(7, 53));
    let line = "vm1: icmp 10.0.1.1 > 10.0.1.4 type 3 code 13 [udp 10.0.1.4:7 > 198.51.100.7:53] ttl 64";
    assert_eq!(told.lines(), [line]);
    let explained = lab.explain("vm1", ipv4(VM1, FAR).udp(7, 53));
    assert_eq!(explained.told, Some(pipeline::IcmpError::Prohibited));
    lab.expect([("flow-share-full", 1), ("originated", 1)]);
    for _ in 0..1_499 {
        lab.send("vm1", ipv4(VM1, FAR).udp(7, 53));
    }
    lab.expect([("flow-share-full", 1_499), ("originated", 999)]);
    assert_eq!(lab.send("internet", ipv4(FAR, "203.0.113.23").udp(9, 53)).lines(), [""; 0]);
    lab.expect([("flow-table-full", 1)]);
}
