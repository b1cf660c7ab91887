//! JSON as people keep it: with comments, trailing commas, CRLF and a byte-order mark.

use crate::{Entry, Node, Report, Value, codes};
use diagnostic::{At, Diagnostic, Location};
use jsonc_parser::ast::{self, ObjectPropName};
use jsonc_parser::common::{Range, Ranged};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use std::collections::HashMap;
use std::sync::Arc;

/// How many arrays and objects may stand in each other; Azure's own documents need about ten.
pub const MAX_DEPTH: usize = 64;

/// About how many values one document may have. A file of zeros and commas becomes a hundred times its size in memory.
pub const MAX_VALUES: usize = 1_000_000;

/// Reads one JSON text. `file` is the name that locations carry.
///
/// # Errors
/// The place and reason of the first mistake in the syntax.
///
/// # Cost
/// Linear in the text.
pub fn read_json(file: &str, text: &str) -> Result<Node, Vec<Diagnostic>> {
    read_document(file, text, &mut Vec::new())
}

/// The same, with a warning to `found` of every key that stands twice in one object, in whatever letters: the last one counts.
///
/// # Errors
/// As of [`read_json`].
///
/// # Source
/// Azure takes such templates, and publishes some: azure-quickstart-templates, pull requests 5847 and 8319.
pub fn read_document(file: &str, text: &str, found: &mut Vec<Diagnostic>) -> Result<Node, Vec<Diagnostic>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut places = Places::new(file, text);
    if let Some((offset, message)) = too_much(text) {
        return Err(vec![Diagnostic::error(codes::INVALID_JSON, &places.at(offset), message)]);
    }
    let parsed = parse_to_ast(text, &CollectOptions::default(), &options()).map_err(|error| {
        let range = error.range();
        let at = places.span(range.start, range.end);
        vec![Diagnostic::error(codes::INVALID_JSON, &at, reason(&error.kind().to_string()))]
    })?;
    let Some(value) = parsed.value else {
        let message = "there is nothing in it";
        let help = "an empty list of resources is []";
        return Err(vec![Diagnostic::error(codes::INVALID_JSON, &places.at(0), message).help(help)]);
    };
    let mut repeated = Report::default();
    let node = convert(value, &mut places, &mut repeated);
    found.append(&mut repeated.diagnostics);
    Ok(node)
}

/// What Azure's resource manager reads beyond JSON: comments and trailing commas.
fn options() -> ParseOptions {
    ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The parser's reason as the middle of a sentence.
fn reason(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

/// Where the text first goes deeper than [`MAX_DEPTH`] or has more than [`MAX_VALUES`], and what to say.
///
/// The parser recurses and takes memory for each value, so this comes before it.
fn too_much(text: &str) -> Option<(usize, String)> {
    let bytes = text.as_bytes();
    let (mut depth, mut values) = (0usize, 0usize);
    let mut nth = 0;
    while let Some(&byte) = bytes.get(nth) {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                values += 1;
            }
            b',' => values += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => nth = end_of_string(bytes, nth),
            b'/' if bytes.get(nth + 1) == Some(&b'/') => nth = end_of_line(bytes, nth),
            b'/' if bytes.get(nth + 1) == Some(&b'*') => nth = end_of_comment(bytes, nth),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some((nth, format!("arrays and objects stand more than {MAX_DEPTH} deep in each other")));
        }
        if values > MAX_VALUES {
            return Some((nth, format!("there are more than {MAX_VALUES} values in it")));
        }
        nth += 1;
    }
    None
}

fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut nth = start + 1;
    while let Some(&byte) = bytes.get(nth) {
        match byte {
            b'\\' => nth += 2,
            b'"' => return nth,
            _ => nth += 1,
        }
    }
    nth
}

fn end_of_line(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start..).unwrap_or_default();
    start + rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
}

