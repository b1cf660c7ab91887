//! Several workers share an attachment: every frame arrives at the worker that is its flow's home. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{L, PATIENCE, R, Site, Wire, number, numbered, relay_all};
use io::{Backend, Error, Ports, Reception};
use packet::home;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngSeed, TestRunner};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testbed::netns::eventually;
use testbed::raw::Raw;

const V4: u16 = 0x0800;
const V6: u16 = 0x86dd;

/// A frame and the two numbers whose home it should find; `None` where it can have none.
type Case = (Vec<u8>, Option<(u16, u16)>);

/// An IPv4 packet with so many words of options and this fragment field.
fn v4(protocol: u8, options: u8, fragment: u16, identification: u16, payload: &[u8]) -> Vec<u8> {
    let header = 20 + usize::from(options) * 4;
    let length = (header + payload.len()) as u16;
    let mut packet = vec![0x45 + options, 0];
    packet.extend(length.to_be_bytes());
    packet.extend(identification.to_be_bytes());
    packet.extend(fragment.to_be_bytes());
    packet.extend([64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    // No-operations, so that a program that overlooks them reads them as ports.
    packet.resize(header, 1);
    packet.extend(payload);
    packet
}

fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((payload.len() as u16).to_be_bytes());
    packet.extend([next, 64]);
    packet.extend([0x20; 32]);
    packet.extend(payload);
    packet
}

fn bytes(ports: (u16, u16), length: usize) -> Vec<u8> {
    let mut payload = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    payload.resize(length, 0x5a);
    payload
}

fn echo(kind: u8, identifier: u16) -> Vec<u8> {
    let [high, low] = identifier.to_be_bytes();
    vec![kind, 0, 0, 0, high, low, 0, 1, 9, 9, 9, 9]
}

fn case() -> impl Strategy<Value = Case> {
    let ports = any::<(u16, u16)>();
    let transport = (prop_oneof![Just(6u8), Just(17)], 0u8..=10, ports, any::<u16>());
    prop_oneof![
        4 => transport.clone().prop_map(|(protocol, options, ports, id)| {
            (frame(V4, v4(protocol, options, 0x4000, id, &bytes(ports, 24))), Some(ports))
        }),
        4 => transport.clone().prop_map(|(protocol, _, ports, _)| {
            (frame(V6, v6(protocol, &bytes(ports, 24))), Some(ports))
        }),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(identifier, is_reply)| {
            let kind = if is_reply { 0 } else { 8 };
            (frame(V4, v4(1, 0, 0, 7, &echo(kind, identifier))), Some((identifier, 8)))
        }),
        1 => (any::<u16>(), any::<bool>()).prop_map(|(identifier, is_reply)| {
            (frame(V6, v6(58, &echo(128 + u8::from(is_reply), identifier))), Some((identifier, 128)))
        }),
        2 => (transport.clone(), 0u16..0x4000).prop_map(|((protocol, options, ports, id), field)| {
            // Anything but zero: the first fragment, later ones, the last one.
            let field = if field == 0 { 0x2000 } else { field };
            (frame(V4, v4(protocol, options, field, id, &bytes(ports, 24))), Some((id, 0)))
        }),
        1 => (transport, any::<u32>(), any::<u16>()).prop_map(|((protocol, _, ports, id), more, field)| {
            let mut payload = vec![protocol, 0];
            payload.extend(field.to_be_bytes());
            payload.extend((more << 16 | u32::from(id)).to_be_bytes());
            payload.extend(bytes(ports, 16));
            (frame(V6, v6(44, &payload)), Some((id, 0)))
        }),
        1 => (any::<u8>(), ports).prop_map(|(protocol, ports)| {
            let protocol = if [1, 6, 17].contains(&protocol) { 50 } else { protocol };
            (frame(V4, v4(protocol, 0, 0, 7, &bytes(ports, 24))), None)
        }),
        1 => (any::<u8>(), any::<u16>()).prop_map(|(kind, identifier)| {
            let kind = if [0, 8].contains(&kind) { 3 } else { kind };
            (frame(V4, v4(1, 0, 0, 7, &echo(kind, identifier))), None)
        }),
        // Hop-by-hop options, an unknown Ethernet type, a packet without room for ports.
        1 => any::<(u16, u16)>().prop_map(|ports| (frame(V6, v6(0, &bytes(ports, 24))), None)),
        1 => any::<(u16, u16)>().prop_map(|ports| (frame(0x88b5, v4(6, 0, 0, 7, &bytes(ports, 24))), None)),
        1 => (0usize..4).prop_map(|length| (frame(V4, v4(17, 0, 0, 7, &vec![0xff; length])), None)),
    ]
}

fn frame(kind: u16, packet: Vec<u8>) -> Vec<u8> {
    [&[0; 12][..], &kind.to_be_bytes(), &packet].concat()
}

