//! Live flows as people see them.

use crate::Judgement;
use crate::engine::Engine;
use flow::FlowId;
use packet::{AttachmentId, FlowKey, Protocol, Time};
use snapshot::RuleName;
use std::time::Duration;

/// A live flow, for people.
#[derive(Clone, Debug)]
pub struct FlowView {
    /// The protocol.
    pub protocol: Protocol,
    /// Where the initiator's packets come in.
    pub on: AttachmentId,
    /// The tuple as the initiator sends it.
    pub initiator: FlowKey,
    /// The tuple as the responder sends it.
    pub responder: FlowKey,
    /// Where it stands.
    pub state: flow::State,
    /// How long it has lived.
    pub age: Duration,
    /// How long it has been silent.
    pub idle: Duration,
    /// How long until it dies of silence.
    pub remaining: Duration,
    /// What the initiator sent.
    pub sent: flow::Counters,
    /// What the responder sent.
    pub answered: flow::Counters,
    /// The rules that allowed it, in the order in which they were asked.
    pub rules: Vec<RuleName>,
}

impl Engine {
    /// Live flows from place `start` on, looking at no more than `limit` places; and where to go on, if there is more.
    pub fn flows(&self, now: Time, start: usize, limit: usize) -> (Vec<FlowView>, Option<usize>) {
        let (page, next) = self.flows.page(start, limit);
        let views = page.map(|flow| FlowView {
            protocol: flow.keys.initiator.protocol,
            on: flow.action.hops[1].egress,
            initiator: flow.keys.initiator,
            responder: flow.keys.responder,
            state: flow.state,
            age: now.since(flow.created),
            idle: now.since(flow.last_seen),
            remaining: flow.deadline.since(now),
            sent: flow.sent.initiator,
            answered: flow.sent.responder,
            rules: self.names_of(flow.action.rules),
        });
        (views.collect(), next)
    }

    /// The rules that allowed a live flow, in the order in which they were asked.
    pub(crate) fn allowed_by(&self, flow: FlowId) -> Vec<RuleName> {
        self.flows.get(flow).map(|action| self.names_of(action.rules)).unwrap_or_default()
    }

    fn names_of(&self, rules: Judgement) -> Vec<RuleName> {
        let Judgement { outbound_nic, outbound_subnet, inbound_subnet, inbound_nic } = rules;
        let rules = [outbound_nic, outbound_subnet, inbound_subnet, inbound_nic].into_iter().flatten();
        rules.filter_map(|rule| self.snapshot.rule_name(rule).cloned()).collect()
    }
}
