//! Walking over many records in bounded steps: expiry, pages, removal by a condition.

use crate::wheel::has_passed;
use crate::{Flow, Table};
use packet::Time;

impl<A> Table<A> {
    /// Ends the flows whose time is up and hands each to `each`; looks at no more than `budget` records.
    ///
    /// # Returns
    /// Whether it is done: no flow is left whose time was up at `now`. Otherwise call again; it resumes.
    ///
    /// # Cost
    /// Proportional to the records looked at, however far time has leapt. A live flow is looked at about once per timeout.
    pub fn expire(&mut self, now: Time, budget: usize, mut each: impl FnMut(Flow<A>)) -> bool {
        for _ in 0..budget {
            let Some(index) = self.wheel.next_due(now) else { return true };
            let deadline = self.slots[index as usize].life.deadline;
            if !has_passed(deadline, now) {
                self.wheel.hang(index, deadline);
            } else if let Some(ended) = self.take(index) {
                each(ended);
            }
        }
        self.wheel.next_due(now).is_none()
    }

    /// When [`expire`](Self::expire) should be called next: never after a flow's time is up, perhaps before.
    pub fn next_deadline(&self) -> Option<Time> {
        self.wheel.next_deadline()
    }

    /// The live flows among the `limit` records from place `start` on, and the place to go on from, if any is left.
    ///
    /// A flow keeps its place while it lives, so a walk over all pages sees each flow that lives throughout it once.
    pub fn page(&self, start: usize, limit: usize) -> (impl Iterator<Item = Flow<&A>>, Option<usize>) {
        let (start, end) = self.bounds(start, limit);
        let flows = (start..end).filter_map(|place| {
            let slot = &self.slots[place];
            Some(slot.flow(place as u32, slot.action.as_ref()?))
        });
        (flows, self.rest(end))
    }

    /// Ends those flows among the `limit` records from place `start` on that `is_wanted` chooses, hands each to `each`,
    /// and returns the place to go on from, if any is left.
    pub fn remove_where(
        &mut self,
        start: usize,
        limit: usize,
        mut is_wanted: impl FnMut(Flow<&A>) -> bool,
        mut each: impl FnMut(Flow<A>),
    ) -> Option<usize> {
        let (start, end) = self.bounds(start, limit);
        for place in start..end {
            let slot = &self.slots[place];
            let Some(action) = &slot.action else { continue };
            if is_wanted(slot.flow(place as u32, action))
                && let Some(ended) = self.take(place as u32)
            {
                each(ended);
            }
        }
        self.rest(end)
    }

    fn bounds(&self, start: usize, limit: usize) -> (usize, usize) {
        let end = start.saturating_add(limit).min(self.slots.len());
        (start.min(end), end)
    }

    fn rest(&self, end: usize) -> Option<usize> {
        (end < self.slots.len()).then_some(end)
    }
}
