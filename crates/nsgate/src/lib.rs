//! nsgate: Azure's network policy on a Linux gateway.
//!
//! The binary's whole inside, so that tests can reach it. Where to look:
//!
//! | module | question |
//! |---|---|
//! | [`cli`] | what can be asked on the command line |
//! | [`daemon`] | how packets, reloads and signals meet |
//! | [`mod@print`] | how an answer is written for people and programs |
//!
//! What the gateway file says is the crate [`gateway`], what each thread gives up [`confine`], and how a command speaks
//! with the daemon, and what is answered, [`control`].

pub mod cli;
mod command;
pub mod daemon;
mod difference;
mod logs;
pub mod print;

pub use command::main;
