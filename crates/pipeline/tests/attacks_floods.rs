//! One VM, or somebody outside, sends more than there is room for; another VM's traffic goes on.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod bystander;

use bystander::Bystander;
use packet::AttachmentId;
use pipeline::{DropReason, Ending};
use siphasher::sip::SipHasher13;
use std::time::Duration;
use testkit::build::{Draft, Tcp, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.10";
const PUBLIC: &str = "203.0.113.21";

/// Records that each worker has.
const RECORDS: usize = 200;

/// A lab whose workers have few records each, and how many workers there are.
fn small() -> (Blueprint, u16) {
    let workers = Blueprint::default().build().engines().len();
    (Blueprint::default().capacity(RECORDS * workers), workers as u16)
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn half_open_connections() {
    let mut lab = small().0.build();
    let mut bystander = Bystander::begin(&mut lab);
    for nth in 0..2_000u32 {
        lab.send("vm1", ipv4(VM1, FAR).tcp(1 + nth as u16, 443).syn().seq(nth));
        if nth % 100 == 0 {
            lab.expect([("forwarded", if nth == 0 { 1 } else { 100 })]);
            bystander.goes_on(&mut lab);
        }
    }
    lab.expect([("forwarded", 99)]);
    assert!(lab.engines().iter().all(|engine| engine.flow_usage().0 <= RECORDS));
    lab.advance(Duration::from_secs(32));
    assert!(lab.held()[0] < 30, "they die after 30 seconds");
}

#[test]
fn datagrams_to_random_ports() {
    let mut lab = small().0.build();
    let mut bystander = Bystander::begin(&mut lab);
    for nth in 0..2_000u32 {
        let ports = (nth.wrapping_mul(40_503) as u16, nth.wrapping_mul(2_654_435) as u16);
        lab.send("vm1", ipv4(VM1, FAR).udp(ports.0, ports.1));
        if nth % 100 == 99 {
            lab.expect([("forwarded", 100)]);
            bystander.goes_on(&mut lab);
        }
    }
}

/// Flows that are answered cannot be told from true ones: they are bounded by the share.
#[test]
fn answered_flows() {
    let (blueprint, workers) = small();
    let mut lab = blueprint.build();
    let mut bystander = Bystander::begin(&mut lab);
    let asked = 400 * workers;
    for nth in 0..asked {
        if !lab.send("vm1", ipv4(VM1, VM3).udp(1 + nth, 53)).frames.iter().any(|out| out.to == "vm3") {
            continue;
        }
        lab.send("vm3", ipv4(VM3, VM1).udp(53, 1 + nth));
    }
    for engine in lab.engines() {
        let refused = engine.counters().ended(Ending::Dropped(DropReason::FlowShareFull)).packets;
        assert!(refused > 150 && engine.flow_usage().0 <= RECORDS, "each worker has its share: {refused}");
    }
    let refused = lab.dropped(DropReason::FlowShareFull);
    lab.expect([
        ("forwarded", 2 * (i64::from(asked) - refused as i64)),
        ("flow-share-full", refused as i64),
        ("originated", refused as i64),
    ]);
    for _ in 0..40 {
        bystander.goes_on(&mut lab);
    }
}

#[test]
fn a_flood_from_outside_is_the_receivers() {
    let mut lab = small().0.public("vm1", PUBLIC).build();
    let mut bystander = Bystander::begin(&mut lab);
    for nth in 0..1_000u32 {
        let from = format!("198.51.{}.{}", nth / 200, 1 + nth % 200);
        lab.send("internet", ipv4(&from, PUBLIC).tcp(4_000, 80).syn());
    }
    lab.expect([("forwarded", 1_000)]);
    bystander.goes_on(&mut lab);
    for nth in 0..1_000 {
        lab.send("internet", ipv4(FAR, SHARED).tcp(4_000, 1_100 + nth).syn());
    }
    let guessed = lab.dropped(DropReason::NoMapping);
    assert_eq!(guessed, 1_000);
    lab.expect([("no-mapping", 1_000)]);
    bystander.goes_on(&mut lab);
}

/// 6888 REQ-4/5: vm1 is capped, and the others have what they need.
#[test]
fn one_vm_wants_all_ports() {
    let mut lab = Blueprint::default().capacity(5_000).ports_per_vm(1_024).build();
    let mut bystander = Bystander::begin(&mut lab);
    let flood = |lab: &mut Lab, to: &str, count: u32| {
        (0..count).for_each(|nth| drop(lab.send_directly("vm1", ipv4(VM1, to).udp(1 + nth as u16, 53))));
    };
    flood(&mut lab, FAR, 1_500);
    lab.expect([("forwarded", 1_024), ("snat-share-full", 476), ("originated", 476)]);
    bystander.goes_on(&mut lab);
    // Another destination has ports of its own, and live flows are not concerned.
    flood(&mut lab, "198.51.100.8", 10);
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 53));
    lab.send("vm2", ipv4("10.0.1.5", FAR).udp(1, 53));
    lab.expect([("forwarded", 12)]);
    lab.reload(|blueprint| blueprint.ports_per_vm(1_025));
    flood(&mut lab, FAR, 1_026);
    lab.expect([("forwarded", 1_025), ("snat-share-full", 1), ("originated", 1)]);
    lab.advance(Duration::from_secs(242));
    assert_eq!((lab.pools().used_total(), lab.pools().askers()), (0, 0));
}

