//! Cutting a line of numbers into elementary intervals, and naming those that lie in the same sets.

use crate::limits::{Budget, Error};
use crate::ranges::Ranges;
use std::collections::HashMap;
use std::rc::Rc;

/// The elementary intervals of some sets: inside one interval every number lies in the same sets.
#[derive(Debug)]
pub struct Atoms {
    /// Where each interval begins, ascending from zero; it ends before the next one.
    pub starts: Vec<u128>,
    /// The class of each interval; intervals of one class lie in the same sets.
    pub classes: Vec<u32>,
    /// The sets that hold each class, ascending.
    pub members: Vec<Rc<[u32]>>,
}

/// Stands for a cut that no set asks for.
const CUT: u32 = u32::MAX;

impl Atoms {
    /// The atoms of `sets`, cut at `cuts` too.
    ///
    /// # Errors
    /// When the sets overlap so much that they are beyond what a policy may cost.
    pub fn of(sets: &[Ranges], cuts: &[u128]) -> Result<Self, Error> {
        Self::new(sets, cuts, &mut Budget::full())
    }

    /// Cuts the line from zero upward where any of `sets` begins or ends, and at `cuts`.
    ///
    /// # Errors
    /// When the sets overlap so much that the budget does not suffice.
    ///
    /// # Cost
    /// A sort of all ends, then for each interval as many steps as sets hold it.
    pub(crate) fn new(sets: &[Ranges], cuts: &[u128], budget: &mut Budget) -> Result<Self, Error> {
        let turns = turns(sets, cuts, budget)?;
        let mut atoms = Self { starts: Vec::new(), classes: Vec::new(), members: Vec::new() };
        let mut known: HashMap<Rc<[u32]>, u32> = HashMap::new();
        let mut holding: Vec<u32> = Vec::new();
        for here in turns.chunk_by(|a, b| a.0 == b.0) {
            for &(start, set) in here {
                if atoms.starts.last() != Some(&start) {
                    atoms.starts.push(start);
                }
                turn(&mut holding, set);
            }
            budget.steps(holding.len() + here.len())?;
            let class = match known.get(holding.as_slice()) {
                Some(&class) => class,
                None => {
                    budget.bytes(holding.len() + 16, size_of::<u32>())?;
                    let class = u32::try_from(atoms.members.len()).map_err(|_| Error::Bytes)?;
                    let members: Rc<[u32]> = holding.as_slice().into();
                    atoms.members.push(Rc::clone(&members));
                    known.insert(members, class);
                    class
                }
            };
            atoms.classes.push(class);
        }
        Ok(atoms)
    }
}

/// Every place where a set begins or ends, in order. Sets do not touch themselves, so each turn changes one.
fn turns(sets: &[Ranges], cuts: &[u128], budget: &mut Budget) -> Result<Vec<(u128, u32)>, Error> {
    let ranges: usize = sets.iter().map(|set| set.as_slice().len()).sum();
    budget.bytes(2 * ranges, size_of::<(u128, u32)>())?;
    let mut turns = Vec::with_capacity(2 * ranges + cuts.len() + 1);
    turns.push((0, CUT));
    turns.extend(cuts.iter().map(|&cut| (cut, CUT)));
    for (set, ranges) in (0_u32..).zip(sets) {
        for &(start, end) in ranges.as_slice() {
            turns.push((start, set));
            turns.extend(end.checked_add(1).map(|after| (after, set)));
        }
    }
    turns.sort_unstable();
    Ok(turns)
}

/// Lets `set` begin to hold, or cease to.
fn turn(holding: &mut Vec<u32>, set: u32) {
    if set == CUT {
        return;
    }
    match holding.binary_search(&set) {
        Ok(place) => drop(holding.remove(place)),
        Err(place) => holding.insert(place, set),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(sets: &[&[(u128, u128)]], cuts: &[u128]) -> Atoms {
        let sets: Vec<Ranges> = sets.iter().map(|ranges| Ranges::union(ranges.iter().copied())).collect();
        Atoms::new(&sets, cuts, &mut Budget::full()).unwrap()
    }

    #[test]
    fn intervals_in_the_same_sets_share_a_class() {
        let atoms = cut(&[&[(10, 19), (30, 39)], &[(15, 34)]], &[]);
        assert_eq!(atoms.starts, [0, 10, 15, 20, 30, 35, 40]);
        assert_eq!(atoms.classes, [0, 1, 2, 3, 2, 1, 0]);
        let members: Vec<&[u32]> = atoms.members.iter().map(|members| &**members).collect();
        assert_eq!(members, [&[][..], &[0], &[0, 1], &[1]]);
    }

    #[test]
    fn the_ends_of_the_line_are_ordinary() {
        let atoms = cut(&[&[(0, u128::MAX)], &[(u128::MAX, u128::MAX)]], &[7]);
        assert_eq!(atoms.starts, [0, 7, u128::MAX]);
        assert_eq!(atoms.classes, [0, 0, 1]);
    }

    #[test]
    fn too_much_overlap_is_refused() {
        let nested: Vec<Ranges> = (0..1000).map(|n| Ranges::union([(n, 10_000 - n)])).collect();
        let spend = |bytes, steps| Atoms::new(&nested, &[], &mut Budget::of(bytes, steps)).err();
        assert_eq!(spend(10_000_000, 10_000_000), None);
        assert_eq!(spend(1_000_000, 10_000_000), Some(Error::Bytes));
        assert_eq!(spend(10_000_000, 100_000), Some(Error::Steps));
    }
}
