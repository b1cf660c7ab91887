//! The linear reference: one rule after the other, as Azure's page tells it.
//!
//! Slow and plain on purpose. With the compiled policy it shares the addresses that Azure names, which are the platform's
//! and which are public (`platform.rs`): a wrong one is wrong in both. Everything else it finds by itself, without a set, a
//! table or a class of the policy's, so property tests can hold the two against each other.

use crate::platform::{HOST, LICENSING, METADATA, NOT_PUBLIC, PUBLIC_V6, is_platform, judges_platform};
use crate::tuple::{FieldMatches, Match, Tuple};
use ipnet::IpNet;
use model::{
    AddressMatch, Direction, Network, Peering, PortSet, RuleProtocol, SecurityRule, ServiceTag, VnetIndex,
};
use packet::{Address, Protocol};
use std::net::IpAddr;

/// What tags and application security groups mean to the NICs being judged.
#[derive(Clone, Copy, Debug)]
pub struct Meaning<'a> {
    /// Holds the named tags and the members of application security groups.
    pub network: &'a Network,
    /// The NICs' VNet: members of application security groups count where they are in it or in a peer of it.
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
    let first = rules
        .iter()
        .filter(|rule| rule.direction == direction && field_matches(rule, tuple, meaning).all())
        .min_by_key(|rule| rule.priority);
    match first {
        Some(rule) => Some(Match::Rule(rule)),
        None if direction == Direction::Outbound && is_platform(tuple.destination) => Some(Match::Platform),
        None => None,
    }
}

/// Which fields of a rule hold a packet; inside a field one element suffices.
///
/// # Cost
/// Every prefix of the rule and its tags is looked at.
pub fn field_matches(rule: &SecurityRule, tuple: &Tuple, meaning: &Meaning<'_>) -> FieldMatches {
    let ports = tuple.protocol.has_ports();
    let source_port = tuple.source_port.filter(|_| ports);
    let destination_port = tuple.destination_port.filter(|_| ports);
    FieldMatches {
        protocol: protocol_matches(rule.protocol, tuple.protocol)
            && service_speaks(&rule.source, tuple.protocol)
            && service_speaks(&rule.destination, tuple.protocol),
        source: address_matches(&rule.source, tuple.source.ip(), meaning),
        source_port: port_matches(rule.protocol, &rule.source_ports, source_port)
            && service_listens(&rule.source, source_port),
        destination: !is_left_to_platform(rule, tuple.destination)
            && address_matches(&rule.destination, tuple.destination.ip(), meaning),
        destination_port: port_matches(rule.protocol, &rule.destination_ports, destination_port)
            && service_listens(&rule.destination, destination_port),
    }
}

/// Outbound to the platform's addresses only rules that name their tags count.
fn is_left_to_platform(rule: &SecurityRule, destination: Address) -> bool {
    let names_platform = matches!(rule.destination, AddressMatch::Tag(tag) if judges_platform(tag));
    rule.direction == Direction::Outbound && is_platform(destination) && !names_platform
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

/// Ports mean nothing to ICMP, ESP and AH; a packet without ports is only in the full set.
fn port_matches(rule: RuleProtocol, ports: &PortSet, port: Option<u16>) -> bool {
    match (rule, port) {
        (RuleProtocol::Icmp | RuleProtocol::Esp | RuleProtocol::Ah, _) => true,
        (_, Some(port)) => ports.contains(port),
        (_, None) => ports.is_full(),
    }
}

/// A platform tag is one service: its protocols, on either side, and its port on the side that names it.
fn service_speaks(side: &AddressMatch, protocol: Protocol) -> bool {
    match side {
        AddressMatch::Tag(ServiceTag::AzurePlatformDns) => {
            protocol == Protocol::TCP || protocol == Protocol::UDP
        }
        AddressMatch::Tag(ServiceTag::AzurePlatformImds | ServiceTag::AzurePlatformLkm) => {
            protocol == Protocol::TCP
        }
        _ => true,
    }
}

fn service_listens(side: &AddressMatch, port: Option<u16>) -> bool {
    match side {
        AddressMatch::Tag(ServiceTag::AzurePlatformDns) => port == Some(53),
        AddressMatch::Tag(ServiceTag::AzurePlatformImds) => port == Some(80),
        AddressMatch::Tag(ServiceTag::AzurePlatformLkm) => port == Some(1688),
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
            .filter(|member| {
                let (of, Some(own)) = (member.subnet.vnet, member.private_address) else { return false };
                let is_peered = |peering: &Peering| peering.remote == of && peering.holds(own);
                Address::from(own) == address.into()
                    && (of == meaning.vnet || meaning.network.peers(meaning.vnet).any(is_peered))
            })
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
