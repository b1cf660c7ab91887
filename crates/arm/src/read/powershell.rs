//! What Azure PowerShell makes of resources: `Get-AzNetworkSecurityGroup | ConvertTo-Json -Depth 10` and its kin.
//!
//! Properties stand beside the name and begin with capitals; what is one value in the REST interface is a list, and much is
//! repeated as text.

use crate::codes;
use diagnostic::{At, Diagnostic};
use document::{Entry, Node, Value};

/// What only PowerShell's resources have: its own have the first, and what stands in them, such as a rule, the others.
const MARKS: [&[&str]; 2] = [&[RESOURCE_GROUP], &["Id", "Name", "Etag"]];
const RESOURCE_GROUP: &str = "ResourceGroupName";
/// How the names of properties end that say another one's value again, as text.
const REPEATED: &str = "Text";
/// What says nothing that does not stand elsewhere, too; the last are `Get-AzResource`'s.
const SAID_TWICE: [&str; 12] = [
    RESOURCE_GROUP,
    "VirtualNetworkName",
    "Tag",
    "TagsTable",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ParentResource",
    "ExtensionResourceName",
    "ExtensionResourceType",
    "CreatedTime",
    "ChangedTime",
];
/// What has another name in the REST interface.
const RENAMED: [(&str, &str); 1] = [("PeeredRemoteAddressSpace", "remoteAddressSpace")];
/// Lists of what may be one value in the REST interface, and what is added to their names where it is not one.
const LISTS: [(&str, &str); 5] = [
    ("SourcePortRange", "s"),
    ("DestinationPortRange", "s"),
    ("SourceAddressPrefix", "es"),
    ("DestinationAddressPrefix", "es"),
    ("AddressPrefix", "es"),
];
/// Lists in all cases.
const ALWAYS_LISTS: [&str; 9] = [
    "SecurityRules",
    "SourceApplicationSecurityGroups",
    "DestinationApplicationSecurityGroups",
    "Subnets",
    "Routes",
    "AddressPrefixes",
    "VirtualNetworkPeerings",
    "IpConfigurations",
    "ApplicationSecurityGroups",
];
/// The address of a public IP address that has none.
const NO_ADDRESS: &str = "Not Assigned";

/// Whether PowerShell has printed the document.
pub(super) fn has_printed(document: &Node) -> bool {
    let items = match &unwrapped(document).value {
        Value::Array(items) => items.as_slice(),
        _ => std::slice::from_ref(document),
    };
    let has = |item: &Node, key: &str| item.entries().iter().any(|it| it.key.value == key);
    let is_marked = |item: &Node| MARKS.iter().any(|mark| mark.iter().all(|key| has(item, key)));
    items.iter().any(is_marked)
}

/// What PowerShell has printed as the REST interface has it.
///
/// # Errors
/// It is cut off.
pub(super) fn plain(node: &Node) -> Result<Node, Diagnostic> {
    let node = unwrapped(node);
    let value = match &node.value {
        Value::Array(items) => Value::Array(items.iter().map(plain).collect::<Result<_, _>>()?),
        Value::Object(entries) => {
            let says_more = |it: &&Entry| {
                let is_repeated =
                    it.key.value.ends_with(REPEATED) || SAID_TWICE.contains(&it.key.value.as_str());
                !is_repeated && it.value.as_str() != Some(NO_ADDRESS)
            };
            let kept = entries.iter().filter(says_more).filter_map(|it| entry(it).transpose());
            Value::Object(kept.collect::<Result<_, _>>()?)
        }
        other => other.clone(),
    };
    Ok(Node::new(value, node.at.clone()))
}

/// The list in what Windows PowerShell makes of one that comes from a variable: `{"value": […], "Count": 2}`.
fn unwrapped(node: &Node) -> &Node {
    let list = node.entries().iter().find(|it| it.key.value == "value").map(|it| &it.value);
    let is_wrapper = node.entries().len() == 2 && node.entries().iter().any(|it| it.key.value == "Count");
    list.filter(|it| is_wrapper && matches!(it.value, Value::Array(_))).unwrap_or(node)
}

/// One property under the name that it has in the REST interface, or none for an empty list of what is mostly one.
fn entry(entry: &Entry) -> Result<Option<Entry>, Diagnostic> {
    let (key, value) = (&entry.key, unwrapped(&entry.value));
    if value.as_str().is_some() && ALWAYS_LISTS.contains(&key.value.as_str()) {
        let message = format!("PowerShell has cut {} off: it is a text, and no list", key.value);
        let error = Diagnostic::error(codes::INCOMPLETE_LIST, &value.at, message);
        return Err(error.help("write the file with ConvertTo-Json -Depth 10"));
    }
    let plural = LISTS.iter().find(|(name, _)| *name == key.value);
    let (key, value) = match (plural, &value.value) {
        (Some(_), Value::Array(items)) if items.is_empty() => return Ok(None),
        (Some((_, ending)), Value::Array(items)) => match items.as_slice() {
            [one] => (key.clone(), one.clone()),
            _ => (At { value: format!("{}{ending}", key.value), at: key.at.clone() }, value.clone()),
        },
        _ => {
            let renamed = RENAMED.iter().find(|(name, _)| *name == key.value);
            (renamed.map_or_else(|| key.clone(), |(_, to)| At::new(*to, &key.at)), plain(value)?)
        }
    };
    Ok(Some(Entry { key, value }))
}
