//! A walk as it is told.

use crate::Asked;
use crate::earlier::{access, earlier};
use answer::{Deciding, FlowRule, Route, Stage, Walk};
use model::NextHop;
use pipeline::{DropReason, Ending, Explanation, RouteFound};
use snapshot::{Attachment, AttachmentKind, Gateway, RuleName, Snapshot};
use std::net::IpAddr;

/// The engine's walk as an answer; `snapshot` is the policy that it was judged by.
pub fn answer(gateway: &Gateway, snapshot: &Snapshot, asked: &Asked, walk: &Explanation) -> Walk {
    let stages = walk.stages.iter().map(|stage| Stage {
        stage: stage.name.into(),
        outcome: stage.text.clone(),
        allowed_by: stage.allowed_by.iter().map(flow_rule).collect(),
        route: stage.route.as_ref().map(route),
        decided: stage.decided.as_ref().map(|decided| Deciding {
            nsg: decided.name.nsg.to_string(),
            rule: decided.name.azure(),
            access: access(decided.access).into(),
            earlier: earlier(snapshot, decided),
            earlier_rules: u64::from(decided.rule.0),
        }),
    });
    let egress = walk.egress.and_then(|id| gateway.attachments.iter().find(|attachment| attachment.id == id));
    let (allowed, summary) = match (walk.ending, egress) {
        (Some(Ending::Forwarded), Some(to)) => {
            (true, format!("Sent on by {}, {}.", to.interface, role(gateway, to)))
        }
        (Some(Ending::Dropped(reason)), _) => {
            let by = walk.denied_by.as_ref().map(|rule| format!(" {} of {}.", rule.azure(), rule.nsg));
            let why = walk.why.as_deref().unwrap_or(reason.text());
            let rather = (reason == DropReason::NotOurs).then(|| reached_at(gateway, asked.destination));
            (false, format!("{why}{}{}", by.unwrap_or_default(), rather.flatten().unwrap_or_default()))
        }
        (Some(ending), _) => (true, ending.text().into()),
        (None, _) => (true, "Waits for the first fragment of its datagram.".into()),
    };
    Walk {
        packet: asked.packet.clone(),
        number: None,
        from: asked.from.clone(),
        from_because: asked.because.map(Into::into),
        stages: stages.collect(),
        verdict: walk.ending.map_or("waiting", Ending::slug).to_owned(),
        allowed,
        summary,
    }
}

/// Where the internet reaches whoever has a private address: on the wire outside nothing goes to that one.
fn reached_at(gateway: &Gateway, private: IpAddr) -> Option<String> {
    let network = &gateway.network;
    let mut owners = network
        .network_interfaces
        .iter()
        .flat_map(|nic| nic.ip_configurations.iter().map(move |own| (nic, own)))
        .filter(|(_, own)| own.private_address == Some(private));
    let (nic, own) = owners.next()?;
    if owners.next().is_some() {
        return Some(format!(" Several network interfaces have {private} as a private address."));
    }
    let public = own.public_ip.and_then(|index| network.public_ips.get(index.0));
    let reached = match public.map(|public| (public, public.address)) {
        Some((_, Some(address))) => format!("which the internet reaches at {address}: ask for that"),
        Some((public, None)) => format!("whose {} has no known address", public.name),
        None => "which has no public one: test-ip-flow tells what its rules say".to_owned(),
    };
    Some(format!(" {private} is a private address of {}, {reached}.", nic.name))
}

/// The rule that decided over a flow.
pub fn flow_rule(rule: &RuleName) -> FlowRule {
    FlowRule { nsg: rule.nsg.to_string(), rule: rule.rule.to_string() }
}

fn route(found: &RouteFound) -> Route {
    let user = found.user.as_ref();
    Route {
        source: if user.is_some() { "User" } else { "Default" }.into(),
        route_table: user.map(|user| user.table.to_string()),
        name: user.map(|user| user.name.to_string()),
        address_prefix: user.map(|user| user.prefix.to_string()),
        next_hop_type: found.next_hop_type.into(),
        next_hop_ip_address: user.and_then(|user| match user.next_hop {
            NextHop::VirtualAppliance(address) => address,
            _ => None,
        }),
    }
}

/// What an attachment is: `web1-nic`, `vnet1/db`, `internet` or `on-premises`.
pub fn role(gateway: &Gateway, attachment: &Attachment) -> String {
    match &attachment.kind {
        AttachmentKind::Internet { .. } => "internet".into(),
        AttachmentKind::OnPremises { .. } => "on-premises".into(),
        AttachmentKind::Subnet { subnet } => {
            let vnet = gateway.network.virtual_networks.get(subnet.vnet.0);
            let subnet = vnet.and_then(|vnet| Some((vnet, vnet.subnets.get(subnet.subnet)?)));
            subnet.map(|(vnet, subnet)| format!("{}/{}", vnet.name, subnet.name)).unwrap_or_default()
        }
        AttachmentKind::Nic { nic, .. } => {
            gateway.network.network_interfaces.get(nic.0).map(|nic| nic.name.to_string()).unwrap_or_default()
        }
    }
}
