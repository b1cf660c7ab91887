//! What network interfaces reach, whatever the rules say: virtual networks, sites on premises, the internet, public addresses,
//! and the user-defined routes that lead elsewhere.

use crate::diff::Network;
use crate::matching::{Matched, virtual_networks};
use ipnet::IpNet;
use model::{NetworkInterface, NextHop, PublicIpIndex, RouteDestination, RouteTableIndex, VnetIndex};
use policy::Ranges;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

/// What somebody reaches in one of two networks and not in the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReachChange {
    /// Who.
    pub whose: Reacher,
    /// What only the new network lets it reach.
    pub gained: Vec<Reached>,
    /// What only the old network lets it reach.
    pub lost: Vec<Reached>,
}

/// Who reaches something.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Reacher {
    /// A network interface.
    Nic(Arc<str>),
    /// A virtual network of both networks in which no network interface is compared.
    VirtualNetwork(Arc<str>),
}

/// Something that is reached.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reached {
    /// A virtual network: one's own, or a peer. Access to it is what VirtualNetwork holds, and so a matter of rules.
    VirtualNetwork {
        /// Its name.
        name: Arc<str>,
        /// The addresses of it that only one of both reaches.
        addresses: Ranges,
    },
    /// Sites behind the gateway that the virtual network has or uses.
    OnPremises {
        /// Their addresses, those of virtual networks left out: routes to these come first.
        addresses: Ranges,
    },
    /// The internet over one family, under whatever address.
    Internet {
        /// Whether over IPv6.
        is_ipv6: bool,
    },
    /// The internet under an address of one's own, and from there back.
    PublicAddress {
        /// The name of the public address.
        name: Arc<str>,
        /// The address; `None` where Azure has not assigned one yet.
        address: Option<IpAddr>,
        /// The private address that it stands for; `None` where the documents leave that open.
        private: Option<IpAddr>,
    },
    /// A user-defined route (UDR) of its subnet.
    Route {
        /// The prefix, or the name of the service tag.
        destination: Arc<str>,
        /// Whom the packets are given to.
        next_hop: NextHop,
    },
}

/// Lists what is reached differently, at most `left` gains and losses; the others are counted.
pub(crate) fn changes(
    old: &Network<'_>,
    new: &Network<'_>,
    nics: &Matched,
    mut left: usize,
) -> (Vec<ReachChange>, u64) {
    let comparison = Comparison::new(old, new);
    let (mut by_vnets, mut by_tables) = (HashMap::new(), HashMap::new());
    let (mut changes, mut more) = (Vec::new(), 0_u64);
    let mut list = |whose: &dyn Fn() -> Reacher, gained: [&[Reached]; 3], lost: [&[Reached]; 3]| {
        let all = gained.into_iter().chain(lost).map(<[_]>::len).sum::<usize>();
        let mut listed = |lists: [&[Reached]; 3]| -> Vec<Reached> {
            let listed: Vec<Reached> = lists.into_iter().flatten().take(left).cloned().collect();
            left -= listed.len();
            listed
        };
        let (gained, lost) = (listed(gained), listed(lost));
        more = more.saturating_add((all - gained.len() - lost.len()) as u64);
        if !gained.is_empty() || !lost.is_empty() {
            changes.push(ReachChange { whose: whose(), gained, lost });
        }
    };
    for &(old_nic, new_nic) in &nics.pairs {
        let (was, is) = (&old.network.network_interfaces[old_nic], &new.network.network_interfaces[new_nic]);
        let (Some(from), Some(to)) = (was.vnet(), is.vnet()) else { continue };
        let [gained, lost] = by_vnets.entry((from, to)).or_insert_with(|| comparison.vnets(from, to));
        let reach = [(old, old_nic), (new, new_nic)]
            .map(|(side, nic)| side.internet.get(nic).map(Vec::as_slice).unwrap_or_default());
        let [mut own_gained, mut own_lost] = internet([was, is], reach);
        let [gained_publics, lost_publics] = public_addresses(old.network, was, new.network, is);
        own_gained.extend(gained_publics);
        own_lost.extend(lost_publics);
        let tables = (tables(old.network, was), tables(new.network, is));
        let [route_gained, route_lost] =
            by_tables.entry(tables).or_insert_with_key(|(from, to)| comparison.user_routes(from, to));
        let nic = || Reacher::Nic(Arc::clone(&was.name));
        list(&nic, [gained, &own_gained, route_gained], [lost, &own_lost, route_lost]);
    }
    for &(from, to) in &comparison.pairs {
        if !by_vnets.contains_key(&(from, to)) {
            let [gained, lost] = comparison.vnets(from, to);
            let vnet = || Reacher::VirtualNetwork(Arc::clone(&old.network.virtual_networks[from.0].name));
            list(&vnet, [&gained, &[], &[]], [&lost, &[], &[]]);
        }
    }
    (changes, more)
}

