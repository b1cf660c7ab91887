//! The questions of policy, as Azure's CLI takes them.

use super::Profile;
use serde::{Deserialize, Serialize};

/// What IP flow verify is asked, as Azure's CLI takes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// The network interface, by name or resource id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The virtual machine that it belongs to; enough where that has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// `Inbound` or `Outbound`.
    pub direction: String,
    /// `TCP` or `UDP`.
    pub protocol: String,
    /// The network interface's end, `IP:PORT`.
    pub local: String,
    /// The other end, `IP:PORT`.
    pub remote: String,
}

/// What the network configuration diagnostic is asked, as Azure's CLI takes it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Diagnostic {
    /// The network interface, by name or resource id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nic: Option<String>,
    /// The virtual machine that it belongs to; enough where that has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<String>,
    /// The question itself.
    pub profile: Profile,
    /// How much of each NSG is told.
    #[serde(default)]
    pub verbosity: Verbosity,
}

/// How much a diagnostic tells of each NSG.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum Verbosity {
    /// The rule that matched.
    Minimum,
    /// Each rule up to that one.
    #[default]
    Normal,
    /// Every rule.
    Full,
}
