//! What lies between a frame's being handed over and its being taken over: other frames come first, and change what it finds.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use packet::{AttachmentId, Time, home};
use pipeline::{DropReason, Ending, Engine, Settings, Shared, Way};
use snapshot::Names;
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{OwnedFrame, arp_reply, fragments, ipv4, read};
use testkit::lab::{Blueprint, address};

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const HOST: &str = "203.0.113.2";
const INTERNET: u16 = 0;
const NOW: Time = Time::from_nanos(1_000_000_000);

/// Workers with nothing between them: the test carries frames from one to the other, when it likes.
struct Workers(Vec<Engine>);

impl Workers {
    fn new(blueprint: &Blueprint, ports: nat::Ports, workers: usize) -> Self {
        let snapshot = blueprint.snapshot(&mut Names::default());
        let shared = Shared::new(nat::Pools::of([3, 5], ports), [7, 11]);
        let engine = |worker| {
            let settings = Settings { capacity: 1_000, seed: [1, 2], worker, workers };
            Engine::new(Arc::clone(&snapshot), settings, Arc::clone(&shared)).unwrap()
        };
        Self((0..workers).map(engine).collect())
    }

    fn receive(&mut self, worker: usize, on: u16, frame: impl Into<OwnedFrame>) -> Way {
        let mut frame = frame.into();
        address(AttachmentId(on), &mut frame);
        self.0[worker].receive(NOW, AttachmentId(on), &mut frame.frame())
    }

    fn take_over(&mut self, worker: usize, on: u16, frame: impl Into<OwnedFrame>) -> Way {
        let mut frame = frame.into();
        address(AttachmentId(on), &mut frame);
        self.0[worker].take_over(NOW, AttachmentId(on), &mut frame.frame())
    }

    /// The host behind an attachment says where it is; what waited for that leaves.
    fn learn(&mut self, worker: usize, on: u16, host: &str) -> Vec<Vec<u8>> {
        let gateway = [2, 0, 0, 1, 0, on as u8];
        self.0[worker].outbox().drain(|question| assert_eq!(question.bytes[12..14], [8, 6]));
        let way = self.receive(worker, on, arp_reply([2, 0, 0, 2, 0, on as u8], host, gateway, "10.0.1.1"));
        assert_eq!(way, Way::Ends);
        let mut out = Vec::new();
        self.0[worker].outbox().drain(|frame| out.push(frame.bytes.clone()));
        out
    }

    /// The numbers in what a worker sends besides, its questions left out: the last byte of each.
    fn sends(&mut self, worker: usize) -> Vec<u8> {
        let mut sent = Vec::new();
        self.0[worker].outbox().drain(|out| {
            if out.bytes[12..14] != [8, 6] {
                sent.extend(out.bytes.last());
            }
        });
        sent
    }

    fn dropped(&self, reason: DropReason) -> u64 {
        self.0.iter().map(|engine| engine.counters().ended(Ending::Dropped(reason)).packets).sum()
    }
}

/// Source ports of flows to `destination` that are at home with a worker.
fn ports_of(worker: usize, destination: u16, workers: usize) -> impl Iterator<Item = u16> {
    (5_000..).filter(move |&source| home(source, destination, workers) == worker)
}

#[test]
fn fragments_follow_a_first_one_that_is_on_its_way() {
    let mut workers = Workers::new(&Blueprint::default(), nat::Ports::ALL, 2);
    let port = ports_of(1, 53, 2).next().unwrap();
    for id in 100..200 {
        assert_eq!(
            workers.receive(0, 1, ipv4(VM1, VM3).protocol(17).id(id).fragment(80, true).data(8)),
            Way::Ends
        );
    }
    let pieces = fragments(&ipv4(VM1, VM3).id(7).udp(port, 53).data(200).bytes(), 104);
    for piece in &pieces {
        assert_eq!(workers.receive(0, 1, piece.clone()), Way::HandOver(1), "there is no room to wait");
    }
    for piece in &pieces {
        assert_eq!(workers.take_over(1, 1, piece.clone()), Way::Ends, "they wait for the neighbour");
    }
    let offsets: Vec<_> = workers.learn(1, 3, VM3).iter().map(|out| read(out).unwrap().ip().offset).collect();
    assert_eq!(offsets.len(), pieces.len());
    assert!(offsets.is_sorted());
    assert_eq!(workers.receive(0, 1, pieces[1].clone()), Way::Ends, "it is through, and its name forgotten");
}

