//! Two networks, compared NIC by NIC, and what is found so far.

use crate::compare::Sides;
use crate::diagram::{Diagram, NodeId};
use crate::diff::{Diff, Difference, Limits, Only, OnlyIn, Subject};
use crate::limits::{Error, Steps};
use crate::line::{DESTINATION, FIELDS, FULL, SOURCE};
use crate::matching::Matched;
use crate::region::{Region, Way, count, regions, ways};
use crate::space::{Builder, Space};
use crate::stack::{Seen, Stack, Stacks, Tables, Unit, add, groups, locals, numbers};
use model::Direction;
use policy::Ranges;
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) const BOTH: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

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
        let mut stacks = Stacks::default();
        for &(old_nic, new_nic) in &matched.pairs {
            let here = &old.network_interfaces[old_nic];
            let (olds, news) = (locals(old, here), locals(new, &new.network_interfaces[new_nic]));
            for (addresses, old_stack) in &olds {
                for (others, new_stack) in &news {
                    let shared = addresses.minus(&addresses.minus(others));
                    if !shared.is_empty() {
                        let subject = Subject::Nic(Arc::clone(&here.name));
                        stacks.push((*old_stack, *new_stack), subject, shared);
                    }
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
        self.stacks(&stacks)
    }

    /// Tells of everybody in the order in which they came: people look for a NIC, not for the rules that it shares with
    /// others.
    pub(crate) fn stacks(&mut self, stacks: &Stacks) -> Result<(), Error> {
        let start = self.found.differences.len();
        for direction in BOTH {
            for ((old, new), units) in &stacks.list {
                self.stack(direction, old, new, units)?;
            }
        }
        let told = &mut self.found.differences[start..];
        told.sort_by_key(|one| (stacks.place(&one.subject), one.direction));
        Ok(())
    }

    /// All before whom the same rules stand.
    fn stack(&mut self, direction: Direction, old: &Stack, new: &Stack, units: &[Unit]) -> Result<(), Error> {
        let mut builder = Builder::new();
        let local = if direction == Direction::Inbound { DESTINATION } else { SOURCE };
        let sides =
            [add(&mut builder, self.old, direction, old)?, add(&mut builder, self.new, direction, new)?];
        let locals: Vec<u32> =
            units.iter().map(|unit| builder.local(local, unit.addresses.clone())).collect();
        let space = match builder.build() {
            Err(Error::TooComplex) => {
                for unit in units {
                    self.not_compared(unit.subject.clone(), direction, &sides);
                }
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
            self.compare(unit.subject.clone(), direction, &space, &sets, &both);
        }
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

    pub(crate) fn compare(
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

    pub(crate) fn not_compared(&mut self, subject: Subject, direction: Direction, names: &[Tables; 2]) {
        let (regions, groups) = (Vec::new(), groups(names));
        let none = Difference { subject, direction, regions, more: 0, is_complete: false, groups };
        self.found.differences.push(none);
    }
}

/// Ways to a difference.
type Ways = Vec<(Way, NodeId)>;

/// Both sides, and what they are called.
pub(crate) struct Both<'a, 's> {
    pub(crate) sides: Sides<'s>,
    pub(crate) names: &'a [Tables; 2],
    /// Whether a diagram of them may be small.
    pub(crate) is_simple: bool,
}
