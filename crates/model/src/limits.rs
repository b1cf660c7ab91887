//! Azure's limits; what exceeds one is refused, never cut off.
//!
//! # Source
//! Azure "Azure subscription and service limits", *Networking limits*.

use std::ops::RangeInclusive;

/// The priorities a user's rule may have.
pub const PRIORITIES: RangeInclusive<u16> = 100..=4096;
/// Rules in one NSG, the six default ones not counted.
pub const RULES_PER_SECURITY_GROUP: usize = 1000;
/// Addresses, or ports, in one field of all rules of one NSG together.
pub const ADDRESSES_OR_PORTS_PER_SECURITY_GROUP: usize = 4000;
/// Application security groups on one side of one rule.
pub const ASGS_PER_RULE_SIDE: usize = 10;
/// Different application security groups in all rules of one NSG.
pub const ASGS_PER_SECURITY_GROUP: usize = 100;
/// Application security groups of one IP configuration.
pub const ASGS_PER_IP_CONFIGURATION: usize = 20;
/// Members of one application security group.
pub const IP_CONFIGURATIONS_PER_ASG: usize = 4000;
/// Subnets in one virtual network.
pub const SUBNETS_PER_VNET: usize = 3000;
/// Peerings of one virtual network.
pub const PEERINGS_PER_VNET: usize = 500;
/// Routes in one route table.
pub const ROUTES_PER_TABLE: usize = 400;
/// Routes in one route table whose prefix is a service tag.
pub const SERVICE_TAG_ROUTES_PER_TABLE: usize = 25;
/// Characters in a rule's description.
pub const DESCRIPTION_CHARACTERS: usize = 140;
/// Characters in a name.
pub const NAME_CHARACTERS: usize = 80;
/// The longest prefix an IPv4 subnet may have.
pub const SUBNET_LONGEST_PREFIX_V4: u8 = 29;
/// The only prefix length an IPv6 subnet may have.
pub const SUBNET_PREFIX_V6: u8 = 64;
/// Addresses at the start of a subnet that Azure keeps; it keeps the last one too.
pub const RESERVED_FIRST_ADDRESSES: u128 = 4;
