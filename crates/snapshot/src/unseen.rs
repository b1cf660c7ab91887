//! Rules that the gateway cannot enforce: those between neighbours of one segment, who need no gateway to talk.

use crate::link::Behind;
use crate::names::{RuleId, RuleName};
use crate::snapshot::{Private, Snapshot};
use model::{Access, Direction, SecurityRule};
use packet::{Address, AttachmentId, Protocol};
use policy::{GroupId, Match, Tuple};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most packets that are tried for one segment; what a /24 with a hundred ports in its rules needs is far below.
const TRIES: usize = 1 << 22;

/// A rule that denies something between two neighbours.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unseen {
    /// The rule, which denies at the receiver where it looks inbound, else at the sender.
    pub rule: RuleName,
    /// The sender's NIC.
    pub from: Arc<str>,
    /// The receiver's NIC.
    pub to: Arc<str>,
    /// A packet that it denies.
    pub packet: Tuple,
}

impl Snapshot {
    /// The rules that deny something between two NICs of the segment behind an attachment, each with one such packet.
    ///
    /// Exact, for it asks the compiled rules about a packet of every kind that they tell apart; where these are more than
    /// four million it stops, so that the list may be short.
    ///
    /// # Cost
    /// A look at every pair of addresses that the rules tell apart, with every pair of ports.
    pub fn unseen_rules(&self, on: AttachmentId) -> Vec<Unseen> {
        let Some(link) = self.link(on) else { return Vec::new() };
        let Behind::Nics { addresses, segment: true, .. } = &link.behind else { return Vec::new() };
        let members = addresses.iter().filter_map(|&it| Some((it, *self.private(link.scope, it)?)));
        let members = self.unlike(members);
        let mut search = Search {
            snapshot: self,
            ports: HashMap::new(),
            tries: TRIES,
            known: HashSet::new(),
            found: Vec::new(),
        };
        for from in &members {
            for to in members.iter().filter(|to| to.0 != from.0 && to.0.is_v4() == from.0.is_v4()) {
                search.pair(*from, *to);
            }
        }
        search.found
    }

    /// Of the addresses that no rule tells apart, two: enough for a pair.
    fn unlike(&self, members: impl Iterator<Item = (Address, Private)>) -> Vec<(Address, Private)> {
        let mut seen: HashMap<_, usize> = HashMap::new();
        let is_needed = |(address, private): &(Address, Private)| {
            let class = self.policy.address_class(*address);
            let key = (class, address.is_v4(), private.guards);
            let count = seen.entry(key).or_default();
            *count += 1;
            *count <= 2
        };
        members.filter(is_needed).collect()
    }
}

/// The search through one segment.
struct Search<'a> {
    snapshot: &'a Snapshot,
    /// The first port of every range that a group's rules tell apart, of source and destination.
    ports: HashMap<(GroupId, Direction), (Vec<u16>, Vec<u16>)>,
    tries: usize,
    known: HashSet<RuleId>,
    found: Vec<Unseen>,
}

impl Search<'_> {
    fn pair(&mut self, from: (Address, Private), to: (Address, Private)) {
        for (guards, direction) in [(from.1.guards, Direction::Outbound), (to.1.guards, Direction::Inbound)] {
            for (_, group) in guards.in_order(direction) {
                self.group(group, direction, from, to);
            }
        }
    }

    fn group(
        &mut self,
        group: GroupId,
        direction: Direction,
        from: (Address, Private),
        to: (Address, Private),
    ) {
        let rules = self.snapshot.policy.rules(group, direction);
        if rules.iter().all(|rule| rule.default || rule.access == Access::Allow) {
            return;
        }
        let (sources, destinations) =
            self.ports.entry((group, direction)).or_insert_with(|| borders(rules)).clone();
        for protocol in [Protocol::TCP, Protocol::UDP] {
            for &source_port in &sources {
                for &destination_port in &destinations {
                    self.ask(group, direction, from, to, protocol, Some((source_port, destination_port)));
                }
            }
        }
        for protocol in [Protocol::ICMP, Protocol::ESP, Protocol::AH] {
            self.ask(group, direction, from, to, protocol, None);
        }
    }

    fn ask(
        &mut self,
        group: GroupId,
        direction: Direction,
        from: (Address, Private),
        to: (Address, Private),
        protocol: Protocol,
        ports: Option<(u16, u16)>,
    ) {
        let Some(left) = self.tries.checked_sub(1) else { return };
        self.tries = left;
        let packet = Tuple {
            protocol,
            source: from.0,
            source_port: ports.map(|ports| ports.0),
            destination: to.0,
            destination_port: ports.map(|ports| ports.1),
        };
        let snapshot = self.snapshot;
        let Match::Rule(index) =
            snapshot.policy.first_match(group, direction, &snapshot.policy.classes(&packet))
        else {
            return;
        };
        let denies =
            snapshot.policy.rule(group, direction, index).is_some_and(|rule| rule.access == Access::Deny);
        let rule = snapshot.rule(group, direction, usize::from(index.0)).filter(|_| denies);
        let Some(rule) = rule.filter(|rule| self.known.insert(*rule)) else { return };
        let Some(name) = snapshot.rule_name(rule) else { return };
        let nic = |private: &Private| Arc::clone(&snapshot.nic(private.nic).name);
        let (from, to) = (nic(&from.1), nic(&to.1));
        self.found.push(Unseen { rule: name.clone(), from, to, packet });
    }
}

/// The ports at which rules begin or cease to hold.
fn borders(rules: &[SecurityRule]) -> (Vec<u16>, Vec<u16>) {
    let of = |ports: fn(&SecurityRule) -> &model::PortSet| {
        let mut borders = BTreeSet::from([0]);
        for range in rules.iter().flat_map(|rule| ports(rule).ranges()) {
            borders.insert(*range.start());
            borders.extend(range.end().checked_add(1));
        }
        borders.into_iter().collect()
    };
    (of(|rule| &rule.source_ports), of(|rule| &rule.destination_ports))
}
