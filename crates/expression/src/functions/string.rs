//! Functions on texts.

use super::{ANY, Call, DEFAULT_OF, Function, plain};
use crate::encode;
use crate::evaluate::shortened;
use crate::fault::Stop;
use crate::format::format;
use crate::hash;
use crate::text::Units;
use crate::value::{from_json, json, textual};
use diagnostic::At;
use document::{Entry, Node, Unknown, Value};
use std::sync::Arc;

pub(super) const FUNCTIONS: &[Function] = &[
    plain("base64", 1, 1, |call| call.made(encode::base64(call.text(0)?.as_bytes()))),
    plain("base64ToJson", 1, 1, |call| parsed(call, &decoded(call)?)),
    plain("base64ToString", 1, 1, |call| call.made(decoded(call)?)),
    plain("buildUri", 1, 1, build_uri),
    plain("dataUri", 1, 1, data_uri),
    plain("dataUriToString", 1, 1, data_uri_to_string),
    plain("endsWith", 2, 2, |call| ends(call, |text, part| text.ends_with(part))),
    plain("format", 1, ANY, format),
    plain("guid", 1, ANY, |call| call.made(hash::guid(&hyphenated(call)?))),
    plain("join", 2, 2, join),
    plain("json", 1, 1, |call| parsed(call, call.text(0)?)),
    plain("newGuid", 0, 0, new_guid),
    plain("padLeft", 2, 3, pad_left),
    plain("parseUri", 1, 1, parse_uri),
    plain("replace", 3, 3, replace),
    plain("split", 2, 2, split),
    plain("startsWith", 2, 2, |call| ends(call, |text, part| text.starts_with(part))),
    plain("string", 1, 1, string),
    plain("substring", 2, 3, substring),
    plain("toLower", 1, 1, |call| call.made(Units::folded(call.text(0)?))),
    plain("toUpper", 1, 1, |call| call.made(Units::raised(call.text(0)?))),
    plain("trim", 1, 1, |call| call.made(call.text(0)?.trim())),
    plain("uniqueString", 1, ANY, |call| call.made(hash::unique_string(&hyphenated(call)?))),
    plain("uri", 2, 2, |call| call.made(encode::resolve(call.text(0)?, call.text(1)?))),
    plain("uriComponent", 1, 1, |call| call.made(encode::percent(call.text(0)?))),
    plain("uriComponentToString", 1, 1, |call| call.made(encode::percent_decoded(call.text(0)?))),
];

fn string(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    match textual(node) {
        Some(text) => call.made(text),
        None => call.made(json(node, call.budget())?),
    }
}

