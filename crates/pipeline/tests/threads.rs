//! Real threads, each with an engine over what all share and bounded queues between them: whatever they do to each other, no
//! frame is lost uncounted, no two flows have one tuple, no flow is reordered, nobody gets another's answer, and nothing stays.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

mod threads_world;

use nat::PoolKey;
use packet::{FlowKey, Protocol};
use pipeline::{Counters, DropReason, Ending, Engine};
use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::time::Duration;
use testkit::build::ipv4;
use testkit::lab::Blueprint;
use threads_world::{Alarm, PUBLIC, SHARED, Wire, Worker, come_to_rest, engines};

const WORKERS: usize = 4;
const ROUNDS: u64 = 8;
/// How often a worker's hosts begin something in one round.
const BEGINNINGS: u32 = 1_000;

/// Few ports and few records, so that the workers have to take them from each other.
fn blueprint() -> Blueprint {
    let idle = Duration::from_secs(20);
    Blueprint::default().public("vm3", PUBLIC).idle(idle).capacity(4_000).snat_ports(2_000..=2_063)
}

#[test]
fn threads_do_each_other_no_harm() {
    let wire = Wire::new(blueprint(), WORKERS);
    let (shared, mut engines) = engines(&wire, WORKERS);
    for round in 0..ROUNDS {
        wire.begin_round(WORKERS);
        std::thread::scope(|scope| {
            for (nth, engine) in engines.iter_mut().enumerate() {
                let wire = &wire;
                scope.spawn(move || {
                    let _alarm = Alarm(wire);
                    Worker::new(engine, wire, round * 97 + nth as u64).run(BEGINNINGS);
                });
            }
        });
        come_to_rest(&mut engines, &wire);
        assert_eq!(shared.waiting(), 0, "no answer is missed for long");
        let sum = sum(&engines);
        assert_eq!(sum.received.packets, wire.sent.load(Relaxed), "every frame was received once");
        assert_eq!(sum.between(), 0, "what is handed over is taken over");
        assert_eq!(sum.received.packets, sum.total().packets + shared.waiting() as u64);
        let forwarded = sum.ended(Ending::Forwarded).packets;
        assert_eq!(wire.left.load(Relaxed), forwarded + sum.originated.packets, "nothing else left");
        assert_tuples(&wire, &engines, shared.away_from_home(), shared.pools().used_total());
        // Silent flows die at the beginning of the next round.
        wire.later(Duration::from_secs(21));
    }
    let sum = sum(&engines);
    let dropped = sum.endings().filter_map(|(ending, count)| match ending {
        Ending::Dropped(reason) if count.packets > 0 => Some(reason),
        _ => None,
    });
    for reason in dropped {
        assert!(EXPECTED.contains(&reason), "{reason:?}: {:?}", sum.ended(Ending::Dropped(reason)));
    }
    for reason in [DropReason::SnatPortsExhausted, DropReason::NoMapping, DropReason::DeniedInbound] {
        assert!(sum.ended(Ending::Dropped(reason)).packets > 0, "{reason:?} did not happen");
    }
    assert!(sum.handed().0.packets > 1_000 && wire.in_order.load(Relaxed) > 1_000);

    for _ in 0..3_000 {
        let now = wire.later(Duration::from_millis(100));
        engines.iter_mut().for_each(|engine| engine.tick(now));
    }
    assert!(engines.iter().all(|engine| engine.held() == [0, 0]), "flow records, lingering connections");
    assert_eq!((shared.away_from_home(), shared.waiting(), shared.datagrams()), (0, 0, 0));
    assert_eq!((shared.pools().used_total(), shared.pools().askers()), (0, 0));
}

/// While another thread begins and ends flows to destinations of its own, as fast as it can, no new flow is refused: a port
/// that was free when the rules saw it is not another for that.
#[test]
fn what_others_open_refuses_nobody_a_port() {
    const MOST: u32 = 100_000;
    let mut lab = Blueprint::default().capacity(2 * MOST as usize).build();
    let pools = Arc::clone(lab.shared().pools());
    let pool = |nth: u32| PoolKey {
        public: SHARED.parse().unwrap(),
        protocol: Protocol::UDP,
        destination: (0x0909_0000 + nth % 0x1_0000).into(),
    };
    let (begin, is_over, opened) = (Barrier::new(2), AtomicBool::new(false), AtomicU32::new(0));
    let mut flows = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            begin.wait();
            // It ends on its own, too, should the other one panic.
            for nth in (0..100_000_000).take_while(|_| !is_over.load(Relaxed)) {
                drop(pools.lease(pool(nth)));
                opened.store(nth, Relaxed);
            }
        });
        begin.wait();
        // On a machine that has other things to do, until both have had their turns.
        while flows < MOST && (flows < MOST / 5 || opened.load(Relaxed) < 10 * MOST) {
            let to = Ipv4Addr::from(0x0808_0000 + flows).to_string();
            lab.send_directly("vm1", ipv4("10.0.1.4", &to).udp(5000, 53));
            flows += 1;
        }
        is_over.store(true, Relaxed);
    });
    assert_eq!((lab.dropped(DropReason::TupleInUse), pools.used_total()), (0, flows as usize));
}

/// What workers in a hurry may drop: what a reload forbids, what has run out, and what comes after its flow.
const EXPECTED: [DropReason; 11] = [
    DropReason::NeighboursFull,
    DropReason::NoNeighbour,
    DropReason::DeniedInbound,
    DropReason::DetachedDestination,
    DropReason::AttachmentGone,
    DropReason::SnatPortsExhausted,
    DropReason::NoMapping,
    DropReason::HandOffFull,
    DropReason::FragmentOrphan,
    DropReason::FragmentOfDropped,
    DropReason::FragmentsFull,
];

fn sum(engines: &[Engine]) -> Counters {
    let mut sum = Counters::default();
    engines.iter().for_each(|engine| sum.add(engine.counters()));
    sum
}

/// No tuple belongs to two flows, the directory has those that are not at home, and each port in use is a flow's.
fn assert_tuples(wire: &Wire, engines: &[Engine], away: usize, leased: usize) {
    let mut seen: HashSet<FlowKey> = HashSet::new();
    let (mut not_at_home, mut translated) = (0, 0);
    for engine in engines {
        for flow in engine.flows(wire.now(), 0, usize::MAX).0 {
            for key in [flow.initiator, flow.responder] {
                assert!(seen.insert(key), "two flows have {key}");
                not_at_home += usize::from(key.home(WORKERS) != engine.worker());
            }
            translated += usize::from(flow.responder.destination.to_string() == SHARED);
        }
    }
    assert_eq!((away, leased), (not_at_home, translated));
}
