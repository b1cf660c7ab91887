//! What peerings join: whose addresses a virtual network reaches, and whose gateway it uses.

use crate::{Network, Peering, VnetIndex};
use ipnet::IpNet;
use std::net::IpAddr;

impl Peering {
    /// Whether an address of the other network is peered.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.address_space.iter().any(|prefix| prefix.contains(&address))
    }
}

impl Network {
    /// The connected peerings of a virtual network, in the documents' order. Peering is not transitive.
    pub fn peers(&self, vnet: VnetIndex) -> impl Iterator<Item = &Peering> {
        let peerings = self.virtual_networks.get(vnet.0).map(|vnet| vnet.peerings.as_slice());
        peerings.unwrap_or_default().iter().filter(|peering| peering.connected)
    }

    /// The virtual networks that one has routes to, and their prefixes: itself, and of its connected peers what is peered.
    pub fn reached_from(&self, vnet: VnetIndex) -> impl Iterator<Item = (VnetIndex, &[IpNet])> {
        let own = self.virtual_networks.get(vnet.0).map(|own| (vnet, own.address_space.as_slice()));
        let peered = self.peers(vnet).map(|peering| (peering.remote, peering.address_space.as_slice()));
        own.into_iter().chain(peered)
    }

    /// The virtual networks that the gateway of `vnet` serves, and their prefixes as `vnet` reaches them: itself, and the
    /// peers that it shares the gateway with and that use it.
    ///
    /// # Source
    /// Azure "Configure VPN gateway transit for virtual network peering".
    pub fn served_by_gateway_of(&self, vnet: VnetIndex) -> Vec<(VnetIndex, &[IpNet])> {
        let uses = |peering: &&Peering| {
            let back = self.peers(peering.remote).find(|back| back.remote == vnet);
            peering.gateway_transit && back.is_some_and(|back| back.remote_gateways)
        };
        let users = self.peers(vnet).filter(uses).map(|user| (user.remote, user.address_space.as_slice()));
        self.reached_from(vnet).take(1).chain(users).collect()
    }
}
