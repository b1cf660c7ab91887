//! What is reached in one network alone, against a look at every address.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use analysis::{Diff, Limits, ReachChange, Reached, Reacher, diff};
use common::{net, network, routed, routes};
use ipnet::IpNet;
use model::*;
use packet::Address;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Hub, spokes and sites of one side: who is peered with whom, and what each holds.
#[derive(Clone, Debug)]
struct Side {
    network: Network,
    on_premises: Vec<Vec<IpNet>>,
    internet: Vec<Vec<bool>>,
}

/// So many virtual networks; the first one has the NICs of [`network`], and the last one has none.
const VNETS: usize = 4;
const NAMES: [&str; VNETS] = ["vnet1", "hub", "spoke", "bare"];
/// An address on each side of every boundary of these.
const SPACES: [&str; 5] = ["10.1.0.0/31", "10.1.0.0/32", "10.1.0.1/32", "10.1.0.2/31", "10.2.0.0/32"];
const ADDRESSES: [&str; 8] =
    ["10.0.0.1", "10.1.0.0", "10.1.0.1", "10.1.0.2", "10.1.0.3", "10.2.0.0", "192.168.0.0", "192.168.0.1"];
const SITES: [&str; 4] = ["192.168.0.0/31", "192.168.0.1/32", "10.1.0.0/30", "10.2.0.0/32"];

prop_compose! {
    fn side()(
        spaces in prop::collection::vec(subsequence(SPACES.to_vec(), 1..3), VNETS - 1),
        joined in subsequence(vec![(0, 1), (0, 2), (0, 3), (1, 2), (1, 3)], 0..5),
        access in any::<bool>(),
        sites in prop::collection::vec(subsequence(SITES.to_vec(), 0..3), VNETS),
        tables in [routes(), routes()],
        out in any::<[bool; 3]>(),
        publics in prop::collection::vec(prop::option::of(select(vec![Some("203.0.113.1"), Some("203.0.113.2"), None])), 3),
    ) -> Side {
        let mut network = routed(network(Vec::new(), Vec::new(), true), tables);
        for (nth, space) in spaces.iter().enumerate() {
            network.virtual_networks.push(VirtualNetwork {
                id: NAMES[nth + 1].into(),
                name: NAMES[nth + 1].into(),
                address_space: space.iter().copied().map(net).collect(),
                subnets: Vec::new(),
                peerings: Vec::new(),
                peers_elsewhere: Vec::new(),
            });
        }
        for (one, other) in joined {
            for (here, there) in [(one, other), (other, one)] {
                let address_space = network.virtual_networks[there].address_space.clone();
                network.virtual_networks[here].peerings.push(Peering {
                    name: NAMES[there].into(),
                    remote: VnetIndex(there),
                    address_space,
                    connected: true,
                    virtual_network_access: access,
                    gateway_transit: false,
                    remote_gateways: false,
                });
            }
        }
        for (nth, public) in publics.into_iter().enumerate() {
            let Some(address) = public else { continue };
            network.public_ips.push(PublicIpAddress {
                id: format!("ip{nth}").into(),
                name: format!("ip{nth}").into(),
                address: address.map(|text| text.parse().unwrap()),
                sku: PublicIpSku::Basic,
            });
            let held = Some(PublicIpIndex(network.public_ips.len() - 1));
            let mut own = network.network_interfaces.iter_mut().flat_map(|nic| &mut nic.ip_configurations);
            own.nth(nth).unwrap().public_ip = held;
        }
        let on_premises = sites.iter().map(|list| list.iter().copied().map(net).collect()).collect();
        let internet = vec![out[..2].to_vec(), out[2..].to_vec()];
        Side { network, on_premises, internet }
    }
}

/// Whom an address means, seen from a virtual network: one of these by its number, a site, or nobody.
fn meant(side: &Side, from: usize, address: IpAddr) -> Vec<Option<usize>> {
    let vnets = &side.network.virtual_networks;
    let holds = |list: &[IpNet]| list.iter().any(|prefix| prefix.contains(&address));
    let mut reached = vec![from];
    reached.extend(side.network.peers(VnetIndex(from)).map(|peering| peering.remote.0));
    reached.retain(|&vnet| holds(&vnets[vnet].address_space));
    match reached.as_slice() {
        [] if holds(&side.on_premises[from]) => vec![None],
        _ => reached.into_iter().map(Some).collect(),
    }
}

