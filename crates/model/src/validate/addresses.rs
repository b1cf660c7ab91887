//! The address fields of a rule: prefixes, service tags, application security groups.

use super::prefix::{self, BadPrefix};
use super::rule::{Scope, Side};
use super::tag::{self, find_tag};
use super::{Report, text};
use crate::{AddressMatch, AsgIndex, ServiceTag, TagUse, codes, limits, raw};
use diagnostic::{At, Diagnostic};
use ipnet::IpNet;

/// One side's addresses as far as they could be read.
#[derive(Default)]
pub(super) struct Built<'a> {
    /// What the side matches, or `None` where it is wrong, which is reported.
    pub(super) matched: Option<AddressMatch>,
    /// The first IPv4 prefix.
    pub(super) v4: Option<&'a At<String>>,
    /// The first IPv6 prefix.
    pub(super) v6: Option<&'a At<String>>,
}

impl<'a> Built<'a> {
    fn note_family(&mut self, net: &IpNet, written: &'a At<String>) {
        let first = if matches!(net, IpNet::V4(_)) { &mut self.v4 } else { &mut self.v6 };
        first.get_or_insert(written);
    }
}

/// Reads one side's addresses.
pub(super) fn build<'a>(
    raw: &'a raw::Addresses,
    side: &Side<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Built<'a> {
    let mut built = Built::default();
    let prefix = raw.prefix.as_ref().filter(|prefix| !prefix.value.trim().is_empty());
    let lone = prefix.and_then(|written| single(written, side, scope, &mut built, report));
    let listed = several(&raw.prefixes, side, scope, &mut built, report);
    let grouped = groups(&raw.application_security_groups, side, scope, report);

    let first_asg = raw.application_security_groups.first();
    let given: Vec<&At<String>> = [prefix, raw.prefixes.first(), first_asg].into_iter().flatten().collect();
    let fields = ["AddressPrefix", "AddressPrefixes", "ApplicationSecurityGroups"].map(|it| side.field(it));
    match given.as_slice() {
        [_] => {
            // Exactly one of the three was given, so at most one of the three was read.
            built.matched = lone.or(listed).or(grouped);
        }
        [] if side.rule.incomplete => {}
        [] => {
            let message = match &raw.prefix {
                Some(_) => format!("{side} has an empty {}", fields[0]),
                None => format!("{side} has none of {}", fields.join(", ")),
            };
            let help = match &raw.prefix {
                Some(_) => "write \"*\" for any address".to_owned(),
                None => format!("write exactly one of them; \"{}\": \"*\" is any address", fields[0]),
            };
            let at = raw.prefix.as_ref().map_or(&side.rule.name.at, |prefix| &prefix.at);
            report.push(Diagnostic::error(codes::SECURITY_RULE_PARAMETERS_MISSING, at, message).help(help));
        }
        several => {
            let values: Vec<&str> = several.iter().map(|it| it.value.as_str()).collect();
            let is_longer = raw.prefixes.len() > 1 || raw.application_security_groups.len() > 1;
            let more = if is_longer { " …" } else { "" };
            let message =
                format!("{side} has several of {} ({}{more})", fields.join(", "), values.join(", "));
            if let Some(later) = several.iter().map(|it| &it.at).max() {
                let error = Diagnostic::error(codes::SECURITY_RULE_PARAMETER_CONFLICT, later, message);
                let others = several.iter().filter(|it| it.at != *later);
                let error = others.fold(error, |error, it| error.related(&it.at, "and given here"));
                report.push(error.help("keep exactly one of them"));
            }
        }
    }
    built
}

/// The singular field: `*`, an address, a prefix or a tag.
fn single<'a>(
    written: &'a At<String>,
    side: &Side<'_>,
    scope: &Scope<'_>,
    built: &mut Built<'a>,
    report: &mut Report,
) -> Option<AddressMatch> {
    let text = text::trimmed(written, report);
    if is_any(text) {
        return Some(AddressMatch::Any);
    }
    match prefix::parse(text) {
        Ok(net) => {
            built.note_family(&net, written);
            return Some(AddressMatch::Prefixes(vec![net]));
        }
        Err(BadPrefix::HostBits(net)) => {
            host_bits(written, text, net, side, report);
            return None;
        }
        Err(BadPrefix::NotCidr) => {}
    }
    let Some((tag, warning)) = find_tag(text, scope.tags) else {
        let error = tag::unknown(&side, text, &written.at, scope.tags);
        let near_tag = error.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
        report.push(match not_a_tag(text, near_tag, side, scope) {
            _ if tag::is_expression(text) => {
                error.help("write what it comes to, or the expression itself in the template")
            }
            _ if text.contains(',') => {
                error.help(format!("write the prefixes one by one in {}", side.field("AddressPrefixes")))
            }
            Some(help) => error.help(help),
            None => error,
        });
        return None;
    };
    warning.into_iter().for_each(|warning| report.push(warning.of(&side, text, &written.at)));
    if let ServiceTag::Named(_) = tag {
        let written = At { value: text.to_owned(), at: written.at.clone() };
        report.tag_uses.push(TagUse { by: side.to_string(), in_route: false, written });
    }
    Some(AddressMatch::Tag(tag))
}

