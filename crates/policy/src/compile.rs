//! From a network's NSGs to tables: number the sets that rules name, cut the lines, then fill the bitmaps.

use crate::atoms::Atoms;
use crate::column::{BLOCK, Block, Column, Rows, set_bit};
use crate::fields::{Fields, PROTOCOLS};
use crate::limits::{Budget, Error};
use crate::lookup::{Addresses, Ports};
use crate::platform::{HOST, METADATA};
use crate::sets::{AddressSets, Meanings, Numbered};
use crate::table::{Group, GroupId, Policy, Table};
use ipnet::IpNet;
use model::{Direction, Network, NetworkSecurityGroup, NsgIndex, SecurityRule, VnetIndex};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// Collects the groups of a policy.
///
/// The members of application security groups are the private addresses of the network's IP configurations:
/// addresses that the model leaves open must be filled in before, or no rule matches them.
#[derive(Debug)]
pub struct Builder<'a> {
    network: &'a Network,
    /// The different meanings of VirtualNetwork, each normalised.
    virtual_networks: Vec<Arc<[IpNet]>>,
    /// Each group's NSG, its VNet, and the number of its VirtualNetwork.
    groups: Vec<(NsgIndex, VnetIndex, usize)>,
}

impl<'a> Builder<'a> {
    /// A policy without groups.
    pub fn new(network: &'a Network) -> Self {
        Self { network, virtual_networks: Vec::new(), groups: Vec::new() }
    }

    /// Adds an NSG as the NICs of some subnets of a VNet see it. Their VirtualNetwork tag holds `virtual_network`: the
    /// address space of the VNet, its peers, what lies behind its gateways and what routes of the subnets bring in; the
    /// host's address 168.63.129.16 belongs to it anyway.
    /// Members of application security groups count in their own VNet and in its peers, whose addresses are apart from its
    /// own; elsewhere somebody else may have the same addresses.
    ///
    /// # Returns
    /// The group, which is an earlier one where both are the same.
    pub fn add(&mut self, nsg: NsgIndex, vnet: VnetIndex, virtual_network: &[IpNet]) -> GroupId {
        let mut prefixes = IpNet::aggregate(&virtual_network.to_vec());
        prefixes.sort_unstable();
        let virtual_network = place(&mut self.virtual_networks, prefixes.into());
        // A policy that large is refused long before the numbers end.
        GroupId(u32::try_from(place(&mut self.groups, (nsg, vnet, virtual_network))).unwrap_or(u32::MAX))
    }

    /// Compiles all groups.
    ///
    /// # Errors
    /// See [`Error`]: a tag that is not loaded, or tables and work beyond the documented limits.
    pub fn compile(self) -> Result<Policy, Error> {
        self.compile_within(Budget::full())
    }

    fn compile_within(self, budget: Budget) -> Result<Policy, Error> {
        let mut sets = Sets::new(self.network, &self.virtual_networks, budget)?;
        let mut plans = Vec::with_capacity(self.groups.len());
        for &(nsg, vnet, virtual_network) in &self.groups {
            let group = self.network.security_groups.get(nsg.0).ok_or(Error::UnknownGroup(nsg.0))?;
            let mut plan = |direction| sets.plan(nsg, group, direction, (vnet, virtual_network));
            plans.push((plan(Direction::Inbound)?, plan(Direction::Outbound)?));
        }
        let mut cut = sets.cut()?;
        let mut groups = Vec::with_capacity(plans.len());
        for ((inbound, outbound), (_, vnet, number)) in plans.into_iter().zip(self.groups) {
            let virtual_network = self.virtual_networks.get(number).cloned().unwrap_or_default();
            let (inbound, outbound) = (cut.table(inbound)?, cut.table(outbound)?);
            groups.push(Group { vnet, virtual_network, inbound, outbound });
        }
        Ok(Policy { addresses: cut.addresses, ports: cut.ports, groups })
    }
}

/// The place of `item` in `list`, where it is put if it is not there.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> usize {
    list.iter().position(|known| *known == item).unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    })
}

/// The rules of one group and direction, their sets numbered.
struct Plan<'a> {
    group: &'a NetworkSecurityGroup,
    direction: Direction,
    rules: Arc<[SecurityRule]>,
    fields: Vec<Fields>,
}

/// The first pass: all sets that any rule names.
struct Sets<'a> {
    addresses: AddressSets<'a>,
    ports: Numbered,
    /// The rules of each NSG and direction in priority order, shared by all groups of the NSG.
    rules: HashMap<(NsgIndex, Direction), Arc<[SecurityRule]>>,
    budget: Budget,
}

