//! Addresses, tags, ports and protocols as people and Azure write them.

use ipnet::IpNet;
use model::{Access, AddressMatch, Direction, Network, NicIndex, PortSet, RuleProtocol, ServiceTag};
use packet::Protocol;
use policy::Tuple;
use std::net::{IpAddr, SocketAddr};

/// Finds the network interface that a question is about, by itself or by its virtual machine; given both, it must be the
/// machine's. One name given for both is that of either.
///
/// # Errors
/// One sentence for whoever asked; so with everything that is read here.
pub(crate) fn target(network: &Network, nic: Option<&str>, vm: Option<&str>) -> Result<NicIndex, String> {
    match (nic, vm) {
        (Some(nic), Some(vm)) if last_word(nic) == last_word(vm) => {
            let is_machines = |nth| network.is_of_machine(NicIndex(nth), vm) == Some(true);
            network.find_nic(nic).or_else(|missing| {
                match (0..network.network_interfaces.len()).any(is_machines) {
                    true => network.find_nic_of_machine(vm),
                    false => Err(missing.sentence()),
                }
            })
        }
        (Some(nic), Some(vm)) => {
            let found = network.find_nic(nic).map_err(|missing| missing.sentence())?;
            match network.is_of_machine(found, vm) {
                Some(true) => Ok(found),
                Some(false) => Err(format!("network interface {nic} is another virtual machine's than {vm}")),
                None => Err(format!(
                    "network interface {nic} does not say that it is virtual machine {vm}'s; ask for the network \
                     interface alone, or write its virtualMachine"
                )),
            }
        }
        (Some(nic), None) => network.find_nic(nic).map_err(|missing| missing.sentence()),
        (None, Some(vm)) => network.find_nic_of_machine(vm),
        (None, None) => Err("no network interface is named".into()),
    }
}

/// The name in a resource id, or the name itself.
fn last_word(id: &str) -> Option<&str> {
    id.rsplit('/').next()
}

/// Reads `Inbound` or `Outbound`.
pub(crate) fn direction(word: &str) -> Result<Direction, String> {
    match word.to_ascii_lowercase().as_str() {
        "inbound" => Ok(Direction::Inbound),
        "outbound" => Ok(Direction::Outbound),
        _ => Err(format!("direction \"{word}\": expected Inbound or Outbound")),
    }
}

/// Reads the protocol of a diagnostic.
pub(crate) fn protocol(word: &str) -> Result<RuleProtocol, String> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Ok(RuleProtocol::Tcp),
        "udp" => Ok(RuleProtocol::Udp),
        "icmp" => Ok(RuleProtocol::Icmp),
        "*" | "any" => Ok(RuleProtocol::Any),
        _ => Err(format!("protocol \"{word}\": expected TCP, UDP, ICMP or *")),
    }
}

/// Reads `*`, an address, a prefix or a service tag.
pub(crate) fn side(what: &str, word: &str, network: &Network) -> Result<AddressMatch, String> {
    if matches!(word.to_ascii_lowercase().as_str(), "*" | "any") {
        return Ok(AddressMatch::Any);
    }
    if let Ok(address) = word.parse::<IpAddr>() {
        return Ok(AddressMatch::Prefixes(vec![address.into()]));
    }
    if let Ok(prefix) = word.parse::<IpNet>() {
        let whole = prefix.trunc();
        return match prefix == whole {
            true => Ok(AddressMatch::Prefixes(vec![prefix])),
            false => Err(format!("{what} \"{word}\" has host bits set; did you mean {whole}?")),
        };
    }
    network.find_service_tag(word).map(AddressMatch::Tag).ok_or_else(|| {
        let near = network.nearest_service_tag(word);
        let meant = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
        format!("{what} \"{word}\": expected *, an address, a prefix or a service tag that is loaded{meant}")
    })
}

/// Reads `*`, `n` or `n-m`.
pub(crate) fn ports(word: &str) -> Result<PortSet, String> {
    if word == "*" {
        return Ok(PortSet::full());
    }
    let (from, to) = word.split_once('-').unwrap_or((word, word));
    match (from.trim().parse::<u16>(), to.trim().parse::<u16>()) {
        (Ok(from), Ok(to)) if from <= to => Ok(PortSet::from_ranges([from..=to])),
        _ => Err(format!("port \"{word}\": expected *, a port or a range such as 80-100")),
    }
}

/// `Allow` or `Deny`.
pub(crate) fn access(access: Access) -> &'static str {
    match access {
        Access::Allow => "Allow",
        Access::Deny => "Deny",
    }
}

/// `Inbound` or `Outbound`.
pub(crate) fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Inbound",
        Direction::Outbound => "Outbound",
    }
}

/// The protocol as effective rules name it.
pub(crate) fn rule_protocol(protocol: RuleProtocol) -> &'static str {
    match protocol {
        RuleProtocol::Any => "All",
        RuleProtocol::Tcp => "Tcp",
        RuleProtocol::Udp => "Udp",
        RuleProtocol::Icmp => "Icmp",
        RuleProtocol::Esp => "Esp",
        RuleProtocol::Ah => "Ah",
    }
}

/// Each range of ports as `n-m`.
pub(crate) fn port_ranges(ports: &PortSet) -> Vec<String> {
    ports.ranges().map(|range| format!("{}-{}", range.start(), range.end())).collect()
}

/// The name of a tag that the network's rules use.
pub(crate) fn tag(tag: ServiceTag, network: &Network) -> String {
    network.service_tag_name(tag).unwrap_or("a tag that is not loaded").to_owned()
}

/// The name of a rule as flow logs and diagnostics write it.
pub(crate) fn prefixed(name: &str, default: bool) -> String {
    format!("{}_{name}", if default { "DefaultRule" } else { "UserRule" })
}

/// A packet: `Tcp 10.0.1.4:50000 > 10.0.2.4:443`.
pub(crate) fn packet(tuple: &Tuple) -> String {
    let end = |ip: IpAddr, port: Option<u16>| match port {
        Some(port) => SocketAddr::new(ip, port).to_string(),
        None => ip.to_string(),
    };
    let Tuple { protocol, source, source_port, destination, destination_port } = *tuple;
    let ports = protocol == Protocol::TCP || protocol == Protocol::UDP;
    let from = end(source.ip(), source_port.filter(|_| ports));
    let to = end(destination.ip(), destination_port.filter(|_| ports));
    format!("{protocol} {from} > {to}")
}
