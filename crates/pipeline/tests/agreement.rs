//! The reference evaluator, `test_ip_flow`, the diagnostic, the effective rules, `explain` and the dataplane say the same
//! of every first packet.
#![allow(clippy::unwrap_used, clippy::panic)] // Tests: what cannot be had ends the test.

mod common;

use answer::{Diagnostic, EffectiveRule, Expansion, NsgResult, Profile, Question, Side, Verbosity};
use common::*;
use ipnet::IpNet;
use model::{Access, Direction, Network, NextHop, NicIndex};
use packet::{AttachmentId, Frame, Protocol, Time};
use pipeline::{DropReason, Ending, Engine, Settings, Shared, Way};
use policy::Tuple;
use proptest::prelude::*;
use snapshot::{Names, Snapshot};
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use testkit::lab::Blueprint;

/// What the rules alone foretell: a denial with its `nsg/rule`, or whatever lies behind an allow.
#[derive(Debug, PartialEq)]
enum Foretold {
    Denied(DropReason, Option<String>),
    Admitted,
    /// The rules allow, and it goes nowhere for another reason.
    Nowhere,
    /// A hairpin whose source port only the engine knows.
    Open,
}

/// Addresses on the internet that are nobody's of ours.
const OUTSIDE: [&str; 5] = [FAR, "198.51.100.6", FAR_V6, "2001:db8:1::6", "2001:db8:ffff::55"];

/// Asks the rules before a NIC both ways and compares the answers.
fn ask(
    snapshot: &Snapshot,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
) -> Result<(), (DropReason, Option<String>)> {
    let (access, rule) = by_reference(&snapshot.network, nic, direction, tuple);
    let verified = snapshot.test_ip_flow(nic, direction, tuple).unwrap();
    let name = verified.rule.map(|rule| format!("{}/{}", rule.nsg, rule.rule));
    assert_eq!((access, &rule), (verified.access, &name), "test_ip_flow of {tuple:?}");
    let diagnosed = diagnose(snapshot, nic, direction, tuple, access, rule.as_deref());
    if let Some(diagnosed) = diagnosed.filter(|_| tuple.protocol.has_ports()) {
        from_any_port(snapshot, nic, direction, tuple, &diagnosed);
    }
    if let Some(listed) = by_view(snapshot, nic, direction, tuple) {
        assert_eq!((access, &rule), (listed.0, &listed.1), "the effective rules and {tuple:?}");
    }
    match (access, direction, &rule) {
        (Access::Allow, ..) => Ok(()),
        (Access::Deny, Direction::Inbound, None) => Err((DropReason::SecureByDefault, rule)),
        (Access::Deny, Direction::Inbound, _) => Err((DropReason::DeniedInbound, rule)),
        (Access::Deny, Direction::Outbound, _) => Err((DropReason::DeniedOutbound, rule)),
    }
}

/// What a reader of the effective rules makes of a packet, with nothing else at hand. `None` where no rule is listed, or
/// what is listed is not all: of the platform's services and addresses.
fn by_view(
    snapshot: &Snapshot,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
) -> Option<(Access, Option<String>)> {
    let mut nsgs = views::effective_nsgs(snapshot, &snapshot.network.network_interfaces[nic.0].id).unwrap();
    let is_platform = policy::PLATFORM.iter().any(|address| tuple.destination.ip() == *address);
    let services = nsgs.iter().flat_map(|nsg| &nsg.expansions).filter_map(|it| it.tag.as_deref());
    if nsgs.is_empty() || is_platform || services.into_iter().any(|tag| tag.starts_with("AzurePlatform")) {
        return None;
    }
    if direction == Direction::Outbound {
        nsgs.reverse();
    }
    let mut verdict = (Access::Allow, None);
    for nsg in &nsgs {
        let ways = nsg.rules.iter().filter(|rule| rule.direction == format!("{direction:?}"));
        let rule = ways.into_iter().find(|rule| listed_holds(rule, &nsg.expansions, tuple)).unwrap();
        let access = if rule.access == "Allow" { Access::Allow } else { Access::Deny };
        verdict = (access, Some(format!("{}/{}", nsg.name, rule.name)));
        if access == Access::Deny {
            break;
        }
    }
    Some(verdict)
}

