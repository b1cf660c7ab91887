//! Whatever comes in: nothing panics, nothing is lost count of, and nothing comes out that is not admitted.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

#[path = "../common/mod.rs"]
mod common;
mod inputs;

use common::*;
use inputs::{HOSTS, HOSTS_V6, Input, Out, What, inputs};
use model::{Access, Direction, Network};
use packet::{Address, AttachmentId, Checksum, FlowKey, Frame, Time};
use pipeline::{Engine, FlowView, Settings, Shared};
use policy::Tuple;
use proptest::prelude::*;
use snapshot::Names;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{Body, Ip, OwnedFrame, Transport, arp_reply, neighbour_advertisement, read};
use testkit::lab::Blueprint;

const INTERNET: AttachmentId = AttachmentId(0);

fn run(policies: &[Blueprint; 2], inputs: &[Input]) -> usize {
    let mut names = Names::default();
    let mut snapshots = [policies[0].snapshot(&mut names), policies[1].snapshot(&mut names)];
    let settings = Settings { capacity: 24, seed: [1, 2], worker: 0, workers: 1 };
    let shared = Shared::new(nat::Pools::new([3, 4]), [5, 6]);
    let mut engine = Engine::new(Arc::clone(&snapshots[0]), settings, shared).unwrap();
    let mut now = Time::from_nanos(1);
    let mut left: Vec<Out> = Vec::new();
    for input in inputs {
        if let What::Reload = input.what {
            snapshots.swap(0, 1);
            engine.replace(Arc::clone(&snapshots[0]));
        }
        let Some((on, frame)) = input.frame(&left) else { continue };
        let mut out: Vec<Out> = Vec::new();
        let before = engine.flows(now, 0, 100).0;
        receive(&mut engine, now, on, frame, &mut out);
        settle(&mut engine, now, &mut out);
        let after = engine.flows(now, 0, 100).0;
        let new = |flow: &&FlowView| !before.iter().any(|old| ends(old) == ends(flow));
        after.iter().filter(new).for_each(|flow| check_admitted(&engine.snapshot().network, flow));
        let flows: Vec<FlowView> = before.into_iter().chain(after).collect();
        out.iter().for_each(|out| check_out(out, &flows));
        left.extend(out);
        pass(&mut engine, &mut now, input.then);
    }
    for _ in 0..3 {
        pass(&mut engine, &mut now, Duration::from_secs(241));
    }
    let shared = engine.shared();
    let left_behind = (engine.held(), shared.datagrams(), shared.waiting());
    assert_eq!(left_behind, ([0, 0], 0, 0), "everything returns to zero");
    left.len()
}

/// Lets time pass, and checks that every frame is accounted for.
fn pass(engine: &mut Engine, now: &mut Time, span: Duration) {
    *now = *now + span;
    engine.tick(*now);
    settle(engine, *now, &mut Vec::new());
    let counters = engine.counters();
    assert_eq!(counters.received.packets, counters.total().packets + engine.shared().waiting() as u64);
}

fn ends(flow: &FlowView) -> (FlowKey, FlowKey) {
    (flow.initiator, flow.responder)
}

fn receive(engine: &mut Engine, now: Time, on: AttachmentId, mut frame: OwnedFrame, out: &mut Vec<Out>) {
    let mut view = Frame { bytes: &mut frame.bytes, offload: frame.offload };
    let egress = engine.receive(now, on, &mut view).egress();
    let offload = view.offload;
    out.extend(egress.map(|to| (to, frame.bytes, offload)));
}

/// Takes the outbox out, and answers what is asked there.
fn settle(engine: &mut Engine, now: Time, out: &mut Vec<Out>) {
    loop {
        let mut frames = Vec::new();
        engine.outbox().drain(|frame| frames.push((frame.to, frame.bytes.clone(), frame.offload)));
        if frames.is_empty() {
            return;
        }
        for (to, bytes, offload) in frames {
            match read(&bytes).unwrap().body {
                Body::Arp(arp) if arp.operation == 1 => {
                    let (target, asker) = (arp.target.1.to_string(), arp.sender);
                    let reply =
                        arp_reply([2, 0, 0, 2, 0, to.0 as u8], &target, asker.0, &asker.1.to_string());
                    receive(engine, now, to, reply.into(), out);
                }
                Body::Ip(asked) if is_question(&asked) => {
                    let target: [u8; 16] = asked.payload[..16].try_into().unwrap();
                    let (target, asker) = (Ipv6Addr::from(target).to_string(), asked.source.to_string());
                    let mac = [2, 0, 0, 2, 0, to.0 as u8];
                    let reply = neighbour_advertisement(mac, &target, [2; 6], &asker).bytes();
                    receive(engine, now, to, reply.into(), out);
                }
                _ => out.push((to, bytes, offload)),
            }
        }
    }
}

