//! Rules that change nothing.

use crate::diagram::{Diagram, Domain};
use crate::diff::Network;
use crate::limits::{Error, MAX_STEPS, Steps};
use crate::line::Line;
use crate::lists::{ALLOW, ALLOW_ALL, DENY, DENY_ALL, Outcome};
use crate::matching::subnets;
use crate::space::{Boxed, Builder, Space};
use crate::symbol::View;
use model::{
    Access, AddressMatch, Direction, NetworkSecurityGroup, NsgIndex, RuleProtocol, SecurityRule, Vantage,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A rule that changes nothing, wherever its group stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The group.
    pub group: NsgIndex,
    /// The rule, a place in the group's rules.
    pub rule: usize,
    /// How it changes nothing.
    pub idle: Idle,
    /// The rules that decide instead, by priority.
    pub by: Vec<Arc<str>>,
    /// Whether all of these are default rules.
    pub by_default: bool,
}

/// How a rule changes nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Idle {
    /// No packet reaches it: earlier rules hold all of its packets.
    Shadowed,
    /// Without it every packet is decided alike.
    Redundant,
}

/// What was found, and what could not be looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Findings {
    /// The rules that change nothing.
    pub findings: Vec<Finding>,
    /// The rules whose overlaps are too complex to judge them, by group and place.
    pub too_complex: Vec<(NsgIndex, usize)>,
}

/// So many times it is asked again which rules can go together; each time fewer are left.
const PASSES: usize = 8;

/// The most steps for one rule.
const RULE_STEPS: u64 = MAX_STEPS >> 5;

/// What is known of a rule in one view of its group.
#[derive(Clone, Debug)]
enum Known {
    Idle(Idle, BTreeSet<usize>),
    Needed,
    TooComplex,
}

/// The rules of a network that change nothing, as its subnets see them.
///
/// A rule of a group that guards subnets or NICs in several virtual networks, or with several route tables, must be idle in
/// all of them. A Deny of everything that repeats the default rule is not reported: to write it down is good style. Rules that
/// can hold no packet at all, such as those that name a group without members, are not reported either. What is found holds
/// whatever addresses those IP configurations will have that have none yet.
///
/// Whoever takes away one of the rules found, or all of them, changes nothing. Of two that could only go one without the
/// other the later one is found.
///
/// # Errors
/// Tags that are not loaded, and groups whose prefixes overlap too much.
pub fn lint(network: &Network<'_>) -> Result<Findings, Error> {
    let mut found = Findings::default();
    let mut steps = Steps(MAX_STEPS);
    let view = View::for_any_address(network.network, network.virtual_networks);
    for (nth, group) in network.network.security_groups.iter().enumerate() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let own = group.rules.iter().enumerate().filter(|(_, rule)| rule.direction == direction);
            let mut places: Vec<usize> = own.map(|(place, _)| place).collect();
            places.sort_by_key(|&place| group.rules[place].priority);
            if places.is_empty() {
                continue;
            }
            let mut known: BTreeMap<usize, Known> = BTreeMap::new();
            let views = vantages(network.network, nth);
            let space = |from: &Option<Vantage>, steps: &mut Steps| {
                let mut builder = Builder::new();
                builder.add(group, direction, view.from(*from))?;
                let space = builder.build()?;
                // A group may be seen from thousands of subnets; without steps nothing is left to look at.
                let size: usize = space.lines.iter().map(Line::size).sum();
                steps.0 = steps.0.saturating_sub(size as u64);
                Ok::<Space, Error>(space)
            };
            for from in &views {
                if (0..places.len()).all(|nth| is_settled(&known, nth)) {
                    break;
                }
                look(&space(from, &mut steps)?, places.len(), &mut known, &mut steps);
            }
            known.retain(|&nth, known| {
                let repeats = matches!(known, Known::Idle(Idle::Redundant, _));
                !(matches!(known, Known::Needed) || repeats && denies_everything(&group.rules[places[nth]]))
            });
            // What a rule of one view keeps is not gone in another, so ask until all agree.
            for pass in 0.. {
                let candidates = idle_ones(&known);
                if candidates.is_empty() {
                    break;
                }
                if pass == PASSES {
                    known.retain(|nth, _| !candidates.contains(nth));
                    break;
                }
                let mut together: BTreeMap<usize, Known> = BTreeMap::new();
                for from in &views {
                    if candidates.iter().all(|nth| is_settled(&together, *nth)) {
                        break;
                    }
                    look_together(&space(from, &mut steps)?, &candidates, &mut together, &mut steps);
                }
                known.extend(together);
                if idle_ones(&known) == candidates {
                    break;
                }
            }
            found.add(NsgIndex(nth), group, direction, &places, known);
        }
    }
    Ok(found)
}

