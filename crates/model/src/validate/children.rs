//! Child resources put into their parents.

use super::Report;
use crate::reference::{Directory, NotFound, is_full};
use crate::{NsgIndex, RouteTableIndex, VnetIndex, codes, raw};
use diagnostic::{At, Diagnostic};
use std::collections::HashMap;

/// Puts every child resource into its parent, in the place of an inline one of the same name.
pub(super) fn merge(
    raw: &mut raw::Network,
    vnets: &Directory<VnetIndex>,
    nsgs: &Directory<NsgIndex>,
    route_tables: &Directory<RouteTableIndex>,
    report: &mut Report,
) {
    let mut seen = HashMap::new();
    for child in std::mem::take(&mut raw.security_rules) {
        let Some(nsg) = parent(nsgs, &child.parent, &child.value.name, report) else { continue };
        if is_repeated(&mut seen, ("rule", nsg.0), &child.value.name, report) {
            continue;
        }
        if let Some(group) = raw.security_groups.get_mut(nsg.0) {
            put(&mut group.rules, child.value, |rule| &rule.name.value);
        }
    }
    for child in std::mem::take(&mut raw.routes) {
        let Some(table) = parent(route_tables, &child.parent, &child.value.name, report) else { continue };
        if is_repeated(&mut seen, ("route", table.0), &child.value.name, report) {
            continue;
        }
        if let Some(table) = raw.route_tables.get_mut(table.0) {
            put(&mut table.routes, child.value, |route| &route.name.value);
        }
    }
    for child in std::mem::take(&mut raw.peerings) {
        if is_elsewhere(vnets, &child.parent.value) {
            report.push(half_elsewhere(&child));
            continue;
        }
        let Some(vnet) = parent(vnets, &child.parent, &child.value.name, report) else { continue };
        if is_repeated(&mut seen, ("peering", vnet.0), &child.value.name, report) {
            continue;
        }
        if let Some(vnet) = raw.virtual_networks.get_mut(vnet.0) {
            put(&mut vnet.peerings, child.value, |peering| &peering.name.value);
        }
    }
    for child in std::mem::take(&mut raw.subnets) {
        let Some(vnet) = parent(vnets, &child.parent, &child.value.name, report) else { continue };
        if is_repeated(&mut seen, ("subnet", vnet.0), &child.value.name, report) {
            continue;
        }
        if let Some(vnet) = raw.virtual_networks.get_mut(vnet.0) {
            put(&mut vnet.subnets, child.value, |subnet| &subnet.name.value);
        }
    }
}

/// Reports every name that was used before in the same parent.
pub(super) fn names_differ<'a>(
    names: impl Iterator<Item = &'a At<String>>,
    what: &'static str,
    parent: &str,
    report: &mut Report,
) {
    let mut seen: HashMap<String, &At<String>> = HashMap::new();
    // Of one without a name that is said.
    for name in names.filter(|name| !raw::is_unread(&name.value) && !name.value.is_empty()) {
        if let Some(first) = seen.get(&name.value.to_ascii_lowercase()) {
            let message = format!("'{parent}' has two {what}s '{}'", name.value);
            let help = "names compare without regard to case; rename one";
            let error = Diagnostic::error(codes::DUPLICATE_RESOURCE_NAME, &name.at, message).help(help);
            report.push(error.related(&first.at, "first used here"));
        } else {
            seen.insert(name.value.to_ascii_lowercase(), name);
        }
    }
}

/// Whether a parent is a network that nobody has given us. Templates write both halves of a peering, also that of a hub in
/// another resource group; a name that is nearly one of ours is a mistake.
fn is_elsewhere(vnets: &Directory<VnetIndex>, parent: &str) -> bool {
    match vnets.find(parent) {
        Err(NotFound::Missing { nearest, .. }) => {
            is_full(parent) && (nearest.is_none() || !vnets.has_place_of(parent))
        }
        _ => false,
    }
}

/// What is said of a half of a peering whose own network is in none of the documents: it joins nothing here.
fn half_elsewhere(half: &raw::Child<raw::Peering>) -> Diagnostic {
    let (name, vnet) = (&half.value.name, &half.parent.value);
    let message = format!(
        "peering '{}' is of the virtual network '{vnet}', which is in none of the documents",
        name.value
    );
    let warning = Diagnostic::warning(codes::PEERING_NOT_CONNECTED, &name.at, message);
    warning.help("nsgate acts as though the peering were not there; add the other network's document")
}

fn parent<I: Copy>(
    directory: &Directory<I>,
    reference: &At<String>,
    child: &At<String>,
    report: &mut Report,
) -> Option<I> {
    if raw::is_unread(&reference.value) {
        report.unread = true;
        return None;
    }
    match directory.find(&reference.value) {
        Ok(index) => Some(index),
        Err(error) => {
            let message = format!("'{}' has no parent: {error}", child.value);
            let help = error.help();
            report.push(Diagnostic::error(codes::PARENT_RESOURCE_NOT_FOUND, &child.at, message).help(help));
            None
        }
    }
}

/// Whether another child resource of the same parent has the name; reported if so.
fn is_repeated(
    seen: &mut HashMap<(&'static str, usize, String), At<String>>,
    (what, parent): (&'static str, usize),
    name: &At<String>,
    report: &mut Report,
) -> bool {
    if raw::is_unread(&name.value) {
        return false;
    }
    let key = (what, parent, name.value.to_ascii_lowercase());
    let Some(first) = seen.get(&key) else {
        seen.insert(key, name.clone());
        return false;
    };
    let message = format!("there are two child resources '{}'", name.value);
    let error = Diagnostic::error(codes::DUPLICATE_RESOURCE_NAME, &name.at, message);
    report.push(error.help("take one of them away").related(&first.at, "first used here"));
    true
}

fn put<T>(list: &mut Vec<T>, child: T, name: impl Fn(&T) -> &str) {
    match list.iter_mut().find(|inline| name(inline).eq_ignore_ascii_case(name(&child))) {
        Some(inline) => *inline = child,
        None => list.push(child),
    }
}
