//! Prefixes that each stand for something, cut into ranges once and then found by one search.

use ipnet::IpNet;
use packet::Address;
use policy::Ranges;
use std::net::Ipv6Addr;

/// What each address stands for, by the prefixes that hold it.
#[derive(Debug)]
pub struct Prefixes<T> {
    /// Where each range begins, ascending; it ends before the next one.
    starts: Vec<Address>,
    values: Vec<Option<T>>,
}

/// A prefix that holds whatever comes next: its last address, and what counts inside.
struct Open<T> {
    last: Address,
    rank: u8,
    value: T,
}

impl<T: Copy> Prefixes<T> {
    /// Of several prefixes that hold an address those with the highest rank count, and of these the longest.
    ///
    /// # Cost
    /// That of sorting.
    pub(crate) fn new(entries: impl IntoIterator<Item = (IpNet, u8, T)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        // Prefixes are nested or apart, so those around one come before it and are still open.
        entries.sort_by_key(|(prefix, rank, _)| (first(prefix), prefix.prefix_len(), *rank));
        let mut ranges = Self { starts: Vec::new(), values: Vec::new() };
        let mut open: Vec<Open<T>> = Vec::new();
        for (prefix, rank, value) in entries {
            let start = first(&prefix);
            while open.last().is_some_and(|around| around.last < start) {
                ranges.close(&mut open);
            }
            let around = open.last().filter(|around| around.rank > rank);
            let (rank, value) = around.map_or((rank, value), |around| (around.rank, around.value));
            ranges.turn(start, Some(value));
            open.push(Open { last: prefix.broadcast().into(), rank, value });
        }
        while !open.is_empty() {
            ranges.close(&mut open);
        }
        ranges
    }

    /// Ends the innermost prefix: after it counts what is around it.
    fn close(&mut self, open: &mut Vec<Open<T>>) {
        let ended = open.pop().and_then(|ended| ended.last.bits().checked_add(1));
        if let Some(after) = ended {
            self.turn(Ipv6Addr::from_bits(after).into(), open.last().map(|around| around.value));
        }
    }

    /// From `at` on counts `value`.
    fn turn(&mut self, at: Address, value: Option<T>) {
        if self.starts.last() == Some(&at) {
            self.starts.pop();
            self.values.pop();
        }
        self.starts.push(at);
        self.values.push(value);
    }

    /// What an address stands for, or `None` where no prefix holds it.
    ///
    /// # Cost
    /// One binary search.
    #[inline]
    pub fn find(&self, address: Address) -> Option<T> {
        let after = self.starts.partition_point(|start| *start <= address);
        *self.values.get(after.checked_sub(1)?)?
    }
}

impl<T> Prefixes<T> {
    /// Every address that stands for something.
    pub(crate) fn held(&self) -> Ranges {
        let after = self.starts.iter().skip(1).map(|next| next.bits() - 1).chain([u128::MAX]);
        let pieces = self.starts.iter().zip(after).zip(&self.values);
        Ranges::union(
            pieces.filter(|(_, value)| value.is_some()).map(|((start, end), _)| (start.bits(), end)),
        )
    }
}

fn first(prefix: &IpNet) -> Address {
    prefix.network().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same by looking at every prefix.
    fn slowly(entries: &[(IpNet, u8, usize)], address: Address) -> Option<(u8, u8)> {
        let holding = entries.iter().filter(|(prefix, ..)| prefix.contains(&address.ip()));
        holding.map(|(prefix, rank, _)| (*rank, prefix.prefix_len())).max()
    }

    fn entries() -> impl Strategy<Value = Vec<(IpNet, u8, usize)>> {
        let prefix = (0u8..16, 0u8..3, 24u8..=32, any::<bool>()).prop_map(|(low, rank, length, v4)| {
            let net = if v4 {
                IpNet::new([10, 0, 0, low * 16].into(), length).unwrap()
            } else {
                let v6 = Ipv6Addr::from_bits(0xfd00 << 112 | u128::from(low) << 4);
                IpNet::new(v6.into(), length + 96).unwrap()
            };
            (net.trunc(), rank)
        });
        proptest::collection::vec(prefix, 0..12).prop_map(|list| {
            list.into_iter().enumerate().map(|(nth, (net, rank))| (net, rank, nth)).collect()
        })
    }

    proptest! {
        #[test]
        fn the_search_finds_what_looking_at_all_finds(entries in entries()) {
            let prefixes = Prefixes::new(entries.iter().copied());
            let v6 = |low: u128| Address::from(Ipv6Addr::from_bits(0xfd00 << 112 | low));
            let addresses = (0..512).flat_map(|low| [Address::from_v4_bits(0x0a00_0000 + low), v6(low.into())]);
            for address in addresses.chain([Address::UNSPECIFIED, v6(u128::MAX >> 16)]) {
                let found = prefixes.find(address).map(|nth| (entries[nth].1, entries[nth].0.prefix_len()));
                prop_assert_eq!(found, slowly(&entries, address), "{}", address);
                prop_assert_eq!(prefixes.held().contains(address.bits()), found.is_some(), "{}", address);
            }
        }
    }

    #[test]
    fn the_end_of_the_line_is_ordinary() {
        let last = "ffff:ffff::/32".parse().unwrap();
        let prefixes = Prefixes::new([(last, 0, 'x'), ("255.255.255.255/32".parse().unwrap(), 0, 'y')]);
        assert_eq!(prefixes.find(Ipv6Addr::from_bits(u128::MAX).into()), Some('x'));
        assert_eq!(prefixes.find(Address::from_v4_bits(u32::MAX)), Some('y'));
        assert_eq!(prefixes.find("1::".parse::<std::net::IpAddr>().unwrap().into()), None);
    }
}
