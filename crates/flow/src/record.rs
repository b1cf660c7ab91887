//! What goes into a table and what comes out of it.

use crate::State;
use packet::{FlowKey, Owner, Time};
use std::fmt;
use std::time::Duration;

/// Which end of a flow sent a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Side {
    /// The end that sent the flow's first packet.
    Initiator,
    /// The end that it was sent to.
    Responder,
}

impl Side {
    /// Both ends, the initiator first.
    pub const BOTH: [Self; 2] = [Self::Initiator, Self::Responder];

    /// The far end.
    #[inline]
    pub const fn other(self) -> Self {
        match self {
            Self::Initiator => Self::Responder,
            Self::Responder => Self::Initiator,
        }
    }

    #[inline]
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// One value for each end of a flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Both<T> {
    /// The initiator's.
    pub initiator: T,
    /// The responder's.
    pub responder: T,
}

impl<T> Both<T> {
    /// The value of one end.
    #[inline]
    pub const fn of(&self, side: Side) -> &T {
        match side {
            Side::Initiator => &self.initiator,
            Side::Responder => &self.responder,
        }
    }
}

/// Names a live flow record; recognised as stale once the record is gone, even if its place is taken again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FlowId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// What one end has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Packets, a super-frame counted as its caller counts it.
    pub packets: u64,
    /// Bytes, as the caller measures them.
    pub bytes: u64,
}

/// A flow as the table knows it: with `P = &A` a live one seen from outside, with `P = A` one that has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flow<P> {
    /// Its name in the table, stale if the flow has ended.
    pub id: FlowId,
    /// The tuple as received from each end.
    pub keys: Both<FlowKey>,
    /// What each end has sent.
    pub sent: Both<Counters>,
    /// Whose flow it is.
    pub owner: Owner,
    /// Where the connection stands, or stood at its end.
    pub state: State,
    /// When the record was made.
    pub created: Time,
    /// When its last packet came.
    pub last_seen: Time,
    /// When it dies unless a packet comes first.
    pub deadline: Time,
    /// What the owner recorded.
    pub action: P,
}

/// A flow to be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewFlow<A> {
    /// The tuple as received from the initiator.
    pub initiator: FlowKey,
    /// The tuple as it will be received from the responder.
    pub responder: FlowKey,
    /// Whose flow it is: who has a share of the table for it.
    pub owner: Owner,
    /// How long it may be silent, while its connection stands; less where that is half open or over.
    pub idle: Duration,
    /// What to do with its packets.
    pub action: A,
}

/// A record was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inserted<A> {
    /// Its name.
    pub id: FlowId,
    /// The flow that had to go to make room.
    pub evicted: Option<Flow<A>>,
}

/// No record was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused<A> {
    /// Why.
    pub why: Refusal,
    /// The action, given back because it may own something.
    pub action: A,
}

/// Why a flow is not recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Every record is in use and none may be evicted.
    Full,
    /// The owner holds its share, and only the part of the table that is kept for others is left.
    Share,
    /// This end's key belongs to a live flow, or (named as the responder's) both ends' keys are the same.
    Duplicate(Side),
}

/// What a packet did to its flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Touched {
    /// It was counted.
    Same,
    /// It was counted, and the flow entered this state.
    Became(State),
    /// The id names no live flow; nothing was counted.
    Stale,
}

/// The memory for a table of this capacity cannot be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooLarge {
    /// The number of flows asked for.
    pub capacity: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no memory for {} flow records", self.capacity)
    }
}

impl std::error::Error for TooLarge {}
