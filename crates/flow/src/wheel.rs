//! A lazy timing wheel: which record to look at next.
//!
//! A record hangs in one slot, never later than the tick it is due at (except for that tick's being beyond the
//! horizon, see [`Wheel::hang`]). Packets move a record's deadline but not the record: whoever empties a due slot
//! looks at the true deadline and hangs the record up again if it was seen since. Only a deadline that comes nearer
//! moves a record at once. So the hit path does no timer work, and each record is looked at about once per timeout.

use crate::lists::Lists;
use packet::Time;
use std::collections::TryReserveError;

/// The wheel's tick in nanoseconds: an eighth of a second, well below the shortest timeout that makes sense (1 s).
pub(crate) const TICK: u64 = 125_000_000;

/// Slots: 512 seconds, beyond every default timeout, so longer ones cost one extra look per eight minutes.
const SLOTS: u32 = 4096;
const WORDS: usize = SLOTS as usize / 64;

#[derive(Debug)]
pub(crate) struct Wheel {
    slots: Lists,
    /// One bit per slot that is not empty.
    occupied: [u64; WORDS],
    /// The tick whose slot is looked at next; the slots hang for the ticks `cursor .. cursor + SLOTS`.
    cursor: u64,
}

impl Wheel {
    /// An empty wheel, with memory for `records` record numbers.
    pub(crate) fn new(records: usize) -> Result<Self, TryReserveError> {
        Ok(Self { slots: Lists::new(SLOTS as usize, records)?, occupied: [0; WORDS], cursor: 0 })
    }

    /// Makes the next record number known.
    pub(crate) fn add_record(&mut self) {
        self.slots.add_record();
    }

    /// Hangs `record` up for `deadline`, in the last slot if that lies beyond the horizon.
    pub(crate) fn hang(&mut self, record: u32, deadline: Time) {
        let tick = due(deadline).clamp(self.cursor, self.cursor + u64::from(SLOTS) - 1);
        self.take_down(record);
        let slot = slot_of(tick);
        self.slots.move_to_back(record, slot);
        self.occupied[slot as usize / 64] |= 1 << (slot % 64);
    }

    /// Moves `record` nearer if it hangs later than `deadline`.
    pub(crate) fn hasten(&mut self, record: u32, deadline: Time) {
        let hangs = self.slots.list_of(record).map(|slot| self.tick_of(slot));
        if hangs.is_none_or(|tick| due(deadline) < tick) {
            self.hang(record, deadline);
        }
    }

    /// Takes `record` off the wheel.
    pub(crate) fn take_down(&mut self, record: u32) {
        let Some(slot) = self.slots.list_of(record) else { return };
        self.slots.leave(record);
        if self.slots.front(slot).is_none() {
            self.occupied[slot as usize / 64] &= !(1 << (slot % 64));
        }
    }

    /// A record to look at: take it down or hang it up again before the next call.
    ///
    /// Steps over any stretch of time at the same small cost.
    pub(crate) fn next_due(&mut self, now: Time) -> Option<u32> {
        let present = tick(now);
        // After a long pause every slot is due once, and none twice.
        self.cursor = self.cursor.max((present + 1).saturating_sub(u64::from(SLOTS)));
        match self.first_occupied() {
            Some(tick) if tick <= present => {
                self.cursor = tick;
                self.slots.front(slot_of(tick))
            }
            _ => {
                self.cursor = self.cursor.max(present + 1);
                None
            }
        }
    }

    /// When [`next_due`](Self::next_due) may next have an answer.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.first_occupied().map(|tick| Time::from_nanos(tick.saturating_mul(TICK)))
    }

    /// The tick of the first slot that is not empty, from the cursor on.
    fn first_occupied(&self) -> Option<u64> {
        let start = slot_of(self.cursor);
        let (first, before_start) = (start as usize / 64, !(u64::MAX << (start % 64)));
        (0..=WORDS).find_map(|step| {
            let word = (first + step) % WORDS;
            let bits = match step {
                0 => self.occupied[word] & !before_start,
                WORDS => self.occupied[word] & before_start,
                _ => self.occupied[word],
            };
            (bits != 0).then(|| self.tick_of(word as u32 * 64 + bits.trailing_zeros()))
        })
    }

    /// The tick that `slot` hangs for.
    fn tick_of(&self, slot: u32) -> u64 {
        self.cursor + u64::from((slot + SLOTS - slot_of(self.cursor)) % SLOTS)
    }
}

