//! The order in which a pool's ports come out: a secret shuffle that needs no table.

use crate::{CAPACITY, PORTS};

/// Rounds of the Feistel network; four make a permutation look random, two more pay for the light round function.
const ROUNDS: u32 = 6;

/// A keyed permutation of a pool's ports.
///
/// It is a Feistel network over 16 bits. The few results beyond the last port are permuted again until one fits
/// (cycle walking), which keeps it a permutation of exactly the 64,511 ports: 1.02 walks on average.
#[derive(Clone, Copy)]
pub(crate) struct Permutation {
    key: u64,
}

impl Permutation {
    pub(crate) const fn new(key: u64) -> Self {
        Self { key }
    }

    /// The port at `index`, which must be below [`CAPACITY`].
    ///
    /// The walk ends: permuting again and again comes back to `index` at the latest, and that is in range.
    #[inline]
    pub(crate) fn port(self, index: u16) -> u16 {
        debug_assert!(usize::from(index) < CAPACITY);
        let mut place = self.shuffle(index);
        while usize::from(place) >= CAPACITY {
            place = self.shuffle(place);
        }
        PORTS.start() + place
    }

    #[inline]
    fn shuffle(self, index: u16) -> u16 {
        let [mut left, mut right] = index.to_be_bytes();
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        u16::from_be_bytes([left, right])
    }

    /// One byte that depends on every bit of the key, the round and the half.
    #[inline]
    fn round(self, round: u32, half: u8) -> u8 {
        let mixed = (self.key.rotate_right(8 * round) ^ u64::from(half)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 56) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_port_has_one_index() {
        for key in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
            let order = Permutation::new(key);
            let ports: BTreeSet<u16> = (0..CAPACITY as u16).map(|index| order.port(index)).collect();
            assert_eq!(ports.len(), CAPACITY);
            assert_eq!((ports.first(), ports.last()), (Some(PORTS.start()), Some(PORTS.end())));
        }
    }

    #[test]
    fn one_bit_of_the_key_changes_the_order() {
        let order = Permutation::new(0x0123_4567_89ab_cdef);
        for bit in 0..64 {
            let other = Permutation::new(0x0123_4567_89ab_cdef ^ 1 << bit);
            let same = (0..CAPACITY as u16).filter(|&index| order.port(index) == other.port(index)).count();
            assert!(same < 20, "bit {bit}: {same} ports in the same place");
        }
    }
}
