//! The same cases over every backend: packet rings, TAP devices, pnet. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Bridge, L, PATIENCE, R, Site, Wire, number, numbered, relay_all, relay_numbered, transfer};
use io::{Backend, Error, Event, Interface, Leaving, LinkState, Parcel, Ports, Reception, Unsent, tap};
use packet::{AttachmentId, Checksum, Offload, SegmentKind, Segments};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use testbed::netns::eventually;
use testbed::raw::Raw;
use testkit::build::{OwnedFrame, ipv4, wire};

fn leaving_to(to: AttachmentId, length: usize) -> Leaving {
    let mut parcel = Parcel::with_capacity(length);
    parcel.fill(&vec![0xff; length]);
    Leaving { to, parcel, offload: Offload::default() }
}

fn length(number: u32) -> usize {
    60 + (number as usize * 97) % 1455
}

/// What the two stacks say on their own when a link comes up is over.
fn settle(links: &mut Ports) {
    while [L, R].map(|id| links.relay(id, 64, |_| None).unwrap()) != [0, 0] {}
}

#[test]
fn a_transfer_crosses_whole_in_both_directions() {
    const SIZE: usize = 8 << 20;
    for (left, right) in
        [(Wire::Tap, Wire::Tap), (Wire::Tap, Wire::Veth), (Wire::Pnet, Wire::Pnet), (Wire::Pnet, Wire::Tap)]
    {
        let site = Site::joined(left, right);
        let (links, _) = site.links(left, right, Reception::All);
        let longest = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
        let seen = longest.clone();
        let bridge = Bridge::start(links, move |from, frame| {
            seen[usize::from(from.0)].fetch_max(frame.bytes.len(), Ordering::Relaxed);
        });
        transfer(&site, SIZE);
        let links = bridge.stop();
        for (id, from, to) in [(L, left, right), (R, right, left)] {
            let longest = longest[usize::from(id.0)].load(Ordering::Relaxed);
            let (counted, there) = (links.statistics(id), links.statistics(AttachmentId(1 - id.0)));
            assert_eq!((counted.malformed, counted.foreign, counted.truncated), (0, 0, 0), "{counted:?}");
            // A pnet cannot take super-frames, nor say what an open checksum is; what it sends is finished.
            assert_eq!(longest > 20_000, from != Wire::Pnet, "{from:?}: {longest} bytes");
            assert_eq!(
                there.finished > 0,
                to == Wire::Pnet && from != Wire::Pnet,
                "{from:?} to {to:?}: {there:?}"
            );
        }
    }
}

#[test]
fn bytes_order_and_numbers_are_kept() {
    const COUNT: u32 = 900;
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let (left, right) = (Raw::open(&site.left, "eth0"), Raw::open(&site.right, "eth0"));
        settle(&mut links);
        let before = [L, R].map(|id| links.statistics(id));
        (0..COUNT).for_each(|nth| left.send(&numbered(mac, nth, length(nth))));
        relay_all(&mut links, L, COUNT as usize, |frame| number(frame.bytes).map(|_| R));
        for nth in 0..COUNT {
            let heard = right.hear(PATIENCE, |frame| number(frame).is_some()).unwrap();
            assert!(
                heard == numbered(mac, nth, length(nth)),
                "{wire:?}: frame {nth} is another or has changed"
            );
        }
        let after = [L, R].map(|id| links.statistics(id));
        assert_eq!(after[0].received - before[0].received, u64::from(COUNT), "{wire:?}: {:?}", after[0]);
        assert_eq!(after[1].sent - before[1].sent, u64::from(COUNT), "{wire:?}: {:?}", after[1]);
        assert_eq!((after[0].ring_drops, after[1].send_failures, after[1].refused), (0, 0, 0), "{wire:?}");
    }
}

