//! The next hop that one worker met last on each attachment, so that flows which begin need not ask the table of all workers.
//!
//! A NIC's attachment has one next hop, and the internet's mostly one, so that is nearly every flow. It is a copy like those in
//! flow records: it holds while the epoch is the attachment's.

use packet::{Address, AttachmentId, Mac};

/// The last next hops, by attachment.
#[derive(Debug, Default)]
pub(crate) struct Recent(Vec<Option<Met>>);

/// A next hop, where it was found, and the epoch before it was asked for.
#[derive(Clone, Copy, Debug)]
struct Met {
    address: Address,
    mac: Mac,
    epoch: u32,
}

impl Recent {
    /// The hardware address of a next hop, where it is known to hold still.
    #[inline]
    pub(crate) fn find(&self, on: AttachmentId, address: Address, epoch: u32) -> Option<Mac> {
        let met = self.0.get(usize::from(on.0)).copied().flatten()?;
        (met.address == address && met.epoch == epoch).then_some(met.mac)
    }

    /// Has a place for each attachment whose number is below `count`; what is known stays.
    pub(crate) fn make_room(&mut self, count: usize) {
        self.0.resize(count.max(self.0.len()), None);
    }

    /// Takes in what the table has said, where there is a place for it.
    pub(crate) fn meet(&mut self, on: AttachmentId, address: Address, mac: Mac, epoch: u32) {
        if let Some(place) = self.0.get_mut(usize::from(on.0)) {
            *place = Some(Met { address, mac, epoch });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_next_hop_is_known_until_its_epoch_or_another_comes() {
        let [one, other] = [1, 2].map(Address::from_v4_bits);
        let on = AttachmentId(3);
        let mut recent = Recent::default();
        recent.meet(on, one, [1; 6], 7);
        assert_eq!(recent.find(on, one, 7), None, "there is no place yet");
        recent.make_room(4);
        recent.meet(on, one, [1; 6], 7);
        assert_eq!(recent.find(on, one, 7), Some([1; 6]));
        assert_eq!(recent.find(on, one, 8), None);
        assert_eq!(recent.find(on, other, 7), None);
        assert_eq!(recent.find(AttachmentId(2), one, 7), None);
        recent.make_room(2);
        assert_eq!(recent.find(on, one, 7), Some([1; 6]));
        recent.meet(on, other, [2; 6], 8);
        assert_eq!((recent.find(on, one, 8), recent.find(on, other, 8)), (None, Some([2; 6])));
    }
}
