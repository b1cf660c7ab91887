//! Lists of rules that are still possible, each kept once and in one form, so that equal ones are seen to be equal.

use crate::line::{FIELDS, FULL};
use std::collections::HashMap;
use std::sync::Arc;

/// What becomes of a packet: [`DENY`] or [`ALLOW`].
pub(crate) type Outcome = u32;
pub(crate) const DENY: Outcome = 0;
pub(crate) const ALLOW: Outcome = 1;

/// A list, by its number.
pub(crate) type ListId = u32;
/// The list that denies everything.
pub(crate) const DENY_ALL: ListId = 0;
/// The list that allows everything.
pub(crate) const ALLOW_ALL: ListId = 1;

/// What is left to ask of a packet from some field on; [`ANYTHING`] asks nothing.
pub(crate) type Rest = u32;
pub(crate) const ANYTHING: Rest = 0;

/// One rule of a list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct Entry {
    pub(crate) rest: Rest,
    pub(crate) outcome: Outcome,
}

/// All lists and what their rules still ask.
#[derive(Debug)]
pub(crate) struct Lists {
    rests: Vec<(u32, Rest)>,
    rest_numbers: HashMap<(usize, u32, Rest), Rest>,
    lists: Vec<Arc<[Entry]>>,
    list_numbers: HashMap<Arc<[Entry]>, ListId>,
    /// For each rest the last list that had it, so that a second one is seen.
    seen: Vec<u32>,
    turn: u32,
}

impl Lists {
    /// [`DENY_ALL`] and [`ALLOW_ALL`].
    pub(crate) fn new() -> Self {
        let mut lists = Self {
            rests: vec![(FULL, ANYTHING)],
            rest_numbers: HashMap::new(),
            lists: Vec::new(),
            list_numbers: HashMap::new(),
            seen: vec![0],
            turn: 0,
        };
        for outcome in [DENY, ALLOW] {
            lists.list(&mut vec![Entry { rest: ANYTHING, outcome }]);
        }
        lists
    }

    /// What a rule asks, from the first field on.
    pub(crate) fn rest(&mut self, sets: &[u32; FIELDS]) -> Rest {
        let mut rest = ANYTHING;
        for (field, &set) in sets.iter().enumerate().rev() {
            if set == FULL && rest == ANYTHING {
                continue;
            }
            let next = self.rests.len() as Rest; // Five for each rule at most.
            let number = *self.rest_numbers.entry((field, set, rest)).or_insert(next);
            if number == next {
                self.rests.push((set, rest));
                self.seen.push(0);
            }
            rest = number;
        }
        rest
    }

    /// The set that a rest asks for in its field, and what it asks from the next field on.
    pub(crate) fn ask(&self, rest: Rest) -> (u32, Rest) {
        self.rests.get(rest as usize).copied().unwrap_or((FULL, ANYTHING))
    }

    /// The rules of a list.
    pub(crate) fn get(&self, list: ListId) -> Arc<[Entry]> {
        self.lists.get(list as usize).map(Arc::clone).unwrap_or_default()
    }

    /// The number of the list of these rules, of which the last one holds everything. What no packet reaches goes, and
    /// rules that may change places are sorted.
    pub(crate) fn list(&mut self, entries: &mut Vec<Entry>) -> ListId {
        self.turn += 1;
        let (turn, seen) = (self.turn, &mut self.seen);
        let mut closed = false;
        entries.retain(|entry| {
            let last = seen.get_mut(entry.rest as usize);
            let is_new = last.is_some_and(|last| std::mem::replace(last, turn) != turn);
            let keep = is_new && !closed;
            closed |= entry.rest == ANYTHING;
            keep
        });
        if let Some((&last, before)) = entries.split_last() {
            let needed =
                before.iter().rposition(|entry| entry.outcome != last.outcome).map_or(0, |it| it + 1);
            entries.truncate(needed);
            entries.push(last);
        }
        for run in entries.chunk_by_mut(|a, b| a.outcome == b.outcome) {
            run.sort_unstable();
        }
        if let Some(&known) = self.list_numbers.get(entries.as_slice()) {
            return known;
        }
        let number = self.lists.len() as ListId; // Each costs a step.
        let list: Arc<[Entry]> = entries.as_slice().into();
        self.lists.push(Arc::clone(&list));
        self.list_numbers.insert(list, number);
        number
    }
}
