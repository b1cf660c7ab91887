//! A universe small enough to try every packet: one value for each place where any rule of it can tell a difference.
#![allow(dead_code, reason = "each file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use ipnet::IpNet;
use model::*;
use packet::Protocol;
use policy::reference::{self, Meaning};
use policy::{Match, Tuple};
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

/// Whatever prefixes and tags of this file a rule names, one of these lies in each of their differences.
const ADDRESSES: [&str; 17] = [
    "10.0.0.0",
    "10.0.0.1",
    "10.0.0.2",
    "10.0.0.3",
    "10.0.0.4",
    "10.0.0.5",
    "10.1.0.1",
    "192.168.0.1",
    "198.51.100.9",
    "203.0.113.9",
    "8.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "2001:db8::",
    "2001:db8::1",
    "2001:db8::2",
    "fe80::1",
];
const PREFIXES: [&str; 11] = [
    "10.0.0.0/32",
    "10.0.0.1/32",
    "10.0.0.0/31",
    "10.0.0.2/31",
    "10.0.0.0/30",
    "0.0.0.0/0",
    "168.63.129.16/32",
    "203.0.113.9/32",
    "2001:db8::/128",
    "2001:db8::/127",
    "::/0",
];
const PORTS: [u16; 11] = [0, 53, 54, 79, 80, 81, 82, 443, 444, 1024, 1688];
const SOURCE_PORTS: [u16; 3] = [53, 80, 1024];
const RANGES: [&str; 7] = ["53-53", "79-81", "80-80", "443-443", "0-1023", "81-65535", "0-65535"];

