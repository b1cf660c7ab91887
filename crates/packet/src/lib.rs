//! Bytes: frames, header views, checksums, flow keys, rewriting in place.
//!
//! This crate knows nobody: no clock, no input or output, no policy. [`parse()`] reads a frame once into a small copy of
//! what it says; [`translate`] and its neighbours change the frame where it lies; [`make`] writes the few frames
//! that the gateway sends on its own account.
//!
//! | module | question |
//! |---|---|
//! | `frame` | what does a backend hand over? |
//! | [`parse`](mod@parse) | what does a frame say? |
//! | `address`, `key` | what names a machine, and what a flow? |
//! | `rewrite`, [`checksum`] | how is it changed where it lies, and its checksums with it? |
//! | `segment`, `cut` | what is to be done where the device or the next link cannot take it as it is? |
//! | [`make`] | what does the gateway say itself? |
//! | `time` | what is a moment? |

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
