//! What a thousand rules of one group cost, in the shapes that cost most.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use analysis::{Diff, Findings, Idle, Limits, diff, lint};
use common::{net, network, numbered, tags};
use model::*;
use std::ops::RangeInclusive;

const COUNT: usize = 1000;

fn rule(
    nth: usize,
    destination_ports: RangeInclusive<usize>,
    source_ports: RangeInclusive<usize>,
) -> SecurityRule {
    let ports = |ports: RangeInclusive<usize>| {
        let end = u16::try_from(*ports.end()).unwrap_or(u16::MAX);
        PortSet::from_ranges([*ports.start() as u16..=end])
    };
    SecurityRule {
        name: "".into(),
        default: false,
        priority: 0,
        direction: Direction::Inbound,
        access: if nth.is_multiple_of(2) { Access::Allow } else { Access::Deny },
        protocol: RuleProtocol::Any,
        source: AddressMatch::Any,
        source_ports: ports(source_ports),
        destination: AddressMatch::Any,
        destination_ports: ports(destination_ports),
    }
}

/// Numbers that look like chance, the same each time.
fn random() -> impl FnMut(usize) -> usize {
    let mut seed = 5_u64;
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    }
}

/// Each rule within the one before.
fn nested() -> Vec<SecurityRule> {
    (0..COUNT).map(|nth| rule(nth, nth..=65535 - nth, nth * 7 % 1000..=65535 - nth * 13 % 1000)).collect()
}

/// Each rule around the one before.
fn around() -> Vec<SecurityRule> {
    (0..COUNT).rev().map(|nth| rule(nth, nth..=65535 - nth, nth..=65535 - nth)).collect()
}

/// Each rule a step further along one field and back along another.
fn stair() -> Vec<SecurityRule> {
    let one = |nth: usize| {
        let (up, down) = (nth * 30, (COUNT - nth) * 30);
        let source = match nth % 3 {
            0 => AddressMatch::Any,
            _ => AddressMatch::Prefixes(vec![net(&format!("10.{}.0.0/16", nth % 200))]),
        };
        SecurityRule { source, ..rule(nth, up..=up + 20000, down..=down + 20000) }
    };
    (0..COUNT).map(one).collect()
}

/// Broad boxes that cross each other in four fields.
fn crossing() -> Vec<SecurityRule> {
    let mut random = random();
    let one = |nth: usize| {
        let mut from = || {
            let start = random(65536);
            start..=start + random(65536 - start)
        };
        let ports = [from(), from()];
        let source = format!("{}.0.0.0/{}", 2 * (1 + random(110)), 8 - random(2));
        let destination = ["0.0.0.0/0", "10.0.0.0/16", "10.0.1.0/24"][random(3)];
        let [destination_ports, source_ports] = ports;
        SecurityRule {
            protocol: [RuleProtocol::Any, RuleProtocol::Tcp, RuleProtocol::Udp][random(3)],
            source: AddressMatch::Prefixes(vec![net(&source)]),
            destination: AddressMatch::Prefixes(vec![net(destination)]),
            ..rule(nth + random(2), destination_ports, source_ports)
        }
    };
    (0..COUNT).map(one).collect()
}

/// Small tiles, and behind them rules that need all of some rows and columns to be covered.
fn tiles() -> Vec<SecurityRule> {
    let tile = |nth: usize| {
        let (row, column) = (nth / 30, nth % 30);
        rule(0, row * 100..=row * 100 + 99, column * 100..=column * 100 + 99)
    };
    let behind = |nth: usize| rule(nth, nth * 7..=nth * 7 + 2000, 500 - nth..=2400 + nth);
    (0..900).map(tile).chain((0..COUNT - 900).map(behind)).collect()
}

fn found(rules: Vec<SecurityRule>, guarded: bool) -> Findings {
    let network = network(numbered(rules), Vec::new(), guarded);
    let tags = tags(&network);
    lint(&analysis::Network { network: &network, virtual_networks: &tags, on_premises: &[], internet: &[] })
        .unwrap()
}

#[test]
fn a_thousand_rules_are_judged_in_few_steps() {
    let shapes = [
        ("nested", nested(), Some(COUNT - 1)),
        ("around", around(), Some(0)),
        ("stair", stair(), None),
        ("crossing", crossing(), None),
        ("tiles", tiles(), Some(COUNT - 900)),
    ];
    for (name, rules, shadowed) in shapes {
        for guarded in [true, false] {
            let found = found(rules.clone(), guarded);
            assert_eq!(found.too_complex, [], "{name}");
            let count = found.findings.iter().filter(|one| one.idle == Idle::Shadowed).count();
            assert!(shadowed.is_none_or(|it| it == count), "{name}: {count}");
            assert!(found.steps < analysis::MAX_STEPS / 2, "{name}: {}", found.steps);
        }
    }
}

fn compared(old: &[SecurityRule], new: &[SecurityRule], limits: &Limits) -> Diff {
    let network = |rules: &[SecurityRule]| network(numbered(rules.to_vec()), Vec::new(), true);
    let (old, new) = (network(old), network(new));
    let tags = tags(&old);
    let side =
        |network| analysis::Network { network, virtual_networks: &tags, on_premises: &[], internet: &[] };
    diff(&side(&old), &side(&new), limits).unwrap()
}

/// Whatever the shape of the others, one changed rule is found, and every region of it.
#[test]
fn one_changed_rule_is_found_in_few_steps() {
    let limits = Limits { regions: 20, steps: analysis::MAX_STEPS / 2, broad_steps: analysis::MAX_STEPS / 8 };
    for (name, all) in
        [("nested", nested()), ("stair", stair()), ("crossing", crossing()), ("tiles", tiles())]
    {
        for place in [3, 500, 997] {
            let mut flipped = all.clone();
            let access = &mut flipped[place].access;
            *access = if *access == Access::Allow { Access::Deny } else { Access::Allow };
            let mut narrower = all.clone();
            let ports = narrower[place].destination_ports.ranges().next().unwrap();
            narrower[place].destination_ports = PortSet::from_ranges([*ports.start()..=ports.end() - 1]);
            let mut without = all.clone();
            without.remove(place);
            for (how, new) in [("flipped", flipped), ("narrower", narrower), ("without", without)] {
                let found = compared(&all, &new, &limits);
                assert!(found.differences.iter().all(|one| one.is_complete), "{name} {place} {how}");
                if name == "stair" && how == "flipped" {
                    assert!(!found.differences.is_empty(), "{place}");
                }
            }
        }
    }
}
