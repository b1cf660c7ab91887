//! The same assumptions on both sides of a comparison.

use crate::matching::pair;
use model::{IpConfiguration, Network, NicIndex};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// Chooses the assumed addresses of two networks once more, so that what is one network interface on both sides has one
/// address where that can be: the one that it has on the other side, or else one that there nobody has.
///
/// # Cost
/// As [`Network::assume_addresses`].
pub fn assume_alike(old: &mut Network, new: &mut Network) {
    let nics = pair(&old.network_interfaces, &new.network_interfaces, |nic| (&nic.id, &nic.name)).pairs;
    let back = nics.iter().map(|&(old, new)| (new, old));
    let from_old: HashMap<usize, usize> = back.collect();
    let from_new: HashMap<usize, usize> = nics.into_iter().collect();
    // What one side's documents say comes first.
    adapt(old, new, &from_new, |own| !own.is_assumed);
    adapt(new, old, &from_old, |_| true);
}

/// Adapts the assumed addresses of a network to those of another that count.
fn adapt(
    network: &mut Network,
    other: &Network,
    partners: &HashMap<usize, usize>,
    counts: impl Fn(&IpConfiguration) -> bool,
) {
    let configurations = other.network_interfaces.iter().flat_map(|nic| &nic.ip_configurations);
    let to_avoid: HashSet<IpAddr> =
        configurations.filter(|own| counts(own)).filter_map(|own| own.private_address).collect();
    let names: Vec<Vec<_>> = network
        .network_interfaces
        .iter()
        .map(|nic| nic.ip_configurations.iter().map(|own| own.name.clone()).collect())
        .collect();
    let wanted = |nic: NicIndex, place: usize| {
        let partner = &other.network_interfaces.get(*partners.get(&nic.0)?)?.ip_configurations;
        let name = names.get(nic.0)?.get(place)?;
        let named = partner.iter().find(|own| own.name.eq_ignore_ascii_case(name));
        named.or_else(|| partner.get(place)).filter(|own| counts(own))?.private_address
    };
    network.assume_again(&wanted, &to_avoid);
}
