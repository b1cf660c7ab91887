//! What azapi changes of resources that something else manages.

use super::{KNOWN_AFTER, text};
use crate::codes;
use crate::read::{azapi, kind::Kind};
use diagnostic::Diagnostic;
use document::{Node, Value};

/// A resource of the state that is a change of another one.
pub(super) const UPDATE: &str = "azapi_update_resource";

/// Whether it changes a resource that is modelled, and is none itself.
pub(super) fn is_update(kind: &str, values: &Node) -> bool {
    let changed = || text(values, "type").and_then(|it| it.split('@').next());
    kind == UPDATE && changed().is_some_and(|it| !matches!(Kind::named(it), Kind::Other(_)))
}

/// Puts the changes among `all` into the resources, and reports those that belong to none.
pub(super) fn apply(all: &[&Node], resources: &mut [&mut Node], found: &mut Vec<Diagnostic>) {
    for written in all {
        let Some((kind, values)) = text(written, "type").zip(written.get("values")) else { continue };
        let update = is_update(kind, values).then(|| azapi::plain(written, values)).flatten();
        let Some(update) = update else { continue };
        let Some(id) = text(&update, "id") else {
            let message = "the resource that this changes is known only after it is applied";
            let error = Diagnostic::error(document::codes::VALUE_NOT_KNOWN, &written.at, message);
            found.push(error.help(KNOWN_AFTER));
            continue;
        };
        let Some(properties) = update.entry("properties") else { continue };
        let change = Node::new(Value::Object(vec![properties.clone()]), update.at.clone());
        match target(resources, id) {
            Some(target) => merge(target, &change),
            None => {
                let message = format!("this changes '{id}', which is in none of the documents");
                let warning = Diagnostic::warning(codes::NOT_HONOURED, &written.at, message);
                found.push(warning.help("give the resource as Azure has it, with the change"));
            }
        }
    }
}

/// The resource of that id, which may stand in a list of another one: a subnet in its network.
fn target<'n>(resources: &'n mut [&mut Node], id: &str) -> Option<&'n mut Node> {
    let is_it = |it: &Node, id: &str| text(it, "id").is_some_and(|own| own.eq_ignore_ascii_case(id));
    if let Some(nth) = resources.iter().position(|it| is_it(it, id)) {
        return resources.get_mut(nth).map(|it| &mut **it);
    }
    let mut words = id.rsplitn(3, '/');
    let (name, list, parent) = (words.next()?, words.next()?, words.next()?);
    let parent = resources.iter_mut().find(|it| is_it(it, parent))?;
    let Value::Array(items) = &mut value_of(value_of(parent, "properties")?, list)?.value else {
        return None;
    };
    items.iter_mut().find(|it| text(it, "name").is_some_and(|own| own.eq_ignore_ascii_case(name)))
}

fn value_of<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Object(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|it| it.key.value.eq_ignore_ascii_case(key)).map(|it| &mut it.value)
}

/// Changes a value as azapi does: objects key by key, lists of one length item by item, anything else as a whole.
fn merge(old: &mut Node, new: &Node) {
    match (&mut old.value, &new.value) {
        (Value::Object(entries), Value::Object(changes)) => {
            for change in changes {
                let key = &change.key.value;
                match entries.iter_mut().find(|it| it.key.value.eq_ignore_ascii_case(key)) {
                    Some(entry) => merge(&mut entry.value, &change.value),
                    None => entries.push(change.clone()),
                }
            }
        }
        (Value::Array(items), Value::Array(changes)) if items.len() == changes.len() => {
            items.iter_mut().zip(changes).for_each(|(item, change)| merge(item, change));
        }
        _ => *old = new.clone(),
    }
}
