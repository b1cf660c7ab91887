//! Two networks, compared NIC by NIC and group by group.

use crate::compare::Sides;
use crate::diagram::{Diagram, NodeId};
use crate::diff::{Diff, Difference, Limits, Only, OnlyIn, Subject};
use crate::limits::{Error, Steps};
use crate::line::{DESTINATION, FIELDS, FULL, SOURCE};
use crate::matching::{Matched, pair, views};
use crate::region::{Region, Way, count, regions, ways};
use crate::space::{Builder, Space};
use crate::stack::{Seen, Stack, Tables, add, groups, guards, locals, numbers};
use model::{Direction, Vantage};
use policy::Ranges;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

/// Addresses of one NIC that meet the same rules.
#[derive(Clone, Debug)]
struct Unit {
    nic: usize,
    addresses: Ranges,
}

/// Two networks that are being compared, and what was found so far.
pub(crate) struct Comparison<'a> {
    pub(crate) old: &'a Seen<'a>,
    pub(crate) new: &'a Seen<'a>,
    pub(crate) limits: &'a Limits,
    /// How many more regions may be answered.
    pub(crate) left: usize,
    /// How many steps all comparisons together may still take.
    pub(crate) steps: u64,
    pub(crate) found: Diff,
}

impl Comparison<'_> {
    pub(crate) fn nics(&mut self, matched: &Matched) -> Result<(), Error> {
        let (old, new) = (self.old.network, self.new.network);
        let mut stacks: Vec<((Stack, Stack), Vec<Unit>)> = Vec::new();
        let mut places: HashMap<(Stack, Stack), usize> = HashMap::new();
        for &(old_nic, new_nic) in &matched.pairs {
            let here = &old.network_interfaces[old_nic];
            let (olds, news) = (locals(old, here), locals(new, &new.network_interfaces[new_nic]));
            for (addresses, old_stack) in &olds {
                for (others, new_stack) in &news {
                    let shared = addresses.minus(&addresses.minus(others));
                    if shared.is_empty() {
                        continue;
                    }
                    let place = *places.entry((*old_stack, *new_stack)).or_insert_with(|| {
                        stacks.push(((*old_stack, *new_stack), Vec::new()));
                        stacks.len() - 1
                    });
                    stacks[place].1.push(Unit { nic: old_nic, addresses: shared });
                }
            }
            let all = |side: &[(Ranges, Stack)]| {
                Ranges::union(side.iter().flat_map(|(addresses, _)| addresses.as_slice().iter().copied()))
            };
            let (olds, news) = (all(&olds), all(&news));
            for (rest, side) in [(olds.minus(&news), OnlyIn::Old), (news.minus(&olds), OnlyIn::New)] {
                if !rest.is_empty() {
                    let what = format!(
                        "address {} of network interface {}",
                        crate::text::addresses(&rest),
                        here.name
                    );
                    self.found.only.push(Only { what, side });
                }
            }
        }
        for (list, places, side) in [
            (&old.network_interfaces, &matched.old, OnlyIn::Old),
            (&new.network_interfaces, &matched.new, OnlyIn::New),
        ] {
            let only = places.iter().filter_map(|&place| list.get(place));
            let what = only.map(|nic| format!("network interface {}", nic.name));
            self.found.only.extend(what.map(|what| Only { what, side }));
        }
        for direction in BOTH {
            for ((old, new), units) in &stacks {
                self.stack(direction, old, new, units)?;
            }
        }
        // People look for a NIC, not for the rules that it shares with others.
        let place = |subject: &Subject| match subject {
            Subject::Nic(name) => old.network_interfaces.iter().position(|nic| nic.name == *name),
            Subject::Nsg(_) => None,
        };
        self.found.differences.sort_by_key(|one| (place(&one.subject), one.direction));
        Ok(())
    }

    /// All NICs before which the same rules stand.
    fn stack(&mut self, direction: Direction, old: &Stack, new: &Stack, units: &[Unit]) -> Result<(), Error> {
        let mut builder = Builder::new();
        let local = if direction == Direction::Inbound { DESTINATION } else { SOURCE };
        let sides =
            [add(&mut builder, self.old, direction, old)?, add(&mut builder, self.new, direction, new)?];
        let locals: Vec<u32> =
            units.iter().map(|unit| builder.local(local, unit.addresses.clone())).collect();
        let name =
            |unit: &Unit| Subject::Nic(Arc::clone(&self.old.network.network_interfaces[unit.nic].name));
        let space = match builder.build() {
            Err(Error::TooComplex) => {
                let subjects: Vec<Subject> = units.iter().map(name).collect();
                subjects.into_iter().for_each(|subject| self.not_compared(subject, direction, &sides));
                return Ok(());
            }
            space => space?,
        };
        // Most of the time nothing has changed for anybody.
        let mut both = Both {
            sides: Sides::new(&space, &numbers(&sides[0]), &numbers(&sides[1]))?,
            names: &sides,
            is_simple: true,
        };
        match self.is_same(&space, &both.sides) {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(_) => both.is_simple = false,
        }
        for (unit, set) in units.iter().zip(locals) {
            let mut sets = [FULL; FIELDS];
            sets[local] = set;
            self.compare(name(unit), direction, &space, &sets, &both);
        }
        Ok(())
    }

    /// The groups that guard no NIC.
    pub(crate) fn groups(&mut self) -> Result<(), Error> {
        let (old, new) = (self.old.network, self.new.network);
        let mut matched = pair(&old.security_groups, &new.security_groups, |group| (&group.id, &group.name));
        let (old_guards, new_guards) = (guards(old), guards(new));
        matched.old.retain(|&group| !old_guards.contains(&group));
        matched.new.retain(|&group| !new_guards.contains(&group));
        self.renamed(&mut matched);
        if let ([old], [new]) = (&matched.old[..], &matched.new[..]) {
            // Names are not meaning.
            matched.pairs.push((*old, *new));
            matched.old.clear();
            matched.new.clear();
        }
        for (list, places, side) in [
            (&old.security_groups, &matched.old, OnlyIn::Old),
            (&new.security_groups, &matched.new, OnlyIn::New),
        ] {
            let only = places.iter().filter_map(|&place| list.get(place));
            let what = only.map(|group| format!("network security group {}", group.name));
            self.found.only.extend(what.map(|what| Only { what, side }));
        }
        for (old_group, new_group) in matched.pairs {
            if old_guards.contains(&old_group) && new_guards.contains(&new_group) {
                continue;
            }
            for view in views((old, old_group), (new, new_group)) {
                for direction in BOTH {
                    self.group(direction, old_group, new_group, view)?;
                }
            }
        }
        Ok(())
    }

    /// Pairs the groups that are left and whose rules are the same in all but name.
    fn renamed(&self, matched: &mut Matched) {
        let mut builder = Builder::new();
        let mut meaning = |side: &Seen<'_>, group: usize| {
            let group = &side.network.security_groups[group];
            // Rules that cannot be read are somebody else's to report.
            let tables = BOTH.map(|way| builder.add(group, way, side.view.from(None)).ok());
            let [inbound, outbound] = [tables[0]?, tables[1]?];
            Some([builder.meaning(inbound), builder.meaning(outbound)])
        };
        let mut news: HashMap<_, VecDeque<usize>> = HashMap::new();
        for &group in &matched.new {
            if let Some(meaning) = meaning(self.new, group) {
                news.entry(meaning).or_default().push_back(group);
            }
        }
        let mut taken = HashSet::new();
        matched.old.retain(|&group| {
            let partner = meaning(self.old, group).and_then(|it| news.get_mut(&it)?.pop_front());
            let Some(partner) = partner else { return true };
            taken.insert(partner);
            matched.pairs.push((group, partner));
            false
        });
        matched.new.retain(|group| !taken.contains(group));
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

    /// Whether two sides decide alike over every packet.
    fn is_same(&mut self, space: &Space, sides: &Sides<'_>) -> Result<bool, Error> {
        let allowed = self.allowed().min(self.limits.broad_steps);
        let mut diagram = Diagram::new(space, sides.domain(&[FULL; FIELDS]), Steps(allowed));
        let lists = sides.lists(&mut diagram);
        let same = lists.and_then(|(changed, [old, new])| diagram.is_same(changed, old, new));
        self.steps -= allowed - diagram.steps().0;
        same
    }

    fn compare(
        &mut self,
        subject: Subject,
        direction: Direction,
        space: &Space,
        sets: &[u32; FIELDS],
        both: &Both<'_, '_>,
    ) {
        let (ways, all, is_complete) = match both.is_simple.then(|| self.broad(space, sets, &both.sides)) {
            Some(Ok((ways, all))) => (ways, all, true),
            Some(Err(_)) | None => self.in_pieces(sets, &both.sides),
        };
        if all == 0 && is_complete {
            return;
        }
        let more = all.saturating_sub(ways.len() as u64);
        let domain = both.sides.domain(sets);
        let names = [both.names[0].as_slice(), both.names[1].as_slice()];
        let regions: Vec<Region> =
            ways.iter().flat_map(|(way, end)| regions(space, &domain, way, *end, names)).collect();
        self.left = self.left.saturating_sub(regions.len());
        let groups = groups(both.names);
        self.found.differences.push(Difference { subject, direction, regions, more, is_complete, groups });
    }

    /// The first of the broadest regions, and how many there are.
    fn broad(
        &mut self,
        space: &Space,
        sets: &[u32; FIELDS],
        sides: &Sides<'_>,
    ) -> Result<(Ways, u64), Error> {
        let allowed = self.allowed().min(self.limits.broad_steps);
        let mut diagram = Diagram::new(space, sides.domain(sets), Steps(allowed));
        let lists = sides.lists(&mut diagram);
        let root = lists.and_then(|(changed, [old, new])| diagram.differ(changed, old, new));
        self.steps -= allowed - diagram.steps().0;
        let root = root?;
        let all = count(&diagram, root, &mut HashMap::new());
        Ok((ways(&diagram, root, self.left), all))
    }

    /// The first regions of those that each changed rule makes by itself, how many were found, and whether these are all.
    fn in_pieces(&mut self, sets: &[u32; FIELDS], sides: &Sides<'_>) -> (Ways, u64, bool) {
        let allowed = self.allowed();
        let (mut ways, mut all, mut steps) = (Ways::new(), 0, Steps(allowed));
        let found = sides.pieces(sets, &mut steps, &mut |way, end| {
            all += 1;
            if ways.len() < self.left {
                ways.push((way, end));
            }
        });
        self.steps -= allowed - steps.0;
        (ways, all, found.is_ok())
    }

    /// The most steps for the next comparison.
    fn allowed(&self) -> u64 {
        self.limits.steps.min(self.steps)
    }

    fn not_compared(&mut self, subject: Subject, direction: Direction, names: &[Tables; 2]) {
        let (regions, groups) = (Vec::new(), groups(names));
        let none = Difference { subject, direction, regions, more: 0, is_complete: false, groups };
        self.found.differences.push(none);
    }
}

/// Ways to a difference.
type Ways = Vec<(Way, NodeId)>;

/// Both sides, and what they are called.
struct Both<'a, 's> {
    sides: Sides<'s>,
    names: &'a [Tables; 2],
    /// Whether a diagram of them may be small.
    is_simple: bool,
}
