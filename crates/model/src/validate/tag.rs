//! Service tags by the names that rules give them.

use crate::near_tag::near_tag;
use crate::words::SPECIAL;
use crate::{AddressMatch, Network, RouteDestination, ServiceTag, ServiceTags, TagIndex, TagUse, codes};
use diagnostic::{Diagnostic, Location, Severity};
use std::fmt::Display;
use std::net::IpAddr;
use std::sync::Arc;

/// What is worth a look about a tag.
pub(super) struct TagWarning {
    code: &'static str,
    what: &'static str,
    help: String,
}

impl TagWarning {
    /// The warning about the tag `text` that `by` names at a place.
    pub(super) fn of(self, by: &dyn Display, text: &str, at: &Location) -> Diagnostic {
        let message = format!("{by} has the service tag '{text}', {}", self.what);
        Diagnostic::warning(self.code, at, message).help(self.help)
    }
}

/// The tag of that name, with what is worth a warning about it.
pub(super) fn find_tag(text: &str, tags: &ServiceTags) -> Option<(ServiceTag, Option<TagWarning>)> {
    let special = |name: &str| SPECIAL.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    // The classic deployment model wrote them in capitals with underscores.
    let modern = match text.to_ascii_uppercase().as_str() {
        "VIRTUAL_NETWORK" => Some("VirtualNetwork"),
        "AZURE_LOADBALANCER" => Some("AzureLoadBalancer"),
        _ => (text == "INTERNET").then_some("Internet"),
    };
    if let Some((name, tag)) = modern.and_then(special) {
        let (code, what) = (codes::CLASSIC_SERVICE_TAG, "its spelling in the classic model");
        return Some((*tag, Some(TagWarning { code, what, help: format!("write {name}") })));
    }
    if let Some((_, tag)) = special(text) {
        return Some((*tag, None));
    }
    let index = tags.find(text)?;
    let usable = tags.get(index).is_some_and(|tag| tag.usable_in_nsg);
    let warning = (!usable).then(|| TagWarning {
        code: codes::SERVICE_TAG_NOT_FOR_NSG,
        what: "which the tag file does not list for NSGs",
        help: "Azure may refuse the rule: look for a tag of the same service that lists NSG".to_owned(),
    });
    Some((ServiceTag::Named(index), warning))
}

/// The same for the prefix of a route. The tags that are computed are for rules only.
///
/// # Source
/// Azure "Virtual network traffic routing", *Service tags for user-defined routes*.
pub(super) fn find_for_route(text: &str, tags: &ServiceTags) -> Option<(TagIndex, Option<TagWarning>)> {
    let index = tags.find(text)?;
    let usable = tags.get(index).is_some_and(|tag| tag.usable_in_routes);
    let warning = (!usable).then(|| TagWarning {
        code: codes::SERVICE_TAG_NOT_FOR_ROUTES,
        what: "which the tag file does not list for user-defined routes",
        help: "Azure may refuse the route: look for a tag of the same service that lists UDR".to_owned(),
    });
    Some((index, warning))
}

/// The error of a route's prefix that is neither a prefix nor a tag; `by` is whose it is.
pub(super) fn unknown_in_route(
    by: &dyn Display,
    text: &str,
    at: &Location,
    tags: &ServiceTags,
) -> Diagnostic {
    let message = format!("{by} has the address prefix '{text}'");
    let error = Diagnostic::error(codes::INVALID_ADDRESS_PREFIX_FORMAT, at, message);
    if let Some((name, _)) = SPECIAL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return error.help(format!("{name} is for rules only: write a prefix, such as 0.0.0.0/0"));
    }
    error.help(match known_as(text, tags, &[]) {
        Some(help) => help,
        None if looks_like_tag(text) && tags.is_empty() => {
            "write a prefix or a service tag; no file of service tags is loaded".to_owned()
        }
        None => "write an address and a length, such as 10.1.0.0/16, or a service tag".to_owned(),
    })
}

/// The error of a text that is neither an address nor a tag; `by` is whose it is.
pub(super) fn unknown(by: &dyn Display, text: &str, at: &Location, tags: &ServiceTags) -> Diagnostic {
    let message = format!("{by} has the address prefix '{text}', {}", no_prefix(text));
    let error = Diagnostic::error(codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX, at, message);
    error.help(unknown_help(text, tags))
}

/// Whether a text is written as an expression of a template: where it is not evaluated, as in a parameter file, it stays.
pub(super) fn is_expression(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']')
}

