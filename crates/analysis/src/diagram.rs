//! The decision diagram: which packets two sides decide differently.
//!
//! A node asks for one field; its state is the rules that are still possible on both sides. Equal states are one node,
//! a state whose sides are equal needs no further question, and nodes that lead to the same places are one node. An
//! address's family follows from the destination, and whether there are ports, and which families there can be, from the
//! protocol.

use crate::Error;
use crate::limits::Steps;
use crate::line::{
    DESTINATION, DESTINATION_PORT, FIELDS, FULL, PROTOCOL, PROTOCOL_KINDS, SOURCE, SOURCE_PORT,
};
use crate::lists::{ALLOW, ALLOW_ALL, ANYTHING, DENY, DENY_ALL, Entry, ListId, Lists, Outcome};
use crate::space::{Boxed, Space};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A node, by its number.
pub(crate) type NodeId = u32;
/// Both sides decide alike.
pub(crate) const SAME: NodeId = 0;
/// The old side denies and the new one allows.
pub(crate) const OPENED: NodeId = 1;
/// The old side allows and the new one denies.
pub(crate) const CLOSED: NodeId = 2;

/// A question and where its answers lead; answers that lead to [`SAME`] are left out.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Node {
    pub(crate) field: usize,
    /// Classes of the field, ascending, and the next node.
    pub(crate) edges: Vec<(Vec<u32>, NodeId)>,
}

/// The packets that are looked at: for each field some classes.
#[derive(Debug)]
pub(crate) struct Domain {
    /// By field, then by kind, of which protocols have most.
    by_kind: [[Vec<u32>; PROTOCOL_KINDS.len()]; FIELDS],
    /// By field and class.
    holds: [Vec<bool>; FIELDS],
    /// Whether nothing was asked of a field.
    is_full: [bool; FIELDS],
}

/// What is known of the packets at a node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Place {
    /// The kind of ports.
    ports: usize,
    /// The kinds that both addresses can have, one after the destination.
    families: &'static [usize],
}

/// Lists that must all allow, in one form.
pub(crate) type Side = [ListId; 2];

/// Two sides, and before them the list that allows where they can differ at all.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct State {
    changed: ListId,
    sides: [Side; 2],
}

/// Classes of a field that leave the same rules.
struct Part {
    /// `None` is all that the other parts leave.
    classes: Option<Vec<u32>>,
    kind: usize,
    lists: Vec<ListId>,
}

/// Classes by the sets that hold them, as places in a list, and by kind.
type Parts = HashMap<(Vec<u32>, usize), Vec<u32>>;

/// Builds the diagram of two sides over one domain.
#[derive(Debug)]
pub(crate) struct Diagram<'a> {
    space: &'a Space,
    domain: Domain,
    lists: Lists,
    steps: Steps,
    nodes: Vec<Node>,
    numbers: HashMap<Node, NodeId>,
    known: HashMap<(usize, Place, State), NodeId>,
    /// For each class of a field the sets that hold it; empty between two nodes.
    holding: Vec<Vec<u32>>,
}

