//! Attachments to Linux: where frames come from and go to, and what keeps the host's own stack out of the way.
//!
//! Every backend is a [`Links`]: [`AfPacket`] for real interfaces, [`mem::Memory`] and [`pcap::Replay`] for tests and
//! questions. A frame comes with the state of its offloads and leaves with it, so the pipeline is the same over all.
//!
//! ```no_run
//! use io::{AfPacket, Links, Reception, guard, interface, lock::Lock};
//! use packet::AttachmentId;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (inside, outside) = (AttachmentId(0), AttachmentId(1));
//! let mut links = AfPacket::new()?;
//! let mut locks = Vec::new();
//! for (id, name) in [(inside, "veth-web1"), (outside, "eth1")] {
//!     let interface = interface::find(name)?;
//!     locks.push(Lock::take(&interface)?);
//!     guard::install(interface.index, &guard::HostAddresses::default())?;
//!     links.attach(id, &interface, Reception::Own)?;
//! }
//! loop {
//!     let taken = links.relay(inside, 256, |frame| (frame.bytes.len() > 60).then_some(outside))?;
//!     if taken == 0 {
//!         links.wait(Duration::from_millis(100))?;
//!     }
//! }
//! # }
//! ```

mod af_packet;
mod error;
pub mod guard;
pub mod interface;
mod links;
pub mod lock;
pub mod mem;
pub mod pcap;
mod sys;

pub use af_packet::{AfPacket, Event, LinkState, Port, Reception, Waker};
pub use error::Error;
pub use interface::Interface;
pub use links::{Links, Statistics};
