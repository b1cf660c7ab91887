//! What is in force: the network and its attachments, compiled into tables that nobody changes any more.
//!
//! A [`Gateway`] is what a gateway file says on the interfaces that the host has now; [`Snapshot::build`] compiles it. The
//! packet's path asks a snapshot about every packet, Azure's views about packets that nobody sends, and both find the same.
//! Nothing here knows flows, frames or counters.
//!
//! | module | question |
//! |---|---|
//! | `gateway` | what is a snapshot built from? |
//! | `names` | what keeps its number over all reloads? |
//! | `snapshot`, `compile` | what stands in the tables, and how does it come there? |
//! | `link` | what is behind an attachment, and who is asked there for the next hop? |
//! | `reach` | whom do the private addresses mean that a network reaches, and what is VirtualNetwork to its rules? |
//! | `internet` | who reaches the internet? |
//! | `user_routes` | which packets does a route table lead elsewhere? |
//! | `named_route` | which route is it, by name? |
//! | `guards` | which NSGs stand before an address, in which order? |
//! | `verify` | what do they say of a packet that nobody sends? |
//! | `unseen` | what do they deny that the gateway never sees? |
//! | `prefixes`, `scatter` | how is something found by its address? |

mod gateway;
mod guards;
mod internet;
mod link;
mod named_route;
mod names;
mod prefixes;
mod reach;
mod scatter;
mod snapshot;
mod unseen;
mod user_routes;
mod verify;

pub use gateway::{Attachment, AttachmentKind, Gateway};
pub use guards::{Guards, Level};
pub use internet::internet;
pub use link::{Behind, Link, Outside, holds};
pub use named_route::UserRoute;
pub use names::{Names, RuleId, RuleName};
pub use prefixes::Prefixes;
pub use reach::{Reach, on_premises, virtual_network_tag, virtual_network_tags};
pub use snapshot::{Nic, PLATFORM, Private, Public, Snapshot, StandIn};
pub use unseen::Unseen;
pub use user_routes::Diverted;
pub use verify::FlowVerdict;