impl Domain {
    /// All packets whose fields lie in all of these sets.
    pub(crate) fn new(space: &Space, all: &[&[u32; FIELDS]]) -> Self {
        let mut by_kind: [[Vec<u32>; PROTOCOL_KINDS.len()]; FIELDS] = Default::default();
        for (field, (line, kinds)) in space.lines.iter().zip(&mut by_kind).enumerate() {
            for (nth, class) in (0..).zip(&line.classes) {
                if all.iter().all(|sets| line.holds(sets[field], nth)) {
                    kinds[class.kind].push(nth);
                }
            }
        }
        // No packet has two families, one port alone, or ports or a family that its protocol does not have.
        let pairs = [[DESTINATION, SOURCE], [DESTINATION_PORT, SOURCE_PORT]];
        for (fields, kind) in pairs.into_iter().flat_map(|fields| [(fields, 0), (fields, 1)]) {
            if fields.iter().any(|&field| by_kind[field][kind].is_empty()) {
                fields.iter().for_each(|&field| by_kind[field][kind].clear());
            }
        }
        for (kind, (ports, families)) in PROTOCOL_KINDS.into_iter().enumerate() {
            let is_carried = families.iter().any(|&family| !by_kind[DESTINATION][family].is_empty());
            if !is_carried || by_kind[DESTINATION_PORT][ports].is_empty() {
                by_kind[PROTOCOL][kind].clear();
            }
        }
        for kind in [0, 1] {
            let spoken = PROTOCOL_KINDS.iter().zip(&by_kind[PROTOCOL]).filter(|(_, held)| !held.is_empty());
            let [has_ports, has_family] = spoken.fold([false; 2], |[one, other], ((ports, families), _)| {
                [one || *ports == kind, other || families.contains(&kind)]
            });
            for (fields, is_left) in pairs.into_iter().zip([has_family, has_ports]) {
                if !is_left {
                    fields.iter().for_each(|&field| by_kind[field][kind].clear());
                }
            }
        }
        let mut holds: [Vec<bool>; FIELDS] = Default::default();
        for ((line, kinds), holds) in space.lines.iter().zip(&by_kind).zip(&mut holds) {
            holds.resize(line.classes.len(), false);
            kinds.iter().flatten().for_each(|&class| holds[class as usize] = true);
        }
        let is_full = std::array::from_fn(|field| all.iter().all(|sets| sets[field] == FULL));
        Self { by_kind, holds, is_full }
    }

    /// Whether it holds no packet.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_kind.iter().any(|kinds| kinds.iter().all(Vec::is_empty))
    }

    /// Whether nothing was asked of a field.
    pub(crate) fn is_full(&self, field: usize) -> bool {
        self.is_full[field]
    }

    /// The classes of a field.
    pub(crate) fn classes(&self, field: usize) -> Vec<u32> {
        let mut classes = self.by_kind[field].concat();
        classes.sort_unstable();
        classes
    }

    /// Whether a rule holds any of its packets, and what it asks of them.
    fn project(&self, space: &Space, rule: &Boxed) -> Option<[u32; FIELDS]> {
        let mut sets = rule.sets;
        for (field, set) in sets.iter_mut().enumerate().filter(|(_, set)| **set != FULL) {
            let line = &space.lines[field];
            let all = self.by_kind[field].iter().map(Vec::len).sum::<usize>();
            let classes = line.set(*set);
            let held = if classes.len() <= all {
                classes.iter().filter(|&&class| self.holds[field][class as usize]).count()
            } else {
                self.by_kind[field].iter().flatten().filter(|&&class| line.holds(*set, class)).count()
            };
            match held {
                0 => return None,
                held if held == all => *set = FULL,
                _ => {}
            }
        }
        Some(sets)
    }
}

impl<'a> Diagram<'a> {
    /// A diagram over a domain, without nodes.
    pub(crate) fn new(space: &'a Space, domain: Domain, steps: Steps) -> Self {
        let leaf = Node { field: FIELDS, edges: Vec::new() };
        Self {
            space,
            domain,
            lists: Lists::new(),
            steps,
            nodes: vec![leaf.clone(), leaf.clone(), leaf],
            numbers: HashMap::new(),
            known: HashMap::new(),
            holding: Vec::new(),
        }
    }

    /// The steps that are left.
    pub(crate) fn steps(&self) -> Steps {
        self.steps
    }

