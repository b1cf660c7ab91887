//! What `terraform show -json` prints of a state or a plan with the providers azurerm and azapi: its resources in the shape of Azure's
//! REST interface, and what stands in resources of its own (which group a subnet has) in its place.

use document::{Entry, Node, Value};
use model::{At, Diagnostic};
use std::collections::HashMap;

/// How a value stands in the REST interface.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    Itself,
    /// `{"id": …}`
    Reference,
    /// `[{"id": …}]`
    References,
}
use As::{Itself, Reference, References};

type Field = (&'static str, &'static str, As);

const RULE: &[Field] = &[
    ("description", "description", Itself),
    ("priority", "priority", Itself),
    ("direction", "direction", Itself),
    ("access", "access", Itself),
    ("protocol", "protocol", Itself),
    ("source_port_range", "sourcePortRange", Itself),
    ("source_port_ranges", "sourcePortRanges", Itself),
    ("source_address_prefix", "sourceAddressPrefix", Itself),
    ("source_address_prefixes", "sourceAddressPrefixes", Itself),
    ("source_application_security_group_ids", "sourceApplicationSecurityGroups", References),
    ("destination_port_range", "destinationPortRange", Itself),
    ("destination_port_ranges", "destinationPortRanges", Itself),
    ("destination_address_prefix", "destinationAddressPrefix", Itself),
    ("destination_address_prefixes", "destinationAddressPrefixes", Itself),
    ("destination_application_security_group_ids", "destinationApplicationSecurityGroups", References),
];
const SUBNET: &[Field] = &[
    ("address_prefix", "addressPrefix", Itself),
    ("address_prefixes", "addressPrefixes", Itself),
    ("security_group", "networkSecurityGroup", Reference),
    ("network_security_group_id", "networkSecurityGroup", Reference),
    ("route_table_id", "routeTable", Reference),
];
const ROUTE_TABLE: &[Field] = &[("disable_bgp_route_propagation", "disableBgpRoutePropagation", Itself)];
const ROUTE: &[Field] = &[
    ("address_prefix", "addressPrefix", Itself),
    ("next_hop_type", "nextHopType", Itself),
    ("next_hop_in_ip_address", "nextHopIpAddress", Itself),
];
const IP_CONFIGURATION: &[Field] = &[
    ("private_ip_address", "privateIPAddress", Itself),
    ("private_ip_address_allocation", "privateIPAllocationMethod", Itself),
    ("private_ip_address_version", "privateIPAddressVersion", Itself),
    ("primary", "primary", Itself),
    ("subnet_id", "subnet", Reference),
    ("public_ip_address_id", "publicIPAddress", Reference),
];
const NETWORK_INTERFACE: &[Field] = &[
    ("enable_ip_forwarding", "enableIPForwarding", Itself),
    ("ip_forwarding_enabled", "enableIPForwarding", Itself),
    ("virtual_machine_id", "virtualMachine", Reference),
];
const PUBLIC_IP: &[Field] = &[
    ("ip_address", "ipAddress", Itself),
    ("allocation_method", "publicIPAllocationMethod", Itself),
    ("ip_version", "publicIPAddressVersion", Itself),
];
const PEERING: &[Field] = &[
    ("remote_virtual_network_id", "remoteVirtualNetwork", Reference),
    ("allow_virtual_network_access", "allowVirtualNetworkAccess", Itself),
    ("allow_forwarded_traffic", "allowForwardedTraffic", Itself),
    ("allow_gateway_transit", "allowGatewayTransit", Itself),
    ("use_remote_gateways", "useRemoteGateways", Itself),
];

/// Resources that say of two others that they belong together: their type, and the keys of the two ids.
const ASSOCIATIONS: [(&str, &str, &str); 4] = [
    ("azurerm_subnet_network_security_group_association", "subnet_id", "network_security_group_id"),
    ("azurerm_subnet_route_table_association", "subnet_id", "route_table_id"),
    (
        "azurerm_network_interface_security_group_association",
        "network_interface_id",
        "network_security_group_id",
    ),
    (
        "azurerm_network_interface_application_security_group_association",
        "network_interface_id",
        "application_security_group_id",
    ),
];
/// So many groups of one network interface are read, which is more than Azure allows: each IP configuration has them all.
const MOST_GROUPS: usize = 100;
/// Parts of the network that are not modelled.
const NETWORK: [&str; 6] = [
    "azurerm_lb",
    "azurerm_nat_gateway",
    "azurerm_firewall",
    "azurerm_virtual_network_gateway",
    "azurerm_local_network_gateway",
    "azurerm_virtual_network_gateway_connection",
];

