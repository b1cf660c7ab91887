//! What a fragment leaves behind for the others of its datagram, and for those of them that came before it.

use crate::act::{Outcome, WALKS, Way};
use crate::checks::{self, Datagram};
use crate::engine::Engine;
use crate::fragments::{Held, Lead};
use crate::step::{Came, Refusal};
use crate::{DropReason, Ending};
use flow::{FlowId, Side};
use packet::parse::Fragment;
use packet::{AttachmentId, Frame, Packet, Time};

impl Engine {
    /// Takes in a frame again that had waited for its first fragment, which went or was dropped here.
    fn resume(&mut self, now: Time, on: AttachmentId, frame: &mut Frame<'_>) {
        match self.pass(now, on, frame, Came::Waited, WALKS) {
            Way::Leaves(egress) => self.outbox.push_frame(egress, frame),
            // What has waited is handed to nobody; if it were, it would be counted.
            Way::HandOver(_) => self.lost_in_hand_over(frame.bytes.len()),
            Way::Ends => {}
        }
    }

    /// A fragment is the host's: so are the others of its datagram, and those that have waited for it.
    #[cold]
    pub(crate) fn note_host_fragment(&mut self, now: Time, on: AttachmentId, packet: &Packet) {
        let (datagram, bytes) = (Datagram::of(on, packet), checks::covered(packet));
        if packet.fragment != Fragment::First {
            return self.shared.fragments().pass(&datagram, bytes, checks::is_last(packet));
        }
        let mut fragments = self.shared.fragments();
        let begins = fragments.begin(datagram, Lead::Host, now, bytes);
        let waited = if begins { fragments.release(&datagram) } else { Vec::new() };
        drop(fragments);
        self.resume_all(now, waited);
    }

    /// A first fragment leaves a record for the later ones, and lets those go that came before it.
    pub(crate) fn first_fragment(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &mut Frame<'_>,
        packet: &Packet,
        (flow, side): (FlowId, Side),
        epoch: u32,
    ) -> Result<Outcome, Refusal> {
        let datagram = Datagram::of(on, packet);
        let identification = self.fresh_identification(frame, packet, (flow, side));
        let lead = Lead::Follow { worker: self.worker, flow, side, identification };
        // From here on later fragments are handed over to this worker, which comes to them after this one.
        if !self.shared.fragments().begin(datagram, lead, now, checks::covered(packet)) {
            return Err(DropReason::FragmentOverlap.into());
        }
        let mut outcome = self.send(now, frame, packet, (flow, side), epoch, identification);
        if let Err(refusal) = &outcome {
            self.shared.fragments().spoil(&datagram, refusal.denial.reason);
        }
        let waited = self.shared.fragments().release(&datagram);
        // Through the outbox, so that those that waited do not overtake it.
        if let Ok(Outcome::Leaves(egress)) = outcome
            && !waited.is_empty()
        {
            self.outbox.push_frame(egress, frame);
            outcome = Ok(Outcome::Ends(Ending::Forwarded));
        }
        self.resume_all(now, waited);
        outcome
    }

    fn resume_all(&mut self, now: Time, waited: Vec<Held>) {
        for mut held in waited {
            let mut frame = Frame { bytes: &mut held.bytes, offload: held.offload };
            self.resume(now, held.datagram.on, &mut frame);
        }
    }

    /// A dropped first fragment takes the later ones with it.
    pub(crate) fn remember_dropped(
        &mut self,
        now: Time,
        on: AttachmentId,
        packet: &Packet,
        reason: DropReason,
    ) {
        let datagram = Datagram::of(on, packet);
        let overlaps = reason == DropReason::FragmentOverlap && !packet.source.is_v4();
        if packet.fragment == Fragment::First {
            let mut fragments = self.shared.fragments();
            let dropped = Lead::Dropped(reason);
            let begins = fragments.begin(datagram, dropped, now, checks::covered(packet));
            let waited = if begins { fragments.release(&datagram) } else { Vec::new() };
            if overlaps && !begins {
                fragments.spoil(&datagram, reason);
            }
            drop(fragments);
            self.resume_all(now, waited);
        } else if overlaps {
            // All of it, what is still to come included (RFC 5722, section 4).
            self.shared.fragments().spoil(&datagram, reason);
        } else if reason == DropReason::FragmentOfDropped {
            self.shared.fragments().pass(&datagram, checks::covered(packet), checks::is_last(packet));
        }
    }
}

#[cfg(test)]
mod tests;
