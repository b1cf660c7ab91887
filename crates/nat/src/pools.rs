//! The directory of pools that all workers share.

use crate::held::Held;
use crate::lease::{Asker, Lease, Place, Standing};
use crate::permutation::Permutation;
use crate::pool::Pool;
use crate::{PoolKey, Ports, Refused, Secret};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
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
/// with more costs some 700 bytes besides as a rule, and 16,808 at most; never more than 1,200 for each of its leases, where
/// there are more than 4,096 ports. Where askers are limited, another 64 at most for each of a
/// destination. What the directory has grown to it keeps for the next rush, as every hash table does.
pub struct Pools {
    directory: DashMap<PoolKey, Pool, Secret>,
    pub(crate) held: Held<Secret>,
    ports: Ports,
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
    /// Pools of all ports, whose order follows from `seed`, which must be drawn at random and kept secret outside tests.
    pub fn new(seed: [u64; 2]) -> Arc<Self> {
        Self::of(seed, Ports::ALL)
    }

    /// Pools of these ports.
    pub fn of(seed: [u64; 2], ports: Ports) -> Arc<Self> {
        let secret = Secret::new(seed);
        Arc::new(Self {
            directory: DashMap::with_hasher_and_shard_amount(secret.clone(), SHARDS),
            held: Held::new(secret, SHARDS),
            ports,
            opened: AtomicU64::new(0),
            used: AtomicUsize::new(0),
        })
    }

    /// The ports of every pool.
    pub fn ports(&self) -> Ports {
        self.ports
    }

    /// Leases a port that no live lease of `key` has: for whoever need not know beforehand which.
    ///
    /// Errors: [`Refused::Exhausted`] exactly when all ports of `key` are leased.
    /// Cost: that of [`peek_for`](Self::peek_for) and [`lease_at`](Self::lease_at), again where another worker was quicker.
    #[inline]
    pub fn lease(self: &Arc<Self>, key: PoolKey) -> Result<Lease, Refused> {
        loop {
            let next = self.peek_for(key, Asker::ANYBODY, |_| true)?;
            if let Some(lease) = self.lease_at(next, Asker::ANYBODY)? {
                return Ok(lease);
            }
        }
    }

    /// Leases a port that [`peek_for`](Self::peek_for) has found here; `None` where it is leased by now.
    ///
    /// Whatever else was leased or given back in between, of this pool or of others, makes no difference.
    ///
    /// Errors: [`Refused::Share`] exactly when the asker's leases that count are as many as it may hold, of those that were
    /// taken under a limit.
    /// Cost: one lock of a shard; memory is allocated for a new destination, the fourth lease of one, and about every
    /// 4,096th. For an asker with a limit, another lock.
    pub fn lease_at(self: &Arc<Self>, place: Place, asker: Asker) -> Result<Option<Lease>, Refused> {
        let Place { key, index, port } = place;
        let limit = self.limit_of(asker);
        if limit.is_some_and(|limit| !self.held.take(key, asker.owner, limit)) {
            return Err(Refused::Share(key));
        }
        if !self.take(key, index) {
            if limit.is_some() {
                self.held.give(key, asker.owner);
            }
            return Ok(None);
        }
        self.used.fetch_add(1, Ordering::Relaxed);
        let PoolKey { public, protocol, destination } = key;
        let pools = Arc::clone(self);
        let standing = if limit.is_some() { Standing::Counts } else { Standing::Unlimited };
        Ok(Some(Lease { pools, public, destination, index, port, owner: asker.owner, protocol, standing }))
    }

    /// Whether [`lease`](Self::lease) would succeed now; changes nothing.
    pub fn has_free(&self, key: &PoolKey) -> bool {
        self.directory.view(key, |_, pool| pool.used() < self.ports.size().into()).unwrap_or(true)
    }

    /// The port of `key` that is next, or one that the caller likes, if one of the next 32 free ones is; changes nothing.
    ///
    /// Several workers with ports of their own do not stand in each other's way: no port is kept for anybody, and every one
    /// is leased before a lease is refused for want of any.
    ///
    /// Errors: [`Refused::Share`] when the asker holds as many as it may; [`Refused::Exhausted`] exactly when all ports of
    /// `key` are leased.
    /// Cost: one lock of a shard, at most four words of the bitmap; for an asker with a limit, another lock.
    #[inline]
    pub fn peek_for(
        &self,
        key: PoolKey,
        asker: Asker,
        likes: impl Fn(u16) -> bool,
    ) -> Result<Place, Refused> {
        if self.limit_of(asker).is_some_and(|limit| self.held.count(key, asker.owner) >= limit) {
            return Err(Refused::Share(key));
        }
        let order = self.permutation(key);
        let likes = |index| likes(order.port(index));
        let size = self.ports.size();
        let index = match self.directory.get_mut(&key) {
            Some(mut pool) => pool.peek(size, likes),
            None => Pool::new(self.start(self.opened.load(Ordering::Relaxed))).peek(size, likes),
        };
        let place = |index| Place { key, index, port: order.port(index) };
        index.map(place).ok_or(Refused::Exhausted(key))
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
        let capacity = self.ports.size().into();
        let usage = |(Reverse(used), key)| Usage { key, used, capacity };
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

    /// How many combinations of pool and limited asker hold a port that counts.
    pub fn askers(&self) -> usize {
        self.held.len()
    }

    /// The asker's limit, where it could ever be reached.
    fn limit_of(&self, asker: Asker) -> Option<u16> {
        u16::try_from(asker.limit).ok().filter(|&limit| limit < self.ports.size())
    }

    /// Takes an index of the key's pool, which is made where it is missing, in one hold of the shard's lock; says whether it
    /// was free.
    fn take(&self, key: PoolKey, index: u16) -> bool {
        match self.directory.entry(key) {
            Entry::Occupied(mut slot) => slot.get_mut().lease(self.ports.size(), index),
            Entry::Vacant(slot) => {
                self.opened.fetch_add(1, Ordering::Relaxed);
                slot.insert(Pool::new(index)).lease(self.ports.size(), index)
            }
        }
    }

    /// Gives an index back, and forgets the pool with its last, in one hold of the shard's lock: a lease that is taken
    /// at the same time either finds the pool with this index still leased, or none.
    pub(crate) fn give(&self, key: &PoolKey, index: u16) {
        self.directory.remove_if_mut(key, |_, pool| pool.give(self.ports.size(), index));
        self.used.fetch_sub(1, Ordering::Relaxed);
    }

    /// Where a new pool's cursor begins: the keyed hash of a count, so no two in a row have anything in common.
    fn start(&self, opened: u64) -> u16 {
        let mut hasher = self.directory.hasher().build_hasher();
        hasher.write_u64(opened);
        // The upper 32 bits, scaled to the pool's size.
        (((hasher.finish() >> 32) * u64::from(self.ports.size())) >> 32) as u16
    }

    /// The order of a pool's ports, which follows from the seed and the pool's key alone.
    fn permutation(&self, key: PoolKey) -> Permutation {
        let mut hasher = self.directory.hasher().build_hasher();
        key.hash(&mut hasher);
        // Sets it apart from the hash that finds the key's place in the directory.
        hasher.write_u8(1);
        Permutation::new(hasher.finish(), self.ports)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What the directory's table pays for a destination where it is emptiest: just doubled, seven slots of sixteen taken,
    /// a byte of its own beside each.
    const _: () = assert!((size_of::<(PoolKey, Pool)>() + 1) * 16 / 7 <= 64);
}
