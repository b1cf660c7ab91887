//! The identifications that packets get under an address that several machines share, where their own could mix in
//! reassembly (RFC 6864, section 5.3.1).
//!
//! All workers count on from one number. Each takes a stretch of it at a time, since a device counts on by one with every packet
//! of a super-frame, and since workers that all write to one place wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many a worker takes at once, where one frame does not need more.
const STRETCH: u64 = 64;

/// How far the others may count before what is left of a worker's stretch lapses. They come round to it after 65,536.
const LAPSES_AFTER: u64 = 0x8000;

/// Where the count is. It goes on for ever; an identification is its lower 16 bits.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    /// A count from `start` on.
    pub(crate) const fn new(start: u16) -> Self {
        Self(AtomicU64::new(start as u64))
    }
}

/// The stretch that a worker has, from `next` to before `end`.
#[derive(Debug, Default)]
pub(crate) struct Identification {
    next: u64,
    end: u64,
}

impl Identification {
    /// The first of so many in a row, all this worker's: none of them is given out again before all
    /// workers have counted some 30,000 further (32,768 less the longest stretch).
    #[inline]
    pub(crate) fn take(&mut self, count: &Count, packets: u32) -> u16 {
        let packets = u64::from(packets);
        let others = count.0.load(Ordering::Relaxed).saturating_sub(self.end);
        if packets > self.end - self.next || others >= LAPSES_AFTER {
            let size = packets.max(STRETCH);
            self.next = count.0.fetch_add(size, Ordering::Relaxed);
            self.end = self.next + size;
        }
        let first = self.next;
        self.next += packets;
        first as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// Against a list of when each was last given out.
        #[test]
        fn none_comes_again_before_half_of_all_were_given_out(
            start: u16,
            workers in 1..65usize,
            frames in prop::collection::vec((
                any::<prop::sample::Index>(),
                prop_oneof![4 => 1..2u32, 2 => 2..129u32, 1 => 129..2_400u32],
                // The same worker so often: the others' stretches grow old.
                prop_oneof![4 => 1..3u32, 1 => 1..200u32],
            ), 1..300),
        ) {
            let count = Count::new(start);
            let mut mine: Vec<Identification> = (0..workers).map(|_| Identification::default()).collect();
            let mut last: HashMap<u16, u64> = HashMap::new();
            for (worker, packets, times) in frames {
                for _ in 0..times {
                    let first = mine[worker.index(workers)].take(&count, packets);
                    let stretch = &mine[worker.index(workers)];
                    prop_assert!(stretch.next <= stretch.end && stretch.end <= count.0.load(Ordering::Relaxed));
                    for nth in 0..packets {
                        let at = stretch.next - u64::from(packets - nth);
                        let identification = first.wrapping_add(nth as u16);
                        prop_assert_eq!(identification, at as u16);
                        // By the place in the count: what lies between two places was another's or is given up.
                        if let Some(before) = last.insert(identification, at) {
                            prop_assert!(at >= before + 0x1_0000, "{at} after {before}");
                        }
                        let now = count.0.load(Ordering::Relaxed);
                        prop_assert!(now - at < LAPSES_AFTER + 2_400, "{at} is old at {now}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_frame_of_more_packets_than_a_stretch_stays_in_its_own() {
        let count = Count::new(u16::MAX);
        let [mut one, mut other] = [Identification::default(), Identification::default()];
        assert_eq!((one.take(&count, 1), other.take(&count, 1)), (0xffff, 63));
        assert_eq!((one.take(&count, 2_341), other.take(&count, 1)), (127, 64));
        assert_eq!((one.take(&count, 1), other.take(&count, 63)), (2_468, 2_532));
    }
}
