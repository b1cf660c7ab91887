//! THE PATH: what happens to a packet, in order.
//!
//! [`walk`] reads and decides but changes nothing, so `explain` runs it as it is, with an observer that listens. What it
//! decides is a [`Step`]; `act.rs` carries steps out.
//!
//! ```text
//! walk          parse ─► for the gateway itself? ─► checks ─► later fragment? ─► ICMP error? ─► flow lookup
//!                                                                                  hit │          │ miss
//!                                                                                      ▼          ▼
//! elsewhere                                                             Step::Known      another worker's? ─► Step::HandOver
//!                                                                                                 │ mine
//!                                                                                                 ▼
//! first_packet                                                                                from_nic, …
//! from_nic        outbound NSGs: NIC, subnet ─► route ─► to a NIC, here or in a peer: inbound NSGs there: subnet, NIC
//!                                                    ├─► to a site on premises
//!                                                    ├─► to the internet: one to one, or a port of the default address
//!                                                    └─► to a public address of ours: both, and back in
//! from_internet   public → private ─► inbound NSGs: subnet, NIC
//! from_on_premises                    inbound NSGs: subnet, NIC
//! departure       TTL and size against the link that it leaves by
//! ```
//!
//! A frame goes from worker to worker at most twice: to whom the directory (`directory.rs`) names, and where that one has lost the
//! flow meanwhile, to the home of its tuple, which judges it whatever the directory says by then. Only where no SNAT port is
//! free does the home hand it on once more, to the worker whose connection has lingered longest; that ends that connection
//! and hands it back (`Step::GiveUp`). Where another flow was quicker, that goes on with the connection that has lingered longest
//! now, so each such round costs a lingering record, and ends where there is none. What a neighbour says goes round besides, to
//! each worker whose packets have waited for it (`who_has.rs`).

use crate::checks::{self, Datagram};
use crate::closing::Closing;
use crate::judge::{Judgement, inbound, inbound_from_internet, outbound};
use crate::link::{Behind, Link, Outside};
use crate::member::{answer_to, later_fragment, related};
use crate::observer::{Event, Observer};
use crate::prefixes::Prefixes;
use crate::reach::Reach;
use crate::route::{Route, attachment_of, outward, route, to_vnet};
use crate::shared::Shared;
use crate::snapshot::{Public, Snapshot};
use crate::{Denial, DropReason, IcmpError};
use flow::{FlowId, Segment, Side};
use nat::PoolKey;
use packet::parse::{Fragment, Quote, parse_quote};
use packet::{
    AttachmentId, FlowKey, Frame, Neighbour, Owner, Packet, Parsed, Protocol, Scope, Transport, parse,
};

/// Everything that a packet's way depends on, to be read only.
pub(crate) struct World<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) flows: &'a flow::Table<crate::Action>,
    pub(crate) shared: &'a Shared,
    pub(crate) closing: &'a Closing,
    /// Which worker this is, of how many.
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    pub(crate) came: Came,
}

/// How a frame came to this worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    /// From its attachment.
    Received,
    /// From another worker, which took its flow to be here.
    HandedOver,
}

impl World<'_> {
    /// The worker that a tuple belongs to which has no record here, if it is another.
    #[inline]
    pub(crate) fn elsewhere(&self, key: &FlowKey) -> Option<usize> {
        if self.workers == 1 {
            return None;
        }
        // What was handed over was received before any claim that the sender did not see, so that can not be about it.
        let claimed = if self.came == Came::Received { self.shared.directory.find(key) } else { None };
        let worker = claimed.unwrap_or_else(|| key.home(self.workers));
        (worker != self.worker).then_some(worker)
    }
}

