//! nsgate: Azure's network policy on a Linux gateway.
//!
//! The binary's whole inside, so that tests can reach it. Where to look:
//!
//! | module | question |
//! |---|---|
//! | [`cli`] | what can be asked on the command line |
//! | `command` | who answers it: a file, or the daemon over its socket |
//! | `logs`, `lines` | how log lines are written, and what if nobody reads them |
//!
//! How packets, reloads and signals meet is the crate [`daemon`], what the gateway file says [`gateway`], how a command
//! speaks with the daemon [`control`], what is answered [`answer`], and how that is written for people and programs
//! [`mod@print`]. Nothing else knows the command line.

pub mod cli;
mod command;
mod lines;
mod logs;

pub use command::main;
