//! One address type for both families.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An IP address in 128 bits, host byte order; IPv4 in its IPv4-mapped form (`::ffff:a.b.c.d`).
///
/// One width for both families keeps flow keys, tables and rewriting on one code path.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(transparent)]
pub struct Address(u128);

const MAPPED: u128 = 0xffff_0000_0000;

impl Address {
    /// The unspecified address, `::`.
    pub const UNSPECIFIED: Self = Self(0);

    /// An IPv4 address from its 32 bits in host byte order.
    #[inline]
    pub const fn from_v4_bits(bits: u32) -> Self {
        Self(MAPPED | bits as u128)
    }

    /// An IPv6 address from its 128 bits in host byte order; `None` for the IPv4-mapped ones, which would pass for IPv4.
    #[inline]
    pub const fn from_v6_bits(bits: u128) -> Option<Self> {
        if Self(bits).is_v4() { None } else { Some(Self(bits)) }
    }

    /// The 128 bits in host byte order, IPv4 mapped.
    #[inline]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// The IPv4 address in 32 bits of host byte order, or `None` for IPv6.
    #[inline]
    pub const fn v4_bits(self) -> Option<u32> {
        if self.0 >> 32 == MAPPED >> 32 { Some(self.0 as u32) } else { None }
    }

    /// Whether this is an IPv4 address.
    #[inline]
    pub const fn is_v4(self) -> bool {
        self.0 >> 32 == MAPPED >> 32
    }

    /// Whether this is a group's address: 224.0.0.0/4 (RFC 1112) or ff00::/8 (RFC 4291).
    #[inline]
    pub const fn is_multicast(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 28 == 0xe,
            None => self.0 >> 120 == 0xff,
        }
    }

    /// Whether it is only good on its own link: 169.254.0.0/16 (RFC 3927) or fe80::/10 (RFC 4291).
    #[inline]
    pub const fn is_link_local(self) -> bool {
        match self.v4_bits() {
            Some(bits) => bits >> 16 == 0xa9fe,
            None => self.0 >> 118 == 0xfe80 >> 6,
        }
    }

    /// The IPv4 address, or `None` for IPv6.
    pub fn v4(self) -> Option<Ipv4Addr> {
        self.v4_bits().map(Ipv4Addr::from_bits)
    }

    /// The address in the standard library's type.
    pub fn ip(self) -> IpAddr {
        match self.v4() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(self.0)),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(v4: Ipv4Addr) -> Self {
        Self::from_v4_bits(v4.to_bits())
    }
}

impl From<Ipv6Addr> for Address {
    fn from(v6: Ipv6Addr) -> Self {
        Self(v6.to_bits())
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(v4) => v4.into(),
            IpAddr::V6(v6) => v6.into(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ip().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_survive_the_round_trip() {
        for text in ["0.0.0.0", "10.0.1.4", "255.255.255.255", "::", "::1", "2001:db8::4"] {
            let ip: IpAddr = text.parse().unwrap();
            assert_eq!(Address::from(ip).ip(), ip);
            assert_eq!(Address::from(ip).is_v4(), ip.is_ipv4());
        }
    }
}
