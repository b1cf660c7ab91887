//! Route tables, and what of them rules see: the prefixes that VirtualNetwork holds because a route names them.

use crate::{Network, RouteTableIndex, SubnetIndex, TagIndex, VnetIndex};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// A route table, which subnets have in common.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The user-defined routes, no two for one destination.
    pub routes: Vec<Route>,
    /// `disableBgpRoutePropagation`: whether the routes of gateways are kept out.
    pub disable_bgp_route_propagation: bool,
}

/// A user-defined route (UDR).
#[derive(Clone, Debug)]
pub struct Route {
    /// The name, unique in its table.
    pub name: Arc<str>,
    /// Where the packets go that it is for.
    pub destination: RouteDestination,
    /// Whom they are given to.
    pub next_hop: NextHop,
}

/// `addressPrefix` of a route.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RouteDestination {
    /// A prefix.
    Prefix(IpNet),
    /// Every prefix of a published service tag.
    Tag(TagIndex),
}

/// `nextHopType` of a route.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NextHop {
    /// A machine that forwards; its address, unless that is known only after the deployment.
    VirtualAppliance(Option<IpAddr>),
    /// The gateway of the virtual network.
    VirtualNetworkGateway,
    /// The virtual network itself.
    VnetLocal,
    /// The internet.
    Internet,
    /// Nobody: the packets are dropped.
    None,
}

impl NextHop {
    /// The type in Azure's spelling.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VirtualAppliance(_) => "VirtualAppliance",
            Self::VirtualNetworkGateway => "VirtualNetworkGateway",
            Self::VnetLocal => "VnetLocal",
            Self::Internet => "Internet",
            Self::None => "None",
        }
    }
}

/// Where rules stand that ask what VirtualNetwork holds: subnets of one virtual network and one route table see the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Vantage {
    /// The virtual network.
    pub vnet: VnetIndex,
    /// The route table, where its routes bring anything in.
    pub route_table: Option<RouteTableIndex>,
}

impl Vantage {
    /// That of a subnet whose route table brings nothing in.
    pub const fn of(vnet: VnetIndex) -> Self {
        Self { vnet, route_table: None }
    }
}

/// That the routes of a table bring every address of a family into VirtualNetwork; as text, by which routes.
#[derive(Clone, Copy, Debug)]
pub struct Everything<'a> {
    /// The table.
    pub table: &'a RouteTable,
    /// The route for the most addresses.
    pub route: &'a Route,
    /// Whether that one does it alone.
    pub alone: bool,
}

impl fmt::Display for Everything<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = if self.alone { "" } else { " and others" };
        write!(f, "route '{}'{others} of route table '{}'", self.route.name, self.table.name)
    }
}

impl Route {
    /// Whether VirtualNetwork holds the destination, as seen from the subnets of the route's table.
    ///
    /// It does whatever the next hop, for Azure's description excepts none. Only a route for every address of a family,
    /// 0.0.0.0/0 or ::/0, has to lead to a virtual appliance or a virtual network gateway: what is reported of those is
    /// about forced tunnelling, and no rule shall open because a route says where the internet is anyway, or drops all.
    ///
    /// # Source
    /// Azure "Virtual network service tags", *VirtualNetwork*: "address prefixes used on user-defined routes", "might also
    /// contain default routes".
    pub fn is_in_virtual_network(&self) -> bool {
        match (self.destination, self.next_hop) {
            (_, NextHop::VirtualAppliance(_) | NextHop::VirtualNetworkGateway) => true,
            (RouteDestination::Prefix(prefix), _) => prefix.prefix_len() > 0,
            (RouteDestination::Tag(_), _) => true,
        }
    }
}

