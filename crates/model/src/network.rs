//! The validated network: what the rest of nsgate works with.
//!
//! Every reference is an index into a list of [`Network`], so nothing here can dangle.

use crate::{PortSet, PublicIpSku, RouteTable, ServiceTags, TagUse};
use diagnostic::Location;
use ipnet::IpNet;
use std::net::IpAddr;
use std::sync::Arc;

/// Everything Azure knows of a network, validated and linked.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Virtual networks with their subnets.
    pub virtual_networks: Vec<VirtualNetwork>,
    /// Network interfaces.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Network security groups.
    pub security_groups: Vec<NetworkSecurityGroup>,
    /// Application security groups.
    pub application_security_groups: Vec<ApplicationSecurityGroup>,
    /// Route tables.
    pub route_tables: Vec<RouteTable>,
    /// Public addresses.
    pub public_ips: Vec<PublicIpAddress>,
    /// The named service tags that were loaded; special tags are computed, not listed.
    pub service_tags: Arc<ServiceTags>,
    /// Where the documents name one of those.
    pub tag_uses: Vec<TagUse>,
    /// Where the name of each rule is written, in the order of the groups and their rules; empty for a network that
    /// was not read from documents.
    pub rule_places: Vec<Vec<Location>>,
}

macro_rules! index {
    ($(#[$doc:meta] $name:ident;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub usize);
    )*};
}

index! {
    /// An index into [`Network::virtual_networks`].
    VnetIndex;
    /// An index into [`Network::network_interfaces`].
    NicIndex;
    /// An index into [`Network::security_groups`].
    NsgIndex;
    /// An index into [`Network::application_security_groups`].
    AsgIndex;
    /// An index into [`Network::route_tables`].
    RouteTableIndex;
    /// An index into [`Network::public_ips`].
    PublicIpIndex;
    /// An index into [`ServiceTags`].
    TagIndex;
}

/// A subnet, named by its virtual network and its place there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SubnetIndex {
    /// The virtual network.
    pub vnet: VnetIndex,
    /// An index into [`VirtualNetwork::subnets`].
    pub subnet: usize,
}

/// A virtual network.
#[derive(Clone, Debug)]
pub struct VirtualNetwork {
    /// The resource id as written, or the one we gave it (`/…/virtualNetworks/<name>`).
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The address space.
    pub address_space: Vec<IpNet>,
    /// The subnets, inside the address space.
    pub subnets: Vec<Subnet>,
    /// This network's halves of its peerings, at most one to each other network.
    pub peerings: Vec<Peering>,
    /// What VirtualNetwork holds here of peers that are in none of the documents. Nothing leads there.
    pub peers_elsewhere: Vec<IpNet>,
}

/// One network's half of a peering. Traffic needs both halves: see [`Peering::connected`].
///
/// # Source
/// Azure "Create, change, or delete a virtual network peering".
#[derive(Clone, Debug)]
pub struct Peering {
    /// The name, unique in its virtual network.
    pub name: Arc<str>,
    /// The other virtual network.
    pub remote: VnetIndex,
    /// What of the other's address space is peered: all of it, or its IPv6; none while it is not connected. It is apart from
    /// this network's own and from what is peered of others.
    pub address_space: Vec<IpNet>,
    /// Whether the other network has its half too, and neither says otherwise by `peeringState`.
    pub connected: bool,
    /// `allowVirtualNetworkAccess`: whether VirtualNetwork holds the other's addresses here. There is a route either way.
    pub virtual_network_access: bool,
    /// `allowGatewayTransit`: whether the other network may use the gateway of this one.
    pub gateway_transit: bool,
    /// `useRemoteGateways`: whether this network uses the gateway of the other one.
    pub remote_gateways: bool,
}

/// A subnet.
#[derive(Clone, Debug)]
pub struct Subnet {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name, unique in its virtual network.
    pub name: Arc<str>,
    /// The address prefixes; at least one.
    pub prefixes: Vec<IpNet>,
    /// The NSG associated with the subnet.
    pub security_group: Option<NsgIndex>,
    /// The route table associated with the subnet.
    pub route_table: Option<RouteTableIndex>,
    /// `defaultOutboundAccess`: whether Azure gives machines without a public address one for what they begin.
    pub default_outbound_access: bool,
}

/// A network interface (NIC).
#[derive(Clone, Debug)]
pub struct NetworkInterface {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The NSG associated with the NIC.
    pub security_group: Option<NsgIndex>,
    /// `enableIPForwarding`: whether it may send addresses that are not its own.
    pub ip_forwarding: bool,
    /// The resource id or name of its virtual machine, where one is written.
    pub virtual_machine: Option<Arc<str>>,
    /// `macAddress`: that of Azure's machine, which its flow logs carry; nothing is enforced by it.
    pub mac: Option<[u8; 6]>,
    /// At least one; all in one virtual network.
    pub ip_configurations: Vec<IpConfiguration>,
}

