//! Whether some rules hold all packets of another one together.
//!
//! The packets of a rule are a product of five sets, of which each is cut where other rules begin and end: **ground**. A
//! rule that holds all of four fields takes what it has of the fifth away from all of the ground. Where none is left that
//! does, the ground is split along the rule that holds most of it: outside, that rule is gone, inside it holds one field
//! more. Splits so are as few as the rules that count, however many corners the others have. The first piece that no rule
//! holds ends the search.

use crate::Error;
use crate::limits::Steps;
use crate::line::{DESTINATION, FIELDS, FULL, Line, PROTOCOL, PROTOCOL_KINDS, SOURCE};
use crate::space::{Boxed, Space};
use std::ops::Range;

/// From so many packets a search begins, and so often each is moved before the next one is tried.
const STARTS: usize = 6;
const MOVES: usize = 24;

/// What the classes of a packet's fields are of: whether it has ports, and its family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Kind {
    ports: usize,
    family: usize,
}

const KINDS: [Kind; 4] = [
    Kind { ports: 0, family: 0 },
    Kind { ports: 0, family: 1 },
    Kind { ports: 1, family: 0 },
    Kind { ports: 1, family: 1 },
];

impl Kind {
    /// Whether its packets can have values of a kind.
    fn has(self, field: usize, kind: usize) -> bool {
        match field {
            PROTOCOL => {
                let (ports, families) = PROTOCOL_KINDS[kind];
                ports == self.ports && families.contains(&self.family)
            }
            DESTINATION | SOURCE => kind == self.family,
            _ => kind == self.ports,
        }
    }
}

/// The packets of one rule.
#[derive(Debug)]
pub(crate) struct Packets<'a> {
    space: &'a Space,
    /// By kind of packet the classes of each field; kinds without packets are left out.
    kinds: Vec<[Vec<u32>; FIELDS]>,
}

/// The packets of one rule, and what some other rules hold of them.
#[derive(Debug)]
pub(crate) struct Ground {
    /// By kind of packet.
    pieces: Vec<Piece>,
}

/// The ground of one kind.
#[derive(Debug)]
struct Piece {
    /// The words of each field.
    fields: [Range<usize>; FIELDS],
    /// The classes of each field, and the places among them at which it is cut.
    own: [Vec<u32>; FIELDS],
    cuts: [Vec<usize>; FIELDS],
    /// A bit for each part between two cuts.
    whole: Vec<u64>,
    /// What each of the other rules holds of it, one after the other.
    held: Vec<u64>,
}

impl<'a> Packets<'a> {
    /// All packets whose fields lie in all of some sets.
    pub(crate) fn new(space: &'a Space, all: &[&[u32; FIELDS]], steps: &mut Steps) -> Result<Self, Error> {
        let mut kinds = Vec::new();
        'kinds: for kind in KINDS {
            let mut own: [Vec<u32>; FIELDS] = Default::default();
            for (field, own) in own.iter_mut().enumerate() {
                let line = &space.lines[field];
                let sets: Vec<u32> = all.iter().map(|sets| sets[field]).filter(|set| *set != FULL).collect();
                let is_of = |class: &u32| kind.has(field, line.classes[*class as usize].kind);
                *own = match sets.split_first() {
                    None => (0..line.classes.len() as u32).filter(is_of).collect(), // Bounded by MAX_CLASSES.
                    Some((first, others)) => {
                        let is_in_all = |class: &u32| others.iter().all(|set| line.holds(*set, *class));
                        line.set(*first).iter().copied().filter(is_of).filter(is_in_all).collect()
                    }
                };
                steps.spend(own.len() + 1)?;
                if own.is_empty() {
                    continue 'kinds;
                }
            }
            kinds.push(own);
        }
        Ok(Self { space, kinds })
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Looks for a packet that no rule is in the way of, by moving some out of the rules that are; `None` says nothing.
    ///
    /// `in_the_way` tells the first such rule of a packet, given as a class of each field.
    pub(crate) fn find(
        &self,
        mut in_the_way: impl FnMut(&[u32; FIELDS]) -> Result<Option<&'a Boxed>, Error>,
    ) -> Result<bool, Error> {
        // Any fixed start will do; the answer must be the same each time.
        let mut seed = 1_u64;
        let mut random = |below: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % below
        };
        for own in &self.kinds {
            // What others leave over is most often at an edge.
            for start in 0..STARTS {
                let mut packet = [0; FIELDS];
                for (own, class) in own.iter().zip(&mut packet) {
                    let is_last = if start < 2 { start == 1 } else { random(2) == 1 };
                    *class = own[if is_last { own.len() - 1 } else { 0 }];
                }
                for _ in 0..MOVES {
                    let Some(rule) = in_the_way(&packet)? else { return Ok(true) };
                    let first = random(FIELDS);
                    let moved = (0..FIELDS).map(|nth| (first + nth) % FIELDS).find_map(|field| {
                        let is_out = |place: &usize| !self.holds(rule, field, own[field][*place]);
                        let last = own[field].len() - 1;
                        let edges = if random(2) == 0 { [0, last] } else { [last, 0] };
                        let anywhere = std::array::from_fn(|_| random(last + 1));
                        let [some, other] = anywhere;
                        [edges[0], some, edges[1], other].iter().find(|it| is_out(it)).map(|it| (field, *it))
                    });
                    let Some((field, place)) = moved else { break };
                    packet[field] = own[field][place];
                }
            }
        }
        Ok(false)
    }

    fn holds(&self, rule: &Boxed, field: usize, class: u32) -> bool {
        self.space.lines[field].holds(rule.sets[field], class)
    }

    /// The packets as ground, cut by other rules.
    pub(crate) fn ground(&self, others: &[&Boxed], steps: &mut Steps) -> Result<Ground, Error> {
        let pieces = self.kinds.iter().map(|own| Piece::new(self.space, own.clone(), others, steps));
        Ok(Ground { pieces: pieces.collect::<Result<_, _>>()? })
    }
}

