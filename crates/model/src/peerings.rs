//! What peerings join: whose addresses a virtual network reaches, and whose gateway it uses.

use crate::{Network, Peering, VnetIndex};

impl Network {
    /// The connected peerings of a virtual network, in the documents' order. Peering is not transitive.
    pub fn peers(&self, vnet: VnetIndex) -> impl Iterator<Item = &Peering> {
        let peerings = self.virtual_networks.get(vnet.0).map(|vnet| vnet.peerings.as_slice());
        peerings.unwrap_or_default().iter().filter(|peering| peering.connected)
    }

    /// The virtual networks that the gateway of `vnet` serves: itself, and the peers that it shares the gateway with and
    /// that use it.
    ///
    /// # Source
    /// Azure "Configure VPN gateway transit for virtual network peering".
    pub fn served_by_gateway_of(&self, vnet: VnetIndex) -> Vec<VnetIndex> {
        let uses = |peering: &&Peering| {
            let back = self.peers(peering.remote).find(|back| back.remote == vnet);
            peering.gateway_transit && back.is_some_and(|back| back.remote_gateways)
        };
        let users = self.peers(vnet).filter(uses).map(|peering| peering.remote);
        [vnet].into_iter().chain(users).collect()
    }
}
