//! Attachments as the packet path wants them.

use crate::gateway::{Attachment, AttachmentKind, Gateway};
use crate::names::OUTSIDE_SCOPES;
use crate::prefixes::Prefixes;
use ipnet::IpNet;
use model::{Network, NetworkInterface, VnetIndex};
use packet::{Address, AttachmentId, Mac, Scope};
use std::collections::HashMap;

/// An attachment as the packet path wants it.
#[derive(Debug)]
pub struct Link {
    /// Its number.
    pub id: AttachmentId,
    /// The interface's hardware address.
    pub mac: Mac,
    /// The interface's MTU, in bytes of IP packet.
    pub mtu: u32,
    /// Of what is received on it.
    pub scope: Scope,
    /// What is behind it.
    pub behind: Behind,
}

/// What is behind an attachment.
#[derive(Debug)]
pub enum Behind {
    /// Network interfaces of one virtual network: one, or those of a segment.
    Nics {
        /// All their addresses, ascending.
        addresses: Vec<Address>,
        /// The hardware address that their frames must come from, if that is enforced.
        enforced_mac: Option<Mac>,
        /// Whether it is a segment.
        segment: bool,
    },
    /// The internet.
    Internet(Outside),
    /// Sites of one's own.
    OnPremises {
        /// The gateway there.
        outside: Outside,
        /// Whose addresses these are: true for the sites' own, false for those of the virtual networks they reach, which
        /// come first where both hold an address.
        sources: Prefixes<bool>,
    },
}

/// The gateway as a host on a network that is not its own.
#[derive(Debug)]
pub struct Outside {
    /// The gateway's own addresses, which the host does not hold.
    pub own: Vec<Address>,
    /// Those of them that are public addresses of ours besides.
    pub translated: Vec<Address>,
    /// What the host itself holds.
    pub host: Vec<Address>,
    on_link: Vec<OnLink>,
    /// The first of each family is used.
    next_hops: Vec<Address>,
}

impl Outside {
    fn new(
        addresses: &[IpNet],
        next_hops: &[std::net::IpAddr],
        host: &[std::net::IpAddr],
        is_public: impl Fn(&Address) -> bool,
    ) -> Self {
        let host: Vec<Address> = host.iter().copied().map(Address::from).collect();
        let own = addresses.iter().map(|prefix| Address::from(prefix.addr()));
        let own: Vec<Address> = own.filter(|address| !host.contains(address)).collect();
        Self {
            translated: own.iter().copied().filter(is_public).collect(),
            own,
            host,
            on_link: addresses.iter().map(OnLink::new).collect(),
            next_hops: next_hops.iter().copied().map(Address::from).collect(),
        }
    }

    /// Whether an address lies on the link itself.
    pub fn is_near(&self, address: Address) -> bool {
        self.on_link.iter().any(|prefix| prefix.contains(address))
    }

    fn next_hop(&self, destination: Address) -> Option<Address> {
        if self.is_near(destination) {
            return Some(destination);
        }
        self.next_hops.iter().copied().find(|hop| hop.is_v4() == destination.is_v4())
    }
}

/// A prefix as a number and a mask.
#[derive(Clone, Copy, Debug)]
struct OnLink {
    bits: u128,
    mask: u128,
    v4: bool,
}

impl OnLink {
    fn new(prefix: &IpNet) -> Self {
        // An IPv4 address is the end of a wider one.
        let free = prefix.max_prefix_len() - prefix.prefix_len();
        let mask = u128::MAX.checked_shl(free.into()).unwrap_or(0);
        let address = Address::from(prefix.addr());
        Self { bits: address.bits() & mask, mask, v4: address.is_v4() }
    }

    #[inline]
    fn contains(self, address: Address) -> bool {
        // Short prefixes of IPv6 hold the numbers that stand for IPv4 addresses, and do not mean these.
        address.bits() & self.mask == self.bits && address.is_v4() == self.v4
    }
}

impl Link {
    /// Whether the internet is behind it.
    pub fn is_internet(&self) -> bool {
        matches!(self.behind, Behind::Internet(_))
    }

    /// Whether sites of one's own are behind it.
    pub fn is_on_premises(&self) -> bool {
        matches!(self.behind, Behind::OnPremises { .. })
    }

