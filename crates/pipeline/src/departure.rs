//! The last thing that is asked of every packet: whether it may leave by its link.

use crate::observer::{Event, Observer};
use crate::step::{Refusal, World};
use crate::{DropReason, IcmpError, checks};
use flow::{FlowId, Side};
use packet::{Frame, Packet};
use snapshot::Link;

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
        out.next_hop(far.source).ok_or(without_next_hop(out))?;
    }
    departure(out, frame, packet, action.routed, seen)?;
    Ok(epoch)
}

/// Why a packet can not leave by a link that has no next hop for it.
pub(crate) fn without_next_hop(out: &Link) -> DropReason {
    if out.outside().is_some() { DropReason::NoInternet } else { DropReason::AttachmentGone }
}

/// Whether a packet may leave by a link: it has a hop left, and it fits or may be cut.
#[inline]
pub(crate) fn departure<O: Observer>(
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