    pub(crate) fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node as usize)
    }

    /// A list of rules with their outcomes; what none of them holds becomes `otherwise`.
    pub(crate) fn list<'r>(
        &mut self,
        rules: impl Iterator<Item = (&'r Boxed, Outcome)>,
        otherwise: Outcome,
    ) -> Result<ListId, Error> {
        let mut entries = Vec::new();
        for (rule, outcome) in rules {
            self.steps.spend(FIELDS)?;
            if let Some(sets) = self.domain.project(self.space, rule) {
                entries.push(Entry { rest: self.lists.rest(&sets), outcome });
            }
        }
        entries.push(Entry { rest: ANYTHING, outcome: otherwise });
        Ok(self.lists.list(&mut entries))
    }

    /// One or two lists of rules, which must all allow.
    pub(crate) fn side(&mut self, lists: &[&'a [Boxed]]) -> Result<Side, Error> {
        let mut side = [ALLOW_ALL; 2];
        for (rules, list) in lists.iter().zip(&mut side) {
            let outcome =
                |rule: &'a Boxed| (rule, if rule.access == model::Access::Allow { ALLOW } else { DENY });
            *list = self.list(rules.iter().map(outcome), DENY)?;
        }
        Ok(both(side))
    }

    /// The diagram of what two sides decide differently, of which only packets that `changed` allows need be looked at.
    ///
    /// # Errors
    /// [`Error::TooComplex`].
    pub(crate) fn differ(&mut self, changed: ListId, old: Side, new: Side) -> Result<NodeId, Error> {
        let state = State { changed, sides: [old, new] };
        if self.domain.is_empty() { Ok(SAME) } else { self.below(PROTOCOL, Place::ALL, state) }
    }

    fn below(&mut self, field: usize, place: Place, state: State) -> Result<NodeId, Error> {
        if let Some(leaf) = self.leaf(state) {
            return Ok(leaf);
        }
        let key = (field, place, state);
        if let Some(&node) = self.known.get(&key) {
            return Ok(node);
        }
        let mut parts: Vec<(Option<Vec<u32>>, usize, NodeId)> = Vec::new();
        for part in self.split(field, place, &state.lists())? {
            let next = match State::of(&part.lists) {
                Some(next) => self.below(field + 1, place.with(field, part.kind), next)?,
                None => SAME,
            };
            parts.push((part.classes, part.kind, next));
        }
        if field == PROTOCOL {
            self.join(&mut parts)?;
        }
        let node = match parts.split_first() {
            None => SAME,
            Some((first, others)) if others.iter().all(|other| other.2 == first.2) => first.2,
            _ => {
                let mut edges: Vec<(Vec<u32>, NodeId)> = Vec::new();
                let mut rests: Vec<(usize, NodeId)> = Vec::new();
                let mut named: Vec<u32> = Vec::new();
                for (classes, kind, next) in parts {
                    match classes {
                        Some(classes) => {
                            named.extend(&classes);
                            edges.push((classes, next));
                        }
                        None => rests.push((kind, next)),
                    }
                }
                edges.retain(|(_, next)| *next != SAME);
                named.sort_unstable();
                for (kind, next) in rests.into_iter().filter(|(_, next)| *next != SAME) {
                    let all = &self.domain.by_kind[field][kind];
                    self.steps.spend(all.len())?;
                    let left = all.iter().copied().filter(|class| named.binary_search(class).is_err());
                    edges.push((left.collect(), next));
                }
                self.number(field, edges)
            }
        };
        self.known.insert(key, node);
        Ok(node)
    }

    /// Lets a protocol of one family lead where one of both does, if over that family they lead alike: over the other one it
    /// has no packets, so nobody can tell, and what both do is told once.
    fn join(&mut self, parts: &mut [(Option<Vec<u32>>, usize, NodeId)]) -> Result<(), Error> {
        let of_both = parts.iter().filter(|(_, kind, _)| PROTOCOL_KINDS[*kind].1.len() == 2);
        let of_both: Vec<NodeId> = of_both.map(|(_, _, next)| *next).collect();
        for (_, kind, next) in parts.iter_mut().filter(|(_, _, next)| *next != SAME) {
            let &[family] = PROTOCOL_KINDS[*kind].1 else { continue };
            for &other in &of_both {
                if self.over(other, family)? == *next {
                    *next = other;
                    break;
                }
            }
        }
        Ok(())
    }

    /// Where a node of both families leads over one of them; all but those that ask for the destination lead there as they are.
    fn over(&mut self, node: NodeId, family: usize) -> Result<NodeId, Error> {
        let Some(Node { field: DESTINATION, edges }) = self.node(node) else { return Ok(node) };
        let mut edges = edges.clone();
        let classes = &self.space.lines[DESTINATION].classes;
        for (own, _) in &mut edges {
            self.steps.spend(own.len())?;
            own.retain(|class| classes[*class as usize].kind == family);
        }
        edges.retain(|(own, _)| !own.is_empty());
        Ok(match edges.as_slice() {
            [] => SAME,
            [(own, next)] if own.len() == self.domain.by_kind[DESTINATION][family].len() => *next,
            _ => self.number(DESTINATION, edges),
        })
    }

    /// Whether two sides decide over any packet differently that `changed` allows; stops at the first.
    pub(crate) fn is_same(&mut self, changed: ListId, old: Side, new: Side) -> Result<bool, Error> {
        let mut same = HashSet::new();
        let state = State { changed, sides: [old, new] };
        Ok(self.domain.is_empty() || self.same_below(PROTOCOL, Place::ALL, state, &mut same)?)
    }

    fn same_below(
        &mut self,
        field: usize,
        place: Place,
        state: State,
        same: &mut HashSet<(usize, Place, State)>,
    ) -> Result<bool, Error> {
        if let Some(leaf) = self.leaf(state) {
            return Ok(leaf == SAME);
        }
        if same.contains(&(field, place, state)) {
            return Ok(true);
        }
        for part in self.split(field, place, &state.lists())? {
            let Some(next) = State::of(&part.lists) else { continue };
            if !self.same_below(field + 1, place.with(field, part.kind), next, same)? {
                return Ok(false);
            }
        }
        same.insert((field, place, state));
        Ok(true)
    }

    /// The end of a way, where nothing more needs to be asked.
    fn leaf(&self, State { changed, sides: [old, new] }: State) -> Option<NodeId> {
        if old == new || changed == DENY_ALL {
            return Some(SAME);
        }
        match (decided(old)?, decided(new)?) {
            (false, true) if changed == ALLOW_ALL => Some(OPENED),
            (true, false) if changed == ALLOW_ALL => Some(CLOSED),
            (old, new) => (old == new).then_some(SAME),
        }
    }

    fn number(&mut self, field: usize, edges: Vec<(Vec<u32>, NodeId)>) -> NodeId {
        let mut by_next: HashMap<NodeId, Vec<u32>> = HashMap::new();
        for (classes, next) in edges {
            by_next.entry(next).or_default().extend(classes);
        }
        let mut edges: Vec<(Vec<u32>, NodeId)> = by_next
            .into_iter()
            .map(|(next, mut classes)| {
                classes.sort_unstable();
                (classes, next)
            })
            .collect();
        edges.sort_unstable();
        let node = Node { field, edges };
        let next = self.nodes.len() as NodeId; // Each costs a step.
        let number = *self.numbers.entry(node.clone()).or_insert(next);
        if number == next {
            self.nodes.push(node);
        }
        number
    }

    /// Cuts what the domain has of a field into parts, of which each leaves other rules of some lists.
    fn split(&mut self, field: usize, place: Place, lists: &[ListId]) -> Result<Vec<Part>, Error> {
        let rules: Vec<_> = lists.iter().map(|list| self.lists.get(*list)).collect();
        let mut sets: Vec<u32> =
            rules.iter().flat_map(|rules| rules.iter()).map(|it| self.lists.ask(it.rest).0).collect();
        sets.sort_unstable();
        sets.dedup();
        sets.retain(|&set| set != FULL);
        self.steps.spend(1 + rules.iter().map(|rules| rules.len()).sum::<usize>())?;
        let kinds = place.kinds(field);
        let parts = self.parts(field, kinds, &sets)?;
        let mut split = Vec::with_capacity(parts.len() + 2);
        let mut left = self.domain.by_kind[field].each_ref().map(Vec::len);
        let mut entries = Vec::new();
        let mut live = vec![false; sets.len()];
        for ((holding, kind), classes) in parts {
            left[kind] -= classes.len();
            live.fill(false);
            holding.iter().for_each(|&nth| live[nth as usize] = true);
            let lists = self.remain(&rules, &sets, &live, &mut entries)?;
            split.push(Part { classes: Some(classes), kind, lists });
        }
        live.fill(false);
        for &kind in kinds.iter().filter(|&&kind| left[kind] > 0) {
            let lists = self.remain(&rules, &sets, &live, &mut entries)?;
            split.push(Part { classes: None, kind, lists });
        }
        Ok(split)
    }

    /// The classes that some sets hold, by which of them do.
    fn parts(&mut self, field: usize, kinds: &[usize], sets: &[u32]) -> Result<Parts, Error> {
        let line = &self.space.lines[field];
        self.holding.resize_with(self.holding.len().max(line.classes.len()), Vec::new);
        let mut touched = Vec::new();
        for (nth, &set) in (0..).zip(sets) {
            let classes = line.set(set);
            self.steps.spend(classes.len())?;
            for &class in classes {
                let kind = line.classes[class as usize].kind;
                if !self.domain.holds[field][class as usize] || !kinds.contains(&kind) {
                    continue;
                }
                let holding = &mut self.holding[class as usize];
                if holding.is_empty() {
                    touched.push(class);
                }
                holding.push(nth);
            }
        }
        let mut parts = Parts::new();
        for class in touched {
            let holding = std::mem::take(&mut self.holding[class as usize]);
            parts.entry((holding, line.classes[class as usize].kind)).or_default().push(class);
        }
        Ok(parts)
    }

    /// What remains of some lists where only these sets, and the full one, hold.
    fn remain(
        &mut self,
        all: &[Arc<[Entry]>],
        sets: &[u32],
        live: &[bool],
        entries: &mut Vec<Entry>,
    ) -> Result<Vec<ListId>, Error> {
        let mut lists: Vec<ListId> = Vec::with_capacity(all.len());
        for (nth, rules) in all.iter().enumerate() {
            // Where nothing has changed the sides need not be looked at.
            if lists.first() == Some(&DENY_ALL) {
                break;
            }
            // A side of one list has it twice.
            if nth > 0 && Arc::ptr_eq(rules, &all[nth - 1]) {
                lists.push(lists[nth - 1]);
                continue;
            }
            self.steps.spend(rules.len())?;
            entries.clear();
            for entry in rules.iter() {
                let (set, rest) = self.lists.ask(entry.rest);
                let holds = set == FULL || sets.binary_search(&set).is_ok_and(|nth| live[nth]);
                if holds {
                    entries.push(Entry { rest, outcome: entry.outcome });
                }
            }
            lists.push(self.lists.list(entries));
        }
        Ok(lists)
    }
}

