//! The codes that diagnostics carry.
//!
//! Azure's own where one is known, so that a search for it finds Azure's help; ours where none is, which the
//! docstring says.

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $code:literal;)*) => {$(
        $(#[$doc])+
        pub const $name: &str = $code;
    )*};
}

// Of any resource.
codes! {
    /// A name that Azure's grammar of names refuses.
    INVALID_RESOURCE_NAME = "InvalidResourceName";
    /// Two resources of one type, or two children of one resource, with one name.
    DUPLICATE_RESOURCE_NAME = "DuplicateResourceName";
    /// A reference to a resource that is not there.
    INVALID_RESOURCE_REFERENCE = "InvalidResourceReference";
    /// A child resource whose parent is not there.
    PARENT_RESOURCE_NOT_FOUND = "ParentResourceNotFound";
    /// Ours: a reference by name that several resources answer to.
    AMBIGUOUS_RESOURCE_REFERENCE = "AmbiguousResourceReference";
    /// Ours: white space around a value.
    SURROUNDING_WHITESPACE = "SurroundingWhitespace";
    /// An address prefix that is not in CIDR notation.
    INVALID_ADDRESS_PREFIX_FORMAT = "InvalidAddressPrefixFormat";
    /// An address prefix with bits set beyond its length.
    INVALID_CIDR_NOTATION = "InvalidCIDRNotation";
    /// Ours: an address that is none.
    INVALID_IP_ADDRESS_FORMAT = "InvalidIPAddressFormat";
    /// Ours: something that a document asks for and nsgate does not do.
    NOT_HONOURED = "NotHonoured";
}

// Of security rules and their groups.
codes! {
    /// A priority outside its range.
    SECURITY_RULE_INVALID_PRIORITY = "SecurityRuleInvalidPriority";
    /// Two rules with the same priority and direction.
    SECURITY_RULE_CONFLICT = "SecurityRuleConflict";
    /// A port that is neither `*`, a port nor a range.
    SECURITY_RULE_INVALID_PORT_RANGE = "SecurityRuleInvalidPortRange";
    /// An address that is neither `*`, an address, a prefix nor a known tag.
    SECURITY_RULE_INVALID_ADDRESS_PREFIX = "SecurityRuleInvalidAddressPrefix";
    /// `*` or a tag in a list of prefixes.
    SECURITY_RULE_UNSUPPORTED_VALUE = "SecurityRuleParameterContainsUnsupportedValue";
    /// Prefixes of one list that overlap.
    OVERLAPPING_PREFIXES = "OverlappingSubnetsNotPermittedInSecurityRule";
    /// Neither address nor group, or no port.
    SECURITY_RULE_PARAMETERS_MISSING = "SecurityRuleParametersMissing";
    /// Ours: two of the fields that exclude each other.
    SECURITY_RULE_PARAMETER_CONFLICT = "SecurityRuleParameterConflict";
    /// IPv4 and IPv6 in one rule.
    DIFFERENT_ADDRESS_FAMILIES = "ResourceCannotContainAddressPrefixesFromDifferentAddressFamilies";
    /// Too many rules in one group.
    SECURITY_RULE_COUNT_LIMIT = "SecurityRuleCountLimitReached";
    /// Too many addresses or ports in one group.
    ADDRESSES_OR_PORTS_LIMIT = "SecurityRuleAddressesOrPortsPerSecurityGroupLimitReached";
    /// Too many application security groups on one side of a rule.
    ASGS_IN_RULE_LIMIT = "NumberOfApplicationSecurityGroupsReferencedInSecurityRuleLimitReached";
    /// Ours: too many application security groups in the rules of one group.
    ASGS_IN_GROUP_LIMIT = "NumberOfApplicationSecurityGroupsReferencedInSecurityGroupLimitReached";
    /// Application security groups of one rule with members in different virtual networks.
    ASGS_OF_DIFFERENT_VNETS = "AllApplicationSecurityGroupsInSecurityRuleMustBeFromSameVnet";
    /// A tag that may only be denied.
    SECURITY_RULE_INVALID_ACCESS_TYPE = "SecurityRuleInvalidAccessType";
    /// Ours: a description that is too long.
    SECURITY_RULE_INVALID_DESCRIPTION = "SecurityRuleInvalidDescription";
    /// Ours: ports in a rule whose protocol has none.
    PORTS_WITHOUT_MEANING = "SecurityRulePortsIgnored";
    /// Ours: a tag in its old spelling.
    CLASSIC_SERVICE_TAG = "ClassicServiceTag";
    /// Ours: a tag that the published file does not list for NSGs.
    SERVICE_TAG_NOT_FOR_NSG = "ServiceTagNotUsableInSecurityRule";
}

