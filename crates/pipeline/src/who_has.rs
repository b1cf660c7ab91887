//! ARP and neighbour discovery: learning who is where, and answering as Azure's fabric does.

use crate::engine::Engine;
use crate::link::{Behind, holds};
use crate::neighbours::Said;
use crate::{DropReason, Ending};
use packet::make::neighbour_reply;
use packet::{AttachmentId, Neighbour, Time};

impl Engine {
    /// Takes in a question or an answer about a neighbour, and answers as Azure's fabric does: for every address but those
    /// behind the attachment itself, whatever the asker's address; outside for the gateway's own, and for the public
    /// addresses of ours.
    pub(crate) fn who_has(&mut self, now: Time, on: AttachmentId, said: &Neighbour) -> Ending {
        let Some(link) = self.snapshot.link(on) else { return Ending::Dropped(DropReason::AttachmentGone) };
        let own_mac = link.mac;
        let (may_be_learnt, answered) = match &link.behind {
            // Neighbours on a segment answer for themselves, as the asker does for its own addresses; also for the
            // link-local ones of IPv6, which nobody told us.
            Behind::Nics { addresses, enforced_mac, segment } => {
                if enforced_mac.is_some_and(|mac| mac != said.sender_mac) {
                    return Ending::Dropped(DropReason::SpoofedMac);
                }
                let theirs = *segment && !said.target.is_v4() && said.target.is_link_local();
                (holds(addresses, said.sender), !theirs && !holds(addresses, said.target))
            }
            Behind::Internet(outside) | Behind::OnPremises { outside, .. } => {
                if said.request && outside.host.contains(&said.target) {
                    return Ending::PassedToHost;
                }
                (!self.snapshot.answers_for(link, said.sender), self.snapshot.answers_for(link, said.target))
            }
        };
        if may_be_learnt {
            let &Neighbour { request, sender, sender_mac: mac, target } = said;
            let answers = !request && self.snapshot.own_address(link, sender) == Some(target);
            for waiting in self.shared.neighbours.learn(on, &Said { sender, mac, answers }, now) {
                self.release(on, waiting, said.sender_mac, own_mac);
            }
        }
        if !said.wants_answer() || !answered {
            return Ending::Consumed;
        }
        self.originate(on, |out| {
            neighbour_reply(out, (own_mac, said.target), (said.sender_mac, said.sender))
        });
        Ending::Answered
    }
}
