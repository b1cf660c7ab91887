//! Errors and warnings as a compiler writes them: the line, a caret, what to do.

use crate::layout::Look;
use crate::source::{Excerpt, Source};
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use diagnostic::{Diagnostic, Location, Severity};
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Places of one file that are more lines apart are shown apart.
const TOGETHER: u32 = 60;
/// So many related places are shown; more would say nothing new.
const RELATED: usize = 8;

/// Lines of a file are cut to no fewer columns, and where there is no terminal to so many.
const NARROW: usize = 40;
const WIDE: usize = 140;
/// Wider than any excerpt.
const UNCUT: usize = 1 << 20;
/// So many errors are written, and so many warnings; a hundred thousand more would say nothing new.
const MOST: usize = 1000;

/// Writes each diagnostic with the line of the file that it speaks of, where that can be read.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics(out: &mut impl Write, list: &[Diagnostic], look: &Look) -> io::Result<()> {
    diagnostics_in(out, list, look, |file| std::fs::read_to_string(file).ok())
}

/// The same where `text` has the files' text.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics_in(
    out: &mut impl Write,
    list: &[Diagnostic],
    look: &Look,
    text: impl Fn(&str) -> Option<String>,
) -> io::Result<()> {
    // What is cut from long lines is cut here.
    let renderer = if look.colour { Renderer::styled() } else { Renderer::plain() }.term_width(UNCUT);
    let columns = look.columns().clamp(NARROW, WIDE);
    let mut sources = Sources { files: HashMap::new(), text };
    let (mut errors, mut warnings) = (0_usize, 0_usize);
    for diagnostic in list {
        let count = if diagnostic.severity == Severity::Error { &mut errors } else { &mut warnings };
        *count += 1;
        if *count > MOST {
            continue;
        }
        sources.read(diagnostic);
        let (groups, is_cut) = groups(diagnostic, &sources.files, columns);
        let text = renderer.render(&groups);
        let lines = text.lines().collect::<Vec<_>>();
        for (nth, line) in lines.iter().enumerate() {
            // Behind a place that is told by itself comes one empty line too many.
            let is_twin =
                is_cut && nth > 0 && lines.get(nth - 1) == Some(line) && line.matches('|').count() == 1;
            match sentence(line, nth) {
                _ if is_twin => {}
                Some(indent) => look.hanging(out, line, indent)?,
                None => writeln!(out, "{line}")?,
            }
        }
        writeln!(out)?;
    }
    match errors.saturating_sub(MOST) + warnings.saturating_sub(MOST) {
        0 => Ok(()),
        more => writeln!(out, "… and {more} more\n"),
    }
}

/// How far in the next lines of a sentence stand; nothing where a line is an excerpt of a file, or a place in it.
fn sentence(line: &str, nth: usize) -> Option<usize> {
    if nth == 0 {
        return Some(4);
    }
    let plain = plain(line);
    let help = plain.find("= help: ")?;
    plain[..help].trim().is_empty().then_some(help + "= help: ".len())
}

/// A line without its colours.
fn plain(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

/// Writes the diagnostics as a JSON list. An end is the character after the last one, where it is known.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics_json(out: &mut impl Write, list: &[Diagnostic]) -> io::Result<()> {
    fn related(it: &diagnostic::Related) -> Related<'_> {
        Related { place: Place::of(Some(&it.at)), message: &it.message }
    }
    let entries: Vec<_> = list
        .iter()
        .map(|diagnostic| Entry {
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: Some(diagnostic.code),
            place: Place::of(diagnostic.at.as_ref()),
            message: diagnostic.message.as_str().into(),
            help: diagnostic.help.as_deref(),
            related: diagnostic.related.iter().map(related).collect(),
        })
        .collect();
    super::json(out, &entries)
}

/// Writes errors that are no diagnostics of a file as [`diagnostics_json`] writes those.
///
/// # Errors
/// Those of the writer.
pub fn errors_json(out: &mut impl Write, messages: &[String]) -> io::Result<()> {
    sentences(out, "error", messages)
}

/// Writes what is worth knowing of an answer and is no part of it likewise.
///
/// # Errors
/// Those of the writer.
pub fn notes_json(out: &mut impl Write, messages: &[String]) -> io::Result<()> {
    sentences(out, "note", messages)
}

fn sentences(out: &mut impl Write, severity: &'static str, messages: &[String]) -> io::Result<()> {
    let entry = |message: &String| Entry {
        severity,
        code: None,
        place: Place::of(None),
        message: Cow::Owned(message.clone()),
        help: None,
        related: Vec::new(),
    };
    super::json(out, &messages.iter().map(entry).collect::<Vec<_>>())
}

