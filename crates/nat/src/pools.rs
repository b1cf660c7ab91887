//! The directory of pools that all workers share, and the leases it gives out.

use crate::permutation::Permutation;
use crate::pool::Pool;
use crate::{CAPACITY, Exhausted, PoolKey};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use siphasher::sip::SipHasher13;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Locks of the directory: well over the number of workers, so that two of them seldom want the same.
const SHARDS: usize = 64;

/// Every SNAT port of every public address, shared by all workers.
///
/// A pool is there while it has a lease, so an idle gateway holds none, and there are never more pools than leases.
/// A destination with up to three leases costs its slot of 27 bytes and its share of the free slots, 64 bytes at most; one
/// with more costs 664 bytes besides as a rule, and 8,584 at most. What the directory has grown to it keeps for the next
/// rush, as every hash table does.
pub struct Pools {
    directory: DashMap<PoolKey, Pool, Secret>,
    /// How many pools have come into being so far.
    opened: AtomicU64,
    used: AtomicUsize,
}

/// How many ports of one pool are leased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Usage {
    /// Whose ports.
    pub key: PoolKey,
    /// Leased ports.
    pub used: usize,
    /// Ports in all.
    pub capacity: usize,
}

impl Pools {
    /// Pools whose order of ports follows from `seed`, which must be drawn at random and kept secret outside tests.
    pub fn new(seed: [u64; 2]) -> Arc<Self> {
        let secret = Secret(SipHasher13::new_with_keys(seed[0], seed[1]));
        Arc::new(Self {
            directory: DashMap::with_hasher_and_shard_amount(secret, SHARDS),
            opened: AtomicU64::new(0),
            used: AtomicUsize::new(0),
        })
    }

    /// Leases a port that no live lease of `key` has.
    ///
    /// Errors: [`Exhausted`] exactly when [`CAPACITY`] leases of `key` are alive.
    /// Cost: one lock of a shard, at most four words of the bitmap; memory is allocated for a new destination, the
    /// fourth lease of one, and about every 4,096th.
    #[inline]
    pub fn lease(self: &Arc<Self>, key: PoolKey) -> Result<Lease, Exhausted> {
        self.lease_preferring(key, |_| true)
    }

    /// As [`lease`](Self::lease), but a port that the caller likes, if one of the next 32 free ones is.
    ///
    /// Several workers with ports of their own do not stand in each other's way: no port is kept for anybody, and every one
    /// of the [`CAPACITY`] is leased before a lease is refused.
    pub fn lease_preferring(
        self: &Arc<Self>,
        key: PoolKey,
        likes: impl Fn(u16) -> bool,
    ) -> Result<Lease, Exhausted> {
        let order = self.permutation(key);
        let index = self.take(key, |index| likes(order.port(index))).ok_or(Exhausted { key })?;
        self.used.fetch_add(1, Ordering::Relaxed);
        Ok(Lease { pools: Arc::clone(self), key, index, port: order.port(index) })
    }

    /// Whether [`lease`](Self::lease) would succeed now; changes nothing.
    pub fn has_free(&self, key: &PoolKey) -> bool {
        self.directory.view(key, |_, pool| pool.used() < CAPACITY).unwrap_or(true)
    }

    /// The port that [`lease`](Self::lease) would give out now; changes nothing. Another worker may take it in between.
    #[inline]
    pub fn peek(&self, key: &PoolKey) -> Option<u16> {
        self.peek_preferring(key, |_| true)
    }

    /// The port that [`lease_preferring`](Self::lease_preferring) would give out now; changes nothing.
    pub fn peek_preferring(&self, key: &PoolKey, likes: impl Fn(u16) -> bool) -> Option<u16> {
        let order = self.permutation(*key);
        let likes = |index| likes(order.port(index));
        let index = match self.directory.get_mut(key) {
            Some(mut pool) => pool.peek(likes)?,
            None => Pool::new(self.start(self.opened.load(Ordering::Relaxed))).peek(likes)?,
        };
        Some(order.port(index))
    }

