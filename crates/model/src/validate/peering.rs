//! Peerings of virtual networks, half by half, and which halves meet.

use super::{Directories, Report, prefix, text, vnet};
use crate::reference::is_full;
use crate::{NotFound, Peering, VirtualNetwork, VnetIndex, codes, limits, raw};
use diagnostic::{At, Diagnostic, INVALID_REQUEST_FORMAT};
use ipnet::IpNet;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// A half that could be read: its network, its place there, and what it joins.
struct Half<'a> {
    raw: &'a raw::Peering,
    vnet: usize,
    remote: &'a At<String>,
    peering: Peering,
}

/// Puts the peerings into `vnets`, which are the networks of `raw` in the same order.
pub(super) fn build_all(
    raw: &[raw::VirtualNetwork],
    vnets: &mut [VirtualNetwork],
    directories: &Directories,
    report: &mut Report,
) {
    let mut halves: Vec<Half<'_>> = Vec::new();
    let mut places: HashMap<(usize, VnetIndex), usize> = HashMap::new();
    for (nth, vnet) in raw.iter().enumerate() {
        let first = halves.len();
        for peering in &vnet.peerings {
            if let Some(remote) = not_given(peering, directories) {
                let theirs = elsewhere(vnet, peering, remote, report);
                vnets.get_mut(nth).into_iter().for_each(|vnet| vnet.peers_elsewhere.extend(&theirs));
                continue;
            }
            let Some(half) = half(nth, vnet, peering, directories, report) else { continue };
            match places.entry((nth, half.peering.remote)) {
                Entry::Occupied(other) => peered_twice(&half, &halves[*other.get()], report),
                Entry::Vacant(place) => {
                    place.insert(halves.len());
                    halves.push(half);
                }
            }
        }
        one_gateway(vnet, &halves[first..], report);
        apart(vnets, nth, &halves[first..], report);
        if vnet.peerings.len() > limits::PEERINGS_PER_VNET {
            let (name, count) = (&vnet.name.value, vnet.peerings.len());
            let message = format!("virtual network '{name}' has {count} peerings");
            let help = format!("use at most {}", limits::PEERINGS_PER_VNET);
            report.push(Diagnostic::error(codes::PEERING_COUNT_LIMIT, &vnet.name.at, message).help(help));
        }
    }
    for nth in 0..halves.len() {
        let half = &halves[nth];
        let back = places.get(&(half.peering.remote.0, VnetIndex(half.vnet))).map(|&back| &halves[back]);
        let connected = connected(half, back, raw, report);
        if let (true, Some(back), Some(remote)) = (connected, back, vnets.get(half.peering.remote.0)) {
            in_sync(half, back, &raw[half.vnet], remote, report);
            let only_ipv6 = is_for_ipv6(half.raw) || is_for_ipv6(back.raw);
            let peered = remote.address_space.iter().filter(|net| is_peered(only_ipv6, net));
            halves[nth].peering.address_space = peered.copied().collect();
        }
        halves[nth].peering.connected = connected;
    }
    for half in halves {
        if let Some(vnet) = vnets.get_mut(half.vnet) {
            vnet.peerings.push(half.peering);
        }
    }
}

fn owner(vnet: &raw::VirtualNetwork, peering: &raw::Peering) -> String {
    format!("peering '{}/{}'", vnet.name.value, peering.name.value)
}

/// The network that a peering joins, where it is in none of the documents. Azure's answers name networks that nobody has
/// given us; a name written by hand should lead somewhere.
fn not_given<'a>(raw: &'a raw::Peering, directories: &Directories) -> Option<&'a At<String>> {
    let missing =
        |it: &&At<String>| matches!(directories.vnets.find(&it.value), Err(NotFound::Missing { .. }));
    raw.remote.as_ref().filter(|it| is_full(&it.value)).filter(missing)
}

/// What VirtualNetwork holds of a peer that is in none of the documents: the prefixes that Azure's answer gives for it,
/// where it says that the peering is connected.
fn elsewhere(
    vnet: &raw::VirtualNetwork,
    raw: &raw::Peering,
    remote: &At<String>,
    report: &mut Report,
) -> Vec<IpNet> {
    let owner = owner(vnet, raw);
    text::name(&raw.name, "peering", report);
    let mut theirs = prefix::parse_all(&raw.remote_address_space, &owner, report);
    vnet::allowed(&theirs, &owner, report);
    theirs.retain(|(net, _)| is_peered(is_for_ipv6(raw), net));
    let is_up = raw.state.as_ref().is_some_and(|state| state.value.eq_ignore_ascii_case("Connected"));
    let counts = is_up && raw.virtual_network_access && !theirs.is_empty();
    let message = format!("{owner}: the virtual network '{}' is in none of the documents", remote.value);
    let help = match counts {
        true => {
            "rules see its prefixes in VirtualNetwork, and packets to there have no way; add the other network's document"
        }
        false => "nsgate acts as though the peering were not there; add the other network's document",
    };
    let warning = Diagnostic::warning(codes::PEERING_NOT_CONNECTED, &remote.at, message);
    report.push(warning.help(help));
    if counts { theirs.into_iter().map(|(net, _)| net).collect() } else { Vec::new() }
}

