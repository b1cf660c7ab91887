//! A route table: what its routes must be, each and together.

use super::prefix::{self, BadPrefix};
use super::{Report, children, id_of, tag, text};
use crate::reference::Kind;
use crate::{NextHop, Route, RouteDestination, RouteTable, ServiceTags, TagUse, codes, limits, raw};
use diagnostic::{At, Diagnostic, INVALID_REQUEST_FORMAT, nearest};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

/// The types of next hop that a route may have.
const NEXT_HOPS: [NextHop; 5] = [
    NextHop::VirtualAppliance(None),
    NextHop::VirtualNetworkGateway,
    NextHop::VnetLocal,
    NextHop::Internet,
    NextHop::None,
];

/// The table with those of its routes that are sound.
pub(super) fn build(raw: &raw::RouteTable, tags: &Arc<ServiceTags>, report: &mut Report) -> RouteTable {
    let name = &raw.name.value;
    children::names_differ(raw.routes.iter().map(|route| &route.name), "route", name, report);
    let mut routes: Vec<Route> = Vec::with_capacity(raw.routes.len());
    let mut first: HashMap<RouteDestination, &raw::Route> = HashMap::new();
    for one in &raw.routes {
        let Some(route) = route(one, name, tags, report) else { continue };
        match first.get(&route.destination) {
            Some(other) => conflict(one, other, name, report),
            None => {
                first.insert(route.destination, one);
                routes.push(route);
            }
        }
    }
    counts(raw, &routes, report);
    RouteTable {
        id: id_of(Kind::RouteTable, raw.id.as_ref(), name),
        name: name.as_str().into(),
        routes,
        disable_bgp_route_propagation: raw.disable_bgp_route_propagation,
    }
}

/// No two routes of a table are for one prefix, whatever their next hops.
fn conflict(route: &raw::Route, first: &raw::Route, table: &str, report: &mut Report) {
    let place =
        |route: &raw::Route| route.prefix.as_ref().map_or(&route.name.at, |prefix| &prefix.at).clone();
    let (name, other) = (&route.name.value, &first.name.value);
    let message = format!("route '{table}/{name}' has the address prefix of '{other}'");
    let help = "a table has one route for a prefix: take one of them away";
    let error = Diagnostic::error(codes::ROUTE_CONFLICT, &place(route), message).help(help);
    report.push(error.related(&place(first), format!("first used here, by '{other}'")));
}

fn counts(raw: &raw::RouteTable, routes: &[Route], report: &mut Report) {
    let name = &raw.name;
    if raw.routes.len() > limits::ROUTES_PER_TABLE {
        let message = format!("route table '{}' has {} routes", name.value, raw.routes.len());
        let help = format!("use at most {}", limits::ROUTES_PER_TABLE);
        report.push(Diagnostic::error(codes::ROUTE_COUNT_LIMIT, &name.at, message).help(help));
    }
    let by_tag = routes.iter().filter(|route| matches!(route.destination, RouteDestination::Tag(_))).count();
    if by_tag > limits::SERVICE_TAG_ROUTES_PER_TABLE {
        let message = format!("route table '{}' has {by_tag} routes with a service tag", name.value);
        let help = format!("use at most {}", limits::SERVICE_TAG_ROUTES_PER_TABLE);
        report.push(Diagnostic::error(codes::SERVICE_TAG_ROUTE_COUNT_LIMIT, &name.at, message).help(help));
    }
}

fn route(raw: &raw::Route, table: &str, tags: &ServiceTags, report: &mut Report) -> Option<Route> {
    text::name(&raw.name, "route", report);
    let owner = format!("route '{table}/{}'", raw.name.value);
    let destination = destination(raw, &owner, tags, report);
    let next_hop = next_hop(raw, &owner, report);
    if let (Some(RouteDestination::Prefix(prefix)), Some(NextHop::VirtualAppliance(Some(address)))) =
        (&destination, next_hop)
        && prefix.addr().is_ipv4() != address.is_ipv4()
        && let Some(written) = &raw.next_hop_ip_address
    {
        let message = format!("{owner} leads {prefix} to {address}, which is of another address family");
        let error = Diagnostic::error(codes::NEXT_HOP_ADDRESS_VERSION, &written.at, message);
        let version = if prefix.addr().is_ipv4() { "IPv4" } else { "IPv6" };
        report.push(error.help(format!("write the appliance's {version} address")));
    }
    Some(Route { name: raw.name.value.as_str().into(), destination: destination?, next_hop: next_hop? })
}

