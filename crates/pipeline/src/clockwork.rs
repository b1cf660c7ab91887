//! What time clears away: silent flows, neighbours and fragments that nobody answers for, and after a reload what is no longer
//! attached.

use crate::engine::{Action, Engine};
use crate::shared::ROUND;
use crate::{DropReason, Ending};
use nat::{Lease, PoolKey};
use packet::{AttachmentId, FlowKey, Time};
use snapshot::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// The most flow records that one tick ends.
const EXPIRED_EACH: usize = 1024;
/// The most flow records that one tick looks at after a reload.
const SWEPT_EACH: usize = 4096;

impl Engine {
    /// Does what is due: ends silent flows, asks for neighbours, gives up what waited too long. Bounded; call it often.
    pub fn tick(&mut self, now: Time) {
        self.expire(now);
        self.sweep();
        self.look_after_waiting(now);
        if self.shared.round_is_due(now) {
            self.go_round(now);
        }
        if self.is_asking {
            let questions = self.shared.neighbours.questions(now);
            self.is_asking = !questions.is_empty();
            questions.into_iter().for_each(|it| self.ask(it.on, it.target, it.known));
        }
    }

    /// Looks after neighbours and fragments, for all workers.
    fn go_round(&mut self, now: Time) {
        let late = self.shared.fragments().tick(now);
        for held in late {
            // The host has it too, and may have all of it.
            let ending = match self.snapshot.is_shared_with_host(held.datagram.destination) {
                true => Ending::PassedToHost,
                false => Ending::Dropped(DropReason::FragmentOrphan),
            };
            self.counters.end(ending, held.bytes.len());
        }
        for waiting in self.shared.neighbours.tick(now) {
            self.counters.end(Ending::Dropped(DropReason::NoNeighbour), waiting.bytes.len());
        }
        self.is_asking = true;
    }

    /// How long [`Self::tick`] can wait when no frames come.
    pub fn idle_for(&self) -> Duration {
        if self.behind || self.is_asking || self.sweep.is_some() { Duration::ZERO } else { ROUND }
    }

    /// Lets packets go whose next hop is known and whose worker, this one, was not told so.
    fn look_after_waiting(&mut self, now: Time) {
        if self.look_after_at.is_none_or(|at| now < at) {
            return;
        }
        let left_behind = self.shared.neighbours.left_behind(self.worker);
        self.look_after_at = left_behind.is_some().then(|| now + ROUND);
        for left in left_behind.into_iter().flatten() {
            self.release(left.on, left.mac, left.waited);
        }
    }

    fn expire(&mut self, now: Time) {
        let mut pools = Vec::new();
        let done = self.flows.expire(now, EXPIRED_EACH, |ended| pools.extend(lingered_in(ended)));
        self.behind = !done;
        self.prune(pools);
    }

    /// Forgets what lingered in these pools, each named once for every record that has gone.
    fn prune(&mut self, mut pools: Vec<PoolKey>) {
        pools.sort_unstable();
        for same in pools.chunk_by(PoolKey::eq) {
            if let [pool, ..] = same {
                self.closing.prune(&self.flows, pool, same.len());
            }
        }
    }

    /// Ends the flows of NICs that a reload took away.
    fn sweep(&mut self) {
        let Some(start) = self.sweep else { return };
        let snapshot = Arc::clone(&self.snapshot);
        let is_gone = |flow: flow::Flow<&Action>| {
            let [to_responder, to_initiator] = flow.action.hops;
            !still_attached(&snapshot, &flow.keys.initiator, to_initiator.egress)
                || !still_attached(&snapshot, &flow.keys.responder, to_responder.egress)
        };
        let mut pools = Vec::new();
        self.sweep =
            self.flows.remove_where(start, SWEPT_EACH, is_gone, |ended| pools.extend(lingered_in(ended)));
        self.prune(pools);
    }
}

/// The pool that an ended flow's port goes back to, where the flow lingered for it.
pub(crate) fn lingered_in(ended: flow::Flow<Action>) -> Option<PoolKey> {
    ended.action.lease.filter(Lease::lingers).map(|lease| lease.key())
}

/// Whether the end that a key was received from is still behind the attachment that answers go to.
fn still_attached(snapshot: &Snapshot, key: &FlowKey, on: AttachmentId) -> bool {
    snapshot.link(on).is_some_and(|link| {
        link.scope == key.scope && (link.is_internet() || link.next_hop(key.source).is_some())
    })
}