    /// What people call it.
    pub fn kind(&self) -> &'static str {
        match self.behind {
            Behind::Nics { segment: false, .. } => "network interface's attachment",
            Behind::Nics { segment: true, .. } => "segment's attachment",
            Behind::Internet(_) => "internet attachment",
            Behind::OnPremises { .. } => "on-premises attachment",
        }
    }

    /// The gateway as a host of the network behind it, where that is not its own.
    #[inline]
    pub fn outside(&self) -> Option<&Outside> {
        match &self.behind {
            Behind::Nics { .. } => None,
            Behind::Internet(outside) | Behind::OnPremises { outside, .. } => Some(outside),
        }
    }

    /// Whether an address outside is the gateway's own or the host's.
    pub fn is_gateway(&self, address: Address) -> bool {
        let outside = self.outside();
        outside.is_some_and(|it| it.own.contains(&address) || it.host.contains(&address))
    }

    /// Who is asked for the hardware address when a packet to `destination` leaves by it; `None` where nobody is.
    pub fn next_hop(&self, destination: Address) -> Option<Address> {
        match &self.behind {
            Behind::Nics { addresses, .. } => holds(addresses, destination).then_some(destination),
            Behind::Internet(outside) => outside.next_hop(destination),
            Behind::OnPremises { outside, sources } => {
                let theirs = outside.is_near(destination) || sources.find(destination) == Some(true);
                outside.next_hop(destination).filter(|_| theirs)
            }
        }
    }
}

/// Whether an ascending list holds an address.
#[inline]
pub fn holds(addresses: &[Address], address: Address) -> bool {
    match addresses {
        [only] => *only == address,
        several => several.binary_search(&address).is_ok(),
    }
}

/// Every attachment at the place of its number; `behind` has the private addresses behind each, `is_public` says which are
/// public addresses of ours.
pub(crate) fn build_links(
    gateway: &Gateway,
    scopes: &[Scope],
    behind: &HashMap<AttachmentId, Vec<Address>>,
    is_public: impl Fn(&Address) -> bool,
) -> Vec<Option<Link>> {
    let mut links: Vec<Option<Link>> = Vec::new();
    for attachment in &gateway.attachments {
        let at = usize::from(attachment.id.0);
        if links.len() <= at {
            links.resize_with(at + 1, || None);
        }
        let mut addresses = behind.get(&attachment.id).cloned().unwrap_or_default();
        addresses.sort_unstable();
        links[at] = Some(build_link(attachment, &gateway.network, scopes, addresses, &is_public));
    }
    links
}

/// The scope of what is received on an attachment that stands in no virtual network.
pub(crate) fn outside_scope(id: AttachmentId) -> Scope {
    Scope(OUTSIDE_SCOPES + id.0)
}

fn build_link(
    attachment: &Attachment,
    network: &Network,
    scopes: &[Scope],
    addresses: Vec<Address>,
    is_public: impl Fn(&Address) -> bool,
) -> Link {
    let outside = outside_scope(attachment.id);
    let scope_of =
        |vnet: Option<VnetIndex>| vnet.and_then(|vnet| scopes.get(vnet.0).copied()).unwrap_or(outside);
    let (scope, behind) = match &attachment.kind {
        AttachmentKind::Nic { nic, enforced_mac } => {
            let vnet = network.network_interfaces.get(nic.0).and_then(NetworkInterface::vnet);
            (scope_of(vnet), Behind::Nics { addresses, enforced_mac: *enforced_mac, segment: false })
        }
        AttachmentKind::Subnet { subnet } => {
            (scope_of(Some(subnet.vnet)), Behind::Nics { addresses, enforced_mac: None, segment: true })
        }
        AttachmentKind::Internet { addresses, next_hops, host_addresses } => {
            (outside, Behind::Internet(Outside::new(addresses, next_hops, host_addresses, is_public)))
        }
        AttachmentKind::OnPremises { vnet, addresses, next_hops, prefixes, host_addresses } => {
            let served = network.served_by_gateway_of(*vnet).into_iter();
            let ours = served.flat_map(|(_, space)| space).map(|space| (*space, 1, false));
            let sources = Prefixes::new(prefixes.iter().map(|prefix| (*prefix, 0, true)).chain(ours));
            let on = Outside::new(addresses, next_hops, host_addresses, |_| false);
            (outside, Behind::OnPremises { outside: on, sources })
        }
    };
    Link { id: attachment.id, mac: attachment.mac, mtu: attachment.mtu, scope, behind }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// As the library of prefixes says.
        #[test]
        fn a_prefix_holds_what_it_holds(
            (v4, net, length, flips) in (any::<bool>(), any::<u128>(), 0u8..=128, 0u32..128),
            other in any::<bool>(),
        ) {
            // Narrower for IPv4.
            let ip = |bits: u128, v4| -> std::net::IpAddr {
                if v4 { std::net::Ipv4Addr::from_bits(bits as u32).into() } else { std::net::Ipv6Addr::from_bits(bits).into() }
            };
            let prefix = IpNet::new(ip(net, v4), if v4 { length % 33 } else { length }).expect("a length in range");
            let near = OnLink::new(&prefix);
            for address in [ip(net, v4), ip(net ^ 1 << flips, v4), ip(net ^ 1 << (flips % 32), v4), ip(net, other)] {
                prop_assert_eq!(near.contains(address.into()), prefix.contains(&address), "{} {}", prefix, address);
            }
            let mapped = std::net::Ipv4Addr::from_bits(net as u32);
            let all: IpNet = "::/0".parse().expect("a prefix");
            prop_assert!(!OnLink::new(&all).contains(Address::from(std::net::IpAddr::V4(mapped))));
        }
    }
}
