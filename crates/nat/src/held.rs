//! How many ports of a pool each of those holds who may not hold all.

use crate::PoolKey;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use packet::Owner;
use std::hash::BuildHasher;

/// Counts by pool and owner; no entry where nothing is held.
pub(crate) struct Held<S>(DashMap<(PoolKey, Owner), u16, S>);

impl<S: BuildHasher + Clone> Held<S> {
    pub(crate) fn new(hasher: S, shards: usize) -> Self {
        Self(DashMap::with_hasher_and_shard_amount(hasher, shards))
    }

    /// Counts one more, unless `limit` are held. One hold of a shard's lock, so that no two workers exceed it together.
    pub(crate) fn take(&self, key: PoolKey, owner: Owner, limit: u16) -> bool {
        match self.0.entry((key, owner)) {
            Entry::Occupied(held) if *held.get() >= limit => false,
            Entry::Occupied(mut held) => {
                *held.get_mut() += 1;
                true
            }
            Entry::Vacant(none) => {
                let has_any = limit > 0;
                if has_any {
                    none.insert(1);
                }
                has_any
            }
        }
    }

    /// Counts one less.
    pub(crate) fn give(&self, key: PoolKey, owner: Owner) {
        self.0.remove_if_mut(&(key, owner), |_, held| {
            *held -= 1;
            *held == 0
        });
    }

    /// How many are held.
    pub(crate) fn count(&self, key: PoolKey, owner: Owner) -> u16 {
        self.0.view(&(key, owner), |_, held| *held).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
