//! YAML as a tree in which every key and value knows its line and column.

mod refusal;

use self::refusal::refusal;
use crate::codes;
use diagnostic::{At, Diagnostic, Location};
use document::{Entry, Node, Value};
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::sync::Arc;

/// How deep mappings and lists may be nested; Azure's resources need about ten.
const MAX_DEPTH: usize = 64;
/// How many values one file may have; a thousand rules have about fifteen thousand.
const MAX_NODES: usize = 2_000_000;
/// How many anchors and aliases one file may have, and how many values these may stand for together. A file hardly needs
/// any: what is used twice has a name of its own.
const MAX_ANCHORS: usize = 1000;
const MAX_ALIASED: usize = 20_000;

/// Reads a whole document.
///
/// # Errors
/// One diagnostic where the text is not YAML, has a key twice in one mapping, or passes the limits.
pub(crate) fn read(file: &Arc<str>, text: &str) -> Result<Node, Box<Diagnostic>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            flow_nesting_limit: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
            max_anchors: MAX_ANCHORS,
            max_aliases: MAX_ANCHORS,
            max_merge_keys: MAX_ANCHORS,
            max_recorded_anchor_events: MAX_ALIASED,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_ALIASED,
        },
        with_snippet: false,
        // YAML 1.2: a resource may be called `on` or `no`.
        strict_booleans: true,
    };
    match serde_saphyr::from_str_with_options::<Option<Spanned<Tree>>>(text, options) {
        Ok(Some(tree)) => Ok(Written { file, text }.node(tree)),
        Ok(None) => Ok(Node { at: Location::new(Arc::clone(file), 1, 1), value: Value::Null }),
        Err(error) => {
            let unknown = || Location::new(Arc::clone(file), 1, 1);
            let at = error.location().map_or_else(unknown, |at| start(file, at.line(), at.column()));
            let (why, help) = refusal(&error);
            let refused = Diagnostic::error(codes::INVALID_YAML, &at, format!("not readable as YAML: {why}"));
            Err(Box::new(match help {
                Some(help) => refused.help(help),
                None => refused,
            }))
        }
    }
}

/// A value as the YAML reader hands it over.
enum Tree {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Spanned<Tree>>),
    Object(Vec<(Spanned<String>, Spanned<Tree>)>),
}

/// What the tree was read from.
struct Written<'a> {
    file: &'a Arc<str>,
    text: &'a str,
}

impl Written<'_> {
    fn node(&self, tree: Spanned<Tree>) -> Node {
        let at = self.place(&tree.referenced);
        let value = match tree.value {
            Tree::Null => Value::Null,
            Tree::Bool(value) => Value::Bool(value),
            Tree::Number(text) => Value::Number(text),
            Tree::String(text) => Value::String(text),
            Tree::Array(items) => Value::Array(items.into_iter().map(|item| self.node(item)).collect()),
            Tree::Object(entries) => Value::Object(
                entries
                    .into_iter()
                    .map(|(key, value)| {
                        let at = self.place(&key.referenced);
                        Entry { key: At { value: key.value, at }, value: self.node(value) }
                    })
                    .collect(),
            ),
        };
        Node { at, value }
    }

    /// The place of a scalar with its end; of a list or a mapping the reader knows only the start.
    fn place(&self, at: &serde_saphyr::Location) -> Location {
        let place = start(self.file, at.line(), at.column());
        let small = |number: u64| usize::try_from(number).ok();
        let range = at.span().byte_offset().and_then(small).zip(at.span().byte_len().and_then(small));
        let text = range.and_then(|(offset, length)| self.text.get(offset..offset.checked_add(length)?));
        let Some(text) = text.map(str::trim_end).filter(|text| !text.is_empty()) else { return place };
        let (lines, last) = (text.matches('\n').count(), text.rsplit('\n').next().unwrap_or_default());
        let before = if lines == 0 { place.column } else { 1 };
        let wide = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let end_line = place.line.saturating_add(wide(lines));
        place.until(end_line, before.saturating_add(wide(last.chars().count())))
    }
}

