//! Links that are too narrow for IPv6.

use crate::codes;
use crate::host::Seen;
use diagnostic::{At, Diagnostic};
use model::Network;
use snapshot::AttachmentKind;

/// What every link must carry where IPv6 is used, in bytes (RFC 8200, section 5).
const LEAST: u32 = 1280;

/// The warning of an interface that exists, and carries less than the IPv6 behind it needs.
pub(crate) fn warning(
    interface: &At<String>,
    seen: &Seen,
    kind: &AttachmentKind,
    network: Option<&Network>,
) -> Option<Diagnostic> {
    let is_narrow = seen.interface.is_some() && seen.mtu < LEAST;
    if !is_narrow || !network.is_some_and(|network| uses_ipv6(kind, network)) {
        return None;
    }
    let At { value: name, at } = interface;
    let message = format!(
        "interface {name} has an MTU of {} bytes, and IPv6 needs {LEAST} (RFC 8200, section 5)",
        seen.mtu
    );
    let warning = Diagnostic::warning(codes::NARROW, at, message);
    Some(warning.help(format!("`ip link set {name} mtu {LEAST}`, or take the IPv6 addresses off it")))
}

fn uses_ipv6(kind: &AttachmentKind, network: &Network) -> bool {
    match kind {
        AttachmentKind::Nic { nic, .. } => network.network_interfaces.get(nic.0).is_some_and(|nic| {
            nic.ip_configurations.iter().filter_map(|it| it.private_address).any(|address| address.is_ipv6())
        }),
        AttachmentKind::Subnet { subnet } => {
            let vnet = network.virtual_networks.get(subnet.vnet.0);
            let subnet = vnet.and_then(|vnet| vnet.subnets.get(subnet.subnet));
            subnet.is_some_and(|subnet| subnet.prefixes.iter().any(|prefix| prefix.addr().is_ipv6()))
        }
        AttachmentKind::Internet { addresses, .. } | AttachmentKind::OnPremises { addresses, .. } => {
            addresses.iter().any(|own| own.addr().is_ipv6())
        }
    }
}
