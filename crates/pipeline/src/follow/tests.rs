use super::*;
use crate::{Counters, Settings, Shared};
use packet::home;
use snapshot::Names;
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{OwnedFrame, fragments, ipv4};
use testkit::lab::{Blueprint, address};

const ON: AttachmentId = AttachmentId(1);
const NOW: Time = Time::from_nanos(1_000_000_000);

/// Two workers, and the pieces of a datagram of a flow that is at home with the second.
fn workers() -> ([Engine; 2], Vec<OwnedFrame>) {
    let snapshot = Blueprint::default().snapshot(&mut Names::default());
    let shared = Shared::new(nat::Pools::of([3, 5], nat::Ports::ALL), [7, 11]);
    let engine = |worker| {
        let settings = Settings { capacity: 100, seed: [1, 2], worker, workers: 2 };
        Engine::new(Arc::clone(&snapshot), settings, Arc::clone(&shared)).unwrap()
    };
    let port = (5_000..).find(|&port| home(port, 53, 2) == 1).unwrap();
    let pieces = fragments(&ipv4("10.0.1.4", "10.0.2.4").id(7).udp(port, 53).data(200).bytes(), 104);
    let ready = |piece: Vec<u8>| {
        let mut frame = OwnedFrame::from(piece);
        address(ON, &mut frame);
        frame
    };
    ([0, 1].map(engine), pieces.into_iter().map(ready).collect())
}

/// A fragment's datagram has ended where it was to go on, and another of its name is on its way to the other worker.
fn begun_anew() -> ([Engine; 2], Vec<OwnedFrame>) {
    let (mut workers, mut pieces) = workers();
    let [here, _] = &mut workers;
    assert_eq!(here.receive(NOW, ON, &mut pieces[0].frame()), Way::HandOver(1));
    here.counters.receive(pieces[1].bytes.len());
    here.resume(NOW, ON, &mut pieces[1].frame());
    (workers, pieces)
}

/// Frames in a queue between the two, and frames dropped.
fn between_and_dropped(workers: &[Engine; 2]) -> (i64, u64) {
    let mut sum = Counters::default();
    workers.iter().for_each(|engine| sum.add(engine.counters()));
    let waiting = workers[0].shared.waiting() as i64;
    assert_eq!(sum.received.packets as i64, sum.total().packets as i64 + waiting + sum.between());
    let dropped = sum.endings().filter(|(ending, _)| matches!(ending, Ending::Dropped(_)));
    (sum.between(), dropped.map(|(_, count)| count.packets).sum())
}

#[test]
fn what_waited_for_a_datagram_that_begins_anew_elsewhere_goes_on_there() {
    let (mut workers, mut pieces) = begun_anew();
    assert_eq!(between_and_dropped(&workers), (1, 0), "the first fragment alone is handed over");
    assert_eq!(workers[1].take_over(NOW, ON, &mut pieces[0].frame()), Way::Ends);
    assert_eq!(between_and_dropped(&workers), (0, 0));
    assert_eq!(workers[0].shared.fragments().waiting(), 0);
    assert_eq!(workers[0].shared.neighbours.waiting(), 2, "both wait for the neighbour");
}

#[test]
fn what_waited_for_a_datagram_that_never_comes_is_an_orphan() {
    let (mut workers, pieces) = begun_anew();
    workers[0].lost_in_hand_over(pieces[0].bytes.len());
    workers[0].tick(NOW + Duration::from_secs(1));
    let orphans = workers[0].counters.ended(Ending::Dropped(DropReason::FragmentOrphan));
    assert_eq!((orphans.packets, between_and_dropped(&workers)), (1, (0, 2)));
}
