//! What a network that was accepted must be able to answer.

use crate::script::Script;
use answer::Question;
use diagnostic::{Diagnostic, Severity};
use model::{Direction, Network, NicIndex, NsgIndex, RouteDestination, SecurityRule};
use packet::{Address, Protocol};
use policy::{Builder, Match, Tuple, reference};
use print::{Look, diagnostics_in, diagnostics_json};
use snapshot::{Gateway, Names, Snapshot, virtual_network_tags};
use std::net::{Ipv6Addr, SocketAddr};
use std::sync::Arc;

const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];
/// Addresses that mean something to rules, besides those of the network itself.
const ADDRESSES: [&str; 9] = [
    "10.0.1.4",
    "10.0.0.0",
    "10.0.255.255",
    "168.63.129.16",
    "169.254.169.254",
    "198.51.100.7",
    "255.255.255.255",
    "2001:db8::4",
    "::",
];
const PORTS: [u16; 8] = [0, 22, 53, 80, 443, 1688, 5432, 65_535];
const PROTOCOLS: [u8; 7] = [6, 17, 1, 50, 51, 58, 47];
/// How many packets are asked about.
const PACKETS: usize = 16;

/// Each finding says something about a place in the text, and can be printed.
pub(crate) fn findings(found: &[Diagnostic], text: &str) {
    let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count();
    for one in found {
        assert!(!one.message.is_empty() && !one.code.is_empty());
        if let Some(at) = &one.at {
            assert!(at.line >= 1 && at.column >= 1 && at.line as usize <= lines + 1, "{one}");
        }
    }
    let mut out = Vec::new();
    let source = |_: &str| Some(text.to_owned());
    diagnostics_in(&mut out, found, &Look::default(), source).expect("memory takes everything");
    diagnostics_json(&mut out, found).expect("memory takes everything");
}

/// Whether anything found is an error.
pub(crate) fn refused(found: &[Diagnostic]) -> bool {
    found.iter().any(|one| one.severity == Severity::Error)
}

/// Compiles a gateway and asks IP flow verify about its NICs.
pub(crate) fn verify(gateway: &Gateway, script: &mut Script<'_>) -> Option<Arc<Snapshot>> {
    let snapshot = match Snapshot::build(gateway, &mut Names::default()) {
        Ok(snapshot) => Arc::new(snapshot),
        Err(errors) => {
            assert!(!errors.is_empty() && errors.iter().all(|error| !error.is_empty()));
            return None;
        }
    };
    for nic in gateway.network.network_interfaces.iter().take(8) {
        for own in nic.ip_configurations.iter().filter_map(|it| it.private_address) {
            let remote = script.one_of(&ADDRESSES).parse().expect("an address");
            let question = Question {
                nic: Some(nic.id.to_string()),
                vm: None,
                direction: script.one_of(&["Inbound", "Outbound", "inbound"]).into(),
                protocol: script.one_of(&["TCP", "udp"]).into(),
                local: SocketAddr::new(own, script.one_of(&PORTS)).to_string(),
                remote: SocketAddr::new(remote, script.one_of(&PORTS)).to_string(),
            };
            if let Ok(flow) = views::test_ip_flow(&snapshot, &question) {
                assert!(["Allow", "Deny"].contains(&flow.access.as_str()));
            }
        }
    }
    Some(snapshot)
}

/// The compiled policy says what the linear reference says.
pub(crate) fn agree(network: &Network, script: &mut Script<'_>) {
    let mut builder = Builder::new(network);
    let mut groups = Vec::new();
    let seen = virtual_network_tags(network, &[]);
    let seen: Vec<_> = seen.iter().take(6).collect();
    for (nth, nsg) in network.security_groups.iter().enumerate().take(6) {
        for (from, tag) in &seen {
            let mut rules = nsg.rules.clone();
            rules.extend(BOTH.into_iter().flat_map(SecurityRule::defaults));
            let meaning = reference::Meaning { network, vnet: from.vnet, virtual_network: tag };
            groups.push((builder.add(NsgIndex(nth), from.vnet, tag), rules, meaning));
        }
    }
    let Ok(policy) = builder.compile() else { return };
    let places = places(network);
    for _ in 0..PACKETS {
        let tuple = tuple(&places, script);
        let classes = policy.classes(&tuple);
        for (group, rules, meaning) in &groups {
            for direction in BOTH {
                let slow = reference::first_match(rules, direction, &tuple, meaning);
                let fast = match policy.first_match(*group, direction, &classes) {
                    Match::Rule(index) => policy.rule(*group, direction, index).map(Match::Rule),
                    Match::Platform => Some(Match::Platform),
                };
                assert!(fast.is_some());
                assert_eq!(fast, slow, "{direction:?} {tuple:?}");
            }
        }
    }
}

