use super::*;
use crate::neighbour::FIRST_WORD;
use crate::shares::{PLACES, WAITING, WAITING_BYTES};
use packet::{Mac, Offload};
use std::collections::HashSet;
use std::time::Duration;

const ON: AttachmentId = AttachmentId(3);
const FROM: AttachmentId = AttachmentId(1);
const MAC: Mac = [2, 0, 0, 0, 0, 9];
const OTHER: Mac = [6; 6];

fn target() -> Address {
    Address::from_v4_bits(0x0a00_0104)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn resolve(neighbours: &Neighbours, seconds: u64) -> Resolved {
    look_for(neighbours, target(), FROM, at(seconds))
}

fn look_for(neighbours: &Neighbours, target: Address, from: AttachmentId, now: Time) -> Resolved {
    let frame = Frame { bytes: &mut [0; 60], offload: Offload::default() };
    neighbours.resolve(
        NextHop { on: ON, scope: Scope(1), address: target },
        Whose { from, worker: 0 },
        now,
        &frame,
    )
}

/// A numbered packet of a worker's flow is on its way to the target.
fn send(neighbours: &Neighbours, worker: usize, number: u8, seconds: u64) -> Resolved {
    let frame = Frame { bytes: &mut [number; 60], offload: Offload::default() };
    neighbours.resolve(
        NextHop { on: ON, scope: Scope(1), address: target() },
        Whose { from: FROM, worker },
        at(seconds),
        &frame,
    )
}

fn numbers(waited: &[Waiting]) -> Vec<u8> {
    waited.iter().map(|waiting| waiting.bytes[0]).collect()
}

/// The target says, or somebody in its name, that it is at `mac`.
fn hear(neighbours: &Neighbours, mac: Mac, answers: bool, now: Time) -> Vec<Waiting> {
    let learnt = neighbours.learn(ON, &Said { sender: target(), mac, answers }, 0, now);
    assert_eq!(learnt.next, None);
    learnt.waited
}

/// A worker is told the target's answer: the numbers of what it sends now, and who is told next.
fn told(neighbours: &Neighbours, worker: usize, mac: Mac) -> (Vec<u8>, Option<usize>) {
    let said = Said { sender: target(), mac, answers: true };
    let learnt = neighbours.learn(ON, &said, worker, at(1));
    (numbers(&learnt.waited), learnt.next)
}

#[test]
fn a_packet_waits_and_goes_when_the_answer_comes() {
    let neighbours = Neighbours::default();
    assert!(matches!(resolve(&neighbours, 0), Resolved::Waits { ask: true }), "the first packet asks");
    assert!(matches!(resolve(&neighbours, 0), Resolved::Waits { ask: false }), "the second does not");
    assert_eq!(hear(&neighbours, MAC, true, at(1)).len(), 2);
    assert!(matches!(resolve(&neighbours, 1), Resolved::At { mac: MAC, .. }));
    assert_eq!(neighbours.waiting(), 0);
}

#[test]
fn three_questions_without_an_answer_give_up() {
    let neighbours = Neighbours::default();
    resolve(&neighbours, 0);
    for second in [1, 2] {
        assert_eq!(asks(&neighbours, at(second)), Some(None), "second {second}");
    }
    assert_eq!(neighbours.tick(at(3)).len(), 1);
    assert_eq!(asks(&neighbours, at(4)), None);
}

#[test]
fn an_answer_is_confirmed_and_a_silent_neighbour_forgotten() {
    let neighbours = Neighbours::default();
    resolve(&neighbours, 0);
    hear(&neighbours, MAC, true, at(0));
    let epoch = neighbours.epoch(ON);
    assert_eq!(asks(&neighbours, at(29)), None);
    assert_eq!(asks(&neighbours, at(30)), Some(Some(MAC)));
    for second in [31, 32] {
        assert_eq!(asks(&neighbours, at(second)), Some(None), "second {second}");
    }
    assert_eq!(asks(&neighbours, at(33)), None);
    assert_ne!(neighbours.epoch(ON), epoch, "records must ask anew");
    assert!(matches!(resolve(&neighbours, 33), Resolved::Waits { ask: true }));
}

/// What a tick asks: whom, where only one hardware address is asked.
fn asks(neighbours: &Neighbours, now: Time) -> Option<Option<Mac>> {
    assert!(neighbours.tick(now).is_empty(), "nothing is given up");
    match neighbours.questions(now)[..] {
        [] => None,
        [Question { known, .. }] => Some(known),
        ref other => panic!("{other:?}"),
    }
}

fn known() -> Neighbours {
    let neighbours = Neighbours::default();
    resolve(&neighbours, 0);
    hear(&neighbours, MAC, true, at(0));
    neighbours
}

#[test]
fn who_is_said_to_be_elsewhere_is_asked_first() {
    let neighbours = known();
    for second in 1..20 {
        for _ in 0..100 {
            hear(&neighbours, OTHER, true, at(second));
        }
        assert_eq!(asks(&neighbours, at(second)), Some(Some(MAC)), "one question, to it alone");
        assert_eq!(asks(&neighbours, at(second)), None);
        hear(&neighbours, OTHER, true, at(second));
        hear(&neighbours, MAC, true, at(second));
        assert!(matches!(resolve(&neighbours, second), Resolved::At { mac: MAC, .. }));
    }
}

#[test]
fn who_has_moved_is_found_by_asking_everybody() {
    let neighbours = known();
    let (epoch, elsewhere) = (neighbours.epoch(ON), neighbours.epoch(AttachmentId(7)));
    hear(&neighbours, OTHER, false, at(1));
    assert_eq!(asks(&neighbours, at(1)), Some(Some(MAC)));
    hear(&neighbours, OTHER, true, at(1));
    assert_eq!(asks(&neighbours, at(2)), Some(None), "nobody was there");
    hear(&neighbours, OTHER, false, at(2));
    assert_eq!(asks(&neighbours, at(2) + FIRST_WORD), None);
    assert!(matches!(resolve(&neighbours, 2), Resolved::At { mac: MAC, .. }), "that was no answer");
    hear(&neighbours, OTHER, true, at(2));
    assert_eq!(neighbours.epoch(ON), epoch);
    assert_eq!(asks(&neighbours, at(2) + FIRST_WORD), None);
    assert_ne!(neighbours.epoch(ON), epoch);
    assert_eq!(neighbours.epoch(AttachmentId(7)), elsewhere, "nobody else is disturbed");
    assert!(matches!(resolve(&neighbours, 3), Resolved::At { mac: OTHER, .. }));
}

#[test]
fn whoever_claims_what_is_known_elsewhere_is_contradicted() {
    let neighbours = known();
    let is_contradicted = |mac, answers, now| {
        neighbours.learn(ON, &Said { sender: target(), mac, answers }, 0, now).contradicted
    };
    assert!(!is_contradicted(MAC, false, at(1)), "it is there");
    assert!(is_contradicted(OTHER, false, at(1)) && is_contradicted(OTHER, true, at(1)));
    assert_eq!(asks(&neighbours, at(1)), Some(Some(MAC)));
    assert!(is_contradicted(OTHER, true, at(1)), "it was not asked");
    assert_eq!(asks(&neighbours, at(2)), Some(None));
    assert!(is_contradicted(OTHER, false, at(2)), "that is no answer");
    assert!(!is_contradicted(OTHER, true, at(2)), "it may be believed");
    assert!(is_contradicted([7; 6], true, at(2)), "another was first");
}

#[test]
fn who_is_known_has_the_first_word() {
    let neighbours = known();
    hear(&neighbours, OTHER, false, at(1));
    for second in [1, 2] {
        assert!(asks(&neighbours, at(second)).is_some());
    }
    hear(&neighbours, OTHER, true, at(2));
    hear(&neighbours, MAC, true, at(2));
    assert_eq!(asks(&neighbours, at(3)), None);
    assert!(matches!(resolve(&neighbours, 3), Resolved::At { mac: MAC, .. }));
}

#[test]
fn one_attachments_scan_takes_no_place_of_anothers() {
    let neighbours = Neighbours::default();
    let scanned = |nth: usize| Address::from_v4_bits(0xcb00_7100 + nth as u32);
    for nth in 0..PLACES {
        let ask = matches!(
            look_for(&neighbours, scanned(nth), FROM, at(0)),
            Resolved::Waits { ask: true } | Resolved::Full { ask: true }
        );
        assert!(ask, "{nth}");
    }
    assert_eq!(neighbours.waiting(), WAITING);
    assert!(matches!(resolve(&neighbours, 0), Resolved::Full { ask: false }));
    let other = AttachmentId(2);
    assert!(matches!(look_for(&neighbours, target(), other, at(0)), Resolved::Waits { ask: true }));
    assert!(matches!(look_for(&neighbours, scanned(9), other, at(0)), Resolved::Waits { ask: false }));
    for second in 1..=3 {
        neighbours.tick(at(second));
        while !neighbours.questions(at(second)).is_empty() {}
    }
    assert_eq!(neighbours.waiting(), 0);
    assert!(neighbours.table().shares.is_empty(), "nothing is held any more");
    assert!(matches!(resolve(&neighbours, 3), Resolved::Waits { ask: true }));
}

/// However many are due at once: few are asked together, and each before any is asked again.
#[test]
fn a_scans_questions_go_out_a_few_at_a_time() {
    const SCANNED: usize = 1_000;
    let neighbours = Neighbours::default();
    for nth in 0..SCANNED {
        look_for(&neighbours, Address::from_v4_bits(0xcb00_7100 + nth as u32), FROM, at(0));
    }
    look_for(&neighbours, target(), AttachmentId(2), at(0));
    let (mut asked, mut now) = (HashSet::new(), at(1));
    while asked.len() < SCANNED + 1 {
        neighbours.tick(now);
        let questions = neighbours.questions(now);
        assert!((1..=TOGETHER).contains(&questions.len()), "{}", questions.len());
        for question in questions {
            assert!(asked.insert(question.target), "again, before the others");
        }
        now = now + Duration::from_millis(200);
    }
}

#[test]
fn nobody_is_learnt_unasked_and_the_queue_is_bounded() {
    let neighbours = Neighbours::default();
    hear(&neighbours, MAC, true, at(0));
    let waits = |_: &i32| matches!(resolve(&neighbours, 0), Resolved::Waits { .. });
    assert_eq!((0..20).filter(waits).count(), WAITING_EACH);
    assert_eq!(neighbours.waiting(), WAITING_EACH);
}

#[test]
fn super_frames_that_wait_are_few() {
    let neighbours = Neighbours::default();
    let waits = |length: usize| {
        let next_hop = NextHop { on: ON, scope: Scope(1), address: target() };
        let frame = Frame { bytes: &mut vec![0; length], offload: Offload::default() };
        let resolved = neighbours.resolve(next_hop, Whose { from: FROM, worker: 0 }, at(0), &frame);
        matches!(resolved, Resolved::Waits { .. })
    };
    let length = WAITING_BYTES / 4 - 10;
    assert_eq!((0..6).filter(|_| waits(length)).count(), 4);
    assert!(!waits(41) && waits(40), "what fits beside them still waits");
    assert_eq!(hear(&neighbours, MAC, true, at(0)).len(), 5);
    assert!(neighbours.table().shares.know(FROM), "its place");
    neighbours.forget(|_, _, _| true);
    assert!(neighbours.table().shares.is_empty(), "nothing is held any more");
}

#[test]
fn a_wire_that_was_cut_gives_its_places_back() {
    let neighbours = known();
    let epoch = neighbours.epoch(ON);
    neighbours.forget_link(ON);
    assert_ne!(neighbours.epoch(ON), epoch);
    assert!(neighbours.table().shares.is_empty(), "nothing is held any more");
    assert!(matches!(resolve(&neighbours, 1), Resolved::Waits { ask: true }));
    neighbours.forget_link(ON);
    assert_eq!(hear(&neighbours, OTHER, true, at(1)).len(), 1, "who is looked for still is");
}

/// Packets of three workers wait for one neighbour.
fn three_wait() -> Neighbours {
    let neighbours = Neighbours::default();
    for (worker, number) in [(0, 1), (1, 2), (2, 3), (1, 4)] {
        assert!(matches!(send(&neighbours, worker, number, 0), Resolved::Waits { .. }));
    }
    neighbours
}

#[test]
fn an_answer_goes_round_to_all_whose_packets_wait() {
    let neighbours = three_wait();
    assert_eq!(told(&neighbours, 3, MAC), (vec![], Some(0)), "it heard of it and has nothing of its own");
    assert_eq!(told(&neighbours, 0, MAC), (vec![1], Some(1)));
    assert_eq!(told(&neighbours, 1, MAC), (vec![2, 4], Some(2)));
    assert_eq!(told(&neighbours, 2, MAC), (vec![3], None));
    assert_eq!(neighbours.waiting(), 0);
}

#[test]
fn a_worker_that_was_not_told_yet_gets_what_waited_with_its_next_packet() {
    let neighbours = three_wait();
    assert_eq!(told(&neighbours, 0, MAC), (vec![1], Some(1)));
    let Resolved::At { mac: MAC, waited } = send(&neighbours, 1, 5, 1) else { panic!() };
    assert_eq!(numbers(&waited), [2, 4], "they go before the fifth");
    let Resolved::At { mac: MAC, waited } = send(&neighbours, 1, 6, 1) else { panic!() };
    assert_eq!(numbers(&waited), []);
    assert_eq!(told(&neighbours, 1, MAC), (vec![], Some(2)), "the answer is still passed on");
}

#[test]
fn an_answer_that_is_lost_between_workers_keeps_nothing_for_ever() {
    let neighbours = three_wait();
    assert_eq!(neighbours.left_behind(1).map(|left| left.len()), Some(0), "it waits for an answer");
    assert!(neighbours.left_behind(3).is_none(), "nothing of it waits");
    assert_eq!(told(&neighbours, 0, MAC), (vec![1], Some(1)));
    let left = neighbours.left_behind(1).unwrap();
    assert_eq!((left[0].on, left[0].mac, numbers(&left[0].waited)), (ON, MAC, vec![2, 4]));
    assert!(neighbours.left_behind(1).is_none());
    // The last one never looks again: what waits for it goes with the neighbour.
    assert_eq!(neighbours.waiting(), 1);
    let mut given_up = 0;
    for second in 2..700 {
        given_up += neighbours.tick(at(second)).len();
        neighbours.questions(at(second));
    }
    assert_eq!((given_up, neighbours.waiting(), neighbours.next_hops()), (1, 0, 0));
    assert!(neighbours.table().shares.is_empty(), "nothing is held any more");
}

#[test]
fn behind_a_new_wire_what_still_waits_is_asked_for_again() {
    let neighbours = three_wait();
    assert_eq!(told(&neighbours, 0, MAC), (vec![1], Some(1)));
    neighbours.forget_link(ON);
    assert!(matches!(send(&neighbours, 0, 5, 1), Resolved::Waits { ask: false }));
    assert_eq!(asks(&neighbours, at(1)), Some(None));
    assert_eq!(told(&neighbours, 0, OTHER), (vec![5], Some(1)));
    assert_eq!(told(&neighbours, 1, OTHER), (vec![2, 4], Some(2)));
}
