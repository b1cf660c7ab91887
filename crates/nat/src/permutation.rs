//! The order in which a pool's ports come out: a secret shuffle that needs no table.

use crate::Ports;

/// Rounds of the Feistel network; four make a permutation look random, two more pay for the light round function.
const ROUNDS: u32 = 6;

/// A keyed permutation of a pool's ports.
///
/// It is a Feistel network over as many bits as the ports need, an even number of them. The results beyond the last port are
/// permuted again until one fits (cycle walking), which keeps it a permutation of exactly those ports: 1.02 walks on average
/// for all 64,511, and less than four for any range.
#[derive(Clone, Copy)]
pub(crate) struct Permutation {
    key: u64,
    ports: Ports,
    /// The bits of a half.
    half: u32,
}

impl Permutation {
    pub(crate) const fn new(key: u64, ports: Ports) -> Self {
        let bits = 16 - (ports.size() - 1).leading_zeros();
        let half = bits.div_ceil(2);
        Self { key, ports, half: if half == 0 { 1 } else { half } }
    }

    /// The port at `index`, which must be below the number of ports.
    ///
    /// The walk ends: permuting again and again comes back to `index` at the latest, and that is in range.
    #[inline]
    pub(crate) fn port(self, index: u16) -> u16 {
        debug_assert!(index < self.ports.size());
        let mut place = self.shuffle(index);
        while place >= self.ports.size() {
            place = self.shuffle(place);
        }
        self.ports.first() + place
    }

    #[inline]
    fn shuffle(self, index: u16) -> u16 {
        let (mut left, mut right) = (index >> self.half, index & ((1 << self.half) - 1));
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.round(round, right));
        }
        left << self.half | right
    }

    /// A half that depends on every bit of the key, the round and the other half.
    #[inline]
    fn round(self, round: u32, other: u16) -> u16 {
        let mixed = (self.key.rotate_right(8 * round) ^ u64::from(other)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) >> (64 - self.half)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CAPACITY;
    use std::collections::BTreeSet;

    #[test]
    fn every_port_has_one_index() {
        for (first, last) in [
            (1025, 65_535),
            (49_152, 65_535),
            (2_000, 2_000),
            (65_535, 65_535),
            (2_000, 2_001),
            (30_000, 30_004),
            (1_025, 1_280),
            (1_025, 1_281),
        ] {
            for key in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef] {
                let order = Permutation::new(key, Ports::new(first..=last).unwrap());
                let ports: Vec<u16> = (0..=last - first).map(|index| order.port(index)).collect();
                let sorted: BTreeSet<u16> = ports.iter().copied().collect();
                assert!(sorted.into_iter().eq(first..=last), "{first}-{last}");
            }
        }
    }

    #[test]
    fn one_bit_of_the_key_changes_the_order() {
        let order = Permutation::new(0x0123_4567_89ab_cdef, Ports::ALL);
        for bit in 0..64 {
            let other = Permutation::new(0x0123_4567_89ab_cdef ^ 1 << bit, Ports::ALL);
            let same = (0..CAPACITY as u16).filter(|&index| order.port(index) == other.port(index)).count();
            assert!(same < 20, "bit {bit}: {same} ports in the same place");
        }
    }
}
