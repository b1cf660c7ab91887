//! User-defined routes, as far as they keep packets back: what one leads elsewhere than the system's own routes goes nowhere.
//!
//! Nothing is given to a virtual appliance or sent into a tunnel here yet. A route table may open rules, as VirtualNetwork
//! holds its prefixes, and for what it lets in whoever wrote it relies on where it leads; so it must not go where it would
//! without it.

use crate::gateway::{Attachment, Gateway};
use crate::prefixes::Prefixes;
use crate::reach::behind_gateway_of;
use crate::scatter::Scattered;
use ipnet::IpNet;
use model::{Network, NextHop, Route, RouteDestination, RouteTableIndex, SubnetIndex, VnetIndex};
use packet::Address;
use std::collections::HashMap;
use std::sync::Arc;

/// Why packets do not go as the system's own route says: a user-defined one leads them elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Diverted {
    /// Its next hop is None.
    Nowhere,
    /// To another next hop.
    Elsewhere,
}

/// The route tables of subnets. Those of one virtual network and one route table share one.
#[derive(Debug)]
pub(crate) struct UserRoutes(HashMap<SubnetIndex, Arc<Table>, Scattered>);

/// The next hop of the user's route that counts; `None` where one of the system's does. One for each family, as ::/0 holds the
/// numbers that stand for IPv4 addresses, and does not mean these.
#[derive(Debug)]
struct Table {
    v4: Prefixes<Option<NextHop>>,
    v6: Prefixes<Option<NextHop>>,
}

impl Table {
    fn find(&self, to: Address) -> Option<NextHop> {
        let of_family = if to.is_v4() { &self.v4 } else { &self.v6 };
        of_family.find(to).flatten()
    }
}

impl UserRoutes {
    pub(crate) fn new(gateway: &Gateway) -> Self {
        let Gateway { network, attachments, .. } = gateway;
        let mut known: HashMap<(VnetIndex, RouteTableIndex), Arc<Table>> = HashMap::new();
        let mut by_subnet = HashMap::default();
        for (nth, vnet) in network.virtual_networks.iter().enumerate() {
            for (place, subnet) in vnet.subnets.iter().enumerate() {
                let (vnet, Some(table)) = (VnetIndex(nth), subnet.route_table) else { continue };
                let new = || Arc::new(compile(network, attachments, vnet, table));
                let shared = known.entry((vnet, table)).or_insert_with(new);
                by_subnet.insert(SubnetIndex { vnet, subnet: place }, Arc::clone(shared));
            }
        }
        Self(by_subnet)
    }

    /// The next hop of the user's route by which packets from a subnet go to an address; `None` where one of the system's
    /// counts.
    pub(crate) fn next_hop(&self, subnet: SubnetIndex, to: Address) -> Option<NextHop> {
        self.0.get(&subnet).and_then(|table| table.find(to))
    }

    /// Whether packets from a subnet go to an address as the system's own route says, whose next hop is `system`; `None` stands
    /// for a peer's network, to which no user's route can lead.
    ///
    /// # Errors
    /// Why they do not.
    pub(crate) fn agree(
        &self,
        subnet: SubnetIndex,
        to: Address,
        system: Option<NextHop>,
    ) -> Result<(), Diverted> {
        match self.next_hop(subnet, to) {
            None => Ok(()),
            Some(NextHop::None) => Err(Diverted::Nowhere),
            Some(next_hop) if Some(next_hop) == system => Ok(()),
            Some(_) => Err(Diverted::Elsewhere),
        }
    }
}

/// Of the routes that hold an address the one of the longest prefix counts; of a user's and the system's with one prefix, and of
/// those for a prefix and for a tag, the first.
///
/// # Source
/// Azure "Virtual network traffic routing", *How Azure selects a route*.
fn compile(network: &Network, attachments: &[Attachment], vnet: VnetIndex, table: RouteTableIndex) -> Table {
    let spaces = network.reached_from(vnet).flat_map(|(_, space)| space).copied();
    let system = spaces.chain(behind_gateway_of(network, attachments, vnet)).map(|prefix| (prefix, None));
    let users = in_order(network, table).map(|(prefix, route)| (prefix, Some(route.next_hop)));
    // Of equal prefixes the last one is found.
    let all: Vec<(IpNet, u8, Option<NextHop>)> =
        system.chain(users).map(|(prefix, next_hop)| (prefix, 0, next_hop)).collect();
    let of = |is_v4: bool| Prefixes::new(all.iter().copied().filter(|it| it.0.addr().is_ipv4() == is_v4));
    Table { v4: of(true), v6: of(false) }
}

/// The prefixes of a table's routes: of two that are equal the later one counts.
pub(crate) fn in_order(network: &Network, table: RouteTableIndex) -> impl Iterator<Item = (IpNet, &Route)> {
    let routes = network.route_tables.get(table.0).map(|table| table.routes.as_slice()).unwrap_or_default();
    let (tags, prefixes): (Vec<_>, Vec<_>) =
        routes.iter().partition(|route| matches!(route.destination, RouteDestination::Tag(_)));
    tags.into_iter()
        .chain(prefixes)
        .flat_map(|route| network.prefixes_of(&route.destination).iter().map(move |prefix| (*prefix, route)))
}
