//! The README's table of compliance says what is so: every line has a test, and every test that it names is there.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// What the table must speak of, in these words, whatever else it does.
#[rustfmt::skip]
const ASKED: &[&str] = &[
    "RFC 4787 REQ-1", "RFC 4787 REQ-2", "RFC 4787 REQ-3", "RFC 4787 REQ-3a", "RFC 4787 REQ-4", "RFC 4787 REQ-5",
    "RFC 4787 REQ-6", "RFC 4787 REQ-7", "RFC 4787 REQ-8", "RFC 4787 REQ-9", "RFC 4787 REQ-10", "RFC 4787 REQ-11",
    "RFC 4787 REQ-12", "RFC 4787 REQ-12a", "RFC 4787 REQ-12b", "RFC 4787 REQ-13", "RFC 4787 REQ-14",
    "RFC 5382 REQ-2", "RFC 5382 REQ-3", "RFC 5382 REQ-4", "RFC 5382 REQ-5", "RFC 5382 REQ-6", "RFC 5382 REQ-7",
    "RFC 5382 REQ-8", "RFC 5382 REQ-9", "RFC 5382 REQ-10",
    "RFC 5508 REQ-1", "RFC 5508 REQ-2", "RFC 5508 REQ-3", "RFC 5508 REQ-4", "RFC 5508 REQ-5", "RFC 5508 REQ-6",
    "RFC 5508 REQ-7", "RFC 5508 REQ-8", "RFC 5508 REQ-10", "RFC 1812",
    "RFC 6888 REQ-1", "RFC 6888 REQ-2", "RFC 6888 REQ-3", "RFC 6888 REQ-4", "RFC 6888 REQ-5", "RFC 6888 REQ-6",
    "RFC 6888 REQ-7", "RFC 6888 REQ-8", "RFC 6888 REQ-9", "RFC 6888 REQ-10", "RFC 6888 REQ-11", "RFC 6888 REQ-12",
    "RFC 6888 REQ-13", "RFC 6888 REQ-14", "RFC 6888 REQ-15",
    "RFC 7857: port parity", "RFC 7857: errors, and answers with RST", "RFC 7857: TCP states", "RFC 7857: RST held",
    "RFC 7659", "RFC 6864", "RFC 5961", "RFC 5927", "RFC 1858", "RFC 3128", "RFC 5722", "RFC 8200",
    "RFC 6946", "RFC 7112", "RFC 7045", "RFC 8900", "RFC 4890", "RFC 2827", "RFC 3704", "RFC 6056", "RFC 3511",
    "9411", "9693", "8219", "4814", "2544",
];

/// Every line of the table of attacks.
const ATTACKS: [&str; 23] = [
    "flow table exhaustion",
    "hash collisions",
    "classifier complexity",
    "one VM takes all ports",
    "log flooding",
    "fragments: overlap, tiny, orphans, never complete",
    "lengths that lie, IHL, data offset, UDP length",
    "IPv4 source routes",
    "IPv6 header chains, RH0, hidden transport",
    "LAND, martians, our own addresses",
    "ARP and ND spoofing, gratuitous ARP",
    "DHCP servers, IPv6 routers that are none",
    "redirects, forged too-big, blind RST, SYN, data",
    "TTL games",
    "wrong checksums",
    "super-frames of tiny segments",
    "hairpin and routing loops",
    "clock jumps and wraps",
    "unresolved next hops",
    "control socket: strangers, huge, slow",
    "configuration bombs",
    "the process taken over",
    "captures that leak payload",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A line of the tables: what is asked, what is done, and the tests, as written.
#[derive(Debug)]
struct Line {
    requirement: String,
    ours: String,
    tests: String,
}

/// The lines of every table in the section headed `## Compliance`.
fn lines(readme: &str) -> Vec<Line> {
    let section =
        readme.split("\n## ").find(|section| section.starts_with("Compliance\n")).unwrap_or_default();
    let rows = section.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    cells
        .filter(|cells| !cells.iter().all(|cell| cell == "test" || cell.starts_with("---")))
        .filter(|cells| cells.last().is_none_or(|last| last != "test"))
        .map(|cells| {
            let [requirement, ours, tests] = <[String; 3]>::try_from(cells).unwrap();
            Line { requirement, ours, tests }
        })
        .collect()
}

/// Whether a line is about what is asked, in whole words: REQ-1 is neither REQ-10 nor REQ-1a.
fn is_about(line: &Line, asked: &str) -> bool {
    let text = &line.requirement;
    let is_part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(asked).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + asked.len()..]);
        !is_part(before.chars().next_back()) && !is_part(after.chars().next())
    })
}

