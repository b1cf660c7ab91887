//! The hash of tables whose keys are the operator's own and stay as they are from one reload to the next.
//!
//! Nobody outside puts a key in, so nobody can choose ones that fall together, and no secret is needed. What others choose is
//! only asked for; what that costs follows from the keys that are there.

use std::hash::{BuildHasherDefault, Hasher};

/// Makes [`Scatter`]s.
pub(crate) type Scattered = BuildHasherDefault<Scatter>;

/// Multiplies and folds, a word at a time.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Scatter(u64);

/// An odd number without a pattern: the golden ratio's fraction.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl Scatter {
    /// Both halves of the product, so that every bit of the word counts in every bit.
    #[inline]
    fn take(&mut self, word: u64) {
        let product = u128::from((self.0 ^ word).wrapping_add(FACTOR)) * u128::from(FACTOR);
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

impl Hasher for Scatter {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.take((*byte).into()));
    }

    #[inline]
    fn write_u16(&mut self, word: u16) {
        self.take(word.into());
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.take(word.into());
    }

    #[inline]
    fn write_u128(&mut self, word: u128) {
        self.take(word as u64);
        self.take((word >> 64) as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packet::{Address, Scope};
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    /// Addresses in a row, as subnets have them, neither share a place in a table nor the seven bits that tell those of a place
    /// apart.
    #[test]
    fn addresses_in_a_row_are_scattered() {
        let secretless = Scattered::default();
        let networks = [0xa00_0000, 0xc0a8_0000].map(|v4| Address::from_v4_bits(v4).bits());
        for first in [networks[0], networks[1], 0xfd00 << 112] {
            for scope in [Scope(0), Scope(1), Scope(40_000)] {
                let keys = (0..65_536_u128).map(|nth| (scope, nth + first));
                let hashes: Vec<u64> = keys.map(|key| secretless.hash_one(key)).collect();
                let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0xffff).collect();
                let tops: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
                // At random 41,400 of them are taken.
                assert!(places.len() > 40_000, "{} places of {first:x}", places.len());
                assert_eq!(tops.len(), 128);
            }
        }
    }
}
