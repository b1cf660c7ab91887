//! The text of files by line and column, and the little of it that a diagnostic shows.

use diagnostic::Location;
use std::collections::HashMap;
use std::ops::Range;

/// So many bytes around a place of a long line are shown at least, on each side.
const NEAREST: usize = 12;
/// What the line's number and the marks of what was left out take.
const MARGIN: usize = 12;
/// A place of more lines is shown by its first one.
const MOST_LINES: u32 = 200;
/// Every so many characters of a long line it is known which byte they begin at.
const STEP: usize = 4096;

/// The text of a file.
pub(super) struct Source {
    text: String,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    /// Of lines longer than [`STEP`], by their number from zero: the byte of every so manyth character, in the line.
    steps: HashMap<usize, Vec<usize>>,
}

impl Source {
    pub(super) fn new(text: String) -> Self {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines: Vec<usize> = std::iter::once(start).chain(after_breaks).collect();
        let mut source = Self { text, lines, steps: HashMap::new() };
        for nth in 0..source.lines.len() {
            let line = source.nth(nth).unwrap_or_default();
            if line.len() > STEP {
                let steps = line.char_indices().step_by(STEP).map(|(at, _)| at).collect();
                source.steps.insert(nth, steps);
            }
        }
        source
    }

    /// The line from zero, without its end.
    fn nth(&self, nth: usize) -> Option<&str> {
        let start = *self.lines.get(nth)?;
        let end = self.lines.get(nth + 1).copied().unwrap_or(self.text.len());
        let line = self.text.get(start..end)?;
        let line = line.strip_suffix('\n').unwrap_or(line);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }

    /// The line from one.
    fn line(&self, line: u32) -> Option<&str> {
        self.nth(usize::try_from(line).ok()?.checked_sub(1)?)
    }

    /// The byte of the line at which `column` begins, or the line's end.
    fn byte(&self, line: u32, column: u32) -> Option<usize> {
        let text = self.line(line)?;
        let skip = usize::try_from(column).ok()?.saturating_sub(1);
        let known = self.steps.get(&usize::try_from(line).ok()?.checked_sub(1)?);
        let start = match known {
            Some(steps) => *steps.get(skip / STEP).unwrap_or(&text.len()),
            None => 0,
        };
        let skip = if known.is_some() { skip % STEP } else { skip };
        let rest = text.get(start..)?;
        Some(rest.char_indices().nth(skip).map_or(text.len(), |(at, _)| start + at))
    }

    /// The bytes of the place, counted from the start of its first line; and its last line.
    fn extent(&self, at: &Location) -> Option<Extent> {
        let start = self.byte(at.line, at.column)?;
        let line = self.line(at.line)?;
        if !at.has_end() {
            return Some(Extent {
                first: (at.line, start),
                last: (at.line, start + word(line.get(start..)?)),
            });
        }
        if at.end_line.saturating_sub(at.line) > MOST_LINES {
            return Some(Extent { first: (at.line, start), last: (at.line, line.len()) });
        }
        // A file that has changed since may end before.
        let end = self.byte(at.end_line, at.end_column).unwrap_or_default();
        Some(Extent { first: (at.line, start), last: (at.end_line, end) })
    }

