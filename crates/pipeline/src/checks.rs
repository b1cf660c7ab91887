//! Checks of one packet by itself or beside what is known of its flow; `path.rs` says which packets pass which, and when.

use crate::Action;
use crate::DropReason;
pub(crate) use crate::fragments::Datagram;
use crate::shared::Shared;
use flow::{FlowId, Side, Table};
use packet::checksum::transport_sum;
use packet::parse::{FIN, Fragment, NETWORK_AT, Quote, RST, SYN};
use packet::{Address, AttachmentId, Checksum, Frame, Packet, Protocol, SegmentKind, Transport};
use snapshot::{Behind, Link, PLATFORM, Snapshot, holds};
use std::ops::Range;

/// The least payload of a super-frame's segments: what the smallest link lets through behind both headers (RFC 791: 68 bytes).
///
/// One frame with a byte in each segment would be 65,000 packets for the next device.
const LEAST_SEGMENT: u16 = 28;
/// The most datagrams of a batch, which may be of any size; Linux makes no more (`UDP_MAX_SEGMENTS`).
const MOST_DATAGRAMS: u32 = 128;

/// A router advertisement of IPv6 (RFC 4861, section 4.2).
const ROUTER_ADVERTISEMENT: u8 = 134;

/// Whether the frame is addressed to this gateway, and the packet to one receiver.
#[inline]
pub(crate) fn hardware(link: &Link, bytes: &[u8], destination: Address) -> Result<(), DropReason> {
    let to = bytes.first_chunk::<6>().ok_or(DropReason::BadLength)?;
    let group = to[0] & 1 == 1;
    if group || is_multicast(destination) {
        return Err(DropReason::Multicast);
    }
    if *to != link.mac {
        return Err(DropReason::OtherHost);
    }
    Ok(())
}

/// Whether the offload state speaks of this packet's own headers; a guest may claim anything.
#[inline]
pub(crate) fn offload(frame: &Frame<'_>, packet: &Packet) -> Result<(), DropReason> {
    let offload = &frame.offload;
    let partial = matches!(offload.checksum, Checksum::Partial { .. });
    // The device sums and cuts to the frame's end, so what stands behind the packet would become part of it.
    if (partial || offload.segments.is_some()) && frame.bytes.len() != packet.end as usize {
        return Err(DropReason::BadOffload);
    }
    if let Checksum::Partial { start, offset } = offload.checksum {
        let place = match packet.transport {
            Transport::Tcp(_) => 16,
            Transport::Udp { .. } => 6,
            _ => return Err(DropReason::BadOffload),
        };
        if packet.fragment != Fragment::Whole || start != packet.transport_at || offset != place {
            return Err(DropReason::BadOffload);
        }
    }
    let Some(segments) = offload.segments else { return Ok(()) };
    let fits = match segments.kind {
        SegmentKind::Tcp4 => packet.protocol == Protocol::TCP && packet.source.is_v4(),
        SegmentKind::Tcp6 => packet.protocol == Protocol::TCP && !packet.source.is_v4(),
        SegmentKind::Udp | SegmentKind::UdpFragments => packet.protocol == Protocol::UDP,
    };
    if !fits || segments.size == 0 || packet.fragment != Fragment::Whole {
        return Err(DropReason::BadOffload);
    }
    let tiny = match segments.kind {
        SegmentKind::Udp => wire_packets(frame, packet) > MOST_DATAGRAMS,
        _ => segments.size < LEAST_SEGMENT,
    };
    if tiny { Err(DropReason::TinySegments) } else { Ok(()) }
}

/// Whether the sender may use its addresses on this attachment (RFC 2827).
#[inline]
pub(crate) fn source(link: &Link, bytes: &[u8], packet: &Packet) -> Result<(), DropReason> {
    if packet.source == packet.destination {
        return Err(DropReason::Land);
    }
    // Every IPv6 host has such an address, and speaks from it on its link (RFC 4291, section 2.5.6).
    if !packet.source.is_v4() && packet.source.is_link_local() {
        return Err(DropReason::LinkLocal);
    }
    // An error may come from a router between us and the far side, whose own links are anybody's (RFC 5508, REQ-5).
    let is_error =
        || matches!(packet.transport, Transport::IcmpError { .. }) && !never_a_source(packet.source);
    match &link.behind {
        Behind::Nics { addresses, enforced_mac, .. } => {
            if enforced_mac.is_some_and(|mac| bytes.get(6..12) != Some(&mac)) {
                return Err(DropReason::SpoofedMac);
            }
            if !holds(addresses, packet.source) {
                return Err(DropReason::SpoofedSource);
            }
            Ok(())
        }
        // From the link itself come its routers' errors, and pings.
        Behind::OnPremises { outside, sources } => {
            let theirs = sources.find(packet.source) == Some(true) || outside.is_near(packet.source);
            if theirs || is_error() { Ok(()) } else { Err(DropReason::SpoofedSource) }
        }
        Behind::Internet(outside) => {
            let is_near = || outside.is_near(packet.source) && !never_a_source(packet.source);
            if is_outside(packet.source) || is_near() || is_error() {
                Ok(())
            } else {
                Err(DropReason::Martian)
            }
        }
    }
}