#[test]
fn fragments_of_a_first_one_that_was_refused_are_refused() {
    let blueprint = Blueprint::default().guard("db", &["100 in deny udp * > *:53"]);
    let mut workers = Workers::new(&blueprint, nat::Ports::ALL, 2);
    let port = ports_of(1, 53, 2).next().unwrap();
    let pieces = fragments(&ipv4(VM1, VM3).id(7).udp(port, 53).data(200).bytes(), 104);
    for piece in &pieces {
        assert_eq!(workers.receive(0, 1, piece.clone()), Way::HandOver(1));
    }
    pieces.iter().for_each(|piece| assert_eq!(workers.take_over(1, 1, piece.clone()), Way::Ends));
    assert_eq!(workers.dropped(DropReason::DeniedInbound), 1);
    assert_eq!(workers.dropped(DropReason::FragmentOfDropped), pieces.len() as u64 - 1);
}

#[test]
fn the_host_gets_no_fragments_of_a_datagram_that_is_on_its_way_to_a_worker() {
    let blueprint =
        Blueprint::default().default_public(&[HOST]).internet("203.0.113.2/24", Some("203.0.113.1"));
    let blueprint = blueprint.host(&[HOST]).snat_ports(50_000..=50_099);
    let mut workers = Workers::new(&blueprint, nat::Ports::new(50_000..=50_099).unwrap(), 2);
    let source = ports_of(1, 53, 2).next().unwrap();
    assert_eq!(workers.receive(1, 1, ipv4(VM1, FAR).udp(source, 53).data(8)), Way::Ends);
    let sent = workers.learn(1, INTERNET, "203.0.113.1");
    let (port, _) = read(&sent[0]).unwrap().ip().ports().unwrap();
    for piece in fragments(&ipv4(FAR, HOST).id(7).udp(53, port).data(200).bytes(), 104) {
        assert_eq!(workers.receive(0, INTERNET, piece), Way::HandOver(1));
    }
}

/// Two flows are sent to one worker for the only port that it can give up; the second finds the next worker that can.
#[test]
fn a_port_that_another_flow_got_first_is_sought_further() {
    let ports = nat::Ports::new(2_000..=2_003).unwrap();
    let mut workers = Workers::new(&Blueprint::default(), ports, 3);
    let syn = |source| ipv4(VM1, FAR).tcp(source, 80).syn().seq(100);
    for worker in [1, 2] {
        let source = ports_of(worker, 80, 3).next().unwrap();
        assert_ne!(workers.receive(worker, 1, syn(source)), Way::HandOver(0));
        workers.learn(worker, INTERNET, "203.0.113.1");
        let reset = workers.receive(worker, 1, ipv4(VM1, FAR).tcp(source, 80).rst().seq(101));
        assert_eq!(reset, Way::Leaves(AttachmentId(INTERNET)));
    }
    let sources: Vec<u16> = ports_of(0, 80, 3).take(4).collect();
    for source in &sources[..2] {
        assert_eq!(workers.receive(0, 1, syn(*source)), Way::Leaves(AttachmentId(INTERNET)));
    }
    let (first, second) = (syn(sources[2]), syn(sources[3]));
    for frame in [&first, &second] {
        assert_eq!(workers.receive(0, 1, frame.clone()), Way::HandOver(1), "there the oldest lingers");
    }
    assert_eq!(workers.take_over(1, 1, first.clone()), Way::HandOver(0), "it gives its port up");
    assert_eq!(workers.take_over(0, 1, first), Way::Leaves(AttachmentId(INTERNET)));
    assert_eq!(workers.take_over(1, 1, second.clone()), Way::HandOver(2), "the oldest is there now");
    assert_eq!(workers.take_over(2, 1, second.clone()), Way::HandOver(0));
    assert_eq!(workers.take_over(0, 1, second), Way::Leaves(AttachmentId(INTERNET)));
    let third = syn(ports_of(0, 80, 3).nth(4).unwrap());
    assert_eq!(workers.receive(0, 1, third), Way::Ends, "nothing lingers any more");
    assert_eq!(workers.dropped(DropReason::SnatPortsExhausted), 1);
}

/// A packet from vm1 to vm3 with a number in it.
fn numbered(port: u16, number: u8) -> OwnedFrame {
    ipv4(VM1, VM3).udp(port, 53).payload(&[0, 0, 0, number]).into()
}

fn answer_of_vm3() -> OwnedFrame {
    arp_reply([2, 0, 0, 2, 0, 3], VM3, [2, 0, 0, 1, 0, 3], "10.0.2.1").into()
}