/// The first tick at which `deadline` has passed.
#[inline]
fn due(deadline: Time) -> u64 {
    deadline.nanos().div_ceil(TICK)
}

/// The last tick before `now`.
#[inline]
fn tick(now: Time) -> u64 {
    now.nanos() / TICK
}

/// Whether a record with this `deadline` is dead `now`.
#[inline]
pub(crate) fn has_passed(deadline: Time, now: Time) -> bool {
    due(deadline) <= tick(now)
}

fn slot_of(tick: u64) -> u32 {
    (tick % u64::from(SLOTS)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(tick: u64) -> Time {
        Time::from_nanos(tick * TICK)
    }

    fn wheel(records: usize) -> Wheel {
        let mut wheel = Wheel::new(records).unwrap();
        (0..records).for_each(|_| wheel.add_record());
        wheel
    }

    #[test]
    fn a_record_is_due_at_its_tick_and_not_before() {
        for deadline in [1, 63, 64, 65, 4_000, 4_095] {
            let mut wheel = wheel(1);
            wheel.hang(0, at(deadline));
            assert_eq!(wheel.next_deadline(), Some(at(deadline)));
            assert_eq!(wheel.next_due(Time::from_nanos(deadline * TICK - 1)), None);
            assert_eq!(wheel.next_due(at(deadline)), Some(0));
        }
    }

    #[test]
    fn beyond_the_horizon_is_the_last_slot() {
        let mut wheel = wheel(1);
        wheel.hang(0, at(50_000));
        assert_eq!(wheel.next_deadline(), Some(at(4_095)));
        let mut looks = 0;
        for now in 0..50_000 {
            while wheel.next_due(at(now)).is_some() {
                wheel.hang(0, at(50_000));
                looks += 1;
            }
        }
        assert!((10..=14).contains(&looks), "{looks} looks");
        assert_eq!(wheel.next_due(at(50_000)), Some(0));
    }

    #[test]
    fn a_leap_in_time_sees_every_record_once() {
        let mut wheel = wheel(100);
        (0..100).for_each(|record| wheel.hang(record, at(u64::from(record) * 41)));
        let mut seen = Vec::new();
        while let Some(record) = wheel.next_due(Time::from_nanos(u64::MAX)) {
            wheel.take_down(record);
            seen.push(record);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        assert_eq!(wheel.next_deadline(), None);
    }

    #[test]
    fn a_leap_in_time_hangs_a_live_record_up_once() {
        let (mut wheel, now) = (wheel(1), at(10_000_000));
        wheel.hang(0, at(5));
        assert_eq!(wheel.next_due(now), Some(0));
        wheel.hang(0, at(10_000_001));
        assert_eq!(wheel.next_due(now), None);
        assert_eq!(wheel.next_due(at(10_000_001)), Some(0));
    }

    #[test]
    fn a_nearer_deadline_moves_the_record_and_a_later_one_does_not() {
        let mut wheel = wheel(1);
        wheel.hang(0, at(100));
        wheel.hasten(0, at(200));
        assert_eq!(wheel.next_deadline(), Some(at(100)));
        wheel.hasten(0, at(50));
        assert_eq!(wheel.next_deadline(), Some(at(50)));
    }

    #[test]
    fn time_that_runs_backwards_loses_no_record() {
        let mut wheel = wheel(1);
        assert_eq!(wheel.next_due(at(1_000)), None);
        wheel.hang(0, at(10));
        assert_eq!(wheel.next_due(at(20)), None);
        assert_eq!(wheel.next_due(at(1_001)), Some(0));
    }
}