impl<'a> Sets<'a> {
    fn new(
        network: &'a Network,
        virtual_networks: &[Arc<[IpNet]>],
        mut budget: Budget,
    ) -> Result<Self, Error> {
        let meanings = Meanings::new(network, virtual_networks.iter().map(|prefixes| &**prefixes));
        let addresses = AddressSets::new(meanings, &mut budget)?;
        Ok(Self { addresses, ports: Numbered::default(), rules: HashMap::new(), budget })
    }

    fn plan(
        &mut self,
        nsg: NsgIndex,
        group: &'a NetworkSecurityGroup,
        direction: Direction,
        network: (VnetIndex, usize),
    ) -> Result<Plan<'a>, Error> {
        let rules = self.rules.entry((nsg, direction)).or_insert_with(|| in_order(group, direction));
        if rules.len() >= usize::from(u16::MAX) {
            return Err(Error::Rules { group: group.name.clone(), rules: rules.len() });
        }
        let mut fields = Vec::with_capacity(rules.len());
        for rule in rules.iter() {
            let unknown = || Error::UnknownTag { group: group.name.clone(), rule: rule.name.clone() };
            let known = Fields::new(rule, network, &mut self.addresses, &mut self.ports, &mut self.budget)?;
            fields.push(known.ok_or_else(unknown)?);
        }
        Ok(Plan { group, direction, rules: Arc::clone(rules), fields })
    }

    fn cut(mut self) -> Result<Cut, Error> {
        let sets = self.addresses.into_sets();
        let atoms = Atoms::new(&sets, &Addresses::CUTS, &mut self.budget)?;
        let addresses = Addresses::new(&atoms, &mut self.budget)?;
        let sets = self.ports.into_sets();
        let mut port_atoms = Atoms::new(&sets, &Ports::CUTS, &mut self.budget)?;
        let ports = Ports::new(&mut port_atoms, &sets, &mut self.budget)?;
        let platform = [HOST, METADATA].map(|address| addresses.class(address.into()));
        Ok(Cut {
            addresses,
            ports,
            address_sets: atoms.members,
            port_sets: port_atoms.members,
            platform,
            budget: self.budget,
        })
    }
}

/// The rules of a direction in priority order, the default rules last. Of equal priorities, which validation
/// forbids, the file's order decides.
fn in_order(group: &NetworkSecurityGroup, direction: Direction) -> Arc<[SecurityRule]> {
    let own = group.rules.iter().filter(|rule| rule.direction == direction).cloned();
    let mut rules: Vec<SecurityRule> = own.chain(SecurityRule::defaults(direction)).collect();
    rules.sort_by_key(|rule| rule.priority);
    rules.into()
}

/// The second pass: the lines are cut, and each table is filled.
struct Cut {
    addresses: Addresses,
    ports: Ports,
    /// For each class of addresses the sets that hold it.
    address_sets: Vec<Rc<[u32]>>,
    /// For each class of ports the sets that hold it.
    port_sets: Vec<Rc<[u32]>>,
    /// The classes of the platform's addresses, which nothing else shares.
    platform: [u32; 2],
    budget: Budget,
}

impl Cut {
    fn table(&mut self, plan: Plan<'_>) -> Result<Table, Error> {
        let Plan { group, direction, rules, fields } = plan;
        let width = rules.len().div_ceil(BLOCK);
        let column = |members: &[Rc<[u32]>], set_of: fn(&Fields) -> u32, budget: &mut Budget| {
            let sets: Vec<u32> = fields.iter().map(set_of).collect();
            Rows::new(&group.name, width).of_sets(members, &sets, budget)
        };
        let budget = &mut self.budget;
        let source = column(&self.address_sets, |rule| rule.source, budget)?.finish();
        let source_port = column(&self.port_sets, |rule| rule.source_ports, budget)?.finish();
        let destination_port = column(&self.port_sets, |rule| rule.destination_ports, budget)?.finish();
        let mut destination = column(&self.address_sets, |rule| rule.destination, budget)?;
        if direction == Direction::Outbound {
            let judges = bitmap(width, fields.iter().map(|rule| rule.judges_platform));
            for class in self.platform {
                destination.mask(class, &judges, budget)?;
            }
        }
        let destination = destination.finish();
        let protocol = protocols(group, width, &fields, budget)?;
        Ok(Table { rules, protocol, source, source_port, destination, destination_port })
    }
}

fn protocols(
    group: &NetworkSecurityGroup,
    width: usize,
    fields: &[Fields],
    budget: &mut Budget,
) -> Result<Column, Error> {
    let mut rows = Rows::new(&group.name, width);
    for kind in 0..PROTOCOLS {
        rows.push(&bitmap(width, fields.iter().map(|rule| rule.protocols & (1 << kind) != 0)), budget)?;
    }
    Ok(rows.finish())
}

