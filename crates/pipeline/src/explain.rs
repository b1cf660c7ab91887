//! What would happen to a packet now, told stage by stage.

use crate::engine::Engine;
use crate::in_words::{
    describe, flow_found, judged, next_hop_type, passes, routed, stage_of, told, translated, why_user_defined,
};
use crate::observer::{Event, Observer, RouteKind, Silent};
use crate::path::{key_of, walk};
use crate::step::{Came, Refusal, Step};
use crate::{DropReason, Ending, IcmpError};
use flow::Side;
use model::{Access, Direction};
use packet::{AttachmentId, FlowKey, Frame, Offload, Packet};
use policy::{GroupId, RuleIndex, Tuple};
use snapshot::{RuleId, RuleName, Snapshot, UserRoute};

/// One stage of a packet's walk.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Stage {
    /// A short name, stable for machines.
    pub name: &'static str,
    /// What was found, for people.
    pub text: String,
    /// The rule that decided, where one did.
    pub decided: Option<Decided>,
    /// The rules that allowed the live flow that was found, in the order in which they were asked.
    pub allowed_by: Vec<RuleName>,
    /// The route that was found.
    pub route: Option<RouteFound>,
}

/// A route and where it leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RouteFound {
    /// The user's; `None` where it is one of the system's.
    pub user: Option<UserRoute>,
    /// In Azure's words, as `VnetLocal`.
    pub next_hop_type: &'static str,
}

/// The rule of an NSG that decided at a stage, and what it was asked: enough to ask the other rules of that NSG.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
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
    /// Why it is dropped, in a sentence: that of the reason, or where it is known more exactly.
    pub why: Option<String>,
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
        let mut recorder = Recorder { engine: self, stages: Vec::new(), egress: None, kept_back: None };
        let result = walk(&self.world(came), on, frame, &mut recorder);
        let Recorder { stages, egress, kept_back, .. } = recorder;
        let nothing = Explanation {
            stages,
            ending: None,
            denied_by: None,
            why: None,
            egress: None,
            told: None,
            hand_over: None,
        };
        match result {
            Ok(Step::HandOver { worker, .. }) => Explanation { hand_over: Some(worker), ..nothing },
            Ok(step) => Explanation { ending: ending_of(&step), egress, ..nothing },
            Err(Refusal { denial, tell, .. }) => Explanation {
                ending: Some(Ending::Dropped(denial.reason)),
                denied_by: denial.rule.and_then(|rule| self.snapshot().rule_name(rule).cloned()),
                told: tell,
                ..nothing
            }
            .with_verdict(why(denial.reason, kept_back)),
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
    fn with_verdict(mut self, why: String) -> Self {
        self.stages.push(Stage { name: "verdict", text: why.clone(), ..Stage::default() });
        Self { why: Some(why), ..self }
    }
}

/// A drop's reason; of one by a route, which route.
fn why(reason: DropReason, kept_back: Option<(Whose, UserRoute)>) -> String {
    match (reason, kept_back) {
        (DropReason::RouteNone | DropReason::RouteElsewhere, Some((whose, route))) => {
            why_user_defined(reason, whose, &route)
        }
        (DropReason::RouteNone, None) => {
            "The system's route is None: this private or reserved address is neither the virtual network's, nor a \
             peer's, nor behind the gateway."
                .into()
        }
        _ => reason.text().into(),
    }
}

/// What a user's route keeps back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whose {
    /// The packet.
    Packet,
    /// What the receiver would answer.
    Answers,
    /// The packet, to a private or reserved address that nobody has where it leads.
    Reserved,
}

/// Writes down what it sees.
struct Recorder<'a> {
    engine: &'a Engine,
    stages: Vec<Stage>,
    egress: Option<AttachmentId>,
    /// The user's route by which it goes no further.
    kept_back: Option<(Whose, UserRoute)>,
}

impl Observer for Recorder<'_> {
    fn see(&mut self, event: Event<'_>) {
        let stage = self.stage(event);
        self.stages.push(stage);
    }
}

impl Recorder<'_> {
    fn stage(&mut self, event: Event<'_>) -> Stage {
        let snapshot: &Snapshot = self.engine.snapshot();
        let (name, text) = match event {
            Event::Read(packet) => ("packet", describe(packet)),
            Event::SourceBelongs => ("source", "the source address belongs to this attachment".into()),
            Event::FlowFound(key, flow) => {
                let allowed_by = self.engine.allowed_by(flow);
                let text = flow_found(key, &allowed_by);
                return Stage { name: "flow", text, allowed_by, ..Stage::default() };
            }
            Event::FlowMissing(key) => ("flow", format!("no live flow has the tuple {key}: a first packet")),
            Event::OfWorker(worker) => ("worker", format!("worker {worker} has the flow, or would have it")),
            Event::Judged { direction, level, nic, by } => {
                let decided = by.as_ref().map(|by| Decided {
                    name: by.name.clone(),
                    access: by.access,
                    group: by.group,
                    rule: by.rule,
                    tuple: *by.tuple,
                });
                let (name, text) = (stage_of(direction, level), judged(level, nic, by));
                return Stage { name, text, decided, ..Stage::default() };
            }
            Event::Platform { level, nic, group } => {
                let rule = snapshot.rule(group, Direction::Outbound, 0).and_then(|it| snapshot.rule_name(it));
                (stage_of(Direction::Outbound, level), passes(level, nic, rule))
            }
            Event::Routed { from, to, kind } => {
                let user = from.and_then(|from| snapshot.user_route(from, to));
                let text = routed(kind, to, user.as_ref());
                let whose = match kind {
                    RouteKind::UserDefined => Some(Whose::Packet),
                    RouteKind::None => Some(Whose::Reserved),
                    _ => None,
                };
                self.kept_back = whose.zip(user.clone());
                let next_hop_type = next_hop_type(kind, user.as_ref());
                let route = next_hop_type.map(|next_hop_type| RouteFound { user, next_hop_type });
                return Stage { name: "route", text, route, ..Stage::default() };
            }
            Event::AnswersElsewhere { from, to } => {
                let user = snapshot.user_route(from, to);
                let text = routed(RouteKind::UserDefined, to, user.as_ref());
                let next_hop_type = next_hop_type(RouteKind::UserDefined, user.as_ref());
                self.kept_back = user.clone().map(|route| (Whose::Answers, route));
                let route = next_hop_type.map(|next_hop_type| RouteFound { user, next_hop_type });
                return Stage { name: "route-of-answers", text, route, ..Stage::default() };
            }
            Event::OneToOne(public) => {
                ("translation", format!("the source becomes {public}, ports untouched"))
            }
            Event::Snat { public, port, stand_in } => ("translation", translated(public, port, stand_in)),
            Event::Inward { private, nic } => {
                ("translation", format!("the destination becomes {private}, {nic}"))
            }
            Event::Leaves(on) => {
                self.egress = Some(on);
                let kind = snapshot.link(on).map_or("attachment", |link| link.kind());
                ("egress", format!("leaves by the {kind}"))
            }
            Event::Told(error) => ("answer", told(error)),
        };
        Stage { name, text, ..Stage::default() }
    }
}
