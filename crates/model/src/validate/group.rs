//! A network security group: what its rules must be together.

use super::rule::{self, Scope};
use super::{Report, children, id_of, prefix};
use crate::reference::Kind;
use crate::{AddressMatch, AsgIndex, NetworkSecurityGroup, SecurityRule, codes, limits, raw};
use diagnostic::{At, Diagnostic, Location};
use std::collections::{HashMap, HashSet};

/// The group with those of its rules that are sound.
pub(super) fn build(
    raw: &raw::NetworkSecurityGroup,
    scope: &Scope<'_>,
    report: &mut Report,
) -> NetworkSecurityGroup {
    let name = &raw.name.value;
    children::names_differ(raw.rules.iter().map(|rule| &rule.name), "rule", name, report);
    slots_differ(raw, report);
    counts(raw, report);
    let rules: Vec<SecurityRule> =
        raw.rules.iter().filter_map(|rule| rule::build(rule, name, scope, report)).collect();
    asg_count(raw, &rules, report);
    NetworkSecurityGroup {
        id: id_of(Kind::SecurityGroup, raw.id.as_ref(), name),
        name: name.as_str().into(),
        rules,
    }
}

/// Where the names of its rules are written.
pub(super) fn places(raw: &raw::NetworkSecurityGroup) -> Vec<Location> {
    raw.rules.iter().map(|rule| rule.name.at.clone()).collect()
}

/// No two rules of a direction have one priority.
fn slots_differ(raw: &raw::NetworkSecurityGroup, report: &mut Report) {
    let mut seen: HashMap<_, &raw::SecurityRule> = HashMap::new();
    for rule in &raw.rules {
        let Some(slot) = rule::slot(rule) else { continue };
        let Some(first) = seen.get(&slot) else {
            seen.insert(slot, rule);
            continue;
        };
        let ((direction, priority), group) = (slot, &raw.name.value);
        let message = format!(
            "rule '{group}/{}' conflicts with '{}': both are {direction:?} with priority {priority}",
            rule.name.value, first.name.value
        );
        let place = |rule: &'_ raw::SecurityRule| match &rule.priority {
            Some(priority) => priority.at.clone(),
            None => rule.name.at.clone(),
        };
        let help = "give each rule of a direction its own priority";
        let error = Diagnostic::error(codes::SECURITY_RULE_CONFLICT, &place(rule), message).help(help);
        let used = format!("first used here, by '{}'", first.name.value);
        report.push(error.related(&place(first), used));
    }
}

/// The limits on rules, addresses and ports.
fn counts(raw: &raw::NetworkSecurityGroup, report: &mut Report) {
    let name = &raw.name;
    if raw.rules.len() > limits::RULES_PER_SECURITY_GROUP {
        let message = format!("network security group '{}' has {} rules", name.value, raw.rules.len());
        let help = format!("use at most {}", limits::RULES_PER_SECURITY_GROUP);
        report.push(Diagnostic::error(codes::SECURITY_RULE_COUNT_LIMIT, &name.at, message).help(help));
    }
    type Count = fn(&raw::SecurityRule) -> usize;
    let fields: [(&str, Count); 4] = [
        ("SourceAddressPrefixes", |rule| addresses(&rule.source)),
        ("DestinationAddressPrefixes", |rule| addresses(&rule.destination)),
        ("SourcePortRanges", |rule| ports(&rule.source_ports)),
        ("DestinationPortRanges", |rule| ports(&rule.destination_ports)),
    ];
    for (field, count) in fields {
        let total: usize = raw.rules.iter().map(count).sum();
        let limit = limits::ADDRESSES_OR_PORTS_PER_SECURITY_GROUP;
        if total > limit {
            let message = format!("network security group '{}' has {total} {field}", name.value);
            let help = format!("use at most {limit} in all rules together; widen prefixes or ranges");
            report.push(Diagnostic::error(codes::ADDRESSES_OR_PORTS_LIMIT, &name.at, message).help(help));
        }
    }
}

/// Addresses written; `*` and tags are none.
fn addresses(raw: &raw::Addresses) -> usize {
    let single = raw.prefix.as_ref().is_some_and(|it| prefix::parse(it.value.trim()).is_ok());
    raw.prefixes.len() + usize::from(single)
}

/// Ports and ranges written; `*` is none.
fn ports(raw: &raw::Ports) -> usize {
    let counts = |it: &At<String>| !matches!(it.value.trim(), "*" | "");
    raw.ranges.len() + usize::from(raw.range.as_ref().is_some_and(counts))
}

fn asg_count(raw: &raw::NetworkSecurityGroup, rules: &[SecurityRule], report: &mut Report) {
    let sides = rules.iter().flat_map(|rule| [&rule.source, &rule.destination]);
    let named: HashSet<AsgIndex> = sides
        .filter_map(|side| match side {
            AddressMatch::ApplicationSecurityGroups(groups) => Some(groups),
            _ => None,
        })
        .flatten()
        .copied()
        .collect();
    if named.len() > limits::ASGS_PER_SECURITY_GROUP {
        let (name, count) = (&raw.name, named.len());
        let message = format!("the rules of '{}' name {count} application security groups", name.value);
        let help = format!("name at most {}", limits::ASGS_PER_SECURITY_GROUP);
        report.push(Diagnostic::error(codes::ASGS_IN_GROUP_LIMIT, &name.at, message).help(help));
    }
}
