//! Virtual networks and their subnets.

use super::{Directories, Report, id_of, prefix};
use crate::reference::{Kind, is_full};
use crate::{NotFound, RouteTableIndex, Subnet, VirtualNetwork, codes, limits, raw};
use diagnostic::{At, Diagnostic};
use ipnet::IpNet;
use std::sync::Arc;

/// The ranges that no address space may touch, with what they are for.
///
/// # Source
/// Azure "Azure Virtual Network FAQ", *What address ranges can I use*; the IPv6 ranges are their counterparts.
const NOT_ALLOWED: [(&str, &str); 8] = [
    ("224.0.0.0/4", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("168.63.129.16/32", "the platform's DNS, DHCP and health probes"),
    ("ff00::/8", "multicast"),
    ("fe80::/10", "link-local"),
    ("::1/128", "loopback"),
];

/// The virtual network as far as it can be read.
pub(super) fn build(
    raw: &raw::VirtualNetwork,
    directories: &Directories,
    report: &mut Report,
) -> VirtualNetwork {
    let space = address_space(raw, report);
    let mut ranges = Vec::new();
    let mut subnets = Vec::with_capacity(raw.subnets.len());
    for subnet in &raw.subnets {
        let nets = subnet_prefixes(raw, subnet, &space, report);
        let security_group = subnet.security_group.as_ref().and_then(|reference| {
            let owner = format_args!("subnet '{}/{}'", raw.name.value, subnet.name.value);
            report.resolve(&directories.nsgs, reference, owner)
        });
        let route_table = subnet.route_table.as_ref().and_then(|reference| {
            let owner = format!("subnet '{}/{}'", raw.name.value, subnet.name.value);
            route_table(reference, &owner, directories, report)
        });
        // With one prefix wrong, nobody can say what lies inside the subnet.
        let readable = nets.len() == subnet.prefixes.len();
        subnets.push(Subnet {
            id: subnet_id(raw, subnet),
            name: subnet.name.value.as_str().into(),
            prefixes: if readable { nets.iter().map(|(net, _)| *net).collect() } else { Vec::new() },
            security_group,
            route_table,
            default_outbound_access: subnet.default_outbound_access.unwrap_or(true),
        });
        ranges.extend(nets.into_iter().map(|(net, at)| (net, at, subnet)));
    }
    subnets_apart(raw, &ranges, report);
    if raw.subnets.len() > limits::SUBNETS_PER_VNET {
        let (name, count) = (&raw.name.value, raw.subnets.len());
        let message = format!("virtual network '{name}' has {count} subnets");
        let help = format!("use at most {} subnets in one virtual network", limits::SUBNETS_PER_VNET);
        report.push(Diagnostic::error(codes::SUBNET_COUNT_LIMIT, &raw.name.at, message).help(help));
    }
    VirtualNetwork {
        id: id_of(Kind::VirtualNetwork, raw.id.as_ref(), &raw.name.value),
        name: raw.name.value.as_str().into(),
        address_space: space,
        subnets,
        // They need the address spaces of all: peering.rs puts them in.
        peerings: Vec::new(),
        peers_elsewhere: Vec::new(),
    }
}

/// The route table of a subnet. Azure's answers name tables that nobody has given us; a name written by hand should lead
/// somewhere.
fn route_table(
    reference: &At<String>,
    owner: &str,
    directories: &Directories,
    report: &mut Report,
) -> Option<RouteTableIndex> {
    if is_full(&reference.value)
        && let Err(NotFound::Missing { .. }) = directories.route_tables.find(&reference.value)
    {
        let message = format!("{owner}: the route table '{}' is in none of the documents", reference.value);
        let help = "VirtualNetwork lacks the prefixes of its routes; add the route table's document";
        report.push(Diagnostic::warning(codes::NOT_HONOURED, &reference.at, message).help(help));
        return None;
    }
    report.resolve(&directories.route_tables, reference, format_args!("{owner}"))
}

/// The id of a subnet: its own, or its virtual network's with its name.
pub(super) fn subnet_id(vnet: &raw::VirtualNetwork, subnet: &raw::Subnet) -> Arc<str> {
    match (&subnet.id, &vnet.id) {
        (Some(id), _) if is_full(&id.value) => id.value.as_str().into(),
        (_, Some(id)) if is_full(&id.value) => {
            format!("{}/subnets/{}", id.value.trim_end_matches('/'), subnet.name.value).into()
        }
        _ => Kind::Subnet.local_id(&format!("{}/{}", vnet.name.value, subnet.name.value)).into(),
    }
}

fn address_space(raw: &raw::VirtualNetwork, report: &mut Report) -> Vec<IpNet> {
    let owner = format!("virtual network '{}'", raw.name.value);
    let space = prefix::parse_all(&raw.address_space, &owner, report);
    if raw.address_space.is_empty() && !raw.incomplete {
        let help = "write properties.addressSpace.addressPrefixes, such as [\"10.0.0.0/16\"]";
        let message = format!("{owner} has no address space");
        report.push(Diagnostic::error(codes::ADDRESS_SPACE_MISSING, &raw.name.at, message).help(help));
    }
    allowed(&space, &owner, report);
    let nets: Vec<IpNet> = space.iter().map(|(net, _)| *net).collect();
    for (wide, inner) in prefix::overlaps(&nets) {
        let (wide, inner) = later_last(&space, wide, inner);
        let message = format!("{owner} has the address spaces {} and {}, which overlap", wide.0, inner.0);
        let help = "take the narrower one away";
        let error = Diagnostic::error(codes::ADDRESS_SPACES_OVERLAP, &inner.1.at, message).help(help);
        report.push(error.related(&wide.1.at, "overlaps this one"));
    }
    nets
}

/// Reports the prefixes that no virtual network may have. `owner` says whose they are.
pub(super) fn allowed(space: &[(IpNet, &At<String>)], owner: &str, report: &mut Report) {
    for (net, at) in space {
        let touches =
            |text: &str| prefix::parse(text).is_ok_and(|range| range.contains(net) || net.contains(&range));
        if let Some((range, what)) = NOT_ALLOWED.iter().find(|(range, _)| touches(range)) {
            let message = format!("{owner} has the address space {net}, which takes in {range} ({what})");
            let help = "use a range of 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or fd00::/8";
            report.push(Diagnostic::error(codes::ADDRESS_SPACE_NOT_ALLOWED, &at.at, message).help(help));
        }
    }
}

/// The two entries in the order of their places, so that the later one is to blame.
fn later_last<T: Copy>(list: &[T], one: usize, other: usize) -> (T, T) {
    (list[one.min(other)], list[one.max(other)])
}

fn subnet_prefixes<'a>(
    vnet: &raw::VirtualNetwork,
    raw: &'a raw::Subnet,
    space: &[IpNet],
    report: &mut Report,
) -> Vec<(IpNet, &'a At<String>)> {
    let owner = format!("subnet '{}/{}'", vnet.name.value, raw.name.value);
    if raw.prefixes.is_empty() && !raw.incomplete {
        let message = format!("{owner} has no address prefix");
        let help = "write properties.addressPrefix, such as 10.0.1.0/24";
        report.push(Diagnostic::error(codes::INVALID_SUBNET, &raw.name.at, message).help(help));
    }
    let nets = prefix::parse_all(&raw.prefixes, &owner, report);
    for (net, at) in &nets {
        let sized = match net {
            IpNet::V4(net) => net.prefix_len() <= limits::SUBNET_LONGEST_PREFIX_V4,
            IpNet::V6(net) => net.prefix_len() == limits::SUBNET_PREFIX_V6,
        };
        if !sized {
            let message = format!("{owner} has the prefix {net}, a size that Azure refuses");
            let (v4, v6) = (limits::SUBNET_LONGEST_PREFIX_V4, limits::SUBNET_PREFIX_V6);
            let help = format!("an IPv4 subnet is /{v4} or larger, an IPv6 subnet exactly /{v6}");
            report.push(Diagnostic::error(codes::INVALID_SUBNET, &at.at, message).help(help));
        }
        // A space that could not be read has been reported; it would only make every subnet look outside.
        let known = space.len() == vnet.address_space.len() && !space.is_empty();
        if known && !space.iter().any(|range| range.contains(net)) {
            let ranges: Vec<String> = space.iter().map(ToString::to_string).collect();
            let message =
                format!("{owner} has the prefix {net}, which is outside its virtual network's space");
            let help = format!("choose a prefix inside {}", ranges.join(", "));
            report.push(Diagnostic::error(codes::SUBNET_OUTSIDE_VNET, &at.at, message).help(help));
        }
    }
    nets
}

fn subnets_apart(
    vnet: &raw::VirtualNetwork,
    ranges: &[(IpNet, &At<String>, &raw::Subnet)],
    report: &mut Report,
) {
    let nets: Vec<IpNet> = ranges.iter().map(|(net, ..)| *net).collect();
    for (wide, inner) in prefix::overlaps(&nets) {
        let (first, second) = later_last(ranges, wide, inner);
        let (vnet, one, other) = (&vnet.name.value, &second.2.name.value, &first.2.name.value);
        let message =
            format!("subnet '{vnet}/{one}' has {}, which overlaps {} of '{vnet}/{other}'", second.0, first.0);
        let help = "give every subnet a range of its own";
        let error = Diagnostic::error(codes::SUBNETS_OVERLAP, &second.1.at, message).help(help);
        report.push(error.related(&first.1.at, "overlaps this one"));
    }
}
