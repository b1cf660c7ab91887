//! The route that decided, by name: looked up for whoever asks, never for a packet.

use crate::snapshot::Snapshot;
use crate::user_routes::in_order;
use ipnet::IpNet;
use model::{NextHop, SubnetIndex};
use packet::Address;
use std::fmt;
use std::sync::Arc;

/// A user-defined route and the prefix by which it holds an address; as text, `table/route: 8.8.8.0/24 to None`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UserRoute {
    /// Its route table.
    pub table: Arc<str>,
    /// Its name there.
    pub name: Arc<str>,
    /// Its prefix, or of its service tag's the one that holds the address.
    pub prefix: IpNet,
    /// Where it leads.
    pub next_hop: NextHop,
}

impl fmt::Display for UserRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {} to {}", self.table, self.name, self.prefix, self.next_hop.name())?;
        match self.next_hop {
            NextHop::VirtualAppliance(Some(address)) => write!(f, " {address}"),
            _ => Ok(()),
        }
    }
}

impl Snapshot {
    /// The user-defined route by which packets from a subnet go to an address; `None` where one of the system's counts.
    ///
    /// # Cost
    /// A look at every prefix of the subnet's route table.
    pub fn user_route(&self, subnet: SubnetIndex, to: Address) -> Option<UserRoute> {
        let next_hop = self.user_routes.next_hop(subnet, to)?;
        let index =
            self.network.virtual_networks.get(subnet.vnet.0)?.subnets.get(subnet.subnet)?.route_table?;
        let table = self.network.route_tables.get(index.0)?;
        let holding = in_order(&self.network, index).filter(|(prefix, _)| prefix.contains(&to.ip()));
        // Of equal ones the last, as in the table that decided.
        let (prefix, route) = holding.max_by_key(|(prefix, _)| prefix.prefix_len())?;
        Some(UserRoute { table: Arc::clone(&table.name), name: Arc::clone(&route.name), prefix, next_hop })
    }
}
