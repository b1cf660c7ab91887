//! What route tables do to the subnets that have them: what rules see of it, and what packets do not.

use super::Report;
use crate::{Network, NextHop, Route, RouteDestination, RouteTableIndex, VnetIndex, codes, raw};
use diagnostic::{Diagnostic, Location};
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The most prefixes that VirtualNetwork may hold in all subnets with routes, those with one route table counted once. A
/// service tag has up to some 13,000, and a document of a megabyte could ask for that many thousands of times.
const PREFIXES: usize = 2_000_000;
/// So many subnets are named in one message; the others are counted.
const NAMED: usize = 3;

/// Warns of subnets whose route table puts everything into VirtualNetwork, and of those whose packets it gives to somebody whom
/// nsgate gives none.
///
/// # Cost
/// A look at each route for each virtual network that has its table, and a sort of each table's prefixes.
pub(super) fn look_over(raw: &raw::Network, network: &Network, report: &mut Report) {
    if !fits(raw, network, report) {
        return;
    }
    let mut subnets: BTreeMap<RouteTableIndex, Vec<String>> = BTreeMap::new();
    for (nth, vnet) in network.virtual_networks.iter().enumerate() {
        let mut known: BTreeMap<RouteTableIndex, Option<String>> = BTreeMap::new();
        for (place, subnet) in vnet.subnets.iter().enumerate() {
            let Some(index) = subnet.route_table else { continue };
            let name = format!("'{}/{}'", vnet.name, subnet.name);
            let departing = known.entry(index).or_insert_with(|| departing(network, VnetIndex(nth), index));
            let written = raw.virtual_networks.get(nth).and_then(|vnet| vnet.subnets.get(place));
            let reference = written.and_then(|subnet| subnet.route_table.as_ref());
            if let (Some(departing), Some(reference)) = (departing, reference) {
                let message =
                    format!("packets of subnet {name} are not routed by its route table yet: {departing}");
                let help = "what it leads there is dropped as route-elsewhere; for rules VirtualNetwork holds its prefixes";
                report.push(Diagnostic::warning(codes::NOT_HONOURED, &reference.at, message).help(help));
            }
            subnets.entry(index).or_default().push(name);
        }
    }
    for (index, names) in subnets {
        for is_v4 in [true, false] {
            everything(raw, network, index, is_v4, &names, report);
        }
    }
}

/// Whether the tags of all subnets together can be computed; reported if not.
fn fits(raw: &raw::Network, network: &Network, report: &mut Report) -> bool {
    let mut held = 0_usize;
    for from in network.vantages() {
        let Some(index) = from.route_table else { continue };
        let reached: usize = network.reached_from(from.vnet).map(|(_, space)| space.len()).sum();
        let elsewhere =
            network.virtual_networks.get(from.vnet.0).map_or(0, |vnet| vnet.peers_elsewhere.len());
        held += reached + elsewhere + network.prefixes_by_routes(index).count();
        let Some(table) = raw.route_tables.get(index.0).filter(|_| held > PREFIXES) else { continue };
        let name = &table.name;
        let message = format!(
            "with route table '{}' VirtualNetwork has {held} prefixes in all subnets together",
            name.value
        );
        let help = format!(
            "keep them below {PREFIXES}: share route tables among subnets, or use fewer service tags"
        );
        report.push(Diagnostic::error(codes::ROUTE_PREFIXES_LIMIT, &name.at, message).help(help));
        return false;
    }
    true
}