#[test]
fn what_came_by_no_port_leaves_whole_and_in_its_order() {
    const COUNT: u32 = 3 * Ports::BATCH as u32 + 5;
    let everybody = [0xff; 6];
    let to = |number: u32| if number.is_multiple_of(3) { L } else { R };
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, _) = site.links(wire, wire, Reception::Own);
        let ends = [&site.left, &site.right].map(|end| Raw::open(end, "eth0"));
        settle(&mut links);
        let before = [L, R].map(|id| links.statistics(id).sent);
        let parcel = |number| {
            let mut parcel = Parcel::with_capacity(2048);
            parcel.fill(&numbered(everybody, number, length(number)));
            Leaving { to: to(number), parcel, offload: Offload::default() }
        };
        links.send_all(&mut (0..COUNT).map(parcel).collect::<Vec<_>>());
        for ((id, end), before) in [L, R].into_iter().zip(ends).zip(before) {
            let expected: Vec<_> = (0..COUNT).filter(|number| to(*number) == id).collect();
            for wanted in &expected {
                let frame = end.hear(PATIENCE, |frame| number(frame).is_some()).unwrap();
                assert_eq!(frame, numbered(everybody, *wanted, length(*wanted)), "{wire:?}: frame {wanted}");
            }
            assert_eq!(links.statistics(id).sent - before, expected.len() as u64, "{wire:?}");
        }
    }
}

#[test]
fn frames_for_other_machines_are_ours_only_when_asked_for() {
    for wire in Wire::ALL {
        for (reception, expected) in [(Reception::Own, vec![0, 1, 2]), (Reception::All, vec![0, 1, 2, 3])] {
            let site = Site::on(wire);
            let (mut links, mac) = site.links(wire, wire, reception);
            let left = Raw::open(&site.left, "eth0");
            settle(&mut links);
            let frames = [mac, [0xff; 6], [0x01, 0, 0x5e, 0, 0, 1], [0x02, 9, 9, 9, 9, 9]];
            (0u32..).zip(frames).for_each(|(number, to)| left.send(&numbered(to, number, 60)));
            let mut seen = Vec::new();
            relay_all(&mut links, L, 4, |frame| {
                seen.extend(number(frame.bytes));
                None
            });
            assert_eq!(seen, expected, "{wire:?}, {reception:?}");
            assert_eq!(links.statistics(L).foreign, 4 - expected.len() as u64, "{wire:?}");
        }
    }
}

/// A device that filters lets those groups through that its host has joined; the gateway's neighbours ask in others.
#[test]
fn multicasts_that_a_device_filters_are_heard() {
    let site = Site::new();
    site.gateway.ip("link add filtering link vl type macvlan mode bridge");
    site.gateway.ip("link set filtering up");
    let interface = site.interface("filtering");
    let open = || io::open(&interface, Backend::AfPacket, Reception::Own, 1);
    let mut links = Ports::new().unwrap();
    links.put(L, site.gateway.enter(open).unwrap().pop().unwrap());
    // The solicited-node group of 2001:db8::fe:dcba, which nobody here has.
    Raw::open(&site.left, "eth0").send(&numbered([0x33, 0x33, 0xff, 0xfe, 0xdc, 0xba], 7, 60));
    let mut seen = Vec::new();
    let heard = eventually(PATIENCE, || {
        links
            .relay(L, 64, |frame| {
                seen.extend(number(frame.bytes));
                None
            })
            .unwrap();
        (!seen.is_empty()).then_some(())
    });
    assert!(heard.is_some());
    assert_eq!(seen, [7]);
}

/// What the gateway sends with work left to the device arrives as the device would have made it.
#[test]
fn work_that_is_left_to_the_device_is_done_by_whoever_can() {
    for backend in Wire::ALL {
        let site = Site::on(backend);
        let (mut links, _) = site.links(backend, backend, Reception::Own);
        let right = Raw::open(&site.right, "eth0");
        settle(&mut links);
        let draft = || ipv4("10.9.9.1", "10.9.9.2");
        let mut datagrams = draft().udp(7, 8).data(5000).partial().frame();
        datagrams.offload.segments =
            Some(Segments { kind: SegmentKind::Udp, size: 1000, header: 42, ecn: false });
        let stream = draft().tcp(7, 8).seq(99).ack(1).data(7000).segments(1448).frame();
        let open = draft().udp(7, 8).payload(b"open").partial().frame();
        let finished = draft().udp(7, 8).payload(b"done").frame();
        for frame in [stream, datagrams, open, finished] {
            links.send(R, &frame.bytes, frame.offload);
            // A device at the other end of a veth or TAP takes the work over; nobody can at pnet's.
            let expected = match backend {
                Wire::Pnet => wire(&frame.bytes, frame.offload),
                Wire::Veth | Wire::Tap => vec![frame.bytes.clone()],
            };
            for expected in expected {
                let heard = right.hear(PATIENCE, |frame| frame.get(12..14) == Some(&[8, 0])).unwrap();
                assert!(heard == expected, "{backend:?}: {heard:x?}\n{expected:x?}");
            }
        }
        let counted = links.statistics(R);
        let finished = if backend == Wire::Pnet { 3 } else { 0 };
        assert_eq!((counted.sent, counted.finished, counted.refused), (4, finished, 0), "{backend:?}");
    }
}