fn destination(
    raw: &raw::Route,
    owner: &str,
    tags: &ServiceTags,
    report: &mut Report,
) -> Option<RouteDestination> {
    let Some(written) = &raw.prefix else {
        missing(raw, owner, "addressPrefix, such as \"10.1.0.0/16\"", report);
        return None;
    };
    let text = text::trimmed(written, report);
    let bad = match prefix::parse(text) {
        Ok(net) if text.contains('/') => return Some(RouteDestination::Prefix(net)),
        Ok(_) => BadPrefix::NotCidr,
        Err(bad) => bad,
    };
    let Some((tag, warning)) = tag::find_for_route(text, tags) else {
        report.push(match bad {
            BadPrefix::HostBits(_) => prefix::bad(bad, text, owner, &written.at),
            BadPrefix::NotCidr => tag::unknown_in_route(&owner, text, &written.at, tags),
        });
        return None;
    };
    report.diagnostics.extend(warning.map(|warning| warning.of(&owner, text, &written.at)));
    let written = At { value: text.to_owned(), at: written.at.clone() };
    report.tag_uses.push(TagUse { by: owner.to_owned(), in_route: true, written });
    Some(RouteDestination::Tag(tag))
}

fn next_hop(raw: &raw::Route, owner: &str, report: &mut Report) -> Option<NextHop> {
    let Some(written) = &raw.next_hop_type else {
        missing(raw, owner, "nextHopType, such as \"VirtualAppliance\"", report);
        return None;
    };
    let Some(kind) = next_hop_type(text::trimmed(written, report)) else {
        let message = format!("{owner} has the next hop type '{}'", written.value);
        let names = NEXT_HOPS.map(NextHop::name);
        let help = match nearest(written.value.trim(), names) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("use one of {}", names.join(", ")),
        };
        report.push(Diagnostic::error(INVALID_REQUEST_FORMAT, &written.at, message).help(help));
        return None;
    };
    let address = raw.next_hop_ip_address.as_ref().filter(|it| !it.value.trim().is_empty());
    match (kind, address) {
        (NextHop::VirtualAppliance(_), Some(written)) => appliance(written, owner, report),
        (NextHop::VirtualAppliance(_), None) => {
            if !raw.incomplete {
                let message = format!("{owner} leads to a virtual appliance and does not say to which");
                let error = Diagnostic::error(codes::NEXT_HOP_ADDRESS_MISSING, &written.at, message);
                report.push(error.help("write its private address as nextHopIpAddress"));
            }
            None
        }
        (kind, Some(address)) => {
            let message = format!("{owner} has a nextHopIpAddress, and its next hop is {}", kind.name());
            let error = Diagnostic::error(codes::NEXT_HOP_ADDRESS_NOT_ALLOWED, &address.at, message);
            report.push(error.help("take it away, or write VirtualAppliance as nextHopType"));
            None
        }
        (kind, None) => Some(kind),
    }
}

/// The type of that name, as the interface, the tools or the portal write it: `Virtual network` is `VnetLocal`.
fn next_hop_type(text: &str) -> Option<NextHop> {
    let word: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let is = |name: &str| word.eq_ignore_ascii_case(name);
    if is("VirtualNetwork") {
        return Some(NextHop::VnetLocal);
    }
    NEXT_HOPS.into_iter().find(|kind| is(kind.name()))
}

fn appliance(written: &At<String>, owner: &str, report: &mut Report) -> Option<NextHop> {
    if raw::is_unread(&written.value) {
        return Some(NextHop::VirtualAppliance(None));
    }
    let text = text::trimmed(written, report);
    match text.parse::<IpAddr>() {
        Ok(address) => Some(NextHop::VirtualAppliance(Some(address))),
        Err(_) => {
            let message = format!("{owner} has the next hop address '{text}'");
            let error = Diagnostic::error(codes::INVALID_IP_ADDRESS_FORMAT, &written.at, message);
            report.push(error.help("write one address, such as 10.0.2.4"));
            None
        }
    }
}

fn missing(raw: &raw::Route, owner: &str, what: &str, report: &mut Report) {
    if raw.incomplete {
        return;
    }
    let (property, _) = what.split_once(',').unwrap_or((what, ""));
    let message = format!("{owner} has no {property}");
    let error = Diagnostic::error(INVALID_REQUEST_FORMAT, &raw.name.at, message);
    report.push(error.help(format!("write properties.{what}")));
}
