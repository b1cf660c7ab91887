//! Many packets at once: which rules hold all of them, and whether they all meet one fate.
//!
//! A question may name whole networks, tags and ranges. Its packets fall into classes as single packets do, so a set of
//! classes for each field stands for all of them.

use crate::column::Block;
use crate::expansion::Expansion;
use crate::fields::{kinds, protocol_class};
use crate::platform::{HOST, METADATA};
use crate::ranges::Ranges;
use crate::table::{GroupId, Policy, Table};
use crate::tuple::Tuple;
use model::{Access, AddressMatch, Direction, PortSet, RuleProtocol};
use packet::{Address, Protocol};
use std::collections::HashSet;
use std::net::Ipv6Addr;

/// The packets that a question is about, from whatever source port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The protocol; [`RuleProtocol::Any`] is every protocol that the network carries.
    pub protocol: RuleProtocol,
    /// The senders.
    pub source: AddressMatch,
    /// The receivers.
    pub destination: AddressMatch,
    /// The receivers' ports, where the protocol has any.
    pub destination_ports: PortSet,
}

/// The packets of a [`Question`] as one policy tells them apart.
#[derive(Clone, Debug)]
pub struct Traffic {
    /// Those that rules judge.
    judged: Vec<Region>,
    /// Outbound those to the platform's two addresses, which only rules with its tags judge.
    platform: Vec<Region>,
}

/// What becomes of the packets of a question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fates {
    /// One that is allowed.
    pub allowed: Option<Tuple>,
    /// One that is denied.
    pub denied: Option<Tuple>,
    /// Whether all were looked at, or enough to know both; not where the rules cut the question into too many pieces.
    pub complete: bool,
}

/// The rows of bitmaps that [`Policy::fates`] may read; about a tenth of a second.
const MAX_ROWS: usize = 1 << 22;

/// Protocols that have ports, with those that IPv4 and IPv6 have without.
const WITH_PORTS: [Protocol; 2] = [Protocol::TCP, Protocol::UDP];
const BARE_V4: [Protocol; 3] = [Protocol::ICMP, Protocol::ESP, Protocol::AH];
const BARE_V6: [Protocol; 3] = [Protocol::ICMPV6, Protocol::ESP, Protocol::AH];

/// A class of one field, and a value in it: a number of a protocol or port, or the bits of an address.
type Part = (u32, u128);

/// Stands for a packet without ports.
const NO_PORT: u128 = u128::MAX;

/// Packets whose fields are independent of each other: in the order protocol, source, source port, destination,
/// destination port.
#[derive(Clone, Debug)]
pub(crate) struct Region([Vec<Part>; 5]);

impl Traffic {
    /// Whether there is no such packet: its ends are of different address families, or nobody's.
    pub fn is_empty(&self) -> bool {
        self.judged.is_empty() && self.platform.is_empty()
    }

    /// Whether all of them go to the platform's two addresses, and so only rules with its tags judge them.
    pub fn is_platforms(&self) -> bool {
        self.judged.is_empty() && !self.platform.is_empty()
    }

    /// Those that [`Policy::fields_held`] and [`Policy::decider`] are about.
    pub(crate) fn shown(&self) -> &[Region] {
        if self.judged.is_empty() { &self.platform } else { &self.judged }
    }
}

