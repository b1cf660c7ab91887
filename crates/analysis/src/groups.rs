//! Network security groups, compared by themselves: those that guard no NIC.

use crate::compare::Sides;
use crate::comparison::{BOTH, Both, Comparison};
use crate::diff::{Only, OnlyIn, Subject};
use crate::limits::Error;
use crate::line::{FIELDS, FULL};
use crate::matching::{Matched, pair};
use crate::space::Builder;
use crate::stack::{Seen, guards, numbers};
use crate::subnets::Subnets;
use model::{AddressMatch, AsgIndex, Direction, Network, NsgIndex, Vantage};
use std::collections::HashSet;
use std::sync::Arc;

impl Comparison<'_> {
    /// Compares the groups that guard no NIC, and returns which were compared with which.
    ///
    /// Where two groups guard a subnet together, or nothing, their rules are compared once, however many subnets they guard.
    /// Where both guard something, but nothing together, it is for the NICs and subnets to tell what that means.
    pub(crate) fn groups(&mut self, subnets: &Subnets) -> Result<HashSet<(NsgIndex, NsgIndex)>, Error> {
        let (old, new) = (self.old.network, self.new.network);
        let matched = self.matched(subnets);
        for (list, places, side) in [
            (&old.security_groups, &matched.old, OnlyIn::Old),
            (&new.security_groups, &matched.new, OnlyIn::New),
        ] {
            let only = places.iter().filter_map(|&place| list.get(place));
            let what = only.map(|group| format!("network security group {}", group.name));
            self.found.only.extend(what.map(|what| Only { what, side }));
        }
        let of_nics = (guards(old), guards(new));
        let of_subnets = guarding(subnets, old, new);
        let mut shared = subnets.shared(old, new);
        let mut compared = HashSet::new();
        for (was, is) in matched.pairs {
            if of_nics.0.contains(&was) && of_nics.1.contains(&is) {
                continue;
            }
            let both = (NsgIndex(was), NsgIndex(is));
            let mut views = shared.remove(&both).unwrap_or_default();
            if views.is_empty() {
                let guards = |nics: &HashSet<usize>, subnets: &HashSet<usize>, group| {
                    nics.contains(&group) || subnets.contains(&group)
                };
                if guards(&of_nics.0, &of_subnets.0, was) && guards(&of_nics.1, &of_subnets.1, is) {
                    continue;
                }
                views = subnets.nearby((old, was), (new, is));
            }
            compared.insert(both);
            let start = self.found.differences.len();
            for view in views.iter().copied().map(Some) {
                for direction in BOTH {
                    self.group(direction, was, is, view)?;
                    self.once(start);
                }
            }
            // Seen from subnets that no machine is in, nobody is in a group either; whoever comes may be.
            if self.found.differences.len() == start
                && (views.is_empty() || names_nobody(old, was) || names_nobody(new, is))
            {
                for direction in BOTH {
                    self.group(direction, was, is, None)?;
                }
            }
        }
        Ok(compared)
    }

    /// Forgets the last difference where another view told it: what subnets see alike is told once.
    fn once(&mut self, start: usize) {
        if let Some((last, before)) = self.found.differences[start..].split_last()
            && before.contains(last)
        {
            self.left += last.regions.len();
            self.found.differences.pop();
        }
    }

    /// Matches the groups: by id or name, by their rules, by the subnet that they guard, and then those that nothing else is
    /// left for.
    fn matched(&self, subnets: &Subnets) -> Matched {
        let (old, new) = (self.old.network, self.new.network);
        let mut matched = pair(&old.security_groups, &new.security_groups, |group| (&group.id, &group.name));
        let (old_guards, new_guards) = (guards(old), guards(new));
        matched.old.retain(|group| !old_guards.contains(group));
        matched.new.retain(|group| !new_guards.contains(group));
        self.renamed(&mut matched);
        // The one in another's place is the same with other rules.
        for (was, is) in subnets.groups(old, new) {
            if let (Some(NsgIndex(was)), Some(NsgIndex(is))) = (was, is)
                && matched.old.contains(&was)
                && matched.new.contains(&is)
            {
                matched.pairs.push((was, is));
                matched.old.retain(|group| *group != was);
                matched.new.retain(|group| *group != is);
            }
        }
        // What another does for a subnet is told as the subnet's.
        let (old_guards, new_guards) = guarding(subnets, old, new);
        matched.old.retain(|group| !old_guards.contains(group));
        matched.new.retain(|group| !new_guards.contains(group));
        if let ([old], [new]) = (&matched.old[..], &matched.new[..]) {
            // Names are not meaning.
            matched.pairs.push((*old, *new));
            matched.old.clear();
            matched.new.clear();
        }
        matched
    }

    /// Pairs the groups that are left and whose rules are the same in all but name.
    fn renamed(&self, matched: &mut Matched) {
        let mut builder = Builder::new();
        matched.join_alike(|side, group| {
            let side = if side == OnlyIn::Old { self.old } else { self.new };
            let group = side.network.security_groups.get(group)?;
            // Rules that cannot be read are somebody else's to report.
            let tables = BOTH.map(|way| builder.add(group, way, side.view.from(None)).ok());
            let [inbound, outbound] = [tables[0]?, tables[1]?];
            Some([builder.meaning(inbound), builder.meaning(outbound)])
        });
    }

    fn group(
        &mut self,
        direction: Direction,
        old: usize,
        new: usize,
        view: Option<(Vantage, Vantage)>,
    ) -> Result<(), Error> {
        let mut builder = Builder::new();
        let mut add = |side: &Seen<'_>, group: usize, from: Option<Vantage>| {
            let sight = side.view.from(from);
            let group = &side.network.security_groups[group];
            Ok::<_, Error>(vec![(builder.add(group, direction, sight)?, Arc::clone(&group.name))])
        };
        let names =
            [add(self.old, old, view.map(|view| view.0))?, add(self.new, new, view.map(|view| view.1))?];
        let subject = Subject::Nsg(Arc::clone(&self.old.network.security_groups[old].name));
        let space = match builder.build() {
            Err(Error::TooComplex) => {
                self.not_compared(subject, direction, &names);
                return Ok(());
            }
            space => space?,
        };
        let sides = Both {
            sides: Sides::new(&space, &numbers(&names[0]), &numbers(&names[1]))?,
            names: &names,
            is_simple: true,
        };
        self.compare(subject, direction, &space, &[FULL; FIELDS], &sides);
        Ok(())
    }
}

/// Whether a rule of a group names an application security group that has no members.
fn names_nobody(network: &Network, group: usize) -> bool {
    let all = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    let taken: HashSet<AsgIndex> =
        all.flat_map(|own| own.application_security_groups.iter().copied()).collect();
    let rules = network.security_groups.get(group).map(|group| group.rules.as_slice()).unwrap_or_default();
    rules.iter().flat_map(|rule| [&rule.source, &rule.destination]).any(|side| match side {
        AddressMatch::ApplicationSecurityGroups(groups) => groups.iter().any(|group| !taken.contains(group)),
        _ => false,
    })
}

/// The groups that guard subnets of the old network, and those of the new one.
fn guarding(subnets: &Subnets, old: &Network, new: &Network) -> (HashSet<usize>, HashSet<usize>) {
    let (olds, news): (Vec<_>, Vec<_>) = subnets.groups(old, new).unzip();
    let numbers = |groups: Vec<Option<NsgIndex>>| groups.into_iter().flatten().map(|group| group.0).collect();
    (numbers(olds), numbers(news))
}
