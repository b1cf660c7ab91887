//! Carrying out what [`walk`] decided: the only place where packets change and leave something behind.

use crate::checks::{self, Datagram};
use crate::engine::{Action, Engine, Hop, pool_of};
use crate::fragments::Lead;
use crate::observer::Silent;
use crate::path::{Plan, Refusal, Step, segment_of, walk};
use crate::{Denial, DropReason, Ending};
use flow::{Flow, FlowId, NewFlow, Side, State, Touched};
use nat::{Lease, PoolKey};
use packet::make::{echo_reply, icmp_error};
use packet::parse::Fragment;
use packet::{AttachmentId, Frame, Packet, Time, Transport};

/// How a frame's way goes on.
pub(crate) enum Outcome {
    /// It leaves by this attachment, as it lies there now.
    Leaves(AttachmentId),
    /// It is over.
    Ends(Ending),
    /// It was kept; its end is counted later.
    Waits,
}

impl Engine {
    /// Takes in one received frame. Returns the attachment by which it leaves, rewritten where it lies, or `None` where its
    /// way ends here. What the gateway sends besides goes to the [`Self::outbox`].
    #[inline]
    pub fn receive(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>) -> Option<AttachmentId> {
        self.counters.receive(frame.bytes.len());
        self.pass(now, on, frame)
    }

    #[inline]
    pub(crate) fn pass(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
    ) -> Option<AttachmentId> {
        let length = frame.bytes.len();
        let outcome = match walk(&self.world(), on, frame, &mut Silent) {
            Ok(Step::Known { packet, flow, side }) => self.known(now, on, frame, &packet, (flow, side)),
            Ok(step) => self.act(now, on, frame, step),
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(Outcome::Leaves(egress)) => {
                self.counters.end(Ending::Forwarded, length);
                return Some(egress);
            }
            Ok(Outcome::Ends(ending)) => self.counters.end(ending, length),
            Ok(Outcome::Waits) => {}
            Err(refusal) => self.refuse(now, on, frame, refusal),
        }
        None
    }

    /// Takes in a frame again that had waited.
    pub(crate) fn resume(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>) {
        if let Some(egress) = self.pass(now, on, frame) {
            let (bytes, offload) = (&*frame.bytes, frame.offload);
            self.outbox.push(egress, offload, |out| out.extend_from_slice(bytes));
        }
    }

    fn act(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        step: Step,
    ) -> Result<Outcome, Refusal> {
        match step {
            Step::Known { packet, flow, side } => self.known(now, on, frame, &packet, (flow, side)),
            Step::First { packet, plan } => self.first(now, on, frame, &packet, plan),
            Step::Follow { packet, flow, side, identification } => {
                let datagram = Datagram::of(on, &packet);
                self.fragments.pass(&datagram, checks::covered(&packet), checks::is_last(&packet));
                self.count(now, frame, &packet, (flow, side));
                self.send(now, frame, &packet, (flow, side), identification)
            }
            Step::Related { packet, quote, flow, side } => {
                self.related(now, frame, &packet, &quote, (flow, side))
            }
            Step::Hold(datagram) => {
                let held = self.fragments.hold(datagram, now, frame.bytes, frame.offload);
                if held { Ok(Outcome::Waits) } else { Err(DropReason::FragmentsFull.into()) }
            }
            Step::Arp(arp) => Ok(Outcome::Ends(self.arp(now, on, &arp))),
            Step::Echo(packet) => {
                let request = &*frame.bytes;
                self.originate(on, |out| echo_reply(out, request, &packet));
                Ok(Outcome::Ends(Ending::Answered))
            }
            Step::PassToHost => Ok(Outcome::Ends(Ending::PassedToHost)),
        }
    }

    /// A packet of a live flow: count it, rewrite it, send it on.
    #[inline]
    fn known(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        packet: &Packet,
        flow: (FlowId, Side),
    ) -> Result<Outcome, Refusal> {
        self.count(now, frame, packet, flow);
        if packet.fragment != Fragment::Whole {
            return self.first_fragment(now, on, frame, packet, flow);
        }
        let identification = self.fresh_identification(frame, packet, flow);
        self.send(now, frame, packet, flow, identification)
    }

    /// The first packet of an allowed flow: make its record, then as for any other.
    fn first(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        packet: &Packet,
        plan: Plan,
    ) -> Result<Outcome, Refusal> {
        let flow = self.establish(now, frame, packet, plan)?;
        if packet.fragment != Fragment::Whole {
            return self.first_fragment(now, on, frame, packet, (flow, Side::Initiator));
        }
        let identification = self.fresh_identification(frame, packet, (flow, Side::Initiator));
        self.send(now, frame, packet, (flow, Side::Initiator), identification)
    }

