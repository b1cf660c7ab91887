//! Times and durations as ISO 8601 and .NET write them.

/// A time in UTC from the year 1 to the year 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Time {
    /// Since 1970.
    seconds: i64,
    /// Tenths of microseconds.
    ticks: u32,
}

const DAY: i64 = 86_400;
/// The first and last second.
const RANGE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];
const ISO: &str = "yyyy-MM-ddTHH:mm:ssZ";

/// A length of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Duration {
    seconds: i64,
    ticks: i64,
}

/// The day's number since 1970 of a date of the calendar.
fn day_number(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last.
    let year = if month > 2 { year } else { year - 1 };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of a day's number.
fn date(number: i64) -> (i64, i64, i64) {
    let number = number + 719_468;
    let era = number.div_euclid(146_097);
    let of_era = number.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    (era * 400 + year + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

fn days_of(year: i64, month: i64) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    day_number(next_year, next, 1) - day_number(year, month, 1)
}

/// Reads a text from its beginning.
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.0.get(..count).filter(|text| text.bytes().all(|it| it.is_ascii_digit()))?;
        self.0 = self.0.get(count..)?;
        digits.parse().ok()
    }

    fn take(&mut self, marks: &[char]) -> Option<()> {
        self.0 = self.0.strip_prefix(marks)?;
        Some(())
    }

    /// A fraction after its point, in tenths of microseconds.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.0.len() - self.0.trim_start_matches(|it: char| it.is_ascii_digit()).len();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        format!("{:0<7}", digits.get(..length.min(7))?).parse().ok().filter(|_| length > 0)
    }
}

impl Time {
    /// The beginning of 1970.
    pub(crate) const EPOCH: Self = Self { seconds: 0, ticks: 0 };

    pub(crate) fn from_seconds(seconds: i64) -> Option<Self> {
        RANGE.contains(&seconds).then_some(Self { seconds, ticks: 0 })
    }

    pub(crate) fn seconds(self) -> i64 {
        self.seconds
    }

    /// A time, and the format that writes it so.
    pub(crate) fn parse(text: &str) -> Option<(Self, &'static str)> {
        let text = text.trim();
        let mut reader = Reader(text);
        let year = reader.digits(4)?;
        let long = reader.take(&['-']).is_some();
        let month = reader.digits(2)?;
        if long {
            reader.take(&['-'])?;
        }
        let day = reader.digits(2)?;
        let valid = (1..=9999).contains(&year) && (1..=12).contains(&month);
        if !valid || !(1..=days_of(year, month)).contains(&day) {
            return None;
        }
        let spaced = reader.0.starts_with(' ');
        let mut time = Self { seconds: day_number(year, month, day) * DAY, ticks: 0 };
        if reader.0.is_empty() {
            return Some((time, if long { "yyyy-MM-dd" } else { "yyyyMMdd" }));
        }
        reader.take(&['T', 't', ' '])?;
        let hour = reader.digits(2)?;
        if long {
            reader.take(&[':'])?;
        }
        let minute = reader.digits(2)?;
        let with_seconds = if long { reader.take(&[':']).is_some() } else { !reader.0.is_empty() };
        let second = if with_seconds { reader.digits(2)? } else { 0 };
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        if reader.take(&['.', ',']).is_some() {
            time.ticks = reader.fraction()?;
        }
        time.seconds += hour * 3600 + minute * 60 + second - zone(reader.0)?;
        let format = match (long, spaced) {
            (false, _) => "yyyyMMddTHHmmssZ",
            (true, true) => "u",
            (true, false) if time.ticks > 0 => "o",
            (true, false) => ISO,
        };
        RANGE.contains(&time.seconds).then_some((time, format))
    }

    /// The time so much later.
    pub(crate) fn plus(self, duration: &Duration) -> Option<Self> {
        let ticks = i64::from(self.ticks) + duration.ticks;
        let seconds =
            self.seconds.checked_add(duration.seconds)?.checked_add(ticks.div_euclid(10_000_000))?;
        let ticks = u32::try_from(ticks.rem_euclid(10_000_000)).ok()?;
        RANGE.contains(&seconds).then_some(Self { seconds, ticks })
    }

    /// The time in one of .NET's formats, in its invariant language.
    pub(crate) fn format(self, format: &str) -> Option<String> {
        Some(self.custom(match format {
            "d" => "MM/dd/yyyy",
            "D" => "dddd, dd MMMM yyyy",
            "f" => "dddd, dd MMMM yyyy HH:mm",
            "F" | "U" => "dddd, dd MMMM yyyy HH:mm:ss",
            "g" => "MM/dd/yyyy HH:mm",
            "G" => "MM/dd/yyyy HH:mm:ss",
            "m" | "M" => "MMMM dd",
            "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffZ",
            "r" | "R" => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
            "s" => "yyyy-MM-ddTHH:mm:ss",
            "t" => "HH:mm",
            "T" => "HH:mm:ss",
            "u" => "yyyy-MM-dd HH:mm:ssZ",
            "y" | "Y" => "yyyy MMMM",
            short if short.chars().count() < 2 => return None,
            custom => custom,
        }))
    }

