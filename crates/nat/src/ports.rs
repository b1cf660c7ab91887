//! The ports that pools consist of.

use crate::PORTS;
use std::ops::RangeInclusive;

/// The ports that flows can be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// All that there are: [`PORTS`].
    pub const ALL: Self = Self { first: *PORTS.start(), last: *PORTS.end() };

    /// Those of `range` that are in [`PORTS`], or all where none is.
    pub fn new(range: RangeInclusive<u16>) -> Self {
        let new = Self { first: *range.start().max(PORTS.start()), last: *range.end() };
        if new.first <= new.last { new } else { Self::ALL }
    }

    /// The lowest.
    pub const fn first(self) -> u16 {
        self.first
    }

    /// How many there are, at least one.
    pub const fn size(self) -> u16 {
        self.last - self.first + 1
    }

    /// Whether a port is one of them.
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }
}
