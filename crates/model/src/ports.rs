//! Sets of ports.

use std::fmt;
use std::ops::RangeInclusive;

/// A set of ports as sorted ranges that neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct PortSet(Vec<(u16, u16)>);

impl PortSet {
    /// Every port: `*`, or ranges whose union is 0-65535.
    pub fn full() -> Self {
        Self(vec![(0, u16::MAX)])
    }

    /// The union of `ranges`. An empty range (end before start) adds nothing.
    pub fn from_ranges(ranges: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        let mut sorted: Vec<(u16, u16)> =
            ranges.into_iter().filter(|range| !range.is_empty()).map(RangeInclusive::into_inner).collect();
        sorted.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(sorted.len());
        for (start, end) in sorted {
            match merged.last_mut() {
                Some(last) if u32::from(start) <= u32::from(last.1) + 1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        Self(merged)
    }

    /// Whether the set holds every port.
    pub fn is_full(&self) -> bool {
        self.0 == [(0, u16::MAX)]
    }

    /// Whether the set holds `port`.
    pub fn contains(&self, port: u16) -> bool {
        self.0.iter().any(|&(start, end)| (start..=end).contains(&port))
    }

    /// The ranges, sorted, apart from each other.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u16>> + '_ {
        self.0.iter().map(|&(start, end)| start..=end)
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_full() {
            return f.write_str("*");
        }
        for (nth, &(start, end)) in self.0.iter().enumerate() {
            let comma = if nth == 0 { "" } else { "," };
            if start == end { write!(f, "{comma}{start}")? } else { write!(f, "{comma}{start}-{end}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_become_one() {
        let set = PortSet::from_ranges([80..=80, 81..=90, 0..=10, 5..=20]);
        assert_eq!(set.ranges().collect::<Vec<_>>(), [0..=20, 80..=90]);
        assert_eq!(set.to_string(), "0-20,80-90");
    }

    #[test]
    fn full_is_full_however_it_is_written() {
        assert!(PortSet::from_ranges([0..=32767, 32768..=65535]).is_full());
        assert!(!PortSet::from_ranges([1..=65535]).is_full());
    }
}