/// A bit for each rule.
fn bitmap(width: usize, rules: impl Iterator<Item = bool>) -> Vec<Block> {
    let mut row = vec![Block::default(); width];
    for (rule, _) in rules.enumerate().filter(|&(_, holds)| holds) {
        set_bit(&mut row, rule);
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use ipnet::Ipv4Net;
    use model::{Access, AddressMatch, NamedTag, PortSet, RuleProtocol, ServiceTag, ServiceTags, TagIndex};

    /// An NSG with one inbound rule for each tag.
    fn network(tags: Vec<Vec<IpNet>>) -> Network {
        let rule = |nth: usize| SecurityRule {
            name: format!("rule-{nth}").into(),
            default: false,
            priority: 100,
            direction: Direction::Inbound,
            access: Access::Allow,
            protocol: RuleProtocol::Any,
            source: AddressMatch::Tag(ServiceTag::Named(TagIndex(nth))),
            source_ports: PortSet::full(),
            destination: AddressMatch::Any,
            destination_ports: PortSet::full(),
        };
        let rules = (0..tags.len()).map(rule).collect();
        let tags = tags.into_iter().enumerate().map(|(nth, prefixes)| NamedTag {
            name: format!("Tag{nth}").into(),
            prefixes,
            usable_in_nsg: true,
            ..NamedTag::default()
        });
        Network {
            security_groups: vec![NetworkSecurityGroup { id: "nsg".into(), name: "nsg".into(), rules }],
            service_tags: Arc::new(ServiceTags::new(tags.collect())),
            ..Network::default()
        }
    }

    /// A tag for each bit of an address: each of `1 << bits` addresses lies in other tags.
    fn every_combination(bits: u8) -> Network {
        let tag = |bit: u8| {
            let blocks = (0..1_u32 << (bits - 1 - bit)).map(|block| (2 * block + 1) << bit);
            blocks.map(|start| Ipv4Net::new(start.into(), 32 - bit).unwrap().into()).collect()
        };
        network((0..bits).map(tag).collect())
    }

    fn compile(network: &Network, budget: Budget) -> Result<Policy, Error> {
        let mut builder = Builder::new(network);
        builder.add(NsgIndex(0), VnetIndex(0), &[]);
        builder.compile_within(budget)
    }

    /// A thousand rules whose fields each hold most packets and which together hold none.
    fn hostile() -> Network {
        let mut network = network(Vec::new());
        let rule = |nth: u16| SecurityRule {
            name: format!("rule-{nth}").into(),
            default: false,
            priority: 100 + nth,
            direction: Direction::Inbound,
            access: Access::Allow,
            protocol: RuleProtocol::Tcp,
            source: AddressMatch::Prefixes(
                [Ipv4Net::new((0x0a00_0000 + u32::from(nth)).into(), 8 + (nth % 25) as u8).unwrap().into()]
                    .into(),
            ),
            source_ports: PortSet::from_ranges([nth..=u16::MAX]),
            destination: AddressMatch::Any,
            destination_ports: PortSet::from_ranges([0..=nth]),
        };
        network.security_groups[0].rules = (0..1_000).map(rule).collect();
        network
    }

    #[test]
    fn whatever_a_packet_says_its_match_reads_five_words_for_64_rules() {
        let policy = compile(&hostile(), Budget::full()).unwrap();
        let table = &policy.groups[0].inbound;
        let blocks = table.rules.len().div_ceil(BLOCK);
        let columns =
            [&table.protocol, &table.source, &table.source_port, &table.destination, &table.destination_port];
        for column in columns {
            let rows: Vec<usize> = (0..).map_while(|class| Some(column.row(class)?.len())).collect();
            assert!(!rows.is_empty() && rows.iter().all(|&row| row == blocks), "{rows:?}");
        }
        assert_eq!(5 * blocks * size_of::<Block>() / 8, 80, "words for a thousand rules");
    }

    #[test]
    fn more_rows_than_a_field_can_number_are_refused() {
        // 131,072 rows, twice MAX_ROWS.
        let refused = compile(&every_combination(17), Budget::full()).err();
        assert_eq!(refused, Some(Error::Rows { group: "nsg".into() }));
        assert!(compile(&every_combination(12), Budget::full()).is_ok());
    }

    #[test]
    fn a_policy_beyond_its_budget_is_refused() {
        let network = every_combination(12);
        assert!(compile(&network, Budget::of(4_000_000, 1_000_000)).is_ok());
        assert_eq!(compile(&network, Budget::of(1_000_000, 1_000_000)).err(), Some(Error::Bytes));
        assert_eq!(compile(&network, Budget::of(4_000_000, 100_000)).err(), Some(Error::Steps));
    }
}