/// The text that the first argument is in base 64.
fn decoded(call: &Call<'_>) -> Result<String, Stop> {
    let bytes = encode::base64_decoded(call.text(0)?).ok_or_else(|| call.at(0, "it is not in base 64"))?;
    call.budget().text(bytes.len())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn parsed(call: &Call<'_>, text: &str) -> Result<Node, Stop> {
    match from_json(text, &call.written.evaluator.at.clone()) {
        Ok(node) => Ok(call.budget().copy(&node)?),
        Err(why) => Err(call.at(0, format!("the text is not JSON: {why}"))),
    }
}

fn data_uri(call: &mut Call<'_>) -> Result<Node, Stop> {
    let bytes = encode::base64(call.text(0)?.as_bytes());
    call.made(format!("data:text/plain;charset=utf8;base64,{bytes}"))
}

/// # Source
/// RFC 2397
fn data_uri_to_string(call: &mut Call<'_>) -> Result<Node, Stop> {
    let text = call.text(0)?;
    let parts = text.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let parts = parts.and_then(|_| text.get(5..)?.split_once(','));
    let Some((kind, data)) = parts else { return Err(call.at(0, "it is no data URI")) };
    if !kind.to_ascii_lowercase().ends_with(";base64") {
        return call.made(encode::percent_decoded(data));
    }
    match encode::base64_decoded(&encode::percent_decoded(data)) {
        Some(bytes) => call.made(String::from_utf8_lossy(&bytes)),
        None => Err(call.at(0, "its data are not in base 64")),
    }
}

/// What the URI does not say is null, or is left out where it is the query.
fn parse_uri(call: &mut Call<'_>) -> Result<Node, Stop> {
    let text = call.text(0)?;
    let Some(uri) = encode::parts(text) else {
        return Err(call.at(0, format!("'{}' is no URI such as https://host/path", shortened(text))));
    };
    let port = match uri.port {
        Some(port) => call.number(port)?,
        None => call.node(Value::Null)?,
    };
    let mut entries = vec![
        ("scheme", call.made(uri.scheme)?),
        ("host", call.made(uri.host)?),
        ("port", port),
        ("path", call.made(uri.path)?),
    ];
    if !uri.query.is_empty() {
        entries.push(("query", call.made(uri.query)?));
    }
    let at = &call.written.evaluator.at;
    let entries = entries.into_iter().map(|(key, value)| Entry { key: At::new(key, at), value });
    call.node(Value::Object(entries.collect()))
}

fn build_uri(call: &mut Call<'_>) -> Result<Node, Stop> {
    let entries = call.entries(0)?;
    let part = |key: &str| {
        let found = entries.iter().find(|it| it.key.value.eq_ignore_ascii_case(key)).map(|it| &it.value);
        match found.map(|it| &it.value) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text) | Value::Number(text)) => {
                Ok(Some(text.as_str()).filter(|it| !it.is_empty()))
            }
            Some(Value::Unknown(unknown)) => Err(Stop::Unknown(unknown.clone())),
            Some(other) => Err(call.at(0, format!("the {key} is {}, and no text", other.kind()))),
        }
    };
    let (Some(scheme), Some(host)) = (part("scheme")?, part("host")?) else {
        return Err(call.at(0, "a URI needs a scheme and a host"));
    };
    let port = part("port")?.map(|port| format!(":{port}")).unwrap_or_default();
    let begun = |text: Option<&str>, mark: char| match text {
        Some(text) if !text.starts_with(mark) => format!("{mark}{text}"),
        text => text.unwrap_or_default().to_owned(),
    };
    let path = begun(part("path")?.or(Some("/")), '/');
    call.made(format!("{scheme}://{host}{port}{path}{}", begun(part("query")?, '?')))
}

/// Whether one text is at an end of another, whatever the case.
fn ends(call: &Call<'_>, holds: fn(&str, &str) -> bool) -> Result<Node, Stop> {
    let (text, part) = (Units::folded(call.text(0)?), Units::folded(call.text(1)?));
    call.node(Value::Bool(holds(&text, &part)))
}

/// All arguments as one text, as `guid` and `uniqueString` take them.
fn hyphenated(call: &Call<'_>) -> Result<String, Stop> {
    let mut joined = String::new();
    for nth in 0..call.arguments.len() {
        let node = call.argument(nth)?;
        let Some(text) = textual(node) else { return Err(call.wrong(nth, node, "a string")) };
        call.budget().text(text.len())?;
        joined.push_str(if nth > 0 { "-" } else { "" });
        joined.push_str(text);
    }
    Ok(joined)
}

fn join(call: &mut Call<'_>) -> Result<Node, Stop> {
    let delimiter = call.text(1)?;
    let mut joined = String::new();
    for (nth, item) in call.array(0)?.iter().enumerate() {
        let delimiter = if nth > 0 { delimiter } else { "" };
        let text = match (textual(item), &item.value) {
            (Some(text), _) => text,
            (None, Value::Unknown(unknown)) => return Err(Stop::Unknown(unknown.clone())),
            (None, _) => return Err(call.wrong(0, item, "an array of strings")),
        };
        call.budget().text(delimiter.len() + text.len())?;
        joined.push_str(delimiter);
        joined.push_str(text);
    }
    call.node(Value::String(joined))
}

