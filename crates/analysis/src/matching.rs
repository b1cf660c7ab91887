//! What of the old network is what of the new one.

use crate::diff::OnlyIn;
use model::{NsgIndex, SubnetIndex, VnetIndex};
use policy::Ranges;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
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

    /// Joins those that are left and mean the same, one after the other; what has no meaning stays.
    pub(crate) fn join_alike<K: Eq + Hash>(&mut self, mut meaning: impl FnMut(OnlyIn, usize) -> Option<K>) {
        let mut news: HashMap<K, VecDeque<usize>> = HashMap::new();
        for &place in &self.new {
            if let Some(meaning) = meaning(OnlyIn::New, place) {
                news.entry(meaning).or_default().push_back(place);
            }
        }
        let mut taken = HashSet::new();
        self.old.retain(|&place| {
            let partner = meaning(OnlyIn::Old, place).and_then(|it| news.get_mut(&it)?.pop_front());
            let Some(partner) = partner else { return true };
            taken.insert(partner);
            self.pairs.push((place, partner));
            false
        });
        self.new.retain(|place| !taken.contains(place));
    }
}

/// Matches virtual networks by id or name; names are not meaning, so those that are left are the same where their
/// addresses are.
pub(crate) fn virtual_networks(old: &model::Network, new: &model::Network) -> Matched {
    let (olds, news) = (&old.virtual_networks, &new.virtual_networks);
    let mut matched = pair(olds, news, |vnet| (&vnet.id, &vnet.name));
    matched.join_alike(|side, place| {
        let list = if side == OnlyIn::Old { olds } else { news };
        list.get(place).map(|vnet| Ranges::of_prefixes(&vnet.address_space))
    });
    matched
}

/// The subnets that a group guards.
pub(crate) fn subnets(network: &model::Network, group: usize) -> impl Iterator<Item = SubnetIndex> {
    network.virtual_networks.iter().enumerate().flat_map(move |(nth, vnet)| {
        let guarded = vnet.subnets.iter().enumerate();
        let guarded = guarded.filter(move |(_, subnet)| subnet.security_group == Some(NsgIndex(group)));
        guarded.map(move |(subnet, _)| SubnetIndex { vnet: VnetIndex(nth), subnet })
    })
}
