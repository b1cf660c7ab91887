//! The ports that pools consist of.

use crate::PORTS;
use std::ops::RangeInclusive;

/// The ports that flows can be given: a range of [`PORTS`], at least one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// All that there are: [`PORTS`].
    pub const ALL: Self = Self { first: *PORTS.start(), last: *PORTS.end() };

    /// Those of `range`; `None` where it is empty or has one beside [`PORTS`].
    pub const fn new(range: RangeInclusive<u16>) -> Option<Self> {
        let (first, last) = (*range.start(), *range.end());
        if first <= last && first >= *PORTS.start() { Some(Self { first, last }) } else { None }
    }

    /// From the lowest to the highest.
    pub const fn range(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }

    /// The lowest.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// How many there are.
    pub const fn size(self) -> u16 {
        self.last - self.first + 1
    }

    /// Whether a port is one of them.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}
