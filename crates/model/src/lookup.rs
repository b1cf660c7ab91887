//! Finding resources of a validated network by what a person writes.

use crate::reference::{Directory, Kind, may_be_within};
use crate::{Network, NicIndex, NotFound, Subnet, SubnetIndex, VnetIndex};

impl Network {
    /// A subnet; `None` for an index of another network.
    pub fn subnet(&self, index: SubnetIndex) -> Option<&Subnet> {
        self.virtual_networks.get(index.vnet.0)?.subnets.get(index.subnet)
    }

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

    /// The only network interface of a virtual machine, which is known by its resource id or its name.
    ///
    /// # Errors
    /// One sentence: no network interface names that machine, or several do.
    pub fn find_nic_of_machine(&self, name_or_id: &str) -> Result<NicIndex, String> {
        let is_it = |machine: &str| is_machine(machine, name_or_id);
        let all = self.network_interfaces.iter().enumerate();
        let mut of_it = all.filter(|(_, nic)| nic.virtual_machine.as_deref().is_some_and(is_it));
        match (of_it.next(), of_it.next()) {
            (Some((nth, _)), None) => Ok(NicIndex(nth)),
            (Some((_, one)), Some((_, other))) => Err(format!(
                "virtual machine {name_or_id} has several network interfaces, such as {} and {}: name one",
                one.name, other.name
            )),
            (None, _) => {
                let machines =
                    self.network_interfaces.iter().filter_map(|nic| nic.virtual_machine.as_deref());
                let names: Vec<&str> = machines.collect();
                let wanted = last_word(name_or_id);
                // A namesake elsewhere: only its id tells the two apart.
                let elsewhere = names.iter().find(|machine| last_word(machine).eq_ignore_ascii_case(wanted));
                let near = elsewhere
                    .copied()
                    .or_else(|| diagnostic::nearest(wanted, names.iter().copied().map(last_word)));
                let meant = near.map(|near| format!("; did you mean '{near}'?")).unwrap_or_default();
                Err(format!("no network interface says that it is virtual machine {name_or_id}'s{meant}"))
            }
        }
    }

    /// Whether a network interface says that it is the virtual machine's of that name or resource id; `None` where it says
    /// nothing of a machine.
    pub fn is_of_machine(&self, nic: NicIndex, name_or_id: &str) -> Option<bool> {
        let machine = self.network_interfaces.get(nic.0)?.virtual_machine.as_deref()?;
        Some(is_machine(machine, name_or_id))
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

/// Whether a machine is that of a name or resource id: of that name, and where both say a place, there.
fn is_machine(machine: &str, name_or_id: &str) -> bool {
    let is_name = last_word(machine).eq_ignore_ascii_case(last_word(name_or_id));
    is_name && (!name_or_id.contains('/') || !machine.contains('/') || may_be_within(machine, name_or_id))
}

/// The name in a resource id, or the name itself.
fn last_word(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}