// What is valid and hardly meant; all of them are ours.
codes! {
    /// A rule about a machine's own public address, which no rule sees.
    OWN_PUBLIC_ADDRESS = "SecurityRuleNamesPublicAddress";
    /// A rule that denies an address of the platform, which it does not judge.
    PLATFORM_ADDRESS_DENIED = "SecurityRuleDeniesPlatformAddress";
    /// A rule that denies where the load balancer's health probes come from.
    HEALTH_PROBES_DENIED = "SecurityRuleDeniesHealthProbes";
    /// A rule about an application security group without members.
    ASG_EMPTY = "ApplicationSecurityGroupEmpty";
    /// A rule about an application security group whose members no packet there can be of.
    ASG_OUT_OF_REACH = "ApplicationSecurityGroupOutOfReach";
    /// A network security group that judges nobody.
    SECURITY_GROUP_NOT_ATTACHED = "NetworkSecurityGroupNotAttached";
    /// Routes that put every address of a family into VirtualNetwork.
    VIRTUAL_NETWORK_HOLDS_EVERYTHING = "VirtualNetworkTagHoldsEverything";
}

// Of route tables.
codes! {
    /// Two routes of one table with the same prefix.
    ROUTE_CONFLICT = "RouteConflict";
    /// Ours: too many routes in one table.
    ROUTE_COUNT_LIMIT = "RouteCountLimitReached";
    /// Ours: too many routes in one table whose prefix is a service tag.
    SERVICE_TAG_ROUTE_COUNT_LIMIT = "ServiceTagRouteCountLimitReached";
    /// Ours: more prefixes in VirtualNetwork, by the routes of many subnets, than it is computed with.
    ROUTE_PREFIXES_LIMIT = "RoutePrefixesLimitReached";
    /// Ours: a route to a virtual appliance that does not say to which.
    NEXT_HOP_ADDRESS_MISSING = "RouteNextHopIpAddressMissing";
    /// Ours: the address of a next hop that has none.
    NEXT_HOP_ADDRESS_NOT_ALLOWED = "RouteNextHopIpAddressNotAllowed";
    /// Ours: a next hop whose address is of another family than the prefix.
    NEXT_HOP_ADDRESS_VERSION = "RouteNextHopIpAddressVersion";
    /// Ours: a tag that the published file does not list for routes.
    SERVICE_TAG_NOT_FOR_ROUTES = "ServiceTagNotUsableInRoute";
}

