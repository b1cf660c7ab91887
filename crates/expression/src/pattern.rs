//! Patterns of numbers, as `#,##0.00`.
//!
//! # Source
//! .NET "Custom numeric format strings".

use crate::number::{Decimal, MAX_DIGITS, exponent_of};

/// What a pattern is made of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// The place of a digit, and whether one has to be there.
    Place(bool),
    Point,
    Comma,
    /// How many powers of ten the number is shown greater, and the sign for it.
    Times(i64, char),
    /// The letter, whether a plus is written, and the fewest digits.
    Exponent(char, bool, usize),
    Section,
    Text(char),
}

/// The marks of all sections.
pub(crate) fn marks(style: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut rest = style.chars();
    while let Some(mark) = rest.next() {
        marks.push(match mark {
            '0' => Mark::Place(true),
            '#' => Mark::Place(false),
            '.' => Mark::Point,
            ',' => Mark::Comma,
            ';' => Mark::Section,
            '%' => Mark::Times(2, mark),
            '‰' => Mark::Times(3, mark),
            '\\' => match rest.next() {
                Some(next) => Mark::Text(next),
                None => break,
            },
            '\'' | '"' => {
                marks.extend(rest.by_ref().take_while(|it| *it != mark).map(Mark::Text));
                continue;
            }
            'E' | 'e' => {
                let after = rest.as_str();
                let signless = after.strip_prefix(['+', '-']).unwrap_or(after);
                let width = signless.len() - signless.trim_start_matches('0').len();
                if width > 0 {
                    rest = signless.get(width..).unwrap_or_default().chars();
                    Mark::Exponent(mark, after.starts_with('+'), width.min(MAX_DIGITS))
                } else {
                    Mark::Text(mark)
                }
            }
            other => Mark::Text(other),
        });
    }
    marks
}

/// One section of a pattern, and what its marks mean together.
pub(crate) struct Pattern<'m> {
    marks: &'m [Mark],
    /// Where the point is, or would be.
    point: usize,
    /// The places before the point and after it, and how many of each must be filled.
    before: (usize, usize),
    after: (usize, usize),
    is_grouped: bool,
    times: i64,
    has_exponent: bool,
}

impl<'m> Pattern<'m> {
    pub(crate) fn of(marks: &'m [Mark]) -> Self {
        let is_place = |it: &&Mark| matches!(it, Mark::Place(_));
        let point = marks.iter().position(|it| *it == Mark::Point).unwrap_or(marks.len());
        let (before, after) = marks.split_at(point);
        let must = Mark::Place(true);
        let least_before = before
            .iter()
            .position(|it| *it == must)
            .map_or(0, |first| before.iter().skip(first).filter(is_place).count());
        let least_after = after
            .iter()
            .rposition(|it| *it == must)
            .map_or(0, |last| after.iter().take(last + 1).filter(is_place).count());
        // Commas between places group the digits; those behind the last place leave thousands out.
        let commas = |marks: &[Mark]| marks.iter().filter(|it| **it == Mark::Comma).count();
        let first = before.iter().position(|it| is_place(&it)).unwrap_or(before.len());
        let last = before.iter().rposition(|it| is_place(&it)).unwrap_or(0);
        let is_grouped = before.get(first..last).is_some_and(|between| commas(between) > 0);
        let behind = if first < before.len() { commas(before.get(last..).unwrap_or_default()) } else { 0 };
        let times =
            marks.iter().map(|it| if let Mark::Times(power, _) = it { *power } else { 0 }).sum::<i64>();
        Self {
            marks,
            point,
            before: (before.iter().filter(is_place).count(), least_before),
            after: (after.iter().filter(is_place).count(), least_after),
            is_grouped,
            times: times - 3 * behind as i64,
            has_exponent: marks.iter().any(|it| matches!(it, Mark::Exponent(..))),
        }
    }

    /// Whether nothing is left of the number, and its size in the pattern.
    pub(crate) fn filled(&self, number: &Decimal) -> (bool, String) {
        let mut number = number.clone().shifted(self.times);
        let mut exponent = 0;
        if self.has_exponent {
            number = number.rounded((self.before.0 + self.after.0) as i64);
            exponent = if number.is_zero() { 0 } else { number.power - self.before.0 as i64 };
            number = number.shifted(-exponent);
        }
        let number = number.rounded(number.power + self.after.0 as i64);
        let (whole, fraction) = number.split(self.after.0);
        let whole = format!("{whole:0>least$}", least = self.before.1);
        let kept = fraction.trim_end_matches('0').len().max(self.after.1);
        let fraction = fraction.get(..kept).unwrap_or_default();
        let (mut digits, mut decimals) = (whole.chars(), fraction.chars());
        let (mut left, mut places) = (whole.len(), self.before.0);
        let mut out = String::new();
        for (nth, mark) in self.marks.iter().enumerate() {
            // What is longer than the pattern goes before its first place, and what is shorter begins later.
            let due = match mark {
                Mark::Place(_) if nth < self.point => {
                    places -= 1;
                    left.saturating_sub(places)
                }
                Mark::Point if nth == self.point => left,
                _ => 0,
            };
            for digit in digits.by_ref().take(due) {
                left -= 1;
                out.push(digit);
                out.extend((self.is_grouped && left > 0 && left.is_multiple_of(3)).then_some(','));
            }
            match mark {
                Mark::Place(_) if nth > self.point => out.extend(decimals.next()),
                Mark::Point if nth == self.point => out.extend((!fraction.is_empty()).then_some('.')),
                Mark::Times(_, sign) => out.push(*sign),
                Mark::Exponent(letter, plus, width) => {
                    out.push_str(&exponent_of(*letter, *plus, *width, exponent));
                }
                Mark::Text(text) => out.push(*text),
                Mark::Place(_) | Mark::Point | Mark::Comma | Mark::Section => {}
            }
        }
        (number.is_zero(), out)
    }
}
