//! Composite formats as .NET's: `{index,alignment:format}`.

use crate::fault::Stop;
use crate::functions::Call;
use crate::text::Units;
use crate::value::{json, textual};
use document::{Node, Value};

/// The most digits that a format may ask for.
const MAX_DIGITS: usize = 99;

/// `format(text, values…)`.
pub(crate) fn format(call: &mut Call<'_>) -> Result<Node, Stop> {
    let text = call.text(0)?;
    let mut out = String::new();
    let mut rest = text;
    while let Some(place) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(place);
        out.push_str(before);
        if let Some(after) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
            out.push_str(from.get(..1).unwrap_or_default());
            rest = after;
            continue;
        }
        let item = from.strip_prefix('{').and_then(|from| from.split_once('}'));
        let Some((item, after)) = item else {
            let stop = format!("character {} is a brace without its partner", text.len() - from.len() + 1);
            return Err(call.at(0, stop));
        };
        filled(call, item, &mut out)?;
        rest = after;
    }
    out.push_str(rest);
    call.made(out)
}

/// Writes one item: `index[,alignment][:format]`.
fn filled(call: &Call<'_>, item: &str, out: &mut String) -> Result<(), Stop> {
    let (head, style) = item.split_once(':').map_or((item, ""), |(head, style)| (head, style));
    let (index, alignment) =
        head.split_once(',').map_or((head, "0"), |(index, alignment)| (index, alignment));
    let Ok(index) = index.trim().parse::<usize>() else {
        return Err(call.at(0, format!("'{{{item}}}' does not begin with the number of a value")));
    };
    let Ok(alignment) = alignment.trim().parse::<i32>() else {
        return Err(call.at(0, format!("'{{{item}}}' has no number after its comma")));
    };
    let values = call.arguments.len() - 1;
    if index >= values {
        return Err(call.at(0, format!("'{{{item}}}' has no value: {values} are given, counted from 0")));
    }
    let node = call.argument(index + 1)?;
    let value = match &node.value {
        Value::Number(number) if !style.is_empty() => match styled(number, style) {
            Some(value) => value,
            None => return Err(call.at(0, format!("'{style}' is no format for {number}"))),
        },
        Value::Null => String::new(),
        _ => match textual(node) {
            Some(text) => text.to_owned(),
            None => json(node, call.budget())?,
        },
    };
    let missing = (alignment.unsigned_abs() as usize).saturating_sub(Units::of(&value).length());
    call.budget().text(value.len().saturating_add(missing))?;
    let spaces = std::iter::repeat_n(' ', missing);
    if alignment > 0 {
        out.extend(spaces);
        out.push_str(&value);
    } else {
        out.push_str(&value);
        out.extend(spaces);
    }
    Ok(())
}

/// A number in one of .NET's formats: D, F, G, N, P, X or a pattern of `0` and `#`.
fn styled(number: &str, style: &str) -> Option<String> {
    let mut characters = style.chars();
    let (letter, digits) = (characters.next()?, characters.as_str());
    if !letter.is_ascii_alphabetic() || !digits.chars().all(|it| it.is_ascii_digit()) {
        return patterned(number, style);
    }
    let digits = match digits {
        "" => None,
        digits => Some(digits.parse::<usize>().ok().filter(|digits| *digits <= MAX_DIGITS)?),
    };
    match letter.to_ascii_uppercase() {
        'D' => {
            let (sign, whole) = signed(number);
            whole.bytes().all(|it| it.is_ascii_digit()).then_some(())?;
            Some(format!("{sign}{whole:0>width$}", width = digits.unwrap_or(0)))
        }
        'X' => {
            let (number, width) = (number.parse::<i64>().ok()?, digits.unwrap_or(0));
            Some(if letter == 'x' { format!("{number:0>width$x}") } else { format!("{number:0>width$X}") })
        }
        'F' => fixed(number, digits.unwrap_or(2)),
        'N' => Some(grouped(&fixed(number, digits.unwrap_or(2))?)),
        'P' => {
            let number: f64 = number.parse().ok()?;
            Some(format!("{} %", grouped(&fixed(&(number * 100.0).to_string(), digits.unwrap_or(2))?)))
        }
        'G' => Some(number.to_owned()),
        _ => None,
    }
}

fn signed(number: &str) -> (&str, &str) {
    number.strip_prefix('-').map_or(("", number), |whole| ("-", whole))
}

/// With so many digits after the point.
fn fixed(number: &str, digits: usize) -> Option<String> {
    if number.parse::<i64>().is_ok() {
        let point = if digits > 0 { "." } else { "" };
        return Some(format!("{number}{point}{}", "0".repeat(digits)));
    }
    let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some(format!("{value:.digits$}"))
}

/// With commas between thousands.
fn grouped(number: &str) -> String {
    let (sign, number) = signed(number);
    let (whole, fraction) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut out = sign.to_owned();
    for (nth, digit) in whole.chars().enumerate() {
        if nth > 0 && (whole.len() - nth).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out + fraction
}

/// A pattern of an integer: at least as many digits as it has zeros, other characters as they are.
fn patterned(number: &str, style: &str) -> Option<String> {
    if style.contains(['.', ',', '%', ';', 'E', 'e', '\'', '"', '\\']) {
        return None;
    }
    let number: i64 = number.parse().ok()?;
    let places = style.chars().filter(|it| matches!(it, '0' | '#')).count();
    let least = style.find('0').map_or(0, |first| {
        style.get(first..).unwrap_or_default().chars().filter(|it| matches!(it, '0' | '#')).count()
    });
    if places == 0 || places > MAX_DIGITS {
        return None;
    }
    let magnitude = if number == 0 { String::new() } else { number.unsigned_abs().to_string() };
    let padded = format!("{magnitude:0>least$}");
    // What is longer than the pattern goes before its first place.
    let mut digits = padded.chars().peekable();
    let mut surplus = padded.len().saturating_sub(places);
    let mut skipped = places.saturating_sub(padded.len());
    let mut out = if number < 0 { "-".to_owned() } else { String::new() };
    for character in style.chars() {
        if !matches!(character, '0' | '#') {
            out.push(character);
        } else if skipped > 0 {
            skipped -= 1;
        } else {
            out.extend(digits.by_ref().take(surplus + 1));
            surplus = 0;
        }
    }
    Some(out)
}
