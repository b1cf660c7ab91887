//! What would happen to a packet now, told stage by stage.

use crate::engine::Engine;
use crate::observer::{Event, Level, Observer, RouteKind, Silent};
use crate::path::walk;
use crate::snapshot::Snapshot;
use crate::step::{Came, Refusal, Step};
use crate::{Denial, Ending, IcmpError, RuleName};
use model::{Access, Direction};
use packet::{AttachmentId, Frame, Offload};

/// One stage of a packet's walk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// A short name, stable for machines.
    pub name: &'static str,
    /// What was found, for people.
    pub text: String,
}

/// A packet's walk and its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The stages in order.
    pub stages: Vec<Stage>,
    /// How it would end; `None` where it would wait for its first fragment, or be handed over.
    pub ending: Option<Ending>,
    /// The rule that denied, if a rule did.
    pub denied_by: Option<RuleName>,
    /// Where it would leave.
    pub egress: Option<AttachmentId>,
    /// What its sender would be told.
    pub told: Option<IcmpError>,
    /// The worker that has the flow, or would have it, if it is another: it can be asked with
    /// [`Engine::explain_taken_over`], and its answer is the one that counts.
    pub hand_over: Option<usize>,
}

impl Engine {
    /// Walks a frame along the packet's path and tells what it finds; changes nothing.
    ///
    /// The code is the data path's own, so the verdict is the one that the frame would get if it came in now.
    pub fn explain(&self, on: AttachmentId, bytes: &mut [u8], offload: Offload) -> Explanation {
        self.explain_as(on, &Frame { bytes, offload }, Came::Received)
    }

    /// [`Self::explain`] for a frame that another worker would hand over to this one.
    pub fn explain_taken_over(&self, on: AttachmentId, bytes: &mut [u8], offload: Offload) -> Explanation {
        self.explain_as(on, &Frame { bytes, offload }, Came::HandedOver)
    }

    /// How a frame would end if it came in now, and the rule that would deny it: [`Self::explain`] without its stages.
    ///
    /// # Cost
    /// That of a packet.
    pub fn foresee(
        &self,
        on: AttachmentId,
        bytes: &mut [u8],
        offload: Offload,
    ) -> (Option<Ending>, Option<RuleName>) {
        match walk(&self.world(Came::Received), on, &Frame { bytes, offload }, &mut Silent) {
            Ok(step) => (ending_of(&step), None),
            Err(Refusal { denial, .. }) => {
                let rule = denial.rule.and_then(|rule| self.snapshot().rule_name(rule).cloned());
                (Some(Ending::Dropped(denial.reason)), rule)
            }
        }
    }

    fn explain_as(&self, on: AttachmentId, frame: &Frame<'_>, came: Came) -> Explanation {
        let mut recorder = Recorder { snapshot: self.snapshot(), stages: Vec::new(), egress: None };
        let result = walk(&self.world(came), on, frame, &mut recorder);
        let Recorder { stages, egress, .. } = recorder;
        let nothing =
            Explanation { stages, ending: None, denied_by: None, egress: None, told: None, hand_over: None };
        match result {
            Ok(Step::HandOver { worker, .. }) => Explanation { hand_over: Some(worker), ..nothing },
            Ok(step) => Explanation { ending: ending_of(&step), egress, ..nothing },
            Err(Refusal { denial, tell, .. }) => Explanation {
                ending: Some(Ending::Dropped(denial.reason)),
                denied_by: denial.rule.and_then(|rule| self.snapshot().rule_name(rule).cloned()),
                told: tell,
                ..nothing
            }
            .with_verdict(&denial),
        }
    }
}

fn ending_of(step: &Step) -> Option<Ending> {
    match step {
        Step::WhoHas(_) | Step::Ignore => Some(Ending::Consumed),
        Step::Echo(_) => Some(Ending::Answered),
        Step::PassToHost | Step::HostFragment(_) => Some(Ending::PassedToHost),
        Step::Hold(_) | Step::HandOver { .. } => None,
        // With the port that is given up here it goes, once it is back at its home.
        Step::GiveUp { .. } => Some(Ending::Forwarded),
        Step::Follow { .. } | Step::Known { .. } | Step::Related { .. } | Step::First { .. } => {
            Some(Ending::Forwarded)
        }
    }
}

