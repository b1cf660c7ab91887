//! The fast table against the reference, driven by the same random life.

use crate::reference::Reference;
use crate::{Counters, Flow, FlowId, NewFlow, Refused, Segment, Side, Table};
use packet::parse::{ACK, FIN, RST, SYN};
use packet::{Address, FlowKey, Owner, Protocol, Scope, Time};
use proptest::prelude::*;
use std::net::Ipv6Addr;
use std::time::Duration;

#[derive(Clone, Debug)]
enum Deed {
    Insert { initiator: usize, responder: usize, owner: Owner, idle: Duration, segment: Segment },
    Announce(usize),
    Packet { key: usize, segment: Segment, sent: Counters },
    Wait(Duration),
    Expire { budget: usize },
    Remove { key: usize },
    RemoveWhere { start: usize, limit: usize, odd: bool },
    TouchStale { segment: Segment },
}

const KEYS: usize = 25;

/// Few keys, so that flows meet: IPv4 and IPv6, some the reverse of others, one its own reverse.
fn key(number: usize) -> FlowKey {
    let address = |host: usize| match number {
        0..14 => Address::from_v4_bits(0x0a00_0100 + host as u32),
        _ => Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, host as u16).into(),
    };
    let (source, destination) = if number == KEYS - 1 {
        (7, 7)
    } else {
        (number / 2 * 2 + number % 2, number / 2 * 2 + 1 - number % 2)
    };
    FlowKey {
        source: address(source),
        destination: address(destination),
        source_port: source as u16,
        destination_port: destination as u16,
        scope: Scope(1),
        protocol: Protocol::TCP,
    }
}

/// Few numbers around the wrap, so that they often meet too.
fn segments() -> impl Strategy<Value = Segment> {
    let flags = prop_oneof![
        6 => Just(SYN),
        6 => Just(SYN | ACK),
        10 => Just(ACK),
        6 => Just(FIN | ACK),
        2 => Just(RST),
        2 => Just(RST | ACK),
        1 => 0u8..64,
    ];
    let number = || {
        prop_oneof![
            16 => 0u32..4,
            1 => prop::sample::select(vec![1u32 << 20, (1 << 20) + 1, 1 << 24, (1 << 24) + 1, 1 << 30, (1 << 30) + 1, 1 << 31, u32::MAX - 1]),
        ]
    };
    let tcp = (flags, number(), number(), 0u32..2).prop_map(|(flags, seq, ack, payload_len)| {
        let base = u32::MAX - 1;
        Segment::Tcp { flags, seq: base.wrapping_add(seq), ack: base.wrapping_add(ack), payload_len }
    });
    prop_oneof![1 => Just(Segment::Other), 8 => tcp]
}

fn waits() -> impl Strategy<Value = Duration> {
    let tick = Duration::from_nanos(crate::wheel::TICK);
    let nano = Duration::from_nanos(1);
    let spans = [1, 10, 15, 30, 65, 240, 512, 7_200, 1_000_000].map(Duration::from_secs);
    let edges = move |span: Duration| [span - tick, span - nano, span, span + nano, span + tick];
    let mut all: Vec<Duration> = spans.into_iter().flat_map(edges).collect();
    all.extend([Duration::ZERO, nano, tick - nano, tick]);
    prop::sample::select(all)
}

/// One owner has most of the flows.
fn owners() -> impl Strategy<Value = Owner> {
    prop::sample::select(vec![3, 3, 3, 3, 0, 1, 2]).prop_map(Owner)
}

