//! A packet of a live flow allocates nothing, and a fragment nothing for those of others.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use packet::{AttachmentId, Frame, Time};
use testkit::allocations::{Counting, during};
use testkit::build::{OwnedFrame, fragments, ipv4};
use testkit::lab::Blueprint;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";

/// Sends the frames, which are of live flows, again and again, and says how often memory was asked for.
fn asked_for(mut lab: testkit::lab::Lab, frames: &[(&str, OwnedFrame)]) -> u64 {
    let ready: Vec<(AttachmentId, OwnedFrame)> =
        frames.iter().map(|(from, frame)| lab.ready(from, frame.clone())).collect();
    let mut buffer = vec![0; packet::MAX_FRAME];
    let engine = lab.engine_mut();
    let mut forwarded = 0;
    let asked = during(|| {
        for round in 0..1000u64 {
            let now = Time::from_nanos(10_000_000_000 + round * 1_000_000);
            for (on, frame) in &ready {
                let bytes = &mut buffer[..frame.bytes.len()];
                bytes.copy_from_slice(&frame.bytes);
                let way = engine.receive(now, *on, &mut Frame { bytes, offload: frame.offload });
                forwarded += u64::from(way.egress().is_some());
            }
            engine.tick(now);
        }
    });
    assert_eq!(forwarded, 1000 * ready.len() as u64);
    asked
}

#[test]
fn the_counter_counts() {
    assert_eq!(during(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn packets_of_live_flows_allocate_nothing() {
    let mut lab = Blueprint::default().guard("web", &["100 out allow any * > *"]).build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    let (port, _) = sent.only().seen().ipv4().ports().unwrap();
    let syn = lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).syn());
    let (tcp_port, _) = syn.only().seen().ipv4().ports().unwrap();
    lab.send("internet", ipv4(FAR, "203.0.113.10").tcp(443, tcp_port).syn().seq(500).ack(1001));
    lab.send("vm1", ipv4(VM1, FAR).tcp(5000, 443).seq(1001).ack(501));
    lab.send("vm1", ipv4(VM1, VM3).echo_request(7, 1));
    lab.send("vm3", ipv4(VM3, VM1).echo_reply(7, 1));
    let frames = [
        ("vm1", ipv4(VM1, FAR).udp(5000, 53).data(1000).into()),
        ("internet", ipv4(FAR, "203.0.113.10").udp(53, port).data(1000).into()),
        ("vm1", ipv4(VM1, FAR).tcp(5000, 443).seq(1001).ack(501).data(60_000).segments(1448).into()),
        ("internet", ipv4(FAR, "203.0.113.10").tcp(443, tcp_port).seq(501).ack(1001).data(99).into()),
        ("vm1", ipv4(VM1, VM3).echo_request(7, 2).into()),
        ("vm3", ipv4(VM3, VM1).echo_reply(7, 2).into()),
    ];
    assert_eq!(asked_for(lab, &frames), 0);
}

/// How often memory was asked for by datagrams in pieces of a live flow, while fragments of others wait where they come in.
fn asked_beside(waiting: u16) -> u64 {
    let publics = [("vm1", "203.0.113.21"), ("vm2", "203.0.113.22"), ("vm3", "203.0.113.23")];
    let base = Blueprint::default().one_worker();
    let mut lab = publics.iter().fold(base, |lab, (vm, address)| lab.public(vm, address)).build();
    let pieces = fragments(&ipv4(FAR, publics[2].1).id(7).udp(5000, 53).data(200).bytes(), 104);
    for piece in &pieces {
        lab.send("internet", piece.clone());
    }
    for nth in 0..waiting {
        let (source, to) = (format!("198.51.101.{}", nth / 3), publics[usize::from(nth) % 3].1);
        lab.send("internet", ipv4(&source, to).protocol(17).id(nth.into()).fragment(80, false).data(8));
    }
    assert_eq!(lab.shared().waiting(), usize::from(waiting));
    let pieces: Vec<_> = pieces.into_iter().map(|piece| lab.ready("internet", piece)).collect();
    let (now, mut buffer, mut left) = (lab.now(), [0; 2048], 0);
    let engine = lab.engine_mut();
    let asked = during(|| {
        for (on, piece) in (0..100).flat_map(|_| &pieces) {
            let bytes = &mut buffer[..piece.bytes.len()];
            bytes.copy_from_slice(&piece.bytes);
            let way = engine.receive(now, *on, &mut Frame { bytes, offload: piece.offload });
            left += usize::from(way.egress().is_some());
        }
    });
    assert_eq!(left, 100 * pieces.len());
    asked
}

#[test]
fn fragments_that_wait_are_not_moved_for_those_of_others() {
    assert_eq!(asked_beside(384), asked_beside(0));
}
