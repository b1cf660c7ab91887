//! What packets leave behind in the flow table: the record of a new flow with what it takes, and what an ended one gives back.

use crate::DropReason;
use crate::checks;
use crate::clockwork::lingered_in;
use crate::engine::{Action, Engine, Hop};
use crate::path::segment_of;
use crate::step::Plan;
use flow::{Flow, FlowId, NewFlow, Side, State, Touched};
use nat::{Lease, Place, PoolKey};
use packet::{Frame, Owner, Packet, Time};

impl Engine {
    /// Makes the record of a new flow, with its translated port where it needs one; `None` where another worker has taken
    /// the port that the rules have seen.
    pub(crate) fn establish(
        &mut self,
        now: Time,
        frame: &Frame<'_>,
        packet: &Packet,
        plan: Plan,
    ) -> Result<Option<FlowId>, DropReason> {
        // Before the closed record goes, which stays where no other follows.
        let lease = match plan.snat {
            None => None,
            Some(place) => match self.lease(place, plan.owner)? {
                None => return Ok(None),
                lease => lease,
            },
        };
        if let Some(closed) = plan.replaces {
            let closed = self.flows.remove(closed);
            self.forget(closed);
        }
        let keys = [&plan.initiator, &plan.responder];
        let claim = match self.workers {
            1 => None,
            workers => {
                self.shared.directory.claim(keys, (self.worker, workers)).or(Err(DropReason::TupleInUse))?
            }
        };
        let hop = |egress| Hop { egress, mac: [0; 6], epoch: None };
        let idle = if lease.is_some() { self.snapshot.snat_idle } else { self.snapshot.flow_idle };
        let action = Action {
            hops: plan.egress.map(hop),
            translated: plan.responder.source != plan.initiator.destination
                || plan.responder.destination != plan.initiator.source
                || plan.responder.destination_port != plan.initiator.source_port,
            routed: plan.routed,
            rules: plan.rules,
            lease,
            claim,
        };
        let Plan { initiator, responder, owner, .. } = plan;
        let new = NewFlow { initiator, responder, owner, idle, action };
        let packets = checks::wire_packets(frame, packet);
        match self.flows.insert(new, now, segment_of(packet), packets, u64::from(packet.length())) {
            Ok(inserted) => {
                self.forget(inserted.evicted);
                Ok(Some(inserted.id))
            }
            Err(refused) => Err(DropReason::from(refused.why)),
        }
    }

    /// The port that the rules have seen: a free one, or that of the connection that has been closed longest. `None` where
    /// another worker was quicker to take it.
    fn lease(&mut self, place: Place, owner: Owner) -> Result<Option<Lease>, DropReason> {
        let asker = self.snapshot.asker(owner);
        let lease = self.shared.pools.lease_at(place, asker)?;
        if lease.is_none() && self.lingers_longest(place) {
            self.give_up(&place.key());
            return Ok(self.shared.pools.lease_at(place, asker)?);
        }
        Ok(lease)
    }

    /// Whether this is the port of the connection of its pool that has lingered longest here.
    fn lingers_longest(&self, place: Place) -> bool {
        let oldest = self.closing.oldest(&self.flows, &place.key()).and_then(|flow| self.flows.get(flow));
        oldest.and_then(|action| action.lease.as_ref()).is_some_and(|lease| lease.place() == place)
    }

    /// Ends the connection of a pool that has lingered longest here, if there is one: its port is free again.
    pub(crate) fn give_up(&mut self, pool: &PoolKey) {
        let Some(oldest) = self.closing.oldest(&self.flows, pool) else { return };
        let ended = self.flows.remove(oldest);
        self.forget(ended);
    }

    /// Lets a record go that has left the table: its port and its tuples are free again, and nothing lingers for it.
    fn forget(&mut self, ended: Option<Flow<Action>>) {
        if let Some(pool) = ended.and_then(lingered_in) {
            self.closing.prune(&self.flows, &pool, 1);
        }
    }

    /// Counts a packet in its flow's record and moves the state.
    #[inline]
    pub(crate) fn count(
        &mut self,
        now: Time,
        frame: &Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
    ) {
        let packets = checks::wire_packets(frame, packet);
        let touched =
            self.flows.touch(flow, side, now, segment_of(packet), packets, u64::from(packet.length()));
        if let Touched::Became(State::Closing | State::Closed) = touched {
            self.linger(flow);
        }
    }

    /// A flow that is over gives its port up when others need it.
    #[cold]
    fn linger(&mut self, flow: FlowId) {
        let lease = self.flows.get_mut(flow).and_then(|action| action.lease.as_mut());
        // A connection that has closed may be reset besides.
        if let Some(lease) = lease
            && lease.linger()
        {
            let pool = lease.key();
            self.closing.push(pool, flow);
        }
    }
}
