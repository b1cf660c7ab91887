//! Which attributes of Terraform's are which properties of the REST interface.

use super::items;
use diagnostic::At;
use document::{Entry, Node, Value};

/// How a value stands in the REST interface.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    Itself,
    /// `{"id": …}`
    Reference,
    /// `[{"id": …}]`
    References,
}
use As::{Itself, Reference, References};

pub(super) type Field = (&'static str, &'static str, As);

pub(super) const RULE: &[Field] = &[
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
pub(super) const SUBNET: &[Field] = &[
    ("address_prefix", "addressPrefix", Itself),
    ("address_prefixes", "addressPrefixes", Itself),
    ("security_group", "networkSecurityGroup", Reference),
    ("network_security_group_id", "networkSecurityGroup", Reference),
    ("route_table_id", "routeTable", Reference),
    ("default_outbound_access_enabled", "defaultOutboundAccess", Itself),
];
pub(super) const ROUTE_TABLE: &[Field] =
    &[("disable_bgp_route_propagation", "disableBgpRoutePropagation", Itself)];
pub(super) const ROUTE: &[Field] = &[
    ("address_prefix", "addressPrefix", Itself),
    ("next_hop_type", "nextHopType", Itself),
    ("next_hop_in_ip_address", "nextHopIpAddress", Itself),
];
pub(super) const IP_CONFIGURATION: &[Field] = &[
    ("private_ip_address", "privateIPAddress", Itself),
    ("private_ip_address_allocation", "privateIPAllocationMethod", Itself),
    ("private_ip_address_version", "privateIPAddressVersion", Itself),
    ("primary", "primary", Itself),
    ("subnet_id", "subnet", Reference),
    ("public_ip_address_id", "publicIPAddress", Reference),
];
pub(super) const NETWORK_INTERFACE: &[Field] = &[
    ("enable_ip_forwarding", "enableIPForwarding", Itself),
    ("ip_forwarding_enabled", "enableIPForwarding", Itself),
    ("virtual_machine_id", "virtualMachine", Reference),
    // Where the provider only reads it, and in its first versions.
    ("network_security_group_id", "networkSecurityGroup", Reference),
];
pub(super) const PUBLIC_IP: &[Field] = &[
    ("ip_address", "ipAddress", Itself),
    ("allocation_method", "publicIPAllocationMethod", Itself),
    ("ip_version", "publicIPAddressVersion", Itself),
];
pub(super) const PEERING: &[Field] = &[
    ("remote_virtual_network_id", "remoteVirtualNetwork", Reference),
    ("allow_virtual_network_access", "allowVirtualNetworkAccess", Itself),
    ("allow_forwarded_traffic", "allowForwardedTraffic", Itself),
    ("allow_gateway_transit", "allowGatewayTransit", Itself),
    ("use_remote_gateways", "useRemoteGateways", Itself),
    ("only_ipv6_peering_enabled", "enableOnlyIPv6Peering", Itself),
    ("local_subnet_names", "localSubnetNames", Itself),
    ("remote_subnet_names", "remoteSubnetNames", Itself),
];

pub(super) fn entry(at: &Node, key: &str, value: Value) -> Entry {
    Entry { key: At::new(key, &at.at), value: Node::new(value, at.at.clone()) }
}

pub(super) fn reference(id: &Node) -> Value {
    Value::Object(vec![entry(id, "id", id.value.clone())])
}

/// The properties that have values: Terraform writes the others as empty.
pub(super) fn fields(values: &Node, table: &[Field]) -> Vec<Entry> {
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
            References if matches!(value.value, Value::Unknown(_)) => value.value.clone(),
            References => Value::Array(
                items(Some(value)).iter().map(|it| Node::new(reference(it), it.at.clone())).collect(),
            ),
        };
        let key = At { value: (*to).to_owned(), at: written.key.at.clone() };
        (!is_empty).then(|| Entry { key, value: Node::new(plain, value.at.clone()) })
    };
    table.iter().filter_map(field).collect()
}