fn compare(old: &Side, new: &Side, limit: usize) -> Diff {
    let limits = Limits { regions: limit, ..Limits::default() };
    let no_rules = BTreeMap::new();
    let [old, new] = [old, new].map(|Side { network, on_premises, internet }| analysis::Network {
        network,
        virtual_networks: &no_rules,
        on_premises,
        internet,
    });
    diff(&old, &new, &limits).unwrap()
}

/// Whether a list says that an address of a virtual network, or of a site, is reached.
fn says(list: &[Reached], whom: Option<usize>, address: IpAddr) -> bool {
    let bits = Address::from(address).bits();
    list.iter().any(|it| match (it, whom) {
        (Reached::VirtualNetwork { name, addresses }, Some(vnet)) => {
            **name == *NAMES[vnet] && addresses.contains(bits)
        }
        (Reached::OnPremises { addresses }, None) => addresses.contains(bits),
        _ => false,
    })
}

/// The public addresses of a NIC, with the private ones.
fn publics(network: &Network, nic: usize) -> Vec<(Option<IpAddr>, Option<IpAddr>)> {
    let own = network.network_interfaces[nic].ip_configurations.iter();
    let mut held: Vec<_> = own
        .filter_map(|own| Some((network.public_ips[own.public_ip?.0].address, own.private_address)))
        .collect();
    held.sort_unstable();
    held
}

/// The user-defined routes of the subnets of a NIC, each once.
fn routes_of(network: &Network, nic: usize) -> BTreeSet<(String, &'static str)> {
    let mut held = BTreeSet::new();
    for own in &network.network_interfaces[nic].ip_configurations {
        let subnet = &network.virtual_networks[own.subnet.vnet.0].subnets[own.subnet.subnet];
        for route in &network.route_tables[subnet.route_table.unwrap().0].routes {
            let RouteDestination::Prefix(prefix) = route.destination else { panic!("{route:?}") };
            held.insert((prefix.to_string(), route.next_hop.name()));
        }
    }
    held
}

