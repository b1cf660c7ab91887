//! Asking the rules that stand before a NIC: its subnet's and its own.

use crate::observer::{Event, Level, Observer};
use crate::snapshot::{Private, Snapshot};
use crate::step::Refusal;
use crate::{Denial, DropReason, RuleId};
use model::{Access, Direction, PublicIpSku};
use packet::FlowKey;
use policy::{Classes, GroupId, Match, Tuple};

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

/// The outbound rules before a sender: its NIC's, then its subnet's.
pub(crate) fn outbound<O: Observer>(
    snapshot: &Snapshot,
    sender: &Private,
    key: &FlowKey,
    rules: &mut Judgement,
    seen: &mut O,
) -> Result<(), Refusal> {
    let classes = snapshot.policy.classes(&Tuple::from(key));
    let nic_group = snapshot.nic(sender.nic).group;
    rules.outbound_nic = judge(snapshot, Direction::Outbound, Level::Nic, sender, nic_group, &classes, seen)?;
    rules.outbound_subnet =
        judge(snapshot, Direction::Outbound, Level::Subnet, sender, sender.subnet_group, &classes, seen)?;
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
    let classes = snapshot.policy.classes(&Tuple::from(key));
    let nic_group = snapshot.nic(receiver.nic).group;
    rules.inbound_subnet =
        judge(snapshot, Direction::Inbound, Level::Subnet, receiver, receiver.subnet_group, &classes, seen)?;
    rules.inbound_nic = judge(snapshot, Direction::Inbound, Level::Nic, receiver, nic_group, &classes, seen)?;
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
    let guarded = receiver.subnet_group.is_some() || snapshot.nic(receiver.nic).group.is_some();
    if !guarded && receiver.sku == PublicIpSku::Standard {
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
    classes: &Classes,
    seen: &mut O,
) -> Result<Option<RuleId>, Denial> {
    let nic = &snapshot.nic(of.nic).name;
    let Some(group) = group else {
        seen.see(Event::Judged { direction, level, nic, by: None });
        return Ok(None);
    };
    let index = match snapshot.policy.first_match(group, direction, classes) {
        Match::Rule(index) => index,
        Match::Platform => {
            seen.see(Event::Platform);
            return Ok(None);
        }
    };
    let access = snapshot.policy.rule(group, direction, index).map_or(Access::Deny, |rule| rule.access);
    let rule = snapshot.rule(group, direction, usize::from(index.0));
    if let Some(name) = rule.and_then(|rule| snapshot.rule_name(rule)) {
        seen.see(Event::Judged { direction, level, nic, by: Some((name, access)) });
    }
    match (access, direction) {
        (Access::Allow, _) => Ok(rule),
        (Access::Deny, Direction::Inbound) => Err(Denial { reason: DropReason::DeniedInbound, rule }),
        (Access::Deny, Direction::Outbound) => Err(Denial { reason: DropReason::DeniedOutbound, rule }),
    }
}
