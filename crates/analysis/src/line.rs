//! One field's values, cut into classes that no set tells apart.

use crate::Error;
use crate::limits::{MAX_CLASSES, Steps};
use crate::symbol::{Addresses, World, host};
use packet::Protocol;
use policy::{Atoms, IPV4, KINDS, Ranges};
use std::collections::HashMap;
use std::hash::Hash;

/// The number of the set that holds every value of its line.
pub(crate) const FULL: u32 = 0;

/// The fields in the order in which diagrams ask for them.
pub(crate) const PROTOCOL: usize = 0;
pub(crate) const DESTINATION_PORT: usize = 1;
pub(crate) const DESTINATION: usize = 2;
pub(crate) const SOURCE: usize = 3;
pub(crate) const SOURCE_PORT: usize = 4;
/// How many fields there are.
pub(crate) const FIELDS: usize = 5;

/// The kinds of protocol: of each the kind of its ports, and the kinds of the addresses that carry it. ICMP is IPv4's alone,
/// and what no rule has a word for is IPv6's ICMPv6: Azure's network carries nothing else.
pub(crate) const PROTOCOL_KINDS: [(usize, &[usize]); 4] = [(0, &[0, 1]), (1, &[0, 1]), (1, &[0]), (1, &[1])];

/// How many ports there are.
const PORTS: u128 = 1 << 16;

/// The values of one field.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) classes: Vec<Class>,
    /// By the number of a set its classes, ascending; of [`FULL`] all.
    sets: Vec<Vec<u32>>,
}

/// Values that lie in the same sets, all of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Class {
    /// Protocols: a place in [`PROTOCOL_KINDS`]. Ports: 0, or 1 for none. Addresses: 0 for IPv4, 1 for IPv6.
    pub(crate) kind: usize,
    /// Of addresses, the number of the world.
    pub(crate) world: usize,
    /// The values; none for "no port".
    pub(crate) ranges: Ranges,
}

/// Sets of one line, each numbered once.
#[derive(Debug)]
pub(crate) struct Sets<T> {
    numbers: HashMap<T, u32>,
    list: Vec<T>,
}

impl<T: Clone + Eq + Hash> Sets<T> {
    /// The full set alone.
    pub(crate) fn new(full: T) -> Self {
        Self { numbers: HashMap::from([(full.clone(), FULL)]), list: vec![full] }
    }

    /// The number of a set.
    pub(crate) fn number(&mut self, set: T) -> u32 {
        let next = self.list.len() as u32; // A network has fewer prefixes than that.
        let number = *self.numbers.entry(set.clone()).or_insert(next);
        if number == next {
            self.list.push(set);
        }
        number
    }

    /// The sets in the order of their numbers.
    pub(crate) fn as_slice(&self) -> &[T] {
        &self.list
    }
}

impl Line {
    /// The protocols; a set has a bit for each of [`KINDS`].
    pub(crate) fn protocols(sets: &[u8]) -> Self {
        let class = |nth: usize| Class {
            kind: protocol_kind(KINDS[nth]),
            world: 0,
            ranges: Ranges::union([(nth as u128, nth as u128)]),
        };
        let of = |set: &u8| (0..KINDS.len() as u32).filter(|nth| set & (1 << nth) != 0).collect();
        Self { classes: (0..KINDS.len()).map(class).collect(), sets: sets.iter().map(of).collect() }
    }

    /// The ports, and as the last class having none, which the full set alone holds.
    pub(crate) fn ports(sets: &[Ranges]) -> Result<Self, Error> {
        let atoms = Atoms::of(sets, &[PORTS])?;
        let mut line = Self { classes: Vec::new(), sets: vec![Vec::new(); sets.len()] };
        let values = ranges_of(&atoms);
        for (values, members) in values.into_iter().zip(&atoms.members) {
            let ranges = values.minus(&Ranges::union([(PORTS, u128::MAX)]));
            if !ranges.is_empty() {
                line.push(Class { kind: 0, world: 0, ranges }, members.iter().copied());
            }
        }
        line.push(Class { kind: 1, world: 0, ranges: Ranges::default() }, [FULL].into_iter());
        Ok(line)
    }

