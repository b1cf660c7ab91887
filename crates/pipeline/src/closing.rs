//! Connections that are over but linger, oldest first, by the pool that their port came from.
//!
//! A lingering record keeps late packets of its connection away from the next one. It gives its port up when a new flow needs
//! one and no other is free.

use crate::Action;
use flow::{FlowId, Table};
use nat::PoolKey;
use std::collections::{HashMap, VecDeque};

/// The lingering connections that hold a translated port.
#[derive(Debug, Default)]
pub(crate) struct Closing {
    pools: HashMap<PoolKey, VecDeque<FlowId>>,
}

impl Closing {
    /// Takes in a connection that has just closed.
    pub(crate) fn push(&mut self, flows: &Table<Action>, pool: PoolKey, flow: FlowId) {
        let queue = self.pools.entry(pool).or_default();
        // A connection comes twice at most, when it closes and when it is reset after that, and a pool has no more ports
        // than its capacity: at least half of these have gone since, so the look at all of them is paid for.
        if queue.len() >= 4 * nat::CAPACITY {
            queue.retain(|&id| lingers(flows, id));
        }
        queue.push_back(flow);
    }

    /// The oldest lingering connection of a pool, which is the next to give its port up.
    pub(crate) fn oldest(&self, flows: &Table<Action>, pool: &PoolKey) -> Option<FlowId> {
        self.pools.get(pool)?.iter().copied().find(|&id| lingers(flows, id))
    }

    /// Takes out the oldest lingering connection of a pool.
    pub(crate) fn pop(&mut self, flows: &Table<Action>, pool: &PoolKey) -> Option<FlowId> {
        let queue = self.pools.get_mut(pool)?;
        while let Some(id) = queue.pop_front() {
            if lingers(flows, id) {
                return Some(id);
            }
        }
        self.pools.remove(pool);
        None
    }

    /// Forgets the records of a pool that have gone.
    pub(crate) fn prune(&mut self, flows: &Table<Action>, pool: &PoolKey) {
        let Some(queue) = self.pools.get_mut(pool) else { return };
        while queue.front().is_some_and(|&id| !lingers(flows, id)) {
            queue.pop_front();
        }
        if queue.is_empty() {
            self.pools.remove(pool);
        }
    }

    /// How many pools have lingering connections.
    pub(crate) fn len(&self) -> usize {
        self.pools.len()
    }
}

fn lingers(flows: &Table<Action>, id: FlowId) -> bool {
    flows.flow(id).is_some_and(|flow| flow.state.is_over())
}
