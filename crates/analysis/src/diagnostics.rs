//! Rules that change nothing, as warnings.

use crate::codes;
use crate::lint::{Finding, Findings, Idle};
use model::{Access, Diagnostic, Location, Network, NetworkSecurityGroup, NsgIndex, SecurityRule, Severity};
use std::sync::Arc;

/// How many rules a message names, and how many places it shows.
const NAMED: usize = 5;

/// The findings as warnings, each at its rule with the rules that decide instead beside it.
pub fn diagnostics(network: &Network, found: &Findings) -> Vec<Diagnostic> {
    let idle = found.findings.iter().filter_map(|finding| warning(network, finding));
    let complex = found.too_complex.iter().filter_map(|(group, rule)| {
        let (nsg, own) = rule_of(network, *group, *rule)?;
        let message = format!("the rules around '{}/{}' overlap in too many ways", nsg.name, own.name);
        let warning = at(codes::TOO_COMPLEX, place(network, *group, *rule), message);
        Some(warning.help("whether it changes anything is not known"))
    });
    idle.chain(complex).collect()
}

fn warning(network: &Network, finding: &Finding) -> Option<Diagnostic> {
    let Finding { group, rule, idle, by, by_default } = finding;
    let (nsg, own) = rule_of(network, *group, *rule)?;
    let label = format!("rule '{}/{}'", nsg.name, own.name);
    let others = listed(by);
    let (code, message, help) = match idle {
        Idle::Shadowed => (
            codes::SHADOWED,
            format!(
                "no packet reaches {label}: {others} {} all of its packets earlier",
                verb(by, "decides over", "decide over")
            ),
            "take it away, or give it a lower priority number".to_owned(),
        ),
        Idle::Redundant if *by_default => (
            codes::REDUNDANT,
            format!("{label} repeats what {others} {} anyway", default_verb(own, by)),
            "it may stay where the name in the logs is worth it".to_owned(),
        ),
        Idle::Redundant => (
            codes::REDUNDANT,
            match by.is_empty() {
                true => format!("{label} changes nothing"),
                false => format!(
                    "{label} changes nothing: without it {others} {} alike",
                    verb(by, "decides", "decide")
                ),
            },
            "take it away, or change its order".to_owned(),
        ),
    };
    let mut warning = at(code, place(network, *group, *rule), message).help(help);
    for name in by.iter().take(NAMED) {
        let other = nsg.rules.iter().position(|it| it.name == *name && it.direction == own.direction);
        if let Some(at) = other.and_then(|other| place(network, *group, other)) {
            warning = warning.related(at, format!("'{name}' is here"));
        }
    }
    Some(warning)
}

fn at(code: &'static str, at: Option<&Location>, message: String) -> Diagnostic {
    match at {
        Some(at) => Diagnostic::warning(code, at, message),
        None => Diagnostic { severity: Severity::Warning, ..Diagnostic::nowhere(code, message) },
    }
}

fn rule_of(
    network: &Network,
    group: NsgIndex,
    rule: usize,
) -> Option<(&NetworkSecurityGroup, &SecurityRule)> {
    let nsg = network.security_groups.get(group.0)?;
    Some((nsg, nsg.rules.get(rule)?))
}

fn place(network: &Network, group: NsgIndex, rule: usize) -> Option<&Location> {
    network.rule_places.get(group.0)?.get(rule)
}

fn listed(names: &[Arc<str>]) -> String {
    let words: Vec<String> = names.iter().take(NAMED).map(|name| format!("'{name}'")).collect();
    match names.len().saturating_sub(NAMED) {
        0 => words.join(", "),
        more => format!("{} and {more} more", words.join(", ")),
    }
}

fn verb(names: &[Arc<str>], one: &'static str, many: &'static str) -> &'static str {
    if names.len() == 1 { one } else { many }
}

fn default_verb(rule: &SecurityRule, by: &[Arc<str>]) -> &'static str {
    match rule.access {
        Access::Allow => verb(by, "allows", "allow"),
        Access::Deny => verb(by, "denies", "deny"),
    }
}
