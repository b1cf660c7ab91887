//! Asking the rules that stand before a NIC: its subnet's and its own.

use crate::observer::{Decider, Event, Observer};
use crate::step::Refusal;
use crate::{Denial, DropReason};
use model::{Access, Direction, PublicIpSku};
use packet::FlowKey;
use policy::{Classes, GroupId, Match, Tuple};
use snapshot::{Guards, Level, Private, RuleId, Snapshot};

/// The rules that allowed a flow, at the levels where an NSG stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Judgement {
    /// Outbound, at the initiator's NIC.
    pub outbound_nic: Option<RuleId>,
    /// Outbound, at the initiator's subnet.
    pub outbound_subnet: Option<RuleId>,
    /// Inbound, at the responder's subnet.
    pub inbound_subnet: Option<RuleId>,
    /// Inbound, at the responder's NIC.
    pub inbound_nic: Option<RuleId>,
}

/// A packet as the rules are asked about it.
struct Asked {
    tuple: Tuple,
    classes: Classes,
}

impl Asked {
    fn new(snapshot: &Snapshot, key: &FlowKey) -> Self {
        let tuple = Tuple::from(key);
        Self { classes: snapshot.policy.classes(&tuple), tuple }
    }
}

/// The outbound rules before a sender: its NIC's, then its subnet's.
pub(crate) fn outbound<O: Observer>(
    snapshot: &Snapshot,
    sender: &Private,
    key: &FlowKey,
    rules: &mut Judgement,
    seen: &mut O,
) -> Result<(), Refusal> {
    let asked = Asked::new(snapshot, key);
    let Guards { nic, subnet } = sender.guards;
    rules.outbound_nic = judge(snapshot, Direction::Outbound, Level::Nic, sender, nic, &asked, seen)?;
    rules.outbound_subnet =
        judge(snapshot, Direction::Outbound, Level::Subnet, sender, subnet, &asked, seen)?;
    Ok(())
}

/// The inbound rules before a receiver: its subnet's, then its NIC's.
pub(crate) fn inbound<O: Observer>(
    snapshot: &Snapshot,
    receiver: &Private,
    key: &FlowKey,
    rules: &mut Judgement,
    seen: &mut O,
) -> Result<(), Refusal> {
    let asked = Asked::new(snapshot, key);
    let Guards { nic, subnet } = receiver.guards;
    rules.inbound_subnet =
        judge(snapshot, Direction::Inbound, Level::Subnet, receiver, subnet, &asked, seen)?;
    rules.inbound_nic = judge(snapshot, Direction::Inbound, Level::Nic, receiver, nic, &asked, seen)?;
    Ok(())
}

/// The same for what comes by a public address: a Standard one is closed where no NSG stands at all.
///
/// # Source
/// Azure "Public IP addresses", *SKU*: secure by default.
pub(crate) fn inbound_from_internet<O: Observer>(
    snapshot: &Snapshot,
    receiver: &Private,
    key: &FlowKey,
    rules: &mut Judgement,
    seen: &mut O,
) -> Result<(), Refusal> {
    inbound(snapshot, receiver, key, rules, seen)?;
    if receiver.guards.is_none() && receiver.sku == PublicIpSku::Standard {
        return Err(DropReason::SecureByDefault.into());
    }
    Ok(())
}

/// Asks the rules of one level; `Ok(None)` where no NSG stands there or the platform's own traffic passes it.
fn judge<O: Observer>(
    snapshot: &Snapshot,
    direction: Direction,
    level: Level,
    of: &Private,
    group: Option<GroupId>,
    asked: &Asked,
    seen: &mut O,
) -> Result<Option<RuleId>, Denial> {
    let nic = &snapshot.nic(of.nic).name;
    let Some(group) = group else {
        seen.see(Event::Judged { direction, level, nic, by: None });
        return Ok(None);
    };
    let index = match snapshot.policy.first_match(group, direction, &asked.classes) {
        Match::Rule(index) => index,
        Match::Platform => {
            seen.see(Event::Platform { level, nic, group });
            return Ok(None);
        }
    };
    let access = snapshot.policy.rule(group, direction, index).map_or(Access::Deny, |rule| rule.access);
    let rule = snapshot.rule(group, direction, usize::from(index.0));
    if let Some(name) = rule.and_then(|rule| snapshot.rule_name(rule)) {
        let decider = Decider { name, access, group, rule: index, tuple: &asked.tuple };
        seen.see(Event::Judged { direction, level, nic, by: Some(decider) });
    }
    match (access, direction) {
        (Access::Allow, _) => Ok(rule),
        (Access::Deny, Direction::Inbound) => Err(Denial { reason: DropReason::DeniedInbound, rule }),
        (Access::Deny, Direction::Outbound) => Err(Denial { reason: DropReason::DeniedOutbound, rule }),
    }
}
