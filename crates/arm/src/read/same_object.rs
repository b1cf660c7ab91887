//! Objects that stand in two documents: where id and content are the same, they are one.

use diagnostic::Location;
use document::{Node, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// What says when and where something was read, and nothing of it; the resource group is in the id.
const NOT_COMPARED: [&str; 2] = ["etag", "resourceGroup"];

/// The objects that have been read, by their ids.
#[derive(Default)]
pub(super) struct Objects {
    content: HashMap<String, (String, Location)>,
}

/// An object whose id has been read before.
pub(super) enum Again<'k> {
    /// It says the same.
    Same,
    /// It says something else than the one there.
    Differs(&'k Location),
}

impl Objects {
    /// What the object is to the first of this id, whatever the order of its keys and the letter case: Azure has no two ids,
    /// names or words that differ in that alone. `None` for the first, which is remembered as standing `at` its name.
    ///
    /// # Cost
    /// Linear in the object, whose content is kept, and a sort of its keys.
    pub(super) fn again(&mut self, id: &str, object: &Node, at: &Location) -> Option<Again<'_>> {
        let mut content = String::new();
        write(object, &mut content);
        match self.content.entry(id.trim_matches('/').to_ascii_lowercase()) {
            Entry::Occupied(first) => {
                let (known, at) = first.into_mut();
                Some(if *known == content { Again::Same } else { Again::Differs(at) })
            }
            Entry::Vacant(place) => {
                place.insert((content, at.clone()));
                None
            }
        }
    }
}

/// Writes the content so that it is the same text where it says the same. Every text comes with its length, so that no two
/// contents look alike.
fn write(node: &Node, out: &mut String) {
    let mut text = |mark: char, text: &str| {
        out.push(mark);
        out.push_str(&text.len().to_string());
        out.push(':');
        out.push_str(&text.to_ascii_lowercase());
    };
    match &node.value {
        Value::Null => text('n', ""),
        Value::Bool(value) => text('b', if *value { "true" } else { "false" }),
        Value::Number(number) => text('#', number),
        Value::String(string) => text('"', string),
        Value::Unknown(unknown) => text('?', &unknown.expression),
        Value::Array(items) => {
            text('[', &items.len().to_string());
            items.iter().for_each(|item| write(item, out));
        }
        Value::Object(entries) => {
            let is_compared = |key: &str| !NOT_COMPARED.iter().any(|it| it.eq_ignore_ascii_case(key));
            // A null is the same as leaving the key out.
            let said =
                entries.iter().filter(|it| it.value.value != Value::Null && is_compared(&it.key.value));
            let mut said: Vec<_> = said.map(|it| (it.key.value.to_ascii_lowercase(), &it.value)).collect();
            said.sort_by(|one, other| one.0.cmp(&other.0));
            text('{', &said.len().to_string());
            for (key, value) in said {
                out.push_str(&format!("{}:{key}", key.len()));
                write(value, out);
            }
        }
    }
}