/// The half as far as it can be read; `None` where nobody knows whom it joins.
fn half<'a>(
    nth: usize,
    vnet: &raw::VirtualNetwork,
    raw: &'a raw::Peering,
    directories: &Directories,
    report: &mut Report,
) -> Option<Half<'a>> {
    let owner = owner(vnet, raw);
    text::name(&raw.name, "peering", report);
    if raw.remote.is_none() && !raw.incomplete {
        let message = format!("{owner} does not say with whom");
        let help = "write properties.remoteVirtualNetwork.id";
        report.push(Diagnostic::error(INVALID_REQUEST_FORMAT, &raw.name.at, message).help(help));
    }
    let remote = raw.remote.as_ref()?;
    let index = report.resolve(&directories.vnets, remote, format_args!("{owner}"))?;
    if index == VnetIndex(nth) {
        let message = format!("{owner} joins the virtual network with itself");
        let help = "name another virtual network";
        report.push(Diagnostic::error(codes::PEERED_WITH_ITSELF, &remote.at, message).help(help));
        return None;
    }
    let peering = Peering {
        name: raw.name.value.as_str().into(),
        remote: index,
        address_space: Vec::new(),
        connected: false,
        virtual_network_access: raw.virtual_network_access,
        gateway_transit: raw.gateway_transit,
        remote_gateways: raw.remote_gateways.as_ref().is_some_and(|it| it.value),
    };
    Some(Half { raw, vnet: nth, remote, peering })
}

/// Warns where the halves of a connected peering do not say what nsgate takes them for: in force for all of the other
/// network, over the families that both take.
///
/// # Source
/// Azure REST API, *Virtual Network Peerings*, `remoteAddressSpace`, which lags behind the other's address space until the
/// peering is synced; Azure "Configure IPv6-only virtual network peering".
fn in_sync(
    half: &Half<'_>,
    back: &Half<'_>,
    vnet: &raw::VirtualNetwork,
    remote: &VirtualNetwork,
    report: &mut Report,
) {
    let owner = owner(vnet, half.raw);
    if is_for_ipv6(half.raw) && !is_for_ipv6(back.raw) {
        let message =
            format!("{owner} is for IPv6 only, and '{}' is not: IPv4 passes neither way", back.peering.name);
        let warning = Diagnostic::warning(codes::PEERING_NOT_IN_SYNC, &half.raw.name.at, message);
        report.push(warning.help("write the same enableOnlyIPv6Peering in both"));
    }
    // A peering of some subnets is not in force for the others, and need not be.
    let Some(first) = half.raw.remote_address_space.first().filter(|_| half.raw.is_complete) else { return };
    let written =
        half.raw.remote_address_space.iter().map(|it| it.value.trim().parse().map(|net: IpNet| net.trunc()));
    let Ok(written) = written.collect::<Result<Vec<IpNet>, _>>() else { return };
    let theirs = remote.address_space.iter().filter(|net| is_peered(is_for_ipv6(half.raw), net));
    let both: Vec<IpNet> = written.iter().chain(theirs).copied().collect();
    if IpNet::aggregate(&both) != IpNet::aggregate(&written) {
        let message = format!(
            "{owner} is not in force for all of '{}', as its remoteAddressSpace says; nsgate takes it for all",
            remote.name
        );
        let warning = Diagnostic::warning(codes::PEERING_NOT_IN_SYNC, &first.at, message);
        report.push(warning.help("sync the peering in Azure and save the documents again"));
    }
}

fn is_for_ipv6(raw: &raw::Peering) -> bool {
    raw.only_ipv6 == Some(true)
}

/// Whether a peering takes prefixes of that family.
fn is_peered(only_ipv6: bool, net: &IpNet) -> bool {
    !only_ipv6 || matches!(net, IpNet::V6(_))
}

fn peered_twice(half: &Half<'_>, other: &Half<'_>, report: &mut Report) {
    let (one, first) = (&half.raw.name.value, &other.raw.name.value);
    let message = format!("peering '{one}' joins the virtual network that '{first}' joins already");
    let help = "take one of them away";
    report.push(Diagnostic::error(codes::PEERED_TWICE, &half.remote.at, message).help(help));
}

