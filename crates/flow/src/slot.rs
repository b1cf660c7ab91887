//! A record in memory.
//!
//! ```text
//!   0  initiator's key, chain link, counters     one cache line: what a lookup of this key reads
//!  64  responder's key, chain link, counters     one cache line
//! 128  times, TCP state, generation              one cache line: what a packet of either end writes
//! 192  created, action                           what the owner reads
//! ```

use crate::hash::Words;
use crate::index::Link;
use crate::tcp::Tcp;
use crate::{Both, Counters, Flow, FlowId, Segment, Side};
use packet::{Owner, Time};

#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Slot<A> {
    pub(crate) ends: [End; 2],
    pub(crate) life: Life,
    pub(crate) created: Time,
    /// `None` in a free slot.
    pub(crate) action: Option<A>,
}

/// One key of a record, and what came under it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct End {
    pub(crate) key: Words,
    pub(crate) hash: u32,
    /// The next key of the same chain.
    pub(crate) next: Link,
    pub(crate) packets: u64,
    pub(crate) bytes: u64,
}

/// What changes with every packet.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Life {
    pub(crate) last_seen: Time,
    pub(crate) deadline: Time,
    /// The flow's own idle time in nanoseconds.
    pub(crate) idle: u64,
    pub(crate) tcp: Tcp,
    /// How many records this slot has held.
    pub(crate) generation: u32,
    pub(crate) owner: Owner,
    /// Whether the responder has sent anything.
    pub(crate) answered: bool,
}

const _: () = assert!(size_of::<End>() == 64 && size_of::<Life>() == 64);

impl<A> Slot<A> {
    /// A slot that has held nothing yet.
    pub(crate) fn free() -> Self {
        let life = Life {
            last_seen: Time::ZERO,
            deadline: Time::ZERO,
            idle: 0,
            tcp: Tcp::begin(Segment::Other),
            generation: 0,
            owner: Owner::default(),
            answered: false,
        };
        Self { ends: Default::default(), life, created: Time::ZERO, action: None }
    }

    /// The flow in this slot, with what `action` makes of its action.
    pub(crate) fn flow<P>(&self, index: u32, action: P) -> Flow<P> {
        let [initiator, responder] = &self.ends;
        Flow {
            id: FlowId { index, generation: self.life.generation },
            keys: Both { initiator: initiator.key.key(), responder: responder.key.key() },
            sent: Both { initiator: initiator.sent(), responder: responder.sent() },
            owner: self.life.owner,
            state: self.life.tcp.state(),
            created: self.created,
            last_seen: self.life.last_seen,
            deadline: self.life.deadline,
            action,
        }
    }

    #[inline]
    pub(crate) fn end(&self, side: Side) -> &End {
        &self.ends[side.index()]
    }

    #[inline]
    pub(crate) fn end_mut(&mut self, side: Side) -> &mut End {
        &mut self.ends[side.index()]
    }
}

impl End {
    pub(crate) fn new(key: Words, hash: u32) -> Self {
        Self { key, hash, ..Self::default() }
    }

    #[inline]
    pub(crate) fn count(&mut self, packets: u32, bytes: u64) {
        self.packets = self.packets.saturating_add(packets.into());
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn sent(&self) -> Counters {
        Counters { packets: self.packets, bytes: self.bytes }
    }
}
