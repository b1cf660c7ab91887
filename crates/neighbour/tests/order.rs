//! Whatever is heard, lost and cut in whichever order: each worker's packets go in the order in which they came, none is
//! lost uncounted, and none waits for ever.

use neighbour::{Neighbours, NextHop, Resolved, Said, Waiting, Whose};
use packet::{Address, AttachmentId, Frame, Mac, Offload, Scope, Time};
use proptest::prelude::*;
use std::time::Duration;

const WORKERS: usize = 3;
const ON: AttachmentId = AttachmentId(0);
const MACS: [Mac; 2] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]];

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A worker has a packet for one of two neighbours.
    Packet { worker: usize, host: u8 },
    /// A worker hears a neighbour, at one of two places; the answer comes to so many others before it is lost.
    Heard { worker: usize, host: u8, mac: usize, hops: usize },
    /// A worker looks after its own.
    LookedAfter { worker: usize },
    /// The wire is cut.
    Cut,
    /// A reload has no place for a neighbour any more.
    Gone { host: u8 },
    /// Time goes by.
    Later { millis: u64 },
}

fn event() -> impl Strategy<Value = Event> {
    let (worker, host) = (0..WORKERS, 0..2u8);
    let gone = host.clone().prop_map(|host| Event::Gone { host });
    prop_oneof![
        6 => (worker.clone(), host.clone()).prop_map(|(worker, host)| Event::Packet { worker, host }),
        4 => (worker.clone(), host, 0..2usize, 0..WORKERS)
            .prop_map(|(worker, host, mac, hops)| Event::Heard { worker, host, mac, hops }),
        2 => worker.prop_map(|worker| Event::LookedAfter { worker }),
        1 => Just(Event::Cut),
        1 => gone,
        2 => (0..2_000u64).prop_map(|millis| Event::Later { millis }),
    ]
}

#[derive(Default)]
struct World {
    neighbours: Neighbours,
    now: Time,
    next: u32,
    /// The number of the last packet that each worker sent to each neighbour.
    last: [[u32; 2]; WORKERS],
    sent: u32,
    dropped: u32,
}

impl World {
    fn send(&mut self, worker: usize, bytes: &[u8]) {
        let number = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let last = &mut self.last[worker][usize::from(bytes[4])];
        assert_eq!(usize::from(bytes[5]), worker, "its own");
        assert!(*last < number, "{number} after {last}");
        *last = number;
        self.sent += 1;
    }

    fn let_go(&mut self, worker: usize, waited: &[Waiting]) {
        waited.iter().for_each(|waiting| self.send(worker, &waiting.bytes));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Packet { worker, host } => {
                self.packet(worker, host);
            }
            Event::Heard { worker, host, mac, hops } => {
                let said =
                    Said { sender: Address::from_v4_bits(u32::from(host)), mac: MACS[mac], answers: true };
                let mut told = Some(worker);
                for _ in 0..=hops {
                    let Some(worker) = told else { break };
                    let learnt = self.neighbours.learn(ON, &said, worker, self.now);
                    self.let_go(worker, &learnt.waited);
                    assert_ne!(learnt.next, Some(worker), "it has nothing left");
                    told = learnt.next;
                }
            }
            Event::LookedAfter { worker } => {
                for left in self.neighbours.left_behind(worker).into_iter().flatten() {
                    self.let_go(worker, &left.waited);
                }
                for host in 0..2 {
                    assert_eq!(self.packet(worker, host), 0, "none was overlooked");
                }
            }
            Event::Cut => self.neighbours.forget_link(ON),
            Event::Gone { host } => {
                let is_gone = |_, _, address| address == Address::from_v4_bits(u32::from(host));
                self.dropped += self.neighbours.forget(is_gone).len() as u32;
            }
            Event::Later { millis } => {
                self.now = self.now + Duration::from_millis(millis);
                self.dropped += self.neighbours.tick(self.now).len() as u32;
                self.neighbours.questions(self.now);
            }
        }
    }

    /// A packet of a worker's for a neighbour; how many that had waited went before it.
    fn packet(&mut self, worker: usize, host: u8) -> usize {
        self.next += 1;
        let [a, b, c, d] = self.next.to_be_bytes();
        let mut bytes = [a, b, c, d, host, worker as u8];
        let next_hop = NextHop { on: ON, scope: Scope(0), address: Address::from_v4_bits(u32::from(host)) };
        let frame = Frame { bytes: &mut bytes, offload: Offload::default() };
        let whose = Whose { from: AttachmentId(1), worker };
        match self.neighbours.resolve(next_hop, whose, self.now, &frame) {
            Resolved::At { waited, .. } => {
                self.let_go(worker, &waited);
                self.send(worker, &bytes);
                return waited.len();
            }
            Resolved::Waits { .. } => {}
            Resolved::Full { .. } => self.dropped += 1,
        }
        0
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn packets_go_in_the_order_in_which_they_came(events in prop::collection::vec(event(), 0..200)) {
        let mut world = World::default();
        for event in events {
            world.happen(event);
            prop_assert_eq!(world.next, world.sent + world.dropped + world.neighbours.waiting() as u32);
        }
        for _ in 0..1_000 {
            world.happen(Event::Later { millis: 1_000 });
        }
        prop_assert_eq!((world.neighbours.waiting(), world.neighbours.next_hops()), (0, 0));
    }
}