/// A kernel that cuts in software is the judge of ours.
#[test]
fn super_frames_are_cut_as_the_kernel_cuts_them() {
    let site = Site::joined(Wire::Veth, Wire::Veth);
    site.gateway.run("ethtool -K vr tso off gso off tx off");
    let (mut links, _) = site.links(Wire::Veth, Wire::Veth, Reception::Own);
    let right = Raw::open(&site.right, "eth0");
    settle(&mut links);
    for (nth, length) in [1449usize, 3000, 30_001, 64_000].into_iter().enumerate() {
        let tcp = || ipv4("10.9.9.1", "10.9.9.2").tcp(7, 8).seq(u32::MAX - 2000).ack(1).id(65_530);
        let frames: [OwnedFrame; 3] = [
            tcp().flags(0xd9).options(&[1; 12]).data(length).segments(1448).frame(),
            tcp().dont_fragment().ip_options(&[1; 8]).data(length).segments(777).frame(),
            {
                let mut frame = ipv4("10.9.9.1", "10.9.9.2").udp(7, 8).id(9).data(length).partial().frame();
                let kind = SegmentKind::Udp;
                frame.offload.segments = Some(Segments { kind, size: 1400, header: 42, ecn: false });
                frame
            },
        ];
        for frame in frames {
            let before = links.statistics(R).sent;
            links.send(R, &frame.bytes, frame.offload);
            assert_eq!(links.statistics(R).sent, before + 1, "the kernel takes {:?}", frame.offload);
            let mut scratch = Vec::new();
            let is_sound = packet::segment(&frame.bytes, frame.offload, &mut scratch, |ours| {
                let kernels = right.hear(PATIENCE, |frame| frame.get(12..14) == Some(&[8, 0])).unwrap();
                assert!(kernels == ours, "case {nth}, {:?}:\n{kernels:x?}\n{ours:x?}", frame.offload);
            });
            assert!(is_sound);
        }
    }
}

#[test]
fn tags_are_seen_as_on_the_wire_or_the_frame_is_lost() {
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let left = Raw::open(&site.left, "eth0");
        settle(&mut links);
        let mut sent = numbered(mac, 5, 900);
        sent.splice(12..12, [0x81, 0x00, 0x20, 0x64]);
        left.send(&sent);
        let mut seen = Vec::new();
        relay_all(&mut links, L, 1, |frame| {
            seen.push(frame.bytes.to_vec());
            None
        });
        let counted = links.statistics(L);
        match wire {
            Wire::Pnet => assert_eq!((seen.len(), counted.malformed), (0, 1), "never as an untagged one"),
            Wire::Veth | Wire::Tap => assert!(seen == [sent], "{wire:?}"),
        }
    }
}

#[test]
fn a_wait_ends_by_a_frame_a_call_or_the_clock() {
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let left = Raw::open(&site.left, "eth0");
        settle(&mut links);
        let waker = links.waker();
        let mut waited = |limit| {
            let start = Instant::now();
            links.wait(limit).unwrap();
            start.elapsed()
        };
        let (moment, soon) = (Duration::from_millis(30), PATIENCE / 2);
        assert!(waited(moment) >= moment, "{wire:?}: nothing happened");
        waker.wake();
        assert!(waited(PATIENCE) < soon, "{wire:?}: a call that came before");
        assert!(waited(moment) >= moment, "{wire:?}: it has been answered");
        let later = thread::spawn(move || {
            thread::sleep(moment);
            waker.wake();
        });
        assert!(waited(PATIENCE) < soon, "{wire:?}: a call from another thread");
        later.join().unwrap();
        left.send(&numbered(mac, 1, 60));
        assert!(waited(PATIENCE) < soon, "{wire:?}: a frame");
    }
}

/// Waits for the right port to tell of a state; the number of its interface.
fn expect(links: &mut Ports, state: LinkState, when: &str) -> u32 {
    let event = eventually(PATIENCE, || {
        links.wait(Duration::from_millis(1)).unwrap();
        links.next_event()
    });
    assert!(event.is_some(), "{when}: nothing is told");
    let event = event.unwrap();
    assert_eq!(event, Event { attachment: R, state, ..event }, "{when}");
    event.interface
}

