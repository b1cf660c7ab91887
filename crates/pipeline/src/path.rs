//! THE PATH: what happens to a packet, in order.
//!
//! [`walk`] reads and decides but changes nothing, so `explain` runs it as it is, with an observer that listens. What it goes by
//! and what it comes to is in `step.rs`: a [`Step`], which `act.rs` carries out.
//!
//! ```text
//! walk            parse ─► for the gateway itself? ─► checks ─► later fragment? ─► ICMP error? ─► flow lookup
//!                          (own.rs)                             (member.rs)        (member.rs)    hit │   │ miss
//!                                                                                                     ▼   │
//!                                                                          Step::Known ◄─ departure ──┘   ▼
//! elsewhere                                                     Step::HandOver ◄─ yes ─── another worker's?
//!                                                                                                         │ no
//!                                                                                                         ▼
//! begin                                             Step::First ◄─ room? ◄─ departure ◄─ first_packet ────┘
//!
//! first_packet (first.rs)
//! from_nic        outbound NSGs: NIC, subnet ─► route ─► to a NIC, here or in a peer: inbound NSGs there: subnet, NIC
//!                                                    ├─► to a site on premises
//!                                                    ├─► to the internet: one to one, or a port of the default address
//!                                                    └─► to a public address of ours: both, and back in
//! from_internet   public → private ─► inbound NSGs: subnet, NIC
//! from_on_premises                    inbound NSGs: subnet, NIC
//!
//! departure       TTL and size against the link that it leaves by
//! ```
//!
//! A frame goes from worker to worker at most twice: to whom the directory (`directory.rs`) names, and where that one has lost the
//! flow meanwhile, to the home of its tuple, which judges it whatever the directory says by then. Only where no SNAT port is
//! free does the home hand it on once more, to the worker whose connection has lingered longest; that ends that connection
//! and hands it back (`Step::GiveUp`). Where another flow was quicker, that goes on with the connection that has lingered longest
//! now, so each such round costs a lingering record, and ends where there is none. What a neighbour says goes round besides, to
//! each worker whose packets have waited for it (`who_has.rs`).

use crate::departure::{depart_with_flow, departure, without_next_hop};
use crate::first::{
    begun, from_internet, from_nic, from_on_premises, may_begin, not_here, room, tell_of_shortage,
};
use crate::member::{later_fragment, related};
use crate::observer::{Event, Observer};
use crate::own::for_the_gateway;
use crate::step::{Came, Plan, Refusal, Step, World};
use crate::who_has::heard;
use crate::{DropReason, checks};
use flow::{FlowId, Segment};
use packet::parse::Fragment;
use packet::{AttachmentId, FlowKey, Frame, Packet, Parsed, Scope, Transport, parse};
use snapshot::{Behind, Link};

/// Decides what becomes of a frame.
///
/// # Cost
/// For a packet of a live flow: a parse, a few comparisons, one probe of the flow table. Nothing is allocated or locked.
#[inline]
pub(crate) fn walk<O: Observer>(
    world: &World<'_>,
    on: AttachmentId,
    frame: &Frame<'_>,
    seen: &mut O,
) -> Result<Step, Refusal> {
    let link = world.snapshot.link(on).ok_or(DropReason::AttachmentGone)?;
    let packet = match parse(frame.bytes).map_err(DropReason::from)? {
        Parsed::Ip(packet) => packet,
        Parsed::Neighbour(said) => return Ok(heard(world.snapshot, link, frame, said)?),
        Parsed::Vlan => return Err(DropReason::Vlan.into()),
        Parsed::Other(_) => return Err(DropReason::UnknownEtherType.into()),
    };
    seen.see(Event::Read(&packet));
    walk_packet(world, link, frame, packet, seen)
        .map_err(|refusal| Refusal { packet: Some(packet), ..refusal })
}

