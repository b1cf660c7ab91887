//! The packet's path through the gateway: what is asked of a packet, in which order, and how its way ends.
//!
//! Read [`path.rs`](../src/pipeline/path.rs.html) first: it shows the order and changes nothing. `act.rs` carries its decisions
//! out, `send.rs` sends; `engine.rs` holds what packets leave behind. The policy that they are judged by is the crate
//! [`snapshot`]. This crate knows no sockets and no clock: frames, moments and seeds are arguments.
//!
//! | module | question |
//! |---|---|
//! | `engine`, `shared` | what does a worker keep, and what have all workers together? |
//! | `path`, `step` | what is asked of a packet, in which order, and what does it come to? |
//! | `own`, `checks`, `member` | is it for the gateway itself, may it be, does it belong to a flow that it does not name? |
//! | `first`, `judge`, `route`, `departure` | who decides on a first packet, where does it go, and may it leave there? |
//! | `act`, `establish`, `follow`, `send`, `outbox` | how is that carried out, and how does it leave? |
//! | `who_has` | who may claim an address, and who answers for it? |
//! | `directory`, `lingering` | whose is a flow, and whose port is given up next? |
//! | `fragments`, `identification`, `recent`, `closing`, `allowance` | what is remembered besides flows? |
//! | `clockwork` | what does time clear away? |
//! | `verdict`, `counters`, `view` | how did it end, how often, and what lives? |
//! | `observer`, `explain`, `in_words` | what would happen now, and why? |
//!
//! Every worker has an [`Engine`] with the records of its own flows, and all have one [`Shared`]. Whichever worker receives a
//! frame, the one that has its flow carries it out: [`Engine::receive`] says to whom a frame is to be handed over
//! ([`Way::HandOver`]), and that worker goes on with [`Engine::take_over`]. `directory.rs` says whose a flow is.

mod act;
mod allowance;
mod checks;
mod clockwork;
mod closing;
mod counters;
mod departure;
mod directory;
mod engine;
mod establish;
mod explain;
mod first;
mod follow;
mod fragments;
mod identification;
mod in_words;
mod judge;
mod lingering;
mod member;
mod observer;
mod outbox;
mod own;
mod path;
mod recent;
mod route;
mod send;
mod shared;
mod step;
mod verdict;
mod view;
mod who_has;

pub use act::Way;
pub use counters::{Count, Counters};
pub use engine::{Action, Engine, Settings};
pub use explain::{Decided, Explanation, Foreseen, RouteFound, Stage};
pub use judge::Judgement;
pub use observer::{Decider, Event, Observer, RouteKind, Silent};
pub use outbox::{Outbox, Outgoing};
pub use packet::make::IcmpError;
pub use shared::Shared;
pub use verdict::{Denial, DropReason, Ending};
pub use view::FlowView;
