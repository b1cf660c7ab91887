//! Packet sockets on real veth pairs, offloads as the kernel sets them. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Bridge, L, PATIENCE, R, Site, attach, number, numbered, relay_all, transfer};
use io::{Interface, Ports, Reception};
use packet::{Checksum, Offload, SegmentKind, checksum};
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use testbed::raw::Raw;
use testkit::build::ipv4;

/// A length for each number, from the smallest to the largest frame.
fn length(number: u32) -> usize {
    match number % 4 {
        0 => 60,
        1 => 1514,
        2 => 60_000 + (number as usize * 97) % 5_500,
        _ => 1_900 + (number as usize * 41) % 200,
    }
}

/// Lets frames of 64 KiB travel without being super-frames, past a ring that is laid out for 1,500.
fn wide(site: &Site) -> (Ports, Raw, [u8; 6]) {
    site.left.mtu("eth0", 65_535);
    site.gateway.mtu("vl", 65_535);
    let interface = Interface { mtu: 1500, ..site.interface("vl") };
    let mut links = site.gateway.enter(|| {
        let mut links = Ports::new().unwrap();
        attach(&mut links, L, &interface, Reception::Own);
        links
    });
    // What the kernel says on its own when an MTU changes.
    while links.relay(L, 64, |_| None).unwrap() > 0 {}
    (links, Raw::open(&site.left, "eth0"), interface.mac)
}

#[test]
fn a_transfer_crosses_whole_in_both_directions_as_super_frames() {
    const SIZE: usize = 32 << 20;
    let site = Site::new();
    let (longest, plain) = (Arc::new(Mutex::new([0; 2])), Arc::new(Mutex::new(0)));
    let seen = (longest.clone(), plain.clone());
    let bridge = Bridge::start(site.attach(), move |from, frame| {
        let Some(segments) = frame.offload.segments else { return };
        assert_eq!(segments.kind, SegmentKind::Tcp4);
        assert!(usize::from(segments.size) <= 1460, "{segments:?}");
        let longest = &mut seen.0.lock().unwrap()[usize::from(from.0)];
        *longest = frame.bytes.len().max(*longest);
        // A veth leaves the checksum of what it is given to whoever comes last.
        if !matches!(frame.offload.checksum, Checksum::Partial { start: 34, offset: 16 }) {
            *seen.1.lock().unwrap() += 1;
        }
    });
    transfer(&site, SIZE);
    let links = bridge.stop();
    let longest = *longest.lock().unwrap();
    assert!(longest.iter().all(|length| *length > 30_000), "the longest frames had {longest:?} bytes");
    assert_eq!(*plain.lock().unwrap(), 0);
    for id in [L, R] {
        let counted = links.statistics(id);
        assert_eq!((counted.malformed, counted.refused, counted.foreign), (0, 0, 0), "{counted:?}");
    }
}

#[test]
fn slots_and_queue_stay_in_step_through_mixed_sizes() {
    let site = Site::new();
    let (mut links, left, mac) = wide(&site);
    for first in (0..800).step_by(40) {
        for number in first..first + 40 {
            left.send(&numbered(mac, number, length(number)));
        }
        let mut expected = first;
        relay_all(&mut links, L, 40, |frame| {
            let whole = numbered(mac, expected, length(expected));
            assert!(frame.bytes.get(6..) == whole.get(6..), "frame {expected} is another or has changed");
            expected += 1;
            None
        });
    }
    let counted = links.statistics(L);
    assert_eq!((counted.received, counted.truncated, counted.ring_drops), (800, 0, 0), "{counted:?}");
}

#[test]
fn a_full_queue_costs_the_frames_that_found_no_room_and_no_other() {
    // Fewer than there are slots, and more bytes than the queue takes.
    const COUNT: u32 = 3000;
    let site = Site::new();
    let (mut links, left, mac) = wide(&site);
    (0..COUNT).for_each(|number| left.send(&numbered(mac, number, length(number))));
    let mut seen = Vec::new();
    relay_all(&mut links, L, COUNT as usize, |frame| {
        let number = number(frame.bytes).unwrap();
        assert!(
            frame.bytes.get(6..) == numbered(mac, number, length(number)).get(6..),
            "frame {number} has changed"
        );
        seen.push(number);
        None
    });
    assert!(seen.is_sorted());
    assert!((0..COUNT).filter(|number| length(*number) < 1900).all(|number| seen.contains(&number)));
    let counted = links.statistics(L);
    assert!(counted.truncated > 0, "the queue took everything: {counted:?}");
    assert_eq!(counted.received + counted.truncated, u64::from(COUNT), "{counted:?}");
    // And the next frame is itself again.
    left.send(&numbered(mac, 7002, 50_000));
    relay_all(&mut links, L, 1, |frame| {
        assert_eq!((number(frame.bytes), frame.bytes.len()), (Some(7002), 50_000));
        None
    });
}