impl Explanation {
    fn with_verdict(mut self, denial: &Denial) -> Self {
        self.stages.push(Stage { name: "verdict", text: denial.reason.text().into() });
        self
    }
}

/// Writes down what it sees.
struct Recorder<'a> {
    snapshot: &'a Snapshot,
    stages: Vec<Stage>,
    egress: Option<AttachmentId>,
}

impl Observer for Recorder<'_> {
    fn see(&mut self, event: Event<'_>) {
        let (name, text) = match event {
            Event::Read(packet) => ("packet", describe(packet)),
            Event::SourceBelongs => ("source", "the source address belongs to this attachment".into()),
            Event::FlowFound(key) => ("flow", format!("a live flow has the tuple {key}")),
            Event::FlowMissing(key) => ("flow", format!("no live flow has the tuple {key}: a first packet")),
            Event::OfWorker(worker) => ("worker", format!("worker {worker} has the flow, or would have it")),
            Event::Judged { direction, level, nic, by } => {
                (stage_of(direction, level), judged(level, nic, by))
            }
            Event::Platform => {
                ("platform", "the platform's own traffic: only a rule with its tag could deny it".into())
            }
            Event::Routed(kind) => ("route", routed(kind)),
            Event::OneToOne(public) => {
                ("translation", format!("the source becomes {public}, ports untouched"))
            }
            Event::Snat { public, port } => ("translation", format!("the source becomes {public}:{port}")),
            Event::Inward { private, nic } => {
                ("translation", format!("the destination becomes {private}, {nic}"))
            }
            Event::Leaves(on) => {
                self.egress = Some(on);
                let kind = self.snapshot.link(on).map_or("attachment", |link| link.kind());
                ("egress", format!("leaves by the {kind}"))
            }
            Event::Told(error) => ("answer", told(error)),
        };
        self.stages.push(Stage { name, text });
    }
}

fn describe(packet: &packet::Packet) -> String {
    let (from, to) = packet.ports();
    let ports = if packet.protocol.has_ports() { format!(", ports {from} > {to}") } else { String::new() };
    format!(
        "{} {} > {}{ports}, TTL {}, {} bytes",
        packet.protocol,
        packet.source,
        packet.destination,
        packet.ttl,
        packet.length()
    )
}

fn stage_of(direction: Direction, level: Level) -> &'static str {
    match (direction, level) {
        (Direction::Outbound, Level::Nic) => "outbound-nic",
        (Direction::Outbound, Level::Subnet) => "outbound-subnet",
        (Direction::Inbound, Level::Subnet) => "inbound-subnet",
        (Direction::Inbound, Level::Nic) => "inbound-nic",
    }
}

fn judged(level: Level, nic: &str, by: Option<(&RuleName, Access)>) -> String {
    let place = match level {
        Level::Nic => nic.to_string(),
        Level::Subnet => format!("the subnet of {nic}"),
    };
    match by {
        None => format!("no NSG at {place}: allowed"),
        Some((rule, access)) => {
            let verb = if access == Access::Allow { "allowed" } else { "denied" };
            format!("{verb} at {place} by {} of {}", rule.azure(), rule.nsg)
        }
    }
}

fn routed(kind: RouteKind<'_>) -> String {
    match kind {
        RouteKind::VnetLocal(nic) => format!("VnetLocal: {nic}"),
        RouteKind::VNetPeering(nic) => format!("VNetPeering: {nic}"),
        RouteKind::VirtualNetworkGateway => "VirtualNetworkGateway".into(),
        RouteKind::Internet => "Internet".into(),
        RouteKind::Hairpin(nic) => format!("Internet, which is back in: the public address belongs to {nic}"),
        RouteKind::Nowhere => "None".into(),
    }
}

fn told(error: IcmpError) -> String {
    match error {
        IcmpError::TimeExceeded => "the sender is told: ICMP time exceeded".into(),
        IcmpError::Prohibited => "the sender is told: ICMP administratively prohibited".into(),
        IcmpError::TooBig { mtu } => {
            format!("the sender is told: too big, the link carries {mtu} bytes")
        }
    }
}
