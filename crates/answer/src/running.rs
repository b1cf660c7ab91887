//! What the daemon says of itself: its state, its counters, its SNAT ports and its flows.

use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr};

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
