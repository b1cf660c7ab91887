//! Random policies and packets, and what the reference evaluator says of them.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use model::{
    Access, Direction, IpConfiguration, Network, NextHop, NicIndex, PublicIpSku, RouteDestination,
    SecurityRule, SubnetIndex,
};
use packet::Protocol;
use policy::{Match, Tuple, reference};
use proptest::prelude::*;
use testkit::build::{OwnedFrame, ipv4, ipv6};
use testkit::lab::Blueprint;

pub(crate) const VM1: &str = "10.0.1.4";
pub(crate) const VM2: &str = "10.0.1.5";
pub(crate) const VM3: &str = "10.0.2.4";
pub(crate) const FAR: &str = "198.51.100.7";
pub(crate) const PUBLIC1: &str = "203.0.113.21";
pub(crate) const PUBLIC3: &str = "203.0.113.23";

pub(crate) const VM1_V6: &str = "fd00:a:0:1::4";
pub(crate) const VM2_V6: &str = "fd00:a:0:1::5";
pub(crate) const VM3_V6: &str = "fd00:a:0:2::4";
pub(crate) const FAR_V6: &str = "2001:db8:1::7";
pub(crate) const PUBLIC1_V6: &str = "2001:db8:f::21";
pub(crate) const PUBLIC3_V6: &str = "2001:db8:f::23";

const ADDRESSES: [&str; 23] = [
    "*",
    "*",
    "VirtualNetwork",
    "Internet",
    "AzureLoadBalancer",
    "@fronts",
    "@stores",
    VM1,
    VM3,
    "10.0.1.0/24",
    "10.0.1.4/31",
    "10.0.0.0/16",
    "10.0.1.4,10.0.2.4",
    "0.0.0.0/0",
    FAR,
    "198.51.100.6/31",
    "203.0.113.0/24",
    "168.63.129.16",
    "[fd00:a:0:1::4]",
    "[fd00:a:0:1::/64]",
    "[fd00:a:0:1::4,fd00:a:0:2::4]",
    "[2001:db8:1::7]",
    "[::/0]",
];
const PORTS: [&str; 11] =
    ["*", "*", "0", "80", "1-1023", "1024-65535", "65535", "0-65535", "53,80,443", "79-81", "8"];
pub(crate) const EDGES: [u16; 13] = [0, 1, 8, 52, 53, 79, 80, 81, 443, 1023, 1024, 65_534, 65_535];

/// A lab with up to six rules at each of four places, and a route table at each of its subnets; `vm1` has a Basic and `vm3` a
/// Standard public address.
pub(crate) fn blueprints() -> impl Strategy<Value = Blueprint> {
    let groups = proptest::collection::vec(proptest::option::of(rules()), 4);
    let tables = [proptest::option::of(routes()), proptest::option::of(routes())];
    (groups, tables).prop_map(|(groups, tables)| {
        let base = Blueprint::default().asg("fronts", &["vm1", "vm2"]).asg("stores", &["vm3"]);
        let base = base.public("vm1", PUBLIC1).standard_public("vm3", PUBLIC3);
        let base = base.dual_stack().public_v6("vm1", PUBLIC1_V6).public_v6("vm3", PUBLIC3_V6);
        let guarded = ["web", "db", "vm1", "vm3"].into_iter().zip(groups).fold(
            base,
            |lab, (place, rules)| match rules {
                Some(rules) => lab.guard(place, &rules.iter().map(String::as_str).collect::<Vec<_>>()),
                None => lab,
            },
        );
        ["web", "db"].into_iter().zip(tables).fold(guarded, |lab, (subnet, routes)| match routes {
            Some(routes) => lab.routes(subnet, &routes),
            None => lab,
        })
    })
}

/// Routes for all of a family, for what is public, private and a machine's own, to every kind of next hop.
fn routes() -> impl Strategy<Value = Vec<(&'static str, NextHop)>> {
    const PREFIXES: [&str; 9] = [
        "0.0.0.0/0",
        "::/0",
        "0.0.0.0/1",
        "198.51.100.7/32",
        "198.51.100.6/31",
        "172.31.0.0/16",
        "10.0.2.4/32",
        "2001:db8:1::/48",
        "fc00::/8",
    ];
    const HOPS: [NextHop; 6] = [
        NextHop::VirtualAppliance(None),
        NextHop::VirtualAppliance(None),
        NextHop::VirtualNetworkGateway,
        NextHop::VnetLocal,
        NextHop::Internet,
        NextHop::None,
    ];
    let routes = proptest::collection::btree_map(0..PREFIXES.len(), 0..HOPS.len(), 0..4);
    routes.prop_map(|routes| routes.into_iter().map(|(prefix, hop)| (PREFIXES[prefix], HOPS[hop])).collect())
}