/// A virtual network that is the same in both networks, by its old place, or that only the new one has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    Old(VnetIndex),
    New(VnetIndex),
}

struct Comparison<'a> {
    old: &'a Network<'a>,
    new: &'a Network<'a>,
    pairs: Vec<(VnetIndex, VnetIndex)>,
    keys: HashMap<VnetIndex, Key>,
}

impl<'a> Comparison<'a> {
    fn new(old: &'a Network<'a>, new: &'a Network<'a>) -> Self {
        let matched = virtual_networks(old.network, new.network);
        let pairs: Vec<(VnetIndex, VnetIndex)> =
            matched.pairs.iter().map(|&(old, new)| (VnetIndex(old), VnetIndex(new))).collect();
        let keys = pairs.iter().map(|&(old, new)| (new, Key::Old(old))).collect();
        Self { old, new, pairs, keys }
    }

    /// What a NIC of the virtual network gains and loses that is `from` in the old network and `to` in the new one.
    fn vnets(&self, from: VnetIndex, to: VnetIndex) -> [Vec<Reached>; 2] {
        let olds = routes(self.old.network, from, Key::Old);
        let news =
            routes(self.new.network, to, |vnet| self.keys.get(&vnet).copied().unwrap_or(Key::New(vnet)));
        let sites = [on_premises(self.old, from, &olds), on_premises(self.new, to, &news)];
        let only = |here: &BTreeMap<Key, Ranges>, there: &BTreeMap<Key, Ranges>, sites: [&Ranges; 2]| {
            let none = Ranges::default();
            let vnets = here.iter().map(|(&key, addresses)| Reached::VirtualNetwork {
                name: self.name(key),
                addresses: addresses.minus(there.get(&key).unwrap_or(&none)),
            });
            let sites = Reached::OnPremises { addresses: sites[0].minus(sites[1]) };
            vnets.chain([sites]).filter(|it| !it.is_empty()).collect::<Vec<_>>()
        };
        [only(&news, &olds, [&sites[1], &sites[0]]), only(&olds, &news, [&sites[0], &sites[1]])]
    }

    /// The user-defined routes that only the new tables have, and those that only the old ones have. Order and names have no
    /// meaning, and an appliance whose address one side leaves open may be any.
    fn user_routes(&self, from: &[RouteTableIndex], to: &[RouteTableIndex]) -> [Vec<Reached>; 2] {
        let (olds, news) = (user_routes(self.old.network, from), user_routes(self.new.network, to));
        let only = |here: &[(Arc<str>, NextHop)], there: &[(Arc<str>, NextHop)]| {
            let mut by_destination: HashMap<&str, Vec<NextHop>> = HashMap::new();
            for (destination, next_hop) in there {
                by_destination.entry(destination).or_default().push(*next_hop);
            }
            let is_there = |(destination, next_hop): &&(Arc<str>, NextHop)| {
                let others = by_destination.get(&**destination).map(Vec::as_slice).unwrap_or_default();
                others.iter().any(|other| is_same(*next_hop, *other))
            };
            let only = here.iter().filter(|route| !is_there(route)).cloned();
            only.map(|(destination, next_hop)| Reached::Route { destination, next_hop }).collect::<Vec<_>>()
        };
        [only(&news, &olds), only(&olds, &news)]
    }

    fn name(&self, key: Key) -> Arc<str> {
        let (network, vnet) = match key {
            Key::Old(vnet) => (self.old.network, vnet),
            Key::New(vnet) => (self.new.network, vnet),
        };
        Arc::clone(&network.virtual_networks[vnet.0].name)
    }
}

impl Reached {
    fn is_empty(&self) -> bool {
        match self {
            Self::VirtualNetwork { addresses, .. } | Self::OnPremises { addresses } => addresses.is_empty(),
            Self::Internet { .. } | Self::PublicAddress { .. } | Self::Route { .. } => false,
        }
    }
}

/// The virtual networks that one has routes to, itself among them. A peering has them with or without access.
fn routes(
    network: &model::Network,
    vnet: VnetIndex,
    key: impl Fn(VnetIndex) -> Key,
) -> BTreeMap<Key, Ranges> {
    network.reached_from(vnet).map(|(vnet, space)| (key(vnet), Ranges::of_prefixes(space))).collect()
}

