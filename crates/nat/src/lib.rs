//! SNAT port pools: which port a flow wears on the internet.
//!
//! Azure gives every public address 64,511 ports for each protocol and **destination address**: two flows to one
//! address never share a port, whatever the destination ports, and flows to different addresses may (profile
//! `azure2017`, Azure "Understanding outbound connections in Azure", 2017). Each such combination is a [`PoolKey`],
//! and its pool comes into being with its first lease and goes with its last.
//!
//! A [`Lease`] is a port for as long as it lives: dropping it gives the port back. An [`Asker`] may hold only so many ports of
//! one pool, so that one machine does not take them from all others.
//!
//! ```
//! use nat::{PoolKey, Pools};
//! use packet::Protocol;
//!
//! let pools = Pools::new([7, 11]);
//! let key = PoolKey {
//!     public: [203, 0, 113, 10].into(),
//!     protocol: Protocol::TCP,
//!     destination: [8, 8, 8, 8].into(),
//! };
//! let lease = pools.lease(key)?;
//! assert!(nat::PORTS.contains(&lease.port()));
//! assert_eq!(pools.used_total(), 1);
//! drop(lease);
//! assert_eq!(pools.destinations(), 0);
//! # Ok::<(), nat::Refused>(())
//! ```
//!
//! Ports come out in an order that nobody outside can foresee (RFC 6056), and a port that was given back rests while
//! others are free; where only such are left, the one that has rested longest is next. The private module `pool` says in what
//! order exactly, and what several workers with ports of their own change in it (the count they do not: it is 64,511
//! whoever asks). What this crate leaves out: who holds a lease,
//! and for how long. That is the flow record's business.

mod bitmap;
mod held;
mod lease;
mod many;
mod permutation;
mod pool;
mod pools;
mod ports;
mod secret;

pub use lease::{Asker, Lease, Place};
pub use pools::{Pools, Usage};
pub use ports::Ports;
pub use secret::Secret;

use packet::Protocol;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

/// The ports that a flow can be given: all above 1024.
pub const PORTS: RangeInclusive<u16> = 1025..=65535;

/// How many ports a pool has, and so how many flows one public address can have to one destination address.
pub const CAPACITY: usize = 64_511;

/// What a pool of ports belongs to: flows that agree in all three may not share a port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PoolKey {
    /// The address the outside sees.
    pub public: Ipv4Addr,
    /// TCP, UDP and ICMP (whose port is the echo identifier) each have ports of their own.
    pub protocol: Protocol,
    /// The far address, whatever its port.
    pub destination: Ipv4Addr,
}

impl Hash for PoolKey {
    /// Feeds nine bytes; the derived form would add the length of each address.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from(self.public.to_bits()) << 32 | u64::from(self.destination.to_bits()));
        state.write_u8(self.protocol.0);
    }
}

impl fmt::Display for PoolKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} > {}", self.protocol, self.public, self.destination)
    }
}

/// Why no port is leased: an ordinary outcome, which drops the new flow and no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// Every port of the pool is leased.
    Exhausted(PoolKey),
    /// The asker holds as many ports of the pool as it may.
    Share(PoolKey),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted(key) => write!(f, "all SNAT ports are in use: {key}"),
            Self::Share(key) => write!(f, "the network interface holds its share of the SNAT ports: {key}"),
        }
    }
}

impl std::error::Error for Refused {}
