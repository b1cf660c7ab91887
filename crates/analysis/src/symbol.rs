//! Sets of addresses that are known in part: what VirtualNetwork holds is left open, and who is in a group.
//!
//! An address then stands in one of several **worlds**. Where nothing is guarded yet: outside VirtualNetwork, inside it, or
//! inside it and a member of one or two application security groups. Two suffice to tell any two lists of rules apart:
//! membership only makes more rules match, so of a packet on which they differ only the memberships of the two deciding
//! rules are needed. Where something is guarded: that of an IP configuration which has no address yet, and so may get any of
//! its subnet that nobody has, with the groups that it is in; or none of these.

use ipnet::IpNet;
use model::{AddressMatch, AsgIndex, Network, ServiceTag, Vantage, VnetIndex};
use policy::{HOST, Meanings, Ranges};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// A network and what its tags and groups hold.
#[derive(Debug)]
pub(crate) struct View<'a> {
    network: &'a Network,
    meanings: Meanings<'a>,
    /// The place of each vantage among the meanings; the last meaning is that of nowhere.
    places: HashMap<Vantage, usize>,
    /// Whether members without an address may have any; else no rule matches them.
    any_address: bool,
}

/// How the rules of a network security group see the network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sight<'a> {
    view: &'a View<'a>,
    /// From here; `None` where the group guards nothing yet.
    from: Option<Vantage>,
}

impl<'a> View<'a> {
    /// A network, with what VirtualNetwork holds from each vantage.
    pub(crate) fn new(network: &'a Network, virtual_networks: &BTreeMap<Vantage, Vec<IpNet>>) -> Self {
        let places = virtual_networks.keys().copied().zip(0..).collect();
        let meanings = virtual_networks.values().map(Vec::as_slice).chain([&[][..]]);
        Self { network, meanings: Meanings::new(network, meanings), places, any_address: false }
    }

    /// The same where members without an address may have any: what then holds, holds for each that Azure may give them.
    pub(crate) fn for_any_address(
        network: &'a Network,
        virtual_networks: &BTreeMap<Vantage, Vec<IpNet>>,
    ) -> Self {
        Self { any_address: true, ..Self::new(network, virtual_networks) }
    }

    /// The network from a vantage, or from none.
    pub(crate) fn from(&'a self, from: Option<Vantage>) -> Sight<'a> {
        Sight { view: self, from }
    }
}

impl<'a> Sight<'a> {
    /// The network.
    pub(crate) fn network(self) -> &'a Network {
        self.view.network
    }

    /// Whether memberships are open.
    pub(crate) fn is_open(self) -> bool {
        self.from.is_none()
    }

    /// The worlds of members that have no address yet, by the groups that they are in.
    pub(crate) fn without_address(self) -> Vec<World> {
        let Some(from) = self.from.filter(|_| self.view.any_address) else { return Vec::new() };
        let network = self.view.network;
        let is_near = |vnet| vnet == from.vnet || network.peers(from.vnet).any(|peer| peer.remote == vnet);
        let all = || network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
        let mut by_groups: BTreeMap<Vec<Arc<str>>, Vec<&IpNet>> = BTreeMap::new();
        for own in all().filter(|own| own.private_address.is_none() && is_near(own.subnet.vnet)) {
            let mut groups: Vec<Arc<str>> =
                own.application_security_groups.iter().filter_map(|&group| key_of(network, group)).collect();
            groups.sort_unstable();
            let prefixes = network.subnet(own.subnet).map(|subnet| subnet.prefixes.as_slice());
            by_groups.entry(groups).or_default().extend(prefixes.unwrap_or_default());
        }
        by_groups.remove(&Vec::new());
        let taken = all().filter(|own| is_near(own.subnet.vnet)).filter_map(|own| own.private_address);
        let taken = Ranges::of_addresses(taken);
        let world = |(groups, prefixes): (_, Vec<&IpNet>)| {
            World::Member(groups, Ranges::of_prefixes(prefixes).minus(&taken))
        };
        by_groups.into_iter().map(world).collect()
    }

    fn set(self, side: &AddressMatch) -> Option<Ranges> {
        let vnet = self.from.map_or(VnetIndex(self.view.network.virtual_networks.len()), |from| from.vnet);
        let place = self.from.and_then(|from| self.view.places.get(&from).copied());
        self.view.meanings.set(side, (vnet, place.unwrap_or(self.view.places.len())))
    }
}

/// A set of addresses.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct Addresses {
    /// In every world.
    pub(crate) known: Ranges,
    /// Outside VirtualNetwork only.
    pub(crate) outside: Ranges,
    /// Inside VirtualNetwork only.
    pub(crate) inside: Ranges,
    /// The members of these groups, by name or id in lower case.
    pub(crate) groups: Vec<Arc<str>>,
}

/// What is supposed of an address whose memberships are open.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum World {
    /// Nothing is open.
    Known,
    /// It is outside VirtualNetwork.
    Outside,
    /// It is inside, and a member of these groups.
    Inside(Vec<Arc<str>>),
    /// It is one of these, and that of a member of exactly these groups.
    Member(Vec<Arc<str>>, Ranges),
}

impl Addresses {
    /// Addresses that nothing leaves open.
    pub(crate) fn known(known: Ranges) -> Self {
        Self { known, ..Self::default() }
    }