/// Whether somebody outside uses an address of ours as its own.
///
/// Asked of what belongs to no flow yet: what a flow's far end sends has been let through by this or was asked for. A router
/// between us and the far end may have any address, and where that is one of ours its errors go on under that end's.
pub(crate) fn not_ours(snapshot: &Snapshot, link: &Link, source: Address) -> Result<(), DropReason> {
    let ours = match &link.behind {
        Behind::Nics { .. } => false,
        Behind::Internet(_) => {
            snapshot.public(source).is_some() || link.is_gateway(source) || snapshot.in_any_vnet(source)
        }
        // Another virtual network may have the addresses of a site: the two never meet.
        Behind::OnPremises { sources, .. } => link.is_gateway(source) || sources.find(source) == Some(false),
    };
    if ours { Err(DropReason::SpoofedSource) } else { Ok(()) }
}

/// Whether the transport checksum is right, of whole packets of TCP with SYN, FIN or RST, and of ICMP.
///
/// All other packets pass unverified: a wrong checksum in them is the receiver's to find. To sum up a datagram costs as much
/// as all the rest of its way, and whoever wants a record made or kept alive can as well send a right one. So can whoever
/// acknowledges the last SYN or FIN, which completes a handshake or a close; that it does is known only further on, where
/// the record is read.
///
/// # Source
/// RFC 5508, REQ-3 for ICMP.
#[inline]
pub(crate) fn checksums(frame: &Frame<'_>, packet: &Packet) -> Result<(), DropReason> {
    let is_verified = match packet.transport {
        Transport::Tcp(tcp) => tcp.flags & (SYN | FIN | RST) != 0,
        Transport::Query { .. } | Transport::IcmpError { .. } | Transport::OtherIcmp { .. } => true,
        Transport::Udp { .. } | Transport::Bare => false,
    };
    if !is_verified || packet.fragment != Fragment::Whole || frame.offload.checksum != Checksum::Finished {
        return Ok(());
    }
    let at = usize::from(packet.transport_at);
    let message = frame.bytes.get(at..packet.end as usize).ok_or(DropReason::BadLength)?;
    if transport_sum(packet.source, packet.destination, packet.protocol, message) == 0 {
        Ok(())
    } else {
        Err(DropReason::BadChecksum)
    }
}

/// Whether an ICMP query's packet is what its flow's end sends: the initiator asks, the responder answers.
///
/// A request whose identifier is its own type number has the tuple of an answer, and must not pass for one.
#[inline]
pub(crate) fn question_or_answer(packet: &Packet, from: Side) -> Result<(), DropReason> {
    match (packet.transport, from) {
        (Transport::Query { reply: true, .. }, Side::Initiator) => Err(DropReason::ReplyWithoutFlow),
        (Transport::Query { reply: false, .. }, Side::Responder) => Err(DropReason::TupleInUse),
        _ => Ok(()),
    }
}

/// Whether an ICMP error about a packet of a live flow, sent by `sender`, may be true: a blind forger knows neither the
/// numbers of a connection nor, it seems, what an MTU can be.
///
/// # Source
/// RFC 5927, sections 4.1 and 7.2. The least MTU is 68 bytes (RFC 791), for IPv6 1,280 (RFC 8200, section 5).
pub(crate) fn believable(
    flows: &Table<Action>,
    frame: &Frame<'_>,
    error: &Packet,
    quote: &Quote,
    (flow, sender): (FlowId, Side),
) -> Result<(), DropReason> {
    if quote.sequence.is_some_and(|sequence| !flows.is_under_way(flow, sender, sequence)) {
        return Err(DropReason::ErrorOutOfWindow);
    }
    let header = frame.bytes.get(usize::from(error.transport_at)..).and_then(|message| message.first_chunk());
    let Some(&[kind, code, _, _, a, b, c, d]) = header else { return Err(DropReason::ErrorUnreadable) };
    let absurd = match (error.source.is_v4(), kind, code) {
        (true, 3, 4) => u16::from_be_bytes([c, d]) < 68,
        (false, 2, _) => u32::from_be_bytes([a, b, c, d]) < 1280,
        _ => false,
    };
    if absurd { Err(DropReason::ErrorAbsurdMtu) } else { Ok(()) }
}

/// Whether a first fragment may begin a datagram: none of that name is under way.
pub(crate) fn first_fragment(shared: &Shared, on: AttachmentId, packet: &Packet) -> Result<(), DropReason> {
    let under_way = shared.fragments().is_under_way(&Datagram::of(on, packet));
    if under_way { Err(DropReason::FragmentOverlap) } else { Ok(()) }
}

