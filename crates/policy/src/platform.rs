//! The addresses that Azure's platform keeps for itself, and what "public" means.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{RuleProtocol, ServiceTag};
use packet::Address;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The host's virtual address: DHCP, DNS, health, and the source of load-balancer probes.
///
/// # Source
/// Azure "What is IP address 168.63.129.16?".
pub const HOST: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The instance metadata service.
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The platform's own addresses. Outbound packets to them are its own: only rules that name the tag of its service judge
/// them, and the rest is allowed.
///
/// # Source
/// Azure "Network security groups", *Azure platform considerations*.
pub const PLATFORM: [Ipv4Addr; 2] = [HOST, METADATA];

/// The licensing (KMS) hosts: kms.core.windows.net and the two of azkms.core.windows.net.
pub(crate) const LICENSING: [Ipv4Addr; 3] =
    [Ipv4Addr::new(23, 102, 135, 246), Ipv4Addr::new(20, 118, 99, 224), Ipv4Addr::new(40, 83, 235, 53)];

/// IPv4 prefixes that are not part of the Internet tag: "this network", private, shared, loopback, link-local,
/// multicast and reserved.
pub(crate) const NOT_PUBLIC: [Ipv4Net; 8] = [
    four([0, 0, 0, 0], 8),
    four([10, 0, 0, 0], 8),
    four([100, 64, 0, 0], 10),
    four([127, 0, 0, 0], 8),
    four([169, 254, 0, 0], 16),
    four([172, 16, 0, 0], 12),
    four([192, 168, 0, 0], 16),
    four([224, 0, 0, 0], 3),
];

/// The IPv6 addresses of the Internet tag: global unicast (RFC 4291, section 2.4).
pub(crate) const PUBLIC_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

const fn four([a, b, c, d]: [u8; 4], length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

/// One address as a prefix.
pub(crate) fn single(address: Ipv4Addr) -> IpNet {
    IpNet::from(std::net::IpAddr::V4(address))
}

/// Whether outbound packets to `destination` are the platform's: no rule counts but those that name its tag.
#[inline]
pub(crate) const fn is_platform(destination: Address) -> bool {
    match destination.v4_bits() {
        Some(bits) => bits == HOST.to_bits() || bits == METADATA.to_bits(),
        None => false,
    }
}

/// Whether a rule with `tag` as its destination judges packets to the platform's addresses.
pub(crate) fn judges_platform(tag: ServiceTag) -> bool {
    matches!(tag, ServiceTag::AzurePlatformDns | ServiceTag::AzurePlatformImds)
}

/// A platform tag is a service, not an address alone: protocols and the service's port.
///
/// Returns `None` for tags that are addresses alone.
pub(crate) fn service(tag: ServiceTag) -> Option<(&'static [RuleProtocol], u16)> {
    match tag {
        ServiceTag::AzurePlatformDns => Some((&[RuleProtocol::Tcp, RuleProtocol::Udp], 53)),
        ServiceTag::AzurePlatformImds => Some((&[RuleProtocol::Tcp], 80)),
        ServiceTag::AzurePlatformLkm => Some((&[RuleProtocol::Tcp], 1688)),
        _ => None,
    }
}
