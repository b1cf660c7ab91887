//! How an answer looks where it goes: colours, and tables that give way to lines where a terminal is too narrow for them.

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;

/// Prose in a table is not cut into columns that are narrower.
const NARROWEST: usize = 24;

/// How text looks where it goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// The columns of the terminal; `None` for as many as it takes.
    pub width: Option<u16>,
    /// Whether verdicts are told apart by colour too.
    pub colour: bool,
}

impl Look {
    /// What suits `out`: on a terminal its width, and colour unless `NO_COLOR` is set; plain text of any width elsewhere.
    pub fn of(out: &(impl IsTerminal + AsFd)) -> Self {
        if !out.is_terminal() {
            return Self::default();
        }
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let width = terminal_size::terminal_size_of(out).map(|(width, _)| width.0);
        Self { width: width.filter(|width| *width > 0), colour: !unwanted }
    }

    /// The columns there are.
    pub(crate) fn columns(&self) -> usize {
        self.width.map_or(usize::MAX, usize::from)
    }

    /// A verdict, green or red where there are colours.
    pub(crate) fn verdict(&self, text: &str, is_good: bool) -> String {
        match (self.colour, is_good) {
            (false, _) => text.to_owned(),
            (true, true) => format!("\x1b[1;32m{text}\x1b[0m"),
            (true, false) => format!("\x1b[1;31m{text}\x1b[0m"),
        }
    }

    /// Writes lines; what the terminal has no room for goes on below, further in.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn line(&self, out: &mut impl Write, text: &str) -> io::Result<()> {
        text.split('\n').try_for_each(|line| {
            let start = line.len() - line.trim_start_matches(' ').len();
            self.hanging(out, line, start + 4)
        })
    }

    /// Writes a line; what the terminal has no room for goes on below, so far in.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn hanging(&self, out: &mut impl Write, line: &str, indent: usize) -> io::Result<()> {
        let lines = wrapped(line, self.columns(), indent);
        lines.iter().enumerate().try_for_each(|(nth, line)| {
            let indent = if nth == 0 { 0 } else { indent };
            writeln!(out, "{:indent$}{line}", "")
        })
    }
}

/// Cuts a text at spaces into lines of so many columns, all but the first one less the indent; longer words stay whole.
pub(crate) fn wrapped(text: &str, columns: usize, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for (nth, word) in text.split(' ').enumerate() {
        let (length, room) =
            (visible(word), if lines.len() == 1 { columns } else { columns.saturating_sub(indent) });
        let Some(line) = lines.last_mut() else { break };
        let is_blank = line.chars().all(|it| it == ' ');
        if nth == 0 || is_blank || used + 1 + length <= room {
            if nth > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        } else {
            lines.push(word.to_owned());
            used = length;
        }
    }
    lines
}

/// The columns that a text takes, colours apart.
fn visible(text: &str) -> usize {
    let mut is_colour = false;
    let shown = text.chars().filter(|&it| {
        let was_colour = is_colour;
        is_colour = it == '\x1b' || is_colour && it != 'm';
        !is_colour && !was_colour
    });
    shown.count()
}

