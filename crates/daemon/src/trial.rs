//! What a reload would change: in what the policy means, and for the flows that live.
//!
//! All of it happens on the thread of the peer that asked. The workers only tell their flows, a few at a time between two
//! batches; each is judged here, on an engine of the candidate's own that has seen no packet.

use crate::commands::{Command, Workers};
use crate::desk::Shown;
use crate::figures;
use analysis::Limits;
use answer::{NotAdmitted, Trial};
use explain::{Arrivals, Words};
use packet::Offload;
use packet::parse::SYN;
use pipeline::{Ending, Engine, FlowView, Foreseen, Settings, Shared};
use snapshot::{Attachment, Gateway, Names, Snapshot};
use std::sync::Arc;
use std::time::Instant;

/// The places of a worker's flow table that are looked at in one turn: some ten microseconds.
const PAGE: usize = 256;
/// The most flows that one answer lists.
const MOST: usize = 10_000;

/// A gateway file that was loaded and is not put in force.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) gateway: Gateway,
    pub(crate) attached: Vec<String>,
    pub(crate) detached: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

/// Flows and what is to become of them.
#[derive(Default)]
struct Judged {
    flows: u64,
    refused: u64,
    listed: Vec<NotAdmitted>,
    /// Whether those were all.
    is_all: bool,
}

/// Judges live flows by a candidate; lists at most so many of those that it would not admit, and judges none after then.
///
/// # Errors
/// Where the candidate does not compile, or a worker does not answer.
pub(crate) fn run(
    candidate: Candidate,
    shown: &Shown,
    workers: &Workers,
    (limit, by): (usize, Instant),
) -> Result<Trial, String> {
    let Candidate { gateway, attached, detached, warnings } = candidate;
    let snapshot = Snapshot::build(&gateway, &mut Names::default()).map_err(|errors| errors.join("; "))?;
    let engine = bystander(Arc::new(snapshot), &gateway)?;
    let judged = judge_all(&engine, &gateway, workers, (limit.min(MOST), by))?;
    let policies = views::differences(&shown.gateway, &gateway, &Limits::default());
    let policies = policies.map_err(|error| error.to_string())?;
    Ok(Trial {
        policies,
        flows: judged.listed,
        flows_not_admitted: judged.refused,
        flows_judged: judged.flows,
        all_flows_judged: judged.is_all,
        attached,
        detached,
        warnings,
    })
}

/// An engine that judges first packets and keeps nothing of them.
fn bystander(snapshot: Arc<Snapshot>, gateway: &Gateway) -> Result<Engine, String> {
    let settings = Settings { capacity: 1, seed: [0; 2], worker: 0, workers: 1 };
    let shared = Shared::new(nat::Pools::of([0; 2], gateway.snat_ports), [0; 2]);
    Engine::new(snapshot, settings, shared).map_err(|error| error.to_string())
}

fn judge_all(
    engine: &Engine,
    gateway: &Gateway,
    workers: &Workers,
    (limit, by): (usize, Instant),
) -> Result<Judged, String> {
    let mut judged = Judged { is_all: true, ..Judged::default() };
    for worker in 0..workers.count() {
        let mut next = Some(0);
        while let Some(start) = next {
            if Instant::now() >= by {
                return Ok(Judged { is_all: false, ..judged });
            }
            let page = workers.ask(worker, |reply| Command::Flows { start, limit: PAGE, reply })?;
            next = page.1;
            for flow in &page.0 {
                judged.flows += 1;
                let Some(refused) = judge(engine, gateway, flow) else { continue };
                judged.refused += 1;
                if judged.listed.len() < limit {
                    judged.listed.push(refused);
                }
            }
        }
    }
    Ok(judged)
}

/// Why the first packet of a flow would be dropped; `None` where it would not.
fn judge(engine: &Engine, gateway: &Gateway, flow: &FlowView) -> Option<NotAdmitted> {
    let refused = |reason: &str, denied_by| {
        Some(NotAdmitted { flow: figures::flow(flow), reason: reason.to_owned(), denied_by })
    };
    let is_its = |attachment: &&Attachment| attachment.id == flow.on;
    let Some(attachment) = gateway.attachments.iter().find(is_its) else {
        return refused(pipeline::DropReason::AttachmentGone.slug(), None);
    };
    let key = &flow.initiator;
    let first = Words {
        protocol: flow.protocol,
        source: (key.source.ip(), key.source_port),
        destination: (key.destination.ip(), key.destination_port),
        flags: SYN,
        ttl: u8::MAX,
        size: None,
        dont_fragment: false,
    };
    let (sender, receiver) = Arrivals::macs(attachment);
    let mut frame = first.frame(sender, receiver);
    let Foreseen { ending: Some(Ending::Dropped(reason)), denied_by } =
        engine.foresee(attachment.id, &mut frame, Offload::default())
    else {
        return None;
    };
    let rule = denied_by.and_then(|rule| engine.snapshot().rule_name(rule));
    refused(reason.slug(), rule.map(explain::flow_rule))
}