impl Place {
    /// The first one.
    const ALL: Self = Self { ports: 0, families: &[0, 1] };
    const ONE: [[usize; 1]; 2] = [[0], [1]];

    /// The place after `field` had a value of that kind.
    fn with(self, field: usize, kind: usize) -> Self {
        match field {
            PROTOCOL => {
                let (ports, families) = PROTOCOL_KINDS[kind];
                Self { ports, families }
            }
            DESTINATION => Self { families: &Self::ONE[kind], ..self },
            _ => self,
        }
    }

    /// The kinds that values of `field` can have here.
    fn kinds(self, field: usize) -> &'static [usize] {
        match field {
            PROTOCOL => &[0, 1, 2, 3],
            DESTINATION | SOURCE => self.families,
            _ => &Self::ONE[self.ports],
        }
    }
}

impl State {
    fn lists(self) -> [ListId; 5] {
        let [old, new] = self.sides;
        [self.changed, old[0], old[1], new[0], new[1]]
    }

    /// What parts of [`State::lists`] come to; none where nothing has changed.
    fn of(lists: &[ListId]) -> Option<Self> {
        let &[changed, a, b, c, d] = lists else { return None };
        Some(Self { changed, sides: [both([a, b]), both([c, d])] })
    }
}

/// Two lists that must both allow, in one form.
fn both([a, b]: [ListId; 2]) -> Side {
    match (a, b) {
        (DENY_ALL, _) | (_, DENY_ALL) => [DENY_ALL; 2],
        (ALLOW_ALL, other) | (other, ALLOW_ALL) => [other; 2],
        (a, b) => [a.min(b), a.max(b)],
    }
}

/// Whether a side allows everything, or denies everything.
fn decided(side: Side) -> Option<bool> {
    match side {
        [ALLOW_ALL, ALLOW_ALL] => Some(true),
        [DENY_ALL, DENY_ALL] => Some(false),
        _ => None,
    }
}