impl Policy {
    /// The packets of a question. `None` for a tag that is not loaded.
    ///
    /// Outbound those to the platform's two addresses are told apart, as they are no rule's but those of its tags. ICMP in
    /// IPv6 is ICMPv6, which only rules about any protocol hold.
    ///
    /// # Cost
    /// Every interval of addresses and every port that the question holds is looked at.
    pub fn traffic(
        &self,
        expansion: &Expansion<'_>,
        direction: Direction,
        question: &Question,
    ) -> Option<Traffic> {
        let source = expansion.set(&question.source)?;
        let destination = expansion.set(&question.destination)?;
        let (source, destination) = (source.families(), destination.families());
        let mut traffic = Traffic { judged: Vec::new(), platform: Vec::new() };
        for (source, destination, bare) in
            [(source.0, destination.0, BARE_V4), (source.1, destination.1, BARE_V6)]
        {
            let source = self.address_parts(&source);
            let destination = self.address_parts(&destination);
            let platform = [HOST, METADATA].map(|host| self.addresses.class(host.into()));
            let is_platform = |part: &Part| direction == Direction::Outbound && platform.contains(&part.0);
            let (platform, judged) = destination.into_iter().partition(is_platform);
            let asked = |protocol: &Protocol| match (question.protocol, *protocol) {
                (RuleProtocol::Icmp, Protocol::ICMPV6) => true,
                (asked, protocol) => kinds(asked) & (1 << protocol_class(protocol)) != 0,
            };
            let parts = |protocols: &[Protocol]| -> Vec<Part> {
                let asked = protocols.iter().filter(|protocol| asked(protocol));
                asked.map(|&protocol| (protocol_class(protocol), protocol.0.into())).collect()
            };
            let (ported, bare) = (parts(&WITH_PORTS), parts(&bare));
            let no_port = || vec![(self.ports.class(None), NO_PORT)];
            let (from, to) =
                (self.port_parts(&PortSet::full()), self.port_parts(&question.destination_ports));
            let sorts: [(&mut Vec<Region>, Vec<Part>); 2] =
                [(&mut traffic.judged, judged), (&mut traffic.platform, platform)];
            for (regions, destination) in sorts {
                // A question about any protocol and one port is about those that have ports.
                if ported.is_empty() || question.destination_ports.is_full() {
                    let bare = bare.clone();
                    regions.push(Region([bare, source.clone(), no_port(), destination.clone(), no_port()]));
                }
                let (ported, source) = (ported.clone(), source.clone());
                regions.push(Region([ported, source, from.clone(), destination, to.clone()]));
                regions.retain(|region| region.0.iter().all(|field| !field.is_empty()));
            }
        }
        Some(traffic)
    }

    /// What becomes of the packets of a question before several groups in order, the first deny ending it; where both
    /// fates are met, a packet of each, which goes to the platform only where no other has its fate.
    ///
    /// # Cost
    /// Little where the rules up to the one that holds all agree; else the question is cut up, within a bound.
    pub fn fates(&self, groups: &[GroupId], direction: Direction, traffic: &Traffic) -> Fates {
        let mut fates = Fates { allowed: None, denied: None, complete: true };
        // The last one is looked at first.
        let all = traffic.platform.iter().chain(&traffic.judged);
        let mut rest: Vec<(Region, usize)> = all.map(|region| (region.clone(), 0)).collect();
        let mut rows = MAX_ROWS;
        while let Some((region, level)) = rest.pop() {
            if fates.allowed.is_some() && fates.denied.is_some() {
                break;
            }
            let Some(&group) = groups.get(level) else {
                fates.allowed.get_or_insert(region.sample());
                continue;
            };
            let Some(left) = rows.checked_sub(region.0.iter().map(Vec::len).sum()) else {
                return Fates { complete: false, ..fates };
            };
            rows = left;
            let mut aside = |piece| rest.push((piece, level));
            match self.table(group, direction).and_then(|table| region.settle(table, &mut aside)) {
                Some((region, Access::Allow)) => rest.push((region, level + 1)),
                Some((region, Access::Deny)) => drop(fates.denied.get_or_insert(region.sample())),
                None => drop(fates.denied.get_or_insert(region.sample())),
            }
        }
        fates
    }

    fn address_parts(&self, addresses: &Ranges) -> Vec<Part> {
        let mut seen = HashSet::new();
        let mut parts = Vec::new();
        self.addresses.each_class(addresses, |class, address| {
            if seen.insert(class) {
                parts.push((class, address));
            }
        });
        parts
    }

