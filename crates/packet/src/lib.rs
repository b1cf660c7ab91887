//! Bytes: frames, header views, checksums, flow keys, rewriting in place.
//!
//! This crate knows nobody: no clock, no input or output, no policy. [`parse()`] reads a frame once into a small copy of
//! what it says; [`translate`] and its neighbours change the frame where it lies; [`make`] writes the few frames
//! that the gateway sends on its own account.

mod address;
pub mod checksum;
mod cut;
mod frame;
mod key;
pub mod make;
pub mod parse;
mod rewrite;
mod segment;
mod time;

pub use address::Address;
pub use cut::{cut, shrink_segments};
pub use frame::{Checksum, Frame, MAX_FRAME, Offload, SegmentKind, Segments};
pub use key::{AttachmentId, FlowKey, Owner, Protocol, Scope, home};
pub use make::Mac;
pub use parse::{Malformed, Neighbour, Packet, Parsed, Transport, parse};
pub use rewrite::{Tuple, decrement_ttl, set_identification, set_macs, translate, translate_error};
pub use segment::{segment, unfinished};
pub use time::Time;
