//! ARP and neighbour discovery: learning who is where, and answering as Azure's fabric does.

use crate::act::Outcome;
use crate::engine::Engine;
use crate::step::Refusal;
use crate::{DropReason, Ending};
use neighbour::Said;
use packet::make::neighbour_reply;
use packet::{AttachmentId, Frame, Mac, Neighbour, Time};
use snapshot::{Behind, holds};

impl Engine {
    /// Takes in a question or an answer about a neighbour, and answers as Azure's fabric does: for every address but those
    /// behind the attachment itself, whatever the asker's address; outside for the gateway's own, and for the public
    /// addresses of ours.
    ///
    /// Where packets of other workers have waited for the sender it goes on to them, one after the other; the last answers.
    pub(crate) fn who_has(
        &mut self,
        now: Time,
        on: AttachmentId,
        frame: &Frame<'_>,
        said: &Neighbour,
    ) -> Result<Outcome, Refusal> {
        let link = self.snapshot.link(on).ok_or(DropReason::AttachmentGone)?;
        let own_mac = link.mac;
        let (may_be_learnt, answered) = match &link.behind {
            // Neighbours on a segment answer for themselves, as the asker does for its own addresses; also for the
            // link-local ones of IPv6, which nobody told us.
            Behind::Nics { addresses, enforced_mac, segment } => {
                let is_spoofed = |mac: Mac| said.sender_mac != mac || frame.bytes.get(6..12) != Some(&mac);
                if enforced_mac.is_some_and(is_spoofed) {
                    return Err(DropReason::SpoofedMac.into());
                }
                let theirs = *segment && !said.target.is_v4() && said.target.is_link_local();
                (holds(addresses, said.sender), !theirs && !holds(addresses, said.target))
            }
            Behind::Internet(outside) | Behind::OnPremises { outside, .. } => {
                if said.request && outside.host.contains(&said.target) {
                    return Ok(Outcome::Ends(Ending::PassedToHost));
                }
                (!self.snapshot.answers_for(link, said.sender), self.snapshot.answers_for(link, said.target))
            }
        };
        if may_be_learnt {
            let &Neighbour { request, sender, sender_mac: mac, target } = said;
            let answers = !request && self.snapshot.own_address(link, sender) == Some(target);
            let said = Said { sender, mac, answers };
            let learnt = self.shared.neighbours.learn(on, &said, self.worker, now);
            self.release(on, mac, learnt.waited);
            if let Some(worker) = learnt.next {
                return Ok(Outcome::HandOver(worker));
            }
        }
        if !said.wants_answer() || !answered {
            return Ok(Outcome::Ends(Ending::Consumed));
        }
        self.originate(on, |out| {
            neighbour_reply(out, (own_mac, said.target), (said.sender_mac, said.sender))
        });
        Ok(Outcome::Ends(Ending::Answered))
    }
}
