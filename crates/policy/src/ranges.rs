//! Sets of addresses or ports as sorted ranges.
//!
//! Addresses are the 128 bits of [`packet::Address`], so one line of numbers holds both families: IPv4 lies in
//! its mapped block, and IPv6 is everything else.

use ipnet::{IpNet, Ipv4Subnets, Ipv6Subnets};
use model::PortSet;
use packet::Address;
use std::net::IpAddr;

/// A range of whole numbers, both ends included.
pub type Range = (u128, u128);

/// The block of the number line that is IPv4.
pub const IPV4: Range = (Address::from_v4_bits(0).bits(), Address::from_v4_bits(u32::MAX).bits());

/// A set of whole numbers as sorted ranges that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Ranges(Vec<Range>);

impl Ranges {
    /// Every address of both families.
    pub fn every_address() -> Self {
        Self(vec![(0, u128::MAX)])
    }

    /// The union of prefixes.
    pub fn of_prefixes<'a>(prefixes: impl IntoIterator<Item = &'a IpNet>) -> Self {
        let mut four = Vec::new();
        let mut six = Vec::new();
        for prefix in prefixes {
            match prefix {
                IpNet::V4(net) => {
                    four.push((Address::from(net.network()).bits(), Address::from(net.broadcast()).bits()));
                }
                IpNet::V6(net) => six.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        // An IPv6 prefix never holds an IPv4 address, though `::/0` spans the mapped block.
        let six = Self::union(six).minus(&Self(vec![IPV4]));
        Self::union(four.into_iter().chain(six.0))
    }

    /// The union of single addresses.
    pub fn of_addresses(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self::union(addresses.into_iter().map(|ip| {
            let bits = Address::from(ip).bits();
            (bits, bits)
        }))
    }

    /// The same ports as ranges.
    pub fn of_ports(ports: &PortSet) -> Self {
        Self(ports.ranges().map(|range| (u128::from(*range.start()), u128::from(*range.end()))).collect())
    }

    /// The union of ranges in any order.
    pub fn union(ranges: impl IntoIterator<Item = Range>) -> Self {
        let mut sorted: Vec<Range> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut merged: Vec<Range> = Vec::with_capacity(sorted.len());
        for (start, end) in sorted {
            match merged.last_mut() {
                Some(last) if start <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// What lies in this set and not in `other`.
    pub fn minus(&self, other: &Self) -> Self {
        let mut rest = Vec::with_capacity(self.0.len());
        for &(start, end) in &self.0 {
            let first = other.0.partition_point(|hole| hole.1 < start);
            let mut next = Some(start);
            for &(hole_start, hole_end) in other.0.iter().skip(first).take_while(|hole| hole.0 <= end) {
                match next {
                    Some(from) if from < hole_start => rest.push((from, hole_start - 1)),
                    _ => {}
                }
                next = hole_end.checked_add(1);
            }
            match next {
                Some(from) if from <= end => rest.push((from, end)),
                _ => {}
            }
        }
        Self(rest)
    }

    /// The fewest prefixes that hold the same addresses, IPv4 first, in order.
    pub fn prefixes(&self) -> Vec<IpNet> {
        let (four, mut six) = self.families();
        // An IPv6 prefix may span the mapped block, of which it holds nothing: all of IPv6 is `::/0`.
        if six.contains(IPV4.0 - 1) && six.contains(IPV4.1 + 1) {
            six = Self::union(six.0.into_iter().chain([IPV4]));
        }
        let four = four.0.into_iter().flat_map(|(start, end)| {
            // The low 32 bits of a mapped address are the IPv4 address.
            Ipv4Subnets::new((start as u32).into(), (end as u32).into(), 0).map(IpNet::V4)
        });
        let six = six
            .0
            .into_iter()
            .flat_map(|(start, end)| Ipv6Subnets::new(start.into(), end.into(), 0).map(IpNet::V6));
        four.chain(six).collect()
    }

    /// The addresses of IPv4, and those of IPv6.
    pub(crate) fn families(&self) -> (Self, Self) {
        let six = self.minus(&Self(vec![IPV4]));
        (self.minus(&six), six)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it holds a number.
    pub fn contains(&self, number: u128) -> bool {
        let after = self.0.partition_point(|range| range.0 <= number);
        after.checked_sub(1).and_then(|last| self.0.get(last)).is_some_and(|range| number <= range.1)
    }

    /// The ranges in order.
    pub fn as_slice(&self) -> &[Range] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Ranges {
        Ranges::of_prefixes(&texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpNet>>())
    }

    #[test]
    fn prefixes_merge_where_they_touch() {
        assert_eq!(prefixes(&["10.0.0.0/25", "10.0.0.128/25"]), prefixes(&["10.0.0.0/24"]));
        assert_eq!(prefixes(&["0.0.0.0/1", "128.0.0.0/1"]).as_slice(), [IPV4]);
        assert_eq!(prefixes(&["::/0", "0.0.0.0/0"]), Ranges::every_address());
    }

    #[test]
    fn an_ipv6_prefix_holds_no_ipv4() {
        let all_v6 = prefixes(&["::/0"]);
        assert_eq!(all_v6.as_slice(), [(0, IPV4.0 - 1), (IPV4.1 + 1, u128::MAX)]);
        assert_eq!(prefixes(&["::ffff:0:0/96"]), Ranges::default());
    }

    #[test]
    fn prefixes_come_back_few_and_in_order() {
        let written = ["2001:db8::/32", "10.0.0.128/25", "10.0.1.0/24", "10.0.0.0/25", "1.2.3.4/32"];
        let back: Vec<IpNet> =
            ["1.2.3.4/32", "10.0.0.0/23", "2001:db8::/32"].iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(prefixes(&written).prefixes(), back);
        // What `::/0` holds has a hole where IPv4 lies.
        for written in [&["::/0"][..], &["0.0.0.0/0", "::/0"], &["10.0.0.0/8", "::/8"]] {
            let same: Vec<IpNet> = written.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(prefixes(written).prefixes(), same);
        }
        assert_eq!(Ranges::every_address().prefixes().len(), 2);
    }

    #[test]
    fn minus_leaves_the_rest() {
        let set = Ranges::union([(0, 9), (20, 29), (40, u128::MAX)]);
        let holes = Ranges::union([(0, 0), (5, 22), (25, 25), (29, 39), (50, u128::MAX)]);
        assert_eq!(set.minus(&holes).as_slice(), [(1, 4), (23, 24), (26, 28), (40, 49)]);
        assert_eq!(set.minus(&Ranges::default()), set);
        assert_eq!(set.minus(&set), Ranges::default());
        assert_eq!(Ranges::default().minus(&set), Ranges::default());
    }
}
