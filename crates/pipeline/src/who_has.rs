//! ARP and neighbour discovery: learning who is where, and answering as Azure's fabric does.

use crate::act::Outcome;
use crate::engine::Engine;
use crate::step::{Refusal, Step};
use crate::{DropReason, Ending};
use neighbour::Said;
use packet::make::neighbour_reply;
use packet::{Address, AttachmentId, Frame, Mac, Neighbour, Time};
use snapshot::{Behind, Link, Snapshot, holds};

/// Whether the sender of a question or an answer about a neighbour may use its addresses here, and whom it concerns.
///
/// Behind a NIC or a segment the sender's address is one of theirs, a link-local one of IPv6, which nobody told us, or none
/// yet. Outside it is anybody's but ours.
pub(crate) fn heard(
    snapshot: &Snapshot,
    link: &Link,
    frame: &Frame<'_>,
    said: Neighbour,
) -> Result<Step, DropReason> {
    let is_spoofed = match &link.behind {
        Behind::Nics { addresses, enforced_mac, .. } => {
            let is_another = |mac: Mac| said.sender_mac != mac || frame.bytes.get(6..12) != Some(&mac);
            if enforced_mac.is_some_and(is_another) {
                return Err(DropReason::SpoofedMac);
            }
            !(said.is_probe() || is_link_local_v6(said.sender) || holds(addresses, said.sender))
        }
        Behind::Internet(outside) | Behind::OnPremises { outside, .. } => {
            if said.request && outside.host.contains(&said.target) {
                return Ok(Step::PassToHost);
            }
            snapshot.answers_for(link, said.sender)
        }
    };
    if is_spoofed { Err(DropReason::SpoofedNeighbour) } else { Ok(Step::WhoHas(said)) }
}

fn is_link_local_v6(address: Address) -> bool {
    !address.is_v4() && address.is_link_local()
}

impl Engine {
    /// Takes in a question or an answer about a neighbour, and answers as Azure's fabric does: for every address but those
    /// behind the attachment itself; outside for the gateway's own, and for the public addresses of ours.
    ///
    /// A claim that contradicts what is known is counted as dropped, and what its sender asks is answered all the same: a
    /// machine that has come back with another hardware address needs that.
    ///
    /// Where packets of other workers have waited for the sender it goes on to them, one after the other; the last answers.
    pub(crate) fn who_has(
        &mut self,
        now: Time,
        on: AttachmentId,
        said: &Neighbour,
    ) -> Result<Outcome, Refusal> {
        let link = self.snapshot.link(on).ok_or(DropReason::AttachmentGone)?;
        let own_mac = link.mac;
        let is_answered = match &link.behind {
            // Neighbours on a segment answer for themselves, as the asker does for its own addresses.
            Behind::Nics { addresses, segment, .. } => {
                !(holds(addresses, said.target) || *segment && is_link_local_v6(said.target))
            }
            Behind::Internet(_) | Behind::OnPremises { .. } => self.snapshot.answers_for(link, said.target),
        };
        let &Neighbour { request, sender, sender_mac: mac, target } = said;
        let answers = !request && self.snapshot.own_address(link, sender) == Some(target);
        let learnt = self.shared.neighbours.learn(on, &Said { sender, mac, answers }, self.worker, now);
        self.release(on, mac, learnt.waited);
        if let Some(worker) = learnt.next {
            return Ok(Outcome::HandOver(worker));
        }
        let is_answered = is_answered && said.wants_answer();
        if is_answered {
            self.originate(on, |out| neighbour_reply(out, (own_mac, target), (mac, sender)));
        }
        match (learnt.contradicted, is_answered) {
            (true, _) => Err(DropReason::ContradictedNeighbour.into()),
            (false, true) => Ok(Outcome::Ends(Ending::Answered)),
            (false, false) => Ok(Outcome::Ends(Ending::Consumed)),
        }
    }
}