fn rules() -> impl Strategy<Value = Vec<String>> {
    let side =
        || (0..ADDRESSES.len(), 0..PORTS.len()).prop_map(|(a, p)| format!("{}:{}", ADDRESSES[a], PORTS[p]));
    let head = (any::<bool>(), prop::bool::weighted(0.6), 0usize..6);
    let rule = (head, side(), side()).prop_map(|((inbound, allow, protocol), from, to)| {
        let direction = if inbound { "in" } else { "out" };
        let access = if allow { "allow" } else { "deny" };
        let protocol = ["any", "tcp", "udp", "icmp", "esp", "ah"][protocol];
        format!("{direction} {access} {protocol} {from} > {to}")
    });
    proptest::collection::vec(rule, 0..6).prop_map(|rules| {
        let numbered = rules.into_iter().enumerate();
        numbered.map(|(nth, rule)| format!("{} {rule}", 100 + nth)).collect()
    })
}

/// A first packet: who sends it, its ends, its protocol and ports.
#[derive(Clone, Debug)]
pub(crate) struct First {
    pub(crate) from: &'static str,
    pub(crate) source: &'static str,
    pub(crate) destination: &'static str,
    pub(crate) protocol: Protocol,
    pub(crate) ports: (u16, u16),
}

pub(crate) fn firsts() -> impl Strategy<Value = First> {
    const SENDERS: [(&str, &str); 6] = [
        ("vm1", VM1),
        ("vm2", VM2),
        ("vm3", VM3),
        ("internet", FAR),
        ("internet", "198.51.100.6"),
        ("internet", "203.0.113.77"),
    ];
    const DESTINATIONS: [&str; 12] = [
        VM1,
        VM2,
        VM3,
        PUBLIC1,
        PUBLIC3,
        FAR,
        "198.51.100.6",
        "203.0.113.10",
        "172.31.0.9",
        "168.63.129.16",
        "10.0.1.200",
        "169.254.169.254",
    ];
    const SENDERS_V6: [(&str, &str); 6] = [
        ("vm1", VM1_V6),
        ("vm2", VM2_V6),
        ("vm3", VM3_V6),
        ("internet", FAR_V6),
        ("internet", "2001:db8:1::6"),
        ("internet", "2001:db8:ffff::77"),
    ];
    const DESTINATIONS_V6: [&str; 12] = [
        VM1_V6,
        VM2_V6,
        VM3_V6,
        PUBLIC1_V6,
        PUBLIC3_V6,
        FAR_V6,
        "2001:db8:1::6",
        "2001:db8:ffff::55",
        "fc00::9",
        "4000::1",
        "fd00:a:0:1::200",
        "fe80::1",
    ];
    const PROTOCOLS: [u8; 8] = [6, 6, 17, 17, 1, 50, 51, 47];
    let ends = (0..SENDERS.len(), 0..DESTINATIONS.len(), 0..PROTOCOLS.len());
    (ends, 0..EDGES.len(), 0..EDGES.len(), prop::bool::weighted(0.7)).prop_map(
        |((sender, destination, protocol), sport, dport, v4)| {
            let (from, source) = if v4 { SENDERS[sender] } else { SENDERS_V6[sender] };
            First {
                from,
                source,
                destination: if v4 { DESTINATIONS[destination] } else { DESTINATIONS_V6[destination] },
                protocol: match Protocol(PROTOCOLS[protocol]) {
                    Protocol::ICMP if !v4 => Protocol::ICMPV6,
                    protocol => protocol,
                },
                ports: (EDGES[sport], EDGES[dport]),
            }
        },
    )
}

impl First {
    pub(crate) fn frame(&self) -> OwnedFrame {
        let draft = if self.is_v4() {
            ipv4(self.source, self.destination)
        } else {
            ipv6(self.source, self.destination)
        };
        match self.protocol {
            Protocol::TCP => draft.tcp(self.ports.0, self.ports.1).syn().data(20).into(),
            Protocol::UDP => draft.udp(self.ports.0, self.ports.1).data(20).into(),
            Protocol::ICMP | Protocol::ICMPV6 => draft.echo_request(self.ports.0, 1).data(20).into(),
            Protocol(number) => draft.protocol(number).data(28).into(),
        }
    }

