//! What becomes of one packet, stage by stage.

use super::FlowRule;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The walk of one packet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Walk {
    /// The packet as it came in.
    pub packet: String,
    /// Its place in the capture that it is from, from 1.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub number: Option<u64>,
    /// Where it came in.
    pub from: String,
    /// Why there, where nobody said so.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_because: Option<String>,
    /// Each stage in the packet's order.
    pub stages: Vec<Stage>,
    /// The ending in short: `forwarded`, or the reason of the drop, as the counters name it.
    pub verdict: String,
    /// Whether the packet goes on.
    pub allowed: bool,
    /// The ending in one English line.
    pub summary: String,
}

/// One stage of a walk.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stage {
    /// The stage's name.
    pub stage: String,
    /// What happened there.
    pub outcome: String,
    /// The rules that allowed the live flow that was found, in the order in which they were asked.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub allowed_by: Vec<FlowRule>,
    /// The route that was found.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub route: Option<Route>,
    /// The rule of an NSG that decided, where one did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub decided: Option<Deciding>,
}

/// A route, in the words of Azure's effective routes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Route {
    /// `User`, or `Default` for one of the system's.
    pub source: String,
    /// The route table of a user's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub route_table: Option<String>,
    /// The name of a user's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// The prefix by which a user's holds the address.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address_prefix: Option<String>,
    /// `VnetLocal`, `VNetPeering`, `VirtualNetworkGateway`, `VirtualAppliance`, `Internet` or `None`.
    pub next_hop_type: String,
    /// The address of a virtual appliance.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next_hop_ip_address: Option<IpAddr>,
}

/// The rule of an NSG that decided over a packet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deciding {
    /// The NSG.
    pub nsg: String,
    /// The rule, as `securityRules/x` or `defaultSecurityRules/y`.
    pub rule: String,
    /// `Allow` or `Deny`.
    pub access: String,
    /// How many rules of the NSG were looked at before it and did not match.
    pub earlier_rules: u64,
    /// These rules, those first that came nearest; at most a thousand.
    pub earlier: Vec<Earlier>,
}

/// A rule that was looked at and did not match.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Earlier {
    /// The rule, as `securityRules/x` or `defaultSecurityRules/y`.
    pub rule: String,
    /// Its priority.
    pub priority: u16,
    /// What it says of packets that match.
    pub access: String,
    /// How many of its five fields held the packet.
    pub matched: u8,
    /// The first field that did not.
    pub field: String,
    /// What the packet has there; `none` where it has no ports.
    pub packet: String,
    /// What the rule asks for there.
    pub says: String,
}