/// Whether a listed rule holds a packet.
fn listed_holds(rule: &EffectiveRule, expansions: &[Expansion], tuple: &Tuple) -> bool {
    let speaks = match rule.protocol.as_str() {
        "All" => true,
        "Tcp" => tuple.protocol == Protocol::TCP,
        "Udp" => tuple.protocol == Protocol::UDP,
        "Icmp" => tuple.protocol == Protocol::ICMP,
        "Esp" => tuple.protocol == Protocol::ESP,
        _ => tuple.protocol == Protocol::AH,
    };
    let address = |side: &Side, address: IpAddr| {
        let among = |prefixes: &[String]| {
            prefixes.iter().any(|prefix| prefix.parse::<IpNet>().unwrap().contains(&address))
        };
        match side {
            Side::Any => true,
            Side::Prefixes(prefixes) => among(prefixes),
            Side::Tag(number) | Side::Groups(_, number) => among(&expansions[*number].prefixes),
        }
    };
    let port = |ranges: &[String], port: Option<u16>| match port.filter(|_| tuple.protocol.has_ports()) {
        Some(port) => ranges.iter().any(|range| {
            let (from, to) = range.split_once('-').unwrap();
            (from.parse().unwrap()..=to.parse().unwrap()).contains(&port)
        }),
        None => ranges == ["0-65535"],
    };
    let has_ports = matches!(rule.protocol.as_str(), "All" | "Tcp" | "Udp");
    speaks
        && address(&rule.source, tuple.source.ip())
        && address(&rule.destination, tuple.destination.ip())
        && (!has_ports || port(&rule.source_ports, tuple.source_port))
        && (!has_ports || port(&rule.destination_ports, tuple.destination_port))
}

/// Asks the diagnostic, which is about every source port, and holds it against the verdict on one of them.
fn diagnose(
    snapshot: &Snapshot,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
    access: Access,
    rule: Option<&str>,
) -> Option<NsgResult> {
    let protocol = match tuple.protocol {
        Protocol::TCP => "TCP",
        Protocol::UDP => "UDP",
        Protocol::ICMP if tuple.source.is_v4() => "ICMP",
        Protocol::ICMPV6 if !tuple.source.is_v4() => "ICMP",
        _ => return None,
    };
    let asked = Diagnostic {
        nic: Some(snapshot.network.network_interfaces[nic.0].id.to_string()),
        vm: None,
        profile: Profile {
            direction: format!("{direction:?}"),
            protocol: protocol.into(),
            source: tuple.source.ip().to_string(),
            destination: tuple.destination.ip().to_string(),
            destination_port: tuple.destination_port.map_or("*".into(), |port| port.to_string()),
        },
        verbosity: Verbosity::Normal,
    };
    let answer = views::diagnose(snapshot, &asked).unwrap().network_security_group_result;
    let nsgs = &answer.evaluated_network_security_groups;
    if answer.mixed.is_none() {
        assert_eq!(answer.security_rule_access_result, format!("{access:?}"), "{tuple:?}: {answer:?}");
    }
    let by_source_port = nsgs.iter().flat_map(|nsg| &nsg.rules_evaluation_result).any(|rule| {
        let but_one = rule.protocol_matched && rule.source_matched && rule.destination_matched;
        but_one && rule.destination_port_matched && !rule.source_port_matched
    });
    if !by_source_port {
        assert_eq!(answer.mixed, None, "only source ports are left open");
        let named = nsgs.iter().rev().find_map(|nsg| {
            let name = &nsg.matched_rule.as_ref()?.rule_name;
            let id = nsg.network_security_group_id.rsplit('/').next()?;
            Some(format!("{id}/{}", name.split_once('_')?.1))
        });
        assert_eq!(named.as_deref(), rule, "{tuple:?}: {answer:?}");
    }
    Some(answer)
}