/// The vantages of all that a group guards; `None` alone where it guards nothing yet.
pub(crate) fn vantages(network: &model::Network, group: usize) -> Vec<Option<Vantage>> {
    let nics = network.network_interfaces.iter().filter(|nic| nic.security_group == Some(NsgIndex(group)));
    let of_nics = nics.flat_map(|nic| &nic.ip_configurations).map(|configuration| configuration.subnet);
    let guarded = subnets(network, group).chain(of_nics);
    let vantages: BTreeSet<Vantage> = guarded.map(|subnet| network.vantage(subnet)).collect();
    if vantages.is_empty() { vec![None] } else { vantages.into_iter().map(Some).collect() }
}

/// Looks at the first `own` rules of the space's only list, and keeps what is so in every view.
fn look(space: &Space, own: usize, known: &mut BTreeMap<usize, Known>, steps: &mut Steps) {
    let none = BTreeSet::new();
    for nth in 0..own {
        keep(space, nth, &none, known, steps);
    }
}

/// The same of some of them, each in the list without those that can go, the last ones first.
fn look_together(
    space: &Space,
    candidates: &BTreeSet<usize>,
    known: &mut BTreeMap<usize, Known>,
    steps: &mut Steps,
) {
    let mut gone = BTreeSet::new();
    for &nth in candidates.iter().rev() {
        if keep(space, nth, &gone, known, steps) {
            gone.insert(nth);
        }
    }
}

/// Whether a rule is still idle when it was looked at in one more view, where some others are gone.
fn keep(
    space: &Space,
    nth: usize,
    gone: &BTreeSet<usize>,
    known: &mut BTreeMap<usize, Known>,
    steps: &mut Steps,
) -> bool {
    if is_settled(known, nth) {
        return false;
    }
    let new = judge(space, nth, gone, steps);
    let both = match (known.remove(&nth), new) {
        (None, new) => new,
        (Some(Known::Idle(a, by)), Known::Idle(b, others)) => Known::Idle(a.max(b), &by | &others),
        (_, new) => new,
    };
    let is_idle = matches!(both, Known::Idle(..));
    known.insert(nth, both);
    is_idle
}

/// Whether no other view can change what is known of a rule.
fn is_settled(known: &BTreeMap<usize, Known>, nth: usize) -> bool {
    matches!(known.get(&nth), Some(Known::Needed | Known::TooComplex))
}

fn idle_ones(known: &BTreeMap<usize, Known>) -> BTreeSet<usize> {
    known.iter().filter(|(_, known)| matches!(known, Known::Idle(..))).map(|(nth, _)| *nth).collect()
}

fn judge(space: &Space, nth: usize, gone: &BTreeSet<usize>, steps: &mut Steps) -> Known {
    let rules = space.tables.first().map(|table| table.rules.as_slice()).unwrap_or_default();
    let allowed = steps.0.min(RULE_STEPS);
    let domain = Domain::new(space, &rules[nth].sets);
    let mut diagram = Diagram::new(space, domain, Steps(allowed));
    let here = rules.iter().enumerate().filter(|(other, _)| !gone.contains(other));
    let here: Vec<(Outcome, &Boxed)> = here.map(|(nth, rule)| (nth as Outcome, rule)).collect();
    let known = idle(&mut diagram, &here, nth as Outcome);
    steps.0 -= allowed - diagram.steps().0;
    match known {
        Ok(Some((idle, by))) => Known::Idle(idle, by),
        Ok(None) => Known::Needed,
        Err(_) => Known::TooComplex,
    }
}

