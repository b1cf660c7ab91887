//! Sets of addresses that are known in part: what VirtualNetwork and a group without members hold is left open.
//!
//! An address then stands in one of several **worlds**: outside VirtualNetwork, inside it, or inside it and a member of
//! one or two application security groups. Two suffice to tell any two lists of rules apart: membership only makes
//! more rules match, so of a packet on which they differ only the memberships of the two deciding rules are needed.

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
        Self { network, meanings: Meanings::new(network, meanings), places }
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
    /// The members of these groups, lower case.
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
}

impl Addresses {
    /// Addresses that nothing leaves open.
    pub(crate) fn known(known: Ranges) -> Self {
        Self { known, ..Self::default() }
    }

    /// What one side of a rule names, or `None` for a tag that is not loaded.
    pub(crate) fn of(side: &AddressMatch, sight: Sight<'_>) -> Option<Self> {
        if !sight.is_open() {
            return sight.set(side).map(Self::known);
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
        matches!(world, World::Inside(groups) if groups.iter().any(|group| self.groups.contains(group)))
    }

    fn members(groups: &[AsgIndex], network: &Network) -> Self {
        let mut set = Self::default();
        let mut members = Vec::new();
        for group in groups {
            let before = members.len();
            let configurations = network.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
            let here = configurations.filter(|own| own.application_security_groups.contains(group));
            members.extend(here.filter_map(|own| own.private_address));
            if members.len() == before
                && let Some(group) = network.application_security_groups.get(group.0)
            {
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
    /// The worlds that some sets tell apart.
    pub(crate) fn of<'a>(open: bool, sets: impl Iterator<Item = &'a Addresses>) -> Vec<Self> {
        if !open {
            return vec![Self::Known];
        }
        let mut groups: Vec<Arc<str>> = sets.flat_map(|set| set.groups.iter().cloned()).collect();
        groups.sort_unstable();
        groups.dedup();
        let mut worlds = vec![Self::Outside, Self::Inside(Vec::new())];
        for (nth, one) in groups.iter().enumerate() {
            worlds.push(Self::Inside(vec![Arc::clone(one)]));
            let pair = |other: &Arc<str>| Self::Inside(vec![Arc::clone(one), Arc::clone(other)]);
            worlds.extend(groups.iter().skip(nth + 1).map(pair));
        }
        worlds
    }

    /// Whether the world's addresses are inside VirtualNetwork; `None` where that is known.
    pub(crate) fn inside(&self) -> Option<bool> {
        match self {
            Self::Known => None,
            Self::Outside => Some(false),
            Self::Inside(_) => Some(true),
        }
    }

    /// Whether the world has an address: the host's is always inside.
    pub(crate) fn has(&self, is_host: bool) -> bool {
        !is_host || *self != Self::Outside
    }
}

/// The host's address alone.
pub(crate) fn host() -> Ranges {
    Ranges::of_addresses([IpAddr::V4(HOST)])
}
