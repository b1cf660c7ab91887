//! The codes of the gateway file's own errors; those of the network it names are Azure's.

/// Not YAML, or a key twice in one mapping.
pub(super) const INVALID_YAML: &str = "InvalidYaml";
/// A key that means nothing here.
pub(super) const UNKNOWN_KEY: &str = "UnknownKey";
/// A key, or a value of it, whose feature comes later.
pub(super) const NOT_BUILT_YET: &str = "NotBuiltYet";
/// A key that must be there.
pub(super) const MISSING_KEY: &str = "MissingKey";
/// A value of another type, or outside what is allowed.
pub(super) const INVALID_VALUE: &str = "InvalidValue";
/// Two keys that exclude each other.
pub(super) const CONTRADICTION: &str = "Contradiction";
/// A file that cannot be read.
pub(super) const FILE: &str = arm::codes::UNREADABLE_FILE;
/// A network interface that the network does not have.
pub(super) const UNKNOWN_NIC: &str = "UnknownNetworkInterface";
/// One network interface on two Linux interfaces.
pub(super) const DUPLICATE_NIC: &str = "NetworkInterfaceAttachedTwice";
/// A subnet that the network does not have.
pub(super) const UNKNOWN_SUBNET: &str = "UnknownSubnet";
/// One subnet on two Linux interfaces.
pub(super) const DUPLICATE_SUBNET: &str = "SubnetAttachedTwice";
/// A segment that nobody is on.
pub(super) const EMPTY_SEGMENT: &str = "SegmentWithoutNetworkInterfaces";
/// A rule about neighbours whom the gateway does not see talk.
pub(super) const NEIGHBOURS_UNSEEN: &str = "NeighboursUnseen";
/// A virtual network that the network does not have.
pub(super) const UNKNOWN_VNET: &str = "UnknownVirtualNetwork";
/// An on-premises attachment.
pub(super) const ON_PREMISES: &str = "OnPremisesAttachment";
/// One Linux interface in two attachments.
pub(super) const DUPLICATE_INTERFACE: &str = "InterfaceAttachedTwice";
/// A Linux interface that cannot be attached.
pub(super) const INTERFACE: &str = "InterfaceNotUsable";
/// A Linux interface that the host does not have.
pub(super) const INTERFACE_MISSING: &str = "InterfaceMissing";
/// The private address of an attachment.
pub(super) const ADDRESS: &str = "AttachmentAddress";
/// A public address without a value.
pub(super) const PUBLIC_ADDRESS_MISSING: &str = "PublicAddressMissing";
/// An address of the host where it would bypass the NSGs.
pub(super) const HOST_ADDRESS: &str = "HostAddressBypassesRules";
/// The default public address.
pub(super) const DEFAULT_PUBLIC_IP: &str = "DefaultPublicIp";
/// The ports of translated flows.
pub(super) const OUTBOUND_PORTS: &str = "OutboundPorts";
/// The internet attachment.
pub(super) const INTERNET: &str = "InternetAttachment";
/// No attachment where one is needed.
pub(super) const NO_ATTACHMENTS: &str = "NoAttachments";
/// A policy that does not fit into its tables.
pub(super) const POLICY: &str = "PolicyTooLarge";
/// A key that a reload cannot change.
pub(super) const NEEDS_A_START: &str = "NeedsAStart";
