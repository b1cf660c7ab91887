//! Flow logs in Azure's formats: NSG flow logs of version 1 and 2, and VNet flow logs of version 4.
//!
//! [`read`] takes a blob as Azure writes it, records without their wrapper, lists of records, and several documents one
//! behind the other, and hands each [`Record`] over as soon as it is read: a log of any length takes the room of one record.
//! A [`Tuple`] is one line of a log; it prints as it is written.
//!
//! ```
//! let log = r#"{"records": [{"macAddress": "0022480A0B0C", "resourceId": "/…/WEB-NSG", "properties": {"Version": 2, "flows": [
//!   {"rule": "UserRule_https", "flows": [{"mac": "0022480A0B0C", "flowTuples": [
//!     "1767607215,203.0.113.9,10.1.0.4,50123,443,T,I,A,B,,,,"]}]}]}}]}"#;
//! let mut records = Vec::new();
//! flowlog::read("PT1H.json", log.as_bytes(), |record| records.push(record))?;
//! let entry = &records[0].entries[0];
//! assert_eq!((&*entry.rule, entry.line), ("UserRule_https", 3));
//! assert_eq!(entry.tuple.to_string(), "1767607215,203.0.113.9,10.1.0.4,50123,443,T,I,A,B,,,,");
//! # Ok::<(), flowlog::Error>(())
//! ```
//!
//! # Source
//! Azure Network Watcher, "Flow logging for network security groups" and "Virtual network flow logs", *Log format*.

mod lines;
mod read;
mod record;
mod tuple;

pub use read::read;
pub use record::{Entry, Mac, Record, Rule, parse_mac};
pub use tuple::{Access, Counters, Direction, Encryption, Form, Said, State, Tuple};

use std::sync::Arc;

/// The most bytes of one record.
pub const MAX_RECORD: u64 = 64 << 20;

/// What is wrong with a log, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}:{line}: {why}")]
pub struct Error {
    /// The log, as the reader was told its name.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u64,
    /// What is wrong, in one sentence.
    pub why: String,
}