/// What is wrong with a line; tests stand in backticks: a file, `file::function`, or `::function` of the file before.
fn faults(line: &Line, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let Line { requirement, ours, tests } = line;
    let mut faults = Vec::new();
    if ours.is_empty() || tests.is_empty() && !ours.starts_with("not ") {
        faults.push(format!("{requirement}: no test"));
    }
    let mut file = "";
    for test in tests.split('`').skip(1).step_by(2) {
        let (named, function) = test.split_once("::").map_or((test, None), |(file, it)| (file, Some(it)));
        file = if named.is_empty() { file } else { named };
        let text = read(file);
        let is_there = |text: &String| function.is_none_or(|it| is_test(text, it));
        if !text.as_ref().is_some_and(is_there) {
            faults.push(format!("{requirement}: there is no {file}::{}", function.unwrap_or_default()));
        }
    }
    let named = tests.split('`').skip(1).step_by(2).count();
    if !tests.is_empty() && (named == 0 || tests.matches('`').count() != 2 * named) {
        faults.push(format!("{requirement}: `{tests}` names no test"));
    }
    faults
}

/// Whether a file has a test of this name that runs by itself: one of its own, or one that a macro makes for its settings.
fn is_test(text: &str, name: &str) -> bool {
    let Some((before, _)) = text.split_once(&format!("fn {name}(")) else { return false };
    let attributes = before.rsplit(['}', ';']).next().unwrap_or_default();
    let is_made = || {
        text.match_indices(name).any(|(at, _)| {
            let (before, after) = (&text[..at], &text[at + name.len()..]);
            before.ends_with([' ', '('])
                && !before.ends_with("fn ")
                && after.starts_with([',', ')', ' ', '\n'])
        })
    };
    !attributes.contains("#[ignore") && (attributes.contains("#[test]") || is_made())
}

/// A file of ours, by its path under `crates/` or from the root.
fn file(path: &str) -> Option<String> {
    [root().join("crates"), root()].iter().find_map(|base| fs::read_to_string(base.join(path)).ok())
}

#[test]
fn every_line_has_a_test_that_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = lines(&readme);
    let is_missing = |asked: &&&str| !lines.iter().any(|line| is_about(line, asked));
    let missing: Vec<_> = ASKED.iter().filter(is_missing).collect();
    assert!(missing.is_empty(), "no line of the table is about {missing:?}");
    let is_there = |attack: &&str| lines.iter().any(|line| line.requirement == *attack);
    let gone: Vec<_> = ATTACKS.iter().filter(|attack| !is_there(attack)).collect();
    assert!(gone.is_empty(), "no line of the table is about {gone:?}");
    let faults: Vec<String> = lines.iter().flat_map(|line| faults(line, file)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_line_is_about_whole_words() {
    let line = |requirement: &str| Line {
        requirement: requirement.into(),
        ours: String::new(),
        tests: String::new(),
    };
    for (right, asked) in [
        ("RFC 1 REQ-1: so", "RFC 1 REQ-1"),
        ("RFC 1 REQ-1, RFC 2 REQ-10: so", "RFC 2 REQ-10"),
        ("RFC 1, 22, 333: so", "22"),
        ("RFC 1: so and so", "RFC 1: so"),
    ] {
        assert!(is_about(&line(right), asked), "{right}");
    }
    for (wrong, asked) in [
        ("RFC 1 REQ-10: so", "RFC 1 REQ-1"),
        ("RFC 1 REQ-1a: so", "RFC 1 REQ-1"),
        ("RFC 1 REQ-11, RFC 1 REQ-12", "RFC 1 REQ-1"),
        ("RFC 2544: so", "544"),
        ("RFC 1: sooner", "RFC 1: so"),
    ] {
        assert!(!is_about(&line(wrong), asked), "{wrong}");
    }
}

#[test]
fn what_is_wrong_is_found() {
    let text = "on_setting!(veth, it_holds);\nfn it_holds() {}\n#[test]\nfn it_holds_too() {}\nfn only_helps() {}\n\
                #[test]\n#[ignore = \"slow\"]\nfn sleeps() {}";
    let read = |path: &str| (path == "a/b.rs").then(|| text.to_owned());
    let found = |row: &str| {
        let table =
            format!("# x\n\n## Compliance\n\n| requirement | ours | test |\n|---|---|---|\n{row}\n\n## y\n");
        let [line] = &lines(&table)[..] else { return usize::MAX };
        faults(line, read).len()
    };
    for right in [
        "| r | A | `a/b.rs::it_holds` |",
        "| r | A: so | `a/b.rs::it_holds`, `::it_holds_too` |",
        "| r | D | `a/b.rs` |",
        "| r | not built | |",
    ] {
        assert_eq!(found(right), 0, "{right}");
    }
    for wrong in [
        "| r | A | |",
        "| r | D: otherwise | |",
        "| r | | |",
        "| r | A | some words |",
        "| r | A | `a/b.rs::it` |",
        "| r | A | `a/c.rs::it_holds` |",
        "| r | A | `a/b.rs::it_holds`, `::it_does_not` |",
        "| r | A | `a/b.rs::it_holds |",
        "| r | A | `a/b.rs::only_helps` |",
        "| r | A | `a/b.rs::sleeps` |",
    ] {
        assert!(found(wrong) > 0, "{wrong}");
    }
}