fn deeds() -> impl Strategy<Value = Deed> {
    let idle = prop::sample::select(vec![240, 1, 10, 7_200]).prop_map(Duration::from_secs);
    let sent = (0u64..3, 0u64..2_000).prop_map(|(packets, bytes)| Counters { packets, bytes });
    prop_oneof![
        8 => (0..KEYS, 0..KEYS, owners(), idle, segments()).prop_map(|(initiator, responder, owner, idle, segment)| {
            Deed::Insert { initiator, responder, owner, idle, segment }
        }),
        1 => (0usize..4).prop_map(Deed::Announce),
        24 => (0..KEYS, segments(), sent).prop_map(|(key, segment, sent)| Deed::Packet { key, segment, sent }),
        6 => waits().prop_map(Deed::Wait),
        6 => prop::sample::select(vec![0, 1, 2, 1_000]).prop_map(|budget| Deed::Expire { budget }),
        1 => (0..KEYS).prop_map(|key| Deed::Remove { key }),
        1 => (0usize..4, 0usize..4, any::<bool>())
            .prop_map(|(start, limit, odd)| Deed::RemoveWhere { start, limit, odd }),
        1 => segments().prop_map(|segment| Deed::TouchStale { segment }),
    ]
}

/// Both tables, and the clock they share. A flow's action is its serial number.
struct Twins {
    table: Table<u64>,
    reference: Reference,
    now: Time,
    serial: u64,
    gone: Option<FlowId>,
}

impl Twins {
    fn new(capacity: usize, one_chain: bool) -> Self {
        let table =
            if one_chain { Table::with_one_chain(capacity) } else { Table::new(capacity, [3, 4]).unwrap() };
        let reference = Reference::new(capacity);
        Self { table, reference, now: Time::from_nanos(77), serial: 0, gone: None }
    }

    fn perform(&mut self, deed: Deed) -> Result<(), TestCaseError> {
        match deed {
            Deed::Wait(span) => self.now = self.now + span,
            Deed::Announce(owners) => {
                self.table.announce((0..owners as u16).map(Owner));
                self.reference.announced = owners;
            }
            Deed::Insert { initiator, responder, owner, idle, segment } => {
                self.serial += 1;
                let (initiator, responder) = (key(initiator), key(responder));
                prop_assert_eq!(self.table.room(owner), self.reference.room(owner).map(drop));
                let new = NewFlow { initiator, responder, owner, idle, action: self.serial };
                let expected =
                    self.reference.insert(new, self.now, segment, Counters { packets: 1, bytes: 60 });
                match self.table.insert(new, self.now, segment, 1, 60) {
                    Ok(inserted) => {
                        self.gone = inserted.evicted.as_ref().map(|flow| flow.id).or(self.gone);
                        prop_assert_eq!(Ok(inserted.evicted.map(|flow| flow.action)), expected);
                        prop_assert_eq!(self.table.get(inserted.id), Some(&self.serial));
                    }
                    Err(Refused { why, action }) => {
                        prop_assert_eq!((Err(why), action), (expected, self.serial));
                    }
                }
            }
            Deed::Packet { key: number, segment, sent } => {
                let Some((id, side)) = self.table.find(&key(number)) else { return Ok(()) };
                let serial = *self.table.get(id).unwrap();
                prop_assert_eq!(
                    self.table.would_reopen(id, segment),
                    self.reference.would_reopen(serial, segment)
                );
                let got = self.table.touch(id, side, self.now, segment, sent.packets as u32, sent.bytes);
                prop_assert_eq!(got, self.reference.touch(serial, side, self.now, segment, sent));
                for (side, seq) in Side::BOTH.into_iter().flat_map(|side| (0..6).map(move |seq| (side, seq)))
                {
                    let seq = (u32::MAX - 1).wrapping_add(seq);
                    let expected = self.reference.is_under_way(serial, side, seq);
                    prop_assert_eq!(self.table.is_under_way(id, side, seq), expected, "{:?} {}", side, seq);
                }
            }
            Deed::Expire { budget } => self.expire(budget)?,
            Deed::Remove { key: number } => {
                let Some((id, _)) = self.table.find(&key(number)) else { return Ok(()) };
                let ended = self.table.remove(id).unwrap();
                self.compare(&ended)?;
                prop_assert!(self.reference.flows.remove(&ended.action).is_some());
                self.gone = Some(id);
            }
            Deed::RemoveWhere { start, limit, odd } => {
                let is_wanted = |flow: Flow<&u64>| (flow.action % 2 == 1) == odd;
                let (page, rest) = self.table.page(start, limit);
                let expected: Vec<u64> =
                    page.filter(|&flow| is_wanted(flow)).map(|flow| *flow.action).collect();
                let mut ended = Vec::new();
                let next = self.table.remove_where(start, limit, is_wanted, |flow| ended.push(flow.action));
                prop_assert_eq!((&ended, next), (&expected, rest));
                for serial in ended {
                    prop_assert!(self.reference.flows.remove(&serial).is_some());
                }
            }
            Deed::TouchStale { segment } => {
                let Some(id) = self.gone else { return Ok(()) };
                let touched = self.table.touch(id, Side::Responder, self.now, segment, 1, 1);
                prop_assert_eq!(touched, crate::Touched::Stale);
                prop_assert!(self.table.get(id).is_none() && self.table.get_mut(id).is_none());
                prop_assert!(self.table.flow(id).is_none() && self.table.remove(id).is_none());
                prop_assert!(!self.table.would_reopen(id, segment));
            }
        }
        Ok(())
    }