/// The sites that a virtual network reaches; routes of virtual networks come before those of gateways.
fn on_premises(side: &Network<'_>, vnet: VnetIndex, vnets: &BTreeMap<Key, Ranges>) -> Ranges {
    let prefixes: &[IpNet] = side.on_premises.get(vnet.0).map(Vec::as_slice).unwrap_or_default();
    vnets.values().fold(Ranges::of_prefixes(prefixes), |sites, vnet| sites.minus(vnet))
}

/// The route tables of the subnets that a NIC is in.
fn tables(network: &model::Network, nic: &NetworkInterface) -> Vec<RouteTableIndex> {
    let of = |own: &model::IpConfiguration| {
        network.virtual_networks.get(own.subnet.vnet.0)?.subnets.get(own.subnet.subnet)?.route_table
    };
    let mut tables: Vec<RouteTableIndex> = nic.ip_configurations.iter().filter_map(of).collect();
    tables.sort_unstable();
    tables.dedup();
    tables
}

/// The routes of some tables, by the words for their destinations: tags have other numbers in another network.
fn user_routes(network: &model::Network, tables: &[RouteTableIndex]) -> Vec<(Arc<str>, NextHop)> {
    let routes =
        tables.iter().filter_map(|table| network.route_tables.get(table.0)).flat_map(|it| &it.routes);
    let told = |route: &model::Route| {
        let destination = match route.destination {
            RouteDestination::Prefix(prefix) => prefix.trunc().to_string().into(),
            RouteDestination::Tag(tag) => Arc::clone(&network.service_tags.get(tag)?.name),
        };
        Some((destination, route.next_hop))
    };
    // Subnets of one NIC may say the same twice.
    let mut seen = HashSet::new();
    routes.filter_map(told).filter(|route| seen.insert(route.clone())).collect()
}

fn is_same(one: NextHop, other: NextHop) -> bool {
    match (one, other) {
        (NextHop::VirtualAppliance(one), NextHop::VirtualAppliance(other)) => {
            one == other || one.is_none() || other.is_none()
        }
        _ => one == other,
    }
}

/// Over which families a NIC gains and loses the internet: with any address that it has on both sides. What comes and goes
/// with an address is a matter of that.
fn internet(nics: [&NetworkInterface; 2], reach: [&[bool]; 2]) -> [Vec<Reached>; 2] {
    let [olds, mut news] = [0, 1].map(|side| {
        let reaches = reach[side].iter().copied().chain(std::iter::repeat(false));
        let own = nics[side].ip_configurations.iter();
        let told = |own: &model::IpConfiguration| (own.is_over_ipv6(), own.private_address);
        own.map(told).zip(reaches).collect::<Vec<_>>()
    });
    let mut changes = [Vec::new(), Vec::new()];
    // Addresses that changed are paired as they stand.
    let (mut pairs, mut left) = (Vec::new(), Vec::new());
    for (own, was) in olds {
        match news.iter().position(|(other, _)| own == *other) {
            Some(place) => pairs.push((own.0, was, news.remove(place).1)),
            None => left.push((own.0, was)),
        }
    }
    for (is_ipv6, was) in left {
        if let Some(place) = news.iter().position(|(other, _)| is_ipv6 == other.0) {
            pairs.push((is_ipv6, was, news.remove(place).1));
        }
    }
    for (is_ipv6, was, is) in pairs {
        let it = Reached::Internet { is_ipv6 };
        if was != is && !changes[usize::from(was)].contains(&it) {
            changes[usize::from(was)].push(it);
        }
    }
    changes
}

/// The public addresses that a NIC gains and loses. One that is the same address for the same private one has not changed,
/// whatever its name, nor where the documents leave the private address open.
fn public_addresses(
    old: &model::Network,
    was: &NetworkInterface,
    new: &model::Network,
    is: &NetworkInterface,
) -> [Vec<Reached>; 2] {
    let of = |network: &model::Network, nic: &NetworkInterface| {
        let held = |index: PublicIpIndex, private| {
            let public = network.public_ips.get(index.0)?;
            Some((Arc::clone(&public.name), public.address, private))
        };
        let own = nic.ip_configurations.iter();
        own.filter_map(|own| held(own.public_ip?, own.private_address)).collect::<Vec<_>>()
    };
    let (mut lost, mut gained) = (of(old, was), of(new, is));
    for is_open in [false, true] {
        lost.retain(|(_, address, private)| {
            let same = gained.iter().position(|(_, other, theirs)| {
                other == address && (theirs == private || is_open && (theirs.is_none() || private.is_none()))
            });
            same.map(|place| gained.remove(place)).is_none()
        });
    }
    [gained, lost].map(|list| {
        let told = |(name, address, private)| Reached::PublicAddress { name, address, private };
        list.into_iter().map(told).collect()
    })
}
