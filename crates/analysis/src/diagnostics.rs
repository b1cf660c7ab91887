//! Rules that change nothing, as warnings.

use crate::codes;
use crate::lint::{Finding, Findings, Idle, vantages};
use diagnostic::{Diagnostic, Location, Severity};
use model::{
    Access, AddressMatch, Network, NetworkSecurityGroup, NsgIndex, RouteTableIndex, RuleProtocol,
    SecurityRule, ServiceTag,
};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// How many rules a message names, and how many places it shows.
const NAMED: usize = 5;

/// The findings as warnings, each at its rule with the rules that decide instead beside it.
pub fn diagnostics(network: &Network, found: &Findings) -> Vec<Diagnostic> {
    let mut empty: HashMap<NsgIndex, Option<String>> = HashMap::new();
    let idle = found.findings.iter().filter_map(|finding| {
        let (_, own) = rule_of(network, finding.group, finding.rule)?;
        let internet = AddressMatch::Tag(ServiceTag::Internet);
        let names_internet = own.source == internet || own.destination == internet;
        let nothing = names_internet.then(|| {
            empty
                .entry(finding.group)
                .or_insert_with_key(|group| without_internet(network, *group))
                .as_deref()
        });
        warning(network, finding, nothing.flatten())
    });
    let icmp = icmp_over_ipv6(network);
    idle.chain(not_judged(network, &found.too_complex)).chain(icmp).collect()
}

/// Rules about ICMP that name IPv6 prefixes, and so hold no packet: to Azure ICMPv6 is another protocol.
///
/// # Source
/// Azure "What is IPv6 for Azure Virtual Network?", limitations: ICMPv6 is not supported in network security groups.
fn icmp_over_ipv6(network: &Network) -> impl Iterator<Item = Diagnostic> {
    let is_ipv6 = |side: &AddressMatch| matches!(side, AddressMatch::Prefixes(list) if list.first().is_some_and(|it| it.addr().is_ipv6()));
    let groups = network.security_groups.iter().enumerate();
    let rules = groups.flat_map(|(group, nsg)| (0..nsg.rules.len()).map(move |rule| (NsgIndex(group), rule)));
    rules.filter_map(move |(group, rule)| {
        let (nsg, own) = rule_of(network, group, rule)?;
        let is_empty =
            own.protocol == RuleProtocol::Icmp && (is_ipv6(&own.source) || is_ipv6(&own.destination));
        let message = format!(
            "rule '{}/{}' holds no packet: Icmp is ICMP over IPv4, and its prefixes are IPv6",
            nsg.name, own.name
        );
        let warning = || at(codes::ICMP_OVER_IPV6, place(network, group, rule), message);
        is_empty.then(|| warning().help("ICMPv6 is held only by rules about any protocol (*)"))
    })
}

/// One word on all rules that were not judged.
fn not_judged(network: &Network, rules: &[(NsgIndex, usize)]) -> Option<Diagnostic> {
    let names = rules.iter().filter_map(|(group, rule)| {
        let (nsg, own) = rule_of(network, *group, *rule)?;
        Some(format!("{}/{}", nsg.name, own.name).into())
    });
    let names: Vec<Arc<str>> = names.collect();
    let (group, rule) = rules.first()?;
    let message = format!(
        "rules overlap in too many ways to say whether {} {} anything",
        listed(&names),
        verb(&names, "changes", "change")
    );
    let warning = at(codes::TOO_COMPLEX, place(network, *group, *rule), message);
    Some(warning.help("all else was judged; fewer rules, or rules that overlap less, can be judged too"))
}

/// A rule that changes nothing; of one that names Internet, what it does not hold.
fn warning(network: &Network, finding: &Finding, nothing: Option<&str>) -> Option<Diagnostic> {
    let Finding { group, rule, idle, by, by_default } = finding;
    let (nsg, own) = rule_of(network, *group, *rule)?;
    let label = format!("rule '{}/{}'", nsg.name, own.name);
    let others = listed(by);
    // A rule that holds less than its words say is no comfort, though what it holds is decided alike without it.
    let redundant = |said: String| match nothing {
        Some(nothing) => format!("{label} holds {nothing}; otherwise it {said}"),
        None => format!("{label} {said}"),
    };
    let help = |help| {
        nothing.map_or(help, |_| "name prefixes instead of Internet where it shall hold these packets")
    };
    let (code, message, help) = match idle {
        Idle::Shadowed => (
            codes::SHADOWED,
            format!(
                "no packet reaches {label}: {others} {} all of its packets earlier",
                verb(by, "decides over", "decide over")
            ),
            "take it away, or give it a lower priority number",
        ),
        Idle::Redundant if *by_default => (
            codes::REDUNDANT,
            redundant(format!("repeats what {others} {} anyway", default_verb(own, by))),
            help("it may stay where the name in the logs is worth it"),
        ),
        Idle::Redundant => (
            codes::REDUNDANT,
            redundant(match by.is_empty() {
                true => "changes nothing".to_owned(),
                false => {
                    format!("changes nothing: without it {others} {} alike", verb(by, "decides", "decide"))
                }
            }),
            help("take it away, or change its order"),
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

/// What rules of a group that name Internet do not hold, where the routes of a subnet leave none of a family to that tag.
fn without_internet(network: &Network, group: NsgIndex) -> Option<String> {
    let tables = vantages(network, group.0).into_iter().filter_map(|from| from?.route_table);
    let tables: BTreeSet<RouteTableIndex> = tables.collect();
    let grown = |table: RouteTableIndex| {
        let families = [(true, "IPv4", "0.0.0.0/0"), (false, "IPv6", "::/0")].into_iter();
        families.filter_map(move |(is_v4, version, all)| {
            let by = network.everything_by_routes(table, is_v4)?;
            Some(format!("no {version} packet where VirtualNetwork holds {all} by {by}"))
        })
    };
    tables.into_iter().flat_map(grown).next()
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
