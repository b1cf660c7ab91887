//! What is remembered of one datagram: what became of its first fragment, and which of its bytes have passed.

use crate::DropReason;
use flow::{FlowId, Side};
use packet::Time;
use std::ops::Range;

/// The most separate stretches of one datagram that are remembered while its fragments come out of order.
const STRETCHES: usize = 64;

/// What became of a datagram's first fragment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Lead {
    /// It went with this flow of this worker, from this side, under another identification if it was translated to a shared
    /// address.
    Follow { worker: usize, flow: FlowId, side: Side, identification: Option<u16> },
    /// It was dropped.
    Dropped(DropReason),
    /// It is the host's, at an address that it shares.
    Host,
    /// It is on its way to this worker.
    Awaited { worker: usize },
}

/// What is known of a datagram on its way.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) lead: Lead,
    pub(super) since: Time,
    /// The bytes that have passed, as stretches apart from each other.
    passed: Vec<Range<u32>>,
    /// Where the datagram ends, once its last fragment has passed.
    end: Option<u32>,
}

impl Record {
    /// A datagram that begins now, with these bytes passed.
    pub(super) fn new(lead: Lead, now: Time, passed: Vec<Range<u32>>) -> Self {
        Self { lead, since: now, passed, end: None }
    }

    /// Whether these bytes may still pass.
    pub(super) fn is_new(&self, bytes: &Range<u32>) -> bool {
        let is_apart = |passed: &Range<u32>| passed.end <= bytes.start || bytes.end <= passed.start;
        self.passed.len() < STRETCHES && self.passed.iter().all(is_apart)
    }

    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.lead, Lead::Awaited { .. })
    }

    /// Takes in that these bytes pass. Returns whether all have passed.
    pub(super) fn pass(&mut self, bytes: Range<u32>, last: bool) -> bool {
        if last {
            self.end = Some(bytes.end);
        }
        let at = self.passed.partition_point(|p| p.start < bytes.start);
        self.passed.insert(at, bytes);
        self.passed.dedup_by(|next, previous| {
            let touches = next.start <= previous.end;
            if touches {
                previous.end = previous.end.max(next.end);
            }
            touches
        });
        matches!((self.end, &self.passed[..]), (Some(end), [all]) if *all == (0..end))
    }
}
