//! The difference of two networks against every packet of a small universe.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use analysis::{Diff, Limits, Place, Region, Subject, assume_alike, diff};
use common::{
    BOTH, any_rules, changed, decide, in_groups, left_open, memberships, net, network, packets, routed,
    routes, tag, tags,
};
use ipnet::IpNet;
use model::*;
use packet::Address;
use policy::{IPV4, KINDS, Ranges, Tuple};
use proptest::prelude::*;

const EVERYTHING: Limits =
    Limits { regions: usize::MAX, steps: analysis::MAX_STEPS, broad_steps: analysis::MAX_STEPS };
/// Each changed rule by itself.
const IN_PIECES: Limits = Limits { broad_steps: 0, ..EVERYTHING };

/// Whether a region's packet has ordinary addresses and a port that programs listen at, where the region has any.
fn is_ordinary(region: &Region) -> bool {
    let strange = ["0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "168.63.129.16/32", "::/8"];
    let strange = strange.into_iter().chain(["fe80::/10", "ff00::/8"]).map(net).collect::<Vec<_>>();
    let four = Ranges::union([IPV4]);
    let Tuple { source, destination, destination_port, .. } = region.witness;
    let is_ordinary = |place: &Place, address: Address, other: Address| {
        let here = place.addresses.minus(&Ranges::of_prefixes(&strange));
        let six = here.minus(&four);
        let here = if address.ip().is_ipv4() { here.minus(&six) } else { six };
        here.minus(&Ranges::of_addresses([other.ip()])).is_empty() || here.contains(address.bits())
    };
    is_ordinary(&region.source, source, destination)
        && is_ordinary(&region.destination, destination, source)
        && (destination_port != Some(0) || region.destination_ports.as_slice() == [(0, 0)])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Subnet's group and NIC's group together, before each NIC.
    #[test]
    fn of_nics(
        (old, new) in (any_rules(0..7), any_rules(0..6)).prop_flat_map(|both| {
            (Just(both.clone()), prop_oneof![
                3 => (changed(both.0.clone()), Just(both.1.clone())),
                1 => (changed(both.0.clone()), changed(both.1)),
            ])
        }),
        tables in tables(),
        limits in limits(),
        missing in 0..4_u8,
        (groups, new_groups) in memberships().prop_flat_map(|groups| {
            (Just(groups.clone()), prop_oneof![1 => Just(groups), 1 => memberships()])
        }),
        open in any::<[bool; 2]>(),
    ) {
        let (old, new) = (network(old.0, old.1, true), network(new.0, new.1, true));
        let (old, new) = (routed(old, tables.0), routed(new, tables.1));
        // What both leave open is the same on both.
        let mut old = left_open(in_groups(old, groups), open);
        let mut new = left_open(in_groups(new, new_groups), open);
        old.assume_addresses();
        new.assume_addresses();
        assume_alike(&mut old, &mut new);
        // One group more, or one less.
        match missing {
            0 => old.virtual_networks[0].subnets[0].security_group = None,
            1 => new.virtual_networks[0].subnets[0].security_group = None,
            _ => {}
        }
        let found = compare(&old, &new, &limits);
        let packets = packets();
        for direction in BOTH {
            for nic in &old.network_interfaces {
                let subject = Subject::Nic(nic.name.clone());
                let own: Vec<Address> =
                    nic.ip_configurations.iter().map(|own| own.private_address.unwrap().into()).collect();
                let again = new.network_interfaces.iter().find(|other| other.id == nic.id).unwrap();
                let of = |own: &IpConfiguration| own.private_address;
                prop_assert!(nic.ip_configurations.iter().map(of).eq(again.ip_configurations.iter().map(of)));
                let local = |tuple: &Tuple| match direction {
                    Direction::Inbound => tuple.destination,
                    Direction::Outbound => tuple.source,
                };
                let says = |network: &Network, tuple: &Tuple| {
                    let here = nic.ip_configurations.iter().find(|own| own.private_address == Some(local(tuple).ip()));
                    let subnet = here.unwrap().subnet;
                    let tag = tag(network, network.vantage(subnet));
                    let of_subnet = network.virtual_networks[0].subnets[subnet.subnet].security_group;
                    let groups: Vec<usize> = of_subnet.into_iter().chain(nic.security_group).map(|it| it.0).collect();
                    let allows = |group: &usize| decide(network, *group, direction, tuple, &tag).0 == Access::Allow;
                    if groups.iter().all(allows) { Access::Allow } else { Access::Deny }
                };
                let regions = regions(&found, &subject, direction);
                for region in &regions {
                    prop_assert!(own.contains(&local(&region.witness)), "{region}");
                    told(region, says(&old, &region.witness), says(&new, &region.witness))?;
                    prop_assert!(holds(region, &region.witness, &|_| None), "{region} {:?}", region.witness);
                    prop_assert!(is_ordinary(region), "{region} {:?}", region.witness);
                }
                for packet in packets.iter().filter(|packet| own.contains(&local(packet))) {
                    let (before, after) = (says(&old, packet), says(&new, packet));
                    let holding: Vec<&&Region> =
                        regions.iter().filter(|region| holds(region, packet, &|_| None)).collect();
                    prop_assert_eq!(holding.len(), usize::from(before != after), "{:?} {:?}", packet, holding);
                    if let [region] = holding[..] {
                        told(region, before, after)?;
                    }
                }
            }
        }
    }

    /// Subnets without NICs, whose groups change, and the rules of these as well; names are not meaning.
    #[test]
    fn of_subnets_without_nics(
        (old, new) in (any_rules(0..6), any_rules(0..6)).prop_flat_map(|both| {
            (Just(both.clone()), prop_oneof![
                1 => (Just(both.0.clone()), Just(both.1.clone())),
                2 => (changed(both.0), changed(both.1)),
            ])
        }),
        tables in tables(),
        limits in limits(),
        (groups, new_groups) in guarded().prop_flat_map(|groups| {
            (Just(groups), prop_oneof![1 => Just(groups), 2 => guarded()])
        }),
        crossed in any::<bool>(),
    ) {
        let side = |(one, other), tables, groups: [Option<usize>; 2]| {
            let mut network = routed(network(nobodys(one), nobodys(other), false), tables);
            for (subnet, group) in network.virtual_networks[0].subnets.iter_mut().zip(groups) {
                subnet.security_group = group.map(NsgIndex);
            }
            network
        };
        let (old, mut new) = (side(old, tables.0, groups), side(new, tables.1, new_groups));
        if crossed {
            // Each has the name of the other, and so is the other with new rules.
            let [one, other] = &mut new.security_groups[..] else { panic!("there are two") };
            std::mem::swap(&mut one.id, &mut other.id);
            std::mem::swap(&mut one.name, &mut other.name);
        }
        let name = |network: &Network, group: usize| network.security_groups[group].name.clone();
        let found = compare(&old, &new, &limits);
        let at = |nth| SubnetIndex { vnet: VnetIndex(0), subnet: nth };
        let says = |network: &Network, nth: usize, group: Option<usize>, direction, tuple: &Tuple| {
            let tag = tag(network, network.vantage(at(nth)));
            group.map_or(Access::Allow, |group| decide(network, group, direction, tuple, &tag).0)
        };
        let packets = packets();
        for direction in BOTH {
            for (nth, subnet) in old.virtual_networks[0].subnets.iter().enumerate() {
                let both = |packet: &Tuple| {
                    (says(&old, nth, groups[nth], direction, packet), says(&new, nth, new_groups[nth], direction, packet))
                };
                let of_one = groups[nth].zip(new_groups[nth]).filter(|(was, is)| name(&old, *was) == name(&new, *is));
                let is_own = |packet: &&Tuple| {
                    let local = if direction == Direction::Inbound { packet.destination } else { packet.source };
                    subnet.prefixes[0].contains(&local.ip())
                };
                let nsg = groups[nth].map(|group| name(&old, group)).or(new_groups[nth].map(|group| name(&new, group)));
                let label: std::sync::Arc<str> = format!("vnet1/{}", subnet.name).into();
                let own = nsg.map(|nsg| regions(&found, &Subject::Subnet { subnet: label, nsg }, direction));
                let own = own.unwrap_or_default();
                let Some((was, is)) = of_one else {
                    for packet in packets.iter().filter(is_own) {
                        let (before, after) = both(packet);
                        let holding: Vec<&&Region> = own.iter().filter(|region| holds(region, packet, &|_| None)).collect();
                        prop_assert_eq!(holding.len(), usize::from(before != after), "{:?} {:?}", packet, holding);
                        if let [region] = holding[..] {
                            told(region, before, after)?;
                        }
                    }
                    for region in &own {
                        prop_assert!(is_own(&&region.witness), "{region}");
                        let (before, after) = both(&region.witness);
                        told(region, before, after)?;
                    }
                    continue;
                };
                // The rules of one group are told once, and whatever the address.
                prop_assert!(own.is_empty());
                let of_group = regions(&found, &Subject::Nsg(name(&old, was)), direction);
                for packet in &packets {
                    let (before, after) = both(packet);
                    let told = of_group.iter().any(|region| {
                        holds(region, packet, &|_| None) && (region.old, region.new) == (before, after)
                    });
                    prop_assert!(told || before == after, "{:?}", packet);
                }
                for region in of_group {
                    // Some subnet that both guard sees it so.
                    let sees = |nth: usize| {
                        let says = (
                            says(&old, nth, Some(was), direction, &region.witness),
                            says(&new, nth, Some(is), direction, &region.witness),
                        );
                        groups[nth] == Some(was) && new_groups[nth] == Some(is) && says == (region.old, region.new)
                    };
                    prop_assert!((0..2).any(sees), "{region}");
                }
            }
        }
    }

    /// A group that guards nothing: whatever VirtualNetwork turns out to hold, the regions are right.
    #[test]
    fn of_groups_alone(
        (old, new) in any_rules(0..8).prop_flat_map(|rules| (Just(rules.clone()), changed(rules))),
        inside in prop::sample::subsequence(vec!["10.0.0.0/31", "10.0.0.0/24", "203.0.113.9/32", "2001:db8::/128"], 0..4),
        limits in limits(),
    ) {
        let (old, new) = (network(nobodys(old), Vec::new(), false), network(nobodys(new), Vec::new(), false));
        let inside: Vec<IpNet> = inside.into_iter().map(|text| text.parse().unwrap()).collect();
        let found = compare(&old, &new, &limits);
        let is_inside = |address: Address| {
            Some(address.ip() == policy::HOST || inside.iter().any(|prefix| prefix.contains(&address.ip())))
        };
        for direction in BOTH {
            let regions = regions(&found, &Subject::Nsg("subnet-nsg".into()), direction);
            for packet in packets() {
                let before = decide(&old, 0, direction, &packet, &inside).0;
                let after = decide(&new, 0, direction, &packet, &inside).0;
                let holding: Vec<&&Region> =
                    regions.iter().filter(|region| holds(region, &packet, &is_inside)).collect();
                prop_assert_eq!(holding.len(), usize::from(before != after), "{:?} {:?}", packet, holding);
                if let [region] = holding[..] {
                    told(region, before, after)?;
                }
            }
        }
    }
}

/// Broad boxes that cross each other, as 1,000 rules of one group.
fn crossing() -> Vec<SecurityRule> {
    let mut seed = 5_u64;
    let mut random = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let rules = (0..1000).map(|_| {
        let source = format!("10.{}.{}.0/24", random(100), random(256));
        let destination = format!("10.{}.0.0/16", random(256));
        let port = random(30_000) as u16;
        SecurityRule {
            name: "".into(),
            default: false,
            priority: 0,
            direction: Direction::Inbound,
            access: if random(2) == 0 { Access::Allow } else { Access::Deny },
            protocol: [RuleProtocol::Any, RuleProtocol::Tcp, RuleProtocol::Udp][random(3) as usize],
            source: AddressMatch::Prefixes(vec![source.parse().unwrap()]),
            source_ports: PortSet::full(),
            destination: AddressMatch::Prefixes(vec![destination.parse().unwrap()]),
            destination_ports: PortSet::from_ranges([port..=port + 1000 + random(30_000) as u16]),
        }
    });
    common::numbered(rules.collect())
}

/// What a comparison costs grows with what has changed, not with all that there is.
#[test]
fn one_change_among_a_thousand_rules_takes_few_steps() {
    let all = crossing();
    let flipped = |nths: &[usize]| {
        let mut rules = all.clone();
        for &nth in nths {
            let rule = &mut rules[nth];
            rule.access = if rule.access == Access::Allow { Access::Deny } else { Access::Allow };
        }
        rules
    };
    let (mut without, mut moved) = (all.clone(), all.clone());
    without.remove(500);
    let rule = moved.remove(900);
    moved.insert(100, rule);
    let limits = Limits { regions: 5, steps: 1 << 24, broad_steps: 1 << 24 };
    for new in [flipped(&[3]), flipped(&[500]), flipped(&[10, 300, 600, 990]), without, moved] {
        for guarded in [false, true] {
            let network =
                |rules: &[SecurityRule]| network(common::numbered(rules.to_vec()), Vec::new(), guarded);
            let (old, new) = (network(&all), network(&new));
            let tags = tags(&old);
            let side = |network| analysis::Network {
                network,
                virtual_networks: &tags,
                on_premises: &[],
                internet: &[],
            };
            let found = diff(&side(&old), &side(&new), &limits).unwrap();
            assert!(found.differences.iter().all(|one| one.is_complete));
        }
    }
}

/// The host is inside VirtualNetwork always, so what it sends has another supposition than what others send beside it.
#[test]
fn the_host_is_told_of_beside_another_family() {
    let denied = SecurityRule {
        name: "deny".into(),
        default: false,
        priority: 100,
        direction: Direction::Inbound,
        access: Access::Deny,
        protocol: RuleProtocol::Any,
        source: AddressMatch::Prefixes(["168.63.129.16/32", "2001:db8::/128"].map(net).to_vec()),
        source_ports: PortSet::full(),
        destination: AddressMatch::Tag(ServiceTag::VirtualNetwork),
        destination_ports: PortSet::full(),
    };
    let (old, new) = (network(Vec::new(), Vec::new(), false), network(vec![denied], Vec::new(), false));
    for limits in [EVERYTHING, IN_PIECES] {
        let found = compare(&old, &new, &limits);
        let regions = regions(&found, &Subject::Nsg("subnet-nsg".into()), Direction::Inbound);
        let mut sources: Vec<String> = regions.iter().map(|it| it.witness.source.ip().to_string()).collect();
        sources.sort_unstable();
        sources.dedup();
        assert_eq!(sources, ["168.63.129.16", "2001:db8::"]);
    }
}

/// What the network does not carry makes no difference, and what it carries of a family is told as everything.
#[test]
fn only_protocols_that_the_network_carries_count() {
    use RuleProtocol::{Ah, Any, Esp, Icmp, Tcp, Udp};
    let allow = |source: &str, protocols: &[RuleProtocol]| {
        let one = |protocol: &RuleProtocol| SecurityRule {
            name: "".into(),
            default: false,
            priority: 0,
            direction: Direction::Inbound,
            access: Access::Allow,
            protocol: *protocol,
            source: AddressMatch::Prefixes(vec![net(source)]),
            source_ports: PortSet::full(),
            destination: AddressMatch::Any,
            destination_ports: PortSet::full(),
        };
        let rules = common::numbered(protocols.iter().map(one).collect());
        let mut network = network(rules, Vec::new(), true);
        network.network_interfaces[0].security_group = None;
        network
    };
    let told = |old: &Network, new: &Network, limits: &Limits| {
        let found = compare(old, new, limits);
        let mut told: Vec<String> = found
            .differences
            .iter()
            .flat_map(|one| &one.regions)
            .map(|region| format!("{} {}", analysis::text::protocols(region), region.witness.protocol))
            .collect();
        told.sort_unstable();
        told.dedup();
        told
    };
    const FIVE: [RuleProtocol; 5] = [Tcp, Udp, Icmp, Esp, Ah];
    let (four, six) = ("203.0.113.9/32", "2001:db8::/128");
    for limits in [EVERYTHING, IN_PIECES] {
        assert_eq!(told(&allow(four, &[Any]), &allow(four, &FIVE), &limits), [""; 0]);
        assert_eq!(told(&allow(six, &[Icmp]), &allow(six, &[]), &limits), [""; 0]);
        // Over IPv6 the five are all but ICMPv6.
        assert_eq!(told(&allow(six, &[Any]), &allow(six, &FIVE), &limits), ["Icmpv6 Icmpv6"]);
    }
    for source in [four, six] {
        assert_eq!(told(&allow(source, &[Any]), &allow(source, &[]), &EVERYTHING), ["* Tcp"]);
    }
    // Nor is what both families decide alike told once for each.
    let open = |protocols: &[RuleProtocol]| {
        let mut network = allow(four, protocols);
        for rule in &mut network.security_groups[0].rules {
            rule.source = AddressMatch::Any;
            rule.source_ports = PortSet::from_ranges([0..=u16::MAX]);
            rule.destination = AddressMatch::Tag(ServiceTag::VirtualNetwork);
        }
        network.virtual_networks[0].subnets.iter_mut().for_each(|subnet| subnet.security_group = None);
        network.network_interfaces.clear();
        network
    };
    let found = compare(&open(&[]), &open(&[Any]), &EVERYTHING);
    let regions = found.differences.iter().map(|one| one.regions.len() as u64 + one.more).sum::<u64>();
    let of_tcp = compare(&open(&[]), &open(&[Tcp]), &EVERYTHING);
    assert_eq!(
        regions,
        of_tcp.differences.iter().map(|one| one.regions.len() as u64 + one.more).sum::<u64>()
    );
}

/// Names are not meaning, however many are left.
#[test]
fn renamed_groups_find_each_other() {
    let all = crossing();
    let network = |names: [&str; 3], rules: [&[SecurityRule]; 3]| {
        let groups = names.into_iter().zip(rules).map(|(name, rules)| NetworkSecurityGroup {
            id: name.into(),
            name: name.into(),
            rules: rules.to_vec(),
        });
        Network { security_groups: groups.collect(), ..Network::default() }
    };
    let old = network(["a", "b", "c"], [&all[..3], &all[3..6], &all[6..9]]);
    let new = network(["e", "f", "g"], [&all[6..9], &all[..3], &all[3..6]]);
    assert!(compare(&old, &new, &EVERYTHING).is_equal());
    // Who is left is told.
    let two = network(["e", "f", "g"], [&all[6..9], &all[9..12], &all[12..15]]);
    let only = compare(&old, &two, &EVERYTHING).only;
    let only: Vec<&str> = only.iter().filter_map(|only| only.what.split(' ').next_back()).collect();
    assert_eq!(only, ["a", "b", "f", "g"]);
}

/// Route tables of two subnets, before and after; half of the time nothing changes.
fn tables() -> impl Strategy<Value = ([Vec<Route>; 2], [Vec<Route>; 2])> {
    let both = || [routes(), routes()];
    prop_oneof![both().prop_map(|tables| (tables.clone(), tables)), (both(), both())]
}

/// The groups of two subnets.
fn guarded() -> impl Strategy<Value = [Option<usize>; 2]> {
    let group = || prop::sample::select(vec![None, Some(0), Some(1)]);
    [group(), group()]
}

/// Without the rules about application security groups, in which anybody may come to be where there are no machines.
fn nobodys(mut rules: Vec<SecurityRule>) -> Vec<SecurityRule> {
    let names_group = |side: &AddressMatch| matches!(side, AddressMatch::ApplicationSecurityGroups(_));
    rules.retain(|rule| ![&rule.source, &rule.destination].into_iter().any(names_group));
    rules
}

fn limits() -> impl Strategy<Value = Limits> {
    prop::sample::select(vec![EVERYTHING, IN_PIECES])
}

fn compare(old: &Network, new: &Network, limits: &Limits) -> Diff {
    let (of_old, of_new) = (tags(old), tags(new));
    let old = analysis::Network { network: old, virtual_networks: &of_old, on_premises: &[], internet: &[] };
    let new = analysis::Network { network: new, virtual_networks: &of_new, on_premises: &[], internet: &[] };
    diff(&old, &new, limits).unwrap()
}

fn regions<'a>(found: &'a Diff, subject: &Subject, direction: Direction) -> Vec<&'a Region> {
    let here = found.differences.iter().filter(|one| one.subject == *subject && one.direction == direction);
    here.inspect(|one| assert!(one.more == 0 && one.is_complete)).flat_map(|one| &one.regions).collect()
}