    /// The addresses in every world.
    pub(crate) fn addresses(sets: &[Addresses], worlds: &[World]) -> Result<Self, Error> {
        let parts = |set: &Addresses| [set.known.clone(), set.outside.clone(), set.inside.clone()];
        let mut cut: Vec<Ranges> = sets.iter().flat_map(parts).collect();
        // Classes are of one family, and the host's address has one of its own.
        let (family, alone) = (cut.len() as u32, cut.len() as u32 + 1);
        cut.extend([Ranges::union([IPV4]), host()]);
        cut.extend(worlds.iter().map(|world| world.only().cloned().unwrap_or_default()));
        let atoms = Atoms::of(&cut, &[IPV4.0, IPV4.1 + 1])?;
        if atoms.members.len().saturating_mul(worlds.len()) > MAX_CLASSES {
            return Err(Error::TooComplex);
        }
        let values = ranges_of(&atoms);
        let with_groups = (0..).zip(sets).filter(|(_, set)| !set.groups.is_empty());
        let with_groups: Vec<(u32, &Addresses)> = with_groups.collect();
        let mut line = Self { classes: Vec::new(), sets: vec![Vec::new(); sets.len()] };
        for (world, supposed) in worlds.iter().enumerate() {
            for (ranges, members) in values.iter().zip(&atoms.members) {
                let is_there = supposed.only().is_none() || members.contains(&(alone + 1 + world as u32));
                if !is_there || !supposed.has(members.contains(&alone)) {
                    continue;
                }
                let holds = |part: u32| match part % 3 {
                    0 => true,
                    1 => supposed.inside() == Some(false),
                    _ => supposed.inside() == Some(true),
                };
                let named = members.iter().copied().filter(|&part| part < family && holds(part));
                let groups = with_groups.iter().filter(|(_, set)| set.holds_members_of(supposed));
                let mut held: Vec<u32> =
                    named.map(|part| part / 3).chain(groups.map(|(set, _)| *set)).collect();
                held.sort_unstable();
                held.dedup();
                let kind = usize::from(!members.contains(&family));
                line.push(Class { kind, world, ranges: ranges.clone() }, held.into_iter());
            }
        }
        Ok(line)
    }

    /// How many classes there are, and how many each set has: what it took to cut the line.
    pub(crate) fn size(&self) -> usize {
        self.classes.len() + self.sets.iter().map(Vec::len).sum::<usize>()
    }