impl Ground {
    /// Whether one rule alone holds everything.
    pub(crate) fn is_within(&self, other: usize) -> bool {
        self.pieces.iter().all(|piece| piece.whole == piece.of(other))
    }

    /// Whether some rules hold together what those of `within` all hold of the ground.
    pub(crate) fn is_covered(
        &self,
        within: &[usize],
        by: &[usize],
        steps: &mut Steps,
    ) -> Result<bool, Error> {
        let mut is_covered = true;
        self.left(within, by, steps, &mut |_| {
            is_covered = false;
            false
        })?;
        Ok(is_covered)
    }

    /// What some rules leave of what those of `within` all hold, as products of classes that have nothing in common, until
    /// `each` wants no more.
    pub(crate) fn left(
        &self,
        within: &[usize],
        by: &[usize],
        steps: &mut Steps,
        each: &mut dyn FnMut([Vec<u32>; FIELDS]) -> bool,
    ) -> Result<(), Error> {
        for piece in &self.pieces {
            let mut left = piece.whole.clone();
            for &within in within {
                left.iter_mut().zip(piece.of(within)).for_each(|(left, held)| *left &= held);
            }
            if !piece.left(left, by.to_vec(), steps, &mut |left| each(piece.classes(left)))? {
                break;
            }
        }
        Ok(())
    }
}

/// The places in `own` that a set has, as runs.
fn runs(
    line: &Line,
    set: u32,
    own: &[u32],
    steps: &mut Steps,
    mut each: impl FnMut(Range<usize>),
) -> Result<(), Error> {
    if set == FULL {
        each(0..own.len());
        return Ok(());
    }
    let classes = line.set(set);
    let (Some(&first), Some(&last)) = (classes.first(), classes.last()) else { return Ok(()) };
    let (from, to) = (own.partition_point(|&it| it < first), own.partition_point(|&it| it <= last));
    if line.is_run(set) {
        steps.spend(1)?;
        if from < to {
            each(from..to);
        }
        return Ok(());
    }
    // Of a short set its classes are looked up, of a long one those of the ground.
    let own_side = to - from < classes.len();
    steps.spend(classes.len().min(to - from) + 1)?;
    let mut run: Option<Range<usize>> = None;
    let mut add = |place: usize| match &mut run {
        Some(run) if run.end == place => run.end += 1,
        other => {
            if let Some(run) = other.replace(place..place + 1) {
                each(run);
            }
        }
    };
    if own_side {
        (from..to).filter(|&place| classes.binary_search(&own[place]).is_ok()).for_each(&mut add);
    } else {
        classes.iter().filter_map(|class| own.binary_search(class).ok()).for_each(&mut add);
    }
    if let Some(run) = run {
        each(run);
    }
    Ok(())
}

