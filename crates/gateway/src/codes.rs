//! The codes of the gateway file's own errors; those of the network it names are Azure's.

/// Not YAML, or a key twice in one mapping.
pub(crate) const INVALID_YAML: &str = "InvalidYaml";
/// A key that means nothing here.
pub(crate) const UNKNOWN_KEY: &str = "UnknownKey";
/// A key, or a value of it, whose feature comes later.
pub(crate) const NOT_BUILT_YET: &str = "NotBuiltYet";
/// A key that must be there.
pub(crate) const MISSING_KEY: &str = "MissingKey";
/// A value of another type, or outside what is allowed.
pub(crate) const INVALID_VALUE: &str = "InvalidValue";
/// Two keys that exclude each other.
pub(crate) const CONTRADICTION: &str = "Contradiction";
/// A file that cannot be read.
pub(crate) const FILE: &str = document::codes::UNREADABLE_FILE;
/// A network interface that the network does not have.
pub(crate) const UNKNOWN_NIC: &str = "UnknownNetworkInterface";
/// One network interface on two Linux interfaces.
pub(crate) const DUPLICATE_NIC: &str = "NetworkInterfaceAttachedTwice";
/// A subnet that the network does not have.
pub(crate) const UNKNOWN_SUBNET: &str = "UnknownSubnet";
/// One subnet on two Linux interfaces.
pub(crate) const DUPLICATE_SUBNET: &str = "SubnetAttachedTwice";
/// A segment that nobody is on.
pub(crate) const EMPTY_SEGMENT: &str = "SegmentWithoutNetworkInterfaces";
/// A rule about neighbours whom the gateway does not see talk.
pub(crate) const NEIGHBOURS_UNSEEN: &str = "NeighboursUnseen";
/// A virtual network that the network does not have.
pub(crate) const UNKNOWN_VNET: &str = "UnknownVirtualNetwork";
/// An on-premises attachment.
pub(crate) const ON_PREMISES: &str = "OnPremisesAttachment";
/// One Linux interface in two attachments.
pub(crate) const DUPLICATE_INTERFACE: &str = "InterfaceAttachedTwice";
/// A Linux interface that cannot be attached.
pub(crate) const INTERFACE: &str = "InterfaceNotUsable";
/// A link that carries less than IPv6 needs.
pub(crate) const NARROW: &str = "LinkTooNarrowForIpv6";
/// A Linux interface that the host does not have.
pub(crate) const INTERFACE_MISSING: &str = "InterfaceMissing";
/// The private address of an attachment.
pub(crate) const ADDRESS: &str = "AttachmentAddress";
/// Members of an application security group that have no private address.
pub(crate) const MEMBER_WITHOUT_ADDRESS: &str = "ApplicationSecurityGroupMemberWithoutAddress";
/// A public address without a value.
pub(crate) const PUBLIC_ADDRESS_MISSING: &str = "PublicAddressMissing";
/// An address of the host where it would bypass the NSGs.
pub(crate) const HOST_ADDRESS: &str = "HostAddressBypassesRules";
/// The default public address.
pub(crate) const DEFAULT_PUBLIC_IP: &str = "DefaultPublicIp";
/// The ports of translated flows.
pub(crate) const OUTBOUND_PORTS: &str = "OutboundPorts";
/// The internet attachment.
pub(crate) const INTERNET: &str = "InternetAttachment";
/// No attachment where one is needed.
pub(crate) const NO_ATTACHMENTS: &str = "NoAttachments";
/// A policy that does not fit into its tables.
pub(crate) const POLICY: &str = "PolicyTooLarge";
/// A key that a reload cannot change.
pub(crate) const NEEDS_A_START: &str = "NeedsAStart";
/// Service tags of another cloud than those in force.
pub(crate) const SERVICE_TAGS_CLOUD: &str = "ServiceTagsOfAnotherCloud";
/// Service tags with a lower number than those in force.
pub(crate) const SERVICE_TAGS_OLDER: &str = "ServiceTagsOlder";
