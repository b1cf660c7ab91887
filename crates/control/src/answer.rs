//! What the daemon and the offline commands answer: one set of shapes for JSON, for the tables and for the socket.

mod differences;
mod replayed;
mod views;

pub use differences::{Difference, Differences, Incomplete, OneSided, ReachChange, Reached, Region};
pub use replayed::{Decision, Example, NotJudged, Redecided, Replayed};
pub use views::{
    AppliedTo, Diagnosis, EffectiveNsg, EffectiveRule, EvaluatedNsg, Expansion, MatchedRule, Mixed,
    NsgResult, PLATFORM_NOTE, Profile, RuleEvaluation, Side, Witness,
};

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

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

/// What the daemon is doing.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The daemon's version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// The gateway file it runs on.
    pub config: String,
    /// Seconds since packets began to flow.
    pub uptime_seconds: u64,
    /// Worker threads.
    pub workers: u16,
    /// Reloads done, refused, and why the last one was refused.
    pub reloads: Reloads,
    /// The published service tags in force; absent where the gateway file names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tags: Option<TagsInForce>,
    /// What the daemon has given up.
    pub confinement: Confinement,
    /// Flow records.
    pub flows: Usage,
    /// SNAT ports leased, over all public addresses, protocols and destinations.
    pub snat_ports_used: u64,
    /// Frames that wait for a neighbour's hardware address or for their first fragment.
    pub frames_waiting: u64,
    /// Each worker.
    pub each_worker: Vec<WorkerStatus>,
    /// Each interface.
    pub attachments: Vec<AttachmentStatus>,
    /// Every way a packet ended, with its counter; endings that never happened are left out.
    pub endings: Vec<Ending>,
}

/// What the daemon has given up after its start.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confinement {
    /// Whether every thread has a list of system calls, any other of which kills the process.
    pub seccomp: bool,
    /// How far the kernel keeps the threads from files.
    pub landlock: Landlock,
    /// The capabilities of the main thread; the others have none.
    pub capabilities: Vec<String>,
}

/// How far Landlock is in force.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Landlock {
    /// The kernel has none.
    #[default]
    Absent,
    /// The kernel has an older one, which enforces some of the rules.
    Partly,
    /// All of it.
    Enforced,
}

/// The history of reloads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reloads {
    /// How many were done.
    pub done: u64,
    /// How many were refused.
    pub refused: u64,
    /// Why the last one was refused; absent after one that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<String>,
}

/// The published service tags in force, and the file that they are from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagsInForce {
    /// The file.
    pub file: String,
    /// Its cloud; absent where it does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<String>,
    /// Its number.
    pub change_number: u64,
    /// How many tags it has.
    pub tags: u64,
    /// When it was read, in UTC.
    pub taken_at: String,
    /// Why a later version was not taken; absent where the file is in force as it is now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_refusal: Option<TagsRefused>,
}

/// A version of the file of service tags that was not taken.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TagsRefused {
    /// When, in UTC.
    pub at: String,
    /// Why.
    pub why: String,
}

/// How much of something bounded is in use.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// In use.
    pub used: u64,
    /// The most there can be.
    pub capacity: u64,
}

/// One worker. Of all together, frames received are those that ended, those that wait, and those handed over and
/// neither taken over nor lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerStatus {
    /// Its number.
    pub worker: u64,
    /// Frames received.
    pub received: u64,
    /// Frames that ended here.
    pub ended: u64,
    /// Its flow records.
    pub flows: Usage,
    /// Frames handed over to the worker that owns their flow.
    pub handed_over: u64,
    /// Frames taken over from another worker.
    pub taken_over: u64,
    /// Of those handed over, the ones for which the owner's queue had no room; they are among those that ended.
    pub lost_between: u64,
}

/// One interface.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachmentStatus {
    /// The Linux interface.
    pub interface: String,
    /// What it is: the name of a network interface, or `internet`.
    pub role: String,
    /// `attached`, or `missing` while the interface is away.
    pub state: String,
    /// Frames received and judged.
    pub received: u64,
    /// Frames sent, the gateway's own included.
    pub sent: u64,
    /// Frames that the kernel dropped because the ring was full.
    pub ring_drops: u64,
    /// Frames that were longer than a slot of the ring, or whose description made no sense.
    pub broken: u64,
    /// Frames for another machine's hardware address.
    pub foreign: u64,
    /// Frames that could not be sent: packets, which are dropped as `not-sent`, their pieces, and the gateway's own.
    pub send_failures: u64,
}

/// One way packets ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The ending's name.
    pub ending: String,
    /// What it means, in one English line.
    pub meaning: String,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What was dropped for one reason and, where a rule did it, by one rule.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drop {
    /// The reason's name.
    pub reason: String,
    /// The NSG, where a rule denied.
    pub nsg: Option<String>,
    /// The rule, where one denied.
    pub rule: Option<String>,
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// SNAT ports of one public address, protocol and destination.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnatPool {
    /// The public address.
    pub public_ip: Ipv4Addr,
    /// The transport protocol.
    pub protocol: String,
    /// The destination address.
    pub destination: IpAddr,
    /// Ports in use.
    pub used: u64,
    /// Ports there are.
    pub capacity: u64,
}

/// One page of live flows.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowPage {
    /// The flows.
    pub flows: Vec<Flow>,
    /// Where the next page begins; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// One live flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// The transport protocol.
    pub protocol: String,
    /// The tuple as the initiator's packets arrive.
    pub initiator: Tuple,
    /// The tuple as the responder's packets arrive.
    pub responder: Tuple,
    /// The tuple as the initiator's packets leave, where they are translated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translated: Option<Tuple>,
    /// The state of the connection.
    pub state: String,
    /// Seconds since the first packet.
    pub age_seconds: u64,
    /// Seconds since the last packet.
    pub idle_seconds: u64,
    /// From the initiator.
    pub sent_packets: u64,
    /// From the initiator.
    pub sent_bytes: u64,
    /// From the responder.
    pub received_packets: u64,
    /// From the responder.
    pub received_bytes: u64,
    /// The rules that allowed it, in the order they were asked.
    pub rules: Vec<FlowRule>,
}

/// A source and a destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tuple {
    /// The sender.
    pub source: IpAddr,
    /// Its port. Of an ICMP query the end that asks has the identifier and the other the query's type.
    pub source_port: u16,
    /// The receiver.
    pub destination: IpAddr,
    /// Its port, likewise.
    pub destination_port: u16,
}

/// A rule that allowed a flow.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FlowRule {
    /// The NSG.
    pub nsg: String,
    /// The rule.
    pub rule: String,
}

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
