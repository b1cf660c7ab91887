//! Why the rules before the one that decided did not match.

use answer::Earlier;
use ipnet::IpNet;
use model::{Access, AddressMatch, Network, PortSet, RuleProtocol, SecurityRule, ServiceTag};
use packet::{Address, Protocol};
use pipeline::Decided;
use policy::{FieldMatches, GroupId, RuleIndex, Tuple};
use snapshot::{RuleName, Snapshot};
use std::cell::OnceCell;

/// The most rules that are told of one NSG, the nearest misses of them.
pub const MAX_EARLIER: usize = 1000;
/// The most prefixes or ports of a rule that are written out.
const WRITTEN: usize = 4;

/// Of the rules that stand before the one that decided, which field kept each from matching. Those that came nearest come
/// first, and of those the ones with the lowest priority number.
///
/// `snapshot` is the one that explained. The tables asked are those that decided.
///
/// # Cost
/// Five words of the tables for each rule, and a look at every IP configuration where one names Internet.
pub fn earlier(snapshot: &Snapshot, decided: &Decided) -> Vec<Earlier> {
    let Decided { group, rule, tuple, name, .. } = decided;
    let classes = snapshot.policy.classes(tuple);
    let rules = snapshot.policy.rules(*group, name.direction);
    let before = rules.iter().take(usize::from(rule.0)).zip(0..);
    let inside = Inside { snapshot, group: *group, held: OnceCell::new() };
    let mut told: Vec<Earlier> = before
        .filter_map(|(rule, index)| {
            let matches =
                snapshot.policy.field_matches(*group, name.direction, RuleIndex(index), &classes)?;
            Some(miss(&inside, rule, name, tuple, matches))
        })
        .collect();
    told.sort_by_key(|one| (5 - one.matched, one.priority));
    told.truncate(MAX_EARLIER);
    told
}

/// What VirtualNetwork holds for the rules of a group, looked up when somebody asks.
struct Inside<'a> {
    snapshot: &'a Snapshot,
    group: GroupId,
    held: OnceCell<Vec<IpNet>>,
}

impl Inside<'_> {
    fn holds(&self, address: Address) -> bool {
        let held = self.held.get_or_init(|| {
            let expansion = self.snapshot.policy.expansion(&self.snapshot.network, self.group);
            let tag = AddressMatch::Tag(ServiceTag::VirtualNetwork);
            expansion.and_then(|expansion| expansion.of(&tag)).unwrap_or_default()
        });
        held.iter().any(|prefix| prefix.contains(&address.ip()))
    }

    /// What a rule says of an address that it does not hold.
    fn side(&self, side: &AddressMatch, address: Address) -> String {
        let says = says(&self.snapshot.network, side);
        // Routes take public addresses out of Internet, where nobody looks for them.
        match side {
            AddressMatch::Tag(ServiceTag::Internet) if self.holds(address) => {
                format!("{says}, and VirtualNetwork holds it")
            }
            _ => says,
        }
    }
}

/// The first field that kept a rule from matching.
fn miss(
    inside: &Inside<'_>,
    rule: &SecurityRule,
    decider: &RuleName,
    tuple: &Tuple,
    matches: FieldMatches,
) -> Earlier {
    let port = |port: Option<u16>| match port.filter(|_| tuple.protocol.has_ports()) {
        Some(port) => port.to_string(),
        None => "none".into(),
    };
    let (field, packet, says) = if !matches.protocol {
        ("protocol", protocol_of(tuple.protocol), services(rule).unwrap_or_else(|| protocol(rule.protocol)))
    } else if !matches.source {
        ("source", tuple.source.to_string(), inside.side(&rule.source, tuple.source))
    } else if !matches.source_port {
        ("source port", port(tuple.source_port), ports(&rule.source_ports, &rule.source))
    } else if !matches.destination {
        ("destination", tuple.destination.to_string(), inside.side(&rule.destination, tuple.destination))
    } else {
        ("destination port", port(tuple.destination_port), ports(&rule.destination_ports, &rule.destination))
    };
    let held = [
        matches.protocol,
        matches.source,
        matches.source_port,
        matches.destination,
        matches.destination_port,
    ];
    let name = RuleName { rule: std::sync::Arc::clone(&rule.name), default: rule.default, ..decider.clone() };
    Earlier {
        rule: name.azure(),
        priority: rule.priority,
        access: access(rule.access).into(),
        matched: held.iter().filter(|held| **held).count() as u8,
        field: field.into(),
        packet,
        says,
    }
}

