//! The compiled policy and its first match.

use crate::column::{BLOCK, Block, Column};
use crate::fields::protocol_class;
use crate::lookup::{Addresses, Ports};
use crate::platform::is_platform;
use crate::tuple::{FieldMatches, Match, RuleIndex, Tuple};
use ipnet::IpNet;
use model::{Direction, SecurityRule, VnetIndex};
use packet::Address;
use std::sync::Arc;

/// An NSG as the NICs of one virtual network see it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupId(pub(crate) u32);

/// The classes of a packet's fields in one policy, good for every group of that policy and for no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Classes {
    protocol: u32,
    source: u32,
    source_port: u32,
    destination: u32,
    destination_port: u32,
    to_platform: bool,
}

/// All groups compiled, immutable.
#[derive(Debug)]
pub struct Policy {
    pub(crate) addresses: Addresses,
    pub(crate) ports: Ports,
    pub(crate) groups: Vec<Group>,
}

/// Both directions of a group.
#[derive(Debug)]
pub(crate) struct Group {
    /// The NICs' VNet.
    pub(crate) vnet: VnetIndex,
    /// What VirtualNetwork holds there beside the host's address.
    pub(crate) virtual_network: Arc<[IpNet]>,
    pub(crate) inbound: Table,
    pub(crate) outbound: Table,
}

/// One direction of a group.
#[derive(Debug)]
pub(crate) struct Table {
    /// In priority order, the default rules last.
    pub(crate) rules: Arc<[SecurityRule]>,
    pub(crate) protocol: Column,
    pub(crate) source: Column,
    pub(crate) source_port: Column,
    pub(crate) destination: Column,
    pub(crate) destination_port: Column,
}

impl Policy {
    /// Looks each field of a packet up once, for any number of groups.
    ///
    /// # Cost
    /// Two searches among the intervals of a /16 and two table reads; no allocation.
    #[inline]
    pub fn classes(&self, tuple: &Tuple) -> Classes {
        let ports = tuple.protocol.has_ports();
        Classes {
            protocol: protocol_class(tuple.protocol),
            source: self.addresses.class(tuple.source),
            source_port: self.ports.class(tuple.source_port.filter(|_| ports)),
            destination: self.addresses.class(tuple.destination),
            destination_port: self.ports.class(tuple.destination_port.filter(|_| ports)),
            to_platform: is_platform(tuple.destination),
        }
    }

    /// The class of an address: of two addresses of one family and class no rule of any group holds only one.
    pub fn address_class(&self, address: Address) -> u32 {
        self.addresses.class(address)
    }

    /// A port of each class, the highest, and how many ports that class has: of the ports of one class no rule of any group
    /// holds only some.
    ///
    /// # Cost
    /// Every port is looked at.
    pub fn port_of_each_class(&self) -> Vec<(u16, u32)> {
        self.ports.of_each_class()
    }

    /// The rule that decides over a packet in one direction, or the platform.
    ///
    /// Outbound to 168.63.129.16 and 169.254.169.254 only rules whose destination is the matching AzurePlatform
    /// tag count, and the platform allows the rest. Inbound, and everywhere else, the default rules close the
    /// list. Classes of another policy end at the closing deny, a group of another policy at an index that
    /// names no rule.
    ///
    /// # Cost
    /// Five words read for every 64 rules up to the match, at 1,000 rules 16 × 5; no allocation.
    ///
    /// # Source
    /// Azure "Network security groups", *Security rules* and *Azure platform considerations*.
    #[inline]
    pub fn first_match(&self, group: GroupId, direction: Direction, classes: &Classes) -> Match {
        let Some(table) = self.table(group, direction) else { return Match::Rule(RuleIndex(u16::MAX)) };
        match table.first(classes) {
            Some(rule) => Match::Rule(rule),
            None if classes.to_platform && direction == Direction::Outbound => Match::Platform,
            None => Match::Rule(table.closing()),
        }
    }

