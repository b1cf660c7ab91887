//! Who may use whom among the crates of this workspace, and what only one of them may do.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tests and measurements may use everybody, and nobody may use them.
const PROOF: [&str; 5] = ["testkit", "testbed", "fuzz", "benches", "bench"];

/// What each crate may use of ours outside its tests. What is not here is forbidden.
const MAY_USE: [(&str, &[&str]); 27] = [
    ("packet", &[]),
    ("diagnostic", &[]),
    ("model", &["diagnostic"]),
    ("document", &["diagnostic"]),
    ("expression", &["document", "diagnostic"]),
    ("template", &["document", "expression", "diagnostic", "model"]),
    ("arm", &["document", "template", "diagnostic", "model"]),
    ("policy", &["model", "packet"]),
    ("analysis", &["diagnostic", "model", "policy", "packet", "answer"]),
    ("flow", &["packet"]),
    ("nat", &["packet"]),
    ("neighbour", &["packet"]),
    ("snapshot", &["packet", "model", "policy", "nat"]),
    ("pipeline", &["packet", "model", "policy", "flow", "nat", "neighbour", "snapshot"]),
    ("io", &["packet"]),
    ("pcap", &[]),
    ("flowlog", &[]),
    ("explain", &["packet", "model", "policy", "snapshot", "pipeline", "answer"]),
    (
        "replay",
        &[
            "packet", "model", "policy", "flow", "nat", "snapshot", "pipeline", "answer", "pcap", "flowlog",
            "explain",
        ],
    ),
    ("answer", &[]),
    ("control", &["answer"]),
    ("gateway", &["packet", "diagnostic", "model", "document", "arm", "nat", "snapshot", "io", "control"]),
    ("confine", &["answer"]),
    ("views", &["packet", "diagnostic", "model", "policy", "analysis", "snapshot", "answer"]),
    ("print", &["diagnostic", "policy", "analysis", "answer"]),
    (
        "daemon",
        &[
            "packet",
            "diagnostic",
            "model",
            "analysis",
            "flow",
            "nat",
            "snapshot",
            "pipeline",
            "io",
            "answer",
            "control",
            "gateway",
            "views",
            "confine",
            "explain",
        ],
    ),
    (
        "nsgate",
        &[
            "packet",
            "diagnostic",
            "model",
            "analysis",
            "snapshot",
            "pipeline",
            "io",
            "answer",
            "control",
            "gateway",
            "views",
            "print",
            "explain",
            "replay",
            "pcap",
            "flowlog",
            "daemon",
        ],
    ),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The folder's plain word for a package of ours.
fn word(package: &str) -> &str {
    package.strip_prefix("nsgate-").unwrap_or(package)
}

/// Each member's dependencies on members, without those of its tests, and those of its tests.
fn members() -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("running cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut members = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let (mut real, mut tests) = (BTreeSet::new(), BTreeSet::new());
        for dependency in package["dependencies"].as_array().unwrap() {
            let of_ours = dependency["path"].is_string();
            let name = word(dependency["name"].as_str().unwrap()).to_owned();
            match dependency["kind"].as_str() {
                _ if !of_ours => false,
                Some("dev") => tests.insert(name),
                _ => real.insert(name),
            };
        }
        members.insert(word(package["name"].as_str().unwrap()).to_owned(), (real, tests));
    }
    members
}

#[test]
fn crates_use_only_whom_they_may() {
    let members = members();
    for (name, (real, _)) in &members {
        if PROOF.contains(&name.as_str()) {
            continue;
        }
        let allowed = MAY_USE.iter().find(|(word, _)| word == name);
        let (_, allowed) =
            allowed.unwrap_or_else(|| panic!("crate {name} is not in the list of who may use whom"));
        for used in real {
            assert!(allowed.contains(&used.as_str()), "{name} uses {used}, and may use {allowed:?}");
        }
    }
    for (name, _) in MAY_USE {
        assert!(members.contains_key(name), "crate {name} is gone");
    }
}

/// The daemon joins them; `nsgate check` says what both will take.
const BOTH: [&str; 2] = ["daemon", "nsgate"];

#[test]
fn only_the_daemon_and_nsgate_know_both_the_path_and_the_wire() {
    for (name, (real, _)) in members() {
        if !PROOF.contains(&name.as_str()) {
            assert!(
                BOTH.contains(&name.as_str()) || !(real.contains("pipeline") && real.contains("io")),
                "{name} knows pipeline and io"
            );
            assert!(
                PROOF.iter().all(|proof| !real.contains(*proof)),
                "{name} uses what is for tests outside its own"
            );
        }
    }
}

#[test]
fn only_the_daemon_starts_threads() {
    assert_eq!(who_says(&["thread::spawn", "thread::scope", "thread::Builder"]), ["daemon"]);
}

#[test]
fn only_nsgate_knows_the_command_line() {
    assert_eq!(who_says(&["clap::"]), ["nsgate"]);
}

/// The crates of which anything says one of these words outside tests.
fn who_says(words: &[&str]) -> Vec<String> {
    let says = |name: &String| {
        let mut files = Vec::new();
        collect(&root().join("crates").join(name).join("src"), &mut files);
        assert!(!files.is_empty(), "the sources of {name} were not found");
        let is_test = |file: &Path| {
            file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("tests"))
        };
        let of_use = files.iter().filter(|file| !is_test(file.strip_prefix(root()).unwrap()));
        of_use.map(|file| std::fs::read_to_string(file).unwrap()).any(|text| {
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let mut lines = code.lines().map(|line| line.split("//").next().unwrap_or_default());
            lines.any(|line| words.iter().any(|word| line.contains(word)))
        })
    };
    members().into_keys().filter(|name| !PROOF.contains(&name.as_str())).filter(says).collect()
}

#[test]
fn unsafe_is_said_only_in_io() {
    let mut files = Vec::new();
    for part in ["crates", "benches"] {
        collect(&root().join(part), &mut files);
    }
    assert!(files.len() > 50, "the sources were not found");
    let mut in_io = 0;
    for file in files {
        let relative = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let said = text.lines().map(|line| line.split("//").next().unwrap_or_default()).any(opens);
        let counts_allocations = relative == "crates/testkit/src/allocations.rs";
        in_io += usize::from(said && relative.starts_with("crates/io/"));
        assert!(!said || relative.starts_with("crates/io/") || counts_allocations, "{relative} says unsafe");
    }
    assert!(in_io > 0, "io no longer says unsafe, or this test no longer sees it");
}

/// Whether a line of code opens an unsafe block, function, implementation or attribute.
fn opens(line: &str) -> bool {
    let word = concat!("un", "safe");
    ["{", "fn", "impl", "extern", "("]
        .iter()
        .any(|next| line.contains(&format!("{word} {next}")) || line.contains(&format!("{word}{next}")))
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