impl Piece {
    fn new(
        space: &Space,
        own: [Vec<u32>; FIELDS],
        others: &[&Boxed],
        steps: &mut Steps,
    ) -> Result<Self, Error> {
        let mut fields: [Range<usize>; FIELDS] = Default::default();
        let mut cuts: [Vec<usize>; FIELDS] = Default::default();
        let mut words = 0;
        for field in 0..FIELDS {
            let cuts = &mut cuts[field];
            cuts.push(0);
            for other in others {
                runs(&space.lines[field], other.sets[field], &own[field], steps, |run| {
                    cuts.extend([run.start, run.end]);
                })?;
            }
            cuts.sort_unstable();
            cuts.dedup();
            if cuts.last() == Some(&own[field].len()) {
                cuts.pop();
            }
            let length = cuts.len().div_ceil(64);
            fields[field] = words..words + length;
            words += length;
        }
        steps.spend(words * (others.len() + 1))?;
        let mut piece =
            Self { fields, own, cuts, whole: vec![0; words], held: vec![0; words * others.len()] };
        for field in 0..FIELDS {
            let (range, own, cuts) = (piece.fields[field].clone(), &piece.own[field], &piece.cuts[field]);
            set_bits(&mut piece.whole[range.clone()], 0..cuts.len());
            for (nth, other) in others.iter().enumerate() {
                let held = &mut piece.held[words * nth..words * (nth + 1)][range.clone()];
                runs(&space.lines[field], other.sets[field], own, steps, |run| {
                    let at = |place: usize| cuts.partition_point(|&cut| cut < place);
                    set_bits(held, at(run.start)..at(run.end));
                })?;
            }
        }
        Ok(piece)
    }

    /// What another rule holds.
    fn of(&self, other: usize) -> &[u64] {
        let words = self.whole.len();
        &self.held[words * other..words * (other + 1)]
    }

    /// The classes of some parts of each field.
    fn classes(&self, parts: &[u64]) -> [Vec<u32>; FIELDS] {
        std::array::from_fn(|field| {
            let words = &parts[self.fields[field].clone()];
            let (own, cuts) = (&self.own[field], &self.cuts[field]);
            let ends = cuts.iter().skip(1).copied().chain([own.len()]);
            let parts = cuts.iter().zip(ends).enumerate();
            let here = parts.filter(|(nth, _)| words[nth / 64] & (1 << (nth % 64)) != 0);
            here.flat_map(|(_, (&start, end))| &own[start..end]).copied().collect()
        })
    }

    /// Tells what some rules leave, and says whether more was wanted.
    fn left(
        &self,
        mut left: Vec<u64>,
        mut rules: Vec<usize>,
        steps: &mut Steps,
        each: &mut dyn FnMut(&[u64]) -> bool,
    ) -> Result<bool, Error> {
        let count = |words: &[u64]| words.iter().map(|word| word.count_ones()).sum::<u32>();
        loop {
            let mut sizes = self.fields.clone().map(|field| count(&left[field]));
            if sizes.contains(&0) {
                return Ok(true);
            }
            let (mut kept, mut has_shrunk) = (Vec::with_capacity(rules.len()), false);
            let mut best: Option<(f64, usize, usize)> = None;
            for &rule in &rules {
                steps.spend(FIELDS)?;
                let held = self.of(rule);
                let (mut open, mut share, mut widest) = (0, 1.0, (0.0, 0));
                for (field, range) in self.fields.iter().enumerate() {
                    steps.spend(range.len())?;
                    let both = left[range.clone()].iter().zip(&held[range.clone()]);
                    let both: u32 = both.map(|(left, held)| (left & held).count_ones()).sum();
                    if both == 0 {
                        share = 0.0;
                        break;
                    }
                    if both < sizes[field] {
                        open += 1;
                        let part = f64::from(both) / f64::from(sizes[field]);
                        share *= part;
                        widest = if part > widest.0 { (part, field) } else { widest };
                    }
                }
                match open {
                    _ if share == 0.0 => {}
                    0 => return Ok(true),
                    1 => {
                        let range = self.fields[widest.1].clone();
                        left[range.clone()]
                            .iter_mut()
                            .zip(&held[range.clone()])
                            .for_each(|(left, held)| *left &= !held);
                        sizes[widest.1] = count(&left[range]);
                        has_shrunk = true;
                    }
                    _ => {
                        kept.push(rule);
                        if best.is_none_or(|(known, ..)| share > known) {
                            best = Some((share, rule, widest.1));
                        }
                    }
                }
            }
            rules = kept;
            if has_shrunk {
                continue;
            }
            let Some((_, rule, field)) = best else { return Ok(each(&left)) };
            let range = self.fields[field].clone();
            let held = &self.of(rule)[range.clone()];
            let mut outside = left.clone();
            outside[range.clone()].iter_mut().zip(held).for_each(|(left, held)| *left &= !held);
            let others = rules.iter().copied().filter(|other| *other != rule).collect();
            if !self.left(outside, others, steps, each)? {
                return Ok(false);
            }
            left[range].iter_mut().zip(held).for_each(|(left, held)| *left &= held);
        }
    }
}

fn set_bits(words: &mut [u64], bits: Range<usize>) {
    let below = |bit: usize| if bit == 64 { u64::MAX } else { (1 << bit) - 1 };
    for (nth, word) in words.iter_mut().enumerate().take(bits.end.div_ceil(64)).skip(bits.start / 64) {
        let from = bits.start.saturating_sub(nth * 64).min(64);
        let to = (bits.end - nth * 64).min(64);
        *word |= below(to) & !below(from);
    }
}