    /// The classes of a set, ascending.
    pub(crate) fn set(&self, number: u32) -> &[u32] {
        self.sets.get(number as usize).map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether a set holds a class.
    pub(crate) fn holds(&self, set: u32, class: u32) -> bool {
        if set == FULL {
            return true;
        }
        let classes = self.set(set);
        let (Some(&first), Some(&last)) = (classes.first(), classes.last()) else { return false };
        (first..=last).contains(&class) && (is_run(classes) || classes.binary_search(&class).is_ok())
    }

    /// Whether the classes of a set follow each other, as those of most ranges do.
    pub(crate) fn is_run(&self, set: u32) -> bool {
        is_run(self.set(set))
    }

    /// Whether two sets have any class in common.
    ///
    /// # Cost
    /// Nothing for ranges, else the steps that it is told of.
    pub(crate) fn meet(&self, one: u32, other: u32, steps: &mut Steps) -> Result<bool, Error> {
        if one == FULL || other == FULL || one == other {
            return Ok(true);
        }
        let (one, other) = (self.set(one), self.set(other));
        let (few, many) = if one.len() < other.len() { (one, other) } else { (other, one) };
        let (Some(few_ends), Some(many_ends)) = (ends(few), ends(many)) else { return Ok(false) };
        if few_ends.1 < many_ends.0 || many_ends.1 < few_ends.0 {
            return Ok(false);
        }
        if is_run(few) && is_run(many) {
            return Ok(true);
        }
        let from = few.partition_point(|class| *class < many_ends.0);
        let here = few[from..].iter().take_while(|class| **class <= many_ends.1);
        for class in here {
            steps.spend(1)?;
            if is_run(many) || many.binary_search(class).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether a set has all classes of another one.
    pub(crate) fn has_all(&self, outer: u32, inner: u32, steps: &mut Steps) -> Result<bool, Error> {
        if outer == FULL || outer == inner {
            return Ok(true);
        }
        let outer = self.set(outer);
        let (of_inner, of_outer) = (self.ends(inner), ends(outer));
        let (Some(inner_ends), Some(outer_ends)) = (of_inner, of_outer) else {
            return Ok(of_inner.is_none());
        };
        if inner_ends.0 < outer_ends.0 || outer_ends.1 < inner_ends.1 {
            return Ok(false);
        }
        if is_run(outer) {
            return Ok(true);
        }
        if inner == FULL {
            return Ok(outer.len() == self.classes.len());
        }
        for class in self.set(inner) {
            steps.spend(1)?;
            if outer.binary_search(class).is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first class of a set and its last one.
    fn ends(&self, set: u32) -> Option<(u32, u32)> {
        match set {
            FULL => Some((0, self.classes.len().checked_sub(1)? as u32)), // Bounded by MAX_CLASSES.
            set => ends(self.set(set)),
        }
    }

    /// The values of some classes in one world.
    pub(crate) fn values(&self, classes: &[u32], world: usize) -> Ranges {
        let classes = classes.iter().filter_map(|&class| self.classes.get(class as usize));
        let here = classes.filter(|class| class.world == world);
        Ranges::union(here.flat_map(|class| class.ranges.as_slice().iter().copied()))
    }

    fn push(&mut self, class: Class, sets: impl Iterator<Item = u32>) {
        let number = self.classes.len() as u32; // Bounded by MAX_CLASSES, or by the number of ports.
        self.classes.push(class);
        for set in sets {
            if let Some(classes) = self.sets.get_mut(set as usize) {
                classes.push(number);
            }
        }
    }
}

/// The kind of one of [`KINDS`].
fn protocol_kind(kind: Option<Protocol>) -> usize {
    match kind {
        Some(protocol) if protocol.has_ports() => 0,
        Some(Protocol::ICMP) => 2,
        Some(_) => 1,
        None => 3,
    }
}

/// The protocols that packets of some families can have, a bit for each of [`KINDS`].
pub(crate) fn carried(families: [bool; 2]) -> u8 {
    let is_carried = |kind: &Option<Protocol>| {
        let (_, by) = PROTOCOL_KINDS[protocol_kind(*kind)];
        by.iter().any(|&family| families[family])
    };
    KINDS.iter().enumerate().filter(|(_, kind)| is_carried(kind)).fold(0, |bits, (nth, _)| bits | 1 << nth)
}

fn ends(classes: &[u32]) -> Option<(u32, u32)> {
    Some((*classes.first()?, *classes.last()?))
}

fn is_run(classes: &[u32]) -> bool {
    ends(classes).is_some_and(|(first, last)| (last - first) as usize + 1 == classes.len())
}

/// For each class of atoms its values.
fn ranges_of(atoms: &Atoms) -> Vec<Ranges> {
    let mut ranges = vec![Vec::new(); atoms.members.len()];
    let ends = atoms.starts.iter().skip(1).map(|next| next - 1).chain([u128::MAX]);
    for ((&start, end), &class) in atoms.starts.iter().zip(ends).zip(&atoms.classes) {
        if let Some(ranges) = ranges.get_mut(class as usize) {
            ranges.push((start, end));
        }
    }
    ranges.into_iter().map(Ranges::union).collect()
}
