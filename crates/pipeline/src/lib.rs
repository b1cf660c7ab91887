//! The packet's path through the gateway: what is asked of a packet, in which order, and how its way ends.
//!
//! Read [`path.rs`](../src/pipeline/path.rs.html) first: it shows the order and changes nothing. `act.rs` carries its decisions
//! out, `send.rs` sends; `engine.rs` holds what packets leave behind, `snapshot.rs` the policy that they are judged by. This crate
//! knows no sockets and no clock: frames, moments and seeds are arguments.
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
mod gateway;
mod identification;
mod judge;
mod lingering;
mod link;
mod member;
mod names;
mod observer;
mod outbox;
mod own;
mod path;
mod prefixes;
mod reach;
mod recent;
mod route;
mod scatter;
mod send;
mod shared;
mod snapshot;
mod step;
mod unseen;
mod user_routes;
mod verdict;
mod verify;
mod view;
mod who_has;

pub use act::Way;
pub use counters::{Count, Counters};
pub use engine::{Action, Engine, Settings};
pub use explain::{Decided, Explanation, Foreseen, Stage};
pub use gateway::{Attachment, AttachmentKind, Gateway};
pub use judge::Judgement;
pub use names::{Names, RuleId, RuleName};
pub use observer::{Decider, Event, Level, Observer, RouteKind, Silent};
pub use outbox::{Outbox, Outgoing};
pub use packet::make::IcmpError;
pub use reach::{on_premises, virtual_network_tag, virtual_network_tags};
pub use shared::Shared;
pub use snapshot::{Snapshot, StandIn};
pub use unseen::Unseen;
pub use verdict::{Denial, DropReason, Ending};
pub use verify::{FlowVerdict, Guards};
pub use view::FlowView;