/// A diagnostic for programs.
#[derive(Serialize)]
struct Entry<'a> {
    severity: &'static str,
    /// Nothing where no file is wrong.
    code: Option<&'static str>,
    #[serde(flatten)]
    place: Place<'a>,
    message: Cow<'a, str>,
    help: Option<&'a str>,
    related: Vec<Related<'a>>,
}

#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    message: &'a str,
}

/// A place for programs.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place<'a> {
    file: Option<&'a str>,
    line: Option<u32>,
    column: Option<u32>,
    end_line: Option<u32>,
    end_column: Option<u32>,
}

impl<'a> Place<'a> {
    fn of(at: Option<&'a Location>) -> Self {
        let ended = at.filter(|at| at.has_end());
        Self {
            file: at.map(|at| &*at.file),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
            end_line: ended.map(|at| at.end_line),
            end_column: ended.map(|at| at.end_column),
        }
    }
}

/// The diagnostic as it is written, and whether a line of it was cut to so many columns.
fn groups<'a>(
    diagnostic: &'a Diagnostic,
    files: &'a HashMap<Arc<str>, Option<Source>>,
    columns: usize,
) -> (Vec<Group<'a>>, bool) {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.clone().primary_title(&*diagnostic.message).id(diagnostic.code);
    let (mut groups, mut last) = (Vec::new(), Group::with_title(title));
    let mut is_cut = false;
    for part in parts(diagnostic) {
        let Some((at, _)) = part.first() else { continue };
        match excerpt(&part, files, columns) {
            None => last = part.iter().fold(last, |group, (at, _)| group.element(origin(at))),
            Some(Shown { snippet, cut: false }) => last = last.element(snippet.path(&*at.file)),
            // The snippet would count the columns of what is left of the line, so the place stands before it.
            Some(Shown { snippet, cut: true }) => {
                is_cut = true;
                groups.push(last.element(origin(at)));
                last = Group::with_level(level.clone()).element(snippet);
            }
        }
    }
    if let Some(help) = &diagnostic.help {
        last = last.element(Level::HELP.message(help));
    }
    groups.push(last);
    (groups, is_cut)
}

/// A place and what is said there; of the place itself, nothing, since the title says it.
type Marked<'a> = (&'a Location, Option<&'a str>);

/// The places, those together that are near each other. The first one is the diagnostic's own.
fn parts(diagnostic: &Diagnostic) -> Vec<Vec<Marked<'_>>> {
    let own = diagnostic.at.iter().map(|at| (at, None));
    let related = diagnostic.related.iter().take(RELATED).map(|it| (&it.at, Some(it.message.as_str())));
    let mut parts: Vec<Vec<Marked<'_>>> = Vec::new();
    for (at, label) in own.chain(related) {
        let near = |(other, _): &Marked<'_>| {
            other.file == at.file
                && other.line.abs_diff(at.line) <= TOGETHER
                && other.end_line.abs_diff(at.line) <= TOGETHER
        };
        match parts.iter_mut().find(|part| part.iter().any(near)) {
            Some(part) => part.push((at, label)),
            None => parts.push(vec![(at, label)]),
        }
    }
    parts
}

struct Shown<'a> {
    snippet: Snippet<'a, Annotation<'a>>,
    cut: bool,
}

/// The lines of some places of one file, or `None` where it has no such lines.
fn excerpt<'a>(
    part: &[Marked<'a>],
    files: &'a HashMap<Arc<str>, Option<Source>>,
    columns: usize,
) -> Option<Shown<'a>> {
    let places: Vec<&Location> = part.iter().map(|(at, _)| *at).collect();
    let Excerpt { text, first, spans, cut } =
        files.get(&places.first()?.file)?.as_ref()?.excerpt(&places, columns)?;
    let mut snippet = Snippet::source(text).line_start(first as usize);
    for (span, (_, label)) in spans.into_iter().zip(part) {
        let kind = if label.is_none() { AnnotationKind::Primary } else { AnnotationKind::Context };
        snippet = snippet.annotation(kind.span(span).label(*label));
    }
    Some(Shown { snippet, cut })
}

fn origin(at: &Location) -> Origin<'_> {
    Origin::path(&*at.file).line(at.line as usize).char_column(at.column as usize)
}