#[test]
fn a_link_that_goes_down_or_away_leaves_the_others_alone() {
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let left = Raw::open(&site.left, "eth0");
        settle(&mut links);
        // Whose interface it is that goes down; and the daemon lives in the gateway's namespace.
        let (owner, name) = if wire == Wire::Tap { (&site.right, "eth0") } else { (&site.gateway, "vr") };
        site.gateway.enter(|| {
            owner.ip(&format!("link set {name} down"));
            (0..10).for_each(|nth| left.send(&numbered(mac, nth, 60)));
            relay_numbered(&mut links, L, 10, |_| Some(R));
            assert_eq!(links.statistics(R).send_failures, 10, "{wire:?}");
            let interface = expect(&mut links, LinkState::Down, "down");
            if wire != Wire::Tap {
                assert_eq!(interface, io::interface::find("vr").unwrap().index, "{wire:?}");
            }
            owner.ip(&format!("link set {name} up"));
            expect(&mut links, LinkState::Up, "up");
            let right = Raw::open(&site.right, "eth0");
            left.send(&numbered(mac, 77, 60));
            relay_numbered(&mut links, L, 1, |_| Some(R));
            let heard = right.hear(PATIENCE, |frame| number(frame).is_some());
            assert_eq!(heard.as_deref().and_then(number), Some(77), "{wire:?}");
            owner.ip(&format!("link delete {name}"));
            assert_eq!(expect(&mut links, LinkState::Gone, "gone"), interface, "{wire:?}");
            // The one that is gone takes no more than its share of time.
            let start = Instant::now();
            links.wait(Duration::from_millis(30)).unwrap();
            assert!(start.elapsed() >= Duration::from_millis(30), "{wire:?}");
            left.send(&numbered(mac, 78, 60));
            relay_numbered(&mut links, L, 1, |_| Some(R));
            assert_eq!(links.statistics(R).send_failures, 11, "{wire:?}");
            assert!(links.remove(R).is_some() && links.remove(R).is_none());
        });
    }
}

/// Who always has frames never waits.
#[test]
fn a_port_that_is_gone_is_seen_without_a_wait() {
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, _) = site.links(wire, wire, Reception::Own);
        let (owner, name) = if wire == Wire::Tap { (&site.right, "eth0") } else { (&site.gateway, "vr") };
        site.gateway.enter(|| {
            links.look().unwrap();
            assert_eq!(links.next_event(), None, "{wire:?}");
            owner.ip(&format!("link delete {name}"));
            let event = eventually(PATIENCE, || {
                links.look().unwrap();
                // A veth is down before it is gone.
                links.next_event().filter(|event| event.state == LinkState::Gone)
            });
            assert_eq!(event.map(|event| event.attachment), Some(R), "{wire:?}");
            links.look().unwrap();
            assert_eq!(links.next_event(), None, "{wire:?}: it is told once");
        });
    }
}

/// Nobody reads for a while: what found no room is lost, what came through is whole and in order.
#[test]
fn a_full_queue_costs_the_frames_that_found_no_room_and_no_other() {
    const COUNT: u32 = 9000;
    for wire in Wire::ALL {
        let site = Site::on(wire);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let left = Raw::open(&site.left, "eth0");
        settle(&mut links);
        // Frames that nobody sent here may come, too, and then the kernel knows of them.
        let came = || {
            let shown = site.gateway.attempt("cat /sys/class/net/vl/statistics/rx_packets");
            shown.stdout.trim().parse().unwrap_or(0)
        };
        let before: u64 = came();
        let dropped = links.statistics(L).ring_drops;
        (0..COUNT).for_each(|nth| left.send(&numbered(mac, nth, 200)));
        let mut seen = Vec::new();
        let mut look = |frame: &mut packet::Frame<'_>| {
            let nth = number(frame.bytes)?;
            assert!(frame.bytes == numbered(mac, nth, 200), "{wire:?}: frame {nth} has changed");
            seen.push(nth);
            None
        };
        let mut taken = 0;
        loop {
            match links.relay(L, 64, &mut look).unwrap() {
                0 => break,
                more => taken += more as u64,
            }
        }
        assert!(seen.len() > 100 && seen.len() < COUNT as usize, "{wire:?}: {} frames", seen.len());
        assert!(seen.is_sorted(), "{wire:?}");
        let counted = links.statistics(L);
        let lost = COUNT as usize - seen.len();
        match wire {
            Wire::Tap => {
                // Where the machine can see it.
                let shown = site.left.run("cat /sys/class/net/eth0/statistics/tx_dropped");
                assert!(shown.trim().parse::<usize>().unwrap() >= lost, "{lost} lost, {shown}");
            }
            Wire::Veth | Wire::Pnet => {
                let dropped = counted.ring_drops - dropped;
                assert!(dropped >= lost as u64, "{wire:?}: {lost} lost, {counted:?}");
                assert_eq!(taken + dropped, came() - before, "{wire:?}: {counted:?}");
            }
        }
        left.send(&numbered(mac, 90_001, 70));
        let mut next = None;
        relay_numbered(&mut links, L, 1, |number| {
            next = Some(number);
            None
        });
        assert_eq!(next, Some(90_001), "{wire:?}: the next frame is itself again");
    }
}

