//! The hash behind tables whose keys others choose.

use siphasher::sip::SipHasher13;
use std::hash::BuildHasher;

/// A hash under a secret key, so that nobody outside can choose keys that collide.
#[derive(Clone)]
pub struct Secret(SipHasher13);

impl Secret {
    /// The hash under `seed`, which must be drawn at random outside tests.
    pub fn new(seed: [u64; 2]) -> Self {
        Self(SipHasher13::new_with_keys(seed[0], seed[1]))
    }
}

impl BuildHasher for Secret {
    type Hasher = SipHasher13;

    #[inline]
    fn build_hasher(&self) -> SipHasher13 {
        self.0
    }
}
