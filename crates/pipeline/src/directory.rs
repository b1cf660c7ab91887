//! Whose a flow is that is not at its tuple's home: the directory.
//!
//! A flow is made by the home worker of its initiator's tuple. Its responder's tuple has the same home as a rule; where it has
//! another (a translated port that was borrowed), the record claims it here for as long as it lives. So: what a worker's own
//! table does not have belongs to whom the directory names, else to its home.
//!
//! Two flows of two workers cannot have one tuple: every worker claims what is not at home with it, and what is at home with
//! it only it makes. (But for a public address that a reload gives another use while translated flows still live on it.)

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use nat::Secret;
use packet::FlowKey;
use std::fmt;
use std::sync::Arc;

/// Tuples whose flow is not at their home, and the worker that has it.
pub(crate) struct Directory {
    workers: DashMap<FlowKey, u16, Secret>,
}

impl Directory {
    pub(crate) fn new(secret: Secret) -> Self {
        Self { workers: DashMap::with_hasher(secret) }
    }

    /// The worker that has claimed a tuple.
    pub(crate) fn find(&self, key: &FlowKey) -> Option<usize> {
        self.workers.get(key).map(|worker| usize::from(*worker))
    }

    /// Claims for `worker` those of a flow's tuples that are at home elsewhere. Returns `Err` where another flow has one.
    pub(crate) fn claim(
        self: &Arc<Self>,
        keys: [&FlowKey; 2],
        (worker, workers): (usize, usize),
    ) -> Result<Option<Claim>, Taken> {
        let mut claim = None;
        for key in keys.into_iter().filter(|key| key.home(workers) != worker) {
            let Entry::Vacant(place) = self.workers.entry(*key) else { return Err(Taken) };
            place.insert(worker as u16);
            claim.get_or_insert_with(|| Claim::none(self)).0.keys.push(*key);
        }
        Ok(claim)
    }

    /// How many tuples are claimed.
    pub(crate) fn len(&self) -> usize {
        self.workers.len()
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Directory({} tuples)", self.len())
    }
}

/// Another flow has the tuple.
#[derive(Debug)]
pub(crate) struct Taken;

/// The tuples that a flow record has claimed; they are free again when the record goes, however it goes.
#[derive(Debug)]
pub(crate) struct Claim(Box<Claimed>);

#[derive(Debug)]
struct Claimed {
    directory: Arc<Directory>,
    keys: Vec<FlowKey>,
}

impl Claim {
    fn none(directory: &Arc<Directory>) -> Self {
        Self(Box::new(Claimed { directory: Arc::clone(directory), keys: Vec::with_capacity(1) }))
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        for key in &self.keys {
            self.directory.workers.remove(key);
        }
    }
}