/// What is to be done with a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// Take in a question or an answer about a neighbour, and answer it where it asks for us.
    WhoHas(Neighbour),
    /// Take in what hosts say to the routers of their link, and heed it not.
    Ignore,
    /// Answer a ping to the gateway's own address.
    Echo(Packet),
    /// Leave it to the host.
    PassToHost,
    /// The same with a fragment to the address that the host shares; the others of its datagram follow the first.
    HostFragment(Packet),
    /// Keep a fragment until its first one comes.
    Hold(Datagram),
    /// Send a later fragment after its first one.
    Follow { packet: Packet, flow: FlowId, side: Side, epoch: u32, identification: Option<u16> },
    /// Send a packet of a live flow; `epoch` is that of the neighbours where it leaves.
    Known { packet: Packet, flow: FlowId, side: Side, epoch: u32 },
    /// Send an ICMP error about a packet of a live flow.
    Related { packet: Packet, quote: Quote, flow: FlowId, side: Side, epoch: u32 },
    /// Begin a flow and send its first packet.
    First { packet: Packet, plan: Plan },
    /// Leave it to the worker that has its flow, or will have it; other fragments of the datagram that it `begins` go after it.
    HandOver { worker: usize, begins: Option<Datagram> },
    /// End the connection of this pool that has lingered longest, for the flow that this packet begins at its home.
    GiveUp { pool: PoolKey, home: usize, begins: Option<Datagram> },
}

/// What the record of a new flow will say.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) initiator: FlowKey,
    pub(crate) responder: FlowKey,
    /// Whose flow it is: the sender's, or from outside the receiver's.
    pub(crate) owner: Owner,
    /// Whose port `responder.destination_port` is.
    pub(crate) snat: Option<PoolKey>,
    /// Where packets of the initiator and of the responder leave.
    pub(crate) egress: [AttachmentId; 2],
    /// Whether this is a hop: TTL counts down everywhere but inside a subnet.
    pub(crate) routed: bool,
    pub(crate) rules: Judgement,
    /// The record of a closed connection of the same tuple, which makes room.
    pub(crate) replaces: Option<FlowId>,
}

/// A packet that ends here.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    /// The packet, as far as it could be read.
    pub(crate) packet: Option<Packet>,
    /// What its sender is told.
    pub(crate) tell: Option<IcmpError>,
    /// The worker whose lingering connection could give its port up for it.
    pub(crate) makes_room: Option<usize>,
}

impl<T: Into<Denial>> From<T> for Refusal {
    fn from(denial: T) -> Self {
        Self { denial: denial.into(), packet: None, tell: None, makes_room: None }
    }
}

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
        Parsed::Neighbour(said) => return Ok(Step::WhoHas(said)),
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
    if checks::is_housekeeping(&packet) {
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
            seen.see(Event::FlowFound(&key));
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
    let elsewhere = if replaces.is_some() { None } else { world.elsewhere(&key) };
    let plan = match first_packet(world, link, &packet, key, seen) {
        Err(Refusal { makes_room: Some(worker), .. }) => {
            seen.see(Event::OfWorker(worker));
            return Ok(Step::HandOver { worker, begins: begun(link, &packet) });
        }
        plan => plan?,
    };
    let out = world.snapshot.link(plan.egress[0]).ok_or(DropReason::AttachmentGone)?;
    out.next_hop(plan.responder.source).ok_or(out.without_next_hop())?;
    departure(out, frame, &packet, plan.routed, seen)?;
    if let Some(home) = elsewhere {
        return Ok(not_here(world, &plan, (home, begun(link, &packet)), seen));
    }
    let plan = Plan { replaces, ..plan };
    room(world, &plan)?;
    Ok(Step::First { packet, plan })
}

/// What was handed over and begins a flow that is at home elsewhere: it came for a port, or for a flow that has just ended.
#[cold]
fn not_here<O: Observer>(
    world: &World<'_>,
    plan: &Plan,
    (home, begins): (usize, Option<Datagram>),
    seen: &mut O,
) -> Step {
    match plan.snat {
        Some(pool) if !world.shared.pools.has_free(&pool) => Step::GiveUp { pool, home, begins },
        _ => {
            seen.see(Event::OfWorker(home));
            Step::HandOver { worker: home, begins }
        }
    }
}

/// The datagram that a first fragment begins.
fn begun(link: &Link, packet: &Packet) -> Option<Datagram> {
    (packet.fragment == Fragment::First).then(|| Datagram::of(link.id, packet))
}