    /// The `limit` pools with the most leases, fullest first, equal ones in the order of their keys.
    ///
    /// Cost: one look at every pool, a shard at a time; with leases coming and going it is no snapshot.
    pub fn usage(&self, limit: usize) -> Vec<Usage> {
        let mut fullest = BinaryHeap::new();
        for slot in self.directory.iter() {
            fullest.push((Reverse(slot.value().used()), *slot.key()));
            if fullest.len() > limit {
                fullest.pop();
            }
        }
        let usage = |(Reverse(used), key)| Usage { key, used, capacity: CAPACITY };
        fullest.into_sorted_vec().into_iter().map(usage).collect()
    }

    /// How many leases are alive, over all pools.
    pub fn used_total(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How many pools there are: combinations of public address, protocol and destination with a live lease.
    pub fn destinations(&self) -> usize {
        self.directory.len()
    }

    /// Takes an index of the key's pool, which is made where it is missing, in one hold of the shard's lock.
    fn take(&self, key: PoolKey, likes: impl Fn(u16) -> bool) -> Option<u16> {
        match self.directory.entry(key) {
            Entry::Occupied(mut slot) => slot.get_mut().take(likes),
            Entry::Vacant(slot) => {
                let start = self.start(self.opened.fetch_add(1, Ordering::Relaxed));
                slot.insert(Pool::new(start)).take(likes)
            }
        }
    }

    /// Gives an index back, and forgets the pool with its last, in one hold of the shard's lock: a lease that is taken
    /// at the same time either finds the pool with this index still leased, or none.
    fn give(&self, key: &PoolKey, index: u16) {
        self.directory.remove_if_mut(key, |_, pool| pool.give(index));
        self.used.fetch_sub(1, Ordering::Relaxed);
    }

    /// Where a new pool's cursor begins: the keyed hash of a count, so no two in a row have anything in common.
    fn start(&self, opened: u64) -> u16 {
        let mut hasher = self.directory.hasher().build_hasher();
        hasher.write_u64(opened);
        // The upper 32 bits, scaled to the pool's size.
        (((hasher.finish() >> 32) * CAPACITY as u64) >> 32) as u16
    }

    /// The order of a pool's ports, which follows from the seed and the pool's key alone.
    fn permutation(&self, key: PoolKey) -> Permutation {
        let mut hasher = self.directory.hasher().build_hasher();
        key.hash(&mut hasher);
        // Sets it apart from the hash that finds the key's place in the directory.
        hasher.write_u8(1);
        Permutation::new(hasher.finish())
    }
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pools")
            .field("destinations", &self.destinations())
            .field("used", &self.used_total())
            .finish_non_exhaustive()
    }
}

/// The keyed hash behind the directory and the order of ports; destinations are chosen by others.
#[derive(Clone)]
struct Secret(SipHasher13);

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    #[inline]
    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}

/// A port of a pool, nobody else's as long as this lives; dropping it gives the port back.
#[must_use = "a lease that is dropped gives its port back"]
pub struct Lease {
    pools: Arc<Pools>,
    key: PoolKey,
    index: u16,
    port: u16,
}

impl Lease {
    /// The port, in [`PORTS`](crate::PORTS); for ICMP the echo identifier.
    #[inline]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The pool it belongs to.
    #[inline]
    pub fn key(&self) -> PoolKey {
        self.key
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pools.give(&self.key, self.index);
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lease({}, port {})", self.key, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the directory's table pays for a destination where it is emptiest: just doubled, seven slots of sixteen taken,
    /// a byte of its own beside each.
    const _: () = assert!((size_of::<(PoolKey, Pool)>() + 1) * 16 / 7 <= 64);

    /// What a flow record carries.
    const _: () = assert!(size_of::<Option<Lease>>() == 24);
}