/// A qdisc that lets nearly nothing through makes the system refuse (ENOBUFS), and later have no room (EAGAIN).
#[test]
fn a_receiver_without_room_costs_its_own_frames_only() {
    for wire in [Wire::Veth, Wire::Pnet] {
        for (limit, length) in [("3000", 1000), ("100mb", 1514)] {
            let site = Site::on(wire);
            site.gateway.run(&format!("tc qdisc add dev vr root tbf rate 8kbit burst 1600 limit {limit}"));
            let (mut links, mac) = site.links(wire, wire, Reception::Own);
            let left = Raw::open(&site.left, "eth0");
            settle(&mut links);
            let count = 12_000;
            for first in (0..count).step_by(100) {
                (first..first + 100).for_each(|nth| left.send(&numbered(mac, nth, length)));
                relay_numbered(&mut links, L, 100, |_| Some(R));
            }
            let counted = links.statistics(R);
            assert!(counted.send_failures > 0 && counted.sent > 0, "{wire:?}, {limit}: {counted:?}");
            assert_eq!(
                counted.sent + counted.send_failures,
                u64::from(count),
                "{wire:?}, {limit}: {counted:?}"
            );
            assert_eq!(links.next_event(), None, "{wire:?}: it is not down");
            left.send(&numbered(mac, 1, 60));
            relay_all(&mut links, L, 1, |_| Some(L));
            assert_eq!(links.statistics(L).sent, 1, "{wire:?}");
        }
    }
}

/// What fits still leaves when something before it did not.
#[test]
fn the_rest_of_a_batch_is_tried_when_a_queue_had_no_room_for_one() {
    for wire in [Wire::Veth, Wire::Pnet] {
        let site = Site::on(wire);
        // The first one leaves at once, the next two fill the queue for a third of a second.
        site.gateway.run("tc qdisc add dev vr root tbf rate 80kbit burst 1600 limit 3000");
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let (left, right) = (Raw::open(&site.left, "eth0"), Raw::open(&site.right, "eth0"));
        settle(&mut links);
        let lengths = [1400, 1400, 1400, 1400, 60];
        (0u32..).zip(lengths).for_each(|(number, length)| left.send(&numbered(mac, number, length)));
        let mut waiting = 0;
        while waiting < lengths.len() {
            waiting += links.relay(L, lengths.len(), |_| Some(R)).unwrap();
        }
        let counted = links.statistics(R);
        assert_eq!((counted.sent, counted.send_failures), (4, 1), "{wire:?}: {counted:?}");
        assert_eq!(links.take_unsent(), Unsent { frames: 1, bytes: 1400 }, "{wire:?}");
        assert_eq!(links.take_unsent(), Unsent::default(), "{wire:?}: told once");
        for expected in [0, 1, 2, 4] {
            let heard = right.hear(PATIENCE, |frame| number(frame).is_some());
            assert_eq!(heard.as_deref().and_then(number), Some(expected), "{wire:?}");
        }
    }
}