fn end_of_comment(bytes: &[u8], start: usize) -> usize {
    let rest = bytes.get(start + 2..).unwrap_or_default();
    start + 2 + rest.windows(2).position(|pair| pair == b"*/").map_or(rest.len(), |at| at + 1)
}

fn convert(value: ast::Value<'_>, places: &mut Places<'_>, repeated: &mut Report) -> Node {
    let range = value.range();
    let start = places.at(range.start);
    let value = match value {
        ast::Value::NullKeyword(_) => Value::Null,
        ast::Value::BooleanLit(it) => Value::Bool(it.value),
        ast::Value::NumberLit(it) => Value::Number(it.value.to_owned()),
        ast::Value::StringLit(it) => Value::String(it.value.into_owned()),
        ast::Value::Array(it) => {
            Value::Array(it.elements.into_iter().map(|item| convert(item, places, repeated)).collect())
        }
        ast::Value::Object(it) => Value::Object(entries(it, places, repeated)),
    };
    Node::new(value, places.until(start, range.end))
}

fn entries(object: ast::Object<'_>, places: &mut Places<'_>, repeated: &mut Report) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::with_capacity(object.properties.len());
    let mut seen: HashMap<String, usize> = HashMap::with_capacity(object.properties.len());
    for property in object.properties {
        let key = match property.name {
            ObjectPropName::String(it) => At { at: places.of(it.range), value: it.value.into_owned() },
            ObjectPropName::Word(it) => At { at: places.of(it.range), value: it.value.to_owned() },
        };
        let nth = *seen.entry(key.value.to_ascii_lowercase()).or_insert(entries.len());
        if let Some(first) = entries.get(nth) {
            let message = format!("the key '{}' stands twice in one object, and this one counts", key.value);
            let warning = Diagnostic::warning(codes::DUPLICATE_PROPERTY, &key.at, message);
            let warning = warning.help("keys compare without regard to case; take one away");
            repeated.push(warning.related(&first.key.at, "this one does not count"));
        }
        let entry = Entry { key, value: convert(property.value, places, repeated) };
        match entries.get_mut(nth) {
            Some(first) => *first = entry,
            None => entries.push(entry),
        }
    }
    entries
}

/// Byte offsets as lines and columns. Offsets mostly grow, and then each costs only its distance to the last.
#[derive(Debug)]
pub struct Places<'a> {
    file: Arc<str>,
    text: &'a str,
    offset: usize,
    line: u32,
    column: u32,
}

impl<'a> Places<'a> {
    /// Of a text that starts at line 1.
    pub fn new(file: &str, text: &'a str) -> Self {
        Self { file: file.into(), text, offset: 0, line: 1, column: 1 }
    }

    /// The place of a byte; of an offset inside a character, that of the character after it.
    pub fn at(&mut self, offset: usize) -> Location {
        if offset < self.offset {
            (self.offset, self.line, self.column) = (0, 1, 1);
        }
        let rest = self.text.get(self.offset..).unwrap_or_default();
        for (nth, character) in rest.char_indices() {
            if self.offset + nth >= offset {
                self.offset += nth;
                return self.here();
            }
            if character == '\n' {
                (self.line, self.column) = (self.line.saturating_add(1), 1);
            } else {
                self.column = self.column.saturating_add(1);
            }
        }
        self.offset = self.text.len();
        self.here()
    }

    /// The place from a byte up to another, which is outside.
    pub fn span(&mut self, start: usize, end: usize) -> Location {
        let start = self.at(start);
        self.until(start, end)
    }

    fn of(&mut self, range: Range) -> Location {
        self.span(range.start, range.end)
    }

    fn until(&mut self, start: Location, end: usize) -> Location {
        let end = self.at(end);
        start.until(end.line, end.column)
    }

