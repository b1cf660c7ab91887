//! What `terraform show -json` prints of a state or a plan with the providers azurerm and azapi: its resources in the shape of Azure's
//! REST interface, and what stands in resources of its own (which group a subnet has) in its place.

mod associations;
mod fields;
mod gone;
mod plan;
mod updates;

use super::azapi;
use associations::{ASSOCIATIONS, Belongs};
use diagnostic::Diagnostic;
use document::{Entry, Node, Value};
use fields::{As::Itself, PEERING, PUBLIC_IP, ROUTE, ROUTE_TABLE, RULE, entry, fields};
use std::collections::HashSet;
use updates::UPDATE;

/// Parts of the network that are not modelled.
const NETWORK: [&str; 9] = [
    // Its rules come before those of security groups.
    "azurerm_network_manager_admin_rule",
    "azurerm_application_gateway",
    "azurerm_private_endpoint",
    "azurerm_lb",
    "azurerm_nat_gateway",
    "azurerm_firewall",
    "azurerm_virtual_network_gateway",
    "azurerm_local_network_gateway",
    "azurerm_virtual_network_gateway_connection",
];

/// What to do about what a plan does not know.
const KNOWN_AFTER: &str = "apply it, and give what `terraform show -json` prints of the state";
/// A resource of any type.
const AZAPI: &str = "azapi_resource";

/// The resources of each document, and `None` where it is none of Terraform's. What a network has may stand in several states: what
/// one of them says belongs together does so in all, and what one manages the others only read.
pub(super) fn plain(documents: &[Node], found: &mut Vec<Diagnostic>) -> Vec<Option<Node>> {
    let planned: Vec<_> = documents.iter().map(|it| plan::resources(it, found)).collect();
    let mut each: Vec<Option<Vec<&Node>>> = documents
        .iter()
        .zip(&planned)
        .map(|(it, planned)| planned.as_ref().map_or_else(|| of_state(it), |it| Some(it.iter().collect())))
        .collect();
    let belongs = Belongs::read(&flat(&each), found);
    leave_managed(&mut each);
    let one = |all: &Vec<&Node>| all.iter().filter_map(|it| one(it, &belongs)).collect();
    let mut plain: Vec<Option<Vec<Node>>> = each.iter().map(|it| it.as_ref().map(one)).collect();
    updates::apply(&flat(&each), &mut plain.iter_mut().flatten().flatten().collect::<Vec<_>>(), found);
    let at = documents.iter().map(|it| it.at.clone());
    plain.into_iter().zip(at).map(|(it, at)| Some(Node::new(Value::Array(it?), at))).collect()
}

fn flat<'n>(each: &[Option<Vec<&'n Node>>]) -> Vec<&'n Node> {
    each.iter().flatten().flatten().copied().collect()
}

/// The resources of a state; `None` of what is none.
fn of_state(document: &Node) -> Option<Vec<&Node>> {
    document.get("terraform_version")?;
    let mut all = Vec::new();
    collect(document.get("values")?.get("root_module")?, &mut all);
    Some(all)
}

fn collect<'n>(module: &'n Node, all: &mut Vec<&'n Node>) {
    all.extend(items(module.get("resources")));
    items(module.get("child_modules")).iter().for_each(|it| collect(it, all));
}

/// Takes away what is managed as well as only read, or deposed: that was before it was changed.
fn leave_managed(each: &mut [Option<Vec<&Node>>]) {
    let managed = each.iter().flatten().flatten().filter(|it| is_current(it));
    let managed: HashSet<(&str, String)> = managed.filter_map(|it| place_of(it)).collect();
    let is_managed = |it: &Node| place_of(it).is_some_and(|it| managed.contains(&it));
    each.iter_mut().flatten().for_each(|all| all.retain(|it| is_current(it) || !is_managed(it)));
}

/// What tells a resource from all others: its id, and the type of an association or of a change, which has the id of what it is about.
fn place_of(resource: &Node) -> Option<(&str, String)> {
    let kind = text(resource, "type")?;
    let is_whole = kind == AZAPI || (kind.starts_with("azurerm_") && !kind.ends_with("_association"));
    let id = text(resource.get("values")?, "id")?.to_ascii_lowercase();
    Some((if is_whole { "" } else { kind }, id))
}

/// Whether it stands in a `data` block.
fn is_read(resource: &Node) -> bool {
    text(resource, "mode") == Some("data")
}

/// Whether something else has taken its place, and Terraform has yet to delete it.
fn is_deposed(resource: &Node) -> bool {
    resource.get("deposed_key").is_some()
}

fn is_current(resource: &Node) -> bool {
    !is_read(resource) && !is_deposed(resource)
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|it| &it.value) {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    node.get(key).and_then(Node::as_str).filter(|it| !it.is_empty())
}