#[test]
fn what_the_judge_changes_is_what_arrives() {
    let site = Site::new();
    site.left.address("eth0", "10.9.9.1/24");
    site.right.address("eth0", "10.9.9.2/24");
    let partial = Arc::new(Mutex::new(0));
    let seen = partial.clone();
    let bridge = Bridge::start(site.attach(), move |_, frame| {
        // The first byte of a UDP payload, and then the checksum that the sender left open.
        if let Checksum::Partial { start: 34, offset: 6 } = frame.offload.checksum {
            frame.bytes[42] = b'J';
            checksum::finish(frame.bytes, 34, 6);
            frame.offload.checksum = Checksum::Finished;
            *seen.lock().unwrap() += 1;
        }
    });
    let right = site.right.enter(|| UdpSocket::bind("10.9.9.2:5001")).unwrap();
    right.set_read_timeout(Some(PATIENCE)).unwrap();
    let left = site.left.enter(|| UdpSocket::bind("10.9.9.1:5001")).unwrap();
    left.send_to(b"jello", "10.9.9.2:5001").unwrap();
    let mut received = [0; 16];
    let (length, _) = right.recv_from(&mut received).unwrap();
    assert_eq!(&received[..length], b"Jello");
    bridge.stop();
    assert_eq!(*partial.lock().unwrap(), 1);
}

#[test]
fn what_the_gateway_sends_itself_arrives_with_its_offload() {
    let site = Site::new();
    site.right.address("eth0", "10.9.9.2/24");
    let mut links = site.attach();
    let right = site.right.enter(|| UdpSocket::bind("10.9.9.2:5002")).unwrap();
    right.set_read_timeout(Some(PATIENCE)).unwrap();
    let mac = site.right.mac("eth0");
    let finished = ipv4("10.9.9.1", "10.9.9.2").udp(1, 5002).payload(b"own").macs([2; 6], mac);
    links.send(R, &finished.bytes(), Offload::default());
    let open = ipv4("10.9.9.1", "10.9.9.2").udp(1, 5002).payload(b"open").macs([2; 6], mac).partial();
    let open = open.frame();
    assert!(matches!(open.offload.checksum, Checksum::Partial { .. }));
    links.send(R, &open.bytes, open.offload);
    for expected in [&b"own"[..], b"open"] {
        let mut received = [0; 16];
        let (length, _) = right.recv_from(&mut received).unwrap();
        assert_eq!(&received[..length], expected);
    }
    assert_eq!(links.statistics(R).sent, 2);
}

#[test]
fn a_tagged_frame_is_seen_as_it_was_on_the_wire() {
    let site = Site::new();
    let (mut links, left, mac) = wide(&site);
    for (tag, length) in
        [([0x81, 0x00, 0x20, 0x64], 60), ([0x88, 0xa8, 0x00, 0x07], 1514), ([0x81, 0, 0, 1], 30_000)]
    {
        let mut sent = numbered(mac, 5, length);
        sent.splice(12..12, tag);
        left.send(&sent);
        relay_all(&mut links, L, 1, |frame| {
            assert!(frame.bytes == sent, "{tag:x?}, {length} bytes: {:x?}", &frame.bytes[..20]);
            None
        });
    }
    assert_eq!(links.statistics(L).malformed, 0);
}

#[test]
fn every_frame_is_counted_when_the_ring_is_full() {
    const COUNT: u32 = 5000;
    let site = Site::new();
    let mut links = site.attach();
    let left = Raw::open(&site.left, "eth0");
    let mac = site.interface("vl").mac;
    (0..COUNT).for_each(|number| left.send(&numbered(mac, number, 60)));
    let mut expected = 0;
    relay_all(&mut links, L, 4096, |frame| {
        assert_eq!(number(frame.bytes), Some(expected));
        expected += 1;
        None
    });
    let counted = links.statistics(L);
    assert_eq!((counted.received, counted.ring_drops), (4096, u64::from(COUNT) - 4096), "{counted:?}");
    assert_eq!(links.statistics(L), counted, "asking again changes nothing");
}

#[test]
fn one_batch_goes_to_several_receivers_and_back() {
    let site = Site::new();
    let mut links = site.attach();
    let (left, right) = (Raw::open(&site.left, "eth0"), Raw::open(&site.right, "eth0"));
    let mac = site.interface("vl").mac;
    (0..100).for_each(|number| left.send(&numbered(mac, number, 60)));
    relay_all(&mut links, L, 100, |frame| {
        // So that the sender's ears can tell what came back.
        frame.bytes[6] = 0x66;
        if number(frame.bytes)? % 3 == 0 { Some(L) } else { Some(R) }
    });
    let came_back = |frame: &[u8]| number(frame).is_some() && frame[6] == 0x66;
    for (end, expected) in [(&left, 0), (&right, 1)] {
        for expected in (0..100).filter(|number| (number % 3 == 0) == (expected == 0)) {
            let heard = end.hear(PATIENCE, came_back);
            assert_eq!(heard.as_deref().and_then(number), Some(expected));
        }
    }
}
