//! Shadowed and redundant rules against every packet of a small universe.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use analysis::{Finding, Idle, Limits, diff, lint};
use common::{
    BOTH, any_rules, decide, decide_rules, in_groups, left_open, memberships, net, network, numbered,
    packets, routed, routes, rules, shaped, tags,
};
use ipnet::IpNet;
use model::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn are_found_exactly(rules in prop_oneof![rules(1..8), shaped(1..12)]) {
        let network = network(rules.clone(), Vec::new(), true);
        let tags = tags(&network);
        let found = lint(&side(&network, &tags)).unwrap();
        let space = &tags[&Vantage::of(VnetIndex(0))];
        prop_assert!(found.too_complex.is_empty());
        let packets = packets();
        for direction in BOTH {
            for (nth, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.direction == direction) {
                let reported = |nth: usize| {
                    let here = |one: &Finding| one.group == NsgIndex(0) && one.rule == nth;
                    found.findings.iter().find(|one| here(one))
                };
                let mut without = network.clone();
                without.security_groups[0].rules.remove(nth);
                // Whoever decides instead is looked for among those that stay, of which the later ones are known first.
                let mut staying = network.clone();
                let stays = |other: usize| other != nth
                    && (other < nth || rules[other].direction != direction || reported(other).is_none());
                staying.security_groups[0].rules =
                    rules.iter().enumerate().filter(|(other, _)| stays(*other)).map(|(_, rule)| rule.clone()).collect();
                let alone: Vec<SecurityRule> =
                    [rule.clone()].into_iter().chain(SecurityRule::defaults(direction)).collect();
                let (mut held, mut reached, mut needed, mut needed_then) = (0, false, false, false);
                let mut deciders: BTreeSet<Arc<str>> = BTreeSet::new();
                let mut instead: BTreeSet<Arc<str>> = BTreeSet::new();
                for packet in &packets {
                    let only = decide_rules(&network, &alone, direction, packet, space).1;
                    if only.as_ref() != Some(&rule.name) {
                        continue;
                    }
                    held += 1;
                    let (access, decider) = decide(&network, 0, direction, packet, space);
                    let other = decide(&without, 0, direction, packet, space).0;
                    if decider.as_ref() == Some(&rule.name) {
                        reached = true;
                        needed |= access != other;
                        let (other, next) = decide(&staying, 0, direction, packet, space);
                        needed_then |= access != other;
                        instead.extend(next);
                    }
                    deciders.extend(decider);
                }
                let here = reported(nth);
                let expected = match (held, reached, needed || needed_then) {
                    (0, ..) | (_, true, true) => None,
                    (_, false, _) => Some(Idle::Shadowed),
                    (_, true, false) => Some(Idle::Redundant),
                };
                if expected == Some(Idle::Redundant) && here.is_none() {
                    prop_assert!(denies_everything(rule), "{:?} among {:#?}", rule, rules);
                    prop_assert!(instead.iter().all(|name| !name.starts_with("rule-")), "{instead:?}");
                    continue;
                }
                prop_assert_eq!(here.map(|one| one.idle), expected, "{:?} among {:#?}", rule, rules);
                let Some(here) = here else { continue };
                let by: BTreeSet<Arc<str>> = here.by.iter().cloned().collect();
                match here.idle {
                    Idle::Redundant => prop_assert_eq!(by, instead),
                    Idle::Shadowed if by.len() > 1 => prop_assert_eq!(by, deciders),
                    Idle::Shadowed => {
                        let cover = rules.iter().find(|rule| by.contains(&rule.name)).unwrap();
                        let cover: Vec<SecurityRule> =
                            [cover.clone(), rule.clone()].into_iter().chain(SecurityRule::defaults(direction)).collect();
                        for packet in &packets {
                            let first = decide_rules(&network, &cover, direction, packet, space).1;
                            prop_assert_ne!(first.as_ref(), Some(&rule.name), "{:?}", packet);
                        }
                    }
                }
            }
        }
    }

    /// Whoever follows the warnings, one or all of them, changes nothing.
    #[test]
    fn can_all_be_taken_away(subnet in any_rules(1..10), nic in any_rules(0..8), tables in [routes(), routes()]) {
        let network = routed(network(subnet, nic, true), tables);
        let tags = tags(&network);
        let found = lint(&side(&network, &tags)).unwrap();
        let without = |gone: &dyn Fn(&Finding) -> bool| {
            let mut without = network.clone();
            for (group, nsg) in without.security_groups.iter_mut().enumerate() {
                let mut nth = 0..;
                nsg.rules.retain(|_| {
                    let nth = nth.next().unwrap();
                    !found.findings.iter().any(|one| one.group == NsgIndex(group) && one.rule == nth && gone(one))
                });
            }
            without
        };
        let equal = |other: &Network| {
            diff(&side(&network, &tags), &side(other, &tags), &Limits::default()).unwrap().is_equal()
        };
        prop_assert!(equal(&without(&|_| true)), "{:#?}", found.findings);
        for one in &found.findings {
            prop_assert!(equal(&without(&|other| other == one)), "{:#?}", one);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// The same where members have no address yet: whatever they will have, nothing changes.
    #[test]
    fn hold_for_any_address(subnet in rules(1..10), nic in rules(0..6), groups in memberships(), first in any::<bool>()) {
        let network = left_open(in_groups(network(subnet, nic, true), groups), [first, true]);
        let tags = tags(&network);
        let found = lint(&side(&network, &tags)).unwrap();
        for (one, two) in [(0, 2), (0, 3), (3, 4), (4, 3), (1, 2)] {
            let mut given = network.clone();
            for (nic, last) in given.network_interfaces.iter_mut().zip([one, two]) {
                let own = &mut nic.ip_configurations[0].private_address;
                *own = own.or(Some([10, 0, 0, last].into()));
            }
            for gone in found.findings.iter().map(std::slice::from_ref).chain([found.findings.as_slice()]) {
                let mut without = given.clone();
                for (group, nsg) in without.security_groups.iter_mut().enumerate() {
                    let mut nth = 0..;
                    nsg.rules.retain(|_| {
                        let nth = nth.next().unwrap();
                        !gone.iter().any(|one| one.group == NsgIndex(group) && one.rule == nth)
                    });
                }
                let found = diff(&side(&given, &tags), &side(&without, &tags), &Limits::default()).unwrap();
                prop_assert!(found.is_equal(), "{one} {two} {gone:#?} {:#?}", found);
            }
        }
    }
}

/// A group with members of whom one has no address yet is not covered by the addresses that the others have, and is by those
/// that it may have.
#[test]
fn a_member_without_an_address_may_have_any_of_its_subnet() {
    let allow = |source: AddressMatch| SecurityRule {
        name: "".into(),
        default: false,
        priority: 0,
        direction: Direction::Inbound,
        access: Access::Allow,
        protocol: RuleProtocol::Tcp,
        source,
        source_ports: PortSet::full(),
        destination: AddressMatch::Any,
        destination_ports: PortSet::from_ranges([80..=80]),
    };
    let found = |prefix: &str| {
        let group = AddressMatch::ApplicationSecurityGroups(vec![AsgIndex(0)]);
        let own = vec![allow(AddressMatch::Prefixes(vec![net(prefix)])), allow(group)];
        let network = in_groups(network(numbered(own), Vec::new(), true), [vec![0], vec![0]]);
        let network = left_open(network, [false, true]);
        let tags = tags(&network);
        let found = lint(&side(&network, &tags)).unwrap();
        found.findings.iter().any(|one| one.rule == 1 && one.idle == Idle::Shadowed)
    };
    assert!(!found("10.0.0.1/32") && !found("10.0.0.0/30") && !found("192.168.0.0/16"));
    assert!(found("10.0.0.0/24") && found("0.0.0.0/0"));
}

/// What is written down in good style, and so not reported where it repeats the default rule.
fn denies_everything(rule: &SecurityRule) -> bool {
    let any = |side: &AddressMatch| *side == AddressMatch::Any;
    rule.access == Access::Deny
        && rule.protocol == RuleProtocol::Any
        && any(&rule.source)
        && any(&rule.destination)
        && (rule.source_ports.is_full() && rule.destination_ports.is_full())
}

fn side<'a>(
    network: &'a Network,
    virtual_networks: &'a BTreeMap<Vantage, Vec<IpNet>>,
) -> analysis::Network<'a> {
    analysis::Network { network, virtual_networks, on_premises: &[], internet: &[] }
}

