//! Azure's IP flow verify: what the rules of one NIC say of a packet, without sending one.

use crate::guards::Guards;
use crate::names::RuleName;
use crate::snapshot::{PLATFORM, Private, Snapshot};
use model::{Access, AddressMatch, Direction, NetworkInterface, NicIndex, PublicIpSku};
use packet::Address;
use policy::{Match, Meanings, Ranges, Tuple};

/// What the rules say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FlowVerdict {
    /// Whether the packet may pass.
    pub access: Access,
    /// The rule that denied, or of all that allowed the one asked last; `None` where no NSG had a say.
    pub rule: Option<RuleName>,
    /// Whether an NSG stands there. Where one does and no rule had a say, the packet is the platform's.
    pub is_guarded: bool,
}

impl Snapshot {
    /// Asks the rules before one NIC, as Azure's IP flow verify does: rules only, no live flows, no routes.
    ///
    /// The NIC's own address stands in the tuple as source (outbound) or destination (inbound). Returns `None` where that
    /// address is none of the NIC's.
    ///
    /// # Source
    /// Azure Network Watcher, *IP flow verify*.
    pub fn test_ip_flow(&self, nic: NicIndex, direction: Direction, tuple: &Tuple) -> Option<FlowVerdict> {
        let (local, remote) = match direction {
            Direction::Inbound => (tuple.destination, tuple.source),
            Direction::Outbound => (tuple.source, tuple.destination),
        };
        let of = self.private_of(nic, local)?;
        let classes = self.policy.classes(tuple);
        let is_guarded = !of.guards.is_none();
        let mut verdict = FlowVerdict { access: Access::Allow, rule: None, is_guarded };
        for (_, group) in of.guards.in_order(direction) {
            let Match::Rule(index) = self.policy.first_match(group, direction, &classes) else { continue };
            let rule = self.rule(group, direction, usize::from(index.0));
            let access = self.policy.rule(group, direction, index).map_or(Access::Deny, |rule| rule.access);
            let rule = rule.and_then(|rule| self.rule_name(rule).cloned());
            verdict = FlowVerdict { access, rule, is_guarded };
            if access == Access::Deny {
                return Some(verdict);
            }
        }
        let closed = direction == Direction::Inbound
            && !is_guarded
            && of.sku == PublicIpSku::Standard
            && of.public.is_some()
            && !self.private_to(nic).contains(remote.bits());
        Some(if closed { FlowVerdict { access: Access::Deny, ..verdict } } else { verdict })
    }

    /// The NSGs before one IP configuration of a NIC; none for a NIC or configuration that the network does not have.
    pub fn guards(&self, nic: NicIndex, configuration: usize) -> Guards {
        self.nics().get(nic.0).and_then(|nic| nic.guards.get(configuration).copied()).unwrap_or_default()
    }

    /// The addresses that a NIC is reached from without a public one: those that it has routes to or would have with every
    /// peer's document, and the platform's.
    ///
    /// A Standard public address is closed to all others where no NSG stands before it.
    ///
    /// # Source
    /// Azure "Public IP addresses", *SKU*: secure by default.
    pub fn private_to(&self, nic: NicIndex) -> Ranges {
        let vnet = self.network.network_interfaces.get(nic.0).and_then(NetworkInterface::vnet);
        let routed = vnet.and_then(|vnet| self.scope_of(vnet)).map(|scope| self.reaches.all(scope));
        let own = vnet.and_then(|vnet| self.network.virtual_networks.get(vnet.0));
        let elsewhere = Ranges::of_prefixes(own.into_iter().flat_map(|vnet| &vnet.peers_elsewhere));
        let platform = Ranges::of_addresses([PLATFORM.ip()]);
        let all = routed.iter().chain([&elsewhere, &platform]);
        Ranges::union(all.flat_map(Ranges::as_slice).copied())
    }

    /// The addresses that one side of a question names, as an IP configuration of a NIC sees it; `None` for a tag that is
    /// not loaded.
    pub fn addresses(&self, nic: NicIndex, configuration: usize, side: &AddressMatch) -> Option<Ranges> {
        let nic = self.network.network_interfaces.get(nic.0)?;
        let from = self.network.vantage(nic.ip_configurations.get(configuration)?.subnet);
        let tag = self.virtual_networks.get(&from)?;
        Meanings::new(&self.network, [tag.as_slice()]).set(side, (from.vnet, 0))
    }

    fn private_of(&self, nic: NicIndex, address: Address) -> Option<Private> {
        let vnet = self.network.network_interfaces.get(nic.0)?.vnet()?;
        let private = self.private(self.scope_of(vnet)?, address)?;
        (private.nic == nic.0).then_some(*private)
    }
}