    /// Makes the record of a new flow, with its translated port where it needs one.
    fn establish(
        &mut self,
        now: Time,
        frame: &Frame<'_>,
        packet: &Packet,
        plan: Plan,
    ) -> Result<FlowId, Denial> {
        // Before the closed record goes: giving its port back could change which one comes next.
        let lease = plan.snat.map(|pool| self.lease(pool)).transpose()?;
        if let Some(closed) = plan.replaces {
            let closed = self.flows.remove(closed);
            self.forget(closed);
        }
        // The rules have seen the port that was free when they were asked; another worker may have taken it since.
        if lease.as_ref().is_some_and(|lease| lease.port() != plan.responder.destination_port) {
            return Err(DropReason::TupleInUse.into());
        }
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
        };
        let Plan { initiator, responder, owner, .. } = plan;
        let new = NewFlow { initiator, responder, owner, idle: Some(idle), action };
        let packets = checks::wire_packets(frame, packet);
        match self.flows.insert(new, now, segment_of(packet), packets, u64::from(packet.length())) {
            Ok(inserted) => {
                self.forget(inserted.evicted);
                Ok(inserted.id)
            }
            Err(refused) => Err(DropReason::from(refused.why).into()),
        }
    }

    /// A port of the pool: a free one, or that of the connection that has been closed longest.
    fn lease(&mut self, pool: PoolKey) -> Result<Lease, DropReason> {
        if let Ok(lease) = self.pools.lease(pool) {
            return Ok(lease);
        }
        if let Some(oldest) = self.closing.pop(&self.flows, &pool) {
            self.flows.remove(oldest);
        }
        self.pools.lease(pool).map_err(|_| DropReason::SnatPortsExhausted)
    }

    /// Lets a record go that has left the table: its port is free again, and nothing lingers for it.
    pub(crate) fn forget(&mut self, ended: Option<Flow<Action>>) {
        if let Some(pool) = ended.and_then(pool_of) {
            self.closing.prune(&self.flows, &pool);
        }
    }

    /// Counts a packet in its flow's record and moves the state.
    #[inline]
    fn count(&mut self, now: Time, frame: &Frame<'_>, packet: &Packet, (flow, side): (FlowId, Side)) {
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
        let pool = self.flows.get(flow).and_then(|action| action.lease.as_ref()).map(Lease::key);
        if let Some(pool) = pool {
            self.closing.push(&self.flows, pool, flow);
        }
    }

    /// A first fragment leaves a record for the later ones, and lets those go that came before it.
    fn first_fragment(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
    ) -> Result<Outcome, Refusal> {
        let datagram = Datagram::of(on, packet);
        let identification = self.fresh_identification(frame, packet, (flow, side));
        let mut outcome = self.send(now, frame, packet, (flow, side), identification)?;
        self.fragments.begin(datagram, Lead::Follow { flow, side, identification }, now);
        self.fragments.pass(&datagram, checks::covered(packet), false);
        if !self.fragments.is_awaited(&datagram) {
            return Ok(outcome);
        }
        // Through the outbox, so that those that waited do not overtake it.
        if let Outcome::Leaves(egress) = outcome {
            let (bytes, offload) = (&*frame.bytes, frame.offload);
            self.outbox.push(egress, offload, |out| out.extend_from_slice(bytes));
            outcome = Outcome::Ends(Ending::Forwarded);
        }
        self.release_fragments(now, &datagram);
        Ok(outcome)
    }

    fn release_fragments(&mut self, now: Time, datagram: &Datagram) {
        for mut held in self.fragments.release(datagram) {
            self.resume(now, datagram.on, &mut Frame { bytes: &mut held.bytes, offload: held.offload });
        }
    }

    /// An identification of the gateway's own for packets that leave under a shared address, where those of two NICs
    /// could otherwise mix in reassembly (RFC 6864, section 5.3.1).
    #[inline]
    fn fresh_identification(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
    ) -> Option<u16> {
        let shared = side == Side::Initiator && self.flows.get(flow)?.lease.is_some();
        if !shared || packet.dont_fragment && packet.fragment == Fragment::Whole {
            return None;
        }
        let first = self.identification.wrapping_add(1);
        // The device counts on from it with every packet of a super-frame.
        self.identification = self.identification.wrapping_add(checks::wire_packets(frame, packet) as u16);
        Some(first)
    }

    /// A dropped first fragment takes the later ones with it.
    fn remember_dropped(&mut self, now: Time, on: AttachmentId, packet: &Packet, reason: DropReason) {
        let datagram = Datagram::of(on, packet);
        if packet.fragment == Fragment::First && !self.fragments.is_under_way(&datagram) {
            self.fragments.begin(datagram, Lead::Dropped(reason), now);
            self.fragments.pass(&datagram, checks::covered(packet), false);
            self.release_fragments(now, &datagram);
        } else if reason == DropReason::FragmentOfDropped {
            self.fragments.pass(&datagram, checks::covered(packet), checks::is_last(packet));
        }
    }

    /// Ends a packet's way: counts why, tells the sender where that is due, and remembers it for later fragments.
    #[cold]
    fn refuse(&mut self, now: Time, on: AttachmentId, frame: &Frame<'_>, refusal: Refusal) {
        let Refusal { denial, packet, tell } = refusal;
        self.counters.drop(denial, frame.bytes.len());
        let Some(packet) = packet else { return };
        if denial.reason == DropReason::SnatPortsExhausted
            && let (Some(public), Some(destination)) =
                (self.snapshot.default_public.and_then(|public| public.v4()), packet.destination.v4())
        {
            self.note_exhausted(PoolKey { public, protocol: packet.protocol, destination });
        }
        self.remember_dropped(now, on, &packet, denial.reason);
        // Never about an error, nor about a later fragment (RFC 1812, section 4.3.2.7).
        let silent = matches!(packet.transport, Transport::IcmpError { .. })
            || matches!(packet.fragment, Fragment::Later { .. });
        let Some(error) = tell.filter(|_| !silent) else { return };
        let own = self.snapshot.link(on).and_then(|link| self.snapshot.own_address(link, packet.source));
        if let Some(own) = own.filter(|_| self.errors.entry(on).or_default().take(now)) {
            let about = &*frame.bytes;
            self.originate(on, |out| icmp_error(out, error, own, about, &packet));
        }
    }
}
