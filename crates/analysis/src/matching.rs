//! What of the old network is what of the new one.

use model::{NsgIndex, SubnetIndex, Vantage, VnetIndex};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
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

/// The subnets that a group guards.
pub(crate) fn subnets(network: &model::Network, group: usize) -> impl Iterator<Item = SubnetIndex> {
    network.virtual_networks.iter().enumerate().flat_map(move |(nth, vnet)| {
        let guarded = vnet.subnets.iter().enumerate();
        let guarded = guarded.filter(move |(_, subnet)| subnet.security_group == Some(NsgIndex(group)));
        guarded.map(move |(subnet, _)| SubnetIndex { vnet: VnetIndex(nth), subnet })
    })
}

/// From where two groups are compared that guard no NIC: from the subnets of one name that both guard, and in a virtual
/// network without any from the first that each guards there; `None` alone where they share no virtual network.
pub(crate) fn views(
    (old, old_group): (&model::Network, usize),
    (new, new_group): (&model::Network, usize),
) -> Vec<Option<(Vantage, Vantage)>> {
    let named = |network: &model::Network, group: usize| {
        let mut guarded: BTreeMap<String, BTreeMap<String, SubnetIndex>> = BTreeMap::new();
        for index in subnets(network, group) {
            let Some(vnet) = network.virtual_networks.get(index.vnet.0) else { continue };
            let Some(subnet) = vnet.subnets.get(index.subnet) else { continue };
            let here = guarded.entry(vnet.name.to_ascii_lowercase()).or_default();
            here.entry(subnet.name.to_ascii_lowercase()).or_insert(index);
        }
        guarded
    };
    let (olds, news) = (named(old, old_group), named(new, new_group));
    let mut views = BTreeSet::new();
    for (vnet, olds) in &olds {
        let Some(news) = news.get(vnet) else { continue };
        let named = olds.iter().filter_map(|(name, &subnet)| Some((subnet, *news.get(name)?)));
        let mut shared: Vec<(SubnetIndex, SubnetIndex)> = named.collect();
        if shared.is_empty() {
            shared.extend(olds.values().copied().zip(news.values().copied()).next());
        }
        views.extend(shared.into_iter().map(|(one, other)| (old.vantage(one), new.vantage(other))));
    }
    if views.is_empty() { vec![None] } else { views.into_iter().map(Some).collect() }
}