impl NetworkInterface {
    /// The virtual network of the NIC, or `None` for a NIC without IP configurations.
    pub fn vnet(&self) -> Option<VnetIndex> {
        self.ip_configurations.first().map(|configuration| configuration.subnet.vnet)
    }
}

/// One address of a NIC.
#[derive(Clone, Debug)]
pub struct IpConfiguration {
    /// The name, unique in its NIC.
    pub name: Arc<str>,
    /// The subnet it lies in.
    pub subnet: SubnetIndex,
    /// The private address; `None` where the model leaves it open and the gateway file must say it.
    pub private_address: Option<IpAddr>,
    /// Whether the documents leave the private address open and it is the one that Azure would give: see
    /// [`Network::assume_addresses`].
    pub is_assumed: bool,
    /// `privateIPAddressVersion`: of which family the address is that Azure gives where none is written.
    pub is_ipv6: bool,
    /// The instance-level public address (ILPIP).
    pub public_ip: Option<PublicIpIndex>,
    /// The application security groups it is a member of.
    pub application_security_groups: Vec<AsgIndex>,
    /// Whether it is the NIC's primary configuration; exactly one is.
    pub primary: bool,
}

impl IpConfiguration {
    /// Whether its private address is one of IPv6, or will be.
    pub fn is_over_ipv6(&self) -> bool {
        self.private_address.map_or(self.is_ipv6, |address| address.is_ipv6())
    }
}

/// An application security group (ASG); membership stands at the IP configurations.
#[derive(Clone, Debug)]
pub struct ApplicationSecurityGroup {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// A public address.
#[derive(Clone, Debug)]
pub struct PublicIpAddress {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The address; `None` where Azure has not assigned one yet.
    pub address: Option<IpAddr>,
    /// Basic is open unless an NSG denies; Standard is closed unless an NSG allows.
    pub sku: PublicIpSku,
}

/// A network security group (NSG). Its six default rules are not listed: see [`SecurityRule::defaults`].
#[derive(Clone, Debug)]
pub struct NetworkSecurityGroup {
    /// The resource id as written, or the one we gave it.
    pub id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The user's rules, valid together, in the file's order.
    pub rules: Vec<SecurityRule>,
}

/// One rule of an NSG.
#[derive(Clone, PartialEq, Debug)]
pub struct SecurityRule {
    /// The name, unique in its NSG.
    pub name: Arc<str>,
    /// Whether it is one of the six that every NSG has.
    pub default: bool,
    /// 100..=4096 for the user's rules, 65000..=65500 for the default ones; lower is looked at first.
    pub priority: u16,
    /// Which way the packet goes, seen from the NIC.
    pub direction: Direction,
    /// What becomes of a packet that matches.
    pub access: Access,
    /// The protocols it speaks of.
    pub protocol: RuleProtocol,
    /// The sender's addresses.
    pub source: AddressMatch,
    /// The sender's ports.
    pub source_ports: PortSet,
    /// The receiver's addresses.
    pub destination: AddressMatch,
    /// The receiver's ports.
    pub destination_ports: PortSet,
}

/// The direction of a rule, seen from the NIC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Direction {
    /// To the NIC.
    Inbound,
    /// From the NIC.
    Outbound,
}

/// What a rule does with a packet that it matches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Access {
    /// Let it go on.
    Allow,
    /// Drop it.
    Deny,
}

/// The protocol field of a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RuleProtocol {
    /// `*`: any protocol number. With ports that are not full, only packets that have ports.
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP for IPv4; ports mean nothing.
    Icmp,
    /// Encapsulating security payload; ports mean nothing.
    Esp,
    /// Authentication header; ports mean nothing.
    Ah,
}

/// One side's addresses in a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AddressMatch {
    /// `*`: every address of both families.
    Any,
    /// Any of these prefixes; all of one family, none overlapping.
    Prefixes(Vec<IpNet>),
    /// A service tag.
    Tag(ServiceTag),
    /// The private addresses of the members of any of these groups.
    ApplicationSecurityGroups(Vec<AsgIndex>),
}

/// A service tag in a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ServiceTag {
    /// The virtual network of the NIC being judged, its peers, the prefixes of its subnet's routes, and the host's virtual
    /// address.
    VirtualNetwork,
    /// 168.63.129.16, where Azure's probes come from.
    AzureLoadBalancer,
    /// Every public address outside VirtualNetwork.
    Internet,
    /// The platform's resolver: 168.63.129.16, TCP and UDP port 53. Deny only.
    AzurePlatformDns,
    /// The instance metadata service: 169.254.169.254, TCP port 80. Deny only.
    AzurePlatformImds,
    /// The licensing hosts, TCP port 1688. Deny only.
    AzurePlatformLkm,
    /// A tag of the published file.
    Named(TagIndex),
}
