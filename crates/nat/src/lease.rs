//! A port that is lent, and who asks for one.

use crate::{PoolKey, Pools};
use packet::{Owner, Protocol};
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

/// Who asks for a port, and how many of one pool it may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// Whose flow wants it.
    pub owner: Owner,
    /// The most ports of one pool that its flows may hold; leases that [linger](Lease::linger) do not count.
    pub limit: u32,
}

impl Asker {
    /// Somebody who may hold all.
    pub const ANYBODY: Self = Self { owner: Owner(0), limit: u32::MAX };
}

/// A port of a pool, somebody's or free. [`Pools::peek_for`] finds a free one, and [`Pools::lease_at`] leases it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub(crate) key: PoolKey,
    pub(crate) index: u16,
    pub(crate) port: u16,
}

impl Place {
    /// The pool.
    #[inline]
    pub fn key(&self) -> PoolKey {
        self.key
    }

    /// The port; for ICMP the echo identifier.
    #[inline]
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// A port of a pool, nobody else's as long as this lives; dropping it gives the port back.
///
/// The key's fields stand apart, so that a lease takes 24 bytes.
#[must_use = "a lease that is dropped gives its port back"]
pub struct Lease {
    pub(crate) pools: Arc<Pools>,
    pub(crate) public: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) index: u16,
    pub(crate) port: u16,
    pub(crate) owner: Owner,
    pub(crate) protocol: Protocol,
    pub(crate) standing: Standing,
}

/// What a lease is to its asker's limit.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It counts.
    Counts,
    /// There is no limit that it could count against.
    Unlimited,
    /// Its flow is over: it counts no longer.
    Lingers,
}

impl Lease {
    /// The port; for ICMP the echo identifier.
    #[inline]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pool it belongs to.
    #[inline]
    pub fn key(&self) -> PoolKey {
        PoolKey { public: self.public, protocol: self.protocol, destination: self.destination }
    }

    /// Which port of which pool it is.
    pub fn place(&self) -> Place {
        Place { key: self.key(), index: self.index, port: self.port }
    }

    /// Its flow is over and the port only rests: it stays leased, and counts for its asker no longer. Returns whether it did
    /// not linger yet.
    pub fn linger(&mut self) -> bool {
        let before = std::mem::replace(&mut self.standing, Standing::Lingers);
        if before == Standing::Counts {
            self.pools.held.give(self.key(), self.owner);
        }
        before != Standing::Lingers
    }

    /// Whether its flow is over, as [`linger`](Self::linger) has said.
    pub fn lingers(&self) -> bool {
        self.standing == Standing::Lingers
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.linger();
        self.pools.give(&self.key(), self.index);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({}, port {})", self.key(), self.port)
    }
}

/// What a flow record carries.
#[cfg(test)]
const _: () = assert!(size_of::<Option<Lease>>() == 24);