/// Where something may change: the ends of every prefix and port range that rules name.
struct Places {
    addresses: Vec<u128>,
    ports: Vec<u16>,
}

fn places(network: &Network) -> Places {
    let fixed = ADDRESSES.iter().map(|text| text.parse::<std::net::IpAddr>().expect("an address").into());
    let mut addresses: Vec<u128> = fixed.map(Address::bits).collect();
    let mut ports = PORTS.to_vec();
    let mut note = |prefix: &ipnet::IpNet| {
        addresses.extend([prefix.network(), prefix.broadcast()].map(|ip| Address::from(ip).bits()));
    };
    for rule in network.security_groups.iter().flat_map(|group| &group.rules) {
        for side in [&rule.source, &rule.destination] {
            match side {
                model::AddressMatch::Prefixes(prefixes) => prefixes.iter().for_each(&mut note),
                model::AddressMatch::Tag(model::ServiceTag::Named(index)) => {
                    let tag = network.service_tags.get(*index).expect("a validated network knows its tags");
                    tag.prefixes.iter().for_each(&mut note);
                }
                _ => {}
            }
        }
        for set in [&rule.source_ports, &rule.destination_ports] {
            ports.extend(set.ranges().flat_map(|range| [*range.start(), *range.end()]));
        }
    }
    network.virtual_networks.iter().flat_map(|vnet| &vnet.address_space).for_each(&mut note);
    let routes = network.route_tables.iter().flat_map(|table| &table.routes);
    routes.flat_map(|route| network.prefixes_of(&route.destination)).for_each(&mut note);
    let members = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    addresses.extend(members.filter_map(|it| it.private_address).map(|ip| Address::from(ip).bits()));
    Places { addresses, ports }
}

fn tuple(places: &Places, script: &mut Script<'_>) -> Tuple {
    let mut address = || {
        let bits = places.addresses[usize::from(script.word()) % places.addresses.len()];
        let beside = script.one_of(&[0, 0, -1, 1]);
        Address::from(Ipv6Addr::from_bits(bits.wrapping_add_signed(beside)))
    };
    let (source, destination) = (address(), address());
    let mut port = || {
        let port = places.ports[usize::from(script.word()) % places.ports.len()];
        script
            .one_of(&[Some(0), Some(0), Some(-1), Some(1), None])
            .map(|beside| port.wrapping_add_signed(beside))
    };
    let (source_port, destination_port) = (port(), port());
    let protocol = Protocol(script.one_of(&PROTOCOLS));
    Tuple { protocol, source, source_port, destination, destination_port }
}

/// Every index of a validated network leads somewhere.
pub(crate) fn whole(network: &Network) {
    for subnet in network.virtual_networks.iter().flat_map(|vnet| &vnet.subnets) {
        assert!(subnet.route_table.is_none_or(|table| network.route_tables.get(table.0).is_some()));
    }
    for route in network.route_tables.iter().flat_map(|table| &table.routes) {
        if let RouteDestination::Tag(tag) = route.destination {
            assert!(network.service_tags.get(tag).is_some());
        }
    }
    for (nth, nic) in network.network_interfaces.iter().enumerate() {
        assert!(nic.security_group.is_none_or(|nsg| network.security_groups.get(nsg.0).is_some()));
        assert_eq!(nic.ip_configurations.iter().filter(|it| it.primary).count(), 1);
        for it in &nic.ip_configurations {
            let vnet = &network.virtual_networks[it.subnet.vnet.0];
            assert!(vnet.subnets.get(it.subnet.subnet).is_some());
            assert!(it.public_ip.is_none_or(|public| network.public_ips.get(public.0).is_some()));
        }
        assert_eq!(network.find_nic(&nic.id), Ok(NicIndex(nth)));
    }
}
