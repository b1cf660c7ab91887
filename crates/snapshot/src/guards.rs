//! The network security groups that stand before an address.

use model::Direction;
use policy::GroupId;

/// Where an NSG stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// At the network interface.
    Nic,
    /// At its subnet.
    Subnet,
}

/// The NSGs before one address of a NIC.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Guards {
    /// At the NIC itself.
    pub nic: Option<GroupId>,
    /// At its subnet.
    pub subnet: Option<GroupId>,
}

impl Guards {
    /// Those there are, in the order in which they are asked.
    ///
    /// # Source
    /// Azure "How network security groups filter network traffic": inbound the subnet's first, outbound the NIC's.
    pub fn in_order(self, direction: Direction) -> impl Iterator<Item = (Level, GroupId)> {
        let (nic, subnet) = ((Level::Nic, self.nic), (Level::Subnet, self.subnet));
        let order = match direction {
            Direction::Inbound => [subnet, nic],
            Direction::Outbound => [nic, subnet],
        };
        order.into_iter().filter_map(|(level, group)| Some((level, group?)))
    }

    /// Whether no NSG applies.
    pub const fn is_none(self) -> bool {
        self.nic.is_none() && self.subnet.is_none()
    }
}
