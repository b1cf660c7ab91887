//! Sending a packet on: rewritten as its flow's record says, cut where it must be, kept until the next hop is known.

use crate::act::Outcome;
use crate::checks::{self, not_ours};
use crate::departure::without_next_hop;
use crate::engine::{Engine, Hop};
use crate::shared::ROUND;
use crate::step::Refusal;
use crate::{DropReason, Ending};
use flow::{FlowId, Side};
use neighbour::{NextHop, Resolved, Waiting, Whose};
use packet::parse::Quote;
use packet::{
    Address, AttachmentId, FlowKey, Frame, Mac, Offload, Packet, Parsed, SegmentKind, Time, Tuple, cut,
    decrement_ttl, parse, segment, set_identification, set_macs, shrink_segments, translate, translate_error,
};

impl Engine {
    /// Rewrites a packet as its flow's record says and sends it; `epoch` was read before, from the neighbours where it leaves.
    #[inline]
    pub(crate) fn send(
        &mut self,
        now: Time,
        frame: &mut Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
        epoch: u32,
        identification: Option<u16>,
    ) -> Result<Outcome, Refusal> {
        let record = self.flows.action_and_key(flow, side.other());
        let (action, far) = record.ok_or(DropReason::FragmentOfDropped)?;
        // The far end knows this packet by the reverse of what it itself sends.
        let there = far.reversed();
        let (hop, routed, translated) = (action.hops[side as usize], action.routed, action.translated);
        if routed {
            decrement_ttl(frame.bytes);
        }
        if translated {
            translate(frame.bytes, packet, frame.offload.checksum, &tuple_of(&there));
        }
        if let Some(identification) = identification {
            set_identification(frame.bytes, identification);
        }
        self.leave(now, frame, packet, (flow, side), (hop, epoch), there.destination)
    }

    /// Translates an ICMP error about a packet of a live flow and sends it to whoever sent that packet.
    pub(crate) fn related(
        &mut self,
        now: Time,
        frame: &mut Frame<'_>,
        packet: &Packet,
        quote: &Quote,
        (flow, side): (FlowId, Side),
        epoch: u32,
    ) -> Result<Outcome, Refusal> {
        let record = self.flows.flow(flow).ok_or(DropReason::ErrorWithoutFlow)?;
        let (action, keys) = (record.action, record.keys);
        let (hop, routed) = (action.hops[side as usize], action.routed);
        let (here, there) = (*keys.of(side), *keys.of(side.other()));
        if routed {
            decrement_ttl(frame.bytes);
        }
        let link = |side: Side| self.snapshot.link(action.hops[side as usize].egress);
        let to_internet = link(side).is_some_and(|link| link.is_internet());
        let is_ours =
            link(side.other()).is_some_and(|link| not_ours(&self.snapshot, link, packet.source).is_err());
        // A router on the way keeps its own address unless that is one of ours; the end itself, and whatever is inside, takes the
        // one it is known by.
        let is_known_otherwise = packet.source == here.source || to_internet || is_ours;
        let from = if is_known_otherwise { there.destination } else { packet.source };
        translate_error(frame.bytes, packet, quote, &tuple_of(&there), (from, there.source));
        self.leave(now, frame, packet, (flow, side), (hop, epoch), there.source)
    }

    /// Puts the hardware addresses on, or lets the packet wait until the next hop's is known; cuts it where it must be.
    #[inline]
    pub(crate) fn leave(
        &mut self,
        now: Time,
        frame: &mut Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
        (hop, epoch): (Hop, u32),
        destination: Address,
    ) -> Result<Outcome, Refusal> {
        let link = self.snapshot.link(hop.egress).ok_or(DropReason::AttachmentGone)?;
        let (own_mac, mtu) = (link.mac, link.mtu);
        if hop.epoch != Some(epoch) {
            let next_hop = link.next_hop(destination).ok_or(without_next_hop(link))?;
            let next_hop = NextHop { on: hop.egress, scope: link.scope, address: next_hop };
            let from =
                self.flows.get(flow).map_or(hop.egress, |action| action.hops[side.other() as usize].egress);
            let mac = match self.recent.find(hop.egress, next_hop.address, epoch) {
                Some(mac) => mac,
                None => match self.resolve(now, frame, next_hop, (from, epoch))? {
                    Some(mac) => mac,
                    None => return Ok(Outcome::Waits),
                },
            };
            if let Some(action) = self.flows.get_mut(flow) {
                action.hops[side as usize] = Hop { mac, epoch: Some(epoch), ..hop };
            }
            set_macs(frame.bytes, mac, own_mac);
        } else {
            set_macs(frame.bytes, hop.mac, own_mac);
        }
        Ok(match self.fit(frame, packet, hop.egress, mtu)? {
            Fit::AsItLies => Outcome::Leaves(hop.egress),
            Fit::InPieces => Outcome::Ends(Ending::Forwarded),
        })
    }

