//! What documents say of a network: read and located, not yet checked.
//!
//! A reader fills these in; [`validate`](crate::validate()) makes a [`Network`](crate::Network) of them. A
//! reference is a string here: a resource id, a short relative one, or a bare name.

use diagnostic::At;

/// Whether a name stands for one that could not be read, such as `[parameters('name')]`. Whoever reads the documents reports
/// that, and every name of Azure's that begins like this; nothing else is said of it, and there is no network.
pub fn is_unread(name: &str) -> bool {
    name.starts_with('[')
}

/// All resources of all documents.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Virtual networks with the subnets written inside them.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Subnets written as resources of their own.
    pub subnets: Vec<Child<Subnet>>,
    /// Peerings written as resources of their own.
    pub peerings: Vec<Child<Peering>>,
    /// Network interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Network security groups with the rules written inside them.
    pub security_groups: Vec<NetworkSecurityGroup>,
    /// Security rules written as resources of their own.
    pub security_rules: Vec<Child<SecurityRule>>,
    /// Application security groups.
    pub application_security_groups: Vec<ApplicationSecurityGroup>,
    /// Route tables with the routes written inside them.
    pub route_tables: Vec<RouteTable>,
    /// Routes written as resources of their own.
    pub routes: Vec<Child<Route>>,
    /// Public addresses.
    pub public_ips: Vec<PublicIpAddress>,
    /// Virtual machines, for the sake of their names.
    pub virtual_machines: Vec<VirtualMachine>,
}

/// A virtual machine, of which only its network interfaces count.
#[derive(Clone, Debug)]
pub struct VirtualMachine {
    /// The resource id, where one is written, or else the name.
    pub id_or_name: String,
    /// The ids of its network interfaces.
    pub network_interfaces: Vec<String>,
}

/// A child resource that stands by itself; where its parent has one of that name, this one counts.
#[derive(Clone, Debug)]
pub struct Child<T> {
    /// The parent's id or name.
    pub parent: At<String>,
    /// The child.
    pub value: T,
}