/// The resources of the document and what is wrong with it; `None` where it is none of Terraform's.
pub(super) fn plain(document: &Node) -> Option<(Node, Vec<Diagnostic>)> {
    document.get("terraform_version")?;
    let values = document.get("values").or_else(|| document.get("planned_values"))?;
    let mut all = Vec::new();
    collect(values.get("root_module")?, &mut all);
    let mut found = Vec::new();
    let belongs = Belongs::read(&all, &mut found);
    let plain = all.iter().filter_map(|it| belongs.plain(it)).collect();
    Some((Node::new(Value::Array(plain), document.at.clone()), found))
}

fn collect<'n>(module: &'n Node, all: &mut Vec<&'n Node>) {
    all.extend(items(module.get("resources")));
    items(module.get("child_modules")).iter().for_each(|it| collect(it, all));
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

/// What belongs to the resource of an id, in small letters: security groups, route tables, and application security groups.
#[derive(Default)]
struct Belongs {
    security_group: HashMap<String, Node>,
    route_table: HashMap<String, Node>,
    application_security_groups: HashMap<String, Vec<Node>>,
}

impl Belongs {
    fn read(all: &[&Node], found: &mut Vec<Diagnostic>) -> Self {
        let mut belongs = Self::default();
        for resource in all {
            let Some((kind, values)) = text(resource, "type").zip(resource.get("values")) else { continue };
            let Some((_, holder, held)) = ASSOCIATIONS.iter().find(|(it, ..)| *it == kind) else { continue };
            let (Some(holder), Some(held)) = (text(values, holder), values.get(held)) else {
                let message = "what belongs together here is known only after it is applied";
                let error = Diagnostic::error(document::codes::VALUE_NOT_KNOWN, &resource.at, message);
                found.push(error.help("apply it, and give what `terraform show -json` prints of the state"));
                continue;
            };
            let holder = holder.to_ascii_lowercase();
            if kind.contains("application") {
                belongs.application_security_groups.entry(holder).or_default().push(held.clone());
            } else if kind.contains("route_table") {
                belongs.route_table.insert(holder, held.clone());
            } else {
                belongs.security_group.insert(holder, held.clone());
            }
        }
        belongs
    }