    /// Makes a packet small enough for the link.
    #[inline]
    fn fit(
        &mut self,
        frame: &mut Frame<'_>,
        packet: &Packet,
        egress: AttachmentId,
        mtu: u32,
    ) -> Result<Fit, DropReason> {
        if checks::wire_size(frame, packet) <= mtu {
            return Ok(Fit::AsItLies);
        }
        self.cut(frame, packet, egress, mtu)
    }

    /// Makes a packet that may be cut small enough for the link.
    #[cold]
    fn cut(
        &mut self,
        frame: &mut Frame<'_>,
        packet: &Packet,
        egress: AttachmentId,
        mtu: u32,
    ) -> Result<Fit, DropReason> {
        // The walk has looked, but a reload may have made the link narrower since.
        if packet.dont_fragment {
            return Err(DropReason::TooBig);
        }
        let (outbox, length) = (&mut self.outbox, frame.bytes.len());
        let mut emit = |piece: &[u8]| outbox.push_piece(egress, piece);
        let pieces = match frame.offload.segments.map(|segments| segments.kind) {
            Some(SegmentKind::Tcp4) if shrink_segments(frame, packet, mtu) => return Ok(Fit::AsItLies),
            Some(SegmentKind::Tcp4 | SegmentKind::Tcp6) => 0,
            Some(SegmentKind::Udp) => cut_batch(frame, packet, mtu, emit),
            Some(SegmentKind::UdpFragments) | None => cut(frame, packet, mtu, &mut emit),
        };
        if pieces == 0 {
            return Err(DropReason::TooBig);
        }
        self.outbox.ends_packet(length);
        Ok(Fit::InPieces)
    }

    /// The next hop's hardware address, or `None` where the packet waits for it.
    #[cold]
    fn resolve(
        &mut self,
        now: Time,
        frame: &Frame<'_>,
        next_hop: NextHop,
        (from, epoch): (AttachmentId, u32),
    ) -> Result<Option<Mac>, DropReason> {
        let whose = Whose { from, worker: self.worker };
        let resolved = self.shared.neighbours.resolve(next_hop, whose, now, frame);
        // Asked for even where the packet can not wait: the next one finds it.
        if let Resolved::Waits { ask: true } | Resolved::Full { ask: true } = resolved {
            self.ask(next_hop.on, next_hop.address, None);
        }
        match resolved {
            Resolved::At { mac, waited } => {
                self.recent.meet(next_hop.on, next_hop.address, mac, epoch);
                self.release(next_hop.on, mac, waited);
                Ok(Some(mac))
            }
            Resolved::Waits { .. } => {
                self.look_after_at.get_or_insert(now + ROUND);
                Ok(None)
            }
            Resolved::Full { .. } => Err(DropReason::NeighboursFull),
        }
    }

    /// Sends the packets that had waited for their next hop.
    pub(crate) fn release(&mut self, egress: AttachmentId, mac: Mac, waited: Vec<Waiting>) {
        for waiting in waited {
            self.release_one(egress, mac, waiting);
        }
    }

    fn release_one(&mut self, egress: AttachmentId, mac: Mac, waiting: Waiting) {
        let Waiting { mut bytes, offload, .. } = waiting;
        let length = bytes.len();
        let Some(link) = self.snapshot.link(egress) else {
            return self.counters.end(Ending::Dropped(DropReason::AttachmentGone), length);
        };
        let mtu = link.mtu;
        set_macs(&mut bytes, mac, link.mac);
        let mut frame = Frame { bytes: &mut bytes, offload };
        let Ok(Parsed::Ip(packet)) = parse(frame.bytes) else {
            return self.counters.end(Ending::Dropped(DropReason::BadLength), length);
        };
        match self.fit(&mut frame, &packet, egress, mtu) {
            Ok(fit) => {
                if fit == Fit::AsItLies {
                    self.outbox.push_frame(egress, &frame);
                }
                self.counters.end(Ending::Forwarded, length);
            }
            Err(reason) => self.counters.end(Ending::Dropped(reason), length),
        }
    }
}

/// How a packet fits its link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fit {
    /// In the frame as it lies there now.
    AsItLies,
    /// Cut into pieces, which are in the outbox.
    InPieces,
}

/// Cuts each datagram of a batch. Returns the number of pieces.
fn cut_batch(frame: &Frame<'_>, packet: &Packet, mtu: u32, mut emit: impl FnMut(&[u8])) -> usize {
    let mut pieces = 0;
    segment(frame.bytes, frame.offload, &mut Vec::new(), |bytes| {
        let packet = Packet { end: packet.end.min(bytes.len() as u32), ..*packet };
        let mut datagram = Frame { bytes, offload: Offload::default() };
        pieces += cut(&mut datagram, &packet, mtu, &mut emit);
    });
    pieces
}

fn tuple_of(key: &FlowKey) -> Tuple {
    let FlowKey { source, destination, source_port, destination_port, .. } = *key;
    Tuple { source, destination, source_port, destination_port }
}
