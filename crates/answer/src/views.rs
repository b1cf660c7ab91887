//! The views of policy: which rules apply to a network interface, and what they say of a question.

use super::WithoutRule;
use serde::{Deserialize, Serialize};

/// How rules and this gateway treat what goes to the platform's addresses: every view that touches on it says so.
///
/// # Source
/// Azure "Network security groups", *Azure platform considerations*.
pub const PLATFORM_NOTE: &str = "168.63.129.16 and 169.254.169.254 are the platform's: outbound only rules whose destination \
     is AzurePlatformDNS or AzurePlatformIMDS judge what goes there, and what they let pass this gateway drops, as it is not \
     the platform";

/// One NSG that applies to a network interface. An expansion stands here once, however many rules have it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveNsg {
    /// The NSG's resource id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is applied to.
    pub applied_to: AppliedTo,
    /// Its rules, inbound before outbound, each in the order in which they are asked, the default ones included.
    pub rules: Vec<EffectiveRule>,
    /// What the tags and application security groups of its rules hold.
    pub expansions: Vec<Expansion>,
}

/// Where an NSG stands, by resource id.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum AppliedTo {
    /// At a subnet.
    Subnet(String),
    /// At a network interface.
    NetworkInterface(String),
}

impl AppliedTo {
    /// The resource id.
    pub fn id(&self) -> &str {
        match self {
            Self::Subnet(id) | Self::NetworkInterface(id) => id,
        }
    }
}

/// A rule as it takes effect.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EffectiveRule {
    /// The name alone.
    pub name: String,
    /// Whether it is one of the six default rules.
    pub default: bool,
    /// `Tcp`, `Udp`, `Icmp`, `Esp`, `Ah` or `All`.
    pub protocol: String,
    /// The senders.
    pub source: Side,
    /// Their ports, as `n-m`.
    pub source_ports: Vec<String>,
    /// The receivers.
    pub destination: Side,
    /// Their ports, as `n-m`.
    pub destination_ports: Vec<String>,
    /// `Allow` or `Deny`.
    pub access: String,
    /// The priority.
    pub priority: u16,
    /// `Inbound` or `Outbound`.
    pub direction: String,
}

/// One side of a rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    /// Every address.
    Any,
    /// Prefixes.
    Prefixes(Vec<String>),
    /// A service tag, which the expansion of that number names.
    Tag(usize),
    /// Application security groups by name, and the expansion that holds the addresses of their members.
    Groups(Vec<String>, usize),
}

/// What a tag, or some application security groups together, hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Expansion {
    /// The tag.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tag: Option<String>,
    /// The fewest prefixes that hold its addresses.
    pub prefixes: Vec<String>,
}

/// What the rules say of a question: one result of Azure's network configuration diagnostic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// The question.
    pub profile: Profile,
    /// The answer.
    pub network_security_group_result: NsgResult,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// `TCP`, `UDP`, `ICMP` or `*`.
    pub protocol: String,
    /// `*`, an address, a prefix or a service tag.
    pub source: String,
    /// The same of the receivers.
    pub destination: String,
    /// `*`, `n` or `n-m`.
    pub destination_port: String,
}

/// What the NSGs say together.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NsgResult {
    /// `Allow` where every packet that is asked about is allowed, else `Deny`.
    pub security_rule_access_result: String,
    /// Each NSG that was asked, in order.
    pub evaluated_network_security_groups: Vec<EvaluatedNsg>,
    /// A packet that is allowed and one that is denied, where the question holds both. Not in Azure's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub mixed: Option<Mixed>,
    /// What else is worth knowing. Not in Azure's answer.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<String>,
}

/// What one NSG says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EvaluatedNsg {
    /// Its resource id.
    pub network_security_group_id: String,
    /// The resource id of the subnet or network interface.
    pub applied_to: String,
    /// The first rule that holds every packet asked about; `null` where none does, or an earlier one says otherwise of some.
    pub matched_rule: Option<MatchedRule>,
    /// `Allow` or `Deny` where no one rule decides and it says that of every packet all the same. Not in Azure's answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub together: Option<String>,
    /// Each rule that was asked, up to the first that holds every packet.
    pub rules_evaluation_result: Vec<RuleEvaluation>,
}

/// The rule that matched.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MatchedRule {
    /// `UserRule_x` or `DefaultRule_y`.
    pub rule_name: String,
    /// `Allow` or `Deny`.
    pub action: String,
}

/// Which fields of a rule hold every packet asked about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RuleEvaluation {
    /// `UserRule_x` or `DefaultRule_y`.
    pub name: String,
    /// The protocol.
    pub protocol_matched: bool,
    /// The senders.
    pub source_matched: bool,
    /// Their ports; a question names none, so only every port will do.
    pub source_port_matched: bool,
    /// The receivers.
    pub destination_matched: bool,
    /// Their ports.
    pub destination_port_matched: bool,
}

/// Two packets of one question with different fates, in words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mixed {
    /// One that is allowed.
    pub allowed: Witness,
    /// One that is denied.
    pub denied: Witness,
}

/// One packet and the rule that decides over it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// The packet: `Tcp 10.0.1.4:0 > 10.0.2.4:443`.
    pub packet: String,
    /// `UserRule_x` or `DefaultRule_y`; absent where no rule decides.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_name: Option<String>,
    /// Why none does, where a network security group stands there all the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub without_rule: Option<WithoutRule>,
}
