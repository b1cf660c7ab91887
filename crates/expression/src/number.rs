//! Numbers in .NET's formats, in its invariant language.
//!
//! They are rounded as they are written, digit by digit, and a half goes away from zero.
//!
//! # Source
//! .NET "Standard numeric format strings" and "Custom numeric format strings".

use crate::pattern::{Mark, Pattern, marks};

/// The most digits that a format may ask for.
pub(crate) const MAX_DIGITS: usize = 99;
/// The greatest power of ten; that of a number of 64 bits is 308.
const MAX_POWER: i64 = 400;

/// A number as it is written, or `None` for a format that there is not.
pub(crate) fn styled(number: &str, style: &str) -> Option<String> {
    let decimal = Decimal::parse(number)?;
    let mut characters = style.chars();
    let (letter, digits) = (characters.next()?, characters.as_str());
    if !letter.is_ascii_alphabetic() || !digits.chars().all(|it| it.is_ascii_digit()) {
        return Some(decimal.patterned(style));
    }
    let digits = match digits {
        "" => None,
        digits => Some(digits.parse::<usize>().ok().filter(|digits| *digits <= MAX_DIGITS)?),
    };
    let places = digits.unwrap_or(2);
    let is_whole = number.bytes().all(|it| it.is_ascii_digit() || it == b'-');
    Some(match letter.to_ascii_uppercase() {
        'C' => match decimal.fixed(places) {
            (true, text) => format!("(¤{})", grouped(&text)),
            (false, text) => format!("¤{}", grouped(&text)),
        },
        'D' if is_whole => {
            let whole = number.trim_start_matches('-');
            signed((number.starts_with('-'), format!("{whole:0>width$}", width = digits.unwrap_or(0))))
        }
        'E' => decimal.scientific(digits.unwrap_or(6), letter),
        'F' => signed(decimal.fixed(places)),
        'G' => match digits {
            None | Some(0) => number.to_owned(),
            Some(digits) => decimal.general(digits, letter),
        },
        'N' => {
            let (negative, text) = decimal.fixed(places);
            signed((negative, grouped(&text)))
        }
        'P' => {
            let (negative, text) = decimal.shifted(2).fixed(places);
            format!("{} %", signed((negative, grouped(&text))))
        }
        'R' => number.to_owned(),
        'X' => {
            let (number, width) = (number.parse::<i64>().ok()?, digits.unwrap_or(0));
            if letter == 'x' { format!("{number:0>width$x}") } else { format!("{number:0>width$X}") }
        }
        _ => return None,
    })
}

fn signed((negative, text): (bool, String)) -> String {
    if negative { format!("-{text}") } else { text }
}

