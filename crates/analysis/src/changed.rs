//! Which rules two lists do not share.

use crate::space::Boxed;
use std::collections::HashMap;

/// The rules of two lists without those that are in both in the same order. A packet that none of them holds meets the
/// same rules in both lists.
pub(crate) fn changed<'a>(old: &'a [Boxed], new: &'a [Boxed]) -> Vec<&'a Boxed> {
    let alike = |(a, b): &(&Boxed, &Boxed)| a.meaning() == b.meaning();
    let start = old.iter().zip(new).take_while(alike).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(alike).count();
    let (old, new) = (&old[..old.len() - end], &new[..new.len() - end]);
    // Each old rule's partner, of which the longest ascending run stays.
    let places: HashMap<_, usize> = new.iter().enumerate().map(|(nth, rule)| (rule.meaning(), nth)).collect();
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; old.len()];
    for (nth, rule) in old.iter().enumerate() {
        let Some(&partner) = places.get(&rule.meaning()) else { continue };
        let length = ends.partition_point(|&(last, _)| last < partner);
        before[nth] = length.checked_sub(1).map(|last| ends[last].1);
        match ends.get_mut(length) {
            Some(end) => *end = (partner, nth),
            None => ends.push((partner, nth)),
        }
    }
    let (mut olds, mut news) = (vec![true; old.len()], vec![true; new.len()]);
    let mut at = ends.last().map(|&(_, nth)| nth);
    while let Some(nth) = at {
        olds[nth] = false;
        if let Some(&partner) = places.get(&old[nth].meaning()) {
            news[partner] = false;
        }
        at = before[nth];
    }
    let left = |rules: &'a [Boxed], left: Vec<bool>| {
        rules.iter().zip(left).filter(|(_, left)| *left).map(|(rule, _)| rule)
    };
    left(old, olds).chain(left(new, news)).collect()
}
