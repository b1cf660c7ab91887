//! Objects that stand in two documents: where id and content are the same, they are one.

use document::{Node, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// The objects that have been read, by their ids.
#[derive(Default)]
pub(super) struct Known {
    content: HashMap<String, String>,
}

impl Known {
    /// Whether the first object of this id has the same content, whatever the order of its keys.
    ///
    /// # Cost
    /// Linear in the object, whose content is kept, and a sort of its keys.
    pub(super) fn has(&mut self, id: &str, object: &Node) -> bool {
        let mut content = String::new();
        write(object, &mut content);
        match self.content.entry(id.trim_matches('/').to_ascii_lowercase()) {
            Entry::Occupied(first) => *first.get() == content,
            Entry::Vacant(place) => {
                place.insert(content);
                false
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
        out.push_str(text);
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
            // A null is the same as leaving the key out.
            let said = entries.iter().filter(|it| it.value.value != Value::Null);
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