/// A network has one gateway at most, its own or one other's.
fn one_gateway(vnet: &raw::VirtualNetwork, halves: &[Half<'_>], report: &mut Report) {
    let using = halves.iter().filter_map(|half| Some((half, half.raw.remote_gateways.as_ref()?)));
    let mut using = using.filter(|(_, written)| written.value);
    let Some((first, _)) = using.next() else { return };
    for (half, written) in using {
        let message = format!(
            "virtual network '{}' uses the gateways of two others, by '{}' and by '{}'",
            vnet.name.value, first.peering.name, half.peering.name
        );
        let help = "set useRemoteGateways to true in one peering only";
        report.push(Diagnostic::error(codes::REMOTE_GATEWAYS, &written.at, message).help(help));
    }
}

/// Whether the address spaces of a network and of all its peers are apart, as far as their families are peered.
fn apart(vnets: &[VirtualNetwork], nth: usize, halves: &[Half<'_>], report: &mut Report) {
    // The network itself first, then each of its peers.
    let space = |index: usize| vnets.get(index).into_iter().flat_map(|vnet| &vnet.address_space);
    let theirs = halves.iter().map(|half| {
        space(half.peering.remote.0)
            .filter(|net| is_peered(is_for_ipv6(half.raw), net))
            .collect::<Vec<&IpNet>>()
    });
    let spaces = std::iter::once(space(nth).collect()).chain(theirs);
    let (mut nets, mut owners): (Vec<IpNet>, Vec<usize>) = Default::default();
    for (owner, space) in spaces.enumerate() {
        owners.extend(space.iter().map(|_| owner));
        nets.extend(space);
    }
    let name = |owner: usize| {
        let index = owner.checked_sub(1).map_or(nth, |half| halves[half].peering.remote.0);
        vnets.get(index).map(|vnet| vnet.name.as_ref()).unwrap_or_default()
    };
    let mut told = Vec::new();
    for (wide, inner) in prefix::overlaps(&nets) {
        let (first, second) = (owners[wide].min(owners[inner]), owners[wide].max(owners[inner]));
        // Overlaps of one network with itself are told there.
        if first == second || told.contains(&(first, second)) {
            continue;
        }
        told.push((first, second));
        let Some(half) = halves.get(second - 1) else { continue };
        let (code, message) = if first == 0 {
            let message = format!("'{}' and '{}' cannot be peered", name(0), name(second));
            (codes::ADDRESS_SPACES_OVERLAP, message)
        } else {
            let message =
                format!("'{}' cannot be peered with both '{}' and '{}'", name(0), name(first), name(second));
            (codes::PEERS_OVERLAP, message)
        };
        let message = format!("{message}: their address spaces {} and {} overlap", nets[wide], nets[inner]);
        let help = "peered networks need address spaces of their own";
        report.push(Diagnostic::error(code, &half.remote.at, message).help(help));
    }
}

/// Whether both halves are there and neither says that the peering is down. Otherwise it is worth a warning.
fn connected(
    half: &Half<'_>,
    back: Option<&Half<'_>>,
    raw: &[raw::VirtualNetwork],
    report: &mut Report,
) -> bool {
    let owner = format!("peering '{}/{}'", raw[half.vnet].name.value, half.peering.name);
    let is_up = |half: &Half<'_>| {
        half.raw.state.as_ref().is_none_or(|state| state.value.eq_ignore_ascii_case("Connected"))
    };
    let why = match (back, &half.raw.state) {
        (None, _) => {
            let remote = &raw[half.peering.remote.0].name.value;
            let help = format!("add a peering of '{remote}' with '{}'", raw[half.vnet].name.value);
            Some((&half.raw.name.at, format!("'{remote}' has no peering back"), help))
        }
        (Some(_), Some(state)) if !is_up(half) => {
            let help = "sync the peering in Azure and save the documents again".into();
            Some((&state.at, format!("its peeringState is {}", state.value), help))
        }
        _ => None,
    };
    if let Some((at, why, help)) = why {
        let message = format!("{owner} is not connected: {why}");
        report.push(Diagnostic::warning(codes::PEERING_NOT_CONNECTED, at, message).help(help));
        return false;
    }
    let Some(back) = back else { return false };
    if half.peering.remote_gateways && !back.peering.gateway_transit {
        let at = half.raw.remote_gateways.as_ref().map_or(&half.raw.name.at, |written| &written.at);
        let message = format!("{owner} uses a gateway that the other network does not share");
        let help = format!("set allowGatewayTransit to true in '{}'", back.peering.name);
        report.push(Diagnostic::warning(codes::REMOTE_GATEWAYS, at, message).help(help));
    }
    is_up(back)
}