    /// Which fields of one rule hold a packet, from the same tables as [`Self::first_match`]: where all do, the rule
    /// matches, and the first such rule is the one that decides. `None` for an index, a group or classes of another
    /// policy.
    ///
    /// # Cost
    /// One word a field.
    pub fn field_matches(
        &self,
        group: GroupId,
        direction: Direction,
        index: RuleIndex,
        classes: &Classes,
    ) -> Option<FieldMatches> {
        let table = self.table(group, direction)?;
        let rule = usize::from(index.0);
        if rule >= table.rules.len() {
            return None;
        }
        Some(FieldMatches {
            protocol: table.protocol.holds(classes.protocol, rule)?,
            source: table.source.holds(classes.source, rule)?,
            source_port: table.source_port.holds(classes.source_port, rule)?,
            destination: table.destination.holds(classes.destination, rule)?,
            destination_port: table.destination_port.holds(classes.destination_port, rule)?,
        })
    }

    /// The rules of a group and direction in priority order, the default rules last; a [`RuleIndex`] counts
    /// them. Empty for a group of another policy.
    pub fn rules(&self, group: GroupId, direction: Direction) -> &[SecurityRule] {
        self.table(group, direction).map_or(&[], |table| &table.rules)
    }

    /// The rule that [`Self::first_match`] found, or `None` for an index or group of another policy, which
    /// must count as a deny.
    pub fn rule(&self, group: GroupId, direction: Direction, index: RuleIndex) -> Option<&SecurityRule> {
        self.rules(group, direction).get(usize::from(index.0))
    }

    /// The memory of the tables in bytes, without the rules themselves.
    pub fn bytes(&self) -> usize {
        let tables = self.groups.iter().flat_map(|group| [&group.inbound, &group.outbound]);
        self.addresses.bytes() + self.ports.bytes() + tables.map(Table::bytes).sum::<usize>()
    }

    #[inline]
    pub(crate) fn table(&self, group: GroupId, direction: Direction) -> Option<&Table> {
        let group = self.groups.get(group.0 as usize)?;
        Some(match direction {
            Direction::Inbound => &group.inbound,
            Direction::Outbound => &group.outbound,
        })
    }
}

impl Table {
    /// The first rule that holds all five classes.
    #[inline]
    fn first(&self, classes: &Classes) -> Option<RuleIndex> {
        let source = self.source.row(classes.source)?;
        let destination = self.destination.row(classes.destination)?;
        let destination_port = self.destination_port.row(classes.destination_port)?;
        let source_port = self.source_port.row(classes.source_port)?;
        let protocol = self.protocol.row(classes.protocol)?;
        let addresses = source.iter().zip(destination);
        let ports = source_port.iter().zip(destination_port);
        for (nth, ((addresses, ports), protocol)) in addresses.zip(ports).zip(protocol).enumerate() {
            let mut hits = Block::default();
            for (word, hit) in hits.iter_mut().enumerate() {
                *hit = addresses.0[word] & addresses.1[word] & ports.0[word] & ports.1[word] & protocol[word];
            }
            if let Some(bit) = first_bit(&hits) {
                return u16::try_from(nth * BLOCK + bit).ok().map(RuleIndex);
            }
        }
        None
    }

    /// The deny that closes the list.
    fn closing(&self) -> RuleIndex {
        RuleIndex(u16::try_from(self.rules.len().saturating_sub(1)).unwrap_or(u16::MAX))
    }

    /// The fields in the order protocol, source, source port, destination, destination port.
    pub(crate) fn columns(&self) -> [&Column; 5] {
        [&self.protocol, &self.source, &self.source_port, &self.destination, &self.destination_port]
    }

    fn bytes(&self) -> usize {
        self.columns().into_iter().map(Column::bytes).sum()
    }
}

/// The first bit of a block, or `None` where none is set.
#[inline]
fn first_bit(block: &Block) -> Option<usize> {
    let word = block.iter().position(|&word| word != 0)?;
    Some(word * 64 + block[word].trailing_zeros() as usize)
}
