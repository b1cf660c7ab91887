//! Packets that name no flow of their own but belong to one: later fragments and ICMP errors.

use crate::DropReason;
use crate::checks::{self, Datagram};
use crate::departure::depart_with_flow;
use crate::fragments::Lead;
use crate::observer::{Event, Observer};
use crate::step::{Came, Refusal, Step, World};
use flow::{FlowId, Side};
use packet::parse::{Fragment, Quote, parse_quote};
use packet::{FlowKey, Frame, Packet, Scope};
use snapshot::Link;

/// A fragment without a transport header: it goes where its first one went.
pub(crate) fn later_fragment<O: Observer>(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    packet: Packet,
    seen: &mut O,
) -> Result<Step, Refusal> {
    let datagram = Datagram::of(link.id, &packet);
    let lead = world.shared.fragments().lead(&datagram, &checks::covered(&packet))?;
    match lead {
        None if link.is_internet() && world.snapshot.public(packet.destination).is_none() => {
            Err(DropReason::NotOurs.into())
        }
        None if link.is_on_premises() && !world.snapshot.admits(link, packet.destination) => {
            Err(DropReason::NoTransit.into())
        }
        // What has waited waits again where its datagram came to its end meanwhile and another of its name is on its way to
        // another worker: all workers have one table of those that wait, so that one finds it there.
        Some(Lead::Awaited { worker }) if worker != world.worker && world.came != Came::Waited => {
            seen.see(Event::OfWorker(worker));
            Ok(Step::HandOver { worker, begins: None })
        }
        None | Some(Lead::Awaited { .. }) => Ok(Step::Hold(datagram)),
        Some(Lead::Dropped(_)) => Err(DropReason::FragmentOfDropped.into()),
        Some(Lead::Host) => Ok(Step::HostFragment(packet)),
        Some(Lead::Follow { worker, .. }) if worker != world.worker => {
            // It was sent here, or waited, for a datagram that has come to its end meanwhile.
            if world.came != Came::Received {
                return Err(DropReason::FragmentOverlap.into());
            }
            seen.see(Event::OfWorker(worker));
            Ok(Step::HandOver { worker, begins: None })
        }
        Some(Lead::Follow { flow, side, identification, .. }) => {
            let epoch = depart_with_flow(world, frame, &packet, (flow, side), seen)?;
            Ok(Step::Follow { packet, flow, side, epoch, identification })
        }
    }
}

/// An ICMP error belongs to the flow of the packet that it quotes, and goes to whoever sent that one (RFC 5508, section 4).
pub(crate) fn related<O: Observer>(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    packet: Packet,
    seen: &mut O,
) -> Result<Step, Refusal> {
    let quote = parse_quote(frame.bytes, &packet).ok_or(DropReason::ErrorUnreadable)?;
    if packet.fragment != Fragment::Whole || packet.destination != quote.source {
        return Err(DropReason::ErrorWithoutFlow.into());
    }
    let key = answer_to(link.scope, &quote);
    // Only who is where the quoted packet went may speak about it: its neighbours in the network could guess the tuple.
    let went_here = |&(flow, side): &(FlowId, Side)| {
        world.flows.get(flow).is_some_and(|action| action.hops[side.other() as usize].egress == link.id)
    };
    let found = world.flows.find(&key);
    if found.is_none()
        && let Some(worker) = world.elsewhere(&key)
    {
        seen.see(Event::OfWorker(worker));
        return Ok(Step::HandOver { worker, begins: None });
    }
    let Some((flow, side)) = found.filter(went_here) else {
        seen.see(Event::FlowMissing(&key));
        return Err(DropReason::ErrorWithoutFlow.into());
    };
    seen.see(Event::FlowFound(&key, flow));
    checks::believable(world.flows, frame, &packet, &quote, (flow, side.other()))?;
    let epoch = depart_with_flow(world, frame, &packet, (flow, side), seen)?;
    Ok(Step::Related { packet, quote, flow, side, epoch })
}

/// The tuple that whoever answers a quoted packet sends: its own reversed.
pub(crate) fn answer_to(scope: Scope, quote: &Quote) -> FlowKey {
    let Quote { source, destination, protocol, ports: (source_port, destination_port), .. } = *quote;
    FlowKey { source, destination, source_port, destination_port, scope, protocol }.reversed()
}
