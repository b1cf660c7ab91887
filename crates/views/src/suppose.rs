//! What a question supposes of a network interface whose address Azure has yet to choose: that it is the one asked about.

use crate::{verify, words};
use control::{Diagnostic, Question};
use model::{AddressMatch, Direction, Network, NetworkInterface, NicIndex, Subnet, SubnetIndex};
use snapshot::{Gateway, Names, Snapshot};
use std::net::IpAddr;
use std::sync::Arc;

/// The policy by which IP flow verify is answered: the one in force, or another with the address that is asked about.
///
/// Azure assigns an open address from its subnet, so any of it may be asked about that nobody else has.
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
    supposed(gateway, in_force, nic.ok().zip(local.ok()))
}

/// The same for a configuration diagnostic about a single address.
///
/// # Errors
/// As [`supposed_by_flow`].
pub fn supposed_by_diagnostic(
    gateway: &Gateway,
    in_force: &Arc<Snapshot>,
    asked: &Diagnostic,
) -> Result<Arc<Snapshot>, String> {
    let nic = words::target(&gateway.network, asked.nic.as_deref(), asked.vm.as_deref());
    let local = match words::direction(&asked.profile.direction) {
        Ok(Direction::Inbound) => &asked.profile.destination,
        _ => &asked.profile.source,
    };
    let local = match words::side("", local, &gateway.network) {
        Ok(AddressMatch::Prefixes(prefixes)) => match prefixes.as_slice() {
            [one] if one.prefix_len() == one.max_prefix_len() => Some(one.addr()),
            _ => None,
        },
        _ => None,
    };
    supposed(gateway, in_force, nic.ok().zip(local))
}

/// What is wrong with a question, whoever answers it says.
fn supposed(
    gateway: &Gateway,
    in_force: &Arc<Snapshot>,
    subject: Option<(NicIndex, IpAddr)>,
) -> Result<Arc<Snapshot>, String> {
    let Some(network) = subject.and_then(|(nic, local)| with_address(&gateway.network, nic, local)) else {
        return Ok(Arc::clone(in_force));
    };
    let gateway = Gateway { network: Arc::new(network), ..gateway.clone() };
    let snapshot = Snapshot::build(&gateway, &mut Names::default()).map_err(|errors| errors.join("; "))?;
    Ok(Arc::new(snapshot))
}

/// The network in which a NIC has an address; `None` where it has it already, or cannot have it.
fn with_address(network: &Network, nic: NicIndex, local: IpAddr) -> Option<Network> {
    let of = network.network_interfaces.get(nic.0)?;
    let vnet = of.vnet()?;
    let is_open = |own: &model::IpConfiguration| {
        let subnet = subnet(network, own.subnet);
        own.private_address.is_none()
            && subnet.is_some_and(|subnet| subnet.prefixes.iter().any(|prefix| prefix.contains(&local)))
    };
    let place = of.ip_configurations.iter().position(is_open)?;
    let here = network.network_interfaces.iter().filter(|nic| nic.vnet() == Some(vnet));
    let mut taken = here.flat_map(|nic: &NetworkInterface| &nic.ip_configurations);
    if taken.any(|own| own.private_address == Some(local)) {
        return None;
    }
    let mut network = network.clone();
    let own = network.network_interfaces.get_mut(nic.0)?.ip_configurations.get_mut(place)?;
    own.private_address = Some(local);
    Some(network)
}

/// A subnet of a network.
pub(crate) fn subnet(network: &Network, index: SubnetIndex) -> Option<&Subnet> {
    network.virtual_networks.get(index.vnet.0)?.subnets.get(index.subnet)
}
