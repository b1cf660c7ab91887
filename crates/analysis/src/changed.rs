//! Which rules two lists do not share.

use crate::space::Boxed;
use std::collections::HashMap;

/// A rule of two lists.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step<'a> {
    /// Of both, in the same order.
    Both(&'a Boxed),
    /// Of the old list alone.
    Old(&'a Boxed),
    /// Of the new list alone.
    New(&'a Boxed),
}

impl<'a> Step<'a> {
    pub(crate) fn rule(self) -> &'a Boxed {
        match self {
            Self::Both(rule) | Self::Old(rule) | Self::New(rule) => rule,
        }
    }

    pub(crate) fn is_changed(self) -> bool {
        !matches!(self, Self::Both(_))
    }

    /// Whether the list of the other side has the rule.
    pub(crate) fn is_opposite(self, of: Self) -> bool {
        !matches!((self, of), (Self::Old(_), Self::Old(_)) | (Self::New(_), Self::New(_)))
    }
}

/// Both lists as one, each in its order. A packet is decided alike by both where the first rule that holds it is one of
/// both.
pub(crate) fn merged<'a>(old: &'a [Boxed], new: &'a [Boxed]) -> Vec<Step<'a>> {
    let alike = |(a, b): &(&Boxed, &Boxed)| a.meaning() == b.meaning();
    let start = old.iter().zip(new).take_while(alike).count();
    let ((head, old), new) = (old.split_at(start), &new[start..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(alike).count();
    let ((old, tail), new) = (old.split_at(old.len() - end), &new[..new.len() - end]);
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
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let mut at = ends.last().map(|&(_, nth)| nth);
    while let Some(nth) = at {
        pairs.extend(places.get(&old[nth].meaning()).map(|&partner| (nth, partner)));
        at = before[nth];
    }
    let mut steps: Vec<Step<'a>> = head.iter().map(Step::Both).collect();
    let (mut olds, mut news) = (0, 0);
    for (nth, partner) in pairs.into_iter().rev() {
        steps.extend(old[olds..nth].iter().map(Step::Old));
        steps.extend(new[news..partner].iter().map(Step::New));
        steps.push(Step::Both(&old[nth]));
        (olds, news) = (nth + 1, partner + 1);
    }
    steps.extend(old[olds..].iter().map(Step::Old));
    steps.extend(new[news..].iter().map(Step::New));
    steps.extend(tail.iter().map(Step::Both));
    steps
}
