//! One security rule.

use super::addresses::{self, Built};
use super::{Report, ports, text};
use crate::reference::Directory;
use crate::{
    Access, AddressMatch, AsgIndex, Direction, PortSet, RuleProtocol, SecurityRule, ServiceTag, ServiceTags,
    VirtualNetwork, VnetIndex, codes, limits, raw,
};
use diagnostic::{At, Diagnostic, INVALID_REQUEST_FORMAT};
use std::fmt;

/// What a rule may name.
pub(super) struct Scope<'a> {
    pub(super) tags: &'a ServiceTags,
    pub(super) asgs: &'a Directory<AsgIndex>,
    /// The virtual network of each group's members; `None` for a group without members.
    pub(super) asg_vnets: &'a [Option<VnetIndex>],
    /// What a tag's place is given to by mistake: virtual networks with their subnets, and groups.
    pub(super) vnets: &'a [VirtualNetwork],
    pub(super) asg_names: &'a [&'a str],
}

/// One side of a rule, as messages name it.
pub(super) struct Side<'a> {
    pub(super) group: &'a str,
    pub(super) rule: &'a raw::SecurityRule,
    /// `source` or `destination`.
    pub(super) side: &'static str,
}

impl Side<'_> {
    /// The name of one of the side's fields.
    pub(super) fn field(&self, rest: &str) -> String {
        format!("{}{rest}", self.side)
    }
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of {}", self.side, label(self.group, &self.rule.name.value))
    }
}

/// A rule as messages name it.
pub(super) fn label(group: &str, rule: &str) -> String {
    match group {
        "" => format!("rule '{rule}' of a network security group without a name"),
        group => format!("rule '{group}/{rule}'"),
    }
}

/// The rule, or `None` where anything in it is wrong, which is reported.
pub(super) fn build(
    raw: &raw::SecurityRule,
    group: &str,
    scope: &Scope<'_>,
    report: &mut Report,
) -> Option<SecurityRule> {
    let label = label(group, &raw.name.value);
    text::name(&raw.name, &format!("a rule of '{group}'"), report);
    description(raw, &label, report);
    let priority = priority(raw, &label, report);
    let direction = word(raw, raw.direction.as_ref(), "direction", &DIRECTIONS, &label, report);
    let access = word(raw, raw.access.as_ref(), "access", &ACCESSES, &label, report);
    let protocol = word(raw, raw.protocol.as_ref(), "protocol", &PROTOCOLS, &label, report);

    let from = Side { group, rule: raw, side: "source" };
    let to = Side { group, rule: raw, side: "destination" };
    let source = addresses::build(&raw.source, &from, scope, report);
    let source_ports = ports::build(&raw.source_ports, &from, report);
    let destination = addresses::build(&raw.destination, &to, scope, report);
    let destination_ports = ports::build(&raw.destination_ports, &to, report);
    one_family(&source, &destination, &label, report);
    one_vnet(raw, &source, &destination, scope, &label, report);
    for built in [&source, &destination] {
        platform_tags_are_denied(raw, access, built, &label, report);
    }

    let (source_ports, destination_ports) = (source_ports?, destination_ports?);
    let (source_ports, destination_ports) =
        meaningful_ports(raw, protocol?, source_ports, destination_ports, &label, report);
    Some(SecurityRule {
        name: raw.name.value.as_str().into(),
        default: false,
        priority: priority?,
        direction: direction?,
        access: access?,
        protocol: protocol?,
        source: source.matched?,
        source_ports,
        destination: destination.matched?,
        destination_ports,
    })
}

/// Direction and priority, where both can be read and are in range.
pub(super) fn slot(raw: &raw::SecurityRule) -> Option<(Direction, u16)> {
    let direction = lookup(raw.direction.as_ref()?.value.trim(), &DIRECTIONS)?;
    Some((direction, parse_priority(&raw.priority.as_ref()?.value)?))
}

const DIRECTIONS: [(&str, Direction); 2] =
    [("Inbound", Direction::Inbound), ("Outbound", Direction::Outbound)];
const ACCESSES: [(&str, Access); 2] = [("Allow", Access::Allow), ("Deny", Access::Deny)];
const PROTOCOLS: [(&str, RuleProtocol); 6] = [
    ("Tcp", RuleProtocol::Tcp),
    ("Udp", RuleProtocol::Udp),
    ("Icmp", RuleProtocol::Icmp),
    ("Esp", RuleProtocol::Esp),
    ("Ah", RuleProtocol::Ah),
    ("*", RuleProtocol::Any),
];

fn description(raw: &raw::SecurityRule, label: &str, report: &mut Report) {
    let Some(written) = &raw.description else { return };
    let length = written.value.chars().count();
    if length > limits::DESCRIPTION_CHARACTERS {
        let message = format!("{label} has a description of {length} characters");
        let help = format!("use at most {}", limits::DESCRIPTION_CHARACTERS);
        let code = codes::SECURITY_RULE_INVALID_DESCRIPTION;
        report.push(Diagnostic::error(code, &written.at, message).help(help));
    }
}

fn priority(raw: &raw::SecurityRule, label: &str, report: &mut Report) -> Option<u16> {
    let Some(written) = &raw.priority else {
        if !raw.incomplete {
            let message = format!("{label} has no priority");
            let code = codes::SECURITY_RULE_INVALID_PRIORITY;
            report.push(Diagnostic::error(code, &raw.name.at, message).help(priority_help()));
        }
        return None;
    };
    let priority = parse_priority(&written.value);
    if priority.is_none() {
        let message = format!("{label} has the priority {}, {}", written.value, no_priority(&written.value));
        let code = codes::SECURITY_RULE_INVALID_PRIORITY;
        report.push(Diagnostic::error(code, &written.at, message).help(priority_help()));
    }
    priority
}

