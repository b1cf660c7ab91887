//! How many ICMP errors the gateway sends.

use packet::Time;

/// The most ICMP errors that the gateway sends on one attachment in a second (RFC 1812, section 4.3.2.8).
const ERRORS_PER_SECOND: u32 = 1000;

/// How many more ICMP errors may be sent now.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    second: u64,
    used: u32,
}

impl Allowance {
    /// Takes one, if one is left in this second.
    pub(crate) fn take(&mut self, now: Time) -> bool {
        let second = now.nanos() / 1_000_000_000;
        // The workers' clocks are not quite one: who is still in the last second opens no new one.
        if second > self.second {
            *self = Self { second, used: 0 };
        }
        self.used += 1;
        self.used <= ERRORS_PER_SECOND
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn workers_in_two_seconds_are_allowed_no_more_than_one() {
        let mut allowance = Allowance::default();
        let at = |millis| Time::ZERO + Duration::from_millis(millis);
        let taken = (0..2 * ERRORS_PER_SECOND).filter(|nth| allowance.take(at(2_000 - u64::from(nth % 2))));
        assert_eq!(taken.count(), ERRORS_PER_SECOND as usize);
        assert!(allowance.take(at(3_000)));
    }
}