/// Asks IP flow verify from every port at once, and holds it against the reference on a port of each kind that the
/// generated rules tell apart, and against the diagnostic.
fn from_any_port(
    snapshot: &Snapshot,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
    diagnosed: &NsgResult,
) {
    let from = |port: u16| {
        by_reference(&snapshot.network, nic, direction, &Tuple { source_port: Some(port), ..*tuple })
    };
    let each = EDGES.map(from);
    let sender = match tuple.source.ip() {
        IpAddr::V4(it) => format!("{it}:*"),
        IpAddr::V6(it) => format!("[{it}]:*"),
    };
    let receiver = SocketAddr::new(tuple.destination.ip(), tuple.destination_port.unwrap()).to_string();
    let (local, remote) = match direction {
        Direction::Inbound => (receiver, sender),
        Direction::Outbound => (sender, receiver),
    };
    let question = Question {
        nic: Some(snapshot.network.network_interfaces[nic.0].id.to_string()),
        vm: None,
        direction: format!("{direction:?}"),
        protocol: if tuple.protocol == Protocol::TCP { "TCP" } else { "UDP" }.into(),
        local,
        remote,
    };
    let said = views::test_ip_flow(snapshot, &question).unwrap();
    let [denied, allowed] =
        [Access::Deny, Access::Allow].map(|it| each.iter().any(|(access, _)| *access == it));
    assert_eq!(said.access, if denied { "Deny" } else { "Allow" }, "{question:?}: {each:?}");
    assert_eq!(said.by_port.is_some(), denied && allowed, "{question:?}: {said:?}");
    let named = |rule: &Option<String>, nsg: &Option<String>| {
        let rule = rule.as_ref()?.rsplit('/').next()?;
        Some(format!("{}/{rule}", nsg.as_ref()?))
    };
    let rule = named(&said.rule_name, &said.nsg);
    assert!(each.iter().any(|it| it.1 == rule && format!("{:?}", it.0) == said.access), "{said:?}: {each:?}");
    if let Some(by_port) = &said.by_port {
        assert_eq!(from(by_port.denied), (Access::Deny, rule), "{question:?}: {said:?}");
        let other = named(&by_port.rule_name, &by_port.nsg);
        assert_eq!(from(by_port.allowed), (Access::Allow, other), "{question:?}: {said:?}");
    }
    assert_eq!(said.access, diagnosed.security_rule_access_result, "{question:?}: {diagnosed:?}");
    assert_eq!(said.by_port.is_some(), diagnosed.mixed.is_some(), "{question:?}: {diagnosed:?}");
}

/// Whether a user's route leads what a machine sends elsewhere than it goes without one, by a look at each route.
fn departs(network: &Network, machine: &str, to: &str) -> bool {
    let nic = &network.network_interfaces[nic_of(network, machine).unwrap().0];
    let own = nic.ip_configurations.iter().find(|it| it.private_address == machine.parse().ok()).unwrap();
    let vnet = &network.virtual_networks[own.subnet.vnet.0];
    let to: IpAddr = to.parse().unwrap();
    let of_vnet =
        vnet.address_space.iter().filter(|prefix| prefix.contains(&to)).map(IpNet::prefix_len).max();
    let system = of_vnet.map_or((0, NextHop::Internet), |length| (length, NextHop::VnetLocal));
    let table = vnet.subnets[own.subnet.subnet].route_table;
    let routes = table.map(|table| network.route_tables[table.0].routes.as_slice()).unwrap_or_default();
    let holding = routes.iter().filter_map(|route| {
        let holds = network.prefixes_of(&route.destination).iter().filter(|prefix| prefix.contains(&to));
        Some((holds.map(IpNet::prefix_len).max()?, route.next_hop))
    });
    let user = holding.max_by_key(|(length, _)| *length);
    user.is_some_and(|(length, next_hop)| length >= system.0 && next_hop != system.1)
}

