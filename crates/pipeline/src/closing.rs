//! Connections that are over but linger, oldest first, by the pool that their port came from.
//!
//! A lingering record keeps late packets of its connection away from the next one. It gives its port up when a new flow needs
//! one and no other is free: the one that closed first of all workers.

use crate::Action;
use crate::lingering::Lingering;
use flow::{FlowId, Table};
use nat::PoolKey;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// One worker's lingering connections that hold a translated port.
#[derive(Debug)]
pub(crate) struct Closing {
    pools: HashMap<PoolKey, Queue>,
    /// Where the other workers see the oldest, and as whose; none for a worker that is alone.
    noted: Option<(Arc<Lingering>, usize)>,
}

/// Those of one pool.
#[derive(Debug, Default)]
struct Queue {
    /// With their places in the order of closing, lowest first; some have gone since, but never the first.
    entries: VecDeque<(u64, FlowId)>,
    /// How many of them have gone: half of them at most.
    gone: usize,
}

impl Closing {
    pub(crate) fn new(noted: Option<(Arc<Lingering>, usize)>) -> Self {
        Self { pools: HashMap::new(), noted }
    }

    /// Takes in a connection that has just closed, each once.
    pub(crate) fn push(&mut self, pool: PoolKey, flow: FlowId) {
        let place = self.noted.as_ref().map_or(0, |(all, _)| all.next_place());
        let queue = self.pools.entry(pool).or_default();
        queue.entries.push_back((place, flow));
        if queue.entries.len() == 1 {
            self.note(pool, Some(place));
        }
    }

    /// The oldest lingering connection of a pool, which is the next to give its port up.
    pub(crate) fn oldest(&self, flows: &Table<Action>, pool: &PoolKey) -> Option<FlowId> {
        self.pools.get(pool)?.entries.iter().map(|&(_, id)| id).find(|&id| lingers(flows, id))
    }

    /// Forgets the records of a pool that have gone; to be called whenever some go that were taken in, with their number.
    pub(crate) fn prune(&mut self, flows: &Table<Action>, pool: &PoolKey, gone: usize) {
        let Some(queue) = self.pools.get_mut(pool) else { return };
        let before = queue.oldest();
        queue.prune(flows, gone);
        let oldest = queue.oldest();
        if oldest == before {
            return;
        }
        if oldest.is_none() {
            self.pools.remove(pool);
        }
        self.note(*pool, oldest.map(|(place, _)| place));
    }

    /// How many pools have lingering connections.
    pub(crate) fn len(&self) -> usize {
        self.pools.len()
    }

    /// The places that all queues together keep memory for.
    pub(crate) fn places(&self) -> usize {
        self.pools.values().map(|queue| queue.entries.capacity()).sum()
    }

    fn note(&self, pool: PoolKey, oldest: Option<u64>) {
        if let Some((all, worker)) = &self.noted {
            all.note(pool, *worker, oldest);
        }
    }
}

impl Queue {
    fn oldest(&self) -> Option<(u64, FlowId)> {
        self.entries.front().copied()
    }

    /// Keeps no more than twice the entries that linger, and memory for a few times as many. Each look at all of them is paid
    /// for by as many records that have gone.
    fn prune(&mut self, flows: &Table<Action>, gone: usize) {
        self.gone += gone;
        while self.oldest().is_some_and(|(_, id)| !lingers(flows, id)) {
            self.entries.pop_front();
            self.gone = self.gone.saturating_sub(1);
        }
        if 2 * self.gone > self.entries.len() {
            self.entries.retain(|&(_, id)| lingers(flows, id));
            self.gone = 0;
        }
        if self.entries.capacity() > 4 * (self.entries.len() + 1) {
            self.entries.shrink_to(2 * self.entries.len());
        }
    }
}

fn lingers(flows: &Table<Action>, id: FlowId) -> bool {
    flows.flow(id).is_some_and(|flow| flow.state.is_over())
}