fn new_guid(_: &mut Call<'_>) -> Result<Node, Stop> {
    Err(Stop::Unknown(Arc::new(Unknown {
        stand_in: Some(hash::guid("newGuid()")),
        ..Unknown::new("newGuid()", "is another one at each deployment", DEFAULT_OF)
    })))
}

fn pad_left(call: &mut Call<'_>) -> Result<Node, Stop> {
    let node = call.argument(0)?;
    let text = match &node.value {
        Value::String(text) | Value::Number(text) => text,
        _ => return Err(call.wrong(0, node, "a string or an integer")),
    };
    let Ok(length) = usize::try_from(call.integer(1)?) else {
        return Err(call.at(1, "a length is 0 or more"));
    };
    let pad = match call.arguments.get(2) {
        None => ' ',
        Some(_) => {
            let mut characters = call.text(2)?.chars();
            match (characters.next(), characters.next()) {
                (Some(pad), None) => pad,
                _ => return Err(call.at(2, "it takes one character to fill up with")),
            }
        }
    };
    let missing = length.saturating_sub(Units::of(text).length());
    call.budget().text(missing.saturating_mul(pad.len_utf8()))?;
    let padded: String = std::iter::repeat_n(pad, missing).chain(text.chars()).collect();
    call.made(padded)
}

fn replace(call: &mut Call<'_>) -> Result<Node, Stop> {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if old.is_empty() {
        return Err(call.at(1, "there is nothing to be replaced"));
    }
    call.budget().text(text.matches(old).count().saturating_mul(new.len()))?;
    call.made(text.replace(old, new))
}

/// Between delimiters; where several could stand, the first in the array does.
fn split(call: &mut Call<'_>) -> Result<Node, Stop> {
    let text = call.text(0)?;
    let delimiters: Vec<&str> = match &call.argument(1)?.value {
        Value::Array(_) => {
            let delimiters = call.array(1)?.iter().map(|item| call.text_of(1, item));
            delimiters.collect::<Result<_, Stop>>()?
        }
        _ => vec![call.text(1)?],
    };
    call.budget().steps((1 + text.len() / 64).saturating_mul(delimiters.len()))?;
    // Each with where it is found next; only those passed by are looked for again.
    let next = |delimiter: &str, from: usize| Some(from + text.get(from..)?.find(delimiter)?);
    let filled = delimiters.into_iter().filter(|delimiter| !delimiter.is_empty());
    let mut found: Vec<(Option<usize>, &str)> =
        filled.map(|delimiter| (next(delimiter, 0), delimiter)).collect();
    let (mut parts, mut from) = (Vec::new(), 0);
    loop {
        call.budget().steps(found.len())?;
        for (place, delimiter) in &mut found {
            if place.is_some_and(|place| place < from) {
                *place = next(delimiter, from);
            }
        }
        let first = found.iter().filter_map(|(place, delimiter)| Some(((*place)?, delimiter.len())));
        let Some((place, length)) = first.min_by_key(|(place, _)| *place) else { break };
        parts.push(call.made(text.get(from..place).unwrap_or_default())?);
        from = place + length;
    }
    parts.push(call.made(text.get(from..).unwrap_or_default())?);
    call.node(Value::Array(parts))
}

fn substring(call: &mut Call<'_>) -> Result<Node, Stop> {
    let units = Units::of(call.text(0)?);
    let length = units.length();
    let Some(from) = usize::try_from(call.integer(1)?).ok().filter(|from| *from <= length) else {
        return Err(call.at(1, format!("the string has {length} characters")));
    };
    let count = match call.arguments.get(2) {
        None => length - from,
        Some(_) => usize::try_from(call.integer(2)?).unwrap_or(usize::MAX),
    };
    if count > length - from {
        return Err(call.at(2, format!("the string has {} characters from there on", length - from)));
    }
    call.made(units.slice(from, count))
}
