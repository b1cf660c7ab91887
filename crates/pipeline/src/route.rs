//! Where a packet from a NIC goes, and as whom it leaves for the internet.

use crate::DropReason;
use crate::checks;
use crate::observer::{Event, Observer, RouteKind};
use crate::step::{Refusal, World};
use model::SubnetIndex;
use nat::{Lease, Place, PoolKey};
use packet::parse::{ACK, SYN};
use packet::{Address, AttachmentId, FlowKey, Packet, Scope, Transport, home};
use snapshot::{PLATFORM, Private, Public, Reach, Snapshot};

/// Where a packet from a NIC goes.
pub(crate) enum Route {
    /// To a NIC of the same virtual network, or of a peer's.
    Vnet(Scope, Private),
    /// To a site on premises.
    Gateway(AttachmentId),
    /// Out by the internet attachment.
    Internet(AttachmentId),
    /// To the private address behind a public address of ours.
    Hairpin(Scope, Address),
}

/// The system routes of a virtual network (Azure "Virtual network traffic routing"), where no user-defined one of the
/// sender's subnet leads elsewhere, and what never leaves.
pub(crate) fn route<O: Observer>(
    snapshot: &Snapshot,
    scope: Scope,
    subnet: SubnetIndex,
    destination: Address,
    seen: &mut O,
) -> Result<Route, DropReason> {
    let routed = |kind| Event::Routed { from: Some(subnet), to: destination, kind };
    if destination == PLATFORM {
        seen.see(routed(RouteKind::Nowhere));
        return Err(DropReason::PlatformAddress);
    }
    let reach = match snapshot.route(scope, subnet, destination) {
        Ok(reach) => reach,
        Err(diverted) => {
            seen.see(routed(RouteKind::UserDefined));
            return Err(diverted.into());
        }
    };
    match reach {
        Some(Reach::Vnet(to)) => return to_vnet(snapshot, (scope, Some(subnet)), to, destination, seen),
        Some(Reach::Gateway(on)) => {
            seen.see(routed(RouteKind::VirtualNetworkGateway));
            return to_gateway(snapshot, on, destination);
        }
        None => {}
    }
    if let Some(Public::OneToOne(to, private)) = snapshot.public(destination) {
        let nic = snapshot.private(to, private).map_or("", |receiver| &snapshot.nic(receiver.nic).name);
        seen.see(routed(RouteKind::Hairpin(nic)));
        return Ok(Route::Hairpin(to, private));
    }
    let internet = snapshot.internet.and_then(|id| snapshot.link(id));
    let (kind, reason) = if destination.is_link_local() {
        (RouteKind::Nowhere, DropReason::LinkLocal)
    } else if checks::is_private_or_reserved(destination) {
        (RouteKind::None, DropReason::RouteNone)
    } else if snapshot.public(destination).is_some() {
        (RouteKind::Internet, DropReason::NoMapping)
    } else if internet.is_some_and(|link| link.is_gateway(destination)) {
        (RouteKind::Internet, DropReason::GatewayAddress)
    } else if let Some(link) = internet.filter(|link| link.next_hop(destination).is_some()) {
        seen.see(routed(RouteKind::Internet));
        return Ok(Route::Internet(link.id));
    } else {
        (RouteKind::Internet, DropReason::NoInternet)
    };
    seen.see(routed(kind));
    Err(reason)
}

/// Whether what a receiver answers goes back by the system's own route. In Azure a connection whose answers go elsewhere comes to
/// nothing unless somebody there brings them back.
pub(crate) fn answers<O: Observer>(
    snapshot: &Snapshot,
    receiver: &Private,
    scope: Scope,
    to: Address,
    seen: &mut O,
) -> Result<(), DropReason> {
    let routed = snapshot.route(scope, receiver.subnet, to);
    routed.inspect_err(|_| seen.see(Event::AnswersElsewhere { from: receiver.subnet, to }))?;
    Ok(())
}