/// The files that diagnostics speak of, each read once.
struct Sources<F> {
    files: HashMap<Arc<str>, Option<Source>>,
    text: F,
}

impl<F: Fn(&str) -> Option<String>> Sources<F> {
    fn read(&mut self, diagnostic: &Diagnostic) {
        let related = diagnostic.related.iter().take(RELATED).map(|it| &it.at);
        for at in diagnostic.at.iter().chain(related) {
            if !self.files.contains_key(&at.file) {
                let source = (self.text)(&at.file).map(Source::new);
                self.files.insert(Arc::clone(&at.file), source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(list: &[Diagnostic]) -> String {
        let mut out = Vec::new();
        diagnostics(&mut out, list, &Look::default()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_line_is_shown_with_a_caret_under_the_word() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.yaml");
        std::fs::write(&path, "attachments:\n  - interfce: eth0  # ü\n").unwrap();
        let file: Arc<str> = path.to_str().unwrap().into();
        let at = Location::new(Arc::clone(&file), 2, 5);
        let text = written(&[Diagnostic::error("UnknownKey", &at, "unknown key \"interfce\"")
            .help("did you mean \"interface\"?")]);
        assert!(text.contains("error[UnknownKey]: unknown key"), "{text}");
        assert!(text.contains(&format!("{file}:2:5")), "{text}");
        assert!(text.contains("^^^^^^^^\n"), "{text}");
        assert!(text.contains("help: did you mean"), "{text}");
    }

    #[test]
    fn sentences_are_as_wide_as_the_terminal() {
        let at = Location::new("/nowhere/x.json", 1, 1);
        let [message, help] = ["said of it ", "done about it "].map(|words| words.repeat(20));
        let found = [Diagnostic::error("Wrong", &at, message.trim_end()).help(help.trim_end())];
        for colour in [false, true] {
            let mut out = Vec::new();
            diagnostics(&mut out, &found, &Look { width: Some(80), colour }).unwrap();
            let text = plain(&String::from_utf8(out).unwrap());
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(message.trim_end()) && words.contains(help.trim_end()), "{text}");
        }
        // Where there is no terminal, a message is one line.
        assert!(written(&found).contains(message.trim_end()));
    }

    #[test]
    fn not_all_of_very_many_are_written() {
        let at = Location::new("/nowhere/x.json", 1, 1);
        let mut list = vec![Diagnostic::warning("Odd", &at, "odd"); MOST + 5];
        list.push(Diagnostic::error("Wrong", &at, "wrong"));
        let text = written(&list);
        assert_eq!(text.matches("warning[Odd]").count(), MOST);
        assert!(text.contains("error[Wrong]") && text.ends_with("… and 5 more\n\n"), "{text}");
    }

    #[test]
    fn a_place_that_cannot_be_shown_is_still_named() {
        for (line, column) in [(0, 0), (1, 1), (7, 9), (u32::MAX, u32::MAX)] {
            let at = Location::new("/nowhere/x.json", line, column);
            let text = written(&[Diagnostic::warning("Odd", &at, "odd")]);
            assert!(text.contains(&format!("/nowhere/x.json:{line}:{column}")), "{text}");
        }
    }

    #[test]
    fn no_column_makes_it_panic() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.yaml");
        std::fs::write(&path, "\u{feff}é: \"ü\n\n  \n'").unwrap();
        let file: Arc<str> = path.to_str().unwrap().into();
        for line in 0..6 {
            for column in [0, 1, 2, 3, 4, 5, 6, 100, u32::MAX] {
                let at = Location::new(Arc::clone(&file), line, column);
                assert!(!written(&[Diagnostic::error("X", &at, "x")]).is_empty());
            }
        }
    }

    /// What is written of `list`, whose places are in `text`, called `a.json`.
    fn shown(text: &str, list: &[Diagnostic]) -> String {
        let mut out = Vec::new();
        diagnostics_in(&mut out, list, &Look::default(), |_| Some(text.to_owned())).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_whole_place_is_underlined() {
        let text = "{\n  \"a\": \"x \\\" ü, y\", \"b\": [\n    1,\n    2\n  ]\n}\n";
        let at = Location::new("a.json", 2, 8).until(2, 19);
        let value = shown(text, &[Diagnostic::error("X", &at, "value")]);
        assert_eq!(
            value,
            "error[X]: value\n --> a.json:2:8\n  |\n2 |   \"a\": \"x \\\" ü, y\", \"b\": [\n  |        ^^^^^^^^^^^\n\n"
        );
        let at = Location::new("a.json", 2, 26).until(5, 4);
        let list = shown(text, &[Diagnostic::error("X", &at, "list")]);
        assert!(list.contains(" --> a.json:2:26\n") && list.contains("5 | |   ]\n  | |___^\n"), "{list}");
    }

    #[test]
    fn other_places_are_shown_with_what_is_there() {
        let text: String = (1..=200).map(|nth| format!("priority: {nth:03}\n")).collect();
        let at = |line| Location::new("a.json", line, 11).until(line, 14);
        let near = Diagnostic::error("X", &at(9), "twice").related(&at(7), "first used here");
        let near = shown(&text, &[near]);
        assert!(near.contains("7 | priority: 007\n  |           --- first used here\n"), "{near}");
        assert!(near.contains("9 | priority: 009\n  |           ^^^\n"), "{near}");
        let far = Diagnostic::error("X", &at(190), "twice").related(&at(7), "first used here");
        let far = shown(&text, &[far]);
        assert!(far.contains("--> a.json:190:11") && far.contains("::: a.json:7:11"), "{far}");
        assert!(far.lines().count() < 12, "{far}");
    }

    #[test]
    fn of_a_long_line_only_what_is_near_is_shown() {
        let item = "{\"ä\":1},";
        let text = format!("[{}{{\"bad\":2}}]", item.repeat(100_000));
        let column = 2 + 100_000 * u32::try_from(item.chars().count()).unwrap();
        let at = Location::new("a.json", 1, column + 1).until(1, column + 6);
        let first = Location::new("a.json", 1, 3).until(1, 6);
        let long = shown(&text, &[Diagnostic::error("X", &at, "bad").related(&first, "not this")]);
        assert!(long.contains(&format!("a.json:1:{}", column + 1)), "{long}");
        assert!(long.contains("\"bad\":2") && long.contains(" ^^^^^"), "{long}");
        assert!(long.contains("not this"), "{long}");
        assert!(long.len() < 2000 && !long.contains(":::"), "{long}");
    }

    #[test]
    fn a_long_line_is_one_line_of_the_terminals_width() {
        let item = "{\"name\":\"Rule\"},";
        let text = format!("[{}{{\"bad\":2}},{}1]", item.repeat(1000), item.repeat(1000));
        let column = 2 + 1000 * u32::try_from(item.len()).unwrap();
        let at = Location::new("a.json", 1, column + 1).until(1, column + 6);
        for width in [40, 60, 80, 140] {
            for colour in [false, true] {
                let mut out = Vec::new();
                let look = Look { width: Some(width), colour };
                let found = [Diagnostic::error("X", &at, "bad").help("other")];
                diagnostics_in(&mut out, &found, &look, |_| Some(text.clone())).unwrap();
                let shown = String::from_utf8(out).unwrap();
                if colour {
                    assert_eq!(shown.lines().count(), 7, "{shown}");
                    continue;
                }
                let lines: Vec<&str> = shown.lines().collect();
                let [title, place, gutter, source, caret, help, ""] = lines[..] else { panic!("{shown}") };
                assert_eq!((title, gutter, help), ("error[X]: bad", "  |", "  = help: other"));
                assert_eq!(place, format!(" --> a.json:1:{}", column + 1));
                assert!(source.chars().count() <= usize::from(width), "{source}");
                assert!(source.chars().count() + 8 > usize::from(width), "there is room for more: {source}");
                assert!(source.starts_with("1 | …") && source.ends_with('…'), "{source}");
                assert_eq!(source.matches('…').count() + source.matches("...").count(), 2, "{source}");
                // Columns are those of characters.
                let before = source.find("\"bad\"").map(|byte| source[..byte].chars().count());
                assert_eq!(caret.find('^'), before, "{shown}");
            }
        }
    }

    #[test]
    fn programs_get_every_place_with_its_end() {
        let at = Location::new("a.json", 2, 8).until(2, 19);
        let point = Location::new("b.json", 7, 1);
        let found = [Diagnostic::error("X", &at, "m").help("h").related(&point, "r")];
        let mut out = Vec::new();
        diagnostics_json(&mut out, &found).unwrap();
        let expected = serde_json::json!([{
            "severity": "error", "code": "X", "file": "a.json", "line": 2, "column": 8, "endLine": 2,
            "endColumn": 19, "message": "m", "help": "h",
            "related": [{"file": "b.json", "line": 7, "column": 1, "endLine": null, "endColumn": null, "message": "r"}],
        }]);
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&out).unwrap(), expected);
    }
}