/// What to do where the name of something else stands in a tag's place: of a group, a subnet or a virtual network. A
/// name that is only near one counts where no tag is near.
fn not_a_tag(text: &str, near_tag: bool, side: &Side<'_>, scope: &Scope<'_>) -> Option<String> {
    let subnets = || scope.vnets.iter().flat_map(|vnet| &vnet.subnets);
    let groups = scope.asg_names.iter().copied();
    let names =
        groups.clone().chain(subnets().map(|it| &*it.name)).chain(scope.vnets.iter().map(|it| &*it.name));
    let exact = names.clone().find(|name| name.eq_ignore_ascii_case(text));
    let near = || if near_tag { None } else { diagnostic::nearest(text, names) };
    let name = exact.or_else(near)?;
    let listed = |nets: &[IpNet]| nets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if groups.into_iter().any(|known| known == name) {
        let field = side.field("ApplicationSecurityGroups");
        return Some(format!("'{name}' is an application security group: name it in {field}"));
    }
    if let Some(subnet) = subnets().find(|it| *it.name == *name) {
        return Some(format!("'{name}' is a subnet: write its prefix {}", listed(&subnet.prefixes)));
    }
    let vnet = scope.vnets.iter().find(|it| *it.name == *name)?;
    let space = listed(&vnet.address_space);
    Some(format!("'{name}' is a virtual network: write its prefix {space}, or the tag VirtualNetwork"))
}

/// The plural field: addresses and prefixes only, none inside another.
fn several<'a>(
    list: &'a [At<String>],
    side: &Side<'_>,
    scope: &Scope<'_>,
    built: &mut Built<'a>,
    report: &mut Report,
) -> Option<AddressMatch> {
    let mut nets = Vec::with_capacity(list.len());
    let mut places = Vec::with_capacity(list.len());
    for written in list {
        let text = text::trimmed(written, report);
        match prefix::parse(text) {
            Ok(net) => {
                built.note_family(&net, written);
                nets.push(net);
                places.push(written);
            }
            Err(BadPrefix::HostBits(net)) => host_bits(written, text, net, side, report),
            Err(BadPrefix::NotCidr) if is_any(text) || find_tag(text, scope.tags).is_some() => {
                let message = format!("{side} lists '{text}', but only addresses and prefixes can be listed");
                let help = format!("put it alone into {}", side.field("AddressPrefix"));
                let error = Diagnostic::error(codes::SECURITY_RULE_UNSUPPORTED_VALUE, &written.at, message);
                report.push(error.help(help));
            }
            Err(BadPrefix::NotCidr) => {
                let message = format!("{side} has the address prefix '{text}', {}", tag::no_prefix(text));
                let help = "list addresses such as 10.0.1.4 and prefixes such as 10.0.1.0/24";
                let error =
                    Diagnostic::error(codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX, &written.at, message);
                report.push(error.help(help));
            }
        }
    }
    let overlaps = prefix::overlaps(&nets);
    for &(wide, inner) in &overlaps {
        let (one, other) = (&places[wide].at, &places[inner].at);
        let (first, later) = if one <= other { (one, other) } else { (other, one) };
        let message = format!("{side} lists [{}, {}], which overlap", nets[wide], nets[inner]);
        let help = format!("take {} away", nets[inner]);
        let error = Diagnostic::error(codes::OVERLAPPING_PREFIXES, later, message).help(help);
        report.push(error.related(first, "overlaps this one"));
    }
    let sound = !list.is_empty() && nets.len() == list.len() && overlaps.is_empty();
    sound.then_some(AddressMatch::Prefixes(nets))
}

fn groups(
    list: &[At<String>],
    side: &Side<'_>,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<AddressMatch> {
    if list.len() > limits::ASGS_PER_RULE_SIDE {
        let message = format!("{side} names {} application security groups", list.len());
        let help = format!("name at most {}", limits::ASGS_PER_RULE_SIDE);
        let at = list.get(limits::ASGS_PER_RULE_SIDE).unwrap_or(&side.rule.name);
        report.push(Diagnostic::error(codes::ASGS_IN_RULE_LIMIT, &at.at, message).help(help));
    }
    let mut groups: Vec<AsgIndex> = Vec::with_capacity(list.len());
    let mut sound = !list.is_empty();
    for reference in list {
        match report.resolve(scope.asgs, reference, format_args!("{side}")) {
            Some(index) if !groups.contains(&index) => groups.push(index),
            Some(_) => {}
            None => sound = false,
        }
    }
    sound.then_some(AddressMatch::ApplicationSecurityGroups(groups))
}

fn host_bits(written: &At<String>, text: &str, net: IpNet, side: &Side<'_>, report: &mut Report) {
    let message = format!("{side} has the address prefix '{text}', which has host bits set");
    let error = Diagnostic::error(codes::SECURITY_RULE_INVALID_ADDRESS_PREFIX, &written.at, message);
    report.push(error.help(format!("did you mean '{net}'?")));
}

fn is_any(text: &str) -> bool {
    text == "*" || text.eq_ignore_ascii_case("any")
}
