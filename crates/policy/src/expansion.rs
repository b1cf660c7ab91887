//! What the tags and application security groups of an NSG's rules hold, as prefixes.

use crate::ranges::Ranges;
use crate::sets::Meanings;
use crate::table::{GroupId, Policy};
use ipnet::IpNet;
use model::{AddressMatch, Network, VnetIndex};

/// What sides of rules hold, as the NICs of one group see it.
#[derive(Debug)]
pub struct Expansion<'a> {
    meanings: Meanings<'a>,
    vnet: VnetIndex,
}

impl Policy {
    /// What the sides of a group's rules hold; `network` is the one that the policy was compiled from. `None` for a group
    /// of another policy.
    ///
    /// # Cost
    /// Every IP configuration of the network is looked at once.
    pub fn expansion<'a>(&self, network: &'a Network, group: GroupId) -> Option<Expansion<'a>> {
        let group = self.groups.get(group.0 as usize)?;
        let meanings = Meanings::new(network, [&*group.virtual_network]);
        Some(Expansion { meanings, vnet: group.vnet })
    }
}

impl Expansion<'_> {
    /// The addresses that one side of a rule holds, as the fewest prefixes, IPv4 before IPv6. `None` for a tag that is
    /// not loaded.
    ///
    /// They are those for which [`Policy::field_matches`] says yes, but for outbound packets to the platform's two
    /// addresses, which no rule holds that does not name their tag: as Azure's view, this one lists 168.63.129.16 under
    /// VirtualNetwork both ways.
    ///
    /// # Cost
    /// A sort of the side's prefixes.
    pub fn of(&self, side: &AddressMatch) -> Option<Vec<IpNet>> {
        self.set(side).map(|set| set.prefixes())
    }

    pub(crate) fn set(&self, side: &AddressMatch) -> Option<Ranges> {
        self.meanings.set(side, (self.vnet, 0))
    }
}