pub(crate) fn access(access: Access) -> &'static str {
    match access {
        Access::Allow => "Allow",
        Access::Deny => "Deny",
    }
}

fn protocol_of(protocol: Protocol) -> String {
    protocol.to_string()
}

fn protocol(protocol: RuleProtocol) -> String {
    match protocol {
        RuleProtocol::Any => "*",
        RuleProtocol::Tcp => "Tcp",
        RuleProtocol::Udp => "Udp",
        RuleProtocol::Icmp => "Icmp",
        RuleProtocol::Esp => "Esp",
        RuleProtocol::Ah => "Ah",
    }
    .into()
}

/// What a platform tag on either side asks for, beside an address.
fn services(rule: &SecurityRule) -> Option<String> {
    service(&rule.source).or_else(|| service(&rule.destination)).map(Into::into)
}

fn service(side: &AddressMatch) -> Option<&'static str> {
    match side {
        AddressMatch::Tag(ServiceTag::AzurePlatformDns) => Some("Tcp or Udp 53 of AzurePlatformDNS"),
        AddressMatch::Tag(ServiceTag::AzurePlatformImds) => Some("Tcp 80 of AzurePlatformIMDS"),
        AddressMatch::Tag(ServiceTag::AzurePlatformLkm) => Some("Tcp 1688 of AzurePlatformLKM"),
        _ => None,
    }
}

fn ports(ports: &PortSet, of: &AddressMatch) -> String {
    if let Some(service) = service(of) {
        return service.into();
    }
    if ports.is_full() {
        return "*".into();
    }
    let range = |range: std::ops::RangeInclusive<u16>| match (range.start(), range.end()) {
        (start, end) if start == end => start.to_string(),
        (start, end) => format!("{start}-{end}"),
    };
    some_of(ports.ranges().count(), ports.ranges().map(range))
}

fn says(network: &Network, side: &AddressMatch) -> String {
    match side {
        AddressMatch::Any => "*".into(),
        AddressMatch::Prefixes(prefixes) => some_of(prefixes.len(), prefixes.iter().map(ToString::to_string)),
        AddressMatch::ApplicationSecurityGroups(groups) => {
            let name = |group: &model::AsgIndex| {
                network.application_security_groups.get(group.0).map(|asg| asg.name.to_string())
            };
            some_of(groups.len(), groups.iter().filter_map(name))
        }
        AddressMatch::Tag(tag) => match tag {
            ServiceTag::VirtualNetwork => "VirtualNetwork".into(),
            ServiceTag::AzureLoadBalancer => "AzureLoadBalancer".into(),
            ServiceTag::Internet => "Internet".into(),
            ServiceTag::AzurePlatformDns => "AzurePlatformDNS".into(),
            ServiceTag::AzurePlatformImds => "AzurePlatformIMDS".into(),
            ServiceTag::AzurePlatformLkm => "AzurePlatformLKM".into(),
            ServiceTag::Named(index) => {
                network.service_tags.get(*index).map(|tag| tag.name.to_string()).unwrap_or_default()
            }
        },
    }
}

/// The first few of a list, and how many more there are.
fn some_of(count: usize, words: impl Iterator<Item = String>) -> String {
    let mut text = words.take(WRITTEN).collect::<Vec<_>>().join(", ");
    if count > WRITTEN {
        text += &format!(" and {} more", count - WRITTEN);
    }
    text
}