    /// What to show of the file for these places in about so many columns, or `None` where it has no such line. A minified
    /// document is one line of megabytes, so of a longer line only what is near the places is shown.
    pub(super) fn excerpt(&self, places: &[&Location], columns: usize) -> Option<Excerpt> {
        let extents: Vec<Extent> = places.iter().map(|at| self.extent(at)).collect::<Option<_>>()?;
        let first = extents.iter().map(|it| it.first.0).min()?;
        let last = extents.iter().map(|it| it.last.0).max()?;
        let mut excerpt = Excerpt { text: String::new(), first, spans: Vec::new(), cut: false };
        let ends = |it: &Extent| [it.first, it.last];
        let mut marks: Vec<(u32, usize)> = extents.iter().flat_map(ends).collect();
        marks.sort_unstable();
        let mut shown: HashMap<(u32, usize), usize> = HashMap::new();
        for number in first..=last {
            let line = self.line(number).unwrap_or_default();
            let here = marks.iter().filter(|(line, _)| *line == number).map(|(_, byte)| *byte);
            let here: Vec<usize> = here.collect();
            let pieces = pieces(line, &extents, number, columns.saturating_sub(MARGIN));
            excerpt.cut |= pieces.first().is_none_or(|piece| piece.len() < line.len());
            let mut next = 0;
            for piece in pieces {
                if piece.start > next {
                    excerpt.text.push('…');
                }
                next = piece.end;
                for &byte in here.iter().filter(|&&byte| piece.start <= byte && byte <= piece.end) {
                    shown.insert((number, byte), excerpt.text.len() + byte - piece.start);
                }
                excerpt.text.push_str(line.get(piece).unwrap_or_default());
            }
            if next < line.len() {
                excerpt.text.push('…');
            }
            excerpt.text.push('\n');
        }
        for extent in &extents {
            let start = shown.get(&extent.first).copied()?;
            let end = shown.get(&extent.last).copied().unwrap_or(start);
            excerpt.spans.push(start..end.max(start));
        }
        Some(excerpt)
    }
}

/// Line and byte of a place's start, and of its end.
struct Extent {
    first: (u32, usize),
    last: (u32, usize),
}

/// Some lines of a file, long ones cut.
pub(super) struct Excerpt {
    /// The lines.
    pub(super) text: String,
    /// The number of the first of them.
    pub(super) first: u32,
    /// The bytes of the text that each place takes, in the order of the places.
    pub(super) spans: Vec<Range<usize>>,
    /// Whether columns of the excerpt are other ones than those of the file.
    pub(super) cut: bool,
}

/// The parts of a line that are shown: all of it where it has no more bytes than there is room.
fn pieces(line: &str, extents: &[Extent], number: u32, room: usize) -> Vec<Range<usize>> {
    if line.len() <= room {
        return Vec::from_iter(std::iter::once(0..line.len()));
    }
    let mut shown: Vec<(usize, usize)> = Vec::new();
    for Extent { first, last } in extents {
        let is_short = last.1.saturating_sub(first.1) <= room.saturating_sub(2 * NEAREST);
        if first.0 == number && last.0 == number && is_short {
            shown.push((first.1, last.1));
        } else {
            // Of a very long place, its two ends.
            let ends = [first, last].into_iter().filter(|(line, _)| *line == number);
            shown.extend(ends.map(|(_, byte)| (*byte, *byte)));
        }
    }
    if shown.is_empty() {
        shown.push((0, 0));
    }
    let taken: usize = shown.iter().map(|(start, end)| end - start).sum();
    let near = (room.saturating_sub(taken) / (2 * shown.len())).max(NEAREST);
    let around = |(start, end): (usize, usize)| {
        let start = line.ceil_char_boundary(start.saturating_sub(near));
        start..line.floor_char_boundary(end.saturating_add(near).min(line.len()))
    };
    let mut pieces: Vec<Range<usize>> = shown.into_iter().map(around).collect();
    pieces.sort_by_key(|piece| piece.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for piece in pieces {
        match joined.last_mut() {
            Some(last) if piece.start <= last.end => last.end = last.end.max(piece.end),
            _ => joined.push(piece),
        }
    }
    joined
}

/// How many bytes the word has that the text begins with.
fn word(text: &str) -> usize {
    let length = match text.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.find(['"', '\'']).map_or(text.len(), |end| end + 2),
        None => text.find([' ', ',', ':', '{', '[', ']', '}', '#']).unwrap_or(text.len()),
    };
    match length {
        0 => text.chars().next().map_or(0, char::len_utf8),
        length => length.min(text.len()),
    }
}
