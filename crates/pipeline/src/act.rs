//! Carrying out what [`walk`] decided: the only place where packets change and leave something behind.

use crate::checks::{self, Datagram};
use crate::engine::Engine;
use crate::fragments::Wait;
use crate::observer::Silent;
use crate::path::walk;
use crate::step::{Came, Plan, Refusal, Step};
use crate::{DropReason, Ending};
use flow::{FlowId, Side};
use nat::PoolKey;
use packet::make::{echo_reply, icmp_error};
use packet::parse::Fragment;
use packet::{Address, AttachmentId, Frame, Packet, Time, Transport};
use std::net::Ipv4Addr;

/// How a received frame's way goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "what leaves is to be sent, and what is another worker's handed over"]
pub enum Way {
    /// It leaves by this attachment, rewritten where it lies.
    Leaves(AttachmentId),
    /// It is this worker's, which takes it over as it lies there, untouched ([`Engine::take_over`]).
    HandOver(usize),
    /// Here it ends, or was kept.
    Ends,
}

impl Way {
    /// The attachment by which it leaves, if it does.
    #[inline]
    pub fn egress(self) -> Option<AttachmentId> {
        match self {
            Self::Leaves(egress) => Some(egress),
            Self::HandOver(_) | Self::Ends => None,
        }
    }
}

/// The most walks of one frame: each after the first because another worker was quicker.
pub(crate) const WALKS: u8 = 8;

/// What became of a frame.
pub(crate) enum Outcome {
    /// It leaves by this attachment, as it lies there now.
    Leaves(AttachmentId),
    /// It is over.
    Ends(Ending),
    /// It was kept; its end is counted later.
    Waits,
    /// It is for another worker.
    HandOver(usize),
    /// What the walk saw another worker has changed since: it is to be walked again.
    Changed,
}

impl Engine {
    /// Takes in one frame that this worker has received on `on`. What the gateway sends besides goes to the
    /// [`Self::outbox`].
    #[inline]
    pub fn receive(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>) -> Way {
        self.counters.receive(frame.bytes.len());
        self.pass(now, on, frame, Came::Received, WALKS)
    }

    /// Takes in one frame that another worker has received on `on` and handed over to this one.
    ///
    /// Its way may be to be handed over once more: where its flow ended meanwhile, or for a port of another worker's.
    pub fn take_over(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>) -> Way {
        self.counters.take_over(frame.bytes.len());
        self.pass(now, on, frame, Came::HandedOver, WALKS)
    }

    #[inline]
    pub(crate) fn pass(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        came: Came,
        walks: u8,
    ) -> Way {
        let length = frame.bytes.len();
        let outcome = match walk(&self.world(came), on, frame, &mut Silent) {
            Ok(Step::Known { packet, flow, side, epoch }) => {
                self.known(now, on, frame, &packet, (flow, side), epoch)
            }
            Ok(step) => self.act(now, on, frame, step),
            Err(refusal) => Err(refusal),
        };
        match outcome {
            Ok(Outcome::Leaves(egress)) => {
                self.counters.end(Ending::Forwarded, length);
                if self.outbox.has_for(egress) {
                    // What lies there was judged before it.
                    self.outbox.push_frame(egress, frame);
                    return Way::Ends;
                }
                return Way::Leaves(egress);
            }
            Ok(Outcome::HandOver(worker)) => {
                self.counters.hand_over(length);
                return Way::HandOver(worker);
            }
            Ok(Outcome::Changed) => return self.again(now, on, frame, came, walks),
            Ok(Outcome::Ends(ending)) => self.counters.end(ending, length),
            Ok(Outcome::Waits) => {}
            Err(refusal) => self.refuse(now, on, frame, refusal),
        }
        Way::Ends
    }

    /// Walks a frame again because another worker was quicker.
    #[cold]
    fn again(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>, came: Came, walks: u8) -> Way {
        if walks > 1 {
            return self.pass(now, on, frame, came, walks - 1);
        }
        self.refuse(now, on, frame, DropReason::TupleInUse.into());
        Way::Ends
    }

