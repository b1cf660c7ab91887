//! Values of a type, read from their places, and what was found meanwhile.

use crate::{Place, Value, codes};
use diagnostic::{At, Diagnostic, INVALID_REQUEST_FORMAT, Tally};
use std::collections::HashSet;
use std::sync::Arc;

/// What was found while reading.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of reading.
    pub diagnostics: Vec<Diagnostic>,
    tally: Tally,
    /// Errors that are not listed, because the same has been said.
    said_before: usize,
    /// The files and expressions of values that are not known and have been reported: each once, however many loops read it.
    unknown: HashSet<(Arc<str>, String)>,
}

impl Report {
    /// Takes in one more; after very many, only a word that there are more.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.extend(self.tally.listed(diagnostic));
    }

    /// Takes it that these expressions, each with its file, have been said not to be known.
    pub fn told(&mut self, not_known: impl IntoIterator<Item = (Arc<str>, String)>) {
        self.unknown.extend(not_known);
    }

    /// How many errors there are so far: more of them later say that something in between was unreadable.
    pub fn errors(&self) -> usize {
        self.tally.errors() + self.said_before
    }

    /// A string under `key`.
    pub fn string(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.text(&object.get(key)?)
    }

    /// A string under `key`, or a number in its place.
    pub fn string_or_number(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.text_or_number(&object.get(key)?)
    }

    /// An integer under `key` as it is written; a number in quotes is worth a warning.
    pub fn integer(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        let place = object.get(key)?;
        match &place.node.value {
            Value::Number(text) => Some(At::new(text.as_str(), &place.node.at)),
            Value::String(text) if !is_expression(text) => {
                // Of a text that is no number, whoever wants one says more.
                if text.trim().parse::<f64>().is_ok() {
                    let warning = place.warning(codes::LOOSE_TYPE, format_args!("\"{text}\" is a string"));
                    self.push(warning.help("write the number without quotes"));
                }
                Some(At::new(text.as_str(), &place.node.at))
            }
            Value::String(_) => self.text(&place),
            _ => self.wrong_type(&place, "a number"),
        }
    }

    /// A boolean under `key`; a string in its place is worth a warning.
    pub fn boolean(&mut self, object: &Place<'_>, key: &str) -> Option<At<bool>> {
        let place = object.get(key)?;
        let value = match &place.node.value {
            Value::Bool(value) => *value,
            Value::String(text) => {
                let value = ["false", "true"].iter().position(|word| word.eq_ignore_ascii_case(text));
                let Some(value) = value else { return self.wrong_type(&place, "true or false") };
                let warning = place.warning(codes::LOOSE_TYPE, format_args!("\"{text}\" is a string"));
                self.push(warning.help("write true or false without quotes"));
                value == 1
            }
            _ => return self.wrong_type(&place, "true or false"),
        };
        Some(At { value, at: place.node.at.clone() })
    }

    /// The strings of an array under `key`, or numbers in their place.
    pub fn strings(&mut self, object: &Place<'_>, key: &str) -> Vec<At<String>> {
        let Some(place) = object.get(key) else { return Vec::new() };
        self.array(&place);
        place.elements().filter_map(|item| self.text_or_number(&item)).collect()
    }

    /// The `id` of a reference under `key`.
    pub fn reference(&mut self, object: &Place<'_>, key: &str) -> Option<At<String>> {
        self.id_of(&object.get(key)?)
    }

    /// The `id`s of an array of references under `key`.
    pub fn references(&mut self, object: &Place<'_>, key: &str) -> Vec<At<String>> {
        let Some(place) = object.get(key) else { return Vec::new() };
        self.array(&place);
        place.elements().filter_map(|item| self.id_of(&item)).collect()
    }

    fn id_of(&mut self, place: &Place<'_>) -> Option<At<String>> {
        if !self.object(place) {
            return None;
        }
        if place.get("id").is_none() {
            let error = place.error(INVALID_REQUEST_FORMAT, "the reference has no id");
            self.push(error.help("write {\"id\": \"…\"} with a resource id or a name"));
            return None;
        }
        self.string(place, "id")
    }

    /// Whether it is an object; reported if not.
    pub fn object(&mut self, place: &Place<'_>) -> bool {
        let is = matches!(place.node.value, Value::Object(_));
        if !is {
            self.wrong_type::<()>(place, "an object");
        }
        is
    }

    /// Whether it is an array; reported if not.
    pub fn array(&mut self, place: &Place<'_>) -> bool {
        let is = matches!(place.node.value, Value::Array(_));
        if !is {
            self.wrong_type::<()>(place, "an array");
        }
        is
    }

    fn text_or_number(&mut self, place: &Place<'_>) -> Option<At<String>> {
        match &place.node.value {
            Value::Number(text) => Some(At::new(text.as_str(), &place.node.at)),
            _ => self.text(place),
        }
    }

    /// The string there.
    pub fn text(&mut self, place: &Place<'_>) -> Option<At<String>> {
        match &place.node.value {
            Value::String(text) if is_expression(text) => self.expression(place, text),
            // A doubled bracket is how a template writes one that begins no expression.
            Value::String(text) if text.starts_with("[[") => Some(At::new(&text[1..], &place.node.at)),
            Value::String(text) => Some(At::new(text.as_str(), &place.node.at)),
            _ => self.wrong_type(place, "a string"),
        }
    }

    fn expression<T>(&mut self, place: &Place<'_>, text: &str) -> Option<T> {
        let message = format_args!("'{text}' is an expression, and this is no template");
        let help = "write the value itself, or give the template";
        self.push(place.error(codes::EXPRESSION_NOT_EVALUATED, message).help(help));
        None
    }

    fn wrong_type<T>(&mut self, place: &Place<'_>, expected: &str) -> Option<T> {
        if let Value::String(text) = &place.node.value
            && is_expression(text)
        {
            return self.expression(place, text);
        }
        if let Value::Unknown(unknown) = &place.node.value {
            let key = (Arc::clone(&place.node.at.file), unknown.expression.clone());
            if unknown.help.is_empty() || !self.unknown.insert(key) {
                self.said_before += 1;
                return None;
            }
            let message = format_args!("'{}' {}", unknown.expression, unknown.why);
            self.push(place.error(codes::VALUE_NOT_KNOWN, message).help(unknown.help.as_str()));
            return None;
        }
        let found = match &place.node.value {
            Value::String(text) => format!("the string '{text}'"),
            Value::Number(text) => format!("the number {text}"),
            Value::Bool(value) => format!("{value}"),
            other => other.kind().to_owned(),
        };
        let message = format_args!("{found} stands where {expected} should");
        let error = place.error(INVALID_REQUEST_FORMAT, message);
        self.push(match &place.node.value {
            Value::String(text) if is_cut_off(text) => {
                error.help("PowerShell has cut the document off: write it with ConvertTo-Json -Depth 10")
            }
            _ => error.help(format!("write {expected}")),
        });
        None
    }
}

