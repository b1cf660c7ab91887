//! Attachments to Linux: where frames come from and go to, what keeps the host's own stack out of the way, and what
//! tells that an interface has changed.
//!
//! [`Ports`] are the attachments of one worker, whatever carries their frames ([`Backend`]). An attachment is opened at
//! once for all workers, one [`Port`] each. A frame comes with the state of its offloads and leaves with it, so the
//! pipeline is the same over all.
//!
//! | module | question |
//! |---|---|
//! | [`interface`], [`watch`], `netlink` | which interfaces are there, and which has changed? |
//! | `attach`, `port` | what carries the frames of an attachment, and how is it opened? |
//! | `ports`, `room` | how does a frame get from one attachment to another? |
//! | `parcel` | and one that did not come by a port of this worker? |
//! | `af_packet`, [`tap`], `pnet` | how does each backend receive and send? |
//! | `virtio` | what is left to do on a frame? |
//! | `steering`, `assembler` | which worker receives a frame? |
//! | [`guard`], [`lock`] | what keeps the host, and another daemon, off an interface? |
//! | `waker` | who ends a wait? |
//! | `statistics`, `error` | what was counted, and what went wrong? |
//! | `sys` | which system calls are there behind all this? |
//!
//! ```no_run
//! use io::{Backend, Ports, Reception, guard, interface, lock::Lock};
//! use packet::AttachmentId;
//! use std::time::Duration;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (inside, outside) = (AttachmentId(0), AttachmentId(1));
//! let mut links = Ports::new()?;
//! let mut locks = Vec::new();
//! for (id, name) in [(inside, "veth-web1"), (outside, "eth1")] {
//!     let interface = interface::find(name)?;
//!     locks.push(Lock::take(&interface)?);
//!     guard::install(interface.index, &guard::HostAddresses::default())?;
//!     for port in io::open(&interface, Backend::AfPacket, Reception::Own, 1)? {
//!         links.put(id, port);
//!     }
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
mod assembler;
mod attach;
mod error;
pub mod guard;
pub mod interface;
pub mod lock;
mod netlink;
mod parcel;
mod pnet;
mod port;
mod ports;
mod room;
mod statistics;
mod steering;
mod sys;
pub mod tap;
mod virtio;
mod waker;
pub mod watch;

pub use attach::{Backend, Event, LinkState, Reception, UnknownBackend, Wire};
pub use error::{Error, Workers};
pub use interface::{Interface, Interfaces, Wanted};
pub use parcel::{Leaving, Parcel};
pub use port::{Port, open};
pub use ports::Ports;
pub use statistics::{Statistics, Unsent};
pub use sys::heap::trim_heap;
pub use waker::Waker;