    fn act(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        step: Step,
    ) -> Result<Outcome, Refusal> {
        match step {
            Step::Known { packet, flow, side, epoch } => {
                self.known(now, on, frame, &packet, (flow, side), epoch)
            }
            Step::First { packet, plan } => self.first(now, on, frame, &packet, plan),
            Step::HandOver { worker, begins } => Ok(self.hand_over(now, worker, begins)),
            Step::GiveUp { pool, home, begins } => {
                self.give_up(&pool);
                Ok(self.hand_over(now, home, begins))
            }
            Step::Follow { packet, flow, side, epoch, identification } => {
                let datagram = Datagram::of(on, &packet);
                self.shared.fragments().pass(&datagram, checks::covered(&packet), checks::is_last(&packet));
                self.count(now, frame, &packet, (flow, side));
                self.send(now, frame, &packet, (flow, side), epoch, identification)
            }
            Step::Related { packet, quote, flow, side, epoch } => {
                self.related(now, frame, &packet, &quote, (flow, side), epoch)
            }
            Step::Hold(datagram) => {
                match self.shared.fragments().hold(datagram, now, frame.bytes, frame.offload) {
                    Wait::Waits => Ok(Outcome::Waits),
                    Wait::Full if self.snapshot.is_shared_with_host(datagram.destination) => {
                        Ok(Outcome::Ends(Ending::PassedToHost))
                    }
                    Wait::Full => Err(DropReason::FragmentsFull.into()),
                    Wait::NoNeed => Ok(Outcome::Changed),
                }
            }
            Step::WhoHas(said) => self.who_has(now, on, &said),
            Step::Ignore => Ok(Outcome::Ends(Ending::Consumed)),
            Step::Echo(packet) => {
                let request = &*frame.bytes;
                self.originate(on, |out| echo_reply(out, request, &packet));
                Ok(Outcome::Ends(Ending::Answered))
            }
            Step::PassToHost => Ok(Outcome::Ends(Ending::PassedToHost)),
            Step::HostFragment(packet) => {
                self.note_host_fragment(now, on, &packet);
                Ok(Outcome::Ends(Ending::PassedToHost))
            }
        }
    }

    fn hand_over(&self, now: Time, worker: usize, begins: Option<Datagram>) -> Outcome {
        if let Some(datagram) = begins {
            self.shared.fragments().announce(datagram, worker, now);
        }
        Outcome::HandOver(worker)
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
        epoch: u32,
    ) -> Result<Outcome, Refusal> {
        self.count(now, frame, packet, flow);
        if packet.fragment != Fragment::Whole {
            return self.first_fragment(now, on, frame, packet, flow, epoch);
        }
        let identification = self.fresh_identification(frame, packet, flow);
        self.send(now, frame, packet, flow, epoch, identification)
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
        let epoch = self.shared.neighbours.epoch(plan.egress[0]);
        let Some(flow) = self.establish(now, frame, packet, plan)? else { return Ok(Outcome::Changed) };
        if packet.fragment != Fragment::Whole {
            return self.first_fragment(now, on, frame, packet, (flow, Side::Initiator), epoch);
        }
        let identification = self.fresh_identification(frame, packet, (flow, Side::Initiator));
        self.send(now, frame, packet, (flow, Side::Initiator), epoch, identification)
    }

    /// An identification of the gateway's own for packets that leave under a shared address, where those of two NICs
    /// could otherwise mix in reassembly (RFC 6864, section 5.3.1).
    #[inline]
    pub(crate) fn fresh_identification(
        &mut self,
        frame: &Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
    ) -> Option<u16> {
        let action =
            self.flows.get(flow).filter(|action| side == Side::Initiator && action.lease.is_some())?;
        if packet.dont_fragment && packet.fragment == Fragment::Whole {
            return None;
        }
        // The device counts on from it with every packet of a super-frame.
        let mtu = self.snapshot.link(action.hops[side as usize].egress).map_or(u32::MAX, |link| link.mtu);
        let packets = checks::device_packets(frame, packet, mtu);
        Some(self.identification.take(&self.shared.identifications, packets))
    }

    /// The shared public address of whoever sends from an address.
    fn shared_public(&self, on: AttachmentId, source: Address) -> Option<Ipv4Addr> {
        let scope = self.snapshot.link(on)?.scope;
        let sender = self.snapshot.private(scope, source)?;
        self.snapshot.nic(sender.nic).shared_public?.v4()
    }

    /// Ends a packet's way: counts why, tells the sender where that is due, and remembers it for later fragments.
    #[cold]
    fn refuse(&mut self, now: Time, on: AttachmentId, frame: &Frame<'_>, refusal: Refusal) {
        let Refusal { denial, packet, tell, .. } = refusal;
        self.counters.drop(denial, frame.bytes.len());
        let Some(packet) = packet else { return };
        if denial.reason == DropReason::SnatPortsExhausted
            && let (Some(public), Some(destination)) =
                (self.shared_public(on, packet.source), packet.destination.v4())
        {
            self.note_exhausted(PoolKey { public, protocol: packet.protocol, destination });
        }
        self.remember_dropped(now, on, &packet, denial.reason);
        // Never about an error, nor about a later fragment (RFC 1812, section 4.3.2.7).
        let silent = matches!(packet.transport, Transport::IcmpError { .. })
            || matches!(packet.fragment, Fragment::Later { .. });
        let Some(error) = tell.filter(|_| !silent) else { return };
        let own = self.snapshot.link(on).and_then(|link| self.snapshot.own_address(link, packet.source));
        if let Some(own) = own.filter(|_| self.shared.may_send_error(on, now)) {
            let about = &*frame.bytes;
            self.originate(on, |out| icmp_error(out, error, own, about, &packet));
        }
    }
}
