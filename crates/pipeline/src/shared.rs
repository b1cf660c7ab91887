//! What all workers share: who has which flow, SNAT ports, fragments, neighbours.
//!
//! A packet of a live flow touches none of it but the neighbours' epochs, which are atomic; everything else is behind locks
//! that first packets, fragments and ARP take, each for a moment, and never two at once.

use crate::allowance::Allowance;
use crate::directory::Directory;
use crate::fragments::Fragments;
use crate::identification::Count;
use crate::lingering::Lingering;
use nat::{Pools, Secret};
use neighbour::Neighbours;
use packet::{AttachmentId, Time};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often neighbours and fragments are looked after.
pub(crate) const ROUND: Duration = Duration::from_millis(200);

/// What the engines of all workers share.
#[derive(Debug)]
pub struct Shared {
    pub(crate) pools: Arc<Pools>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) lingering: Arc<Lingering>,
    pub(crate) neighbours: Neighbours,
    pub(crate) identifications: Count,
    fragments: Mutex<Fragments>,
    /// ICMP errors sent, by attachment, so that who causes many does not silence those of others.
    errors: Mutex<HashMap<AttachmentId, Allowance>>,
    /// When neighbours and fragments are looked after next, in nanoseconds.
    next_round: AtomicU64,
}

impl Shared {
    /// What the workers of one gateway share from its start to its end.
    ///
    /// `seed` is the secret of the hash tables in it, drawn at random outside tests.
    pub fn new(pools: Arc<Pools>, seed: [u64; 2]) -> Arc<Self> {
        let secret = Secret::new(seed);
        Arc::new(Self {
            pools,
            directory: Arc::new(Directory::new(secret.clone())),
            identifications: Count::new(secret.build_hasher().finish() as u16),
            lingering: Arc::new(Lingering::new(secret)),
            neighbours: Neighbours::default(),
            fragments: Mutex::default(),
            errors: Mutex::default(),
            next_round: AtomicU64::new(0),
        })
    }

    /// Whether anything here is left of an attachment: a next hop there, something from there that waits, a fragment.
    pub fn remembers(&self, attachment: AttachmentId) -> bool {
        self.neighbours.remember(attachment) || self.fragments().remember(attachment)
    }

    /// The pools of translated ports.
    pub fn pools(&self) -> &Arc<Pools> {
        &self.pools
    }

    /// Frames that have neither ended nor left: they wait for a neighbour or for their first fragment.
    ///
    /// Those in a queue between two workers wait besides: [`Counters::between`](crate::Counters::between) of all workers' sum.
    pub fn waiting(&self) -> usize {
        self.neighbours.waiting() + self.fragments().waiting()
    }

    /// How many fragmented datagrams are under way. Zero when traffic stops.
    pub fn datagrams(&self) -> usize {
        self.fragments().len()
    }

    /// How many tuples belong to flows that are not at their home worker. Zero when traffic stops.
    pub fn away_from_home(&self) -> usize {
        self.directory.len()
    }

    /// How many next hops are known or asked for. Zero ten minutes after the last packet to one.
    pub fn next_hops(&self) -> usize {
        self.neighbours.next_hops()
    }

    pub(crate) fn fragments(&self) -> MutexGuard<'_, Fragments> {
        // Nothing that holds the lock can panic half-way; if it did, old fragments are the least of it.
        self.fragments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether one more ICMP error may be sent on an attachment in this second.
    pub(crate) fn may_send_error(&self, on: AttachmentId, now: Time) -> bool {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.entry(on).or_default().take(now)
    }

    /// Whether neighbours and fragments are to be looked after now, by whoever asks: no other worker is told so.
    pub(crate) fn round_is_due(&self, now: Time) -> bool {
        let due = self.next_round.load(Ordering::Relaxed);
        let next = (now + ROUND).nanos();
        now.nanos() >= due
            && self.next_round.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}