#[test]
fn a_frame_that_is_refused_does_not_take_the_others_with_it() {
    for wire in [Wire::Veth, Wire::Pnet] {
        let site = Site::on(wire);
        site.right.mtu("eth0", 1000);
        site.gateway.mtu("vr", 1000);
        let (mut links, mac) = site.links(wire, wire, Reception::Own);
        let (left, right) = (Raw::open(&site.left, "eth0"), Raw::open(&site.right, "eth0"));
        settle(&mut links);
        let lengths = [60, 1014, 1514, 60, 1100, 60];
        (0u32..).zip(lengths).for_each(|(number, length)| left.send(&numbered(mac, number, length)));
        relay_all(&mut links, L, lengths.len(), |_| Some(R));
        for expected in [0, 1, 3, 5] {
            let heard = right.hear(PATIENCE, |frame| number(frame).is_some());
            assert_eq!(heard.as_deref().and_then(number), Some(expected), "{wire:?}");
        }
        let counted = links.statistics(R);
        assert_eq!((counted.sent, counted.refused, counted.send_failures), (4, 2, 0), "{wire:?}");
        // To nowhere: counted where it came from.
        left.send(&numbered(mac, 9, 60));
        relay_all(&mut links, L, 1, |_| Some(AttachmentId(9)));
        assert_eq!(links.statistics(L).refused, 1, "{wire:?}");
        assert_eq!(links.take_unsent(), Unsent { frames: 3, bytes: 1514 + 1100 + 60 }, "{wire:?}");
        // The same for what came by no port, and that has no other place where it is counted.
        let mut leaving = vec![leaving_to(AttachmentId(9), 100), leaving_to(L, 70)];
        links.send_all(&mut leaving);
        assert_eq!(links.take_unsent(), Unsent { frames: 1, bytes: 100 }, "{wire:?}");
        assert!(!links.send(AttachmentId(9), &[0; 60], Offload::default()), "{wire:?}");
    }
}

#[test]
fn pnet_refuses_what_it_cannot_describe_and_says_how_to_turn_it_off() {
    let site = Site::new();
    let interface = site.interface("vl");
    let open = |queues| site.gateway.enter(|| io::open(&interface, Backend::Pnet, Reception::Own, queues));
    let error = open(1).unwrap_err();
    assert!(matches!(error, Error::OffloadsOn { .. }), "{error}");
    let text = error.to_string();
    let command = text.split('`').nth(1).unwrap().to_owned();
    assert!(
        command.starts_with("ethtool -K vl ") && command.contains("tx-checksum-ip-generic off"),
        "{text}"
    );
    site.gateway.run(&command);
    assert_eq!(open(1).unwrap().len(), 1, "after `{command}`");
    assert!(matches!(open(2).unwrap_err(), Error::OneWorkerOnly(name) if name == "vl"));
}

/// The other end of the pair leaves its work to a device that is not there.
#[test]
fn pnet_notices_what_nobody_told_it() {
    let site = Site::on(Wire::Pnet);
    site.left.run("ethtool -K eth0 tx on tso on gso on");
    // As if a super-frame came by a link with an MTU of 1,500.
    site.left.mtu("eth0", 3000);
    site.gateway.mtu("vl", 3000);
    let interface = Interface { mtu: 1500, ..site.interface("vl") };
    let mac = interface.mac;
    let mut links = Ports::new().unwrap();
    let mut opened = site.gateway.enter(|| io::open(&interface, Backend::Pnet, Reception::Own, 1)).unwrap();
    links.put(L, opened.pop().unwrap());
    site.left.address("eth0", "10.9.9.1/24");
    let [a, b, c, d, e, f] = mac;
    let mac = format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
    site.left.ip(&format!("neighbour add 10.9.9.2 lladdr {mac} dev eth0"));
    while links.relay(L, 64, |_| None).unwrap() > 0 {}
    let socket = site.left.enter(|| std::net::UdpSocket::bind("10.9.9.1:5000")).unwrap();
    socket.send_to(b"open", "10.9.9.2:5000").unwrap();
    let seen = Mutex::new(None);
    relay_all(&mut links, L, 1, |frame| {
        *seen.lock().unwrap() = Some(frame.offload);
        None
    });
    let expected = Offload { checksum: Checksum::Partial { start: 34, offset: 6 }, segments: None };
    assert_eq!((*seen.lock().unwrap(), links.statistics(L).unfinished), (Some(expected), 1));
    // Longer than any frame may be.
    let left = Raw::open(&site.left, "eth0");
    left.send(&ipv4("10.9.9.1", "10.9.9.2").macs([2; 6], [a, b, c, d, e, f]).udp(1, 2).data(2500).bytes());
    relay_all(&mut links, L, 1, |_| panic!("judged"));
    // And one that is shorter than it says.
    let mut cut = ipv4("10.9.9.1", "10.9.9.2").macs([2; 6], [a, b, c, d, e, f]).udp(1, 2).data(500).bytes();
    cut.truncate(300);
    left.send(&cut);
    relay_all(&mut links, L, 1, |_| panic!("judged"));
    assert_eq!(links.statistics(L).truncated, 2);
}

