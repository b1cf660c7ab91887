//! What IP flow verify answers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// IP flow verify: the shape of Azure's answer.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpFlow {
    /// `Allow` or `Deny`.
    pub access: String,
    /// The rule that decided, as `securityRules/x` or `defaultSecurityRules/y`; absent where no NSG applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_name: Option<String>,
    /// The NSG of that rule. Not in Azure's answer, so not printed as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nsg: Option<String>,
    /// Why no rule decided. Not in Azure's answer either.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub without_rule: Option<WithoutRule>,
    /// That a question about every port of the sender is denied for some of them alone. Not in Azure's answer either.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub by_port: Option<ByPort>,
}

impl IpFlow {
    /// What Azure's answer has of it.
    pub fn azures(&self) -> Self {
        Self { nsg: None, without_rule: None, by_port: None, ..self.clone() }
    }
}

/// Two ports of the sender with different verdicts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ByPort {
    /// One from which the packet is denied, by the rule of the answer.
    pub denied: u16,
    /// One from which it is allowed.
    pub allowed: u16,
    /// The rule that allows it, as `securityRules/x` or `defaultSecurityRules/y`; absent where the platform does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule_name: Option<String>,
    /// The NSG of that rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub nsg: Option<String>,
}

impl fmt::Display for ByPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { denied, allowed, rule_name, nsg } = self;
        write!(f, "it depends on the sender's port: from {denied} it is denied, from {allowed} allowed")?;
        match (rule_name, nsg) {
            (Some(rule), Some(nsg)) => write!(f, " by {rule} of {nsg}"),
            (Some(rule), None) => write!(f, " by {rule}"),
            (None, _) => Ok(()),
        }
    }
}

/// Why a verdict has no rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WithoutRule {
    /// No NSG stands before the network interface.
    NoNsg,
    /// The traffic is the platform's own, which no rule judges.
    Platform,
    /// No NSG stands before a Standard public address, which is closed until one opens it.
    SecureByDefault,
}