/// What is over counts no longer: a VM at its cap that closes connections opens others.
#[test]
fn closed_connections_leave_the_share() {
    let mut lab = Blueprint::default().ports_per_vm(2).build();
    for nth in 0..20u16 {
        let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5_000 + nth, 80).syn().seq(100));
        let (port, _) = sent.only().seen().ipv4().ports().unwrap();
        lab.send("internet", ipv4(FAR, SHARED).tcp(80, port).rst().ack(101).seq(0));
    }
    lab.expect([("forwarded", 40)]);
    assert_eq!((lab.pools().used_total(), lab.pools().askers()), (20, 0));
}

/// vm1 closes a connection with the far side; its last packet, which keeps the record alive.
fn closed(lab: &mut Lab) -> Draft<Tcp> {
    let syn = lab.send("vm1", ipv4(VM1, FAR).tcp(4_000, 80).syn().seq(100));
    let (port, _) = syn.only().seen().ipv4().ports().unwrap();
    lab.send("internet", ipv4(FAR, SHARED).tcp(80, port).syn().ack(101).seq(500));
    lab.send("vm1", ipv4(VM1, FAR).tcp(4_000, 80).fin().ack(501).seq(101));
    lab.send("internet", ipv4(FAR, SHARED).tcp(80, port).fin().ack(102).seq(501));
    let last = ipv4(VM1, FAR).tcp(4_000, 80).ack(502).seq(102);
    lab.send("vm1", last.clone());
    assert_eq!(lab.flows()[0].state, flow::State::Closing);
    lab.expect([("forwarded", 5)]);
    last
}

/// What is kept of connections that are over is bounded by the records that linger, however often those change.
#[test]
fn one_connection_is_reset_and_opened_again_for_ever() {
    let mut lab = Blueprint::default().build();
    let last = closed(&mut lab);
    for nth in 0..3_000u32 {
        lab.send("vm1", ipv4(VM1, FAR).tcp(5_001, 80).syn().seq(nth));
        lab.send("vm1", ipv4(VM1, FAR).tcp(5_001, 80).rst().seq(nth + 1));
        if nth % 500 == 499 {
            lab.send("vm1", last.clone());
            lab.advance(Duration::from_secs(60));
            let (places, [flows, _, pools]) = (lab.lingering_places(), lab.held());
            assert!(flows <= 2 && pools == 1 && places <= 16, "{places} places for {flows} flows");
        }
    }
    lab.expect([("forwarded", 6_006)]);
    lab.advance(Duration::from_secs(300));
    assert_eq!((lab.held(), lab.lingering_places()), ([0, 0, 0], 0));
}

#[test]
fn memory_for_connections_that_are_over_goes_with_them_though_the_first_stays() {
    let mut lab = Blueprint::default().build();
    let last = closed(&mut lab);
    for nth in 0..900u16 {
        let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(5_000 + nth, 80).syn().seq(100));
        let (port, _) = sent.only().seen().ipv4().ports().unwrap();
        lab.send("internet", ipv4(FAR, SHARED).tcp(80, port).rst().ack(101).seq(0));
    }
    let places = lab.lingering_places();
    assert!((900..=3_600).contains(&places), "{places}");
    for _ in 0..5 {
        lab.send("vm1", last.clone());
        lab.advance(Duration::from_secs(60));
    }
    let places = lab.lingering_places();
    assert!(lab.held() == [1, 0, 1] && places <= 16, "{places}");
    lab.expect([("forwarded", 1_805)]);
}

#[test]
fn orphan_fragments() {
    let mut lab = Blueprint::default().build();
    let mut bystander = Bystander::begin(&mut lab);
    for id in 0..1_000 {
        lab.send("vm1", ipv4(VM1, VM3).protocol(17).id(id).fragment(80, false).data(8));
    }
    let full = lab.dropped(DropReason::FragmentsFull);
    assert!(full >= 900);
    lab.expect([("fragments-full", full as i64), ("waiting", 1_000 - full as i64)]);
    bystander.goes_on(&mut lab);
    let pieces = testkit::build::fragments(&ipv4("10.0.1.5", VM3).udp(1, 2).data(100).bytes(), 80);
    for piece in pieces.iter().rev() {
        lab.send("vm2", piece.clone());
    }
    lab.expect([("forwarded", 2)]);
    lab.advance(Duration::from_secs(2));
    lab.expect([("fragment-orphan", 1_000 - full as i64), ("waiting", full as i64 - 1_000)]);
    bystander.goes_on(&mut lab);
}

