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
    /// With their places in the order of closing, lowest first; some have gone since, but never the first.
    pools: HashMap<PoolKey, VecDeque<(u64, FlowId)>>,
    /// Where the other workers see the oldest, and as whose; none for a worker that is alone.
    noted: Option<(Arc<Lingering>, usize)>,
}

impl Closing {
    pub(crate) fn new(noted: Option<(Arc<Lingering>, usize)>) -> Self {
        Self { pools: HashMap::new(), noted }
    }

    /// Takes in a connection that has just closed.
    pub(crate) fn push(&mut self, flows: &Table<Action>, pool: PoolKey, flow: FlowId) {
        let place = self.noted.as_ref().map_or(0, |(all, _)| all.next_place());
        let queue = self.pools.entry(pool).or_default();
        // A connection comes twice at most, when it closes and when it is reset after that, and a pool has no more ports
        // than its capacity: at least half of these have gone since, so the look at all of them is paid for.
        if queue.len() >= 4 * nat::CAPACITY {
            queue.retain(|&(_, id)| lingers(flows, id));
        }
        queue.push_back((place, flow));
        if queue.len() == 1 {
            self.note(pool, Some(place));
        }
    }

    /// The oldest lingering connection of a pool, which is the next to give its port up.
    pub(crate) fn oldest(&self, flows: &Table<Action>, pool: &PoolKey) -> Option<FlowId> {
        self.pools.get(pool)?.iter().map(|&(_, id)| id).find(|&id| lingers(flows, id))
    }

    /// Forgets the records of a pool that have gone; to be called whenever one goes.
    pub(crate) fn prune(&mut self, flows: &Table<Action>, pool: &PoolKey) {
        let Some(queue) = self.pools.get_mut(pool) else { return };
        let before = queue.len();
        while queue.front().is_some_and(|&(_, id)| !lingers(flows, id)) {
            queue.pop_front();
        }
        if queue.len() == before {
            return;
        }
        let oldest = queue.front().map(|&(place, _)| place);
        if oldest.is_none() {
            self.pools.remove(pool);
        }
        self.note(*pool, oldest);
    }

    /// How many pools have lingering connections.
    pub(crate) fn len(&self) -> usize {
        self.pools.len()
    }

    fn note(&self, pool: PoolKey, oldest: Option<u64>) {
        if let Some((all, worker)) = &self.noted {
            all.note(pool, *worker, oldest);
        }
    }
}

fn lingers(flows: &Table<Action>, id: FlowId) -> bool {
    flows.flow(id).is_some_and(|flow| flow.state.is_over())
}
