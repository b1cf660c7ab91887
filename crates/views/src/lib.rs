//! Azure's views of a policy, answered from the snapshot that the data path is judged by.
//!
//! | module | question |
//! |---|---|
//! | `verify` | is this packet allowed, and by which rule (IP flow verify) |
//! | `effective` | which rules apply to a network interface (effective security rules) |
//! | `diagnose` | what does each rule say of these packets, field by field (network configuration diagnostic) |
//! | `unguarded` | the same where no NSG stands: what is open, and what a Standard public address closes |
//! | `suppose` | what if an address that Azure has yet to choose were the one asked about, or the first that is free |
//! | `differences` | where does another policy say otherwise (`nsgate diff`, and a reload that is tried) |
//! | `profiles` | several questions of a diagnostic at once |
//! | `words` | addresses, tags, ports and protocols as people write them |
//! | `azure` | the answers in Azure's own shape |
//!
//! What is asked and answered is plain data of the crate [`answer`], so that a daemon answers over its socket what a file
//! alone answers.

mod azure;
mod diagnose;
mod differences;
mod effective;
mod profiles;
mod suppose;
mod unguarded;
mod verify;
mod words;

pub use azure::{Diagnoses, EffectiveNsgs};
pub use diagnose::diagnose;
pub use differences::differences;
pub use effective::effective_nsgs;
pub use profiles::profiles;
pub use suppose::{diagnose_supposing, supposed_by_flow};
pub use verify::test_ip_flow;
