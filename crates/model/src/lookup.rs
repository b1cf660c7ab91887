//! Finding resources of a validated network by what a person writes.

use crate::reference::{Directory, Kind};
use crate::{Network, NicIndex, NotFound, SubnetIndex, VnetIndex};

impl Network {
    /// The network interface of that name or resource id.
    ///
    /// # Errors
    /// [`NotFound`] with the nearest name, or with the ids of all that the name could mean.
    ///
    /// # Cost
    /// Linear in the number of network interfaces.
    pub fn find_nic(&self, name_or_id: &str) -> Result<NicIndex, NotFound> {
        let mut directory = Directory::new(Kind::NetworkInterface);
        for (nth, nic) in self.network_interfaces.iter().enumerate() {
            directory.add(NicIndex(nth), &nic.id, &nic.name);
        }
        directory.find(name_or_id)
    }

    /// The virtual network of that name or resource id.
    ///
    /// # Errors
    /// [`NotFound`] with the nearest name, or with the ids of all that the name could mean.
    ///
    /// # Cost
    /// Linear in the number of virtual networks.
    pub fn find_virtual_network(&self, name_or_id: &str) -> Result<VnetIndex, NotFound> {
        let mut directory = Directory::new(Kind::VirtualNetwork);
        for (nth, vnet) in self.virtual_networks.iter().enumerate() {
            directory.add(VnetIndex(nth), &vnet.id, &vnet.name);
        }
        directory.find(name_or_id)
    }

    /// The subnet of that resource id, `vnet/subnet`, or name where only one virtual network has it.
    ///
    /// # Errors
    /// [`NotFound`] with the nearest name, or with the ids of all that the name could mean.
    ///
    /// # Cost
    /// Linear in the number of subnets.
    pub fn find_subnet(&self, name_or_id: &str) -> Result<SubnetIndex, NotFound> {
        let mut directory = Directory::new(Kind::Subnet);
        for (nth, vnet) in self.virtual_networks.iter().enumerate() {
            for (subnet, it) in vnet.subnets.iter().enumerate() {
                let index = SubnetIndex { vnet: VnetIndex(nth), subnet };
                directory.add(index, &it.id, &format!("{}/{}", vnet.name, it.name));
            }
        }
        directory.find(name_or_id)
    }
}