/// How one of some numbered rules is idle over its own packets, and who decides over them instead.
fn idle(
    diagram: &mut Diagram<'_>,
    rules: &[(Outcome, &Boxed)],
    number: Outcome,
) -> Result<Option<(Idle, BTreeSet<usize>)>, Error> {
    /// Stands for packets that the rule does not decide over, whatever others do.
    const OTHERS: Outcome = Outcome::MAX;
    let (earlier, rest) = rules.split_at(rules.partition_point(|(other, _)| *other < number));
    let Some(((_, rule), later)) = rest.split_first() else { return Ok(None) };
    if diagram.domain().is_empty() {
        return Ok(None);
    }
    let numbered = |&(number, rule): &_| (rule, number);
    let reached = diagram.list(earlier.iter().map(|(_, rule)| (*rule, DENY)), ALLOW)?;
    if diagram.is_same(ALLOW_ALL, [reached; 2], [DENY_ALL; 2])? {
        if let Some((one, _)) = earlier.iter().find(|(_, rule)| diagram.covers(rule)) {
            return Ok(Some((Idle::Shadowed, [*one as usize].into())));
        }
        let by = diagram.list(earlier.iter().map(numbered), OTHERS)?;
        return Ok(Some((Idle::Shadowed, places(diagram.outcomes(by)?))));
    }
    let outcome = |access: Access| if access == Access::Allow { ALLOW } else { DENY };
    let own = outcome(rule.access);
    let others = later.iter().map(|(_, rule)| (*rule, outcome(rule.access)));
    let without = diagram.list(earlier.iter().map(|(_, rule)| (*rule, own)).chain(others), own)?;
    let all = if own == ALLOW { ALLOW_ALL } else { DENY_ALL };
    if !diagram.is_same(ALLOW_ALL, [without; 2], [all; 2])? {
        return Ok(None);
    }
    let before = earlier.iter().map(|(_, rule)| (*rule, OTHERS));
    let by = diagram.list(before.chain(later.iter().map(numbered)), OTHERS)?;
    let mut by = diagram.outcomes(by)?;
    by.remove(&OTHERS);
    Ok(Some((Idle::Redundant, places(by))))
}

fn places(outcomes: BTreeSet<Outcome>) -> BTreeSet<usize> {
    outcomes.into_iter().map(|outcome| outcome as usize).collect()
}

impl Findings {
    fn add(
        &mut self,
        group: NsgIndex,
        nsg: &NetworkSecurityGroup,
        direction: Direction,
        order: &[usize],
        known: BTreeMap<usize, Known>,
    ) {
        let defaults = SecurityRule::defaults(direction);
        // Outbound the platform stands before the closing deny.
        let name = |nth: usize| match order.get(nth) {
            Some(&place) => Some(Arc::clone(&nsg.rules[place].name)),
            None => {
                let nth = nth - order.len();
                let platform = direction == Direction::Outbound && nth == defaults.len() - 1;
                let nth = if platform { None } else { Some(nth.min(defaults.len() - 1)) };
                nth.map(|nth| Arc::clone(&defaults[nth].name))
            }
        };
        for (nth, known) in known {
            let rule = order[nth];
            match known {
                Known::Needed => {}
                Known::TooComplex => self.too_complex.push((group, rule)),
                Known::Idle(idle, by) => {
                    let by_default = by.iter().all(|&by| by >= order.len());
                    let by = by.into_iter().filter_map(name).collect();
                    self.findings.push(Finding { group, rule, idle, by, by_default });
                }
            }
        }
    }
}

fn denies_everything(rule: &SecurityRule) -> bool {
    rule.access == Access::Deny
        && rule.protocol == RuleProtocol::Any
        && [&rule.source, &rule.destination].into_iter().all(|side| *side == AddressMatch::Any)
        && rule.source_ports.is_full()
        && rule.destination_ports.is_full()
}
