//! ARP: learning who is where, and answering as Azure's fabric does.

use crate::engine::Engine;
use crate::link::{Behind, holds};
use crate::{DropReason, Ending};
use packet::make::neighbour_reply;
use packet::{AttachmentId, Neighbour, Time};

impl Engine {
    /// Takes in an ARP message and answers as Azure's fabric does: for every address but those behind the
    /// attachment itself, whatever the asker's address; outside for the gateway's own, and for the public addresses of ours.
    pub(crate) fn arp(&mut self, now: Time, on: AttachmentId, arp: &Neighbour) -> Ending {
        let Some(link) = self.snapshot.link(on) else { return Ending::Dropped(DropReason::AttachmentGone) };
        let own_mac = link.mac;
        let (may_be_learnt, answered) = match &link.behind {
            // Neighbours on a segment answer for themselves, as the asker does for its own addresses.
            Behind::Nics { addresses, enforced_mac, .. } => {
                if enforced_mac.is_some_and(|mac| mac != arp.sender_mac) {
                    return Ending::Dropped(DropReason::SpoofedMac);
                }
                (holds(addresses, arp.sender), !holds(addresses, arp.target))
            }
            Behind::Internet(outside) | Behind::OnPremises { outside, .. } => {
                if arp.request && outside.host.contains(&arp.target) {
                    return Ending::PassedToHost;
                }
                (!self.snapshot.answers_for(link, arp.sender), self.snapshot.answers_for(link, arp.target))
            }
        };
        if may_be_learnt {
            for waiting in self.shared.neighbours.learn(on, arp.sender, arp.sender_mac, now) {
                self.release(on, waiting, arp.sender_mac, own_mac);
            }
        }
        if !arp.wants_answer() || !answered {
            return Ending::Consumed;
        }
        self.originate(on, |out| neighbour_reply(out, (own_mac, arp.target), (arp.sender_mac, arp.sender)));
        Ending::Answered
    }
}
