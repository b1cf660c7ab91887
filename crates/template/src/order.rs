//! Resources that several deployments write: each writing replaces the one before it.

use crate::depends::{Key, Needs};
use crate::deployment::Deployment;
use crate::expansion::Expansion;
use crate::inside::Inside;
use crate::unordered::Unordered;
use crate::way::Way;
use document::{Entry, Node, Value};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// The lists of a virtual network that stay as they are where it is written again without them.
const KEPT: [&str; 2] = ["subnets", "virtualNetworkPeerings"];

/// What became of the resources that were written more than once.
#[derive(Default)]
pub(crate) struct Settled {
    /// Those that another one has replaced.
    pub(crate) gone: HashSet<Key>,
    /// The properties that the last one has from those before it.
    pub(crate) kept: HashMap<Key, Vec<Entry>>,
}

/// A resource that is written.
struct Writing {
    key: Key,
    rank: usize,
    id: String,
    /// The lists of its children that it writes, or would empty.
    lists: HashSet<String>,
    is_vnet: bool,
}

/// Finds what is left of resources that several deployments of the expansion write: as `dependsOn` orders them, else
/// in the order of the templates.
///
/// # Cost
/// Linear where nothing is written twice, else about linear in the resources and in what they depend on.
pub(crate) fn settle(all: &Expansion<'_>, first: &Rc<Deployment>, needs: &Needs) -> Settled {
    let mut writers: HashMap<String, Vec<Key>> = HashMap::new();
    all.each_instance(|inside, instance| {
        if let Some(id) = instance.id.as_str().filter(|_| instance.is_deployed()) {
            let key = (inside.deployment.number, instance.number);
            writers.entry(id.to_ascii_lowercase()).or_default().push(key);
        }
    });
    let mut settled = Settled::default();
    writers.retain(|_, keys| keys.iter().any(|it| Some(it.0) != keys.first().map(|it| it.0)));
    if writers.is_empty() {
        return settled;
    }
    let mut ranks = HashMap::new();
    rank(all, first, needs, &mut ranks);
    let rank_of = |key: &Key| ranks.get(key).copied().unwrap_or_default();
    let mut last = HashMap::new();
    let mut unordered = Unordered::new(all, needs);
    for (id, mut keys) in writers {
        keys.sort_by_key(rank_of);
        let Some(&key) = keys.last() else { continue };
        let mut counts: HashMap<usize, usize> = HashMap::new();
        keys.iter().for_each(|it| *counts.entry(it.0).or_default() += 1);
        let is_alone = |it: &&Key| counts.get(&it.0) == Some(&1);
        let replaced: Vec<Key> = keys.iter().filter(|it| it.0 != key.0).filter(is_alone).copied().collect();
        unordered.look_at(key, &replaced);
        settled.gone.extend(&replaced);
        let Some(writing) = writing(all, key, rank_of(&key), id) else { continue };
        for list in KEPT.iter().filter(|list| writing.is_vnet && !writing.writes(list)) {
            let earlier = replaced.iter().rev().find_map(|it| property(all, *it, list));
            settled.kept.entry(key).or_default().extend(earlier);
        }
        last.insert(writing.id.clone(), writing);
    }
    // A whole parent replaces what stood by itself before it.
    all.each_instance(|inside, instance| {
        let key = (inside.deployment.number, instance.number);
        let id = instance.id.as_str().unwrap_or_default().to_ascii_lowercase();
        let mut words = id.rsplitn(3, '/');
        let (_, list, parent) = (words.next(), words.next(), words.next());
        if let (Some(list), Some(parent)) = (list, parent.and_then(|it| last.get(it)))
            && parent.key.0 != key.0
            && parent.rank > rank_of(&key)
            && (parent.writes(list) || !parent.is_vnet)
        {
            settled.gone.insert(key);
        }
    });
    settled
}

/// Gives a resource further properties.
pub(crate) fn add(resource: &mut Node, kept: Vec<Entry>) {
    let Value::Object(entries) = &mut resource.value else { return };
    if let Some(properties) = entries.iter_mut().find(|it| it.key.value.eq_ignore_ascii_case("properties"))
        && let Value::Object(properties) = &mut properties.value.value
    {
        properties.extend(kept);
    }
}

impl Writing {
    fn writes(&self, list: &str) -> bool {
        self.lists.contains(&list.to_ascii_lowercase())
    }
}

/// What an instance says in its properties.
fn writing(all: &Expansion<'_>, key: Key, rank: usize, id: String) -> Option<Writing> {
    let deployment = all.deployment(key.0)?;
    let instance = deployment.instances.get()?.get(key.1)?;
    let properties = instance.body.get().and_then(|it| it.get("properties"));
    let names = properties.map(Node::entries).unwrap_or_default();
    let lists = names.iter().map(|it| it.key.value.to_ascii_lowercase()).collect();
    let is_vnet = instance.kind.value.eq_ignore_ascii_case("Microsoft.Network/virtualNetworks");
    Some(Writing { key, rank, id, lists, is_vnet })
}

fn property(all: &Expansion<'_>, (deployment, number): Key, name: &str) -> Option<Entry> {
    let deployment = all.deployment(deployment)?;
    let body = deployment.instances.get()?.get(number)?.body.get()?;
    let entry = body.get("properties")?.entry(name)?;
    match all.budget.copy(&entry.value) {
        Ok(value) => Some(Entry { key: entry.key.clone(), value }),
        Err(fault) => {
            all.report(fault.or_at(&body.at), &Way::Root(""));
            None
        }
    }
}

/// Numbers the resources in the order in which they are written.
fn rank(all: &Expansion<'_>, deployment: &Rc<Deployment>, needs: &Needs, ranks: &mut HashMap<Key, usize>) {
    let Some(instances) = deployment.instances.get() else { return };
    let inside = Inside { all, deployment: deployment.clone(), loops: Rc::new([]), own: false };
    let mut seen = HashSet::new();
    for nth in 0..instances.len() {
        let mut open = Vec::new();
        let mut next = Some(nth);
        // Depth first without recursion: chains may be as long as the template.
        loop {
            if let Some((nth, instance)) = next.and_then(|nth| Some((nth, instances.get(nth)?)))
                && seen.insert(nth)
            {
                open.push((instance, needs.of((deployment.number, nth)).iter().copied()));
            }
            let Some((instance, needed)) = open.last_mut() else { break };
            next = needed.next();
            if next.is_some() {
                continue;
            }
            match inside.nested(instance) {
                Some(nested) => rank(all, &nested, needs, ranks),
                None => {
                    ranks.insert((deployment.number, instance.number), ranks.len());
                }
            }
            open.pop();
        }
    }
}
