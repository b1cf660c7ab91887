//! Flow records: keys, TCP state, timers, capacity.
//!
//! A [`Table`] answers one question for every packet, "have I seen this flow?", and remembers with each flow whatever
//! its owner decided about it (the action, `A`). One record carries two keys, the tuple as received from the
//! initiator and as received from the responder, so translation of either end changes nothing here. The record dies
//! once, and both keys, its counters and its action with it.
//!
//! * All memory is reserved when the table is made and its owners are announced. No later call allocates.
//! * Nobody can take the whole table: every owner has a share, and what it holds beyond that makes room for others.
//! * A hit costs one keyed hash and three or four cache lines; timers are lazy and cost it nothing.
//! * Time and seeds are arguments. Nothing here reads a clock.
//! * The table belongs to one thread.
//!
//! ```
//! use flow::{NewFlow, Segment, Side, State, Table, Touched};
//! use packet::{FlowKey, Owner, Protocol, Scope, Time};
//! use std::net::Ipv4Addr;
//! use std::time::Duration;
//!
//! let mut table: Table<&str> = Table::new(1_000, [1, 2])?;
//! let asked = FlowKey {
//!     source: Ipv4Addr::new(10, 0, 1, 4).into(),
//!     destination: Ipv4Addr::new(10, 0, 2, 4).into(),
//!     source_port: 50_000,
//!     destination_port: 53,
//!     scope: Scope(1),
//!     protocol: Protocol::UDP,
//! };
//! let (initiator, responder) = (asked, asked.reversed());
//! let idle = Duration::from_secs(240);
//! let new = NewFlow { initiator, responder, owner: Owner(0), idle, action: "allowed by rule 100" };
//! let inserted = table.insert(new, Time::ZERO, Segment::Other, 1, 64).expect("the table is empty");
//!
//! let (id, side) = table.find(&asked.reversed()).expect("the answer belongs to the flow");
//! assert_eq!((id, side), (inserted.id, Side::Responder));
//! assert_eq!(table.touch(id, side, Time::from_nanos(9), Segment::Other, 1, 120), Touched::Same);
//! assert_eq!(table.get(id), Some(&"allowed by rule 100"));
//! # Ok::<(), flow::TooLarge>(())
//! ```

mod hash;
mod index;
mod lists;
mod record;
mod scan;
mod shares;
mod slot;
mod state;
mod table;
mod tcp;
mod timeouts;
mod wheel;

pub use record::{
    Both, Counters, Flow, FlowId, Inserted, NewFlow, Refusal, Refused, Side, TooLarge, Touched,
};
pub use state::{Segment, State};
pub use table::Table;

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod reference;