fn foretell(snapshot: &Snapshot, first: &First) -> Foretold {
    if first.source == first.destination || first.protocol.0 == 47 {
        return Foretold::Nowhere;
    }
    let network = &snapshot.network;
    let inbound = |nic: NicIndex, source: &str, destination: &str| {
        ask(snapshot, nic, Direction::Inbound, &first.tuple(source, destination))
    };
    let private_of = |public: &str| match public {
        PUBLIC1 => Some(VM1),
        PUBLIC3 => Some(VM3),
        PUBLIC1_V6 => Some(VM1_V6),
        PUBLIC3_V6 => Some(VM3_V6),
        _ => None,
    };
    let verdict = if first.from == "internet" {
        match private_of(first.destination) {
            Some(private) => {
                let verdict = inbound(nic_of(network, private).unwrap(), first.source, private);
                if verdict.is_ok() && departs(network, private, first.source) {
                    return Foretold::Nowhere;
                }
                verdict
            }
            None => return Foretold::Nowhere,
        }
    } else {
        let sender = nic_of(network, first.source).unwrap();
        let outbound =
            ask(snapshot, sender, Direction::Outbound, &first.tuple(first.source, first.destination));
        let owns = [(VM1, PUBLIC1), (VM3, PUBLIC3), (VM1_V6, PUBLIC1_V6), (VM3_V6, PUBLIC3_V6)];
        let own = owns.iter().find(|(vm, _)| *vm == first.source).map(|(_, own)| *own);
        match (outbound, private_of(first.destination), nic_of(network, first.destination)) {
            (Err(denied), ..) => Err(denied),
            (Ok(()), ..) if departs(network, first.source, first.destination) => return Foretold::Nowhere,
            (Ok(()), Some(private), _) if first.destination != own.unwrap_or_default() => match own {
                Some(own) => {
                    let verdict = inbound(nic_of(network, private).unwrap(), own, private);
                    if verdict.is_ok() && departs(network, private, own) {
                        return Foretold::Nowhere;
                    }
                    verdict
                }
                None if first.is_v4() => return Foretold::Open,
                None => return Foretold::Nowhere,
            },
            (Ok(()), Some(_), _) => return Foretold::Open,
            (Ok(()), None, Some(receiver)) => {
                let verdict = inbound(receiver, first.source, first.destination);
                if verdict.is_ok() && departs(network, first.destination, first.source) {
                    return Foretold::Nowhere;
                }
                verdict
            }
            (Ok(()), None, None) if OUTSIDE.contains(&first.destination) => {
                let snat = own.is_some() || first.is_v4() && !matches!(first.protocol.0, 50 | 51);
                return if snat { Foretold::Admitted } else { Foretold::Nowhere };
            }
            (Ok(()), None, None) => return Foretold::Nowhere,
        }
    };
    match verdict {
        Ok(()) => Foretold::Admitted,
        Err((reason, rule)) => Foretold::Denied(reason, rule),
    }
}

/// How the engine ends a packet: the reason and the rule, or that it went on.
fn really(engine: &mut Engine, on: AttachmentId, first: &First) -> (Option<DropReason>, Option<String>) {
    let mut frame = first.frame();
    testkit::lab::address(on, &mut frame);
    let explained = engine.explain(on, &mut frame.bytes.clone(), frame.offload);
    let offload = frame.offload;
    let way = engine.receive(Time::from_nanos(1), on, &mut Frame { bytes: &mut frame.bytes, offload });
    assert_eq!(way, Way::Ends, "nobody has answered ARP here");
    let ended = engine.counters().endings().find(|(_, count)| count.packets > 0).map(|(ending, _)| ending);
    let rule = engine.counters().rules().next().and_then(|(id, _)| engine.snapshot().rule_name(id).cloned());
    assert_eq!(explained.denied_by, rule, "{first:?}");
    let name = rule.map(|rule| format!("{}/{}", rule.nsg, rule.rule));
    let reason = match ended {
        // What is admitted waits for its next hop.
        None => None,
        Some(Ending::Dropped(reason)) => Some(reason),
        Some(other) => panic!("{first:?} ended as {other:?}"),
    };
    let foretold = reason.map_or(Ending::Forwarded, Ending::Dropped);
    assert_eq!(explained.ending, Some(foretold), "explain of {first:?}");
    (reason, name)
}

