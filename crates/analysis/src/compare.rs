//! What two lists of rules, or two pairs of lists that must all allow, decide differently over some packets.
//!
//! A packet is decided differently only where a changed rule is the first to hold it, of those of both sides in one order.
//! So nothing is asked of rules that are the same on both sides before the first change, and where one changed rule holds
//! all that the others do, nothing of packets outside of it. What is left is a [`Diagram`], whose regions are the
//! broadest. Where the rules overlap in too many ways for it, each changed rule's packets are taken apart by themselves,
//! as what earlier rules leave of them and the other side decides otherwise: more regions, of the same packets.

use crate::Error;
use crate::changed::{Step, merged};
use crate::cover::{Ground, Packets};
use crate::diagram::{CLOSED, Diagram, Domain, NodeId, OPENED, Side};
use crate::idle::{has_all, meet};
use crate::limits::Steps;
use crate::line::{FIELDS, FULL};
use crate::lists::{ALLOW, ALLOW_ALL, DENY, ListId};
use crate::region::Way;
use crate::space::{Boxed, Space};
use model::Access;
use std::sync::LazyLock;

/// Lists of rules that stand before the same packets, before a change and after it.
#[derive(Debug)]
pub(crate) struct Sides<'a> {
    space: &'a Space,
    pairs: Vec<Pair<'a>>,
    /// A changed rule that holds all that the other ones do.
    widest: Option<&'a Boxed>,
}

/// An old list and the new one in its place.
#[derive(Debug)]
struct Pair<'a> {
    old: &'a [Boxed],
    new: &'a [Boxed],
    merged: Vec<Step<'a>>,
    /// How many rules stand before the first that is changed.
    start: usize,
}

/// Stands for a list that only the other side has.
static EVERYTHING: LazyLock<[Boxed; 1]> =
    LazyLock::new(|| [Boxed { sets: [FULL; FIELDS], access: Access::Allow, rule: None }]);

impl<'a> Pair<'a> {
    fn new(old: &'a [Boxed], new: &'a [Boxed]) -> Self {
        let merged = merged(old, new);
        let start = merged.iter().take_while(|step| !step.is_changed()).count();
        Self { old, new, merged, start }
    }

    fn changed(&self) -> impl Iterator<Item = &'a Boxed> {
        self.merged.iter().filter(|step| step.is_changed()).map(|step| step.rule())
    }

    fn is_changed(&self) -> bool {
        self.start < self.merged.len()
    }
}

/// The rule that holds all that the other ones do, if there is one.
fn widest<'a>(space: &Space, rules: impl Iterator<Item = &'a Boxed>) -> Result<Option<&'a Boxed>, Error> {
    let mut steps = Steps(u64::MAX);
    let mut widest: Option<&Boxed> = None;
    for rule in rules {
        match widest {
            Some(known) if has_all(space, known, rule, &mut steps)? => {}
            Some(known) if !has_all(space, rule, known, &mut steps)? => return Ok(None),
            _ => widest = Some(rule),
        }
    }
    Ok(widest)
}

impl<'a> Sides<'a> {
    /// The lists of these numbers in the space, one or two on each side.
    pub(crate) fn new(space: &'a Space, old: &[usize], new: &[usize]) -> Result<Self, Error> {
        let rules = |table: Option<&usize>| match table.and_then(|table| space.tables.get(*table)) {
            Some(table) => table.rules.as_slice(),
            None => EVERYTHING.as_slice(),
        };
        let pairs = |old: [Option<&usize>; 2], new: [Option<&usize>; 2]| {
            let pairs = old.into_iter().zip(new).filter(|(old, new)| old.is_some() || new.is_some());
            pairs.map(|(old, new)| Pair::new(rules(old), rules(new))).collect::<Vec<_>>()
        };
        let (olds, news) = ([old.first(), old.get(1)], [new.first(), new.get(1)]);
        let mut pairs_of = vec![pairs(olds, news)];
        // Of one list and two, the one is that of the two which it shares more rules with.
        match (old.len(), new.len()) {
            (1, 2) => pairs_of.push(pairs([None, old.first()], news)),
            (2, 1) => pairs_of.push(pairs(olds, [None, new.first()])),
            _ => {}
        }
        let changes = |pairs: &Vec<Pair<'_>>| pairs.iter().map(|pair| pair.changed().count()).sum::<usize>();
        let pairs = pairs_of.into_iter().min_by_key(changes).unwrap_or_default();
        let widest = widest(space, pairs.iter().flat_map(Pair::changed))?;
        Ok(Self { space, pairs, widest })
    }

