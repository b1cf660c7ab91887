//! Subnets in which no network interface is compared: which is which, and what their groups decide differently.
//!
//! Documents that hand out a network before any machine is in it say what will stand before the machines: each subnet's
//! group. So a subnet is compared as a network interface of it would be that has an address nobody has and no group of its
//! own.

use crate::comparison::Comparison;
use crate::diff::{Only, OnlyIn, Subject};
use crate::limits::Error;
use crate::matching::{Matched, pair, subnets, virtual_networks};
use crate::stack::{Stack, Stacks};
use model::{Network, NetworkInterface, NsgIndex, Subnet, SubnetIndex, Vantage, VnetIndex};
use policy::Ranges;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// Addresses that are somebody's.
type Taken = HashMap<SubnetIndex, Vec<IpAddr>>;

/// From where two groups are seen.
pub(crate) type Views = BTreeSet<(Vantage, Vantage)>;

/// What is compared of two networks beside their NICs.
#[derive(Debug, Default)]
pub(crate) struct Subnets {
    /// The virtual networks of both.
    vnets: Vec<(VnetIndex, VnetIndex)>,
    /// The subnets of both in which no NIC is compared.
    pairs: Vec<(SubnetIndex, SubnetIndex)>,
    /// Subnets without NICs, and virtual networks without subnets, of one network alone.
    only: Vec<Only>,
}

impl Subnets {
    /// Those of two networks; none where one has no virtual networks, whose documents are about groups alone.
    pub(crate) fn new(old: &Network, new: &Network, nics: &Matched) -> Self {
        if old.virtual_networks.is_empty() || new.virtual_networks.is_empty() {
            return Self::default();
        }
        let both = |&(was, is): &(usize, usize)| {
            let (was, is) = (&old.network_interfaces[was], &new.network_interfaces[is]);
            of(was).flat_map(|from| of(is).map(move |to| (from, to))).collect::<Vec<_>>()
        };
        let compared: HashSet<_> = nics.pairs.iter().flat_map(both).collect();
        let (old_side, new_side) = ((old, taken(old), OnlyIn::Old), (new, taken(new), OnlyIn::New));
        let vnets = virtual_networks(old, new);
        let mut all = Self::default();
        for &(from, to) in &vnets.pairs {
            let matched = matched(&old.virtual_networks[from].subnets, &new.virtual_networks[to].subnets);
            let (from, to) = (VnetIndex(from), VnetIndex(to));
            all.vnets.push((from, to));
            let at = |&(was, is): &_| {
                (SubnetIndex { vnet: from, subnet: was }, SubnetIndex { vnet: to, subnet: is })
            };
            all.pairs.extend(matched.pairs.iter().map(at).filter(|both| !compared.contains(both)));
            all.only.extend(without_nics(&old_side, from, matched.old));
            all.only.extend(without_nics(&new_side, to, matched.new));
        }
        for (side, left) in [(&old_side, &vnets.old), (&new_side, &vnets.new)] {
            for &vnet in left {
                let own = &side.0.virtual_networks[vnet];
                if own.subnets.is_empty() {
                    let what = format!("virtual network {}", own.name);
                    all.only.push(Only { what, side: side.2 });
                }
                all.only.extend(without_nics(side, VnetIndex(vnet), 0..own.subnets.len()));
            }
        }
        all
    }

    /// The group of each subnet, before and after.
    pub(crate) fn groups(
        &self,
        old: &Network,
        new: &Network,
    ) -> impl Iterator<Item = (Option<NsgIndex>, Option<NsgIndex>)> {
        let of = |network: &Network, subnet| network.subnet(subnet)?.security_group;
        self.pairs.iter().map(move |&(from, to)| (of(old, from), of(new, to)))
    }

    /// The groups that guard a subnet together, each with those from where their subnets see them.
    pub(crate) fn shared(&self, old: &Network, new: &Network) -> HashMap<(NsgIndex, NsgIndex), Views> {
        let mut shared: HashMap<_, Views> = HashMap::new();
        for (&(from, to), (was, is)) in self.pairs.iter().zip(self.groups(old, new)) {
            if let Some(both) = was.zip(is) {
                shared.entry(both).or_default().insert((old.vantage(from), new.vantage(to)));
            }
        }
        shared
    }

    /// From where two groups are seen that guard no subnet together: in each virtual network from the first that each
    /// guards there.
    pub(crate) fn nearby(
        &self,
        (old, old_group): (&Network, usize),
        (new, new_group): (&Network, usize),
    ) -> Views {
        let first = |network: &Network, group| {
            let mut first: HashMap<VnetIndex, Vantage> = HashMap::new();
            for subnet in subnets(network, group) {
                first.entry(subnet.vnet).or_insert_with(|| network.vantage(subnet));
            }
            first
        };
        let (olds, news) = (first(old, old_group), first(new, new_group));
        self.vnets.iter().filter_map(|(from, to)| Some((*olds.get(from)?, *news.get(to)?))).collect()
    }
}

