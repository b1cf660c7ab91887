//! What a question supposes of a network interface whose address Azure has yet to choose: that it is the one asked about, or
//! the one that Azure would give.

use crate::{diagnose, verify, words};
use answer::{Diagnosis, Diagnostic, Question};
use ipnet::IpNet;
use model::{AddressMatch, Direction, IpConfiguration, Network, NicIndex};
use snapshot::{Gateway, Names, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;

/// So many addresses of a prefix are tried: more than a virtual network has.
const MOST_TRIED: usize = 65_536;

/// The policy by which IP flow verify is answered: the one in force, or another with the address that is asked about.
///
/// Azure assigns an open address from its subnet, so any of it may be asked about that nobody else has by the documents.
///
/// # Errors
/// As [`Snapshot::build`].
///
/// # Cost
/// Nothing, but for an open address that of compiling the policy.
pub fn supposed_by_flow(
    gateway: &Gateway,
    in_force: &Arc<Snapshot>,
    asked: &Question,
) -> Result<Arc<Snapshot>, String> {
    let nic = words::target(&gateway.network, asked.nic.as_deref(), asked.vm.as_deref());
    let local = verify::end("--local", &asked.local, true).map(|(local, _)| local);
    let network =
        nic.ok().zip(local.ok()).and_then(|(nic, local)| with_address(&gateway.network, nic, local));
    compiled(gateway, in_force, network)
}

/// [`diagnose`](crate::diagnose()), where an address that is open is the one that is asked about, or where none is named
/// the first that is free; with the policy that was asked.
///
/// # Errors
/// As [`diagnose`](crate::diagnose()) and [`Snapshot::build`].
pub fn diagnose_supposing(
    gateway: &Gateway,
    in_force: &Arc<Snapshot>,
    asked: &Diagnostic,
) -> Result<(Diagnosis, Arc<Snapshot>), String> {
    let nic = words::target(&gateway.network, asked.nic.as_deref(), asked.vm.as_deref()).ok();
    let local = match words::direction(&asked.profile.direction) {
        Ok(Direction::Inbound) => &asked.profile.destination,
        _ => &asked.profile.source,
    };
    let local = words::side("", local, &gateway.network).ok();
    let mut note = None;
    let network = nic.zip(local).and_then(|(nic, local)| match &local {
        AddressMatch::Prefixes(prefixes) if is_single(prefixes) => {
            with_address(&gateway.network, nic, prefixes.first()?.addr())
        }
        _ => first_free(&gateway.network, nic, &local, &mut note),
    });
    let snapshot = compiled(gateway, in_force, network)?;
    let mut diagnosis = diagnose(&snapshot, asked)?;
    diagnosis.network_security_group_result.notes.splice(0..0, note);
    Ok((diagnosis, snapshot))
}

fn is_single(prefixes: &[IpNet]) -> bool {
    matches!(prefixes, [one] if one.prefix_len() == one.max_prefix_len())
}

fn compiled(
    gateway: &Gateway,
    in_force: &Arc<Snapshot>,
    network: Option<Network>,
) -> Result<Arc<Snapshot>, String> {
    let Some(network) = network else { return Ok(Arc::clone(in_force)) };
    let gateway = Gateway { network: Arc::new(network), ..gateway.clone() };
    let snapshot = Snapshot::build(&gateway, &mut Names::default()).map_err(|errors| errors.join("; "))?;
    Ok(Arc::new(snapshot))
}

/// The network in which a NIC has an address; `None` where it has it already, or cannot have it. What is wrong with a
/// question, whoever answers it says.
fn with_address(network: &Network, nic: NicIndex, local: IpAddr) -> Option<Network> {
    let mut network = network.clone();
    network.settle_address(nic, local).is_ok_and(|changed| changed).then_some(network)
}

/// The network in which a NIC without an address has the first that is free, of the prefixes asked about where it may have any
/// of theirs, and what is to be said of that; `None` where nothing is open or all is told.
fn first_free(
    network: &Network,
    nic: NicIndex,
    asked: &AddressMatch,
    note: &mut Option<String>,
) -> Option<Network> {
    let is_open = |own: &IpConfiguration| own.private_address.is_none() || own.is_assumed;
    let before = network.network_interfaces.get(nic.0)?;
    if !before.ip_configurations.iter().any(is_open) {
        return None;
    }
    let mut assumed = network.clone();
    assumed.assume_addresses();
    let prefixes = match asked {
        AddressMatch::Prefixes(prefixes) => prefixes.as_slice(),
        _ => &[],
    };
    let own = assumed.network_interfaces.get(nic.0)?.ip_configurations.clone();
    let is_asked = |own: &IpConfiguration| {
        own.private_address.is_some_and(|it| prefixes.iter().any(|prefix| prefix.contains(&it)))
    };
    if !prefixes.is_empty() && !own.iter().any(is_asked) {
        let subnets = own.iter().filter(|own| is_open(own)).filter_map(|own| network.subnet(own.subnet));
        let subnets: Vec<&IpNet> = subnets.flat_map(|subnet| &subnet.prefixes).collect();
        let mut inside = prefixes.iter().filter(|asked| subnets.iter().any(|subnet| subnet.contains(*asked)));
        let settled = inside.find_map(|prefix| {
            let mut addresses = prefix.hosts().take(MOST_TRIED);
            addresses.find(|&address| assumed.settle_address(nic, address) == Ok(true))
        });
        if let Some(address) = settled {
            *note =
                Some(format!("{} has no address: {address} is assumed, which is asked about", before.name));
        }
    }
    let after = assumed.network_interfaces.get(nic.0)?;
    let given = after.ip_configurations.iter().zip(&before.ip_configurations);
    let given: Vec<String> = given
        .filter(|(_, before)| before.private_address.is_none())
        .filter_map(|(own, _)| own.private_address.map(|address| address.to_string()))
        .collect();
    if note.is_none() && !given.is_empty() {
        let given = given.join(" and ");
        *note = Some(format!("{} has no address: {given} is assumed, the first that is free", after.name));
    }
    // Nothing is assumed of anybody else that was not before.
    let others = assumed.network_interfaces.iter_mut().zip(&network.network_interfaces).enumerate();
    for (_, (other, before)) in others.filter(|(nth, _)| *nth != nic.0) {
        for (own, before) in other.ip_configurations.iter_mut().zip(&before.ip_configurations) {
            if before.private_address.is_none() {
                (own.private_address, own.is_assumed) = (None, false);
            }
        }
    }
    note.is_some().then_some(assumed)
}