impl Network {
    /// The prefixes of a route's destination; none of a tag that is not loaded.
    pub fn prefixes_of<'a>(&'a self, destination: &'a RouteDestination) -> &'a [IpNet] {
        match destination {
            RouteDestination::Prefix(prefix) => std::slice::from_ref(prefix),
            RouteDestination::Tag(index) => {
                self.service_tags.get(*index).map(|tag| tag.prefixes.as_slice()).unwrap_or_default()
            }
        }
    }

    /// The prefixes that VirtualNetwork holds because of a route table: see [`Route::is_in_virtual_network`].
    pub fn prefixes_by_routes(&self, table: RouteTableIndex) -> impl Iterator<Item = IpNet> {
        let routes = self.route_tables.get(table.0).map(|table| table.routes.as_slice()).unwrap_or_default();
        let holds = routes.iter().filter(|route| route.is_in_virtual_network());
        holds.flat_map(|route| self.prefixes_of(&route.destination)).copied()
    }

    /// The routes of a table by which VirtualNetwork holds every address of a family, IPv4 or IPv6; `None` where it does not.
    ///
    /// # Cost
    /// A sort of the table's prefixes.
    pub fn everything_by_routes(&self, table: RouteTableIndex, is_v4: bool) -> Option<Everything<'_>> {
        let of_family = |prefix: &IpNet| prefix.addr().is_ipv4() == is_v4;
        let all: Vec<IpNet> = self.prefixes_by_routes(table).filter(of_family).collect();
        if IpNet::aggregate(&all).iter().all(|prefix| prefix.prefix_len() > 0) {
            return None;
        }
        let table = self.route_tables.get(table.0)?;
        let widest = |route: &&Route| {
            let prefixes = self.prefixes_of(&route.destination).iter().filter(|prefix| of_family(prefix));
            prefixes.map(IpNet::prefix_len).min().unwrap_or(u8::MAX)
        };
        let route = table.routes.iter().filter(|route| route.is_in_virtual_network()).min_by_key(widest)?;
        Some(Everything { table, route, alone: widest(&route) == 0 })
    }

    /// Where the rules before a subnet and before the addresses in it stand.
    ///
    /// # Cost
    /// A look at the subnet's route table as far as the first route that counts.
    pub fn vantage(&self, subnet: SubnetIndex) -> Vantage {
        let vnet = self.virtual_networks.get(subnet.vnet.0);
        let table = vnet.and_then(|vnet| vnet.subnets.get(subnet.subnet)?.route_table);
        let route_table = table.filter(|table| self.prefixes_by_routes(*table).next().is_some());
        Vantage { vnet: subnet.vnet, route_table }
    }

    /// Every vantage that there is: of each virtual network without a route table, and of its subnets.
    pub fn vantages(&self) -> BTreeSet<Vantage> {
        let of = |(nth, vnet): (usize, &crate::VirtualNetwork)| {
            let vnet = (VnetIndex(nth), vnet.subnets.len());
            let of_subnets = (0..vnet.1).map(move |subnet| SubnetIndex { vnet: vnet.0, subnet });
            of_subnets.map(|subnet| self.vantage(subnet)).chain([Vantage::of(vnet.0)])
        };
        self.virtual_networks.iter().enumerate().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_route_counts_where_it_leads_into_a_tunnel() {
        let hops = [
            (NextHop::VirtualAppliance(None), true),
            (NextHop::VirtualNetworkGateway, true),
            (NextHop::VnetLocal, false),
            (NextHop::Internet, false),
            (NextHop::None, false),
        ];
        for (next_hop, tunnel) in hops {
            let counts = |prefix: &str| {
                let destination = RouteDestination::Prefix(prefix.parse().unwrap());
                Route { name: "route".into(), destination, next_hop }.is_in_virtual_network()
            };
            for (prefix, is_default) in
                [("0.0.0.0/0", true), ("::/0", true), ("0.0.0.0/1", false), ("203.0.113.0/24", false)]
            {
                assert_eq!(counts(prefix), tunnel || !is_default, "{prefix} {next_hop:?}");
            }
        }
    }
}