    /// A resource in the shape of the REST interface.
    fn plain(&self, resource: &Node) -> Option<Node> {
        let (kind, values) = text(resource, "type").zip(resource.get("values"))?;
        let (full, properties) = match kind {
            "azurerm_network_security_group" => {
                let rules = items(values.get("security_rule")).iter().map(|it| part(it, fields(it, RULE)));
                let rules = entry(values, "securityRules", Value::Array(rules.collect()));
                ("Microsoft.Network/networkSecurityGroups", vec![rules])
            }
            "azurerm_network_security_rule" => {
                ("Microsoft.Network/networkSecurityGroups/securityRules", fields(values, RULE))
            }
            "azurerm_virtual_network" => {
                let prefixes = fields(values, &[("address_space", "addressPrefixes", Itself)]);
                let subnets = items(values.get("subnet")).iter().map(|it| part(it, self.subnet(it)));
                let subnets = entry(values, "subnets", Value::Array(subnets.collect()));
                let space = entry(values, "addressSpace", Value::Object(prefixes));
                ("Microsoft.Network/virtualNetworks", vec![space, subnets])
            }
            "azurerm_subnet" => ("Microsoft.Network/virtualNetworks/subnets", self.subnet(values)),
            "azurerm_virtual_network_peering" => {
                ("Microsoft.Network/virtualNetworks/virtualNetworkPeerings", fields(values, PEERING))
            }
            "azurerm_route_table" => {
                let routes = items(values.get("route")).iter().map(|it| part(it, fields(it, ROUTE)));
                let routes = entry(values, "routes", Value::Array(routes.collect()));
                let more = fields(values, ROUTE_TABLE);
                ("Microsoft.Network/routeTables", more.into_iter().chain([routes]).collect())
            }
            "azurerm_route" => ("Microsoft.Network/routeTables/routes", fields(values, ROUTE)),
            "azurerm_network_interface" => {
                ("Microsoft.Network/networkInterfaces", self.network_interface(values))
            }
            "azurerm_application_security_group" => {
                ("Microsoft.Network/applicationSecurityGroups", Vec::new())
            }
            "azurerm_public_ip" => ("Microsoft.Network/publicIPAddresses", fields(values, PUBLIC_IP)),
            "azapi_resource" => {
                return super::azapi::plain(resource, values).or_else(|| Some(other(resource, kind, values)));
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

    fn subnet(&self, values: &Node) -> Vec<Entry> {
        let mut properties = fields(values, SUBNET);
        let id = text(values, "id").unwrap_or_default().to_ascii_lowercase();
        for (held, key) in [(&self.security_group, "networkSecurityGroup"), (&self.route_table, "routeTable")]
        {
            if let Some(held) = held.get(&id) {
                properties.retain(|it| it.key.value != key);
                properties.push(entry(held, key, reference(held)));
            }
        }
        properties
    }

    fn network_interface(&self, values: &Node) -> Vec<Entry> {
        let id = text(values, "id").unwrap_or_default().to_ascii_lowercase();
        let groups = self.application_security_groups.get(&id).map(Vec::as_slice).unwrap_or_default();
        let groups =
            || groups.iter().take(MOST_GROUPS).map(|it| Node::new(reference(it), it.at.clone())).collect();
        let configurations = items(values.get("ip_configuration")).iter().map(|it| {
            let mut properties = fields(it, IP_CONFIGURATION);
            properties.push(entry(it, "applicationSecurityGroups", Value::Array(groups())));
            part(it, properties)
        });
        let configurations = entry(values, "ipConfigurations", Value::Array(configurations.collect()));
        let group = self.security_group.get(&id).map(|it| entry(it, "networkSecurityGroup", reference(it)));
        fields(values, NETWORK_INTERFACE).into_iter().chain([configurations]).chain(group).collect()
    }
}

fn entry(at: &Node, key: &str, value: Value) -> Entry {
    Entry { key: At::new(key, &at.at), value: Node::new(value, at.at.clone()) }
}

fn reference(id: &Node) -> Value {
    Value::Object(vec![entry(id, "id", id.value.clone())])
}

/// The properties that have values: Terraform writes the others as empty.
fn fields(values: &Node, table: &[Field]) -> Vec<Entry> {
    let field = |(from, to, how): &Field| {
        let written = values.entry(from)?;
        let value = &written.value;
        let is_empty = match &value.value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        let plain = match how {
            Itself => value.value.clone(),
            Reference => reference(value),
            References => Value::Array(
                items(Some(value)).iter().map(|it| Node::new(reference(it), it.at.clone())).collect(),
            ),
        };
        let key = At { value: (*to).to_owned(), at: written.key.at.clone() };
        (!is_empty).then(|| Entry { key, value: Node::new(plain, value.at.clone()) })
    };
    table.iter().filter_map(field).collect()
}

/// A resource or a part of one: its name, with that of its parent, its id and its properties.
fn part(values: &Node, properties: Vec<Entry>) -> Node {
    let parent = ["network_security_group_name", "virtual_network_name", "route_table_name"]
        .iter()
        .find_map(|key| text(values, key));
    let mut entries = vec![entry(values, "properties", Value::Object(properties))];
    if let Some(name) = values.get("name") {
        let own = name.as_str().unwrap_or_default();
        let full = parent.map_or_else(|| own.to_owned(), |parent| format!("{parent}/{own}"));
        entries.push(entry(name, "name", Value::String(full)));
    }
    if let Some(id) = values.get("id").filter(|it| it.as_str() != Some("")) {
        entries.push(entry(id, "id", id.value.clone()));
    }
    Node::new(Value::Object(entries), values.at.clone())
}

/// A resource that says nothing about packets.
fn other(resource: &Node, kind: &str, values: &Node) -> Node {
    let kind = entry(resource, "type", Value::String(format!("Terraform/{kind}")));
    let name = values.get("name").or_else(|| resource.get("name"));
    let name = name.map(|it| entry(it, "name", it.value.clone()));
    Node::new(Value::Object([kind].into_iter().chain(name).collect()), resource.at.clone())
}
