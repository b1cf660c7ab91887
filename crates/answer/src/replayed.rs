//! What replaying flow logs and captures comes to.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What a policy decides over what was recorded.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// Packets, or flows that began, over which the policy decided.
    pub judged: u64,
    /// Those of them that it allows.
    pub allowed: u64,
    /// Those of them that it denies.
    pub denied: u64,
    /// Those of them that were decided as before.
    pub same: u64,
    /// Those of these that another rule decides now.
    pub same_by_other_rule: u64,
    /// Those that were decided differently.
    pub different: u64,
    /// Entries of flow logs that tell how a flow goes on or ends; they are not judged.
    pub continuing: u64,
    /// What could not be judged, by reason.
    pub not_judged: Vec<NotJudged>,
    /// Those of them that were decided before, or are by one of two policies, which is a difference too.
    pub one_sided: u64,
    /// What differs in some way that is not among `differences`, because these are too many.
    pub not_listed: u64,
    /// What differs, in groups; those whose decision is the same and whose rule is another come last.
    pub differences: Vec<Redecided>,
}

/// Why something was not judged, and how often.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotJudged {
    /// The reason's name.
    pub reason: String,
    /// What it means, in one English line.
    pub meaning: String,
    /// How many.
    pub count: u64,
}

/// Packets or flows that one decision replaces another for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redecided {
    /// The network interface, or where a packet comes in.
    pub place: String,
    /// `Inbound` or `Outbound`; absent for a packet, which may meet both kinds of rules.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub direction: Option<String>,
    /// What was decided; absent for a capture that is held against nothing.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub was: Option<Decision>,
    /// What is decided now.
    pub now: Decision,
    /// How many.
    pub count: u64,
    /// When the first was, in seconds since 1970.
    pub first: f64,
    /// When the last was.
    pub last: f64,
    /// Some of them.
    pub examples: Vec<Example>,
}

/// A decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// `Allow` or `Deny`.
    pub access: String,
    /// The NSG of the rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nsg: Option<String>,
    /// The rule, as `securityRules/x` or `defaultSecurityRules/y`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// Why, where no rule decided, as the counters name it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// One packet, or one flow that began.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    /// When, in seconds since 1970.
    pub time: f64,
    /// Where it stands: `file:line`, or `file#number` for a packet.
    pub at: String,
    /// The protocol.
    pub protocol: String,
    /// The sender.
    pub source: IpAddr,
    /// Its port.
    pub source_port: u16,
    /// The receiver.
    pub destination: IpAddr,
    /// Its port.
    pub destination_port: u16,
}
