//! Keys in words, and their keyed hash.
//!
//! Whoever sends packets chooses their tuples. With a hash that he can foresee he fills one chain of the index and
//! makes every lookup a walk. SipHash-1-3 under a secret seed is a pseudo-random function: even watching how long
//! answers take tells him nothing about the next key. The faster seeded hashes (foldhash, rapidhash, multilinear
//! sums) promise no such thing. What its strength costs is won back by hashing less: an IPv4 tuple is
//! 16 bytes, not 40.

use packet::{Address, FlowKey, Protocol, Scope};
use siphasher::sip::SipHasher13;
use std::net::Ipv6Addr;

/// A [`FlowKey`] in five words without padding: two addresses, then ports, scope and protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Words([u64; 5]);

impl Words {
    #[inline]
    pub(crate) fn new(key: &FlowKey) -> Self {
        let (source, destination) = (key.source.bits(), key.destination.bits());
        Self([
            (source >> 64) as u64,
            source as u64,
            (destination >> 64) as u64,
            destination as u64,
            u64::from(key.source_port) << 40
                | u64::from(key.destination_port) << 24
                | u64::from(key.scope.0) << 8
                | u64::from(key.protocol.0),
        ])
    }

    pub(crate) fn key(&self) -> FlowKey {
        let [source_high, source, destination_high, destination, rest] = self.0;
        FlowKey {
            source: address(source_high, source),
            destination: address(destination_high, destination),
            source_port: (rest >> 40) as u16,
            destination_port: (rest >> 24) as u16,
            scope: Scope((rest >> 8) as u16),
            protocol: Protocol(rest as u8),
        }
    }

    /// The tuple in two words if both addresses are IPv4.
    #[inline]
    fn short(&self) -> Option<[u64; 2]> {
        let [source_high, source, destination_high, destination, rest] = self.0;
        let mapped =
            (source_high | destination_high) == 0 && source >> 32 == 0xffff && destination >> 32 == 0xffff;
        mapped.then_some([source << 32 | destination & 0xffff_ffff, rest])
    }
}

fn address(high: u64, low: u64) -> Address {
    Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low)).into()
}

/// The table's secret.
#[derive(Debug)]
pub(crate) struct Seed(SipHasher13);

impl Seed {
    pub(crate) fn new([first, second]: [u64; 2]) -> Self {
        Self(SipHasher13::new_with_keys(first, second))
    }

    /// The key's hash: its low bits choose a chain, all of them are compared before the key is.
    #[inline]
    pub(crate) fn hash(&self, words: &Words) -> u32 {
        match words.short() {
            Some(short) => self.0.hash(short.map(u64::to_le_bytes).as_flattened()) as u32,
            None => self.0.hash(words.0.map(u64::to_le_bytes).as_flattened()) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn addresses() -> impl Strategy<Value = Address> {
        prop_oneof![
            any::<u32>().prop_map(Address::from_v4_bits),
            any::<u128>().prop_map(|bits| Ipv6Addr::from_bits(bits).into())
        ]
    }

    prop_compose! {
        fn keys()(source in addresses(), destination in addresses(), source_port: u16, destination_port: u16,
                  scope: u16, protocol: u8) -> FlowKey {
            let (scope, protocol) = (Scope(scope), Protocol(protocol));
            FlowKey { source, destination, source_port, destination_port, scope, protocol }
        }
    }

    proptest! {
        #[test]
        fn words_say_all_that_a_key_says(key in keys()) {
            prop_assert_eq!(Words::new(&key).key(), key);
        }

        #[test]
        fn every_field_moves_the_hash(key in keys(), bit in 0u32..16, seed: [u64; 2]) {
            let seed = Seed::new(seed);
            let hash = |key: &FlowKey| seed.hash(&Words::new(key));
            let flipped = |address: Address| Ipv6Addr::from_bits(address.bits() ^ 1 << bit).into();
            let others = [
                FlowKey { source: flipped(key.source), ..key },
                FlowKey { destination: flipped(key.destination), ..key },
                FlowKey { source_port: key.source_port ^ 1 << bit, ..key },
                FlowKey { destination_port: key.destination_port ^ 1 << bit, ..key },
                FlowKey { scope: Scope(key.scope.0 ^ 1 << bit), ..key },
                FlowKey { protocol: Protocol(key.protocol.0 ^ 1 << (bit % 8)), ..key },
            ];
            for other in others {
                prop_assert_ne!(hash(&key), hash(&other));
            }
        }
    }

    #[test]
    fn ipv6_that_looks_like_ipv4_is_hashed_whole() {
        let seed = Seed::new([1, 2]);
        let hash = |source: u128, destination: u128| {
            let [source, destination] = [source, destination].map(|bits| Ipv6Addr::from_bits(bits).into());
            seed.hash(&Words::new(&FlowKey { source, destination, ..FlowKey::default() }))
        };
        let mapped = 0xffff_0a00_0001;
        let strangers =
            (0..128).filter(|bit| (32..48).contains(bit) || *bit >= 64).map(|bit| mapped ^ 1 << bit);
        for stranger in strangers {
            assert_ne!(hash(mapped, mapped), hash(stranger, mapped));
            assert_ne!(hash(mapped, mapped), hash(mapped, stranger));
        }
    }

    #[test]
    fn the_seed_is_the_secret() {
        let words = Words::new(&FlowKey::default());
        let hash = |first, second| Seed::new([first, second]).hash(&words);
        assert!(hash(1, 2) != hash(2, 1) && hash(1, 2) != hash(1, 3));
    }

    /// Whoever knows one seed can fill one chain under it; under another seed the same keys lie as any others do.
    #[test]
    fn keys_that_collide_under_one_seed_are_spread_by_another() {
        const CHAINS: u32 = 4_096;
        let known = Seed::new([0, 0]);
        let tuples = (0u32..).map(|number| FlowKey {
            source: Address::from_v4_bits(0x0a00_0000 + (number >> 16)),
            source_port: number as u16,
            ..FlowKey::default()
        });
        let chosen =
            tuples.map(|key| Words::new(&key)).filter(|words| known.hash(words).is_multiple_of(CHAINS));
        let chosen: Vec<Words> = chosen.take(CHAINS as usize / 4).collect();
        for secret in [[1, 2], [0, 1], [0x5eed, 0xfeed]] {
            let secret = Seed::new(secret);
            let mut chains = vec![0; CHAINS as usize];
            chosen.iter().for_each(|words| chains[(secret.hash(words) % CHAINS) as usize] += 1);
            let longest = chains.into_iter().max();
            assert!(
                longest < Some(9),
                "a chain of {longest:?} where a quarter of them hold one key on average"
            );
        }
    }
}