proptest! {
    #[test]
    fn each_address_is_gained_or_lost_as_it_is_reached(old in side(), new in side()) {
        let found = compare(&old, &new, usize::MAX);
        let whose = [("one", 0), ("two", 0)].map(|(name, vnet)| (Reacher::Nic(name.into()), vnet));
        let vnets = (1..VNETS).map(|vnet| (Reacher::VirtualNetwork(NAMES[vnet].into()), vnet));
        let mut changed = 0;
        for (whose, vnet) in whose.into_iter().chain(vnets) {
            let of: Vec<&ReachChange> = found.reach.iter().filter(|one| one.whose == whose).collect();
            prop_assert!(of.len() < 2, "{:?}", of);
            let (gained, lost) = of.first().map(|one| (&one.gained[..], &one.lost[..])).unwrap_or_default();
            changed += of.len();
            prop_assert!(of.is_empty() || gained.len() + lost.len() > 0);
            for address in ADDRESSES.map(|text| text.parse().unwrap()) {
                let (before, after) = (meant(&old, vnet, address), meant(&new, vnet, address));
                for whom in (0..VNETS).map(Some).chain([None]) {
                    let (was, is) = (before.contains(&whom), after.contains(&whom));
                    prop_assert_eq!(says(gained, whom, address), is && !was, "{:?} {:?} {}", whose, whom, address);
                    prop_assert_eq!(says(lost, whom, address), was && !is, "{:?} {:?} {}", whose, whom, address);
                }
            }
            let Reacher::Nic(name) = &whose else { continue };
            let nic = old.network.network_interfaces.iter().position(|nic| nic.name == *name).unwrap();
            let told = |list: &[Reached]| list.iter().filter_map(|it| match it {
                Reached::PublicAddress { address, private, .. } => Some((*address, *private)),
                _ => None,
            }).collect::<Vec<_>>();
            let mut expected = publics(&old.network, nic);
            expected.retain(|it| !told(lost).contains(it));
            expected.extend(told(gained));
            expected.sort_unstable();
            prop_assert_eq!(expected, publics(&new.network, nic));
            prop_assert!(told(lost).iter().all(|it| !told(gained).contains(it)));
            for (own, (was, is)) in old.network.network_interfaces[nic].ip_configurations.iter()
                .zip(old.internet[nic].iter().zip(&new.internet[nic]))
            {
                let it = Reached::Internet { is_ipv6: own.is_ipv6 };
                prop_assert_eq!((gained.contains(&it), lost.contains(&it)), (!was && *is, *was && !is));
            }
            let [before, after] = [&old, &new].map(|side| routes_of(&side.network, nic));
            for (list, expected) in [(gained, &after - &before), (lost, &before - &after)] {
                let told = list.iter().filter_map(|it| match it {
                    Reached::Route { destination, next_hop } => Some((destination.to_string(), next_hop.name())),
                    _ => None,
                });
                let told: Vec<_> = told.collect();
                prop_assert_eq!(told.len(), expected.len(), "{:?}", told);
                prop_assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
            }
        }
        prop_assert_eq!(changed, found.reach.len());
        // What is not listed is counted, and makes a difference all the same.
        let all: usize = found.reach.iter().map(|one| one.gained.len() + one.lost.len()).sum();
        let few = compare(&old, &new, 1);
        prop_assert_eq!(few.reach.len() as u64 + few.more_reach, all as u64);
        prop_assert_eq!(few.is_equal(), found.is_equal());
        prop_assert!(all == 0 || !compare(&old, &new, 0).is_equal());
    }

    /// Names are not meaning, nor is the order, nor how prefixes are cut.
    #[test]
    fn what_is_written_otherwise_is_no_difference(side in side()) {
        let mut other = side.clone();
        for vnet in &mut other.network.virtual_networks {
            vnet.id = format!("{}-too", vnet.id).into();
            vnet.name = format!("{}-too", vnet.name).into();
            let cut = |prefix: &IpNet| prefix.subnets(32).unwrap().collect::<Vec<_>>();
            vnet.address_space = vnet.address_space.iter().rev().flat_map(cut).collect();
            vnet.peerings.reverse();
        }
        for public in &mut other.network.public_ips {
            public.id = format!("{}-too", public.id).into();
            public.name = format!("{}-too", public.name).into();
        }
        for table in &mut other.network.route_tables {
            (table.id, table.name) = ("table-too".into(), "table-too".into());
            table.routes.reverse();
            table.routes.iter_mut().for_each(|route| route.name = format!("{}-too", route.name).into());
        }
        other.on_premises.iter_mut().for_each(|list| list.reverse());
        let mut spaces: Vec<String> =
            side.network.virtual_networks.iter().map(|vnet| format!("{:?}", vnet.address_space)).collect();
        spaces.sort_unstable();
        spaces.dedup();
        // Of two that hold the same addresses nobody can tell which is which.
        prop_assume!(spaces.len() == VNETS);
        let found = compare(&side, &other, usize::MAX);
        prop_assert_eq!(found.reach, []);
    }
}

/// What reaches the internet is an address, so it is neither gained nor lost with another one of the same network interface.
#[test]
fn the_internet_is_reached_by_addresses() {
    let with = |addresses: &[(&str, bool)]| {
        let mut network = network(Vec::new(), Vec::new(), true);
        let nic = &mut network.network_interfaces[1];
        let own = |address: &str| IpConfiguration {
            private_address: Some(address.parse().unwrap()),
            ..nic.ip_configurations[0].clone()
        };
        nic.ip_configurations = addresses.iter().map(|(address, _)| own(address)).collect();
        let reach = addresses.iter().map(|(_, reaches)| *reaches).collect();
        Side { network, on_premises: Vec::new(), internet: vec![vec![true; 2], reach] }
    };
    let four = || vec![Reached::Internet { is_ipv6: false }];
    let told = |old: &[(&str, bool)], new: &[(&str, bool)]| {
        let found = compare(&with(old), &with(new), 9).reach;
        found.first().map(|one| (one.gained.clone(), one.lost.clone()))
    };
    let own = [("10.0.0.2", true)];
    assert_eq!(told(&own, &[("10.0.0.7", false), ("10.0.0.2", true)]), None);
    assert_eq!(told(&own, &[("10.0.0.7", true), ("10.0.0.2", false)]), Some((vec![], four())));
    // One that was given another address is the same still.
    assert_eq!(told(&own, &[("10.0.0.7", true)]), None);
    assert_eq!(told(&[("10.0.0.7", false)], &own), Some((four(), vec![])));
    let two = [("10.0.0.2", true), ("10.0.0.3", false)];
    assert_eq!(told(&two, &[("10.0.0.2", false), ("10.0.0.3", true)]), Some((four(), four())));
}