/// What there is once a queue of a device is closed: a process that another test is just starting may hold it a moment
/// longer.
fn soon<T>(ask: impl FnMut() -> Option<T>) -> T {
    eventually(PATIENCE, ask).unwrap()
}

#[test]
fn a_device_that_exists_is_taken_as_it_is() {
    let site = Site::on(Wire::Tap);
    site.gateway.ip("tuntap add dev many mode tap multi_queue");
    site.gateway.ip("tuntap add dev single mode tap");
    site.gateway.ip("link set many mtu 1400 txqueuelen 33");
    site.gateway.ip("link add bridge type bridge");
    site.gateway.enter(|| {
        let before = tap::describe("many", 2).unwrap();
        assert_eq!((before.mtu, before.is_running), (1400, false));
        for queues in [1, 3] {
            let (interface, ports) = soon(|| tap::create("many", Reception::Own, queues).ok());
            assert_eq!((interface.mtu, interface.mac, ports.len()), (1400, before.mac, queues));
            assert_ne!(interface.mac, site.gateway.mac("many"), "the device's own is the machine's");
            assert!(interface.addresses.is_empty());
        }
        assert_eq!(site.gateway.run("cat /sys/class/net/many/tx_queue_len").trim(), "33", "as it was");
        assert_eq!(tap::create("single", Reception::Own, 1).unwrap().1.len(), 1);
        let error = tap::create("single", Reception::Own, 2).unwrap_err();
        assert!(error.to_string().contains("that 2 workers can share"), "{error}");
        let held = soon(|| tap::create("single", Reception::Own, 1).ok());
        let error = tap::create("single", Reception::Own, 1).unwrap_err();
        assert!(matches!(error, Error::TapInUse(..)), "{error}");
        drop(held);
        let error = tap::create("bridge", Reception::Own, 1).unwrap_err();
        assert!(matches!(error, Error::NotTap(..)), "{error}");
        // One that must exist is not made, nor is another device taken for it.
        let among = io::Interfaces::look();
        let found = tap::find(&among, "many", 2).unwrap();
        assert_eq!(found, tap::describe("many", 2).unwrap());
        assert_eq!(soon(|| tap::open(&found, Reception::Own, 2).ok()).len(), 2);
        let error = tap::find(&among, "many2", 2).unwrap_err();
        assert!(error.to_string().contains("did you mean `many`"), "{error}");
        for (name, queues) in [("single", 2), ("bridge", 1), ("lo", 1)] {
            let error = tap::find(&among, name, queues).unwrap_err();
            assert!(matches!(error, Error::NotTap(..)), "{name}: {error}");
        }
        let gone = Interface { name: "many2".into(), ..found };
        let error = tap::open(&gone, Reception::Own, 2).unwrap_err();
        assert!(matches!(error, Error::NoSuchInterface { .. }), "{error}");
        let is_gone = |name| (tap::describe(name, 2).unwrap().index == 0).then_some(());
        soon(|| is_gone("many2"));
        // A new one is described the same before and after, and goes with its queues.
        let planned = tap::describe("fresh", 2).unwrap();
        let (made, ports) = tap::create("fresh", Reception::Own, 2).unwrap();
        assert_eq!((planned.index, planned.mac, planned.mtu), (0, made.mac, made.mtu));
        assert!(made.index > 0 && !made.is_up);
        drop(ports);
        soon(|| is_gone("fresh"));
        assert!(tap::describe("many", 2).unwrap().index > 0, "persistent");
    });
    // Whoever had it before may have allowed less; a gateway asks for all it can use.
    let (_, ports) = site.gateway.enter(|| soon(|| tap::create("many", Reception::Own, 2).ok()));
    let shown = site.gateway.run("ethtool -k many");
    assert!(shown.contains("tcp-segmentation-offload: on"), "{shown}");
    drop(ports);
}
