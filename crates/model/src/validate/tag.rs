//! Service tags by the names that rules give them.

use crate::words::SPECIAL;
use crate::{
    AddressMatch, Diagnostic, Location, Network, ServiceTag, ServiceTags, Severity, TagUse, codes, nearest,
};
use std::fmt::Display;
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

/// The error of a text that is neither an address nor a tag; `by` is whose it is.
pub(super) fn unknown(by: &dyn Display, text: &str, at: &Location, tags: &ServiceTags) -> Diagnostic {
    let message = format!("{by} has the address prefix '{text}'");
    let error = Diagnostic::error(codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX, at, message);
    error.help(unknown_help(text, tags))
}

fn unknown_help(text: &str, tags: &ServiceTags) -> String {
    // The file spells some regions in short: AzureCloud.centralfrance, but Storage.FranceCentral.
    let regional = text.rsplit_once('.').and_then(|(service, region)| tags.find_in_region(service, region));
    if let Some(tag) = regional.and_then(|index| tags.get(index)) {
        return format!("did you mean '{}'?", tag.name);
    }
    let known = SPECIAL.iter().map(|(name, _)| *name).chain(tags.iter().map(|tag| &*tag.name));
    if let Some(name) = nearest(text, known) {
        return format!("did you mean '{name}'?");
    }
    let looks_like_tag = text.starts_with(|c: char| c.is_ascii_alphabetic()) && !text.contains([':', '/']);
    if looks_like_tag && tags.is_empty() {
        return "write *, an address, a prefix or a service tag; no file of service tags is loaded"
            .to_owned();
    }
    "write *, an address, a prefix such as 10.0.1.0/24, or a service tag".to_owned()
}

/// The same network with the tags of another file, found by the names that the rules give them.
///
/// # Returns
/// The network, or `None` where a rule names a tag that the other file has not; and what [`validate`](crate::validate)
/// would say of each tag that is named, in the order of their places.
///
/// # Cost
/// A copy of the network.
pub fn retag(network: &Network, tags: Arc<ServiceTags>) -> (Option<Network>, Vec<Diagnostic>) {
    let mut found: Vec<Diagnostic> = Vec::new();
    for TagUse { by, written } in &network.tag_uses {
        match find_tag(&written.value, &tags) {
            None => found.push(unknown(by, &written.value, &written.at, &tags)),
            Some((_, warning)) => {
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
    for side in sides.flat_map(|rule| [&mut rule.source, &mut rule.destination]) {
        let AddressMatch::Tag(ServiceTag::Named(index)) = side else { continue };
        match network.service_tags.get(*index).and_then(|tag| tags.find(&tag.name)) {
            Some(new) => *index = new,
            // Not reached: each of them has its place in the list above. Nothing would match a tag that is no more.
            None => return (None, found),
        }
    }
    next.service_tags = tags;
    (Some(next), found)
}
