//! The first packet of a flow, by where it comes from: whose rules decide, and where it goes. And whether there is room for it.

use crate::checks::Datagram;
use crate::judge::{Judgement, inbound, inbound_from_internet, outbound};
use crate::observer::{Event, Observer};
use crate::route::{Route, answers, attachment_of, outward, route, to_vnet};
use crate::step::{Plan, Refusal, Step, World};
use crate::{DropReason, IcmpError};
use packet::parse::Fragment;
use packet::{AttachmentId, FlowKey, Owner, Packet, Transport};
use snapshot::{Link, Prefixes, Public, Reach, Snapshot};

/// Whether such a packet can be the first of a flow.
pub(crate) fn may_begin(packet: &Packet) -> Result<(), DropReason> {
    match packet.transport {
        Transport::Query { reply: true, .. } => return Err(DropReason::ReplyWithoutFlow),
        Transport::OtherIcmp { .. } => return Err(DropReason::UnsupportedIcmp),
        Transport::Udp { .. } if is_dhcp(packet) => return Err(DropReason::Dhcp),
        _ => {}
    }
    match packet.protocol.is_carried(packet.source.is_v4()) {
        true => Ok(()),
        false => Err(DropReason::UnsupportedProtocol),
    }
}

/// Whether a client of DHCP speaks with a server, either way. What relays and servers say to each other is none of it.
///
/// # Source
/// Azure, "Virtual network FAQ": unicast is supported but for DHCP, and nobody has a DHCP server of his own in a virtual network.
/// RFC 2131 and RFC 8415 for the ports.
fn is_dhcp(packet: &Packet) -> bool {
    let [client, server] = if packet.source.is_v4() { [68, 67] } else { [546, 547] };
    let ports = packet.ports();
    ports == (client, server) || ports == (server, client)
}

/// From a NIC: its outbound rules, then the route, then whatever stands before the destination.
pub(crate) fn from_nic<O: Observer>(
    world: &World<'_>,
    link: &Link,
    packet: &Packet,
    key: FlowKey,
    seen: &mut O,
) -> Result<Plan, Refusal> {
    let snapshot = world.snapshot;
    let sender = snapshot.private(link.scope, key.source).ok_or(DropReason::SpoofedSource)?;
    let mut rules = Judgement::default();
    outbound(snapshot, sender, &key, &mut rules, seen)?;
    let (responder, snat, to, routed) =
        match route(snapshot, link.scope, sender.subnet, key.destination, seen)? {
            Route::Vnet(scope, receiver) => {
                inbound(snapshot, &receiver, &key, &mut rules, seen)?;
                answers(snapshot, &receiver, scope, key.source, seen)?;
                let routed = sender.subnet != receiver.subnet;
                (FlowKey { scope, ..key.reversed() }, None, attachment_of(&receiver)?, routed)
            }
            Route::Gateway(to) => {
                let scope = snapshot.link(to).ok_or(DropReason::AttachmentGone)?.scope;
                (FlowKey { scope, ..key.reversed() }, None, to, true)
            }
            Route::Internet(to) => {
                let (outside, snat) = outward(world, sender, packet, key, seen)?;
                let scope = snapshot.link(to).ok_or(DropReason::NoInternet)?.scope;
                (FlowKey { scope, ..outside.reversed() }, snat, to, true)
            }
            Route::Hairpin(scope, private) => {
                let (outside, snat) = outward(world, sender, packet, key, seen)?;
                let arriving = FlowKey { destination: private, scope, ..outside };
                let (to, _) = inward(snapshot, &arriving, &mut rules, seen)?;
                (arriving.reversed(), snat, to, true)
            }
        };
    let owner = snapshot.nic(sender.nic).owner;
    Ok(Plan { initiator: key, responder, owner, snat, egress: [to, link.id], routed, rules, replaces: None })
}

/// From the internet: the public address stands for a private one, whose rules decide.
pub(crate) fn from_internet<O: Observer>(
    world: &World<'_>,
    link: &Link,
    key: FlowKey,
    seen: &mut O,
) -> Result<Plan, Refusal> {
    let snapshot = world.snapshot;
    let (scope, private) = match snapshot.public(key.destination) {
        Some(Public::OneToOne(scope, private)) => (scope, private),
        Some(Public::Shared) => return Err(DropReason::NoMapping.into()),
        None => return Err(DropReason::NotOurs.into()),
    };
    // Whom the receiver reaches by its gateway does not come by the internet (RFC 3704, section 2.2), or could pass for
    // one of VirtualNetwork.
    if snapshot.reach(scope, key.source).is_some() {
        return Err(DropReason::SpoofedSource.into());
    }
    let arriving = FlowKey { destination: private, scope, ..key };
    let mut rules = Judgement::default();
    let (to, owner) = inward(snapshot, &arriving, &mut rules, seen)?;
    Ok(Plan {
        initiator: key,
        responder: arriving.reversed(),
        owner,
        snat: None,
        egress: [to, link.id],
        routed: true,
        rules,
        replaces: None,
    })
}