/// A private address that one side leaves open is no reason to tell of its public one.
#[test]
fn an_open_private_address_keeps_its_public_one() {
    let with = |private: Option<&str>, public: &str| {
        let mut network = network(Vec::new(), Vec::new(), true);
        let address = Some(public.parse().unwrap());
        network.public_ips =
            vec![PublicIpAddress { id: "ip".into(), name: "ip".into(), address, sku: PublicIpSku::Basic }];
        let own = &mut network.network_interfaces[1].ip_configurations[0];
        (own.private_address, own.public_ip) =
            (private.map(|text| text.parse().unwrap()), Some(PublicIpIndex(0)));
        Side { network, on_premises: Vec::new(), internet: Vec::new() }
    };
    let (open, known) = (with(None, "203.0.113.1"), with(Some("10.0.0.2"), "203.0.113.1"));
    assert_eq!(compare(&open, &known, 9).reach, []);
    assert_eq!(compare(&open, &open, 9).reach, []);
    let other = compare(&open, &with(Some("10.0.0.2"), "203.0.113.2"), 9).reach;
    assert_eq!(other.iter().map(|one| (one.gained.len(), one.lost.len())).collect::<Vec<_>>(), [(1, 1)]);
}

/// Nor is an appliance whose address only the deployment will tell; a tag is the same by its name, whatever its number.
#[test]
fn an_open_appliance_may_be_any_and_a_tag_is_its_name() {
    let with = |next_hop, tag: &str, tags: &[&str]| {
        let named =
            |name: &&str| NamedTag { name: (*name).into(), usable_in_nsg: true, ..NamedTag::default() };
        let number = TagIndex(tags.iter().position(|other| *other == tag).unwrap());
        let mut network = network(Vec::new(), Vec::new(), true);
        network.service_tags = std::sync::Arc::new(ServiceTags::new(tags.iter().map(named).collect()));
        let route = |destination, next_hop| Route { name: "route".into(), destination, next_hop };
        let prefix = RouteDestination::Prefix(net("0.0.0.0/0"));
        let routes = vec![route(prefix, next_hop), route(RouteDestination::Tag(number), NextHop::Internet)];
        Side { network: routed(network, [routes, Vec::new()]), on_premises: Vec::new(), internet: Vec::new() }
    };
    let appliance = |address: &str| NextHop::VirtualAppliance(Some(address.parse().unwrap()));
    let old = with(appliance("10.0.0.4"), "Sql", &["Sql", "Storage"]);
    assert_eq!(
        compare(&old, &with(NextHop::VirtualAppliance(None), "Sql", &["Storage", "Sql"]), 9).reach,
        []
    );
    let other = compare(&old, &with(appliance("10.0.0.5"), "Storage", &["Storage", "Sql"]), 9).reach;
    let route = |destination: &str, next_hop| Reached::Route { destination: destination.into(), next_hop };
    let change = |nic: &str| ReachChange {
        whose: Reacher::Nic(nic.into()),
        gained: vec![route("0.0.0.0/0", appliance("10.0.0.5")), route("Storage", NextHop::Internet)],
        lost: vec![route("0.0.0.0/0", appliance("10.0.0.4")), route("Sql", NextHop::Internet)],
    };
    assert_eq!(other, [change("one"), change("two")]);
}