/// Matches the subnets of one virtual network by id or name; those that are left are the same where their addresses are.
fn matched(old: &[Subnet], new: &[Subnet]) -> Matched {
    let mut matched = pair(old, new, |subnet| (&subnet.id, &subnet.name));
    matched.join_alike(|side, place| {
        let list = if side == OnlyIn::Old { old } else { new };
        let prefixes = Ranges::of_prefixes(&list.get(place)?.prefixes);
        (!prefixes.is_empty()).then_some(prefixes)
    });
    matched
}

/// The subnets that a NIC is in.
fn of(nic: &NetworkInterface) -> impl Iterator<Item = SubnetIndex> {
    nic.ip_configurations.iter().map(|own| own.subnet)
}

/// The addresses that NICs have, by subnet; none of a NIC whose address is open.
fn taken(network: &Network) -> Taken {
    let mut taken = Taken::new();
    for own in network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations) {
        taken.entry(own.subnet).or_default().extend(own.private_address);
    }
    taken
}

/// Those of some subnets that no NIC is in.
fn without_nics(
    (network, taken, side): &(&Network, Taken, OnlyIn),
    vnet: VnetIndex,
    subnets: impl IntoIterator<Item = usize>,
) -> Vec<Only> {
    let subnets = subnets.into_iter().map(|subnet| SubnetIndex { vnet, subnet });
    let only = subnets.filter(|subnet| !taken.contains_key(subnet));
    only.map(|subnet| Only { what: format!("subnet {}", label(network, subnet)), side: *side }).collect()
}

/// The addresses for which a subnet is compared: those that it has in both networks, or else in either, or else any.
fn addresses(olds: &Ranges, news: &Ranges) -> Ranges {
    let shared = olds.minus(&olds.minus(news));
    let either = || Ranges::union(olds.as_slice().iter().chain(news.as_slice()).copied());
    let some = Some(shared).filter(|it| !it.is_empty()).unwrap_or_else(either);
    if some.is_empty() { Ranges::every_address() } else { some }
}

/// A subnet as people write it: `vnet1/web`.
fn label(network: &Network, index: SubnetIndex) -> String {
    let vnet = network.virtual_networks.get(index.vnet.0).map(|vnet| &*vnet.name);
    let subnet = network.subnet(index).map(|subnet| &*subnet.name);
    format!("{}/{}", vnet.unwrap_or_default(), subnet.unwrap_or_default())
}

impl Comparison<'_> {
    /// Compares the subnets, except where two groups stand whose rules were compared already.
    pub(crate) fn subnets(
        &mut self,
        subnets: &Subnets,
        compared: &HashSet<(NsgIndex, NsgIndex)>,
    ) -> Result<(), Error> {
        let (old, new) = (self.old.network, self.new.network);
        self.found.only.extend_from_slice(&subnets.only);
        let (old_taken, new_taken) = (taken(old), taken(new));
        let mut stacks = Stacks::default();
        for &(from, to) in &subnets.pairs {
            let (Some(was), Some(is)) = (old.subnet(from), new.subnet(to)) else { continue };
            let (olds, news) = (Ranges::of_prefixes(&was.prefixes), Ranges::of_prefixes(&is.prefixes));
            let name = label(old, from);
            for (rest, side) in [(olds.minus(&news), OnlyIn::Old), (news.minus(&olds), OnlyIn::New)] {
                if !rest.is_empty() {
                    let what = format!("addresses {} of subnet {name}", crate::text::addresses(&rest));
                    self.found.only.push(Only { what, side });
                }
            }
            let (was, is) = (was.security_group, is.security_group);
            if was.zip(is).is_some_and(|both| compared.contains(&both)) {
                continue;
            }
            let group = |network: &Network, group: Option<NsgIndex>| {
                network.security_groups.get(group?.0).map(|group| Arc::clone(&group.name))
            };
            let Some(nsg) = group(old, was).or_else(|| group(new, is)) else { continue };
            let stack = |from, subnet_group| Stack { from, subnet_group, nic_group: None, closed: false };
            let both = (stack(old.vantage(from), was), stack(new.vantage(to), is));
            let had = old_taken.get(&from).into_iter().chain(new_taken.get(&to)).flatten().copied();
            let free = addresses(&olds, &news).minus(&Ranges::of_addresses(had));
            if !free.is_empty() {
                stacks.push(both, Subject::Subnet { subnet: name.into(), nsg }, free);
            }
        }
        self.stacks(&stacks)
    }
}
