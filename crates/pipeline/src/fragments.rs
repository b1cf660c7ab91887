//! Fragments follow the verdict and the translation of their first one.
//!
//! A datagram's later fragments name no ports, so its first one leaves a record here. Those that come before it wait. No
//! byte of a datagram passes twice, so what the rules saw can not be overwritten behind them.
//!
//! Each attachment has bounds of its own, and on it each source and each destination, so nobody's fragments crowd out those of
//! another: behind an attachment may be one machine or the internet. All workers share one table: a datagram's fragments may
//! come in anywhere, and the record of the first one names the worker that they go to.

mod on_link;
mod record;
mod waiting;

pub(crate) use record::Lead;

use crate::DropReason;
use on_link::OnLink;
use packet::{Address, AttachmentId, Offload, Protocol, Time};
use record::Record;
use std::collections::HashMap;
use std::ops::Range;
use std::time::Duration;

/// The most fragmented datagrams on their way at once from one source; the oldest makes room for the next.
const CAPACITY: usize = 1024;
/// How long a datagram's record lives (RFC 791 suggests no more for reassembly).
const LIFE: Duration = Duration::from_secs(30);
/// The most fragments of one source that wait for their first one.
const WAITING: usize = 64;
/// The most bytes of them: links may carry packets of 64 KiB.
const WAITING_BYTES: usize = 256 << 10;
/// How long they wait, and how long a datagram keeps its name for itself.
///
/// A fast sender comes round to an identification long before [`LIFE`] ends: at 10,000 datagrams a second in 6.5 seconds.
/// A datagram that has lost a fragment must not cost the next of its name.
const PATIENCE: Duration = Duration::from_secs(1);

/// What names a fragmented datagram (RFC 791, section 2.3), on the attachment where it came in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Datagram {
    pub(crate) on: AttachmentId,
    pub(crate) source: Address,
    pub(crate) destination: Address,
    pub(crate) protocol: Protocol,
    pub(crate) identification: u32,
}

/// A fragment that waits for its first one.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) datagram: Datagram,
    since: Time,
    pub(crate) bytes: Vec<u8>,
    pub(crate) offload: Offload,
}

/// What became of a fragment that was to wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wait {
    /// It waits.
    Waits,
    /// There is no room.
    Full,
    /// Another worker has just seen its first one.
    NoNeed,
}

/// The fragmented datagrams on their way.
#[derive(Debug, Default)]
pub(crate) struct Fragments {
    links: HashMap<AttachmentId, OnLink>,
    /// Of the last tick.
    now: Time,
}

impl Fragments {
    fn record(&self, datagram: &Datagram) -> Option<&Record> {
        self.links.get(&datagram.on)?.records.get(datagram)
    }

    /// What became of the first fragment, if it was seen, for a later one that covers these bytes.
    ///
    /// Errors: [`DropReason::FragmentOverlap`] where some of them have passed.
    pub(crate) fn lead(&self, datagram: &Datagram, bytes: &Range<u32>) -> Result<Option<Lead>, DropReason> {
        if !self.is_new(datagram, bytes) {
            return Err(DropReason::FragmentOverlap);
        }
        Ok(self.record(datagram).map(|record| record.lead))
    }

    /// Whether the first fragment was the host's.
    pub(crate) fn is_hosts(&self, datagram: &Datagram) -> bool {
        self.record(datagram).is_some_and(|record| record.lead == Lead::Host)
    }

    /// Whether a datagram has begun and its other fragments may still be expected, so that no other takes its name.
    pub(crate) fn is_under_way(&self, datagram: &Datagram) -> bool {
        self.record(datagram)
            .is_some_and(|record| !record.is_awaited() && self.now.since(record.since) < PATIENCE)
    }

    /// Whether these bytes may still pass.
    fn is_new(&self, datagram: &Datagram, bytes: &Range<u32>) -> bool {
        self.record(datagram).is_none_or(|record| record.is_new(bytes))
    }

    /// Records what becomes of a first fragment, which covers these bytes. Returns whether it may begin: not while a datagram
    /// of that name is under way.
    pub(crate) fn begin(&mut self, datagram: Datagram, lead: Lead, now: Time, bytes: Range<u32>) -> bool {
        if self.is_under_way(&datagram) {
            return false;
        }
        self.enter(datagram, Record::new(lead, now, vec![bytes]));
        true
    }

    /// Records that a first fragment is handed over to this worker. Those that come after it are handed over as well: they
    /// need no place among those that wait, which anybody can fill.
    pub(crate) fn announce(&mut self, datagram: Datagram, worker: usize, now: Time) {
        if !self.is_under_way(&datagram) {
            let lead = Lead::Awaited { worker };
            self.enter(datagram, Record::new(lead, now, Vec::new()));
        }
    }

    fn enter(&mut self, datagram: Datagram, record: Record) {
        self.links.entry(datagram.on).or_default().enter(datagram, record);
    }

    /// The rest of a datagram is dropped: its first fragment was after all, or a fragment overlapped.
    pub(crate) fn spoil(&mut self, datagram: &Datagram, reason: DropReason) {
        let records = self.links.get_mut(&datagram.on).map(|link| &mut link.records);
        if let Some(record) = records.and_then(|records| records.get_mut(datagram)) {
            record.lead = Lead::Dropped(reason);
        }
    }

    /// Records that these bytes pass, the datagram's `last` ones or not. With all its bytes a datagram is through, and
    /// forgotten: its identification may be used again.
    pub(crate) fn pass(&mut self, datagram: &Datagram, bytes: Range<u32>, last: bool) {
        let Some(link) = self.links.get_mut(&datagram.on) else { return };
        if link.records.get_mut(datagram).is_some_and(|record| record.pass(bytes, last)) {
            link.forget(datagram);
        }
    }

    /// Lets a fragment wait for its first one.
    pub(crate) fn hold(&mut self, datagram: Datagram, now: Time, bytes: &[u8], offload: Offload) -> Wait {
        let link = self.links.entry(datagram.on).or_default();
        if link.records.get(&datagram).is_some_and(|record| !record.is_awaited()) {
            return Wait::NoNeed;
        }
        if !link.waiting.has_room(&datagram, bytes.len()) {
            return Wait::Full;
        }
        link.waiting.push(Held { datagram, since: now, bytes: bytes.to_vec(), offload });
        Wait::Waits
    }

    /// Takes out the fragments that waited for this datagram's first one, in the order in which they came.
    pub(crate) fn release(&mut self, datagram: &Datagram) -> Vec<Held> {
        self.links.get_mut(&datagram.on).map(|link| link.waiting.release(datagram)).unwrap_or_default()
    }

    /// Forgets old datagrams and gives back fragments that waited in vain.
    pub(crate) fn tick(&mut self, now: Time) -> Vec<Held> {
        self.now = now;
        let mut late = Vec::new();
        self.links.retain(|_, link| {
            link.forget_old(now);
            late.extend(std::iter::from_fn(|| link.waiting.late(now)));
            !(link.records.is_empty() && link.waiting.is_empty())
        });
        late
    }

    /// Whether anything of an attachment's datagrams is left.
    pub(crate) fn remember(&self, attachment: AttachmentId) -> bool {
        self.links.contains_key(&attachment)
    }

    /// How many fragments wait.
    pub(crate) fn waiting(&self) -> usize {
        self.links.values().map(|link| link.waiting.len()).sum()
    }

    /// How many datagrams have a record.
    pub(crate) fn len(&self) -> usize {
        self.links.values().map(|link| link.records.len()).sum()
    }
}

#[cfg(test)]
mod tests;
