//! What a plan does not know: it leaves such attributes out, and has a null for one that is not set.

use super::{KNOWN_AFTER, text};
use document::{Entry, Node, Unknown, Value};
use model::At;
use std::sync::Arc;

const ENDS_OF_A_RULE: &[&str] = &[
    "source_address_prefix",
    "source_address_prefixes",
    "source_application_security_group_ids",
    "destination_address_prefix",
    "destination_address_prefixes",
    "destination_application_security_group_ids",
];
/// Attributes that every plan has which knows them: the type of the resource, the block that they stand in, and their names.
/// Others are missing from most plans because Azure chooses them, such as a private address.
const KNOWN: [(&str, Option<&str>, &[&str]); 4] = [
    ("azurerm_network_interface", Some("ip_configuration"), &["subnet_id", "public_ip_address_id"]),
    ("azurerm_network_security_group", Some("security_rule"), ENDS_OF_A_RULE),
    ("azurerm_network_security_rule", None, ENDS_OF_A_RULE),
    ("azurerm_virtual_network_peering", None, &["remote_virtual_network_id"]),
];

/// The resource with a value that is not known for each attribute that its plan does not know.
///
/// # Source
/// Terraform "JSON Output Format", *Plan Representation*: of `planned_values`, what is not known is left out.
pub(super) fn with_unknown(resource: &Node) -> Node {
    let mut resource = resource.clone();
    let kind = text(&resource, "type").unwrap_or_default();
    let Some((kind, block, names)) = KNOWN.iter().find(|(it, ..)| *it == kind) else { return resource };
    let address = text(&resource, "address").unwrap_or(kind).to_owned();
    let Some(values) = inner(&mut resource, "values") else { return resource };
    match block {
        None => add(values, &address, names),
        Some(block) => {
            if let Some(Node { value: Value::Array(items), .. }) = inner(values, block) {
                items.iter_mut().for_each(|it| add(it, &address, names));
            }
        }
    }
    resource
}

fn inner<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let Value::Object(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|it| it.key.value == key).map(|it| &mut it.value)
}

fn add(values: &mut Node, address: &str, names: &[&str]) {
    let at = values.at.clone();
    let Value::Object(entries) = &mut values.value else { return };
    for name in names {
        if entries.iter().all(|it| it.key.value != *name) {
            let unknown =
                Unknown::new(format!("{address}: {name}"), "is known only after it is applied", KNOWN_AFTER);
            let value = Node::new(Value::Unknown(Arc::new(unknown)), at.clone());
            entries.push(Entry { key: At::new(*name, &at), value });
        }
    }
}