#[test]
fn an_answer_is_handed_on_to_all_whose_packets_wait() {
    let mut workers = Workers::new(&Blueprint::default(), nat::Ports::ALL, 3);
    let port = [0, 1, 2].map(|worker| ports_of(worker, 53, 3).next().unwrap());
    for (number, worker) in [(1, 1), (2, 2), (3, 1), (4, 2)] {
        assert_eq!(workers.receive(worker, 1, numbered(port[worker], number)), Way::Ends);
        workers.sends(worker);
    }
    assert_eq!(workers.receive(0, 3, answer_of_vm3()), Way::HandOver(1));
    assert_eq!(
        workers.receive(0, 1, numbered(port[0], 5)),
        Way::Leaves(AttachmentId(3)),
        "nothing waits here"
    );
    // The first has not been told, but meets the address with its next packet.
    assert_eq!(workers.receive(1, 1, numbered(port[1], 6)), Way::Ends);
    assert_eq!(workers.sends(1), [1, 3, 6]);
    assert_eq!(workers.receive(1, 1, numbered(port[1], 7)), Way::Leaves(AttachmentId(3)));
    assert_eq!(workers.take_over(1, 3, answer_of_vm3()), Way::HandOver(2));
    assert_eq!(workers.take_over(2, 3, answer_of_vm3()), Way::Ends);
    assert_eq!(workers.sends(2), [2, 4]);
    assert_eq!(workers.0[0].shared().waiting(), 0);
}

#[test]
fn an_answer_that_is_lost_between_workers_is_missed_for_a_moment_only() {
    let mut workers = Workers::new(&Blueprint::default(), nat::Ports::ALL, 2);
    let port = ports_of(1, 53, 2).next().unwrap();
    assert_eq!(workers.receive(1, 1, numbered(port, 1)), Way::Ends);
    workers.0[1].tick(NOW + Duration::from_millis(200));
    assert!(workers.sends(1).is_empty(), "nobody has answered");
    assert_eq!(workers.receive(0, 3, answer_of_vm3()), Way::HandOver(1));
    workers.0[1].tick(NOW + Duration::from_millis(399));
    assert!(workers.sends(1).is_empty());
    workers.0[1].tick(NOW + Duration::from_millis(400));
    assert_eq!(workers.sends(1), [1]);
}

#[test]
fn what_comes_in_the_same_batch_does_not_overtake_what_waited() {
    let mut workers = Workers::new(&Blueprint::default(), nat::Ports::ALL, 1);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 1)), Way::Ends);
    workers.sends(0);
    assert_eq!(workers.receive(0, 3, answer_of_vm3()), Way::Ends);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 2)), Way::Ends, "by the outbox");
    assert_eq!(workers.sends(0), [1, 2]);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 3)), Way::Leaves(AttachmentId(3)));
}

#[test]
fn what_comes_in_the_same_batch_does_not_overtake_what_is_cut() {
    let mut workers = Workers::new(&Blueprint::default().mtu("vm3", 600), nat::Ports::ALL, 1);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 1)), Way::Ends);
    workers.learn(0, 3, VM3);
    let large = ipv4(VM1, VM3).udp(5_000, 53).payload(&[2; 900]);
    assert_eq!(workers.receive(0, 1, large), Way::Ends);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 3)), Way::Ends, "by the outbox");
    assert_eq!(workers.sends(0), [2, 2, 3]);
}

#[test]
fn a_packet_in_pieces_is_forwarded_if_all_of_them_leave() {
    let mut workers = Workers::new(&Blueprint::default().mtu("vm3", 600), nat::Ports::ALL, 1);
    assert_eq!(workers.receive(0, 1, numbered(5_000, 1)), Way::Ends);
    workers.learn(0, 3, VM3);
    let endings = [Ending::Forwarded, Ending::Dropped(DropReason::NotSent)];
    let counted = |workers: &Workers| {
        let counts = endings.map(|ending| workers.0[0].counters().ended(ending));
        counts.map(|count| (count.packets, count.bytes))
    };
    // Three pieces of a packet of 1,542 bytes, and behind them one of 46 as it lies; one of the four cannot leave, or none.
    for (stays, forwarded, not_sent) in [
        (0, (1, 46), (1, 1542)),
        (1, (1, 46), (1, 1542)),
        (2, (1, 46), (1, 1542)),
        (3, (1, 1542), (1, 46)),
        (4, (2, 1588), (0, 0)),
    ] {
        let before = counted(&workers);
        assert_eq!(workers.receive(0, 1, ipv4(VM1, VM3).udp(5_000, 53).data(1500)), Way::Ends);
        assert_eq!(workers.receive(0, 1, numbered(5_000, 2)), Way::Ends, "it does not overtake");
        let mut frames = 0..;
        workers.0[0].flush(|_| frames.next() != Some(stays));
        assert_eq!(frames.start, 4);
        let after = counted(&workers);
        let moved = [0, 1].map(|nth| (after[nth].0 - before[nth].0, after[nth].1 - before[nth].1));
        assert_eq!(moved, [forwarded, not_sent], "{stays}");
    }
}
