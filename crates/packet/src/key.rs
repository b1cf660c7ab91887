//! What names a flow: scope, addresses, protocol and ports.

use crate::Address;
use std::fmt;
use std::net::SocketAddr;

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Protocol(pub u8);

impl Protocol {
    /// ICMP for IPv4.
    pub const ICMP: Self = Self(1);
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// Encapsulating security payload.
    pub const ESP: Self = Self(50);
    /// Authentication header.
    pub const AH: Self = Self(51);
    /// ICMP for IPv6.
    pub const ICMPV6: Self = Self(58);

    /// Whether the protocol has ports that a rule can name.
    #[inline]
    pub const fn has_ports(self) -> bool {
        matches!(self, Self::TCP | Self::UDP)
    }
}

impl Protocol {
    /// Whether Azure's network carries it over IPv4, or over IPv6.
    ///
    /// # Source
    /// Azure "Virtual network FAQ", *What protocols can I use in virtual networks?*
    #[inline]
    pub const fn is_carried(self, over_v4: bool) -> bool {
        match self {
            Self::TCP | Self::UDP | Self::ESP | Self::AH => true,
            Self::ICMP => over_v4,
            Self::ICMPV6 => !over_v4,
            _ => false,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ICMP => f.pad("Icmp"),
            Self::TCP => f.pad("Tcp"),
            Self::UDP => f.pad("Udp"),
            Self::ESP => f.pad("Esp"),
            Self::AH => f.pad("Ah"),
            Self::ICMPV6 => f.pad("Icmpv6"),
            Self(number) => f.pad(&format!("protocol {number}")),
        }
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address space a tuple belongs to: a virtual network or an outside attachment.
///
/// Addresses may overlap between scopes, so no tuple means anything without one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Scope(pub u16);

/// Whose a flow is: a network interface of the model, numbered for the daemon's life.
///
/// It is the interface that began the flow, or the one that was reached from outside.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Owner(pub u16);

/// Where frames come in and go out: one of the gateway file's attachments, numbered for the daemon's life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AttachmentId(pub u16);

/// A packet's tuple **as it was received**, with the scope of the attachment it came in on.
///
/// Ports are in host byte order. A protocol without ports has zero in both. An ICMP query carries its
/// identifier as the port of the side that asks and its request type as the port of the side that answers,
/// so a reply's key is the request's reversed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FlowKey {
    /// Who sent it.
    pub source: Address,
    /// Whom it is addressed to.
    pub destination: Address,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
    /// The address space of both addresses.
    pub scope: Scope,
    /// The transport protocol.
    pub protocol: Protocol,
}

impl FlowKey {
    /// The worker that this tuple is at home with: see [`home`].
    #[inline]
    pub const fn home(&self, workers: usize) -> usize {
        home(self.source_port, self.destination_port, workers)
    }

    /// The tuple of the answer, in the same scope.
    #[inline]
    pub const fn reversed(self) -> Self {
        Self {
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
            scope: self.scope,
            protocol: self.protocol,
        }
    }
}

/// The worker, of `workers`, that a flow with these ports belongs to.
///
/// The same for both directions, whatever the addresses are translated to. A fragment's identification takes the
/// place of one port; a protocol without ports has zero in both. The kernel computes the same number when it chooses a
/// worker's queue.
#[inline]
pub const fn home(source_port: u16, destination_port: u16, workers: usize) -> usize {
    let sum = source_port.wrapping_add(destination_port) as usize;
    // Neighbouring sums land far apart: the factor is 2^16 divided by the golden ratio.
    (((sum * 40_503) & 0xffff) * workers) >> 16
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FlowKey { source, destination, source_port, destination_port, protocol, .. } = self;
        match *protocol {
            Protocol::TCP | Protocol::UDP => {
                let (from, to) = (source.ip(), destination.ip());
                let (from, to) =
                    (SocketAddr::new(from, *source_port), SocketAddr::new(to, *destination_port));
                write!(f, "{protocol} {from} > {to}")
            }
            Protocol::ICMP | Protocol::ICMPV6 => {
                write!(f, "{protocol} {source} > {destination} id {}", source_port.max(destination_port))
            }
            _ => write!(f, "{protocol} {source} > {destination}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_directions_have_one_home_among_the_workers(a: u16, b: u16, workers in 1usize..=64) {
            let home = home(a, b, workers);
            prop_assert!(home < workers);
            prop_assert_eq!(home, super::home(b, a, workers));
        }
    }

    #[test]
    fn every_worker_has_its_share_of_consecutive_ports() {
        for workers in [1, 2, 3, 4, 7, 16] {
            let mut flows = vec![0; workers];
            (0..1024).for_each(|nth| flows[home(32_768 + nth, 443, workers)] += 1);
            let fair = 1024 / workers;
            assert!(
                flows.iter().all(|&flows| (fair * 9 / 10..=fair * 11 / 10 + 1).contains(&flows)),
                "{flows:?}"
            );
        }
    }
}
