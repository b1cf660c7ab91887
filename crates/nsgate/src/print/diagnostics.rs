//! Errors and warnings as a compiler writes them: the line, a caret, what to do.

use super::Colour;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use model::{Diagnostic, Location, Severity};
use serde::Serialize;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Longer lines are not shown: a minified document is one line of megabytes.
const LONGEST_LINE: usize = 2000;

/// Writes each diagnostic with the line of the file that it speaks of, where that can be read.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics(out: &mut impl Write, list: &[Diagnostic], colour: Colour) -> io::Result<()> {
    diagnostics_in(out, list, colour, |file| std::fs::read_to_string(file).ok())
}

/// The same where `text` has the files' text.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics_in(
    out: &mut impl Write,
    list: &[Diagnostic],
    colour: Colour,
    text: impl Fn(&str) -> Option<String>,
) -> io::Result<()> {
    let renderer = match colour {
        Colour::Yes => Renderer::styled(),
        Colour::No => Renderer::plain(),
    };
    let mut sources = Sources { files: HashMap::new(), text };
    for diagnostic in list {
        let line = diagnostic.at.as_ref().and_then(|at| Some((at, sources.line(at)?)));
        writeln!(out, "{}", renderer.render(&[group(diagnostic, line)]))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Writes the diagnostics as a JSON list.
///
/// # Errors
/// Those of the writer.
pub fn diagnostics_json(out: &mut impl Write, list: &[Diagnostic]) -> io::Result<()> {
    #[derive(Serialize)]
    struct Entry<'a> {
        severity: &'static str,
        code: &'static str,
        file: Option<&'a str>,
        line: Option<u32>,
        column: Option<u32>,
        message: &'a str,
        help: Option<&'a str>,
    }
    let entries: Vec<_> = list
        .iter()
        .map(|diagnostic| Entry {
            severity: match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            code: diagnostic.code,
            file: diagnostic.at.as_ref().map(|at| &*at.file),
            line: diagnostic.at.as_ref().map(|at| at.line),
            column: diagnostic.at.as_ref().map(|at| at.column),
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
        })
        .collect();
    super::json(out, &entries)
}

fn group<'a>(diagnostic: &'a Diagnostic, line: Option<(&'a Location, &'a str)>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group = Group::with_title(level.primary_title(&*diagnostic.message).id(diagnostic.code));
    match (line, &diagnostic.at) {
        (Some((at, text)), _) => {
            group = group.element(
                Snippet::source(text)
                    .line_start(at.line as usize)
                    .path(&*at.file)
                    .annotation(AnnotationKind::Primary.span(word(text, at.column))),
            );
        }
        (None, Some(at)) => {
            group = group.element(
                annotate_snippets::Origin::path(&*at.file)
                    .line(at.line as usize)
                    .char_column(at.column as usize),
            );
        }
        (None, None) => {}
    }
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(help)),
        None => group,
    }
}

/// The bytes of the word that begins at `column`.
fn word(line: &str, column: u32) -> std::ops::Range<usize> {
    let skip = usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let start = line.char_indices().nth(skip).map_or(line.len(), |(at, _)| at);
    let rest = line.get(start..).unwrap_or_default();
    let length = match rest.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.find(['"', '\'']).map_or(rest.len(), |end| end + 2),
        None => rest.find([' ', ',', ':', '{', '[', ']', '}', '#']).unwrap_or(rest.len()).max(1),
    };
    start..start.saturating_add(length).min(line.len())
}

/// The files that diagnostics speak of, each read once.
struct Sources<F> {
    files: HashMap<Arc<str>, Option<String>>,
    text: F,
}

impl<F: Fn(&str) -> Option<String>> Sources<F> {
    fn line(&mut self, at: &Location) -> Option<&str> {
        let text = self.files.entry(Arc::clone(&at.file)).or_insert_with(|| (self.text)(&at.file));
        let line = text.as_ref()?.lines().nth(usize::try_from(at.line).ok()?.checked_sub(1)?)?;
        (line.len() <= LONGEST_LINE).then(|| line.strip_prefix('\u{feff}').unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(list: &[Diagnostic]) -> String {
        let mut out = Vec::new();
        diagnostics(&mut out, list, Colour::No).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_line_is_shown_with_a_caret_under_the_word() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gateway.yaml");
        std::fs::write(&path, "attachments:\n  - interfce: eth0  # ü\n").unwrap();
        let file: Arc<str> = path.to_str().unwrap().into();
        let at = Location { file: Arc::clone(&file), line: 2, column: 5 };
        let text = written(&[Diagnostic::error("UnknownKey", &at, "unknown key \"interfce\"")
            .help("did you mean \"interface\"?")]);
        assert!(text.contains("error[UnknownKey]: unknown key"), "{text}");
        assert!(text.contains(&format!("{file}:2:5")), "{text}");
        assert!(text.contains("^^^^^^^^\n"), "{text}");
        assert!(text.contains("help: did you mean"), "{text}");
    }

    #[test]
    fn a_place_that_cannot_be_shown_is_still_named() {
        for (line, column) in [(0, 0), (1, 1), (7, 9), (u32::MAX, u32::MAX)] {
            let at = Location { file: "/nowhere/x.json".into(), line, column };
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
                let at = Location { file: Arc::clone(&file), line, column };
                assert!(!written(&[Diagnostic::error("X", &at, "x")]).is_empty());
            }
        }
    }
}
