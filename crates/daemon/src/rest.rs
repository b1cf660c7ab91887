//! When the number of an attachment that is no more can be another's.
//!
//! Flows, next hops, fragments and frames between workers carry the number. It rests until every worker has ended the
//! flows of attachments that are gone, nothing that they share remembers it, and every frame that waited between workers
//! when this was first asked has been taken; a frame of an attachment that no policy has ends where it is taken.

use packet::AttachmentId;
use std::collections::{BTreeSet, HashMap};

/// How far a worker is with what attachments have left.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Progress {
    /// Whether flows of attachments that are gone may be left.
    pub(crate) is_sweeping: bool,
    /// How many frames it has taken out of its queue since the start.
    pub(crate) taken: u64,
    /// How many wait there.
    pub(crate) waiting: u64,
}

/// The numbers that rest, each with what every worker must have taken.
#[derive(Debug, Default)]
pub(crate) struct Resting(HashMap<AttachmentId, Vec<u64>>);

impl Resting {
    /// Takes in which numbers are attachments' now: whichever of them is none's later rests from its beginning.
    pub(crate) fn wake(&mut self, used: impl Iterator<Item = AttachmentId>) {
        used.for_each(|id| drop(self.0.remove(&id)));
    }

    /// Takes in which numbers are no attachment's, and how far the workers are. Returns those that have rested.
    ///
    /// A number must be seen to rest twice.
    pub(crate) fn look(
        &mut self,
        unused: &BTreeSet<AttachmentId>,
        workers: &[Progress],
        remembers: impl Fn(AttachmentId) -> bool,
    ) -> BTreeSet<AttachmentId> {
        let has_rested = |must_take: &[u64]| {
            must_take.len() == workers.len()
                && must_take.iter().zip(workers).all(|(least, at)| !at.is_sweeping && at.taken >= *least)
        };
        let rested = self.0.iter().filter(|(id, must_take)| has_rested(must_take) && !remembers(**id));
        let rested: BTreeSet<_> = rested.map(|(id, _)| *id).collect();
        self.0.retain(|id, _| !rested.contains(id));
        for id in unused.difference(&rested) {
            self.0.entry(*id).or_insert_with(|| workers.iter().map(|at| at.taken + at.waiting).collect());
        }
        rested
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gateway::{Host, Ids, load_text};
    use std::path::Path;

    const FILE: &str = "
network:
  resources:
    - type: Microsoft.Network/virtualNetworks
      name: v
      properties:
        addressSpace: { addressPrefixes: [10.0.0.0/16] }
        subnets: [{ name: s, properties: { addressPrefix: 10.0.1.0/24 } }]
    - type: Microsoft.Network/networkInterfaces
      name: n
      properties:
        ipConfigurations: [{ name: p, properties: { subnet: { id: v/s }, privateIPAddress: 10.0.1.4 } }]
attachments:
  - { interface: NAME, nic: n }
";

    /// What is left of an attachment: a flow until a sweep is over, a frame at a place of a queue, a next hop for a while.
    struct Left {
        id: AttachmentId,
        swept_at: u64,
        place: u64,
        forgotten_at: u64,
    }

    #[test]
    fn a_number_that_was_used_between_two_looks_rests_again() {
        let (id, mut resting) = (AttachmentId(5), Resting::default());
        let unused = BTreeSet::from([id]);
        let look = |resting: &mut Resting, taken, waiting| {
            let at = Progress { is_sweeping: false, taken, waiting };
            !resting.look(&unused, &[at], |_| false).is_empty()
        };
        assert!(!look(&mut resting, 0, 3));
        // A reload attaches it, it receives four frames that are handed over, and another reload detaches it.
        resting.wake([id].into_iter());
        assert!(!look(&mut resting, 10, 4), "frames of its second life wait");
        assert!(!look(&mut resting, 13, 1));
        assert!(look(&mut resting, 14, 0));
    }

    #[test]
    fn ten_thousand_names_need_few_numbers_and_none_is_given_on_too_early() {
        let (mut ids, mut resting) = (Ids::default(), Resting::default());
        let mut left: Vec<Left> = Vec::new();
        let (mut put, mut most) = (0, 0);
        for round in 0..10_000_u64 {
            let text = FILE.replace("NAME", &format!("veth{round}"));
            let loaded = load_text(Path::new("g.yaml"), &text, &mut ids, &Host::Unseen).expect("it is sound");
            let id = loaded.gateway.attachments[0].id;
            // The queue is some rounds behind, and is emptied to its end each fifth round.
            put += 3;
            let taken = if round % 5 == 0 { put } else { put - put % 15 };
            let is_left = |one: &Left| round < one.swept_at || taken < one.place || round < one.forgotten_at;
            assert!(
                left.iter().all(|one| one.id != id || !is_left(one)),
                "round {round}: {id:?} means another"
            );
            left.retain(is_left);
            left.push(Left {
                id,
                swept_at: round + 2 + round % 7,
                place: put,
                forgotten_at: round + round % 31,
            });
            most = most.max(id.0);

            let sweeping = left.iter().any(|one| one.id != id && round < one.swept_at) && round % 9 != 0;
            // A sweep that is over has ended the flows of all that are gone.
            if !sweeping {
                left.iter_mut().filter(|one| one.id != id).for_each(|one| one.swept_at = 0);
            }
            let at = Progress { is_sweeping: sweeping, taken, waiting: put - taken };
            let unused = ids.taken().filter(|taken| *taken != id).collect();
            let remembers = |id| left.iter().any(|one| one.id == id && round < one.forgotten_at);
            ids.give_back(&resting.look(&unused, &[at], remembers));
        }
        assert!(most < 100, "{most} numbers for one attachment");
    }
}