/// The routes of a table that let packets of a virtual network go another way than they do without it, in words.
fn departing(network: &Network, vnet: VnetIndex, table: RouteTableIndex) -> Option<String> {
    let mut reached = network.reached_from(vnet).map(|(_, space)| space);
    let (own, peered) = (reached.next()?, reached.flatten().copied().collect::<Vec<_>>());
    let table = network.route_tables.get(table.0)?;
    let mut departing = table.routes.iter().filter(|route| departs(route, own, &peered));
    let first = departing.next()?;
    let to = match first.destination {
        RouteDestination::Prefix(prefix) => prefix.to_string(),
        RouteDestination::Tag(tag) => network.service_tags.get(tag)?.name.to_string(),
    };
    let (name, next_hop, more) = (&first.name, first.next_hop.name(), departing.count());
    let others = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(format!("'{}/{name}' has the next hop {next_hop} for {to}{others}", table.name))
}

/// Whether a route gives packets to somebody else than the routes that a subnet has without it: of its `own` virtual network
/// and of what is `peered` with that.
///
/// # Source
/// Azure "Virtual network traffic routing", *System routes*, *How Azure selects a route*: of the routes that hold an address
/// the one of the longest prefix counts, of several of these the user's.
fn departs(route: &Route, own: &[IpNet], peered: &[IpNet]) -> bool {
    let RouteDestination::Prefix(prefix) = &route.destination else {
        return !matches!(route.next_hop, NextHop::Internet | NextHop::None);
    };
    let is_in = |nets: &[IpNet]| nets.iter().any(|net| net.contains(prefix));
    match route.next_hop {
        NextHop::VnetLocal => !is_in(own),
        NextHop::Internet => is_private(prefix) || is_in(own) || is_in(peered),
        NextHop::VirtualAppliance(_) | NextHop::VirtualNetworkGateway => true,
        // Dropped as they shall be.
        NextHop::None => false,
    }
}

/// Whether what goes there is dropped where no virtual network has it.
fn is_private(prefix: &IpNet) -> bool {
    const PRIVATE: [(IpAddr, u8); 5] = [
        (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)), 8),
        (IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)), 12),
        (IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)), 16),
        (IpAddr::V4(Ipv4Addr::new(100, 64, 0, 0)), 10),
        (IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)), 7),
    ];
    let holds = |(address, length): &(IpAddr, u8)| {
        IpNet::new(*address, *length).is_ok_and(|private| private.contains(prefix))
    };
    PRIVATE.iter().any(holds)
}

/// Warns where a table's routes together hold every address of a family, so that the default rules allow everything.
fn everything(
    raw: &raw::Network,
    network: &Network,
    index: RouteTableIndex,
    is_v4: bool,
    subnets: &[String],
    report: &mut Report,
) {
    let Some(everything) = network.everything_by_routes(index, is_v4) else { return };
    let (default, version) = if is_v4 { ("0.0.0.0/0", "IPv4") } else { ("::/0", "IPv6") };
    let message = format!(
        "VirtualNetwork is grown to {default} in {} by {everything}: the default rules AllowVnetInBound and \
         AllowVnetOutBound allow the internet there, and Internet holds no {version} address, so that rules which \
         name Internet hold no {version} packet there",
        listed(subnets),
    );
    let Some(at) = place_of(raw, index, &everything.route.name) else { return };
    let warning = Diagnostic::warning(codes::VIRTUAL_NETWORK_HOLDS_EVERYTHING, at, message);
    let help = "so does Azure: deny what shall not pass by prefixes, in rules of your own with a lower priority number";
    report.push(warning.help(help));
}

/// Where the prefix of a route is written.
fn place_of<'a>(raw: &'a raw::Network, table: RouteTableIndex, name: &str) -> Option<&'a Location> {
    let routes = &raw.route_tables.get(table.0)?.routes;
    let route = routes.iter().find(|route| route.name.value == name)?;
    Some(route.prefix.as_ref().map_or(&route.name.at, |prefix| &prefix.at))
}

fn listed(subnets: &[String]) -> String {
    let names = subnets.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match (subnets.len(), subnets.len().saturating_sub(NAMED)) {
        (1, _) => format!("subnet {names}"),
        (_, 0) => format!("subnets {names}"),
        (_, more) => format!("subnets {names} and {more} more"),
    }
}