    fn expire(&mut self, budget: usize) -> Result<(), TestCaseError> {
        let mut ended = Vec::new();
        let done = self.table.expire(self.now, budget, |flow| ended.push(flow));
        prop_assert!(ended.len() <= budget);
        for flow in ended {
            self.compare(&flow)?;
            prop_assert!(self.reference.is_due(flow.action, self.now), "{} ended too early", flow.action);
            self.reference.flows.remove(&flow.action);
            self.gone = Some(flow.id);
        }
        if done {
            let overdue =
                self.reference.flows.keys().find(|&&serial| self.reference.is_due(serial, self.now));
            prop_assert_eq!(overdue, None, "lives too long");
        }
        Ok(())
    }

    fn compare(&self, flow: &Flow<u64>) -> Result<(), TestCaseError> {
        let plain = &self.reference.flows[&flow.action];
        prop_assert_eq!(
            (flow.keys, flow.sent, flow.owner, flow.state),
            (plain.keys, plain.sent, plain.owner, plain.state)
        );
        prop_assert_eq!(
            (flow.created, flow.last_seen, flow.deadline),
            (plain.created, plain.last_seen, plain.deadline)
        );
        Ok(())
    }

    fn compare_all(&self) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.table.len(), self.reference.flows.len());
        for number in 0..KEYS {
            let found = self.table.find(&key(number));
            let serial = found.map(|(id, side)| (*self.table.get(id).unwrap(), side));
            prop_assert_eq!(serial, self.reference.find(&key(number)), "key {}", number);
        }
        let (flows, rest) = self.table.page(0, usize::MAX);
        prop_assert_eq!(rest, None);
        let mut seen = 0;
        for flow in flows {
            prop_assert_eq!(self.table.flow(flow.id).map(|flow| *flow.action), Some(*flow.action));
            let Flow { id, keys, sent, owner, state, created, last_seen, deadline, action: &action } = flow;
            self.compare(&Flow { id, keys, sent, owner, state, created, last_seen, deadline, action })?;
            seen += 1;
        }
        prop_assert_eq!(seen, self.table.len());
        let first = self.reference.flows.values().map(|flow| flow.deadline).min();
        let tick = Duration::from_nanos(crate::wheel::TICK);
        match (self.table.next_deadline(), first) {
            (Some(next), Some(first)) => prop_assert!(next <= first.max(self.now) + tick),
            (next, first) => prop_assert_eq!(next.is_some(), first.is_some()),
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn the_table_is_the_reference(
        capacity in 1usize..10,
        one_chain: bool,
        life in prop::collection::vec(deeds(), 1..120),
    ) {
        let mut twins = Twins::new(capacity, one_chain);
        for deed in life {
            twins.perform(deed)?;
            twins.compare_all()?;
        }
        twins.now = twins.now + Duration::from_secs(7_201);
        twins.expire(1_000)?;
        prop_assert!(twins.table.is_empty());
        twins.compare_all()?;
    }
}