    fn changed(&self) -> impl Iterator<Item = &'a Boxed> {
        self.pairs.iter().flat_map(Pair::changed)
    }

    /// The packets of `sets` that the sides can decide differently, as far as one set for each field tells them.
    pub(crate) fn domain(&self, sets: &[u32; FIELDS]) -> Domain {
        let widest = self.widest.map(|rule| &rule.sets);
        let all: Vec<&[u32; FIELDS]> = [sets].into_iter().chain(widest).collect();
        Domain::new(self.space, &all)
    }

    /// The packets at which the sides can differ at all, and the sides over these packets.
    pub(crate) fn lists(&self, diagram: &mut Diagram<'a>) -> Result<(ListId, [Side; 2]), Error> {
        let count = self.changed().count();
        let all: usize = self.pairs.iter().map(|pair| pair.old.len() + pair.new.len()).sum();
        let mut changes = self.pairs.iter().filter(|pair| pair.is_changed());
        let one = match (changes.next(), changes.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        };
        // Where most have changed, to ask for them costs more than it spares.
        let changed = match one {
            _ if count > all / 2 => ALLOW_ALL,
            Some(one) => {
                let outcome = |step: &Step<'a>| (step.rule(), if step.is_changed() { ALLOW } else { DENY });
                diagram.list(one.merged.iter().map(outcome), DENY)?
            }
            None => diagram.list(self.changed().map(|rule| (rule, ALLOW)), DENY)?,
        };
        // Where the first rules of a list are not asked for by the list of what has changed, they decide.
        let skipped = |pair: &Pair<'_>| match one {
            Some(one) if changed != ALLOW_ALL && std::ptr::eq(one.old, pair.old) => pair.start,
            _ => 0,
        };
        let lists = |pair: &Pair<'a>| [&pair.old[skipped(pair)..], &pair.new[skipped(pair)..]];
        let lists: Vec<[&'a [Boxed]; 2]> = self.pairs.iter().map(lists).collect();
        let mut side = |nth: usize| diagram.side(&lists.iter().map(|pair| pair[nth]).collect::<Vec<_>>());
        Ok((changed, [side(0)?, side(1)?]))
    }

    /// What the sides decide differently over some packets, one changed rule after the other, until `each` wants no more.
    ///
    /// # Errors
    /// [`Error::TooComplex`] where the steps do not suffice; what was told until then is right.
    pub(crate) fn pieces(
        &self,
        sets: &[u32; FIELDS],
        steps: &mut Steps,
        each: &mut dyn FnMut(Way, NodeId),
    ) -> Result<(), Error> {
        for (place, pair) in self.pairs.iter().enumerate() {
            for nth in (0..pair.merged.len()).filter(|&nth| pair.merged[nth].is_changed()) {
                self.pieces_of(place, nth, sets, steps, each)?;
            }
        }
        Ok(())
    }

    /// What of a changed rule's packets is decided differently, where it is the first changed rule that holds them first
    /// in its list.
    fn pieces_of(
        &self,
        place: usize,
        nth: usize,
        sets: &[u32; FIELDS],
        steps: &mut Steps,
        each: &mut dyn FnMut(Way, NodeId),
    ) -> Result<(), Error> {
        let (space, pair) = (self.space, &self.pairs[place]);
        let step = pair.merged[nth];
        let rule = step.rule();
        let packets = Packets::new(space, &[sets, &rule.sets], steps)?;
        if packets.is_empty() {
            return Ok(());
        }
        let mut others: Vec<&Boxed> = Vec::new();
        for before in &pair.merged[..nth] {
            if meet(space, rule, before.rule(), steps)? {
                others.push(before.rule());
                if has_all(space, before.rule(), rule, steps)? {
                    return Ok(());
                }
            }
        }
        let before = others.len();
        for after in pair.merged[nth + 1..].iter().filter(|after| after.is_opposite(step)) {
            if meet(space, rule, after.rule(), steps)? {
                others.push(after.rule());
                if has_all(space, after.rule(), rule, steps)? {
                    break;
                }
            }
        }
        let after = others.len();
        if others[before..].iter().all(|other| other.access == rule.access) {
            return Ok(());
        }
        let is_old = matches!(step, Step::Old(_));
        let is_opened = is_old != (rule.access == Access::Allow);
        let mut besides: Vec<Vec<(usize, bool)>> = Vec::new();
        for list in self.besides(place, is_opened) {
            let mut places = Vec::new();
            for other in list {
                if meet(space, rule, other, steps)? {
                    places.push((others.len(), other.access == Access::Allow));
                    others.push(other);
                }
            }
            besides.push(places);
        }
        let ground = packets.ground(&others, steps)?;
        let end = if is_opened { OPENED } else { CLOSED };
        let mut tell = |classes: [Vec<u32>; FIELDS]| {
            each(classes.map(Some), end);
            true
        };
        for other in (before..after).filter(|&other| others[other].access != rule.access) {
            within(&ground, &mut vec![other], (0..other).collect(), &besides, steps, &mut tell)?;
        }
        Ok(())
    }

    /// The lists of the other pair that must allow what a rule of this one changes. A change of the second pair counts only
    /// where nothing changes by the first one.
    fn besides(&self, place: usize, is_opened: bool) -> Vec<&'a [Boxed]> {
        match self.pairs.iter().enumerate().find(|(nth, _)| *nth != place) {
            None => Vec::new(),
            Some((_, pair)) if !pair.is_changed() => vec![pair.old],
            Some((nth, pair)) if nth < place => vec![pair.old, pair.new],
            Some((_, pair)) if is_opened => vec![pair.new],
            Some((_, pair)) => vec![pair.old],
        }
    }
}

/// Tells of what some rules all hold and others leave what several lists allow, each given as places in the ground with
/// whether the rule allows.
fn within(
    ground: &Ground,
    rules: &mut Vec<usize>,
    mut others: Vec<usize>,
    lists: &[Vec<(usize, bool)>],
    steps: &mut Steps,
    tell: &mut dyn FnMut([Vec<u32>; FIELDS]) -> bool,
) -> Result<(), Error> {
    let Some((list, lists)) = lists.split_first() else {
        return ground.left(rules, &others, steps, tell);
    };
    if ground.is_covered(rules, &others, steps)? {
        return Ok(());
    }
    for &(place, allows) in list {
        if allows {
            rules.push(place);
            let found = within(ground, rules, others.clone(), lists, steps, tell);
            rules.pop();
            found?;
        }
        others.push(place);
    }
    Ok(())
}