fn told(region: &Region, before: Access, after: Access) -> Result<(), TestCaseError> {
    prop_assert_eq!((region.old, region.new), (before, after), "{}", region);
    Ok(())
}

/// Whether a packet lies in a region, where `inside` says what is in VirtualNetwork.
fn holds(region: &Region, packet: &Tuple, inside: &dyn Fn(Address) -> Option<bool>) -> bool {
    let kind = KINDS.iter().position(|kind| *kind == Some(packet.protocol)).unwrap_or(KINDS.len() - 1);
    let side = |place: &Place, address: Address| {
        let supposed = match (place.name.as_deref(), place.given.as_deref()) {
            (Some("VirtualNetwork"), None) | (_, Some("in VirtualNetwork")) => Some(true),
            (_, Some("outside VirtualNetwork")) => Some(false),
            (_, None) => None,
            (_, Some(other)) => panic!("{other}"),
        };
        place.addresses.contains(address.bits()) && supposed.is_none_or(|it| inside(address) == Some(it))
    };
    let port = |ports: &Ranges, port: Option<u16>| {
        port.map_or(analysis::text::ports(ports) == "*", |port| ports.contains(port.into()))
    };
    region.protocols & (1 << kind) != 0
        && side(&region.source, packet.source)
        && side(&region.destination, packet.destination)
        && port(&region.source_ports, packet.source_port)
        && port(&region.destination_ports, packet.destination_port)
}
