//! The README's table of compliance says what is so: every line has a test, and every test that it names is there.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

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
        let is_there = |text: &String| function.is_none_or(|it| text.contains(&format!("fn {it}(")));
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

/// A file of ours, by its path under `crates/` or from the root.
fn file(path: &str) -> Option<String> {
    [root().join("crates"), root()].iter().find_map(|base| fs::read_to_string(base.join(path)).ok())
}

#[test]
fn every_line_has_a_test_that_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let lines = lines(&readme);
    assert!(lines.len() > 60, "{} lines: where is the table?", lines.len());
    let faults: Vec<String> = lines.iter().flat_map(|line| faults(line, file)).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_is_wrong_is_found() {
    let read = |path: &str| (path == "a/b.rs").then(|| "fn it_holds() {}\nfn it_holds_too() {}".to_owned());
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
    ] {
        assert!(found(wrong) > 0, "{wrong}");
    }
}