/// What came by a public address meets the rules before the private one. Returns where that is attached, and whose it is.
fn inward<O: Observer>(
    snapshot: &Snapshot,
    arriving: &FlowKey,
    rules: &mut Judgement,
    seen: &mut O,
) -> Result<(AttachmentId, Owner), Refusal> {
    let private = arriving.destination;
    let receiver = snapshot.private(arriving.scope, private).ok_or(DropReason::UnknownDestination)?;
    seen.see(Event::Inward { private, nic: &snapshot.nic(receiver.nic).name });
    inbound_from_internet(snapshot, receiver, arriving, rules, seen)?;
    answers(snapshot, receiver, arriving.scope, arriving.source, seen)?;
    Ok((attachment_of(receiver)?, snapshot.nic(receiver.nic).owner))
}

/// From on premises: private addresses of the networks that share the gateway, whose rules decide. Nothing passes through.
pub(crate) fn from_on_premises<O: Observer>(
    snapshot: &Snapshot,
    link: &Link,
    sources: &Prefixes<bool>,
    key: FlowKey,
    seen: &mut O,
) -> Result<Plan, Refusal> {
    if sources.find(key.source) != Some(true) {
        return Err(DropReason::SpoofedSource.into());
    }
    let Some(Reach::Vnet(to)) = snapshot.reach(link.scope, key.destination) else {
        return Err(DropReason::NoTransit.into());
    };
    let Route::Vnet(scope, receiver) = to_vnet(snapshot, (to, None), to, key.destination, seen)? else {
        return Err(DropReason::NoTransit.into());
    };
    let mut rules = Judgement::default();
    inbound(snapshot, &receiver, &key, &mut rules, seen)?;
    answers(snapshot, &receiver, scope, key.source, seen)?;
    Ok(Plan {
        initiator: key,
        responder: FlowKey { scope, ..key.reversed() },
        owner: snapshot.nic(receiver.nic).owner,
        snat: None,
        egress: [attachment_of(&receiver)?, link.id],
        routed: true,
        rules,
        replaces: None,
    })
}

/// What was handed over and begins a flow that is at home elsewhere: it came for a port, or for a flow that has just ended.
#[cold]
pub(crate) fn not_here<O: Observer>(
    world: &World<'_>,
    plan: &Plan,
    (home, begins): (usize, Option<Datagram>),
    seen: &mut O,
) -> Step {
    match plan.snat {
        Some(place) if !world.shared.pools.has_free(&place.key()) => {
            Step::GiveUp { pool: place.key(), home, begins }
        }
        _ => {
            seen.see(Event::OfWorker(home));
            Step::HandOver { worker: home, begins }
        }
    }
}

/// The datagram that a first fragment begins.
pub(crate) fn begun(link: &Link, packet: &Packet) -> Option<Datagram> {
    (packet.fragment == Fragment::First).then(|| Datagram::of(link.id, packet))
}

/// A sender inside is told that nothing was left for its flow, so that it does not go on trying; outside nobody is, who
/// could learn from it how full the gateway is.
///
/// # Source
/// RFC 5508, REQ-8: type 3 code 13.
pub(crate) fn tell_of_shortage<O: Observer>(link: &Link, refusal: Refusal, seen: &mut O) -> Refusal {
    if !refusal.denial.reason.is_shortage() || link.outside().is_some() {
        return refusal;
    }
    seen.see(Event::Told(IcmpError::Prohibited));
    Refusal { tell: Some(IcmpError::Prohibited), ..refusal }
}

/// Whether the record of a new flow would be taken: no live flow has its tuples, and the table has a place.
pub(crate) fn room(world: &World<'_>, plan: &Plan) -> Result<(), DropReason> {
    let makes_room = |flow| {
        let gives_its_port_up = || world.closing.oldest(world.flows, &plan.snat?.key());
        Some(flow) == plan.replaces || Some(flow) == gives_its_port_up()
    };
    let taken = world.flows.find(&plan.responder).is_some_and(|(flow, _)| !makes_room(flow));
    // Not asked for a translated port: another worker may have leased it since, and then the leasing says so.
    let claimed = || {
        let is_asked = world.workers > 1 && plan.snat.is_none();
        is_asked && world.shared.directory.find(&plan.responder).is_some_and(|w| w != world.worker)
    };
    if taken || claimed() || plan.initiator == plan.responder {
        return Err(DropReason::TupleInUse);
    }
    Ok(world.flows.room(plan.owner)?)
}