fn compare(blueprint: &Blueprint, firsts: &[First]) -> BTreeSet<&'static str> {
    let snapshot = blueprint.snapshot(&mut Names::default());
    let mut seen = BTreeSet::new();
    for first in firsts {
        let settings = Settings { capacity: 4, seed: [1, 2], worker: 0, workers: 1 };
        let shared = Shared::new(nat::Pools::new([3, 4]), [5, 6]);
        let mut engine = Engine::new(Arc::clone(&snapshot), settings, shared).unwrap();
        let on = ["internet", "vm1", "vm2", "vm3"].iter().position(|&name| name == first.from).unwrap();
        let (reason, rule) = really(&mut engine, AttachmentId(on as u16), first);
        let denies = |reason| {
            matches!(
                reason,
                DropReason::DeniedInbound | DropReason::DeniedOutbound | DropReason::SecureByDefault
            )
        };
        match foretell(&snapshot, first) {
            Foretold::Denied(said, by) => assert_eq!((Some(said), by), (reason, rule), "{first:?}"),
            Foretold::Admitted => assert_eq!(reason, None, "{first:?}"),
            Foretold::Nowhere => {
                assert!(reason.is_some_and(|reason| !denies(reason)), "{first:?}: {reason:?}")
            }
            Foretold::Open => {}
        }
        seen.insert(reason.map_or("forwarded", DropReason::slug));
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_way_to_ask_one_answer(
        blueprint in blueprints(),
        firsts in proptest::collection::vec(firsts(), 16),
    ) {
        compare(&blueprint, &firsts);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// The same where the documents leave addresses open: those that are assumed are everybody's, memberships and all.
    #[test]
    fn every_way_to_ask_one_answer_of_assumed_addresses(
        blueprint in blueprints(),
        open in proptest::collection::vec(any::<bool>(), 8),
        asked in proptest::collection::vec((firsts(), 0..8_usize, 0..8_usize), 16),
    ) {
        let mut network = blueprint.network();
        let all = network.network_interfaces.iter_mut().flat_map(|nic| &mut nic.ip_configurations);
        for (own, _) in all.zip(open.into_iter().cycle()).filter(|(_, open)| *open) {
            own.private_address = None;
        }
        network.assume_addresses();
        let gateway = blueprint.gateway(Arc::new(network));
        let snapshot = Arc::new(Snapshot::build(&gateway, &mut Names::default()).unwrap());
        let nics = gateway.network.network_interfaces.iter().enumerate();
        let own: Vec<_> = nics
            .flat_map(|(nth, nic)| nic.ip_configurations.iter().map(move |own| (NicIndex(nth), own.private_address.unwrap())))
            .collect();
        for (first, sender, receiver) in &asked {
            let ((nic, source), (to, destination)) = (own[sender % own.len()], own[receiver % own.len()]);
            if source == destination || source.is_ipv4() != destination.is_ipv4() || first.protocol.0 == 47 {
                continue;
            }
            let Some(on) = gateway.attachments.iter().find(|it| {
                matches!(it.kind, snapshot::AttachmentKind::Nic { nic: of, .. } if of == nic)
            }) else { continue };
            let (from, far) = (source.to_string(), destination.to_string());
            let tuple = first.tuple(&from, &far);
            let outbound = ask(&snapshot, nic, Direction::Outbound, &tuple);
            let inbound = ask(&snapshot, to, Direction::Inbound, &tuple);
            let protocol = tuple.protocol;
            if !protocol.has_ports() {
                continue;
            }
            let words = format!(
                "{} {} {}",
                if protocol == Protocol::TCP { "tcp" } else { "udp" },
                SocketAddr::new(source, tuple.source_port.unwrap()),
                SocketAddr::new(destination, tuple.destination_port.unwrap()),
            );
            let words = explain::Words::parse(&[words]).unwrap();
            let asked = explain::Asked::in_words(&gateway, None, &words).unwrap();
            prop_assert_eq!(asked.on, on.id);
            let settings = Settings { capacity: 4, seed: [1, 2], worker: 0, workers: 1 };
            let shared = Shared::new(nat::Pools::new([3, 4]), [5, 6]);
            let engine = Engine::new(Arc::clone(&snapshot), settings, shared).unwrap();
            let walk = engine.explain(asked.on, &mut asked.frame.clone(), asked.offload);
            let denied = walk.denied_by.map(|rule| format!("{}/{}", rule.nsg, rule.rule));
            // A user's route leads away what the rules let out, before those at the other end are asked.
            let is_led_away = matches!(walk.ending, Some(Ending::Dropped(DropReason::RouteElsewhere | DropReason::RouteNone)));
            let verdict = if outbound.is_ok() && is_led_away { Ok(()) } else { outbound.and(inbound) };
            match verdict {
                Err((reason, rule)) => {
                    prop_assert_eq!((walk.ending, denied), (Some(Ending::Dropped(reason)), rule), "{:?}", tuple);
                }
                Ok(()) => prop_assert_eq!(denied, None, "{:?}", tuple),
            }
        }
    }
}

#[test]
fn the_generators_reach_what_matters() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..100 {
        let blueprint = blueprints().new_tree(&mut runner).unwrap().current();
        let firsts = proptest::collection::vec(firsts(), 32).new_tree(&mut runner).unwrap().current();
        seen.extend(compare(&blueprint, &firsts));
    }
    for slug in [
        "forwarded",
        "denied-inbound",
        "denied-outbound",
        "secure-by-default",
        "route-none",
        "route-elsewhere",
        "not-ours",
        "no-mapping",
        "platform-address",
        "link-local",
        "unknown-destination",
        "snat-protocol",
        "unsupported-protocol",
        "land",
        "no-ipv6-snat",
    ] {
        assert!(seen.contains(slug), "{slug} was never reached: {seen:?}");
    }
}