fn parse_priority(text: &str) -> Option<u16> {
    let text = text.trim();
    let number = text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten()?;
    limits::PRIORITIES.contains(&number).then_some(number)
}

/// Why a text is no priority, as the end of a sentence.
fn no_priority(text: &str) -> String {
    let digits = text.trim().strip_prefix('-').unwrap_or(text.trim());
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return "which is not a whole number".into();
    }
    format!("which is not within {}-{}", limits::PRIORITIES.start(), limits::PRIORITIES.end())
}

fn priority_help() -> String {
    format!("use a whole number of {}-{}", limits::PRIORITIES.start(), limits::PRIORITIES.end())
}

/// One of the words allowed, whatever its case.
fn word<T: Copy>(
    raw: &raw::SecurityRule,
    written: Option<&At<String>>,
    field: &str,
    words: &[(&str, T)],
    label: &str,
    report: &mut Report,
) -> Option<T> {
    let allowed = || {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("use one of {}", words.join(", "))
    };
    let Some(written) = written else {
        if !raw.incomplete {
            let message = format!("{label} has no {field}");
            let error = Diagnostic::error(INVALID_REQUEST_FORMAT, &raw.name.at, message);
            report.push(error.help(allowed()));
        }
        return None;
    };
    let found = lookup(text::trimmed(written, report), words);
    if found.is_none() {
        let message = format!("{label} has the {field} '{}'", written.value);
        let error = Diagnostic::error(INVALID_REQUEST_FORMAT, &written.at, message);
        report.push(error.help(allowed()));
    }
    found
}

fn lookup<T: Copy>(text: &str, words: &[(&str, T)]) -> Option<T> {
    words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, value)| *value)
}

/// IPv4 and IPv6 never stand in one rule, not even on different sides.
fn one_family(source: &Built<'_>, destination: &Built<'_>, label: &str, report: &mut Report) {
    let (Some(v4), Some(v6)) = (source.v4.or(destination.v4), source.v6.or(destination.v6)) else { return };
    let (earlier, later) = if v4.at <= v6.at { (&v4.at, &v6.at) } else { (&v6.at, &v4.at) };
    let message = format!("{label} has the IPv4 prefix '{}' and the IPv6 prefix '{}'", v4.value, v6.value);
    let help = "write one rule for IPv4 and one for IPv6";
    let error = Diagnostic::error(codes::DIFFERENT_ADDRESS_FAMILIES, later, message).help(help);
    report.push(error.related(earlier, "the other family is here"));
}

/// The members of all groups of a rule are in one virtual network.
fn one_vnet(
    raw: &raw::SecurityRule,
    source: &Built<'_>,
    destination: &Built<'_>,
    scope: &Scope<'_>,
    label: &str,
    report: &mut Report,
) {
    let sides = [(&raw.source, source), (&raw.destination, destination)];
    let mut first: Option<(VnetIndex, &At<String>)> = None;
    for (addresses, built) in sides {
        if !matches!(built.matched, Some(AddressMatch::ApplicationSecurityGroups(_))) {
            continue;
        }
        for reference in &addresses.application_security_groups {
            let Ok(asg) = scope.asgs.find(&reference.value) else { continue };
            let Some(vnet) = scope.asg_vnets.get(asg.0).copied().flatten() else { continue };
            let (expected, witness) = *first.get_or_insert((vnet, reference));
            if expected != vnet {
                let message = format!(
                    "{label} names the application security groups '{}' and '{}', whose members are in different virtual networks",
                    witness.value, reference.value
                );
                let help = "write one rule for each virtual network";
                let code = codes::ASGS_OF_DIFFERENT_VNETS;
                let error = Diagnostic::error(code, &reference.at, message).help(help);
                report.push(error.related(&witness.at, "its members are in another virtual network"));
            }
        }
    }
}

/// Rules about the platform's own services can only switch them off.
fn platform_tags_are_denied(
    raw: &raw::SecurityRule,
    access: Option<Access>,
    built: &Built<'_>,
    label: &str,
    report: &mut Report,
) {
    let platform = matches!(
        built.matched,
        Some(AddressMatch::Tag(
            ServiceTag::AzurePlatformDns | ServiceTag::AzurePlatformImds | ServiceTag::AzurePlatformLkm
        ))
    );
    if platform && access == Some(Access::Allow) {
        let at = raw.access.as_ref().map_or(&raw.name.at, |access| &access.at);
        let message = format!("{label} has the access Allow for a tag of the platform");
        let help = "these services are reachable without a rule; only Deny is allowed";
        report.push(Diagnostic::error(codes::SECURITY_RULE_INVALID_ACCESS_TYPE, at, message).help(help));
    }
}

/// The ports, which are every port where the protocol has none.
fn meaningful_ports(
    raw: &raw::SecurityRule,
    protocol: RuleProtocol,
    source: PortSet,
    destination: PortSet,
    label: &str,
    report: &mut Report,
) -> (PortSet, PortSet) {
    if matches!(protocol, RuleProtocol::Any | RuleProtocol::Tcp | RuleProtocol::Udp) {
        return (source, destination);
    }
    for (ports, written) in [(&source, &raw.source_ports), (&destination, &raw.destination_ports)] {
        if ports.is_full() {
            continue;
        }
        let at = written.range.as_ref().or(written.ranges.first()).map_or(&raw.name.at, |range| &range.at);
        let message =
            format!("{label} has the ports {ports}, but {protocol:?} has no ports; they are ignored");
        report.push(Diagnostic::warning(codes::PORTS_WITHOUT_MEANING, at, message).help("write *"));
    }
    (PortSet::full(), PortSet::full())
}