/// The workers' ports of the gateway's left interface, one set each.
fn workers(site: &Site, wire: Wire, count: usize) -> (Vec<Ports>, [u8; 6]) {
    let (interface, ports) = site.open(wire, "vl", Reception::Own, count);
    let with = |port| {
        let mut ports = Ports::new().unwrap();
        ports.put(L, port);
        ports
    };
    (ports.into_iter().map(with).collect(), interface.mac)
}

/// Sends the cases, each with its number as the sender, and says who received each.
fn deliver(left: &Raw, to: [u8; 6], cases: &[Case], workers: &mut [Ports]) -> Vec<usize> {
    for (nth, (frame, _)) in cases.iter().enumerate() {
        let mut frame = frame.clone();
        frame[..6].copy_from_slice(&to);
        frame[6..8].copy_from_slice(&[0x02, 0x77]);
        frame[8..12].copy_from_slice(&(nth as u32).to_be_bytes());
        left.send(&frame);
    }
    let mut seen = vec![usize::MAX; cases.len()];
    let mut missing = cases.len();
    let arrived = eventually(PATIENCE, || {
        for (worker, ports) in workers.iter_mut().enumerate() {
            let taken = ports.relay(L, 100_000, |frame| {
                if let [_, _, _, _, _, _, 0x02, 0x77, number @ ..] = &frame.bytes[..12] {
                    let number = u32::from_be_bytes(number.try_into().unwrap()) as usize;
                    assert_eq!(seen[number], usize::MAX, "case {number} came twice");
                    seen[number] = worker;
                    missing -= 1;
                }
                None
            });
            taken.unwrap();
        }
        (missing == 0).then_some(())
    });
    assert!(arrived.is_some(), "{missing} of {} frames are missing", cases.len());
    seen
}

fn generate(runner: &mut TestRunner, count: usize) -> Vec<Case> {
    (0..count).map(|_| case().new_tree(runner).unwrap().current()).collect()
}

fn runner() -> TestRunner {
    TestRunner::new(ProptestConfig { rng_seed: RngSeed::Fixed(20_261_120), ..ProptestConfig::default() })
}

fn check(cases: &[Case], seen: &[usize], workers: usize) {
    for ((frame, ports), worker) in cases.iter().zip(seen) {
        let expected = ports.map_or(0, |(one, other)| home(one, other, workers));
        assert_eq!(*worker, expected, "{workers} workers, {ports:?}: {frame:x?}");
    }
}

fn every_frame_comes_home(wire: Wire) {
    let mut runner = runner();
    for count in [2, 3, 4, 7] {
        let site = Site::on(wire);
        let (mut workers, mac) = workers(&site, wire, count);
        let left = Raw::open(&site.left, "eth0");
        for _ in 0..4 {
            let cases = generate(&mut runner, 500);
            let seen = deliver(&left, mac, &cases, &mut workers);
            check(&cases, &seen, count);
            assert!((0..count).all(|worker| seen.contains(&worker)), "each has a share");
        }
    }
}

#[test]
fn a_fan_out_group_sends_every_frame_home() {
    every_frame_comes_home(Wire::Veth);
}

#[test]
fn a_tap_device_sends_every_frame_home() {
    every_frame_comes_home(Wire::Tap);
}

/// The kernel takes the sockets of a link that went down out of their group, and puts them back one by one.
#[test]
fn workers_keep_their_numbers_when_a_link_comes_back() {
    let mut runner = runner();
    for wire in [Wire::Veth, Wire::Tap] {
        let site = Site::on(wire);
        let (mut workers, mac) = workers(&site, wire, 4);
        for _ in 0..3 {
            site.left.ip("link set eth0 down");
            if wire == Wire::Veth {
                site.gateway.ip("link set vl down");
                site.gateway.ip("link set vl up");
            }
            site.left.ip("link set eth0 up");
            let left = Raw::open(&site.left, "eth0");
            workers.iter_mut().for_each(|ports| ports.wait(Duration::ZERO).unwrap());
            let cases = generate(&mut runner, 200);
            let seen = deliver(&left, mac, &cases, &mut workers);
            check(&cases, &seen, 4);
        }
    }
}

/// To form a group takes the kernel a while, in which frames go on coming in.
#[test]
fn no_frame_comes_twice_while_workers_are_opened() {
    let site = Site::on(Wire::Veth);
    let (left, mac) = (Raw::open(&site.left, "eth0"), site.interface("vl").mac);
    let is_over = AtomicBool::new(false);
    let (mut workers, sent) = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let numbers = (0..).take_while(|_| !is_over.load(Ordering::Relaxed));
            let send = |number| {
                left.send(&numbered(mac, number, 60));
                // A ring that is full hides what comes twice.
                std::thread::sleep(Duration::from_micros(50));
            };
            numbers.map(send).count()
        });
        let (workers, _) = workers(&site, Wire::Veth, 4);
        is_over.store(true, Ordering::Relaxed);
        (workers, sender.join().unwrap())
    });
    assert!(sent > 100, "{sent} frames");
    let mut seen = HashSet::new();
    for ports in &mut workers {
        let heard = ports.relay(L, 100_000, |frame| {
            let is_new = number(frame.bytes).is_none_or(|number| seen.insert(number));
            assert!(is_new, "{:?} of {sent} came twice", number(frame.bytes));
            None
        });
        heard.unwrap();
    }
    let cases = generate(&mut runner(), 200);
    let seen = deliver(&left, mac, &cases, &mut workers);
    check(&cases, &seen, 4);
}