    /// What one side of a rule names, or `None` for a tag that is not loaded.
    pub(crate) fn of(side: &AddressMatch, sight: Sight<'_>) -> Option<Self> {
        if !sight.is_open() {
            let groups = match side {
                AddressMatch::ApplicationSecurityGroups(groups) if sight.view.any_address => {
                    groups.as_slice()
                }
                _ => &[],
            };
            let groups = groups.iter().filter_map(|&group| key_of(sight.network(), group)).collect();
            return Some(Self { groups, ..Self::known(sight.set(side)?) });
        }
        Some(match side {
            AddressMatch::Tag(ServiceTag::VirtualNetwork) => {
                Self { inside: Ranges::every_address(), ..Self::default() }
            }
            AddressMatch::Tag(ServiceTag::Internet) => Self { outside: sight.set(side)?, ..Self::default() },
            AddressMatch::ApplicationSecurityGroups(groups) => Self::members(groups, sight.network()),
            _ => Self::known(sight.set(side)?),
        })
    }

    /// Without some addresses, which are no group's members.
    pub(crate) fn minus(&self, other: &Ranges) -> Self {
        Self {
            known: self.known.minus(other),
            outside: self.outside.minus(other),
            inside: self.inside.minus(other),
            groups: self.groups.clone(),
        }
    }

    /// Whether it holds every address in every world.
    pub(crate) fn is_full(&self) -> bool {
        self.known == Ranges::every_address()
    }

    /// Whether a world's addresses are members of one of its groups.
    pub(crate) fn holds_members_of(&self, world: &World) -> bool {
        match world {
            World::Inside(groups) | World::Member(groups, _) => {
                groups.iter().any(|group| self.groups.contains(group))
            }
            World::Known | World::Outside => false,
        }
    }

    fn members(groups: &[AsgIndex], network: &Network) -> Self {
        let mut set = Self::default();
        let mut members = Vec::new();
        for group in groups {
            let configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
            let here = configurations.filter(|own| own.application_security_groups.contains(group));
            let here: Vec<Option<IpAddr>> = here.map(|own| own.private_address).collect();
            let is_known = !here.is_empty() && here.iter().all(Option::is_some);
            members.extend(here.into_iter().flatten());
            // What some members have does not tell what the others will.
            if !is_known && let Some(group) = network.application_security_groups.get(group.0) {
                set.groups.push(group.name.to_ascii_lowercase().into());
            }
        }
        set.groups.sort_unstable();
        set.groups.dedup();
        set.known = Ranges::of_addresses(members);
        set
    }
}

impl World {
    /// The worlds that some sets tell apart, where something is `open`; else those of members `without_address`.
    pub(crate) fn of<'a>(
        open: bool,
        without_address: &[Self],
        sets: impl Iterator<Item = &'a Addresses>,
    ) -> Vec<Self> {
        let mut groups: Vec<Arc<str>> = sets.flat_map(|set| set.groups.iter().cloned()).collect();
        groups.sort_unstable();
        groups.dedup();
        if !open {
            return [Self::Known].into_iter().chain(Self::told_apart(without_address, &groups)).collect();
        }
        let mut worlds = vec![Self::Outside, Self::Inside(Vec::new())];
        for (nth, one) in groups.iter().enumerate() {
            worlds.push(Self::Inside(vec![Arc::clone(one)]));
            let pair = |other: &Arc<str>| Self::Inside(vec![Arc::clone(one), Arc::clone(other)]);
            worlds.extend(groups.iter().skip(nth + 1).map(pair));
        }
        worlds
    }

    /// Worlds of members, by those of some groups that they are in.
    fn told_apart(worlds: &[Self], named: &[Arc<str>]) -> Vec<Self> {
        let mut by_groups: BTreeMap<Vec<Arc<str>>, Ranges> = BTreeMap::new();
        for world in worlds {
            let Self::Member(groups, addresses) = world else { continue };
            let groups: Vec<_> =
                groups.iter().filter(|group| named.binary_search(group).is_ok()).cloned().collect();
            let known = by_groups.entry(groups).or_default();
            *known = Ranges::union(known.as_slice().iter().chain(addresses.as_slice()).copied());
        }
        by_groups.remove(&Vec::new());
        by_groups.into_iter().map(|(groups, addresses)| Self::Member(groups, addresses)).collect()
    }

    /// Whether the world's addresses are inside VirtualNetwork; `None` where that is known.
    pub(crate) fn inside(&self) -> Option<bool> {
        match self {
            Self::Known | Self::Member(..) => None,
            Self::Outside => Some(false),
            Self::Inside(_) => Some(true),
        }
    }

    /// Whether the world has an address that is the host's or not: the host's is always inside.
    pub(crate) fn has(&self, is_host: bool) -> bool {
        !is_host || *self != Self::Outside
    }

    /// The only addresses that the world has, if that is said.
    pub(crate) fn only(&self) -> Option<&Ranges> {
        match self {
            Self::Member(_, addresses) => Some(addresses),
            _ => None,
        }
    }
}

/// What a group is called, the same for the same one alone.
fn key_of(network: &Network, group: AsgIndex) -> Option<Arc<str>> {
    Some(network.application_security_groups.get(group.0)?.id.to_ascii_lowercase().into())
}

/// The host's address alone.
pub(crate) fn host() -> Ranges {
    Ranges::of_addresses([IpAddr::V4(HOST)])
}
