//! What would happen to a packet now, told stage by stage.

use crate::engine::Engine;
use crate::observer::{Decider, Event, Level, Observer, RouteKind, Silent};
use crate::path::{key_of, walk};
use crate::snapshot::{Snapshot, StandIn};
use crate::step::{Came, Refusal, Step};
use crate::{Denial, Ending, IcmpError, RuleId, RuleName};
use flow::Side;
use model::{Access, Direction};
use packet::{Address, AttachmentId, FlowKey, Frame, Offload, Packet};
use policy::{GroupId, RuleIndex, Tuple};

/// One stage of a packet's walk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// A short name, stable for machines.
    pub name: &'static str,
    /// What was found, for people.
    pub text: String,
    /// The rule that decided, where one did.
    pub decided: Option<Decided>,
}

/// The rule of an NSG that decided at a stage, and what it was asked: enough to ask the other rules of that NSG.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// Which way.
    pub direction: Direction,
    /// The rule.
    pub name: RuleName,
    /// What it says.
    pub access: Access,
    /// Its NSG in the policy of the snapshot that explained.
    pub group: GroupId,
    /// Its place there.
    pub rule: RuleIndex,
    /// The packet as the rules see it.
    pub tuple: Tuple,
}

/// How a packet would end, in short.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Foreseen {
    /// As [`Explanation::ending`].
    pub ending: Option<Ending>,
    /// The rule that would deny it.
    pub denied_by: Option<RuleId>,
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

    /// How a frame would end if it came in now, without the words of [`Self::explain`].
    ///
    /// # Cost
    /// A walk, as in [`Self::receive`].
    pub fn foresee(&self, on: AttachmentId, bytes: &mut [u8], offload: Offload) -> Foreseen {
        match walk(&self.world(Came::Received), on, &Frame { bytes, offload }, &mut Silent) {
            Ok(step) => Foreseen { ending: ending_of(&step), denied_by: None },
            Err(Refusal { denial, .. }) => {
                Foreseen { ending: Some(Ending::Dropped(denial.reason)), denied_by: denial.rule }
            }
        }
    }

    /// What the far end of a live flow sends that arrives as `packet` behind `on`, where the flow was begun: the answer
    /// before its way back through the translation.
    pub fn answer_of(&self, on: AttachmentId, packet: &Packet) -> Option<FlowKey> {
        let scope = self.snapshot().link(on)?.scope;
        let (flow, side) = self.flows.find(&key_of(scope, packet).reversed())?;
        let keys = self.flows.flow(flow)?.keys;
        (side == Side::Initiator).then_some(keys.responder)
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
        self.stages.push(Stage { name: "verdict", text: denial.reason.text().into(), decided: None });
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
        let decided = match &event {
            Event::Judged { direction, by: Some(by), .. } => Some(Decided {
                direction: *direction,
                name: by.name.clone(),
                access: by.access,
                group: by.group,
                rule: by.rule,
                tuple: *by.tuple,
            }),
            _ => None,
        };
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
            Event::Snat { public, port, stand_in } => ("translation", translated(public, port, stand_in)),
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
        self.stages.push(Stage { name, text, decided });
    }
}

fn describe(packet: &Packet) -> String {
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

fn judged(level: Level, nic: &str, by: Option<Decider<'_>>) -> String {
    let place = match level {
        Level::Nic => nic.to_string(),
        Level::Subnet => format!("the subnet of {nic}"),
    };
    match by {
        None => format!("no NSG at {place}: allowed"),
        Some(Decider { name: rule, access, .. }) => {
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

fn translated(public: Address, port: u16, stand_in: Option<StandIn>) -> String {
    match stand_in {
        None => format!("the source becomes {public}:{port}"),
        Some(StandIn::PublicIpAddress) => {
            "the source becomes that of its public IP address, which the documents do not tell".into()
        }
        Some(StandIn::DefaultOutboundAccess) => {
            format!(
                "the source becomes port {port} of Azure's default outbound access, whose address the documents do not tell"
            )
        }
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