impl Datagram {
    pub(crate) fn of(on: AttachmentId, packet: &Packet) -> Self {
        let Packet { source, destination, identification, .. } = *packet;
        // Of IPv6 the first fragment alone says what the datagram carries (RFC 8200, section 4.5).
        let protocol = if source.is_v4() { packet.protocol } else { Protocol::default() };
        Self { on, source, destination, protocol, identification }
    }
}

/// The bytes of its datagram that a fragment covers.
pub(crate) fn covered(packet: &Packet) -> Range<u32> {
    let length = packet.end - u32::from(packet.payload_at);
    let start = match packet.fragment {
        Fragment::Later { offset, .. } => u32::from(offset),
        Fragment::Whole | Fragment::First => 0,
    };
    start..start + length
}

/// Whether a fragment is the last of its datagram.
pub(crate) fn is_last(packet: &Packet) -> bool {
    matches!(packet.fragment, Fragment::Later { more: false, .. })
}

/// The bytes of the largest IP packet that this frame becomes on the wire: the headers and one segment.
#[inline]
pub(crate) fn wire_size(frame: &Frame<'_>, packet: &Packet) -> u32 {
    let Some(segments) = frame.offload.segments else { return packet.length() };
    let at = u32::from(packet.transport_at);
    let transport = match packet.transport {
        Transport::Tcp(tcp) => packet.end - at - tcp.payload,
        _ if segments.kind == SegmentKind::Udp => 8,
        _ => return packet.length(),
    };
    (at - NETWORK_AT as u32 + transport + u32::from(segments.size)).min(packet.length())
}

/// How many packets a frame becomes on the wire.
#[inline]
pub(crate) fn wire_packets(frame: &Frame<'_>, packet: &Packet) -> u32 {
    let Some(segments) = frame.offload.segments else { return 1 };
    let payload = match packet.transport {
        Transport::Tcp(tcp) => tcp.payload,
        _ => packet.end - u32::from(packet.transport_at) - 8,
    };
    payload.div_ceil(u32::from(segments.size.max(1))).max(1)
}

/// How many packets a device makes of a frame for a link of this MTU, where a stream's segments are made to fit.
pub(crate) fn device_packets(frame: &Frame<'_>, packet: &Packet, mtu: u32) -> u32 {
    let (Transport::Tcp(tcp), Some(segments)) = (packet.transport, frame.offload.segments) else {
        return wire_packets(frame, packet);
    };
    let room = mtu.saturating_sub(packet.length() - tcp.payload).clamp(1, segments.size.max(1).into());
    tcp.payload.div_ceil(room).max(1)
}

/// Whether it is what IPv6 hosts and routers say to all of their link, as soon as it is up: about groups (RFC 2710, RFC 3810)
/// and routers (RFC 4861). Nobody forwards it, and a fabric that carries no multicast has no use for it.
///
/// Machines behind the gateway are no routers (RFC 6105).
#[inline]
pub(crate) fn is_housekeeping(link: &Link, packet: &Packet) -> Result<bool, DropReason> {
    let Transport::OtherIcmp { kind } = packet.transport else { return Ok(false) };
    if packet.source.is_v4() {
        return Ok(false);
    }
    if kind == ROUTER_ADVERTISEMENT && link.outside().is_none() {
        return Err(DropReason::RouterAdvertisement);
    }
    Ok(packet.destination.is_multicast() && matches!(kind, 130..=ROUTER_ADVERTISEMENT | 143))
}

/// Multicast, limited broadcast, or the reserved class E.
fn is_multicast(address: Address) -> bool {
    address.is_multicast() || address.v4_bits().is_some_and(|bits| bits >> 28 == 0xf)
}

/// Whether the route is None outside every virtual network: RFC 1918, RFC 6598, and what is nobody's (RFC 6890); of IPv6
/// all but 2000::/3, which are the only addresses that are given out (RFC 4291, section 2.4).
pub(crate) fn is_private_or_reserved(address: Address) -> bool {
    let Some(bits) = address.v4_bits() else { return address.bits() >> 125 != 1 };
    let private = bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 || bits >> 22 == 0x191;
    private || matches!(bits >> 24, 0 | 127) || bits >> 28 >= 0xe
}

/// Whether an address can be anybody's on the internet.
fn is_outside(address: Address) -> bool {
    !is_private_or_reserved(address) && !address.is_link_local() && address != PLATFORM
}

/// Whether an address can be nobody's at all, on whatever link.
fn never_a_source(address: Address) -> bool {
    let special = match address.v4_bits() {
        Some(bits) => matches!(bits >> 24, 0 | 127) || bits >> 28 >= 0xe,
        None => address.is_multicast() || address.bits() >> 120 == 0,
    };
    special || address == PLATFORM
}
