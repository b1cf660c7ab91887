//! Which worker's lingering connection gives its port up next.
//!
//! Each worker knows its own ([`Closing`](crate::closing::Closing)); here stands the oldest of each, by pool, so that a worker
//! that finds no free port knows whom to ask. One worker alone does not come here.

use dashmap::DashMap;
use nat::{PoolKey, Secret};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// The oldest lingering connection of each worker, by pool.
pub(crate) struct Lingering {
    /// Its worker, and its place in the order of closing.
    oldest: DashMap<PoolKey, Vec<(usize, u64)>, Secret>,
    /// How many connections have closed so far.
    closed: AtomicU64,
}

impl Lingering {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { oldest: DashMap::with_hasher(secret), closed: AtomicU64::new(0) }
    }

    /// The place in the order of closing for a connection that closes now.
    pub(crate) fn next_place(&self) -> u64 {
        self.closed.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes a worker's oldest, or that it has none.
    pub(crate) fn note(&self, pool: PoolKey, worker: usize, place: Option<u64>) {
        let is_other = |&(other, _): &(usize, u64)| other != worker;
        match place {
            Some(place) => {
                let mut oldest = self.oldest.entry(pool).or_default();
                oldest.retain(is_other);
                oldest.push((worker, place));
            }
            None => {
                self.oldest.remove_if_mut(&pool, |_, oldest| {
                    oldest.retain(is_other);
                    oldest.is_empty()
                });
            }
        }
    }

    /// The worker whose connection has lingered longest.
    pub(crate) fn oldest(&self, pool: &PoolKey) -> Option<usize> {
        let oldest = self.oldest.get(pool)?;
        oldest.iter().min_by_key(|(_, place)| *place).map(|(worker, _)| *worker)
    }
}

impl fmt::Debug for Lingering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lingering({} pools)", self.oldest.len())
    }
}