/// How a column stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    /// Words, which stay whole.
    Text(&'static str),
    /// Numbers, at the right.
    Number(&'static str),
    /// Marks, in the middle.
    Mark(&'static str),
    /// Sentences, which may go on in the next line.
    Prose(&'static str),
}

impl Column {
    const fn header(self) -> &'static str {
        match self {
            Self::Text(header) | Self::Number(header) | Self::Mark(header) | Self::Prose(header) => header,
        }
    }

    const fn alignment(self) -> CellAlignment {
        match self {
            Self::Text(_) | Self::Prose(_) => CellAlignment::Left,
            Self::Number(_) => CellAlignment::Right,
            Self::Mark(_) => CellAlignment::Center,
        }
    }
}

/// A table, or the same in lines.
#[derive(Debug)]
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// Writes the table where it fits, and else each row as a paragraph.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn write(&self, out: &mut impl Write, look: &Look) -> io::Result<()> {
        if self.write_table(out, look)? {
            return Ok(());
        }
        for row in &self.rows {
            let flat = |cell: &String| cell.lines().map(str::trim).collect::<Vec<_>>().join(", ");
            let told = self.columns.iter().zip(row).skip(1).filter(|(_, cell)| !cell.is_empty());
            let told: Vec<String> = match self.columns.as_slice() {
                [_, _] => told.map(|(_, cell)| flat(cell)).collect(),
                _ => told.map(|(column, cell)| format!("{} {}", column.header(), flat(cell))).collect(),
            };
            let first = row.first().map(flat).unwrap_or_default();
            let first = match self.columns.first() {
                // A number alone says nothing.
                Some(Column::Number(header)) => format!("{header} {first}"),
                _ => first,
            };
            look.line(out, &format!("{first}: {}", told.join(", ")))?;
        }
        Ok(())
    }

    /// Writes the table where it fits, and says whether it does.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn write_table(&self, out: &mut impl Write, look: &Look) -> io::Result<bool> {
        let Some(table) = self.fitting(look.columns()) else { return Ok(false) };
        for line in table.lines() {
            writeln!(out, "{}", if look.colour { painted(&line, look) } else { line })?;
        }
        Ok(true)
    }

    /// The table in so many columns, its prose in several lines if need be.
    fn fitting(&self, columns: usize) -> Option<Table> {
        let table = self.table(None);
        let excess = widest(&table).saturating_sub(columns);
        if excess == 0 {
            return Some(table);
        }
        let prose = self.columns.iter().position(|column| matches!(column, Column::Prose(_)))?;
        let cells = self.rows.iter().filter_map(|row| row.get(prose));
        let longest = cells.flat_map(|cell| cell.lines()).map(visible).max()?;
        let room = longest.checked_sub(excess).filter(|room| *room >= NARROWEST)?;
        Some(self.table(Some((prose, room)))).filter(|table| widest(table) <= columns)
    }

    fn table(&self, narrow: Option<(usize, usize)>) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(self.columns.iter().map(|column| column.header()));
        for row in &self.rows {
            let cell = |(nth, (column, text)): (usize, (&Column, &String))| {
                let text = match narrow {
                    Some((prose, room)) if prose == nth => {
                        let lines = text.lines().flat_map(|line| wrapped(line, room, 0));
                        lines.collect::<Vec<_>>().join("\n")
                    }
                    _ => text.clone(),
                };
                Cell::new(text).set_alignment(column.alignment())
            };
            table.add_row(self.columns.iter().zip(row).enumerate().map(cell));
        }
        table
    }
}

fn widest(table: &Table) -> usize {
    table.lines().map(|line| line.chars().count()).max().unwrap_or_default()
}

/// A line of a table with its cells of allow and deny in colour. The widths were counted before colours came in.
fn painted(line: &str, look: &Look) -> String {
    let cell = |cell: &str| match cell.trim() {
        word @ ("Allow" | "Deny") => cell.replacen(word, &look.verdict(word, word == "Allow"), 1),
        _ => cell.to_owned(),
    };
    line.split('┆').map(cell).collect::<Vec<_>>().join("┆")
}

/// The letter that makes a word several.
pub(crate) const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid =
            Grid::new(&[Column::Text("reason"), Column::Number("packets"), Column::Prose("meaning")]);
        grid.row([
            "denied".into(),
            "12".into(),
            "A rule of a network security group denies it inbound.".into(),
        ]);
        grid.row(["Allow".into(), "7".into(), String::new()]);
        grid
    }

    fn shown(width: Option<u16>, colour: bool) -> String {
        let mut out = Vec::new();
        grid().write(&mut out, &Look { width, colour }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prose_goes_on_below_and_words_stay_whole() {
        assert_eq!(shown(None, false).lines().count(), 6);
        let table = shown(Some(60), false);
        assert!(table.lines().all(|line| line.chars().count() <= 60) && table.starts_with('┌'), "{table}");
        assert!(table.contains("denied"), "{table}");
        assert_eq!(
            shown(Some(40), false),
            "denied: packets 12, meaning A rule of a\n    network security group denies it\n    inbound.\n\
             Allow: packets 7\n"
        );
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(
            shown(None, true).matches('\x1b').count(),
            0,
            "the first column has no border of its kind"
        );
        let look = Look { width: Some(12), colour: true };
        let mut out = Vec::new();
        look.line(&mut out, &format!("  {}: by a rule", look.verdict("Deny", false))).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "  \x1b[1;31mDeny\x1b[0m: by a\n      rule\n");
    }

    #[test]
    fn no_text_is_lost_at_any_width() {
        let text = "  one two  three-and-a-very-long-word   four";
        for columns in 0..60 {
            let joined = wrapped(text, columns, 4).join(" ");
            assert_eq!(joined, text, "{columns}");
        }
    }
}
