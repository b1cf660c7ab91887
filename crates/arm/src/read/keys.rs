//! The properties that resources have in Azure's REST interface, read by us or not.
//!
//! A misspelt property would be a rule or an NSG that silently is not there, so a name that is nearly one of
//! these is an error, and any other unknown one a warning.
//!
//! # Source
//! Azure REST API reference, *Microsoft.Network*, versions up to 2026-01-01; `remoteGateways` and `routeServiceVips` are in its answers only.

use crate::codes;
use diagnostic::{At, Diagnostic};
use document::{Place, Report, Value};

pub(super) const RESOURCE: &[&str] = &[
    "id",
    "name",
    "type",
    "location",
    "tags",
    "etag",
    "properties",
    "sku",
    "zones",
    "kind",
    "identity",
    "plan",
    "managedBy",
    "extendedLocation",
    "systemData",
    "apiVersion",
    "dependsOn",
    "condition",
    "comments",
    "scope",
    "resources",
    "resourceGroup",
    "subscriptionId",
    "tenantId",
    "additionalProperties",
    "asserts",
    "metadata",
];

pub(super) const SECURITY_GROUP: &[&str] = &[
    "securityRules",
    "defaultSecurityRules",
    "networkInterfaces",
    "subnets",
    "flowLogs",
    "flushConnection",
    "resourceGuid",
    "provisioningState",
];

pub(super) const SECURITY_RULE: &[&str] = &[
    "description",
    "protocol",
    "access",
    "direction",
    "priority",
    "sourcePortRange",
    "sourcePortRanges",
    "destinationPortRange",
    "destinationPortRanges",
    "sourceAddressPrefix",
    "sourceAddressPrefixes",
    "sourceApplicationSecurityGroups",
    "destinationAddressPrefix",
    "destinationAddressPrefixes",
    "destinationApplicationSecurityGroups",
    "provisioningState",
];

pub(super) const VIRTUAL_NETWORK: &[&str] = &[
    "addressSpace",
    "summarizedGatewayPrefixes",
    "subnets",
    "virtualNetworkPeerings",
    "dhcpOptions",
    "flowTimeoutInMinutes",
    "flowLogs",
    "enableDdosProtection",
    "ddosProtectionPlan",
    "enableVmProtection",
    "bgpCommunities",
    "encryption",
    "ipAllocations",
    "privateEndpointVNetPolicies",
    "defaultPublicNatGateway",
    "resourceGuid",
    "provisioningState",
];

pub(super) const SUBNET: &[&str] = &[
    "addressPrefix",
    "addressPrefixes",
    "networkSecurityGroup",
    "routeTable",
    "natGateway",
    "serviceEndpoints",
    "serviceEndpointPolicies",
    "privateEndpoints",
    "privateLinkServices",
    "ipConfigurations",
    "ipConfigurationProfiles",
    "ipAllocations",
    "ipamPoolPrefixAllocations",
    "resourceNavigationLinks",
    "serviceAssociationLinks",
    "serviceGateway",
    "delegations",
    "purpose",
    "privateEndpointNetworkPolicies",
    "privateLinkServiceNetworkPolicies",
    "applicationGatewayIPConfigurations",
    "sharingScope",
    "defaultOutboundAccess",
    "provisioningState",
];

pub(super) const PEERING: &[&str] = &[
    "remoteVirtualNetwork",
    "remoteGateways",
    "routeServiceVips",
    "allowVirtualNetworkAccess",
    "allowForwardedTraffic",
    "allowGatewayTransit",
    "useRemoteGateways",
    "doNotVerifyRemoteGateways",
    "peeringState",
    "peeringSyncLevel",
    "localAddressSpace",
    "localVirtualNetworkAddressSpace",
    "remoteAddressSpace",
    "remoteVirtualNetworkAddressSpace",
    "remoteBgpCommunities",
    "remoteVirtualNetworkEncryption",
    "peerCompleteVnets",
    "enableOnlyIPv6Peering",
    "localSubnetNames",
    "remoteSubnetNames",
    "resourceGuid",
    "provisioningState",
];

pub(super) const NETWORK_INTERFACE: &[&str] = &[
    "ipConfigurations",
    "networkSecurityGroup",
    "enableIPForwarding",
    "virtualMachine",
    "privateEndpoint",
    "privateLinkService",
    "tapConfigurations",
    "dnsSettings",
    "macAddress",
    "primary",
    "hostedWorkloads",
    "vnetEncryptionSupported",
    "enableAcceleratedNetworking",
    "disableTcpStateTracking",
    "dscpConfiguration",
    "workloadType",
    "nicType",
    "migrationPhase",
    "auxiliaryMode",
    "auxiliarySku",
    "allowPort25Out",
    "defaultOutboundConnectivityEnabled",
    "internalDnsNameLabel",
    "resourceGuid",
    "provisioningState",
];

pub(super) const IP_CONFIGURATION: &[&str] = &[
    "subnet",
    "privateIPAddress",
    "privateIPAddressPrefixLength",
    "privateIPAllocationMethod",
    "privateIPAddressVersion",
    "publicIPAddress",
    "applicationSecurityGroups",
    "primary",
    "gatewayLoadBalancer",
    "virtualNetworkTaps",
    "applicationGatewayBackendAddressPools",
    "loadBalancerBackendAddressPools",
    "loadBalancerInboundNatRules",
    "privateLinkConnectionProperties",
    "provisioningState",
];

pub(super) const APPLICATION_SECURITY_GROUP: &[&str] = &["resourceGuid", "provisioningState"];

pub(super) const ROUTE_TABLE: &[&str] = &[
    "routes",
    "subnets",
    "disableBgpRoutePropagation",
    "disablePeeringRoute",
    "resourceGuid",
    "provisioningState",
];

pub(super) const ROUTE: &[&str] =
    &["addressPrefix", "nextHopType", "nextHopIpAddress", "nextHop", "hasBgpOverride", "provisioningState"];

pub(super) const PUBLIC_IP: &[&str] = &[
    "ipAddress",
    "publicIPAllocationMethod",
    "publicIPAddressVersion",
    "publicIPPrefix",
    "ipConfiguration",
    "dnsSettings",
    "ddosSettings",
    "ipTags",
    "idleTimeoutInMinutes",
    "servicePublicIPAddress",
    "natGateway",
    "migrationPhase",
    "linkedPublicIPAddress",
    "deleteOption",
    "upgradedToV2",
    "resourceGuid",
    "provisioningState",
];

/// So many unknown keys of one object are reported; a thousand more would say nothing new.
const REPORTED: usize = 20;

/// Reports the keys of `object` that are in none of the lists of `known`. Older versions of Azure's tools print every
/// property that they know, so a key without value says nothing.
pub(super) fn check(object: &Place<'_>, known: &[&[&str]], report: &mut Report) {
    let known = || known.iter().copied().flatten().copied();
    let unknown = |key: &&At<String>| !known().any(|known| known.eq_ignore_ascii_case(&key.value));
    let said = object.node.entries().iter().filter(|entry| entry.value.value != Value::Null);
    let keys = said.map(|entry| &entry.key);
    for key in keys.filter(unknown).take(REPORTED) {
        let message = format!("{object}: there is no property '{}' here", key.value);
        report.push(match diagnostic::nearest(&key.value, known()) {
            Some(near) => Diagnostic::error(codes::UNKNOWN_PROPERTY, &key.at, message)
                .help(format!("did you mean '{near}'?")),
            None => Diagnostic::warning(codes::UNKNOWN_PROPERTY, &key.at, message).help("it is ignored"),
        });
    }
}