/// A resource in the shape of the REST interface.
fn one(resource: &Node, belongs: &Belongs) -> Option<Node> {
    let (kind, values) = text(resource, "type").zip(resource.get("values"))?;
    let (full, properties) = match kind {
        "azurerm_network_security_group" => {
            let rules = parts(values, "security_rule", "securityRules", |it| fields(it, RULE));
            ("Microsoft.Network/networkSecurityGroups", vec![rules])
        }
        "azurerm_network_security_rule" => {
            ("Microsoft.Network/networkSecurityGroups/securityRules", fields(values, RULE))
        }
        "azurerm_virtual_network" => {
            let prefixes = fields(values, &[("address_space", "addressPrefixes", Itself)]);
            let subnets = parts(values, "subnet", "subnets", |it| belongs.subnet(it));
            let space = entry(values, "addressSpace", Value::Object(prefixes));
            ("Microsoft.Network/virtualNetworks", vec![space, subnets])
        }
        "azurerm_subnet" => ("Microsoft.Network/virtualNetworks/subnets", belongs.subnet(values)),
        "azurerm_virtual_network_peering" => {
            ("Microsoft.Network/virtualNetworks/virtualNetworkPeerings", fields(values, PEERING))
        }
        "azurerm_route_table" => {
            let routes = parts(values, "route", "routes", |it| fields(it, ROUTE));
            let more = fields(values, ROUTE_TABLE);
            ("Microsoft.Network/routeTables", more.into_iter().chain([routes]).collect())
        }
        "azurerm_route" => ("Microsoft.Network/routeTables/routes", fields(values, ROUTE)),
        "azurerm_network_interface" => {
            ("Microsoft.Network/networkInterfaces", belongs.network_interface(values))
        }
        "azurerm_application_security_group" => ("Microsoft.Network/applicationSecurityGroups", Vec::new()),
        "azurerm_public_ip" => ("Microsoft.Network/publicIPAddresses", fields(values, PUBLIC_IP)),
        kind if updates::is_update(kind, values) => return None,
        AZAPI | UPDATE => {
            return azapi::plain(resource, values).or_else(|| Some(other(resource, kind, values)));
        }
        kind if ASSOCIATIONS.iter().any(|(it, ..)| *it == kind) => return None,
        kind if NETWORK.contains(&kind) => (kind, Vec::new()),
        _ => return Some(other(resource, kind, values)),
    };
    let mut plain = part(values, properties);
    if let Value::Object(entries) = &mut plain.value {
        entries.push(entry(resource, "type", Value::String(full.to_owned())));
        let sku = values.get("sku").filter(|_| kind == "azurerm_public_ip");
        entries.extend(
            sku.map(|sku| entry(sku, "sku", Value::Object(vec![entry(sku, "name", sku.value.clone())]))),
        );
    }
    Some(Node::new(plain.value, resource.at.clone()))
}

/// A list of parts of a resource under the name that it has in the REST interface; a plan may not know it, or one of them.
fn parts(values: &Node, key: &str, name: &str, properties: impl Fn(&Node) -> Vec<Entry>) -> Entry {
    let one = |it: &Node| match &it.value {
        Value::Unknown(_) => it.clone(),
        _ => part(it, properties(it)),
    };
    let list = match values.get(key) {
        Some(Node { value: value @ Value::Unknown(_), .. }) => value.clone(),
        written => Value::Array(items(written).iter().map(one).collect()),
    };
    entry(values, name, list)
}

/// A resource or a part of one: its name, with that of its parent, its id and its properties.
fn part(values: &Node, properties: Vec<Entry>) -> Node {
    let parent = ["network_security_group_name", "virtual_network_name", "route_table_name"]
        .iter()
        .find_map(|key| values.get(key).filter(|it| it.as_str() != Some("")));
    let mut entries = vec![entry(values, "properties", Value::Object(properties))];
    if let Some(name) = values.get("name") {
        let is_unknown = |it: &&Node| matches!(it.value, Value::Unknown(_));
        let full = match [Some(name), parent].into_iter().flatten().find(is_unknown) {
            Some(unknown) => unknown.value.clone(),
            None => {
                let words = [parent, Some(name)].into_iter().flatten().filter_map(Node::as_str);
                Value::String(words.collect::<Vec<_>>().join("/"))
            }
        };
        entries.push(entry(name, "name", full));
    }
    if let Some(id) = values.get("id").filter(|it| it.as_str() != Some("")) {
        entries.push(entry(id, "id", id.value.clone()));
    }
    Node::new(Value::Object(entries), values.at.clone())
}

/// A resource that says nothing about packets, unless it describes network interfaces.
fn other(resource: &Node, kind: &str, values: &Node) -> Node {
    let is_scale_set = kind.ends_with("virtual_machine_scale_set");
    let kind = entry(resource, "type", Value::String(format!("Terraform/{kind}")));
    let name = values.get("name").or_else(|| resource.get("name"));
    let name = name.map(|it| entry(it, "name", it.value.clone()));
    // The provider lists those of a private endpoint under the same name, and they are resources.
    let interfaces = values.get("network_interface").filter(|_| is_scale_set);
    let profile = interfaces.map(|it| {
        let described = entry(it, "networkInterfaceConfigurations", it.value.clone());
        entry(it, "networkProfile", Value::Object(vec![described]))
    });
    Node::new(Value::Object([kind].into_iter().chain(name).chain(profile).collect()), resource.at.clone())
}