// Of virtual networks, network interfaces and public addresses.
codes! {
    /// Ours: a virtual network without an address space.
    ADDRESS_SPACE_MISSING = "VnetAddressSpaceMissing";
    /// Ours: an address space that takes in addresses of the platform.
    ADDRESS_SPACE_NOT_ALLOWED = "VnetAddressSpaceNotAllowed";
    /// Address spaces that overlap, of one virtual network or of two that are peered.
    ADDRESS_SPACES_OVERLAP = "VnetAddressSpacesOverlap";
    /// A subnet without prefix, or of a size that Azure refuses.
    INVALID_SUBNET = "NetcfgInvalidSubnet";
    /// A subnet outside the address space.
    SUBNET_OUTSIDE_VNET = "NetcfgSubnetRangeOutsideVnet";
    /// Two subnets that overlap.
    SUBNETS_OVERLAP = "NetcfgSubnetRangesOverlap";
    /// Ours: more subnets than a virtual network may have.
    SUBNET_COUNT_LIMIT = "SubnetCountLimitReached";
    /// Ours: more peerings than a virtual network may have.
    PEERING_COUNT_LIMIT = "PeeringCountLimitReached";
    /// A peering with a virtual network that another peer's address space overlaps.
    PEERS_OVERLAP = "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet";
    /// Two peerings of one virtual network with the same other one.
    PEERED_TWICE = "AnotherPeeringAlreadyReferencesRemoteVnet";
    /// Ours: a peering of a virtual network with itself.
    PEERED_WITH_ITSELF = "PeeringWithItself";
    /// Ours: a peering that carries nothing, because its other half is missing or one of both says so.
    PEERING_NOT_CONNECTED = "PeeringNotConnected";
    /// Ours: a peering that is in force for a part of the other's address space.
    PEERING_NOT_IN_SYNC = "PeeringNotInSync";
    /// Ours: gateways of several other networks, or of one that does not share its own.
    REMOTE_GATEWAYS = "PeeringRemoteGateways";
    /// Ours: a network interface without an IP configuration.
    IP_CONFIGURATION_MISSING = "NetworkInterfaceIpConfigurationMissing";
    /// Ours: an IP configuration without a subnet.
    SUBNET_MISSING = "IpConfigurationSubnetMissing";
    /// IP configurations of one network interface in different virtual networks.
    SUBNETS_NOT_IN_SAME_VNET = "SubnetsNotInSameVnet";
    /// IP configurations of one network interface in several subnets.
    IP_CONFIGURATIONS_IN_DIFFERENT_SUBNETS = "IpConfigurationsOnSameNicCannotUseDifferentSubnets";
    /// Ours: more or fewer than one primary IP configuration.
    PRIMARY_IP_CONFIGURATION = "NetworkInterfacePrimaryIpConfiguration";
    /// A private address outside its subnet.
    ADDRESS_NOT_IN_SUBNET = "PrivateIPAddressNotInSubnet";
    /// A private address that Azure keeps for itself.
    ADDRESS_IN_RESERVED_RANGE = "PrivateIPAddressInReservedRange";
    /// A private address given twice.
    ADDRESS_IS_ALLOCATED = "PrivateIPAddressIsAllocated";
    /// A public address used twice.
    PUBLIC_ADDRESS_IN_USE = "PublicIPAddressInUse";
    /// Ours: a private address of another family than its IP configuration.
    ADDRESS_VERSIONS_DIFFER = "IPAddressVersionsDiffer";
    /// A public address of another family than its IP configuration.
    PUBLIC_ADDRESS_VERSION = "IPVersionForPublicIpAndNicIpConfigurationMustMatch";
    /// A public address of the SKU Standard that is allocated dynamically.
    STANDARD_MUST_BE_STATIC = "StandardSkuPublicIPAddressesMustBeStatic";
    /// IPv4 configurations of one network interface in different groups.
    ASGS_OF_IP_CONFIGURATIONS_DIFFER = "AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups";
    /// Ours: too many groups on one IP configuration.
    ASGS_OF_IP_CONFIGURATION_LIMIT = "ApplicationSecurityGroupsPerIpConfigurationLimitReached";
    /// Ours: too many members in one group.
    ASG_MEMBERS_LIMIT = "IpConfigurationsPerApplicationSecurityGroupLimitReached";
    /// Ours: members of one group in different virtual networks.
    ASG_MEMBERS_OF_DIFFERENT_VNETS = "ApplicationSecurityGroupMembersMustBeFromSameVnet";
}
