//! Who is around the gateway.

use std::net::IpAddr;

/// A sender of frames.
pub(super) struct Host {
    pub(super) name: &'static str,
    /// Its own addresses: of IPv4, and of IPv6 where the policy has any.
    pub(super) addresses: [&'static str; 2],
    /// Under which public addresses it may appear.
    publics: &'static [&'static str],
    pub(super) stands: Stands,
}

/// Where a host stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stands {
    Outside,
    /// In a virtual network.
    In(Vnet),
    /// On premises, behind the gateway of a virtual network.
    Behind(Vnet),
}

/// The virtual networks. `Twin` has the same addresses as `First`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Vnet {
    First,
    Twin,
    Peer,
}

/// The internet's router, the VMs, and a site on premises with its twin. `vm4` has the addresses of `vm1` in the twin network.
///
/// The addresses of the first and of the sites are somebody's behind the router.
pub(super) const HOSTS: [Host; 8] = [
    Host {
        name: "internet",
        addresses: ["198.51.100.7", "2001:db8:7::7"],
        publics: &[],
        stands: Stands::Outside,
    },
    Host {
        name: "vm1",
        addresses: ["10.0.1.4", "fd00:a:0:1::4"],
        publics: &["203.0.113.21", "203.0.113.10", "2001:db8:ffff::21"],
        stands: Stands::In(Vnet::First),
    },
    Host {
        name: "vm2",
        addresses: ["10.0.1.5", "fd00:a:0:1::5"],
        publics: &["203.0.113.10"],
        stands: Stands::In(Vnet::First),
    },
    Host {
        name: "vm3",
        addresses: ["10.0.2.4", "fd00:a:0:2::4"],
        publics: &["203.0.113.23", "203.0.113.10", "2001:db8:23::23"],
        stands: Stands::In(Vnet::First),
    },
    Host {
        name: "vm4",
        addresses: ["10.0.1.4", "fd00:a:0:1::4"],
        publics: &["203.0.113.10"],
        stands: Stands::In(Vnet::Twin),
    },
    Host {
        name: "vm5",
        addresses: ["172.99.0.4", "fd00:ac:63::4"],
        publics: &["203.0.113.10"],
        stands: Stands::In(Vnet::Peer),
    },
    Host {
        name: "site",
        addresses: ["192.168.1.7", "fd00:c0:a8:1::7"],
        publics: &[],
        stands: Stands::Behind(Vnet::First),
    },
    Host {
        name: "branch",
        addresses: ["192.168.1.7", "fd00:c0:a8:1::7"],
        publics: &[],
        stands: Stands::Behind(Vnet::Twin),
    },
];

/// The host of a name.
pub(super) fn host(name: &str) -> Option<(usize, &'static Host)> {
    HOSTS.iter().enumerate().find(|(_, host)| host.name == name)
}

impl Host {
    /// Whether an address is its own.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|own| is(own, address))
    }

    /// Whether it may appear under a public address.
    pub(super) fn appears_as(&self, address: IpAddr) -> bool {
        self.publics.iter().any(|public| is(public, address))
    }
}

/// Whether an address is the one that a text says.
pub(super) fn is(text: &str, address: IpAddr) -> bool {
    text.parse() == Ok(address)
}