/// With commas between thousands.
fn grouped(number: &str) -> String {
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut out = String::new();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

/// A number as its digits, without zeros at either end, and the place of the point: 0.digits times 10 to the power.
#[derive(Clone, Debug)]
pub(crate) struct Decimal {
    pub(crate) negative: bool,
    digits: String,
    pub(crate) power: i64,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i64 = exponent.parse().ok().filter(|it: &i64| it.abs() <= MAX_POWER)?;
        let (negative, mantissa) =
            mantissa.strip_prefix('-').map_or((false, mantissa), |mantissa| (true, mantissa));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
        let power = i64::try_from(whole.len()).ok()? + exponent;
        (is_number && power.abs() <= MAX_POWER).then(|| Self { negative, digits, power }.trimmed())
    }

    fn trimmed(self) -> Self {
        let digits = self.digits.trim_start_matches('0');
        let zeros = (self.digits.len() - digits.len()) as i64;
        let digits = digits.trim_end_matches('0').to_owned();
        match digits.is_empty() {
            true => Self { negative: false, digits, power: 0 },
            false => Self { power: self.power - zeros, digits, ..self },
        }
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.digits.is_empty()
    }

    pub(crate) fn shifted(self, places: i64) -> Self {
        if self.is_zero() { self } else { Self { power: self.power + places, ..self } }
    }

    /// With so many of its digits.
    pub(crate) fn rounded(&self, count: i64) -> Self {
        let Some(count) = usize::try_from(count).ok() else {
            return Self { negative: false, digits: String::new(), power: 0 };
        };
        let Some(next) = self.digits.as_bytes().get(count) else { return self.clone() };
        let mut kept = self.digits.as_bytes().get(..count).unwrap_or_default().to_vec();
        let mut carry = *next >= b'5';
        for digit in kept.iter_mut().rev() {
            if !carry {
                break;
            }
            carry = *digit == b'9';
            *digit = if carry { b'0' } else { *digit + 1 };
        }
        let digits: String =
            carry.then_some('1').into_iter().chain(kept.into_iter().map(char::from)).collect();
        Self { digits, power: self.power + i64::from(carry), ..*self }.trimmed()
    }

    /// The digits before the point, none for zero, and so many after it.
    pub(crate) fn split(&self, places: usize) -> (String, String) {
        let at =
            |nth: i64| usize::try_from(nth).ok().and_then(|nth| self.digits.chars().nth(nth)).unwrap_or('0');
        let whole = (0..self.power).map(at).collect();
        let fraction = (self.power..self.power + places as i64).map(at).collect();
        (whole, fraction)
    }

    /// Whether it is negative, and its size with so many digits after the point.
    fn fixed(&self, places: usize) -> (bool, String) {
        let rounded = self.rounded(self.power + places as i64);
        let (whole, fraction) = rounded.split(places);
        let whole = if whole.is_empty() { "0" } else { &whole };
        let point = if places > 0 { "." } else { "" };
        (rounded.negative, format!("{whole}{point}{fraction}"))
    }

    fn scientific(&self, places: usize, letter: char) -> String {
        let rounded = self.rounded(places as i64 + 1);
        let exponent = if rounded.is_zero() { 0 } else { rounded.power - 1 };
        let (_, mantissa) = Self { power: rounded.power - exponent, ..rounded.clone() }.fixed(places);
        signed((rounded.negative, format!("{mantissa}{}", exponent_of(letter, true, 3, exponent))))
    }

    /// With so many digits that matter, whichever way is shorter.
    fn general(&self, count: usize, letter: char) -> String {
        let rounded = self.rounded(count as i64);
        let exponent = rounded.power - 1;
        if rounded.is_zero() || (-5..count as i64).contains(&exponent) {
            let places = usize::try_from(rounded.digits.len() as i64 - rounded.power).unwrap_or_default();
            return signed(rounded.fixed(places));
        }
        let places = rounded.digits.len() - 1;
        let (_, mantissa) = Self { power: 1, ..rounded.clone() }.fixed(places);
        let letter = if letter == 'g' { 'e' } else { 'E' };
        signed((rounded.negative, format!("{mantissa}{}", exponent_of(letter, true, 2, exponent))))
    }

    /// In a pattern of one's own, which may have sections for numbers below zero and for zero.
    fn patterned(&self, style: &str) -> String {
        let marks = marks(style);
        let sections: Vec<&[Mark]> = marks.split(|it| *it == Mark::Section).collect();
        let section = |nth: usize| sections.get(nth).filter(|it| !it.is_empty());
        let first = sections.first().copied().unwrap_or_default();
        let nothing = || Pattern::of(section(2).copied().unwrap_or(first)).filled(&self.rounded(0)).1;
        if self.is_zero() {
            return nothing();
        }
        let own = section(1).filter(|_| self.negative);
        match Pattern::of(own.copied().unwrap_or(first)).filled(self) {
            (true, _) => nothing(),
            (false, text) => signed((self.negative && own.is_none(), text)),
        }
    }
}

/// The power of ten behind its letter.
pub(crate) fn exponent_of(letter: char, plus: bool, width: usize, exponent: i64) -> String {
    let sign = if exponent < 0 {
        "-"
    } else if plus {
        "+"
    } else {
        ""
    };
    format!("{letter}{sign}{:0>width$}", exponent.unsigned_abs())
}