    fn here(&self) -> Location {
        Location::new(Arc::clone(&self.file), self.line, self.column)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        read_json("a.json", text).unwrap_err().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn places_are_lines_and_characters() {
        let node = read_json("a.json", "\u{feff}{\r\n  // say\r\n  \"ä\": [true, 1.5,],\r\n}").unwrap();
        assert_eq!(node.at.to_string(), "a.json:1:1");
        let entry = &node.entries()[0];
        assert_eq!(entry.key.at.to_string(), "a.json:3:3");
        let Value::Array(items) = &entry.value.value else { panic!("{entry:?}") };
        assert_eq!(items[0].at.to_string(), "a.json:3:9");
        assert_eq!(items[1].value, Value::Number("1.5".to_owned()));
    }

    #[test]
    fn places_end_after_their_last_character() {
        let node = read_json("a.json", "{\n  \"a b\": \"ä\\u0041 \\\" c\", \"d\":\n[1,\n 22]}").unwrap();
        let end = |at: &Location| (at.end_line, at.end_column);
        assert_eq!(end(&node.at), (4, 6));
        let [a, d] = node.entries() else { panic!("{node:?}") };
        assert_eq!((a.key.at.column, end(&a.key.at)), (3, (2, 8)));
        assert_eq!((a.value.at.column, end(&a.value.at)), (10, (2, 24)));
        assert_eq!((d.value.at.line, end(&d.value.at)), (3, (4, 5)));
        let Value::Array(items) = &d.value.value else { panic!("{d:?}") };
        assert_eq!((items[1].at.column, end(&items[1].at)), (2, (4, 4)));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        assert!(
            error("{\n  \"a\" 1\n}").starts_with("a.json:2:7: error[InvalidJson]: "),
            "{}",
            error("{\n  \"a\" 1\n}")
        );
        assert!(error("").contains("there is nothing in it"));
        assert!(error("{'a': 1}").starts_with("a.json:1:2: "));
        assert!(error("[1] [2]").starts_with("a.json:1:5: "));
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        let mut found = Vec::new();
        let text = "{\"b\": {\"a\": 1, \"c\": 2,\n\"A\": 3, \"a\": 4}}";
        let node = read_document("a.json", text, &mut found).unwrap();
        let inner = node.get("b").unwrap();
        assert_eq!(inner.entries().len(), 2);
        assert_eq!(inner.get("a").map(|it| &it.value), Some(&Value::Number("4".to_owned())));
        let said: Vec<String> = found.iter().map(|it| it.to_string().lines().take(2).collect()).collect();
        let said_of = |at: &str, key: &str, first: &str| {
            format!(
                "a.json:{at}: warning[DuplicateProperty]: the key '{key}' stands twice in one object, and this one \
                 counts  a.json:{first}: this one does not count"
            )
        };
        assert_eq!(said, [said_of("2:1", "A", "1:8"), said_of("2:9", "a", "2:1")]);
        // However many there are: so many warnings, and no time lost on looking for the first.
        let keys: String = (0..50_000).map(|nth| format!("\"k{nth}\":0,")).collect();
        found.clear();
        let node = read_document("a.json", &format!("{{{keys}{keys}}}"), &mut found).unwrap();
        assert_eq!((node.entries().len(), found.len()), (50_000, diagnostic::Tally::MOST + 1));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(read_json("a.json", &nested(MAX_DEPTH)).is_ok());
        assert!(error(&nested(MAX_DEPTH + 1)).starts_with("a.json:1:65: "));
        assert!(error(&nested(1_000_000)).contains("64 deep"));
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 2));
        assert!(read_json("a.json", &many(1000)).is_ok());
        assert!(error(&many(MAX_VALUES + 3)).contains("more than 1000000 values"));
        assert!(error(&format!("[{}]", "[],".repeat(5_000_000))).contains("more than 1000000 values"));
        let text = format!("\"{}\\\"[\" // {}\n/* {} */", "[".repeat(100), "[".repeat(100), "[".repeat(100));
        assert!(read_json("a.json", &text).is_ok());
    }
}