    fn port_parts(&self, ports: &PortSet) -> Vec<Part> {
        let mut seen = HashSet::new();
        let all = ports.ranges().flatten().map(|port| (self.ports.class(Some(port)), u128::from(port)));
        all.filter(|(class, _)| seen.insert(*class)).collect()
    }
}

impl Region {
    /// Finds the fate of these packets in one table, or of some of them: the others are put aside.
    ///
    /// Returns `None` where the region or the table is of another policy.
    fn settle(&self, table: &Table, aside: &mut impl FnMut(Self)) -> Option<(Self, Access)> {
        let every = common(&self.rows(table, |row, other| *row &= other)?);
        let any = common(&self.rows(table, |row, other| *row |= other)?);
        // Only outbound to the platform no rule holds all, and what none holds is allowed.
        let closing = bits(&every).next();
        let end = closing.and_then(|rule| table.rules.get(rule)).map_or(Access::Allow, |rule| rule.access);
        let mut touched = bits(&any).take_while(|&rule| closing.is_none_or(|closing| rule < closing));
        let access = |rule: usize| table.rules.get(rule).map_or(Access::Deny, |rule| rule.access);
        let Some(first) = touched.next() else { return Some((self.clone(), end)) };
        if access(first) == end && touched.all(|rule| access(rule) == end) {
            return Some((self.clone(), end));
        }
        let mut inside = self.clone();
        for (field, column) in table.columns().into_iter().enumerate() {
            let parts = std::mem::take(&mut inside.0[field]);
            let (held, outside) =
                parts.into_iter().partition(|&(class, _)| column.holds(class, first) == Some(true));
            if !Vec::is_empty(&outside) {
                let mut piece = inside.clone();
                piece.0[field] = outside;
                // Fields not yet cut are still whole, those before are inside.
                aside(piece);
            }
            inside.0[field] = held;
        }
        Some((inside, access(first)))
    }

    /// For each field the rows of its classes, combined.
    pub(crate) fn rows(&self, table: &Table, combine: impl Fn(&mut u64, u64)) -> Option<[Vec<Block>; 5]> {
        let mut rows: [Vec<Block>; 5] = Default::default();
        for ((column, parts), row) in table.columns().into_iter().zip(&self.0).zip(&mut rows) {
            for (nth, &(class, _)) in parts.iter().enumerate() {
                let other = column.row(class)?;
                if nth == 0 { row.extend_from_slice(other) } else { fold(row, other, &combine) }
            }
        }
        Some(rows)
    }

    /// One of the packets.
    fn sample(&self) -> Tuple {
        let value = |field: usize| self.0[field].first().map_or(0, |&(_, value)| value);
        let address = |field| Address::from(Ipv6Addr::from_bits(value(field)));
        Tuple {
            protocol: Protocol(value(0) as u8),
            source: address(1),
            source_port: u16::try_from(value(2)).ok(),
            destination: address(3),
            destination_port: u16::try_from(value(4)).ok(),
        }
    }
}

pub(crate) fn fold(row: &mut [Block], other: &[Block], combine: impl Fn(&mut u64, u64)) {
    for (word, &other) in row.iter_mut().flatten().zip(other.iter().flatten()) {
        combine(word, other);
    }
}

/// The rules that stand in all five rows.
pub(crate) fn common(rows: &[Vec<Block>; 5]) -> Vec<Block> {
    let [first, rest @ ..] = rows;
    let mut common = first.clone();
    rest.iter().for_each(|row| fold(&mut common, row, |a, b| *a &= b));
    common
}

/// The rules of a row in order.
pub(crate) fn bits(row: &[Block]) -> impl Iterator<Item = usize> + '_ {
    let words = row.iter().flatten().enumerate();
    words.flat_map(|(nth, &word)| {
        (0..64).filter(move |bit| word & (1 << bit) != 0).map(move |bit| nth * 64 + bit)
    })
}
