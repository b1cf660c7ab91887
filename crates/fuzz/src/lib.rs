//! Fuzz targets: plain functions that take any bytes and panic where a promise is broken.
//!
//! | target | bytes are | promise |
//! |---|---|---|
//! | [`frames`] | a script of frames, time and reloads for a whole gateway | every frame is accounted for, what leaves is sound, from whom it says and where it belongs, everything held is let go |
//! | [`gateway`] | a gateway file | refused with a reason and a place, or loaded, compiled and able to answer |
//! | [`documents`] | Azure's documents and service tags | the same, and the compiled policy says what the reference says |
//! | [`template`] | a template with its parameters, or an expression | it ends, the same way each time, and what is wrong has a place; what is written is read the same |
//! | [`control`] | a control request in pieces, and a packet in words | the pieces do not matter, what is read survives being written |
//! | [`packets`] | one frame and a translation | reading agrees with other code's reading, right checksums stay right, pieces join again |
//!
//! `tests/bounded.rs` replays `seeds/` and `regressions/` and then runs [`campaign`]; the folder `fuzz` beside it holds
//! the entries for cargo-fuzz. The README says how to run both.
#![expect(clippy::expect_used, clippy::panic, reason = "a broken promise is a panic")]

pub mod campaign;
pub mod control;
pub mod documents;
pub mod frames;
pub mod gateway;
mod mutate;
pub mod packets;
mod questions;
mod script;
pub mod template;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folders of seeds and regressions.
    pub name: &'static str,
    /// Runs one input; panics where a promise is broken.
    pub run: fn(&[u8]),
    /// Words that mean something in its inputs.
    pub words: &'static [&'static str],
    /// How many mutated inputs a bounded run takes where nobody says: a few seconds' worth.
    pub runs: u64,
}

/// [`frames::run`].
pub const FRAMES: Target = Target { name: "frames", run: frames::run, words: &[], runs: 3_000 };
/// [`gateway::run`].
pub const GATEWAY: Target =
    Target { name: "gateway", run: gateway::run, words: gateway::WORDS, runs: 10_000 };
/// [`documents::run`].
pub const DOCUMENTS: Target =
    Target { name: "documents", run: documents::run, words: documents::WORDS, runs: 10_000 };
/// [`template::run`].
pub const TEMPLATE: Target =
    Target { name: "template", run: template::run, words: template::WORDS, runs: 10_000 };
/// [`control::run`].
pub const CONTROL: Target =
    Target { name: "control", run: control::run, words: control::WORDS, runs: 100_000 };
/// [`packets::run`].
pub const PACKETS: Target = Target { name: "packets", run: packets::run, words: &[], runs: 200_000 };
