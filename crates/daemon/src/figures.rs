//! From what the data path counts to what people read.

use crate::commands::Report;
use answer::{AttachmentStatus, Drop, Ending, Flow, SnatPool, Tuple, Usage, WorkerStatus};
use explain::{flow_rule, role};
use flow::State;
use io::Statistics;
use model::Direction;
use packet::{AttachmentId, FlowKey};
use pipeline::{Count, Counters, DropReason, FlowView};
use snapshot::{Attachment, Gateway, Snapshot};
use std::collections::HashMap;
use std::net::IpAddr;

/// What all workers have counted together.
pub(crate) fn sum(reports: &[Report]) -> Counters {
    let mut sum = Counters::default();
    reports.iter().for_each(|report| sum.add(&report.counters));
    sum
}

/// What has been counted on each attachment, over all workers.
pub(crate) fn links(reports: &[Report]) -> HashMap<AttachmentId, Statistics> {
    let mut links: HashMap<AttachmentId, Statistics> = HashMap::new();
    for (id, counted) in reports.iter().flat_map(|report| &report.links) {
        *links.entry(*id).or_default() += *counted;
    }
    links
}

/// One worker.
pub(crate) fn worker(number: usize, report: &Report) -> WorkerStatus {
    let counters = &report.counters;
    let (handed_over, taken_over) = counters.handed();
    let lost = counters.ended(pipeline::Ending::Dropped(DropReason::HandOffFull));
    WorkerStatus {
        worker: number as u64,
        received: counters.received.packets,
        ended: counters.total().packets,
        flows: usage(report.flows),
        handed_over: handed_over.packets,
        taken_over: taken_over.packets,
        lost_between: lost.packets,
    }
}

/// Every drop that happened, those by a rule with the rule.
pub(crate) fn drops(counters: &Counters, snapshot: &Snapshot) -> Vec<Drop> {
    let mut drops = Vec::new();
    for (ending, count) in counters.endings() {
        let pipeline::Ending::Dropped(reason) = ending else { continue };
        let direction = match reason {
            DropReason::DeniedInbound => Some(Direction::Inbound),
            DropReason::DeniedOutbound => Some(Direction::Outbound),
            _ => None,
        };
        let mut rest = count;
        for (id, by_rule) in counters.rules() {
            let Some(rule) = snapshot.rule_name(id).filter(|rule| Some(rule.direction) == direction) else {
                continue;
            };
            let (nsg, name) = (Some(rule.nsg.to_string()), Some(rule.rule.to_string()));
            drops.push(drop_of(reason, nsg, name, by_rule));
            rest.packets = rest.packets.saturating_sub(by_rule.packets);
            rest.bytes = rest.bytes.saturating_sub(by_rule.bytes);
        }
        if rest.packets > 0 {
            drops.push(drop_of(reason, None, None, rest));
        }
    }
    drops
}

fn drop_of(reason: DropReason, nsg: Option<String>, rule: Option<String>, count: Count) -> Drop {
    Drop { reason: reason.slug().into(), nsg, rule, packets: count.packets, bytes: count.bytes }
}

/// Every ending that happened.
pub(crate) fn endings(counters: &Counters) -> Vec<Ending> {
    let happened = counters.endings().filter(|(_, count)| count.packets > 0);
    happened
        .map(|(ending, count)| Ending {
            ending: ending.slug().into(),
            meaning: ending.text().into(),
            packets: count.packets,
            bytes: count.bytes,
        })
        .collect()
}

/// One interface.
pub(crate) fn attachment(
    gateway: &Gateway,
    attachment: &Attachment,
    statistics: Option<Statistics>,
    missing: bool,
) -> AttachmentStatus {
    let counted = statistics.unwrap_or_default();
    AttachmentStatus {
        interface: attachment.interface.to_string(),
        role: role(gateway, attachment),
        state: if missing || statistics.is_none() { "missing" } else { "attached" }.into(),
        received: counted.received,
        sent: counted.sent,
        ring_drops: counted.ring_drops,
        broken: counted.truncated.saturating_add(counted.malformed),
        foreign: counted.foreign,
        send_failures: counted.send_failures.saturating_add(counted.refused),
    }
}

/// One live flow.
pub(crate) fn flow(view: &FlowView) -> Flow {
    let (initiator, responder) = (tuple(&view.initiator), tuple(&view.responder));
    // What the responder answers to is what the initiator's packets say when they leave.
    let translated = Tuple {
        source: responder.destination,
        source_port: responder.destination_port,
        destination: responder.source,
        destination_port: responder.source_port,
    };
    Flow {
        protocol: view.protocol.to_string(),
        initiator,
        responder,
        translated: (translated != initiator).then_some(translated),
        state: state(view.state).into(),
        age_seconds: view.age.as_secs(),
        idle_seconds: view.idle.as_secs(),
        sent_packets: view.sent.packets,
        sent_bytes: view.sent.bytes,
        received_packets: view.answered.packets,
        received_bytes: view.answered.bytes,
        rules: view.rules.iter().map(flow_rule).collect(),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::SynSent => "syn-sent",
        State::SynReceived => "syn-received",
        State::Established => "established",
        State::FinWait => "fin-wait",
        State::Closing => "closing",
        State::Closed => "closed",
    }
}

fn tuple(key: &FlowKey) -> Tuple {
    Tuple {
        source: key.source.ip(),
        source_port: key.source_port,
        destination: key.destination.ip(),
        destination_port: key.destination_port,
    }
}

/// One SNAT pool.
pub(crate) fn pool(usage: &nat::Usage) -> SnatPool {
    SnatPool {
        public_ip: usage.key.public,
        protocol: usage.key.protocol.to_string(),
        destination: IpAddr::V4(usage.key.destination),
        used: usage.used as u64,
        capacity: usage.capacity as u64,
    }
}

/// How much of something is in use.
pub(crate) fn usage((used, capacity): (usize, usize)) -> Usage {
    Usage { used: used as u64, capacity: capacity as u64 }
}
