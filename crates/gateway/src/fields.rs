//! Reading mappings key by key, with every mistake written down and none of them final.

use crate::codes;
use diagnostic::{At, Diagnostic};
use document::{Entry, Node, Value};
use std::time::Duration;

/// What the mapping without a name is called.
const WHOLE: &str = "the gateway file";

/// What a key is to this daemon.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    /// It is read.
    Built(&'static str),
    /// It is of the design, and its feature comes later.
    Later(&'static str),
}

impl Known {
    fn name(self) -> &'static str {
        match self {
            Self::Built(name) | Self::Later(name) => name,
        }
    }
}

/// A mapping whose keys have been checked.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    /// What it is called; empty for the whole file.
    name: String,
    /// The mapping itself; `None` where it is absent or empty.
    entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// Reads `node` as the mapping called `name`; unknown keys and later ones become errors.
    pub(crate) fn read(
        node: Option<&'a Node>,
        name: &str,
        known: &[Known],
        out: &mut Vec<Diagnostic>,
    ) -> Self {
        let entries = match node.map(|node| (&node.value, &node.at)) {
            None | Some((Value::Null, _)) => &[][..],
            Some((Value::Object(entries), _)) => entries,
            Some((_, at)) => {
                let name = if name.is_empty() { WHOLE } else { name };
                let message = format!("{name}: expected keys and values");
                out.push(Diagnostic::error(codes::INVALID_VALUE, at, message));
                &[]
            }
        };
        let fields = Self { name: name.into(), entries };
        for Entry { key, .. } in entries {
            match known.iter().find(|known| known.name() == key.value) {
                Some(Known::Built(_)) => {}
                Some(Known::Later(_)) => out.push(not_built(&key.at, &fields.path(&key.value))),
                None => out.push(unknown(name, key, known)),
            }
        }
        fields
    }

    /// A key as it is said: with the names of the mappings it is in.
    fn path(&self, key: &str) -> String {
        if self.name.is_empty() { key.into() } else { format!("{}.{key}", self.name) }
    }

    /// Whether a key is not there, nor one that nobody knows and that was meant as this one.
    pub(crate) fn is_missing(&self, key: &str, known: &[Known]) -> bool {
        let names = || known.iter().map(|known| known.name());
        let is_meant = |entry: &Entry| {
            let written = entry.key.value.as_str();
            names().all(|name| name != written) && diagnostic::nearest(written, names()) == Some(key)
        };
        self.get(key).is_none() && !self.entries.iter().any(is_meant)
    }

    /// The value of a key, `None` where it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key.value == key)?;
        (entry.value.value != Value::Null).then_some(&entry.value)
    }

    /// Where a key stands, whatever its value.
    pub(crate) fn key(&self, key: &str) -> Option<&'a At<String>> {
        self.entries.iter().map(|entry| &entry.key).find(|known| known.value == key)
    }

    /// A text.
    pub(crate) fn text(&self, key: &str, out: &mut Vec<Diagnostic>) -> Option<At<String>> {
        text(self.get(key)?, &self.path(key), out)
    }

    /// A list of texts, or one text.
    pub(crate) fn texts(&self, key: &str, out: &mut Vec<Diagnostic>) -> Vec<At<String>> {
        let path = self.path(key);
        match self.get(key) {
            None => Vec::new(),
            Some(Node { value: Value::Array(items), .. }) => {
                items.iter().filter_map(|item| text(item, &path, out)).collect()
            }
            Some(node) => text(node, &path, out).into_iter().collect(),
        }
    }

    /// A text that `parse` understands.
    pub(crate) fn parsed<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        out: &mut Vec<Diagnostic>,
    ) -> Option<At<T>> {
        parsed(self.text(key, out)?, &self.path(key), expected, parse, out)
    }

    /// A list of texts, or one text, all of which `parse` understands.
    pub(crate) fn parsed_list<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
        out: &mut Vec<Diagnostic>,
    ) -> Vec<At<T>> {
        let (texts, path) = (self.texts(key, out), self.path(key));
        texts.into_iter().filter_map(|text| parsed(text, &path, expected, &parse, out)).collect()
    }

    /// A duration such as `4m`, between one second and two hours and four minutes: the span that Azure's idle timeouts
    /// may have, a shorter one for tests, and the one that RFC 5382, REQ-5, asks of established connections.
    pub(crate) fn duration(&self, key: &str, out: &mut Vec<Diagnostic>) -> Option<Duration> {
        let allowed = Duration::from_secs(1)..=Duration::from_secs(124 * 60);
        let parse = |text: &str| humantime::parse_duration(text).ok().filter(|span| allowed.contains(span));
        let span = self.parsed(key, "a duration between 1s and 124m, such as 4m or 90s", parse, out)?;
        Some(span.value)
    }
}

fn text(node: &Node, path: &str, out: &mut Vec<Diagnostic>) -> Option<At<String>> {
    match &node.value {
        Value::String(text) | Value::Number(text) => Some(At::new(text.as_str(), &node.at)),
        _ => {
            let message = format!("{path}: expected one value");
            out.push(Diagnostic::error(codes::INVALID_VALUE, &node.at, message));
            None
        }
    }
}

fn parsed<T>(
    text: At<String>,
    path: &str,
    expected: &str,
    parse: impl Fn(&str) -> Option<T>,
    out: &mut Vec<Diagnostic>,
) -> Option<At<T>> {
    let Some(value) = parse(text.value.trim()) else {
        let message = format!("{path}: \"{}\" is not {expected}", text.value);
        out.push(Diagnostic::error(codes::INVALID_VALUE, &text.at, message));
        return None;
    };
    Some(At { value, at: text.at })
}

/// The error for a feature that comes later.
pub(crate) fn not_built(at: &diagnostic::Location, what: &str) -> Diagnostic {
    Diagnostic::error(codes::NOT_BUILT_YET, at, format!("{what} is not built yet"))
        .help("take it out; this version refuses what it cannot do rather than ignore it")
}

fn unknown(name: &str, key: &At<String>, known: &[Known]) -> Diagnostic {
    let place = if name.is_empty() { WHOLE } else { name };
    let error =
        Diagnostic::error(codes::UNKNOWN_KEY, &key.at, format!("{place} has no key \"{}\"", key.value));
    let names: Vec<&str> = known.iter().map(|known| known.name()).collect();
    match diagnostic::nearest(&key.value, names.iter().copied()) {
        Some(near) => error.help(format!("did you mean \"{near}\"?")),
        None => error.help(format!("its keys are {}", names.join(", "))),
    }
}