/// Every packet that Azure's network carries.
pub(crate) fn packets() -> Vec<Tuple> {
    let addresses: Vec<IpAddr> = ADDRESSES.map(|text| text.parse().unwrap()).to_vec();
    let protocols =
        [Protocol::TCP, Protocol::UDP, Protocol::ICMP, Protocol::ESP, Protocol::AH, Protocol::ICMPV6];
    let mut packets = Vec::new();
    for protocol in protocols {
        let (ports, source_ports) = if protocol.has_ports() {
            (PORTS.map(Some).to_vec(), SOURCE_PORTS.map(Some).to_vec())
        } else {
            (vec![None], vec![None])
        };
        for (source, destination) in addresses.iter().flat_map(|a| addresses.iter().map(move |b| (*a, *b))) {
            let is_carried = match protocol {
                Protocol::ICMP => source.is_ipv4(),
                Protocol::ICMPV6 => source.is_ipv6(),
                _ => true,
            };
            if source.is_ipv4() != destination.is_ipv4() || !is_carried {
                continue;
            }
            for (&source_port, &destination_port) in
                source_ports.iter().flat_map(|a| ports.iter().map(move |b| (a, b)))
            {
                packets.push(Tuple {
                    protocol,
                    source: source.into(),
                    source_port,
                    destination: destination.into(),
                    destination_port,
                });
            }
        }
    }
    packets
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

/// The rules of a group, each with a priority and a name of its own.
pub(crate) fn rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<SecurityRule>> {
    prop::collection::vec(rule(), count).prop_map(numbered)
}

pub(crate) fn numbered(mut rules: Vec<SecurityRule>) -> Vec<SecurityRule> {
    for (nth, rule) in rules.iter_mut().enumerate() {
        rule.priority = 100 + nth as u16;
        rule.name = format!("rule-{nth}").into();
    }
    rules
}

fn rule() -> impl Strategy<Value = SecurityRule> {
    use RuleProtocol::{Any, Esp, Icmp, Tcp, Udp};
    let protocol = select(vec![Any, Any, Tcp, Tcp, Udp, Icmp, Esp]);
    let access = select(vec![Access::Allow, Access::Deny]);
    let direction = prop_oneof![3 => Just(Direction::Inbound), 2 => Just(Direction::Outbound)];
    (direction, access, protocol, side(), ports(), side(), ports()).prop_map(
        |(direction, access, protocol, source, source_ports, destination, destination_ports)| SecurityRule {
            name: "".into(),
            default: false,
            priority: 0,
            direction,
            access,
            protocol,
            source,
            source_ports: source_ports.0,
            destination,
            destination_ports: destination_ports.1,
        },
    )
}

/// Rules that hold each other, or that climb over each other in steps; some in no order at all.
pub(crate) fn shaped(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<SecurityRule>> {
    const NESTED: [&str; 4] = ["10.0.0.0/32", "10.0.0.0/31", "10.0.0.0/30", "0.0.0.0/0"];
    const SENDERS: [std::ops::RangeInclusive<u16>; 4] = [0..=u16::MAX, 0..=80, 80..=u16::MAX, 0..=79];
    let last = PORTS.len() - 1;
    let one = (select(vec![Access::Allow, Access::Deny]), 0..3_usize, 0..4_usize, 0..8_usize, rule());
    let of = move |shape: u8, nth: usize, count: usize| {
        let step = nth * last / count.max(1);
        match shape {
            0 => (step / 2, last - step / 2, nth),
            1 => (last / 2 - step / 2, last / 2 + step / 2, nth),
            2 => (step, (step + 4).min(last), nth),
            3 => (last - step, (last - step + 4).min(last), nth),
            _ => ((nth * 7) % last, last, nth * 3),
        }
    };
    (0..5_u8, prop::collection::vec(one, count)).prop_map(move |(shape, ones)| {
        let count = ones.len();
        let rules = ones.into_iter().enumerate().map(|(nth, (access, jitter, level, senders, any))| {
            let (from, to, place) = of(shape, nth, count);
            let (from, to) = (from.min(to), (to + jitter).min(last));
            let end = PORTS.get(to + 1).map_or(u16::MAX, |next| next - 1);
            let nested = |level: usize| match level % 5 {
                4 => AddressMatch::Any,
                level => AddressMatch::Prefixes(vec![net(NESTED[level])]),
            };
            let protocol = if jitter == 2 { any.protocol } else { RuleProtocol::Any };
            SecurityRule {
                access,
                protocol,
                direction: if shape == 4 { any.direction } else { Direction::Inbound },
                source: nested(4 * place / count.max(1)),
                source_ports: PortSet::from_ranges(SENDERS.get(senders).cloned().or(Some(0..=u16::MAX))),
                destination: if level == 0 { any.destination } else { nested(level + 1) },
                destination_ports: PortSet::from_ranges([PORTS[from]..=end]),
                ..any
            }
        });
        numbered(rules.collect())
    })
}

/// Either.
pub(crate) fn any_rules(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<SecurityRule>> {
    prop_oneof![rules(count.clone()), shaped(count)]
}

/// Of a sender, and of a receiver; senders rarely ask for a port.
fn ports() -> impl Strategy<Value = (PortSet, PortSet)> {
    let range = select(RANGES.to_vec()).prop_map(|text| {
        let (start, end) = text.split_once('-').unwrap();
        start.parse().unwrap()..=end.parse::<u16>().unwrap()
    });
    let some = prop::collection::vec(range, 1..3).prop_map(PortSet::from_ranges);
    let source = prop_oneof![
        5 => Just(PortSet::full()),
        1 => Just(PortSet::from_ranges([80..=80])),
        1 => Just(PortSet::from_ranges([81..=u16::MAX])),
    ];
    (source, prop_oneof![1 => Just(PortSet::full()), 2 => some])
}

fn side() -> impl Strategy<Value = AddressMatch> {
    use ServiceTag::{
        AzureLoadBalancer, AzurePlatformDns, AzurePlatformImds, Internet, Named, VirtualNetwork,
    };
    let tags = vec![
        VirtualNetwork,
        VirtualNetwork,
        Internet,
        Internet,
        AzureLoadBalancer,
        AzurePlatformDns,
        AzurePlatformImds,
        Named(TagIndex(0)),
    ];
    let prefixes = prop::collection::vec(select(PREFIXES.to_vec()).prop_map(net), 1..3);
    prop_oneof![
        3 => Just(AddressMatch::Any),
        5 => prefixes.prop_map(AddressMatch::Prefixes),
        3 => select(tags).prop_map(AddressMatch::Tag),
        1 => select(vec![vec![0], vec![1], vec![0, 1]])
            .prop_map(|groups| AddressMatch::ApplicationSecurityGroups(groups.into_iter().map(AsgIndex).collect())),
    ]
}

/// Another list of rules that may mean the same: one rule changed, two in another place, or one away.
pub(crate) fn changed(rules: Vec<SecurityRule>) -> impl Strategy<Value = Vec<SecurityRule>> {
    let count = rules.len().max(1);
    (0..5_u8, 0..count, 0..count, rule()).prop_map(move |(how, one, other, new)| {
        let mut rules = rules.clone();
        match how {
            0 if !rules.is_empty() => drop(rules.remove(one)),
            1 if !rules.is_empty() => rules.swap(one, other),
            2 if !rules.is_empty() => rules[one].destination_ports = new.destination_ports,
            3 if !rules.is_empty() => rules[one].source = new.source,
            _ => rules.insert(one.min(rules.len()), new),
        }
        numbered(rules)
    })
}

/// What VirtualNetwork holds in the only virtual network of [`network`], route tables left out.
pub(crate) const SPACE: &str = "10.0.0.0/24";

/// Routes for the whole of a family and for single addresses, to every kind of next hop.
pub(crate) fn routes() -> impl Strategy<Value = Vec<Route>> {
    const PREFIXES: [&str; 7] =
        ["0.0.0.0/0", "::/0", "203.0.113.9/32", "10.0.0.0/31", "0.0.0.0/1", "128.0.0.0/1", "2001:db8::/128"];
    const HOPS: [NextHop; 5] = [
        NextHop::VirtualAppliance(None),
        NextHop::VirtualNetworkGateway,
        NextHop::VnetLocal,
        NextHop::Internet,
        NextHop::None,
    ];
    proptest::collection::btree_map(0..PREFIXES.len(), 0..HOPS.len(), 0..4).prop_map(|routes| {
        let route = |(prefix, hop): (usize, usize)| Route {
            name: PREFIXES[prefix].into(),
            destination: RouteDestination::Prefix(net(PREFIXES[prefix])),
            next_hop: HOPS[hop],
        };
        routes.into_iter().map(route).collect()
    })
}

/// The network with a route table for each of its subnets.
pub(crate) fn routed(mut network: Network, tables: [Vec<Route>; 2]) -> Network {
    let table = |routes| RouteTable {
        id: "table".into(),
        name: "table".into(),
        routes,
        disable_bgp_route_propagation: false,
    };
    network.route_tables = tables.map(table).to_vec();
    for (nth, subnet) in network.virtual_networks[0].subnets.iter_mut().enumerate() {
        subnet.route_table = Some(RouteTableIndex(nth));
    }
    network
}

/// What VirtualNetwork holds from a vantage, told route by route.
pub(crate) fn tag(network: &Network, from: Vantage) -> Vec<IpNet> {
    let mut tag = vec![net(SPACE)];
    let table = from.route_table.map(|table| &network.route_tables[table.0]);
    for route in table.into_iter().flat_map(|table| &table.routes) {
        let RouteDestination::Prefix(prefix) = route.destination else { continue };
        let tunnel = matches!(route.next_hop, NextHop::VirtualAppliance(_) | NextHop::VirtualNetworkGateway);
        if tunnel || !["0.0.0.0/0", "::/0"].map(net).contains(&prefix) {
            tag.push(prefix);
        }
    }
    tag
}

/// The same from every vantage.
pub(crate) fn tags(network: &Network) -> BTreeMap<Vantage, Vec<IpNet>> {
    network.vantages().into_iter().map(|from| (from, tag(network, from))).collect()
}

/// A network with two groups, two application security groups and a tag, and where `guarded` two NICs behind them.
pub(crate) fn network(subnet: Vec<SecurityRule>, nic: Vec<SecurityRule>, guarded: bool) -> Network {
    let group = |name: &str, rules| NetworkSecurityGroup { id: name.into(), name: name.into(), rules };
    let asg = |name: &str| ApplicationSecurityGroup { id: name.into(), name: name.into() };
    let tag = NamedTag {
        name: "Storage".into(),
        prefixes: ["10.0.0.1/32", "203.0.113.9/32", "2001:db8::/128"].map(net).to_vec(),
        usable_in_nsg: true,
        ..NamedTag::default()
    };
    let subnet_of = |name: &str, prefix: &str| Subnet {
        id: name.into(),
        name: name.into(),
        prefixes: vec![net(prefix)],
        security_group: guarded.then_some(NsgIndex(0)),
        route_table: None,
        default_outbound_access: true,
    };
    let vnet = VirtualNetwork {
        id: "vnet1".into(),
        name: "vnet1".into(),
        address_space: vec![net(SPACE)],
        subnets: vec![subnet_of("web", SPACE), subnet_of("db", "2001:db8::/64")],
        peerings: Vec::new(),
        peers_elsewhere: Vec::new(),
    };
    let own = |address: &str, groups: &[usize]| IpConfiguration {
        name: address.into(),
        subnet: SubnetIndex { vnet: VnetIndex(0), subnet: usize::from(address.contains(':')) },
        private_address: Some(address.parse().unwrap()),
        is_assumed: false,
        is_ipv6: address.contains(':'),
        public_ip: None,
        application_security_groups: groups.iter().copied().map(AsgIndex).collect(),
        primary: true,
    };
    let interface = |name: &str, security_group, ip_configurations| NetworkInterface {
        id: name.into(),
        name: name.into(),
        security_group,
        ip_forwarding: false,
        virtual_machine: None,
        mac: None,
        ip_configurations,
    };
    let nics = vec![
        interface("one", Some(NsgIndex(1)), vec![own("10.0.0.1", &[0]), own("2001:db8::1", &[1])]),
        interface("two", None, vec![own("10.0.0.2", &[1])]),
    ];
    Network {
        virtual_networks: vec![vnet],
        network_interfaces: if guarded { nics } else { Vec::new() },
        security_groups: vec![group("subnet-nsg", subnet), group("nic-nsg", nic)],
        application_security_groups: vec![asg("asg0"), asg("asg1")],
        service_tags: Arc::new(ServiceTags::new(vec![tag])),
        ..Network::default()
    }
}

/// The network where the IPv4 address of the first NIC, and that of the second, may be left open.
pub(crate) fn left_open(mut network: Network, open: [bool; 2]) -> Network {
    for (nic, open) in network.network_interfaces.iter_mut().zip(open) {
        let own = &mut nic.ip_configurations[0];
        own.private_address = own.private_address.filter(|_| !open);
    }
    network
}

/// The network whose two NICs are in these groups by their IPv4 addresses.
pub(crate) fn in_groups(mut network: Network, groups: [Vec<usize>; 2]) -> Network {
    for (nic, groups) in network.network_interfaces.iter_mut().zip(groups) {
        nic.ip_configurations[0].application_security_groups = groups.into_iter().map(AsgIndex).collect();
    }
    network
}

/// The groups of both NICs.
pub(crate) fn memberships() -> impl Strategy<Value = [Vec<usize>; 2]> {
    let groups = || prop::sample::subsequence(vec![0, 1], 0..=2);
    [groups(), groups()]
}

/// What a group's rules say, by the linear reference, and which of them decides.
pub(crate) fn decide(
    network: &Network,
    group: usize,
    direction: Direction,
    tuple: &Tuple,
    virtual_network: &[IpNet],
) -> (Access, Option<Arc<str>>) {
    let mut rules = network.security_groups[group].rules.clone();
    rules.extend(SecurityRule::defaults(direction));
    decide_rules(network, &rules, direction, tuple, virtual_network)
}

pub(crate) fn decide_rules(
    network: &Network,
    rules: &[SecurityRule],
    direction: Direction,
    tuple: &Tuple,
    virtual_network: &[IpNet],
) -> (Access, Option<Arc<str>>) {
    let meaning = Meaning { network, vnet: VnetIndex(0), virtual_network };
    match reference::first_match(rules, direction, tuple, &meaning) {
        Some(Match::Rule(rule)) => (rule.access, Some(Arc::clone(&rule.name))),
        Some(Match::Platform) => (Access::Allow, None),
        None => panic!("the default rules close the list"),
    }
}
