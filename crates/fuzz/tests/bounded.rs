//! Every target on its seeds, its regressions, and a bounded number of inputs made from them.
//!
//! `NSGATE_FUZZ_RUNS` says how many, `NSGATE_FUZZ_SEED` which.

#![allow(clippy::panic, clippy::unwrap_used)] // A test may panic.

use fuzz::{CONTROL, DOCUMENTS, FRAMES, GATEWAY, PACKETS, TEMPLATE, Target, campaign};
use std::path::Path;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

fn bounded(target: &Target) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let failures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let runs = number("NSGATE_FUZZ_RUNS").unwrap_or(target.runs);
    let report = campaign::run(target, home, failures, runs, number("NSGATE_FUZZ_SEED").unwrap_or(1));
    println!("{}: {report:?}", target.name);
}

#[test]
fn frames() {
    bounded(&FRAMES);
}

#[test]
fn gateway() {
    bounded(&GATEWAY);
}

#[test]
fn documents() {
    bounded(&DOCUMENTS);
}

#[test]
fn template() {
    bounded(&TEMPLATE);
}

#[test]
fn control() {
    bounded(&CONTROL);
}

#[test]
fn packets() {
    bounded(&PACKETS);
}

/// Where the frame begins in an input of `packets`.
const FRAME_AT: usize = 19;

#[test]
fn seeds_of_packets_are_packets() {
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/packets")).unwrap() {
        let path = entry.unwrap().path();
        let read = packet::parse(&std::fs::read(&path).unwrap()[FRAME_AT..]);
        let refused = path.file_name().is_some_and(|name| name == "v6-routing");
        assert_eq!(read.is_err(), refused, "{}: {read:?}", path.display());
    }
}
