//! Which private addresses an IP configuration may have.

use ipnet::IpNet;
use model::limits::RESERVED_FIRST_ADDRESSES;
use model::{IpConfiguration, Network};
use std::net::IpAddr;

/// Whether an IP configuration may have an address: inside its subnet, not reserved, nobody else's.
///
/// # Errors
/// The rest of a sentence that begins with the address.
pub(crate) fn may_have(
    network: &Network,
    configuration: &IpConfiguration,
    address: IpAddr,
) -> Result<(), String> {
    let index = configuration.subnet;
    let vnet = network.virtual_networks.get(index.vnet.0);
    let Some(subnet) = vnet.and_then(|vnet| vnet.subnets.get(index.subnet)) else { return Ok(()) };
    let Some(prefix) = subnet.prefixes.iter().find(|prefix| prefix.contains(&address)) else {
        let prefixes: Vec<_> = subnet.prefixes.iter().map(IpNet::to_string).collect();
        return Err(format!("outside subnet {} ({})", subnet.name, prefixes.join(", ")));
    };
    if is_reserved(prefix, address) {
        return Err(format!("Azure keeps the first four addresses and the last one of {prefix} for itself"));
    }
    for nic in &network.network_interfaces {
        let taken = |other: &IpConfiguration| {
            other.private_address == Some(address) && other.subnet.vnet == index.vnet
        };
        if nic.ip_configurations.iter().any(taken) {
            return Err(format!("already the address of {}", nic.name));
        }
    }
    Ok(())
}

fn is_reserved(prefix: &IpNet, address: IpAddr) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    let offset = bits(address).saturating_sub(bits(prefix.network()));
    offset < RESERVED_FIRST_ADDRESSES || address == prefix.broadcast()
}
