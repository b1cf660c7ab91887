//! Attachments as the packet path wants them.

use crate::gateway::{Attachment, AttachmentKind, Gateway};
use crate::names::OUTSIDE_SCOPES;
use ipnet::IpNet;
use model::{Network, NetworkInterface};
use packet::{Address, AttachmentId, Mac, Scope};

/// An attachment as the packet path wants it.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) id: AttachmentId,
    pub(crate) mac: Mac,
    pub(crate) mtu: u32,
    pub(crate) scope: Scope,
    pub(crate) behind: Behind,
}

/// What is behind an attachment.
#[derive(Debug)]
pub(crate) enum Behind {
    Nic {
        /// The NIC's own addresses.
        addresses: Vec<Address>,
        enforced_mac: Option<Mac>,
    },
    Internet {
        /// The gateway's own addresses, which the host does not hold.
        own: Vec<Address>,
        /// What the host itself holds.
        host: Vec<Address>,
        on_link: Vec<IpNet>,
        next_hop: Option<Address>,
    },
}

impl Link {
    pub(crate) fn is_internet(&self) -> bool {
        matches!(self.behind, Behind::Internet { .. })
    }

    pub(crate) fn kind(&self) -> &'static str {
        if self.is_internet() { "internet attachment" } else { "network interface's attachment" }
    }

    /// Whether an address on the internet attachment is the gateway's own or the host's.
    pub(crate) fn is_gateway(&self, address: Address) -> bool {
        match &self.behind {
            Behind::Internet { own, host, .. } => own.contains(&address) || host.contains(&address),
            Behind::Nic { .. } => false,
        }
    }

    /// Who is asked for the hardware address when a packet to `destination` leaves by `link`.
    pub(crate) fn next_hop(&self, destination: Address) -> Option<Address> {
        match &self.behind {
            Behind::Nic { addresses, .. } => addresses.contains(&destination).then_some(destination),
            Behind::Internet { on_link, next_hop, .. } => {
                let ip = destination.ip();
                if on_link.iter().any(|prefix| prefix.contains(&ip)) { Some(destination) } else { *next_hop }
            }
        }
    }
}

/// Every attachment at the place of its number.
pub(crate) fn build_links(gateway: &Gateway, network: &Network, scopes: &[Scope]) -> Vec<Option<Link>> {
    let mut links: Vec<Option<Link>> = Vec::new();
    for attachment in &gateway.attachments {
        let at = usize::from(attachment.id.0);
        if links.len() <= at {
            links.resize_with(at + 1, || None);
        }
        links[at] = Some(build_link(attachment, network, scopes));
    }
    links
}

fn build_link(attachment: &Attachment, network: &Network, scopes: &[Scope]) -> Link {
    let outside = Scope(OUTSIDE_SCOPES + attachment.id.0);
    let (scope, behind) = match &attachment.kind {
        AttachmentKind::Nic { nic, enforced_mac } => {
            let interface = network.network_interfaces.get(nic.0);
            let scope =
                interface.and_then(NetworkInterface::vnet).and_then(|vnet| scopes.get(vnet.0).copied());
            let configurations = interface.map(|nic| nic.ip_configurations.as_slice()).unwrap_or_default();
            let addresses =
                configurations.iter().filter_map(|c| c.private_address).map(Address::from).collect();
            (scope.unwrap_or(outside), Behind::Nic { addresses, enforced_mac: *enforced_mac })
        }
        AttachmentKind::Internet { addresses, next_hops, host_addresses } => {
            let host: Vec<Address> = host_addresses.iter().copied().map(Address::from).collect();
            let own = addresses
                .iter()
                .map(|prefix| Address::from(prefix.addr()))
                .filter(|a| !host.contains(a))
                .collect();
            let on_link = addresses.iter().map(IpNet::trunc).collect();
            let next_hop = next_hops.iter().copied().map(Address::from).find(|hop| hop.is_v4());
            (outside, Behind::Internet { own, host, on_link, next_hop })
        }
    };
    Link { id: attachment.id, mac: attachment.mac, mtu: attachment.mtu, scope, behind }
}