fn start(file: &Arc<str>, line: u64, column: u64) -> Location {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Location::new(Arc::clone(file), small(line), small(column))
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.to_string()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.to_string()))
            }

            fn visit_i128<E>(self, value: i128) -> Result<Tree, E> {
                Ok(Tree::Number(value.to_string()))
            }

            fn visit_u128<E>(self, value: u128) -> Result<Tree, E> {
                Ok(Tree::Number(value.to_string()))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Number(value.to_string()))
            }

            fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
                Ok(Tree::String(value.to_owned()))
            }

            fn visit_string<E>(self, value: String) -> Result<Tree, E> {
                Ok(Tree::String(value))
            }

            fn visit_bytes<E: de::Error>(self, _: &[u8]) -> Result<Tree, E> {
                Err(E::custom("binary values mean nothing here"))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(Tree::Array(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn node(text: &str) -> Node {
        read(&"g.yaml".into(), text).unwrap()
    }

    fn get<'a>(node: &'a Node, key: &str) -> &'a Node {
        node.get(key).unwrap()
    }

    #[test]
    fn values_know_their_place() {
        let root = node("a: 1\nb:\n  - x\n  - {c: 4m, d: [10.0.1.4, 02:00:00:00:00:04]}\n");
        assert_eq!((get(&root, "a").at.line, get(&root, "a").at.column), (1, 4));
        let Value::Array(items) = &get(&root, "b").value else { panic!() };
        assert_eq!((items[0].at.line, items[0].at.column), (3, 5));
        assert_eq!((items[0].at.end_line, items[0].at.end_column), (3, 6));
        let c = get(&items[1], "c");
        assert_eq!((c.at.line, c.at.column), (4, 9));
        assert_eq!(c.value, Value::String("4m".into()));
        let entry = &items[1].entries()[1];
        assert_eq!((entry.key.at.line, entry.key.at.column), (4, 13));
        let Value::Array(d) = &entry.value.value else { panic!() };
        assert_eq!((d[0].at.column, d[0].at.end_line, d[0].at.end_column), (17, 4, 25));
        assert_eq!(d[0].value, Value::String("10.0.1.4".into()));
        assert_eq!(d[1].value, Value::String("02:00:00:00:00:04".into()));
    }

    #[test]
    fn only_true_and_false_are_booleans() {
        for (text, value) in [
            ("a: true", Value::Bool(true)),
            ("a: False", Value::Bool(false)),
            ("a: off", Value::String("off".into())),
            ("a: no", Value::String("no".into())),
            ("a: \"true\"", Value::String("true".into())),
        ] {
            assert_eq!(get(&node(text), "a").value, value, "{text}");
        }
    }

    #[test]
    fn an_empty_document_is_null() {
        for text in ["", "# nothing\n", "---\n"] {
            assert_eq!(node(text).value, Value::Null, "{text:?}");
        }
    }

    #[test]
    fn json_is_yaml() {
        assert_eq!(get(&node("{\n  \"a\": \"b\",\n  \"c\": null }"), "a").value, Value::String("b".into()));
    }

    #[test]
    fn broken_text_is_refused_with_its_place() {
        for (text, line) in [
            ("a: [1,\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: 1\n b: 2\n", 2),
            ("a: *nobody\n", 1),
            ("a: 1\n---\nb: 2\n", 3),
            ("\t: [", 1),
        ] {
            let error = read(&"g.yaml".into(), text).unwrap_err();
            let at = error.at.as_ref().unwrap();
            assert!(at.line <= line && at.line + 1 >= line, "{text:?}: {error}");
            assert!(!error.message.contains("line ") && !error.message.contains("Policy"), "{error}");
            assert!(!error.message.contains("; use"), "{error}");
        }
    }

    #[test]
    fn bombs_and_towers_are_refused() {
        let tower = format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(&"g.yaml".into(), &tower).is_err());
        let block: String = (0..5000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
        assert!(read(&"g.yaml".into(), &block).is_err());
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for n in 1..12 {
            let items = vec![format!("*a{}", n - 1); 10].join(", ");
            bomb.push_str(&format!("a{n}: &a{n} [{items}]\n"));
        }
        let error = read(&"g.yaml".into(), &bomb).unwrap_err();
        // The fourth alias of ten thousand values each is refused before the first values of the file are handed on.
        assert!(error.at.as_ref().unwrap().line <= 6, "{error}");
        assert_eq!(error.message, "not readable as YAML: its anchors and aliases stand for too many values");
        assert_eq!(error.help.as_deref(), Some("write the values where they are used"));
    }

    #[test]
    fn a_few_aliases_are_read() {
        let root = node("a: &prefixes [10.0.0.0/24]\nb: *prefixes\nc: &more {d: 1}\ne: {<<: *more, f: 2}\n");
        for key in ["a", "b"] {
            let Value::Array(items) = &get(&root, key).value else { panic!() };
            assert_eq!(items[0].value, Value::String("10.0.0.0/24".into()), "{key}");
        }
        assert_eq!(get(get(&root, "e"), "d").value, Value::Number("1".into()));
    }

    /// No word of the reader's own about its types, options and limits comes through.
    #[test]
    fn refusals_are_said_in_plain_words() {
        let deep = format!("a: {}", "[".repeat(100));
        let anchors: String = (0..2000).map(|nth| format!("a{nth}: &a{nth} 1\n")).collect();
        let aliases = format!("a: &a 1\nb: [{}1]\n", "*a, ".repeat(2000));
        for text in [
            deep.as_str(),
            &anchors,
            &aliases,
            "a: &a [*a]\n",
            "a: *nobody\n",
            "a: 1\na: 2\n",
            "a: 1\n---\nb: 2\n",
            "a: !!binary \"***\"\n",
            "a: !!binary aGVsbG8=\n",
            "a: !!int x\n",
            "a: !!float x\n",
            "a: .inf\n",
            "<<: 1\n",
            "[a]: 1\n",
            "{a: 1}: 1\n",
            "? [a]\n: 1\n",
            "~: 1\n",
            "a: [1,\n",
            "a: ]\n",
            "a: \"\\q\"\n",
            "a: \"x\n",
            "%YAML 3.0\n---\na: 1\n",
            "a: !include b.yaml\n",
            "a: ${b}\n",
            "a:\tb: 1\n",
            "a: 1\n  b: 2\n",
            "- 1\na: 2\n",
        ] {
            let said = match read(&"g.yaml".into(), text) {
                Ok(_) => continue,
                Err(error) => error.message.clone(),
            };
            let alien = [
                "{", "::", "_", "Option", "polic", "budget", "breach", "deserial", "serde", "enum", "struct",
            ];
            assert!(alien.iter().all(|word| !said.contains(word)), "{text:.40?}: {said}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-z]{1,3}|[:\\[\\]{},&*!|>\"'# \n-]|\\PC){0,60}") {
            let _ = read(&"g.yaml".into(), &text);
        }
    }
}
