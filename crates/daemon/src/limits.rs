//! How much of what packets cause is logged.

use packet::Time;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Limits what packets can cause to be logged: a token bucket for each subject, such as a reason and an interface.
///
/// What is held back is counted and told with the subject's next line, so that the lines' numbers add up.
#[derive(Debug)]
pub(crate) struct Limits<K> {
    buckets: HashMap<K, Bucket>,
    /// Of all subjects for which there was no bucket left.
    others: Bucket,
}

/// The lines that a subject may have at once.
const BURST: u64 = 3;
/// How soon a subject may have one more line.
const REFILL: Duration = Duration::from_secs(10);
/// The most subjects that have a bucket of their own.
const SUBJECTS: usize = 256;

#[derive(Debug, Default)]
struct Bucket {
    /// When it was last full, or would have been with what was taken since.
    full_at: Option<Time>,
    held_back: u64,
}

impl<K> Default for Limits<K> {
    fn default() -> Self {
        Self { buckets: HashMap::new(), others: Bucket::default() }
    }
}

impl<K: Eq + Hash> Limits<K> {
    /// Counts `events` of a subject; how many a line may tell now, those held back included, or `None` for no line.
    pub(crate) fn pass(&mut self, now: Time, subject: K, events: u64) -> Option<u64> {
        let known = self.buckets.len() < SUBJECTS || self.buckets.contains_key(&subject);
        let bucket = if known { self.buckets.entry(subject).or_default() } else { &mut self.others };
        bucket.held_back = bucket.held_back.saturating_add(events);
        (events > 0 && bucket.take(now)).then(|| std::mem::take(&mut bucket.held_back))
    }

    /// Events that no line has told yet.
    #[cfg(test)]
    fn held_back(&self) -> u64 {
        self.buckets.values().chain([&self.others]).map(|bucket| bucket.held_back).sum()
    }
}

impl Bucket {
    /// Takes a token, if there is one.
    fn take(&mut self, now: Time) -> bool {
        let full_at = self.full_at.filter(|at| *at > now).unwrap_or(now);
        // As many refills as lines are missing from a full bucket; each line puts the moment of fullness off by one.
        let missing = full_at.since(now).as_nanos().div_ceil(REFILL.as_nanos());
        if missing >= u128::from(BURST) {
            return false;
        }
        self.full_at = Some(full_at + REFILL);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(count: u64) -> Time {
        Time::ZERO + Duration::from_secs(count)
    }

    #[test]
    fn a_subject_has_a_burst_and_then_a_line_each_refill() {
        let mut limits = Limits::default();
        assert_eq!(limits.pass(Time::ZERO, "a", 0), None, "nothing happened");
        let lines: Vec<_> = (0..60).filter_map(|at| limits.pass(seconds(at), "a", 2)).collect();
        assert_eq!(lines, [2, 2, 2, 16, 20, 20, 20, 20], "at 0, 1, 2, 10, 20, 30, 40 and 50 seconds");
        assert_eq!(limits.held_back(), 18);
        assert_eq!(limits.pass(seconds(60), "b", 1), Some(1), "another subject has its own");
        let after_a_pause: Vec<_> = (0..4).map(|_| limits.pass(seconds(600), "a", 1)).collect();
        assert_eq!(after_a_pause, [Some(19), Some(1), Some(1), None]);
    }

    #[test]
    fn a_flood_of_a_million_subjects_writes_few_lines_and_loses_no_count() {
        let mut limits = Limits::default();
        let (mut lines, mut told) = (0, 0);
        for event in 0..1_000_000_u32 {
            // A million events, each about a subject of its own, within ten seconds.
            let now = Time::ZERO + Duration::from_micros(10) * event;
            if let Some(events) = limits.pass(now, event, 1) {
                lines += 1;
                told += events;
            }
        }
        assert!(lines as u64 <= SUBJECTS as u64 + BURST + 1, "{lines}");
        assert_eq!(told + limits.held_back(), 1_000_000);
        assert_eq!(limits.buckets.len(), SUBJECTS);
    }
}
