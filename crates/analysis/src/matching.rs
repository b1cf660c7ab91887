//! What of the old network is what of the new one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Pairs of places in two lists, and the places that have no partner.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    pub(crate) pairs: Vec<(usize, usize)>,
    pub(crate) old: Vec<usize>,
    pub(crate) new: Vec<usize>,
}

/// Matches resources by id, then those that are left by name where only one has it; neither minds letter case.
pub(crate) fn pair<'a, T: 'a>(
    old: &'a [T],
    new: &'a [T],
    head: impl Fn(&'a T) -> (&'a Arc<str>, &'a Arc<str>),
) -> Matched {
    let ids = |list: &'a [T]| list.iter().map(|it| head(it).0.to_ascii_lowercase()).collect::<Vec<_>>();
    let names = |list: &'a [T]| list.iter().map(|it| head(it).1.to_ascii_lowercase()).collect::<Vec<_>>();
    let mut matched =
        Matched { old: (0..old.len()).collect(), new: (0..new.len()).collect(), ..Matched::default() };
    matched.join(&ids(old), &ids(new));
    matched.join(&names(old), &names(new));
    matched.pairs.sort_unstable();
    matched
}

impl Matched {
    /// Joins those that are left and have a key that nobody else has.
    fn join(&mut self, old_keys: &[String], new_keys: &[String]) {
        fn unique<'k>(places: &[usize], keys: &'k [String]) -> HashMap<&'k str, Option<usize>> {
            let mut by_key = HashMap::new();
            for &place in places {
                by_key.entry(keys[place].as_str()).and_modify(|it| *it = None).or_insert(Some(place));
            }
            by_key
        }
        let (olds, news) = (unique(&self.old, old_keys), unique(&self.new, new_keys));
        for (key, old) in olds {
            if let (Some(old), Some(Some(new))) = (old, news.get(key)) {
                self.pairs.push((old, *new));
            }
        }
        let (olds, news): (HashSet<usize>, HashSet<usize>) = self.pairs.iter().copied().unzip();
        self.old.retain(|place| !olds.contains(place));
        self.new.retain(|place| !news.contains(place));
    }
}