/// Why a text is no address prefix, as the end of a sentence.
pub(super) fn no_prefix(text: &str) -> &'static str {
    let length = text.split_once('/').filter(|(address, _)| address.parse::<IpAddr>().is_ok());
    match length {
        _ if is_expression(text) => "which is an expression that nothing evaluates there",
        _ if text.contains(',') => "which is a list",
        Some((address, length)) if length.bytes().all(|b| b.is_ascii_digit()) && !length.is_empty() => {
            if length.starts_with('0') && length.len() > 1 {
                "whose length begins with 0"
            } else if address.contains(':') {
                "whose length is not within 0-128"
            } else {
                "whose length is not within 0-32"
            }
        }
        Some(_) => "whose length is no number",
        None if looks_like_tag(text) => "which is no known service tag",
        None => "which is neither *, an address, a prefix nor a service tag",
    }
}

/// The error of a tag that the file in force had, and the new one has not.
fn lost(by: &dyn Display, in_route: bool, text: &str, at: &Location, tags: &ServiceTags) -> Diagnostic {
    let code = match in_route {
        true => codes::INVALID_ADDRESS_PREFIX_FORMAT,
        false => codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX,
    };
    let message = format!("{by} has the address prefix '{text}', a service tag that the new file lacks");
    let others: &[_] = if in_route { &[] } else { &SPECIAL };
    let near = known_as(text, tags, others).map(|near| format!("; {near}")).unwrap_or_default();
    Diagnostic::error(code, at, message).help(format!("the tags in force stay{near}"))
}

fn unknown_help(text: &str, tags: &ServiceTags) -> String {
    match known_as(text, tags, &SPECIAL) {
        Some(help) => help,
        None if looks_like_tag(text) && tags.is_empty() => {
            "write *, an address, a prefix or a service tag; no file of service tags is loaded".to_owned()
        }
        None => "write *, an address, a prefix such as 10.0.1.0/24, or a service tag".to_owned(),
    }
}

/// The tag that was meant, of the file's and these others.
fn known_as(text: &str, tags: &ServiceTags, others: &[(&str, ServiceTag)]) -> Option<String> {
    // The file spells some regions in short: AzureCloud.centralfrance, but Storage.FranceCentral.
    let regional = text.rsplit_once('.').and_then(|(service, region)| tags.find_in_region(service, region));
    let regional = regional.and_then(|index| tags.get(index)).map(|tag| &*tag.name);
    let known = others.iter().map(|(name, _)| *name).chain(tags.iter().map(|tag| &*tag.name));
    regional.or_else(|| near_tag(text, known)).map(|name| format!("did you mean '{name}'?"))
}

fn looks_like_tag(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', '/'])
}

/// The same network with the tags of another file, found by the names that the rules and routes give them.
///
/// # Returns
/// The network, or `None` where a rule or route names a tag that the other file has not; and what [`validate`](crate::validate)
/// would say of each tag that is named, in the order of their places.
///
/// # Cost
/// A copy of the network.
pub fn retag(network: &Network, tags: Arc<ServiceTags>) -> (Option<Network>, Vec<Diagnostic>) {
    let mut found: Vec<Diagnostic> = Vec::new();
    for TagUse { by, in_route, written } in &network.tag_uses {
        let known = if *in_route {
            find_for_route(&written.value, &tags).map(|(_, warning)| warning)
        } else {
            find_tag(&written.value, &tags).map(|(_, warning)| warning)
        };
        match known {
            None => found.push(lost(by, *in_route, &written.value, &written.at, &tags)),
            Some(warning) => {
                found.extend(warning.map(|warning| warning.of(by, &written.value, &written.at)));
            }
        }
    }
    found.sort_by(|a, b| a.at.cmp(&b.at));
    if found.iter().any(|one| one.severity == Severity::Error) {
        return (None, found);
    }
    let mut next = network.clone();
    let sides = next.security_groups.iter_mut().flat_map(|group| &mut group.rules);
    let of_rules = sides.flat_map(|rule| [&mut rule.source, &mut rule.destination]);
    let of_rules = of_rules.filter_map(|side| match side {
        AddressMatch::Tag(ServiceTag::Named(index)) => Some(index),
        _ => None,
    });
    let routes = next.route_tables.iter_mut().flat_map(|table| &mut table.routes);
    let of_routes = routes.filter_map(|route| match &mut route.destination {
        RouteDestination::Tag(index) => Some(index),
        RouteDestination::Prefix(_) => None,
    });
    for index in of_rules.chain(of_routes) {
        match network.service_tags.get(*index).and_then(|tag| tags.find(&tag.name)) {
            Some(new) => *index = new,
            // Not reached: each of them has its place in the list above. Nothing would match a tag that is no more.
            None => return (None, found),
        }
    }
    next.service_tags = tags;
    (Some(next), found)
}