/// A sender inside is told that nothing was left for its flow, so that it does not go on trying; outside nobody is, who
/// could learn from it how full the gateway is.
///
/// # Source
/// RFC 5508, REQ-8: type 3 code 13.
fn tell_of_shortage<O: Observer>(link: &Link, refusal: Refusal, seen: &mut O) -> Refusal {
    if !refusal.denial.reason.is_shortage() || link.outside().is_some() {
        return refusal;
    }
    seen.see(Event::Told(IcmpError::Prohibited));
    Refusal { tell: Some(IcmpError::Prohibited), ..refusal }
}

/// Whether the record of a new flow would be taken: no live flow has its tuples, and the table has a place.
fn room(world: &World<'_>, plan: &Plan) -> Result<(), DropReason> {
    let makes_room = |flow| {
        let gives_its_port_up = || world.closing.oldest(world.flows, &plan.snat?);
        Some(flow) == plan.replaces || Some(flow) == gives_its_port_up()
    };
    let taken = world.flows.find(&plan.responder).is_some_and(|(flow, _)| !makes_room(flow));
    // Not asked for a translated port: another worker may have leased it since, and then the leasing finds another.
    let claimed = || {
        let is_asked = world.workers > 1 && plan.snat.is_none();
        is_asked && world.shared.directory.find(&plan.responder).is_some_and(|w| w != world.worker)
    };
    if taken || claimed() || plan.initiator == plan.responder {
        return Err(DropReason::TupleInUse);
    }
    Ok(world.flows.room(plan.owner)?)
}

