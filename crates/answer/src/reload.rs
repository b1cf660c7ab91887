//! What a reload has done, and what one would change.

use super::{Differences, Flow, FlowRule};
use serde::{Deserialize, Serialize};

/// A reload that was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloaded {
    /// Interfaces attached by it.
    pub attached: Vec<String>,
    /// Interfaces given back by it.
    pub detached: Vec<String>,
    /// Warnings of the file that is now in force.
    pub warnings: Vec<String>,
}

/// What a reload would change.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trial {
    /// What the new policy means beside the one in force.
    #[serde(flatten)]
    pub policies: Differences,
    /// Live flows that the new policy would not admit, the first of them.
    pub flows: Vec<NotAdmitted>,
    /// How many there are of those, as far as flows were judged.
    pub flows_not_admitted: u64,
    /// How many live flows were judged.
    pub flows_judged: u64,
    /// Whether those were all.
    pub all_flows_judged: bool,
    /// Interfaces that would be attached.
    pub attached: Vec<String>,
    /// Interfaces that would be given back.
    pub detached: Vec<String>,
    /// Warnings of the new file.
    pub warnings: Vec<String>,
}

impl Trial {
    /// Whether a reload would change anything of this.
    pub fn is_change(&self) -> bool {
        !self.policies.equal
            || self.flows_not_admitted > 0
            || !self.attached.is_empty()
            || !self.detached.is_empty()
    }
}

/// A live flow that another policy would not admit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotAdmitted {
    /// The flow.
    #[serde(flatten)]
    pub flow: Flow,
    /// Why its first packet would be dropped, as the counters name it.
    pub reason: String,
    /// The rule that would deny it, where one would.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied_by: Option<FlowRule>,
}