/// From the internet all come by one attachment: what one stranger sends to one machine is its affair alone.
#[test]
fn orphan_fragments_from_a_stranger() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).public("vm3", "203.0.113.23").build();
    let mut bystander = Bystander::begin(&mut lab);
    let orphan = |id| ipv4("198.51.100.66", PUBLIC).protocol(17).id(id).fragment(80, false).data(8);
    let first = |id| ipv4("198.51.100.66", PUBLIC).udp(1, 2).id(id).fragment(0, true).length(2008).data(1472);
    let pieces =
        |to: &str, id| testkit::build::fragments(&ipv4(FAR, to).udp(1, 2).id(id).data(200).bytes(), 80);
    // What waits halfway stays halfway.
    lab.send("internet", pieces("203.0.113.23", 9)[0].clone());
    lab.expect([("forwarded", 1)]);
    for id in 0..1_500 {
        lab.send("internet", orphan(id));
        lab.send("internet", first(10_000 + id));
    }
    let waiting = 1_500 - lab.dropped(DropReason::FragmentsFull) as i64;
    assert!(waiting <= 64, "{waiting}");
    lab.expect([("forwarded", 1_500), ("fragments-full", 1_500 - waiting), ("waiting", waiting)]);
    for piece in &pieces("203.0.113.23", 9)[1..] {
        assert_eq!(lab.send("internet", piece.clone()).only().to, "vm3");
    }
    lab.expect([("forwarded", 2)]);
    // Others reach vm3, and vm1 itself.
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (id, order) in (100..).zip(orders) {
        for to in ["203.0.113.23", PUBLIC] {
            for nth in order {
                lab.send("internet", pieces(to, id)[nth].clone());
            }
            lab.expect([("forwarded", 3)]);
        }
    }
    bystander.goes_on(&mut lab);
    lab.advance(Duration::from_secs(2));
    lab.expect([("fragment-orphan", waiting), ("waiting", -waiting)]);
}

/// Tuples of `vm1` and `vm3` that all lie in one of so many chains, under a seed that the sender knows.
fn colliding(chains: u32, seed: [u64; 2], scope: u16) -> impl Iterator<Item = (u16, u16)> {
    let hash = SipHasher13::new_with_keys(seed[0], seed[1]);
    (0..u32::MAX).map(|nth| ((nth >> 16) as u16 + 1, nth as u16)).filter(move |(from, to)| {
        let ends = 0x0a00_0104_0a00_0204_u64;
        let rest = u64::from(*from) << 40 | u64::from(*to) << 24 | u64::from(scope) << 8 | 17;
        (hash.hash([ends, rest].map(u64::to_le_bytes).as_flattened()) as u32).is_multiple_of(chains)
    })
}

/// Whoever knows the seed fills one chain; under a secret one the same flood is as any other.
#[test]
fn hash_collisions() {
    const KNOWN: [u64; 2] = [0, 0];
    for (seed, is_known) in [(KNOWN, true), ([0, 1], false), ([0x5eed, 0xfeed], false)] {
        let mut lab = Blueprint::default().one_worker().capacity(500).flow_seed(seed).build();
        let mut bystander = Bystander::begin(&mut lab);
        let scope = lab.snapshot().link(AttachmentId(1)).unwrap().scope.0;
        for (from, to) in colliding(2_048, KNOWN, scope).take(100) {
            lab.send("vm1", ipv4(VM1, VM3).udp(from, to));
        }
        lab.expect([("forwarded", 100)]);
        let longest = lab.engines()[0].longest_chain();
        assert_eq!(longest >= 100, is_known, "a lookup reads {longest} records");
        assert!(is_known || longest < 9, "a lookup reads {longest} records");
        bystander.goes_on(&mut lab);
    }
}

#[test]
fn a_scan_of_addresses_that_do_not_answer() {
    let mut lab = Blueprint::default().build();
    let mut bystander = Bystander::begin(&mut lab);
    lab.silence("internet");
    for nth in 0..400 {
        lab.send("vm1", ipv4(VM1, &format!("203.0.113.{}", 30 + nth % 200)).udp(1_000 + nth, 53));
    }
    let full = lab.dropped(DropReason::NeighboursFull) as i64;
    lab.expect([("neighbours-full", full), ("waiting", 400 - full), ("originated", 200)]);
    assert!(full >= 144, "at most 256 packets wait");
    bystander.goes_on(&mut lab);
    drop(lab.advance(Duration::from_secs(4)));
    assert_eq!(lab.dropped(DropReason::NoNeighbour) as i64, 400 - full);
}
