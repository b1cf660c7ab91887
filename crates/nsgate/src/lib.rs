//! nsgate: Azure's network policy on a Linux gateway.
//!
//! The binary's whole inside, so that tests can reach it. Where to look:
//!
//! | module | question |
//! |---|---|
//! | [`cli`] | what can be asked on the command line |
//! | [`gateway`] | what the gateway file says |
//! | [`daemon`] | how packets, reloads and signals meet |
//! | [`confine`] | what each of its threads gives up |
//! | [`mod@print`] | how an answer is written for people and programs |
//!
//! How a command speaks with the daemon, and what is answered, is the crate [`control`].

pub mod cli;
mod command;
pub mod confine;
pub mod daemon;
pub mod gateway;
mod logs;
pub mod print;
mod questions;
pub mod verify;
pub mod words;

pub use command::main;