#[inline]
fn walk_packet<O: Observer>(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    packet: Packet,
    seen: &mut O,
) -> Result<Step, Refusal> {
    if checks::is_housekeeping(link, &packet)? {
        return Ok(Step::Ignore);
    }
    checks::hardware(link, frame.bytes, packet.destination)?;
    if let Some(step) = for_the_gateway(world, link, frame, &packet)? {
        return Ok(step);
    }
    checks::offload(frame, &packet)?;
    checks::source(link, frame.bytes, &packet)?;
    checks::checksums(frame, &packet)?;
    seen.see(Event::SourceBelongs);
    match packet.fragment {
        Fragment::Whole => {}
        Fragment::First => checks::first_fragment(world.shared, link.id, &packet)?,
        Fragment::Later { .. } => return later_fragment(world, link, frame, packet, seen),
    }
    if let Transport::IcmpError { .. } = packet.transport {
        return related(world, link, frame, packet, seen);
    }
    let key = key_of(link.scope, &packet);
    match world.flows.find(&key) {
        Some((flow, side)) if !world.flows.would_reopen(flow, segment_of(&packet)) => {
            seen.see(Event::FlowFound(&key, flow));
            checks::question_or_answer(&packet, side)?;
            let epoch = depart_with_flow(world, frame, &packet, (flow, side), seen)?;
            Ok(Step::Known { packet, flow, side, epoch })
        }
        None if world.came == Came::Received
            && let Some(worker) = world.elsewhere(&key) =>
        {
            seen.see(Event::OfWorker(worker));
            Ok(Step::HandOver { worker, begins: begun(link, &packet) })
        }
        closed => {
            seen.see(Event::FlowMissing(&key));
            let replaces = closed.map(|(flow, _)| flow);
            let step = begin(world, link, frame, (packet, key), replaces, seen);
            step.map_err(|refusal| tell_of_shortage(link, refusal, seen))
        }
    }
}

/// Whether a flow may begin, and the record that it gets.
fn begin<O: Observer>(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    (packet, key): (Packet, FlowKey),
    replaces: Option<FlowId>,
    seen: &mut O,
) -> Result<Step, Refusal> {
    // Of what was received that has been asked, and what replaces a record stays with it.
    let may_be_elsewhere = world.came == Came::HandedOver && replaces.is_none();
    let elsewhere = if may_be_elsewhere { world.elsewhere(&key) } else { None };
    let plan = match first_packet(world, link, &packet, key, seen) {
        Err(Refusal { makes_room: Some(worker), .. }) => {
            seen.see(Event::OfWorker(worker));
            return Ok(Step::HandOver { worker, begins: begun(link, &packet) });
        }
        plan => plan?,
    };
    let out = world.snapshot.link(plan.egress[0]).ok_or(DropReason::AttachmentGone)?;
    out.next_hop(plan.responder.source).ok_or(without_next_hop(out))?;
    departure(out, frame, &packet, plan.routed, seen)?;
    if let Some(home) = elsewhere {
        return Ok(not_here(world, &plan, (home, begun(link, &packet)), seen));
    }
    let plan = Plan { replaces, ..plan };
    room(world, &plan)?;
    Ok(Step::First { packet, plan })
}

/// Decides on the first packet of a flow.
fn first_packet<O: Observer>(
    world: &World<'_>,
    link: &Link,
    packet: &Packet,
    key: FlowKey,
    seen: &mut O,
) -> Result<Plan, Refusal> {
    checks::not_ours(world.snapshot, link, packet.source)?;
    may_begin(packet)?;
    match &link.behind {
        Behind::Nics { .. } => from_nic(world, link, packet, key, seen),
        Behind::Internet(_) => from_internet(world, link, key, seen),
        Behind::OnPremises { sources, .. } => from_on_premises(world.snapshot, link, sources, key, seen),
    }
}

/// The tuple of a packet as it was received.
#[inline]
pub(crate) fn key_of(scope: Scope, packet: &Packet) -> FlowKey {
    let (source_port, destination_port) = packet.ports();
    let Packet { source, destination, protocol, .. } = *packet;
    FlowKey { source, destination, source_port, destination_port, scope, protocol }
}

/// What a packet means for the state of its flow.
#[inline]
pub(crate) fn segment_of(packet: &Packet) -> Segment {
    match packet.transport {
        Transport::Tcp(tcp) => Segment::Tcp {
            flags: tcp.flags,
            seq: tcp.sequence,
            ack: tcp.acknowledgement,
            payload_len: tcp.payload,
        },
        _ => Segment::Other,
    }
}