/// To an address of the virtual network `to`, which is the sender's own or a peer of it. Beside the sender's stands its
/// subnet, if it has one.
pub(crate) fn to_vnet<O: Observer>(
    snapshot: &Snapshot,
    (scope, from): (Scope, Option<SubnetIndex>),
    to: Scope,
    destination: Address,
    seen: &mut O,
) -> Result<Route, DropReason> {
    let receiver = snapshot.private(to, destination);
    let nic = receiver.map(|receiver| &*snapshot.nic(receiver.nic).name);
    let kind = if scope == to { RouteKind::VnetLocal(nic) } else { RouteKind::VNetPeering(nic) };
    seen.see(Event::Routed { from, to: destination, kind });
    receiver.map(|receiver| Route::Vnet(to, *receiver)).ok_or(DropReason::UnknownDestination)
}

fn to_gateway(snapshot: &Snapshot, on: AttachmentId, destination: Address) -> Result<Route, DropReason> {
    match snapshot.link(on) {
        Some(link) if link.is_gateway(destination) => Err(DropReason::GatewayAddress),
        _ => Ok(Route::Gateway(on)),
    }
}

/// The tuple with which a packet leaves for the internet, and which port of which pool it then has.
pub(crate) fn outward<O: Observer>(
    world: &World<'_>,
    sender: &Private,
    packet: &Packet,
    key: FlowKey,
    seen: &mut O,
) -> Result<(FlowKey, Option<Place>), Refusal> {
    if let Some(public) = sender.public.filter(|public| public.is_v4() == key.source.is_v4()) {
        seen.see(Event::OneToOne(public));
        return Ok((FlowKey { source: public, ..key }, None));
    }
    if !key.source.is_v4() {
        return Err(DropReason::NoIpv6Snat.into());
    }
    let nic = world.snapshot.nic(sender.nic);
    let public = nic.shared_public.ok_or(DropReason::NoPublicAddress)?;
    match packet.transport {
        Transport::Udp { .. } | Transport::Query { .. } => {}
        // Without its SYN nobody knows which port the far side knows it by.
        Transport::Tcp(tcp) if tcp.flags & (SYN | ACK) != SYN => return Err(DropReason::SnatMidstream.into()),
        Transport::Tcp(_) => {}
        _ => return Err(DropReason::SnatProtocol.into()),
    }
    let (Some(from), Some(to)) = (public.v4(), key.destination.v4()) else {
        return Err(DropReason::NoPublicAddress.into());
    };
    let pool = PoolKey { public: from, protocol: key.protocol, destination: to };
    let likes = |port| likes(port, key.destination_port, (world.worker, world.workers));
    let asker = world.snapshot.asker(nic.owner);
    let place = match world.shared.pools.peek_for(pool, asker, likes) {
        Ok(free) => free,
        Err(nat::Refused::Share(_)) => return Err(DropReason::SnatShareFull.into()),
        Err(nat::Refused::Exhausted(_)) => given_up(world, &pool)?,
    };
    let port = place.port();
    seen.see(Event::Snat { public, port, stand_in: nic.stand_in });
    Ok((FlowKey { source: public, source_port: port, ..key }, Some(place)))
}

/// Whether a worker would have a translated port rather than another: the answers to it then have their home with it.
#[inline]
pub(crate) fn likes(port: u16, destination_port: u16, (worker, workers): (usize, usize)) -> bool {
    workers == 1 || home(port, destination_port, workers) == worker
}

/// The port of the connection of a pool that closed first; where that is another worker's, who it is.
fn given_up(world: &World<'_>, pool: &PoolKey) -> Result<Place, Refusal> {
    let exhausted = Refusal::from(DropReason::SnatPortsExhausted);
    if world.workers > 1
        && let Some(worker) = world.shared.lingering.oldest(pool)
        && worker != world.worker
    {
        return Err(Refusal { makes_room: Some(worker), ..exhausted });
    }
    let oldest = world.closing.oldest(world.flows, pool).and_then(|flow| world.flows.get(flow));
    oldest.and_then(|action| action.lease.as_ref().map(Lease::place)).ok_or(exhausted)
}

pub(crate) fn attachment_of(receiver: &Private) -> Result<AttachmentId, DropReason> {
    receiver.attachment.ok_or(DropReason::DetachedDestination)
}
