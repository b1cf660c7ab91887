//! Who is where on each link: next hops and the hardware addresses they answered with.
//!
//! The gateway asks on its own account, so a host that never speaks is reached all the same. While an answer is
//! awaited a few packets wait. An answered neighbour is asked again now and then; flow records copy the
//! hardware address together with the [`Neighbours::epoch`], which moves whenever any copy may have become wrong.
//!
//! Nobody is believed unasked. Who says that a known neighbour is elsewhere only makes the gateway ask, first at the known
//! hardware address alone, and only where nothing comes from there everybody; whoever is known has the first word.
//!
//! Each attachment has places of its own for the neighbours that its packets look for, so nobody's scan takes another's. Of the
//! questions that are due at once only a few go out together ([`Neighbours::questions`]).
//!
//! **Order.** One table is for all workers, but a packet that waits is its flow's worker's, and no other lets it go. Whoever
//! hears an answer takes out what is its own, and is told who else has some, to hand the answer on ([`Learnt`]). Before that
//! comes, a worker may meet the address by itself, with its next packet; then it gets what waited along with it, to be sent
//! first ([`Resolved::At`]). Should the answer be lost between the workers, each looks after its own
//! ([`Neighbours::left_behind`]).
//!
//! ```
//! use neighbour::{Learnt, Neighbours, NextHop, Resolved, Said, Whose};
//! use packet::{Address, AttachmentId, Frame, Offload, Scope, Time};
//!
//! let neighbours = Neighbours::default();
//! let (on, router) = (AttachmentId(0), Address::from_v4_bits(0xcb00_7101));
//! let next_hop = NextHop { on, scope: Scope(0), address: router };
//! let whose = |worker| Whose { from: AttachmentId(1), worker };
//! let frame = Frame { bytes: &mut [7; 60], offload: Offload::default() };
//! let resolved = neighbours.resolve(next_hop, whose(0), Time::ZERO, &frame);
//! assert!(matches!(resolved, Resolved::Waits { ask: true }));
//!
//! // Worker 1 hears the answer, and hands it on to worker 0.
//! let said = Said { sender: router, mac: [2, 0, 0, 0, 0, 1], answers: true };
//! assert_eq!(neighbours.learn(on, &said, 1, Time::ZERO).next, Some(0));
//! let Learnt { waited, next: None, .. } = neighbours.learn(on, &said, 0, Time::ZERO) else { panic!() };
//! assert_eq!(waited[0].bytes, [7; 60]);
//! ```
//!
//! What this crate leaves out: how questions and answers look (`packet` writes and reads them), who may be believed on which
//! attachment and who is answered (`pipeline`).

mod epochs;
mod neighbour;
mod neighbours;
mod shares;

pub use neighbours::Neighbours;

use packet::{Address, AttachmentId, Mac, Offload, Scope};

/// Whom a packet goes to next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NextHop {
    /// The attachment that it leaves by.
    pub on: AttachmentId,
    /// The address space of the address.
    pub scope: Scope,
    /// Who is asked for.
    pub address: Address,
}

/// Whose a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Whose {
    /// The attachment that it came in on.
    pub from: AttachmentId,
    /// The worker that has its flow.
    pub worker: usize,
}

/// A packet that waits for its next hop's hardware address; otherwise ready to be sent.
#[derive(Debug)]
pub struct Waiting {
    whose: Whose,
    /// The frame.
    pub bytes: Vec<u8>,
    /// What the device is to do.
    pub offload: Offload,
}

/// The answer to who is at a next hop's address.
#[derive(Debug)]
pub enum Resolved {
    /// It is known.
    At {
        /// Its hardware address.
        mac: Mac,
        /// Earlier packets of the same worker, which go first.
        waited: Vec<Waiting>,
    },
    /// It is looked for, and the packet waits.
    Waits {
        /// Whether the question is to be sent now.
        ask: bool,
    },
    /// It is looked for, and there is no room for the packet. The next one may find it.
    Full {
        /// As above.
        ask: bool,
    },
}

/// Who says where a neighbour is.
#[derive(Clone, Copy, Debug)]
pub struct Said {
    /// Whose address it is.
    pub sender: Address,
    /// Where it is said to be.
    pub mac: Mac,
    /// Whether it is an answer to the gateway.
    pub answers: bool,
}

/// What a worker does with what it has heard.
#[derive(Debug, Default)]
pub struct Learnt {
    /// Its own packets that waited for the sender, which go now.
    pub waited: Vec<Waiting>,
    /// Another worker whose packets wait for it, to be told as well.
    pub next: Option<usize>,
    /// Whether it was not believed: the neighbour is known elsewhere, and has the first word.
    pub contradicted: bool,
}

/// What waited for a next hop that is known.
#[derive(Debug)]
pub struct LeftBehind {
    /// The attachment that it leaves by.
    pub on: AttachmentId,
    /// The next hop's hardware address.
    pub mac: Mac,
    /// In the order in which they came.
    pub waited: Vec<Waiting>,
}

/// Who is to be asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Question {
    /// On which attachment.
    pub on: AttachmentId,
    /// For whom.
    pub target: Address,
    /// Only there, where that may suffice; otherwise everybody.
    pub known: Option<Mac>,
}
