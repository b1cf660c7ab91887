//! Composite formats as .NET's: `{index,alignment:format}`.

use crate::fault::Stop;
use crate::functions::Call;
use crate::number::styled;
use crate::text::Units;
use crate::value::{json, textual};
use document::{Node, Value};

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
