//! The rules that apply to a network interface.

use crate::words;
use answer::{AppliedTo, EffectiveNsg, EffectiveRule, Expansion, Side};
use model::{AddressMatch, Direction, IpConfiguration, Network, NetworkInterface, NsgIndex, SecurityRule};
use policy::GroupId;
use snapshot::{Level, Snapshot};
use std::collections::HashMap;

/// Every NSG before a network interface with its rules as they take effect: its subnet's, then its own.
///
/// # Errors
/// One sentence where there is no such network interface.
///
/// # Source
/// Azure "Network Interfaces - List Effective Network Security Groups".
pub fn effective_nsgs(snapshot: &Snapshot, nic: &str) -> Result<Vec<EffectiveNsg>, String> {
    let network = &snapshot.network;
    let index = network.find_nic(nic).map_err(|missing| missing.sentence())?;
    let nic = network.network_interfaces.get(index.0).ok_or("no such network interface")?;
    // All its IP configurations are in one subnet, so the same NSGs stand before each.
    let Some(configuration) = nic.ip_configurations.first() else { return Ok(Vec::new()) };
    let guards = snapshot.guards(index, 0).in_order(Direction::Inbound);
    let views = guards.filter_map(|(level, group)| {
        let (nsg, place) = standing(network, nic, configuration, level)?;
        view(snapshot, nsg, group, place)
    });
    Ok(views.collect())
}

/// The NSG of a level, and where it stands.
pub(crate) fn standing(
    network: &Network,
    nic: &NetworkInterface,
    configuration: &IpConfiguration,
    level: Level,
) -> Option<(NsgIndex, AppliedTo)> {
    match level {
        Level::Nic => Some((nic.security_group?, AppliedTo::NetworkInterface(nic.id.to_string()))),
        Level::Subnet => {
            let vnet = network.virtual_networks.get(configuration.subnet.vnet.0)?;
            let subnet = vnet.subnets.get(configuration.subnet.subnet)?;
            Some((subnet.security_group?, AppliedTo::Subnet(subnet.id.to_string())))
        }
    }
}

fn view(snapshot: &Snapshot, nsg: NsgIndex, group: GroupId, applied_to: AppliedTo) -> Option<EffectiveNsg> {
    let network = &*snapshot.network;
    let nsg = network.security_groups.get(nsg.0)?;
    let mut expansions = Expansions {
        network,
        of: snapshot.policy.expansion(network, group)?,
        known: HashMap::new(),
        list: Vec::new(),
    };
    let both = [Direction::Inbound, Direction::Outbound];
    let rules = both.into_iter().flat_map(|direction| snapshot.policy.rules(group, direction));
    Some(EffectiveNsg {
        id: nsg.id.to_string(),
        name: nsg.name.to_string(),
        applied_to,
        rules: rules.map(|rule| effective(rule, &mut expansions)).collect(),
        expansions: expansions.list,
    })
}

fn effective(rule: &SecurityRule, expansions: &mut Expansions<'_>) -> EffectiveRule {
    EffectiveRule {
        name: rule.name.to_string(),
        default: rule.default,
        protocol: words::rule_protocol(rule.protocol).into(),
        source: expansions.side(&rule.source),
        source_ports: words::port_ranges(&rule.source_ports),
        destination: expansions.side(&rule.destination),
        destination_ports: words::port_ranges(&rule.destination_ports),
        access: words::access(rule.access).into(),
        priority: rule.priority,
        direction: words::way(rule.direction).into(),
    }
}

/// Numbers what the sides of an NSG's rules hold, each once.
struct Expansions<'a> {
    network: &'a Network,
    of: policy::Expansion<'a>,
    known: HashMap<Vec<String>, usize>,
    list: Vec<Expansion>,
}

impl Expansions<'_> {
    fn side(&mut self, side: &AddressMatch) -> Side {
        match side {
            AddressMatch::Any => Side::Any,
            AddressMatch::Prefixes(prefixes) => {
                Side::Prefixes(prefixes.iter().map(ToString::to_string).collect())
            }
            AddressMatch::Tag(tag) => {
                let name = words::tag(*tag, self.network);
                Side::Tag(self.number(vec![name.clone()], Some(name), side))
            }
            AddressMatch::ApplicationSecurityGroups(groups) => {
                let groups =
                    groups.iter().filter_map(|it| self.network.application_security_groups.get(it.0));
                // No tag has a slash in its name.
                let (ids, names): (Vec<_>, Vec<_>) =
                    groups.map(|it| (format!("/{}", it.id), it.name.to_string())).unzip();
                Side::Groups(names, self.number(ids, None, side))
            }
        }
    }

    fn number(&mut self, key: Vec<String>, tag: Option<String>, side: &AddressMatch) -> usize {
        if let Some(&number) = self.known.get(&key) {
            return number;
        }
        let prefixes = self.of.of(side).unwrap_or_default();
        self.list.push(Expansion { tag, prefixes: prefixes.iter().map(ToString::to_string).collect() });
        self.known.insert(key, self.list.len() - 1);
        self.list.len() - 1
    }
}
