//! Rules that change nothing.

use crate::diff::Network;
use crate::idle::List;
use crate::limits::{Error, MAX_STEPS, Steps};
use crate::line::Line;
use crate::matching::subnets;
use crate::space::Builder;
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
    /// The rules that were not judged because their overlaps are too complex, by group and place.
    pub too_complex: Vec<(NsgIndex, usize)>,
    /// How many steps it took.
    pub steps: u64,
}

/// So many times it is asked again which rules can go together; each time fewer are left.
const PASSES: usize = 8;

/// The most steps for one rule; all together have [`MAX_STEPS`].
const RULE_STEPS: u64 = MAX_STEPS >> 4;

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
/// can hold no packet at all, such as those that name a group without members, are not reported either.
///
/// Whoever takes away one of the rules found, or all of them, changes nothing. Of two that could only go one without the
/// other the later one is found.
///
/// # Cost
/// At most [`MAX_STEPS`] for all rules together; what was not judged within them is said.
///
/// # Errors
/// Tags that are not loaded.
pub fn lint(network: &Network<'_>) -> Result<Findings, Error> {
    let mut found = Findings::default();
    let mut steps = Steps(MAX_STEPS);
    let view = View::new(network.network, network.virtual_networks);
    for (nth, group) in network.network.security_groups.iter().enumerate() {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let own = group.rules.iter().enumerate().filter(|(_, rule)| rule.direction == direction);
            let mut places: Vec<usize> = own.map(|(place, _)| place).collect();
            places.sort_by_key(|&place| group.rules[place].priority);
            if steps.0 == 0 {
                found.too_complex.extend(places.drain(..).map(|place| (NsgIndex(nth), place)));
            }
            if places.is_empty() {
                continue;
            }
            let mut known: BTreeMap<usize, Known> = BTreeMap::new();
            let views = vantages(network.network, nth);
            let mut lists = Lists { group, direction, view: &view, last: None };
            for from in &views {
                if (0..places.len()).all(|nth| is_settled(&known, nth)) {
                    break;
                }
                match lists.of(*from, &mut steps) {
                    Err(Error::TooComplex) => {
                        known = (0..places.len()).map(|nth| (nth, Known::TooComplex)).collect();
                    }
                    list => look(list?, places.len(), &mut known, &mut steps),
                }
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
                    look_together(lists.of(*from, &mut steps)?, &candidates, &mut together, &mut steps);
                }
                known.extend(together);
                if idle_ones(&known) == candidates {
                    break;
                }
            }
            found.add(NsgIndex(nth), group, direction, &places, known);
        }
    }
    found.steps = MAX_STEPS - steps.0;
    Ok(found)
}

/// The lists of a group, one for each view.
struct Lists<'a> {
    group: &'a NetworkSecurityGroup,
    direction: Direction,
    view: &'a View<'a>,
    /// Most groups have one view, whose list is not made again for each pass.
    last: Option<(Option<Vantage>, List)>,
}

impl Lists<'_> {
    /// The group's rules as they are seen from somewhere.
    fn of(&mut self, from: Option<Vantage>, steps: &mut Steps) -> Result<&mut List, Error> {
        let list = match self.last.take_if(|(known, _)| *known == from) {
            Some((_, list)) => list,
            None => {
                let mut builder = Builder::new();
                builder.add(self.group, self.direction, self.view.from(from))?;
                let space = builder.build()?;
                // A group may be seen from thousands of subnets; without steps nothing is left to look at.
                let size: usize = space.lines.iter().map(Line::size).sum();
                steps.0 = steps.0.saturating_sub(size as u64);
                List::new(space)
            }
        };
        Ok(&mut self.last.insert((from, list)).1)
    }
}

/// The vantages of all that a group guards; `None` alone where it guards nothing yet.
pub(crate) fn vantages(network: &model::Network, group: usize) -> Vec<Option<Vantage>> {
    let nics = network.network_interfaces.iter().filter(|nic| nic.security_group == Some(NsgIndex(group)));
    let of_nics = nics.flat_map(|nic| &nic.ip_configurations).map(|configuration| configuration.subnet);
    let guarded = subnets(network, group).chain(of_nics);
    let vantages: BTreeSet<Vantage> = guarded.map(|subnet| network.vantage(subnet)).collect();
    if vantages.is_empty() { vec![None] } else { vantages.into_iter().map(Some).collect() }
}

/// Looks at the first `own` rules of a list, and keeps what is so in every view.
fn look(list: &mut List, own: usize, known: &mut BTreeMap<usize, Known>, steps: &mut Steps) {
    let none = BTreeSet::new();
    for nth in 0..own {
        keep(list, nth, &none, known, steps);
    }
}

/// The same of some of them, each in the list without those that can go, the last ones first.
fn look_together(
    list: &mut List,
    candidates: &BTreeSet<usize>,
    known: &mut BTreeMap<usize, Known>,
    steps: &mut Steps,
) {
    let mut gone = BTreeSet::new();
    for &nth in candidates.iter().rev() {
        if keep(list, nth, &gone, known, steps) {
            gone.insert(nth);
        }
    }
}

/// Whether a rule is still idle when it was looked at in one more view, where some others are gone.
fn keep(
    list: &mut List,
    nth: usize,
    gone: &BTreeSet<usize>,
    known: &mut BTreeMap<usize, Known>,
    steps: &mut Steps,
) -> bool {
    if is_settled(known, nth) {
        return false;
    }
    let allowed = steps.0.min(RULE_STEPS);
    let mut own = Steps(allowed);
    let judged = list.judge(nth, gone, &mut own);
    steps.0 -= allowed - own.0;
    let new = match judged {
        Ok(Some((idle, by))) => Known::Idle(idle, by),
        Ok(None) => Known::Needed,
        Err(_) => Known::TooComplex,
    };
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