/// A Deny of Internet that a route has left nothing of IPv4 is no repetition of the default rule there.
#[test]
fn a_rule_that_names_an_empty_internet_is_told_so() {
    let deny = |source: AddressMatch| SecurityRule {
        name: "no-internet".into(),
        default: false,
        priority: 100,
        direction: Direction::Inbound,
        access: Access::Deny,
        protocol: RuleProtocol::Any,
        source,
        source_ports: PortSet::full(),
        destination: AddressMatch::Any,
        destination_ports: PortSet::full(),
    };
    let told = |source: AddressMatch, prefix: &str| {
        let network = network(vec![deny(source)], Vec::new(), true);
        let route = Route {
            name: "tunnel".into(),
            destination: RouteDestination::Prefix(net(prefix)),
            next_hop: NextHop::VirtualAppliance(None),
        };
        let network = routed(network, [vec![route], Vec::new()]);
        let tags = tags(&network);
        let of =
            analysis::Network { network: &network, virtual_networks: &tags, on_premises: &[], internet: &[] };
        let found = analysis::diagnostics(&network, &lint(&of).unwrap());
        found.into_iter().map(|it| (it.message, it.help.unwrap_or_default())).collect::<Vec<_>>()
    };
    let rule = "rule 'subnet-nsg/no-internet'";
    let repeats = "repeats what 'DenyAllInBound' denies anyway";
    let said = |message: String, help: &str| vec![(message, help.to_owned())];
    let internet = || AddressMatch::Tag(ServiceTag::Internet);
    let nothing = "where VirtualNetwork holds 0.0.0.0/0 by route 'tunnel' of route table 'table'";
    assert_eq!(
        told(internet(), "0.0.0.0/0"),
        said(
            format!("{rule} holds no IPv4 packet {nothing}; otherwise it {repeats}"),
            "name prefixes instead of Internet where it shall hold these packets",
        )
    );
    let comfort = || said(format!("{rule} {repeats}"), "it may stay where the name in the logs is worth it");
    assert_eq!(told(internet(), "198.51.100.0/24"), comfort());
    assert_eq!(told(AddressMatch::Prefixes(vec![net("2001:db8::2/128")]), "0.0.0.0/0"), comfort());
}
