//! What a policy would decide over what was recorded: the entries of flow logs and the packets of captures.
//!
//! [`Logs`] asks the rules before a network interface about each flow that a log says began, and holds the answer against
//! what the log says was decided. [`Captures`] lets the packets of a capture go through a real engine in the time of the
//! capture, so that answers follow the flow records of their questions. Both can hold a policy against an older one instead.
//! What differs is gathered in a [`Tally`], bounded however much is read.
//!
//! | module | question |
//! |---|---|
//! | `logs` | which rules decide over an entry of a flow log, and what do they say? |
//! | `trial` | where does a captured packet come in, and what becomes of it there? |
//! | `captures` | what becomes of a packet under one policy, and what under the other? |
//! | `tally` | how many were the same, and which were not? |

mod captures;
mod logs;
mod tally;
mod trial;

pub use captures::Captures;
pub use logs::Logs;
pub use tally::{Tally, Told};
pub use trial::{Ready, Seeds, Trial};