/// Two gateways in one namespace never share a group, and what one sends the other's workers do not receive.
#[test]
fn groups_are_apart_and_deaf_to_what_leaves() {
    let site = Site::on(Wire::Veth);
    let (mut one, mac) = workers(&site, Wire::Veth, 2);
    let (mut other, _) = workers(&site, Wire::Veth, 2);
    let left = Raw::open(&site.left, "eth0");
    let cases = generate(&mut runner(), 200);
    let seen = deliver(&left, mac, &cases, &mut one);
    check(&cases, &seen, 2);
    // Of what `deliver` has sent, and of what is sent below.
    let heard = |workers: &mut [Ports]| {
        let [mut delivered, mut left] = [0, 0];
        for ports in workers {
            let look = |frame: &mut packet::Frame<'_>| {
                delivered += u64::from(frame.bytes[6..8] == [0x02, 0x77]);
                left += u64::from(frame.bytes[..12] == [0; 12]);
                None
            };
            ports.relay(L, 10_000, look).unwrap();
        }
        (delivered, left)
    };
    assert_eq!(heard(&mut other), (200, 0), "a copy for each group");
    for nth in 0..100u16 {
        let frame = frame(V4, v4(17, 0, 0, 7, &bytes((nth, 9), 24)));
        one[0].send(L, &frame, packet::Offload::default());
    }
    assert_eq!(one[0].statistics(L).sent, 100);
    assert_eq!([heard(&mut one), heard(&mut other)], [(0, 0); 2]);
}

#[test]
fn a_worker_sends_by_a_port_that_another_receives_on() {
    for wire in [Wire::Veth, Wire::Tap] {
        let site = Site::on(wire);
        let (_, right) = site.open(wire, "vr", Reception::Own, 2);
        let (mut workers, mac) = workers(&site, wire, 2);
        workers.iter_mut().zip(right).for_each(|(ports, port)| ports.put(R, port));
        let (left, far) = (Raw::open(&site.left, "eth0"), Raw::open(&site.right, "eth0"));
        let cases: Vec<_> = (0..200u16)
            .map(|nth| (frame(V4, v4(17, 0, 0, nth, &bytes((nth, 53), 24))), Some((nth, 53))))
            .collect();
        for (nth, (frame, _)) in cases.iter().enumerate() {
            let mut frame = frame.clone();
            frame[..6].copy_from_slice(&mac);
            frame[11] = nth as u8;
            left.send(&frame);
        }
        for (worker, ports) in workers.iter_mut().enumerate() {
            let share = (0..200).filter(|nth| home(*nth, 53, 2) == worker).count();
            relay_all(ports, L, share, |frame| {
                let port = u16::from_be_bytes(frame.bytes[34..36].try_into().unwrap());
                (frame.bytes[12..14] == V4.to_be_bytes()).then(|| assert_eq!(home(port, 53, 2), worker))?;
                Some(R)
            });
        }
        let mut heard = Vec::new();
        while heard.len() < 200 {
            let next = far.hear(PATIENCE, |frame| frame.get(12..14) == Some(&V4.to_be_bytes())).unwrap();
            heard.push(u16::from_be_bytes(next[34..36].try_into().unwrap()));
        }
        for worker in 0..2 {
            let flows = heard.iter().filter(|port| home(**port, 53, 2) == worker);
            assert!(flows.is_sorted(), "{wire:?}: worker {worker} kept the order");
        }
    }
}

#[test]
fn a_single_worker_has_no_group_and_a_link_that_is_down_may_be_opened() {
    let site = Site::on(Wire::Veth);
    site.gateway.ip("link set vl down");
    let (_, ports) = site.open(Wire::Veth, "vl", Reception::Own, 1);
    assert_eq!(ports.len(), 1);
    // From 6.13 on a group can be formed on it, too; before, it says why not.
    let interface = site.interface("vl");
    let opened = site.gateway.enter(|| io::open(&interface, Backend::AfPacket, Reception::Own, 2));
    match opened {
        Ok(ports) => {
            let mut workers: Vec<Ports> = ports
                .into_iter()
                .map(|port| {
                    let mut ports = Ports::new().unwrap();
                    ports.put(L, port);
                    ports
                })
                .collect();
            site.gateway.ip("link set vl up");
            workers.iter_mut().for_each(|ports| ports.wait(Duration::ZERO).unwrap());
            let cases = generate(&mut runner(), 200);
            let seen = deliver(&Raw::open(&site.left, "eth0"), interface.mac, &cases, &mut workers);
            check(&cases, &seen, 2);
        }
        Err(error) => assert!(matches!(error, Error::Down(_)), "{error}"),
    }
}