    fn custom(self, pattern: &str) -> String {
        let mut out = String::new();
        let mut rest = pattern;
        while let Some(first) = rest.chars().next() {
            let run = rest.len() - rest.trim_start_matches(first).len();
            let count = run / first.len_utf8();
            let mut used = run;
            match first {
                '\'' | '"' => {
                    let quoted = rest.get(1..).unwrap_or_default();
                    let end = quoted.find(first).unwrap_or(quoted.len());
                    out.push_str(quoted.get(..end).unwrap_or_default());
                    used = (end + 2).min(rest.len());
                }
                '\\' | '%' => {
                    let next = rest.get(1..).and_then(|rest| rest.chars().next());
                    out.extend(next.filter(|_| first == '\\'));
                    used = 1 + if first == '\\' { next.map_or(0, char::len_utf8) } else { 0 };
                }
                _ => self.part(first, count, rest.get(..run).unwrap_or_default(), &mut out),
            }
            rest = rest.get(used..).unwrap_or_default();
        }
        out
    }

    /// One run of the same letter.
    fn part(self, letter: char, count: usize, run: &str, out: &mut String) {
        let (year, month, day) = date(self.seconds.div_euclid(DAY));
        let second = self.seconds.rem_euclid(DAY);
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let short =
            |name: &str| name.get(..if count > 3 { name.len() } else { 3 }).unwrap_or_default().to_owned();
        let name = |names: &[&str], nth: i64| {
            usize::try_from(nth).ok().and_then(|nth| names.get(nth)).map(|it| short(it))
        };
        let number = |value: i64| format!("{value:0>width$}", width = count.min(2));
        out.push_str(&match letter {
            'y' if count < 3 => number(year % 100),
            'y' => format!("{year:0>width$}", width = count.min(9)),
            'M' if count > 2 => name(&MONTHS, month - 1).unwrap_or_default(),
            'M' => number(month),
            'd' if count > 2 => {
                name(&WEEKDAYS, self.seconds.div_euclid(DAY).rem_euclid(7)).unwrap_or_default()
            }
            'd' => number(day),
            'H' => number(hour),
            'h' => number((hour + 11) % 12 + 1),
            'm' => number(minute),
            's' => number(second % 60),
            't' => (if hour < 12 { "AM" } else { "PM" }).chars().take(count).collect(),
            'f' => format!("{:07}", self.ticks).chars().take(count).collect(),
            'F' => {
                let digits: String = format!("{:07}", self.ticks).chars().take(count).collect();
                digits.trim_end_matches('0').to_owned()
            }
            'K' => "Z".to_owned(),
            'z' => ["+0", "+00", "+00:00"].get(count - 1).unwrap_or(&"+00:00").to_string(),
            _ => run.to_owned(),
        });
    }
}

/// The seconds that a time zone is ahead of UTC; without one it is UTC.
fn zone(text: &str) -> Option<i64> {
    let (sign, rest) = match text.chars().next() {
        None | Some('Z' | 'z') => return (text.len() < 2).then_some(0),
        Some('+') => (1, text.get(1..)?),
        Some('-') => (-1, text.get(1..)?),
        Some(_) => return None,
    };
    let mut reader = Reader(rest);
    let hours = reader.digits(2)?;
    let _ = reader.take(&[':']);
    let minutes = if reader.0.is_empty() { 0 } else { reader.digits(2)? };
    (reader.0.is_empty() && hours < 15 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

impl Duration {
    /// A year has 365 days, and a month 30.
    ///
    /// # Source
    /// ISO 8601, section 4.4.3.2: `P1Y2M3DT4H5M6.5S` and `P2W`, with a sign before all of it. Azure "Date functions for ARM
    /// templates", *Remarks* of `dateTimeAdd`, for years and months.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, rest) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
        let mut rest = rest.strip_prefix('P')?;
        let mut duration = Self::default();
        let (mut clock, mut parts) = (false, 0);
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T').filter(|_| !clock) {
                (clock, rest) = (true, after);
                parts = 0;
            }
            let length = rest.len() - rest.trim_start_matches(|it: char| it.is_ascii_digit()).len();
            let number: i64 = rest.get(..length)?.parse().ok().filter(|number| *number < 1 << 40)?;
            let number = sign * number;
            rest = rest.get(length..)?;
            if let Some(after) = rest.strip_prefix('.').filter(|_| clock) {
                let mut reader = Reader(after);
                duration.ticks = sign * i64::from(reader.fraction()?);
                rest = reader.0;
                if rest != "S" {
                    return None;
                }
            }
            let unit = rest.chars().next()?;
            match (unit, clock) {
                ('Y', false) => duration.seconds += number * 365 * DAY,
                ('M', false) => duration.seconds += number * 30 * DAY,
                ('W', false) => duration.seconds += number * 7 * DAY,
                ('D', false) => duration.seconds += number * DAY,
                ('H', true) => duration.seconds += number * 3600,
                ('M', true) => duration.seconds += number * 60,
                ('S', true) => duration.seconds += number,
                _ => return None,
            }
            parts += 1;
            rest = rest.get(1..)?;
        }
        (parts > 0).then_some(duration)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_numbered_as_the_calendar_does() {
        let mut number = day_number(1, 1, 1);
        assert_eq!(number * DAY, *RANGE.start());
        for year in 1..=9999 {
            for month in 1..=12 {
                let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
                let days = match month {
                    2 => 28 + i64::from(leap),
                    4 | 6 | 9 | 11 => 30,
                    _ => 31,
                };
                assert_eq!(days_of(year, month), days);
                for day in [1, days] {
                    assert_eq!(day_number(year, month, day), number + day - 1);
                    assert_eq!(date(number + day - 1), (year, month, day));
                }
                number += days;
            }
        }
        assert_eq!(number * DAY, RANGE.end() + 1);
    }
}
