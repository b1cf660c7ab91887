//! nsgate: Azure's network policy on a Linux gateway.
//!
//! The binary's whole inside, so that tests can reach it. Where to look:
//!
//! | module | question |
//! |---|---|
//! | [`cli`] | what can be asked on the command line |
//! | [`daemon`] | how packets, reloads and signals meet |
//!
//! What the gateway file says is the crate [`gateway`], what each thread gives up [`confine`], how a command speaks with
//! the daemon, and what is answered, [`control`], and how that is written for people and programs [`mod@print`].

pub mod cli;
mod command;
pub mod daemon;
mod logs;

pub use command::main;