    pub(crate) fn is_v4(&self) -> bool {
        !self.source.contains(':')
    }

    /// The tuple with other ends.
    pub(crate) fn tuple(&self, source: &str, destination: &str) -> Tuple {
        let ports = self.protocol.has_ports();
        let address = |text: &str| text.parse::<std::net::IpAddr>().unwrap().into();
        Tuple {
            protocol: self.protocol,
            source: address(source),
            source_port: ports.then_some(self.ports.0),
            destination: address(destination),
            destination_port: ports.then_some(self.ports.1),
        }
    }
}

/// What the rules before a NIC say of a tuple, one rule after the other: the verdict and `nsg/rule`, where an NSG had a say.
pub(crate) fn by_reference(
    network: &Network,
    nic: NicIndex,
    direction: Direction,
    tuple: &Tuple,
) -> (Access, Option<String>) {
    let interface = &network.network_interfaces[nic.0];
    let own = match direction {
        Direction::Inbound => tuple.destination.ip(),
        Direction::Outbound => tuple.source.ip(),
    };
    let configuration =
        interface.ip_configurations.iter().find(|it| it.private_address == Some(own)).unwrap();
    let subnet = configuration.subnet;
    let at_subnet = network.virtual_networks[subnet.vnet.0].subnets[subnet.subnet].security_group;
    let order = match direction {
        Direction::Inbound => [at_subnet, interface.security_group],
        Direction::Outbound => [interface.security_group, at_subnet],
    };
    let tag = tag(network, subnet);
    let meaning = reference::Meaning { network, vnet: subnet.vnet, virtual_network: &tag };
    let mut verdict = (Access::Allow, None);
    for nsg in order.into_iter().flatten() {
        let nsg = &network.security_groups[nsg.0];
        let rules: Vec<_> = nsg.rules.iter().cloned().chain(SecurityRule::defaults(direction)).collect();
        let Some(Match::Rule(rule)) = reference::first_match(&rules, direction, tuple, &meaning) else {
            continue;
        };
        verdict = (rule.access, Some(format!("{}/{}", nsg.name, rule.name)));
        if rule.access == Access::Deny {
            return verdict;
        }
    }
    if direction == Direction::Inbound && order == [None, None] && closed(network, configuration, tuple) {
        verdict = (Access::Deny, None);
    }
    verdict
}

/// What VirtualNetwork holds for the rules before a subnet of a network without peers and sites, told route by route.
fn tag(network: &Network, subnet: SubnetIndex) -> Vec<ipnet::IpNet> {
    let vnet = &network.virtual_networks[subnet.vnet.0];
    let mut tag = vnet.address_space.clone();
    let table = vnet.subnets[subnet.subnet].route_table.map(|table| &network.route_tables[table.0]);
    for route in table.into_iter().flat_map(|table| &table.routes) {
        let RouteDestination::Prefix(prefix) = route.destination else { panic!("these have no tags") };
        let tunnel = matches!(route.next_hop, NextHop::VirtualAppliance(_) | NextHop::VirtualNetworkGateway);
        if tunnel || !["0.0.0.0/0", "::/0"].contains(&prefix.to_string().as_str()) {
            tag.push(prefix);
        }
    }
    tag
}

/// Whether a Standard public address keeps a NIC without any NSG closed to this tuple.
fn closed(network: &Network, configuration: &IpConfiguration, tuple: &Tuple) -> bool {
    let inside = |prefix: &ipnet::IpNet| prefix.contains(&tuple.source.ip());
    let from_inside = network.virtual_networks.iter().flat_map(|vnet| &vnet.address_space).any(inside);
    let standard = configuration
        .public_ip
        .is_some_and(|public| network.public_ips[public.0].sku == PublicIpSku::Standard);
    standard && !from_inside
}

/// The NIC with a private or public address.
pub(crate) fn nic_of(network: &Network, address: &str) -> Option<NicIndex> {
    let address: std::net::IpAddr = address.parse().unwrap();
    let has = |configuration: &IpConfiguration| {
        let public = configuration.public_ip.and_then(|public| network.public_ips[public.0].address);
        configuration.private_address == Some(address) || public == Some(address)
    };
    network.network_interfaces.iter().position(|nic| nic.ip_configurations.iter().any(has)).map(NicIndex)
}
