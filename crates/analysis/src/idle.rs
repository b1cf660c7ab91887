//! Whether one rule of a list is idle, and who decides over its packets instead.
//!
//! What is asked first costs least: rules that have no packet in common with it are left out, as are earlier ones that no
//! packet reaches; one rule that holds all of it ends the question; and a packet that shows it to be needed is looked for
//! where most rules leave one. Only what passes all of this is taken apart as [`Ground`](crate::cover::Ground).

use crate::Error;
use crate::cover::Packets;
use crate::limits::Steps;
use crate::line::FIELDS;
use crate::lint::Idle;
use crate::space::{Boxed, Space};
use std::collections::{BTreeMap, BTreeSet};

/// A list of rules, and those that are known to be shadowed with the rules that decide over their packets.
#[derive(Debug)]
pub(crate) struct List {
    space: Space,
    shadowed: BTreeMap<usize, BTreeSet<usize>>,
}

impl List {
    /// The first list of a space.
    pub(crate) fn new(space: Space) -> Self {
        Self { space, shadowed: BTreeMap::new() }
    }

    /// How a rule is idle in the list where some later ones are gone, and who decides instead; `None` where it is needed,
    /// or holds no packet.
    ///
    /// # Errors
    /// [`Error::TooComplex`] where the steps do not suffice.
    pub(crate) fn judge(
        &mut self,
        nth: usize,
        gone: &BTreeSet<usize>,
        steps: &mut Steps,
    ) -> Result<Option<(Idle, BTreeSet<usize>)>, Error> {
        if let Some(by) = self.shadowed.get(&nth) {
            return Ok(Some((Idle::Shadowed, by.clone())));
        }
        let found = self.look(nth, gone, steps)?;
        if let Some((Idle::Shadowed, by)) = &found {
            self.shadowed.insert(nth, by.clone());
        }
        Ok(found)
    }

    fn look(
        &self,
        nth: usize,
        gone: &BTreeSet<usize>,
        steps: &mut Steps,
    ) -> Result<Option<(Idle, BTreeSet<usize>)>, Error> {
        let space = &self.space;
        let rules = space.tables.first().map(|table| table.rules.as_slice()).unwrap_or_default();
        let Some(rule) = rules.get(nth) else { return Ok(None) };
        let mut earlier = Vec::new();
        for other in (0..nth).filter(|other| !self.shadowed.contains_key(other)) {
            if meet(space, rule, &rules[other], steps)? {
                earlier.push(other);
            }
        }
        let packets = Packets::new(space, &[&rule.sets], steps)?;
        if packets.is_empty() {
            return Ok(None);
        }
        for &other in &earlier {
            if has_all(space, &rules[other], rule, steps)? {
                return Ok(Some((Idle::Shadowed, [other].into())));
            }
        }
        let mut later = Vec::new();
        for other in (nth + 1..rules.len()).filter(|other| !gone.contains(other)) {
            if meet(space, rule, &rules[other], steps)? {
                later.push(other);
                if has_all(space, &rules[other], rule, steps)? {
                    break;
                }
            }
        }
        let first = |list: &[usize], packet: &[u32; FIELDS], steps: &mut Steps| {
            let nth = list.iter().position(|&other| space.holds(&rules[other], packet));
            steps.spend(nth.unwrap_or(list.len()) + 1)?;
            Ok::<_, Error>(nth.map(|nth| &rules[list[nth]]))
        };
        let is_needed = packets.find(|packet| {
            let before = first(&earlier, packet, steps)?;
            if before.is_some() {
                return Ok(before);
            }
            Ok(first(&later, packet, steps)?.filter(|next| next.access == rule.access))
        })?;
        if is_needed {
            return Ok(None);
        }
        let is_reached = packets.find(|packet| first(&earlier, packet, steps))?;
        let others: Vec<usize> = earlier.iter().chain(&later).copied().collect();
        let boxes: Vec<&Boxed> = others.iter().map(|&other| &rules[other]).collect();
        let ground = packets.ground(&boxes, steps)?;
        // From here on rules are places in `others`.
        let before: Vec<usize> = (0..earlier.len()).collect();
        if let Some(&alone) = before.iter().find(|&&other| ground.is_within(other)) {
            return Ok(Some((Idle::Shadowed, [others[alone]].into())));
        }
        if !is_reached && ground.is_covered(&[], &before, steps)? {
            let mut by = BTreeSet::new();
            for &other in &before {
                if !ground.is_covered(&[other], &before[..other], steps)? {
                    by.insert(others[other]);
                }
            }
            return Ok(Some((Idle::Shadowed, by)));
        }
        // Whoever comes next over any of its packets must decide as it does.
        let (mut holding, mut by) = (before, BTreeSet::new());
        for other in earlier.len()..others.len() {
            let is_alike = rules[others[other]].access == rule.access;
            match (ground.is_covered(&[other], &holding, steps)?, is_alike) {
                (true, _) => {}
                (false, false) => return Ok(None),
                (false, true) => {
                    by.insert(others[other]);
                    holding.push(other);
                }
            }
        }
        Ok(Some((Idle::Redundant, by)))
    }
}

/// Whether two rules may have a packet in common: in each field for itself they have.
pub(crate) fn meet(space: &Space, one: &Boxed, other: &Boxed, steps: &mut Steps) -> Result<bool, Error> {
    steps.spend(1)?;
    for (field, line) in space.lines.iter().enumerate() {
        if !line.meet(one.sets[field], other.sets[field], steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether one rule holds in each field all that another one does.
pub(crate) fn has_all(space: &Space, outer: &Boxed, inner: &Boxed, steps: &mut Steps) -> Result<bool, Error> {
    for (field, line) in space.lines.iter().enumerate() {
        if !line.has_all(outer.sets[field], inner.sets[field], steps)? {
            return Ok(false);
        }
    }
    Ok(true)
}