/// Whether a text is what PowerShell writes for a list or an object that stands deeper than it was to go.
fn is_cut_off(text: &str) -> bool {
    text.starts_with("@{") || ["System.", "Microsoft.Azure.Commands."].iter().any(|it| text.starts_with(it))
}

/// Whether a template would evaluate the text.
///
/// # Source
/// Azure "Syntax and expressions in ARM templates": `[[` escapes a literal bracket.
pub fn is_expression(text: &str) -> bool {
    text.starts_with('[') && !text.starts_with("[[") && text.ends_with(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Node, Unknown, read_json};

    #[test]
    fn a_part_says_the_whole_way() {
        let node = read_json("a.json", "{\"a\": [{\"b\": 1}]}").unwrap();
        let (whole, part) = (Place::root(&node), Place::part(&node, "resources[3]"));
        let (a, b) = (whole.get("A").unwrap(), part.get("A").unwrap());
        let (a, b) = (a.elements().next().unwrap(), b.elements().next().unwrap());
        assert_eq!(a.get("b").unwrap().to_string(), "A[0].b");
        assert_eq!(b.get("b").unwrap().to_string(), "resources[3].A[0].b");
        assert_eq!((whole.to_string(), part.to_string()), ("the document".into(), "resources[3]".into()));
    }

    #[test]
    fn what_is_not_known_is_an_error_where_it_is_read() {
        let mut node = read_json("a.json", "{\"name\": \"\", \"port\": 1}").unwrap();
        let unknown =
            Unknown::new("reference('ip').ipAddress", "is known only after deployment", "write the address");
        let Value::Object(entries) = &mut node.value else { panic!("an object") };
        entries[0].value = Node::new(Value::Unknown(Arc::new(unknown)), entries[0].value.at.clone());
        let (place, mut report) = (Place::root(&node), Report::default());
        assert_eq!(report.string_or_number(&place, "port").map(|it| it.value), Some("1".into()));
        assert_eq!(report.errors(), 0, "nobody has read it");
        assert_eq!(report.string(&place, "name"), None);
        assert_eq!(report.boolean(&place, "name"), None);
        assert_eq!((report.errors(), report.diagnostics.len()), (2, 1), "it is said once");
        assert_eq!(
            report.diagnostics[0].to_string(),
            "a.json:1:10: error[ValueNotKnown]: name: 'reference('ip').ipAddress' is known only after \
             deployment\n  help: write the address"
        );
    }
}