/// A virtual network.
#[derive(Clone, Debug)]
pub struct VirtualNetwork {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// The address space.
    pub address_space: Vec<At<String>>,
    /// The subnets.
    pub subnets: Vec<Subnet>,
    /// The peerings.
    pub peerings: Vec<Peering>,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// The address prefixes.
    pub prefixes: Vec<At<String>>,
    /// A reference to the NSG.
    pub security_group: Option<At<String>>,
    /// A reference to the route table.
    pub route_table: Option<At<String>>,
    /// `defaultOutboundAccess`, where it is written; it is true where it is not.
    pub default_outbound_access: Option<bool>,
    /// Whether `privateEndpointNetworkPolicies` has NSGs judge the private endpoints in the subnet, which they do not where
    /// it is not written.
    pub judges_private_endpoints: bool,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// One virtual network's half of a peering.
#[derive(Clone, Debug)]
pub struct Peering {
    /// The name.
    pub name: At<String>,
    /// A reference to the other virtual network.
    pub remote: Option<At<String>>,
    /// `allowVirtualNetworkAccess`, which is true where it is not written.
    pub virtual_network_access: bool,
    /// `allowGatewayTransit`.
    pub gateway_transit: bool,
    /// `useRemoteGateways`, where it is written.
    pub remote_gateways: Option<At<bool>>,
    /// `peeringState`, which Azure answers.
    pub state: Option<At<String>>,
    /// The other's prefixes that the peering is in force for, which Azure answers: `remoteAddressSpace`, and where that is
    /// empty `remoteVirtualNetworkAddressSpace`.
    pub remote_address_space: Vec<At<String>>,
    /// `enableOnlyIPv6Peering`, where it is written: whether the IPv4 prefixes of both are left out.
    pub only_ipv6: Option<bool>,
    /// `peerCompleteVnets`: whether it joins all of both, which is so where it is not written.
    pub is_complete: bool,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// A network interface.
#[derive(Clone, Debug)]
pub struct NetworkInterface {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// A reference to the NSG.
    pub security_group: Option<At<String>>,
    /// A reference to the private endpoint that it belongs to.
    pub private_endpoint: Option<At<String>>,
    /// `enableIPForwarding`.
    pub ip_forwarding: bool,
    /// A reference to the virtual machine; it is not looked up, for machines are not part of the network.
    pub virtual_machine: Option<At<String>>,
    /// `macAddress`, where one is written that can be read.
    pub mac: Option<[u8; 6]>,
    /// The IP configurations.
    pub ip_configurations: Vec<IpConfiguration>,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// An IP configuration of a network interface.
#[derive(Clone, Debug)]
pub struct IpConfiguration {
    /// The name.
    pub name: At<String>,
    /// A reference to the subnet.
    pub subnet: Option<At<String>>,
    /// The private address.
    pub private_address: Option<At<String>>,
    /// Whether `privateIPAddressVersion` is `IPv6`, where one is written; Azure takes `IPv4` where none is.
    pub is_ipv6: Option<bool>,
    /// A reference to the public address.
    pub public_ip: Option<At<String>>,
    /// References to application security groups.
    pub application_security_groups: Vec<At<String>>,
    /// `primary`, where it is written.
    pub primary: Option<At<bool>>,
    /// Whether it is in the backend pool of a load balancer.
    pub is_balanced: bool,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// A network security group.
#[derive(Clone, Debug)]
pub struct NetworkSecurityGroup {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// The user's rules.
    pub rules: Vec<SecurityRule>,
    /// The ids of the subnets that have it, where Azure's answer names them.
    pub subnets: Vec<At<String>>,
    /// The ids of the network interfaces that have it, where Azure's answer names them.
    pub network_interfaces: Vec<At<String>>,
}

/// A security rule.
#[derive(Clone, Debug)]
pub struct SecurityRule {
    /// The name.
    pub name: At<String>,
    /// The description.
    pub description: Option<At<String>>,
    /// The priority, as it is written.
    pub priority: Option<At<String>>,
    /// `Inbound` or `Outbound`.
    pub direction: Option<At<String>>,
    /// `Allow` or `Deny`.
    pub access: Option<At<String>>,
    /// The protocol.
    pub protocol: Option<At<String>>,
    /// The sender's addresses.
    pub source: Addresses,
    /// The sender's ports.
    pub source_ports: Ports,
    /// The receiver's addresses.
    pub destination: Addresses,
    /// The receiver's ports.
    pub destination_ports: Ports,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// One side's addresses: exactly one of the three should be given.
#[derive(Clone, Debug, Default)]
pub struct Addresses {
    /// The singular field.
    pub prefix: Option<At<String>>,
    /// The plural field.
    pub prefixes: Vec<At<String>>,
    /// References to application security groups.
    pub application_security_groups: Vec<At<String>>,
}

/// One side's ports: exactly one of the two should be given.
#[derive(Clone, Debug, Default)]
pub struct Ports {
    /// The singular field.
    pub range: Option<At<String>>,
    /// The plural field.
    pub ranges: Vec<At<String>>,
}

/// An application security group.
#[derive(Clone, Debug)]
pub struct ApplicationSecurityGroup {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
}

/// A route table.
#[derive(Clone, Debug)]
pub struct RouteTable {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// The routes.
    pub routes: Vec<Route>,
    /// `disableBgpRoutePropagation`.
    pub disable_bgp_route_propagation: bool,
}

/// A user-defined route (UDR).
#[derive(Clone, Debug)]
pub struct Route {
    /// The name.
    pub name: At<String>,
    /// `addressPrefix`: a prefix or a service tag.
    pub prefix: Option<At<String>>,
    /// `nextHopType`.
    pub next_hop_type: Option<At<String>>,
    /// `nextHopIpAddress`. One that is known only after the deployment is there and [unread](is_unread): it changes
    /// nothing that rules see.
    pub next_hop_ip_address: Option<At<String>>,
    /// Something in it was unreadable and has been reported, so nothing is reported as missing.
    pub incomplete: bool,
}

/// A public address.
#[derive(Clone, Debug)]
pub struct PublicIpAddress {
    /// The resource id, where one is written.
    pub id: Option<At<String>>,
    /// The name.
    pub name: At<String>,
    /// The address, where Azure has assigned one.
    pub address: Option<At<String>>,
    /// `sku.name`.
    pub sku: Option<At<String>>,
    /// `publicIPAllocationMethod`, where it is known.
    pub allocation: Option<At<String>>,
}