fn is_question(packet: &Ip) -> bool {
    packet.protocol == 58 && matches!(packet.transport, Transport::Icmp { kind: 135, .. })
}

/// A new flow is admitted by the rules of now at both of its ends that are inside.
fn check_admitted(network: &Network, flow: &FlowView) {
    for (key, direction) in
        [(flow.initiator, Direction::Outbound), (flow.responder.reversed(), Direction::Inbound)]
    {
        let local = if direction == Direction::Outbound { key.source } else { key.destination };
        let Some(nic) = nic_of(network, &local.to_string()).filter(|_| is_private(local)) else { continue };
        let (access, rule) = by_reference(network, nic, direction, &Tuple::from(&key));
        assert_eq!(access, Access::Allow, "{key} {direction:?}, {rule:?}");
    }
}

/// What left belongs to a live flow, or the gateway made it itself; and nothing private is outside.
fn check_out((to, bytes, offload): &Out, flows: &[FlowView]) {
    let seen = read(bytes).unwrap();
    let Body::Ip(packet) = &seen.body else { return };
    assert!(packet.ip_checksum, "{seen}");
    if let Checksum::Partial { start, offset } = offload.checksum {
        assert!(usize::from(start) + usize::from(offset) + 2 <= bytes.len());
    }
    let own = if packet.source.is_ipv4() {
        ["10.0.1.1", "10.0.2.1", "203.0.113.2"]
    } else {
        ["fd00:a:0:1::1", "fd00:a:0:2::1", "2001:db8:ffff::2"]
    };
    let told = packet.protocol == 58 && matches!(packet.transport, Transport::Icmp { kind: 136, .. });
    let own = told || own.contains(&packet.source.to_string().as_str());
    if *to == INTERNET {
        assert!(
            told || !is_private(packet.source.into()) && !is_private(packet.destination.into()),
            "{seen}"
        );
    } else {
        let hosts = if packet.source.is_ipv4() { HOSTS } else { HOSTS_V6 };
        assert!(told || packet.destination.to_string() == hosts[usize::from(to.0)], "{seen}");
    }
    assert!(own || flows.iter().any(|flow| belongs(packet, flow)), "nothing admits {seen}");
}

/// Whether a packet that left is one that an end of the flow receives.
fn belongs(packet: &Ip, flow: &FlowView) -> bool {
    let received = [flow.initiator.reversed(), flow.responder.reversed()];
    let ends = |key: &FlowKey| {
        (Address::from(packet.source), Address::from(packet.destination)) == (key.source, key.destination)
            && packet.protocol == key.protocol.0
    };
    received.iter().any(|key| match &packet.transport {
        Transport::Fragment | Transport::Other => ends(key),
        Transport::Icmp { quoted: Some(quoted), .. } => {
            // The quoted packet is one that this end had sent.
            (Address::from(quoted.source), Address::from(quoted.destination)) == (key.destination, key.source)
                && quoted.protocol == key.protocol.0
        }
        Transport::Icmp { .. } => ends(key),
        Transport::Tcp { .. } | Transport::Udp { .. } => {
            ends(key) && packet.ports() == Some((key.source_port, key.destination_port))
        }
    })
}

fn is_private(address: Address) -> bool {
    match address.ip() {
        IpAddr::V4(v4) => v4.is_private() || v4.is_link_local() || v4.is_loopback() || v4.is_unspecified(),
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local() || v6.is_loopback(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_panics_and_nothing_slips_through(
        policies in (blueprints(), blueprints()),
        inputs in proptest::collection::vec(inputs(), 40),
    ) {
        run(&[policies.0, policies.1], &inputs);
    }
}

#[test]
fn the_generators_get_frames_through() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut left = 0;
    for _ in 0..50 {
        let policies = [(); 2].map(|()| blueprints().new_tree(&mut runner).unwrap().current());
        let inputs = proptest::collection::vec(inputs(), 40).new_tree(&mut runner).unwrap().current();
        left += run(&policies, &inputs);
    }
    assert!(left > 300, "only {left} frames left the gateway after 2,000 steps");
}