/// The tuple of a packet as it was received.
#[inline]
fn key_of(scope: Scope, packet: &Packet) -> FlowKey {
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

/// Outside: what is addressed to the host is the host's, and a ping to the gateway is answered.
fn for_the_gateway(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    packet: &Packet,
) -> Result<Option<Step>, Refusal> {
    let Some(Outside { own, translated, host, .. }) = link.outside() else { return Ok(None) };
    let snapshot = world.snapshot;
    if host.contains(&packet.destination) {
        return Ok(match packet.fragment {
            _ if is_lent(world, link, frame, packet) => None,
            Fragment::Whole => Some(Step::PassToHost),
            _ if !snapshot.is_shared_with_host(packet.destination) => Some(Step::PassToHost),
            Fragment::First | Fragment::Later { .. } => Some(Step::HostFragment(*packet)),
        });
    }
    if !own.contains(&packet.destination) {
        return Ok(None);
    }
    let is_translated = translated.contains(&packet.destination);
    let is_a_machines =
        || is_translated && matches!(snapshot.public(packet.destination), Some(Public::OneToOne(..)));
    let ping = matches!(packet.transport, Transport::Query { kind: 8 | 128, reply: false, .. });
    if ping && packet.fragment == Fragment::Whole && !is_a_machines() {
        checks::source(link, frame.bytes, packet)?;
        checks::not_ours(snapshot, link, packet.source)?;
        checks::checksums(frame, packet)?;
        return Ok(Some(Step::Echo(*packet)));
    }
    if is_translated { Ok(None) } else { Err(DropReason::GatewayAddress.into()) }
}

/// Whether a packet to an address that the host shares is the gateway's: TCP and UDP by their port, ICMP where it belongs to
/// a live flow. Later fragments go with their first one.
///
/// The guard on the interface keeps the host's stack from seeing those of the first kind. It sees every later fragment, so
/// those that wait here are lost to nobody: either the datagram comes whole to the host, or none of it does.
#[cold]
fn is_lent(world: &World<'_>, link: &Link, frame: &Frame<'_>, packet: &Packet) -> bool {
    let Some((address, ports)) = &world.snapshot.lent else { return false };
    // Where another worker would have the flow, that one decides.
    let is_elsewhere = |key: &FlowKey| world.came == Came::Received && world.elsewhere(key).is_some();
    let is_known = |key: FlowKey| world.flows.find(&key).is_some() || is_elsewhere(&key);
    *address == packet.destination
        && match packet.transport {
            _ if matches!(packet.fragment, Fragment::Later { .. }) => {
                let carried = matches!(packet.protocol, Protocol::TCP | Protocol::UDP | Protocol::ICMP);
                carried && !world.shared.fragments().is_hosts(&Datagram::of(link.id, packet))
            }
            Transport::Tcp(_) | Transport::Udp { .. } => ports.contains(&packet.ports().1),
            Transport::Query { reply: true, .. } => {
                ports.contains(&packet.ports().1) && is_known(key_of(link.scope, packet))
            }
            Transport::IcmpError { .. } => parse_quote(frame.bytes, packet).is_some_and(|quote| {
                ports.contains(&quote.ports.0) && is_known(answer_to(link.scope, &quote))
            }),
            _ => false,
        }
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
    match packet.transport {
        Transport::Query { reply: true, .. } => return Err(DropReason::ReplyWithoutFlow.into()),
        Transport::OtherIcmp { .. } => return Err(DropReason::UnsupportedIcmp.into()),
        _ => {}
    }
    // Azure's network carries no others (Azure "Virtual network FAQ", protocols).
    let icmp = if packet.source.is_v4() { Protocol::ICMP } else { Protocol::ICMPV6 };
    if !matches!(packet.protocol, Protocol::TCP | Protocol::UDP | Protocol::ESP | Protocol::AH)
        && packet.protocol != icmp
    {
        return Err(DropReason::UnsupportedProtocol.into());
    }
    match &link.behind {
        Behind::Nics { .. } => from_nic(world, link, packet, key, seen),
        Behind::Internet(_) => from_internet(world, link, key, seen),
        Behind::OnPremises { sources, .. } => from_on_premises(world.snapshot, link, sources, key, seen),
    }
}

/// From a NIC: its outbound rules, then the route, then whatever stands before the destination.
fn from_nic<O: Observer>(
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
    let (responder, snat, to, routed) = match route(snapshot, link.scope, key.destination, seen)? {
        Route::Vnet(scope, receiver) => {
            inbound(snapshot, &receiver, &key, &mut rules, seen)?;
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
fn from_internet<O: Observer>(
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
    Ok((attachment_of(receiver)?, snapshot.nic(receiver.nic).owner))
}

/// From on premises: private addresses of the networks that share the gateway, whose rules decide. Nothing passes through.
fn from_on_premises<O: Observer>(
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
    let Route::Vnet(scope, receiver) = to_vnet(snapshot, to, to, key.destination, seen)? else {
        return Err(DropReason::NoTransit.into());
    };
    let mut rules = Judgement::default();
    inbound(snapshot, &receiver, &key, &mut rules, seen)?;
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

/// [`departure`] for a packet of a flow, which says where it leaves. Returns the epoch of the neighbours there.
#[inline]
pub(crate) fn depart_with_flow<O: Observer>(
    world: &World<'_>,
    frame: &Frame<'_>,
    packet: &Packet,
    (flow, side): (FlowId, Side),
    seen: &mut O,
) -> Result<u32, Refusal> {
    let record = world.flows.action_and_key(flow, side.other());
    let (action, far) = record.ok_or(DropReason::FragmentOfDropped)?;
    let hop = &action.hops[side as usize];
    // A reload may have put something else behind that interface than the far end, or taken the way to it.
    let out = world.snapshot.link(hop.egress).filter(|out| out.scope == far.scope);
    let out = out.ok_or(DropReason::AttachmentGone)?;
    let epoch = world.shared.neighbours.epoch(hop.egress);
    if hop.epoch != Some(epoch) {
        out.next_hop(far.source).ok_or(out.without_next_hop())?;
    }
    departure(out, frame, packet, action.routed, seen)?;
    Ok(epoch)
}

/// Whether a packet may leave by a link: it has a hop left, and it fits or may be cut.
#[inline]
fn departure<O: Observer>(
    out: &Link,
    frame: &Frame<'_>,
    packet: &Packet,
    routed: bool,
    seen: &mut O,
) -> Result<(), Refusal> {
    let (reason, error) = if routed && packet.ttl <= 1 {
        (DropReason::TtlExceeded, IcmpError::TimeExceeded)
    } else if packet.dont_fragment && checks::wire_size(frame, packet) > out.mtu {
        let mtu = u16::try_from(out.mtu).unwrap_or(u16::MAX);
        (DropReason::TooBig, IcmpError::TooBig { mtu })
    } else {
        seen.see(Event::Leaves(out.id));
        return Ok(());
    };
    seen.see(Event::Told(error));
    Err(Refusal { tell: Some(error), ..reason.into() })
}
