//! The linear reference: one rule after the other, as Azure's page tells it.
//!
//! Slow and plain on purpose. It shares no set, no table and no class with the compiled policy, so property
//! tests can hold the two against each other.

use crate::platform::{HOST, LICENSING, METADATA, NOT_PUBLIC, PUBLIC_V6, is_platform, judges_platform};
use crate::tuple::{Match, Tuple};
use ipnet::IpNet;
use model::{AddressMatch, Direction, Network, PortSet, RuleProtocol, SecurityRule, ServiceTag, VnetIndex};
use packet::{Address, Protocol};
use std::net::IpAddr;

/// What tags and application security groups mean to the NICs being judged.
#[derive(Clone, Copy, Debug)]
pub struct Meaning<'a> {
    /// Holds the named tags and the members of application security groups.
    pub network: &'a Network,
    /// The NICs' VNet, where members of application security groups count.
    pub vnet: VnetIndex,
    /// What VirtualNetwork holds beside the host's address: see [`Builder::add`](crate::Builder::add).
    pub virtual_network: &'a [IpNet],
}

/// The rule of `rules` that decides over a packet in one direction, or the platform.
///
/// `rules` may stand in any order and hold both directions. `None` where no rule matches, which cannot be where
/// the default rules are among them.
///
/// # Cost
/// Every prefix of every rule and tag is looked at.
///
/// # Source
/// Azure "Network security groups", *Security rules*: rules are looked at in priority order, and the first
/// that matches decides.
pub fn first_match<'r>(
    rules: &'r [SecurityRule],
    direction: Direction,
    tuple: &Tuple,
    meaning: &Meaning<'_>,
) -> Option<Match<&'r SecurityRule>> {
    let to_platform = direction == Direction::Outbound && is_platform(tuple.destination);
    let names_platform =
        |rule: &SecurityRule| matches!(rule.destination, AddressMatch::Tag(tag) if judges_platform(tag));
    let first = rules
        .iter()
        .filter(|rule| rule.direction == direction)
        .filter(|rule| !to_platform || names_platform(rule))
        .filter(|rule| matches(rule, tuple, meaning))
        .min_by_key(|rule| rule.priority);
    match first {
        Some(rule) => Some(Match::Rule(rule)),
        None if to_platform => Some(Match::Platform),
        None => None,
    }
}

/// All five fields must hold; inside a field one element suffices.
fn matches(rule: &SecurityRule, tuple: &Tuple, meaning: &Meaning<'_>) -> bool {
    protocol_matches(rule.protocol, tuple.protocol)
        && side_matches(
            rule,
            tuple,
            meaning,
            &rule.source,
            tuple.source,
            &rule.source_ports,
            tuple.source_port,
        )
        && side_matches(
            rule,
            tuple,
            meaning,
            &rule.destination,
            tuple.destination,
            &rule.destination_ports,
            tuple.destination_port,
        )
}

fn protocol_matches(rule: RuleProtocol, protocol: Protocol) -> bool {
    match rule {
        RuleProtocol::Any => true,
        RuleProtocol::Tcp => protocol == Protocol::TCP,
        RuleProtocol::Udp => protocol == Protocol::UDP,
        RuleProtocol::Icmp => protocol == Protocol::ICMP,
        RuleProtocol::Esp => protocol == Protocol::ESP,
        RuleProtocol::Ah => protocol == Protocol::AH,
    }
}

fn side_matches(
    rule: &SecurityRule,
    tuple: &Tuple,
    meaning: &Meaning<'_>,
    side: &AddressMatch,
    address: Address,
    ports: &PortSet,
    port: Option<u16>,
) -> bool {
    let port = port.filter(|_| tuple.protocol.has_ports());
    address_matches(side, address.ip(), meaning)
        && port_matches(rule.protocol, ports, port)
        && service_matches(side, tuple.protocol, port)
}

/// Ports mean nothing to ICMP, ESP and AH; a packet without ports is only in the full set.
fn port_matches(rule: RuleProtocol, ports: &PortSet, port: Option<u16>) -> bool {
    match (rule, port) {
        (RuleProtocol::Icmp | RuleProtocol::Esp | RuleProtocol::Ah, _) => true,
        (_, Some(port)) => ports.contains(port),
        (_, None) => ports.is_full(),
    }
}

/// A platform tag is one service: its protocols and its port, on the side that names it.
fn service_matches(side: &AddressMatch, protocol: Protocol, port: Option<u16>) -> bool {
    match side {
        AddressMatch::Tag(ServiceTag::AzurePlatformDns) => {
            (protocol == Protocol::TCP || protocol == Protocol::UDP) && port == Some(53)
        }
        AddressMatch::Tag(ServiceTag::AzurePlatformImds) => protocol == Protocol::TCP && port == Some(80),
        AddressMatch::Tag(ServiceTag::AzurePlatformLkm) => protocol == Protocol::TCP && port == Some(1688),
        _ => true,
    }
}

fn address_matches(side: &AddressMatch, address: IpAddr, meaning: &Meaning<'_>) -> bool {
    match side {
        AddressMatch::Any => true,
        AddressMatch::Prefixes(prefixes) => any_contains(prefixes, address),
        AddressMatch::Tag(tag) => tag_contains(*tag, address, meaning),
        AddressMatch::ApplicationSecurityGroups(groups) => meaning
            .network
            .network_interfaces
            .iter()
            .flat_map(|nic| &nic.ip_configurations)
            .filter(|member| member.subnet.vnet == meaning.vnet)
            .filter(|member| member.private_address.map(Address::from) == Some(address.into()))
            .any(|member| member.application_security_groups.iter().any(|group| groups.contains(group))),
    }
}

fn tag_contains(tag: ServiceTag, address: IpAddr, meaning: &Meaning<'_>) -> bool {
    match tag {
        ServiceTag::VirtualNetwork => in_virtual_network(address, meaning),
        ServiceTag::Internet => is_public(address) && !in_virtual_network(address, meaning),
        ServiceTag::AzureLoadBalancer | ServiceTag::AzurePlatformDns => address == HOST,
        ServiceTag::AzurePlatformImds => address == METADATA,
        ServiceTag::AzurePlatformLkm => LICENSING.iter().any(|&host| address == host),
        ServiceTag::Named(index) => {
            meaning.network.service_tags.get(index).is_some_and(|tag| any_contains(&tag.prefixes, address))
        }
    }
}

fn in_virtual_network(address: IpAddr, meaning: &Meaning<'_>) -> bool {
    address == HOST || any_contains(meaning.virtual_network, address)
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !NOT_PUBLIC.iter().any(|prefix| prefix.contains(&v4)),
        IpAddr::V6(v6) => PUBLIC_V6.contains(&v6),
    }
}

fn any_contains(prefixes: &[IpNet], address: IpAddr) -> bool {
    prefixes.iter().any(|prefix| prefix.contains(&address))
}
