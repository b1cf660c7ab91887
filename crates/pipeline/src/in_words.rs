//! What is found on a packet's walk, in words.

use crate::explain::Whose;
use crate::observer::{Decider, RouteKind};
use crate::{DropReason, IcmpError};
use model::{Access, Direction};
use packet::{Address, FlowKey, Packet};
use snapshot::{Level, RuleName, UserRoute};

/// The packet itself.
pub(crate) fn describe(packet: &Packet) -> String {
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

/// The stage at which an NSG is asked.
pub(crate) fn stage_of(direction: Direction, level: Level) -> &'static str {
    match (direction, level) {
        (Direction::Outbound, Level::Nic) => "outbound-nic",
        (Direction::Outbound, Level::Subnet) => "outbound-subnet",
        (Direction::Inbound, Level::Subnet) => "inbound-subnet",
        (Direction::Inbound, Level::Nic) => "inbound-nic",
    }
}

/// What the rules of one level said.
pub(crate) fn judged(level: Level, nic: &str, by: Option<Decider<'_>>) -> String {
    let place = place(level, nic);
    match by {
        None => format!("no NSG at {place}: allowed"),
        Some(Decider { name: rule, access, .. }) => {
            let verb = if access == Access::Allow { "allowed" } else { "denied" };
            format!("{verb} at {place} by {} of {}", rule.azure(), rule.nsg)
        }
    }
}

/// That only rules with the platform's tags are asked, and none denied.
pub(crate) fn passes(level: Level, nic: &str, rule: Option<&RuleName>) -> String {
    let nsg = rule.map_or("its NSG", |rule| &rule.nsg);
    format!(
        "allowed at {}: the platform's own traffic, which only rules of {nsg} with its tags could deny",
        place(level, nic)
    )
}

fn place(level: Level, nic: &str) -> String {
    match level {
        Level::Nic => nic.to_string(),
        Level::Subnet => format!("the subnet of {nic}"),
    }
}

/// The live flow, and the rules that allowed it when it began.
pub(crate) fn flow_found(key: &FlowKey, allowed_by: &[RuleName]) -> String {
    let rules: Vec<String> =
        allowed_by.iter().map(|rule| format!("{} of {}", rule.azure(), rule.nsg)).collect();
    let by = match rules.as_slice() {
        [] => "before which no NSG stood when it began".into(),
        rules => format!("which {} allowed when it began", rules.join(" and ")),
    };
    format!("a live flow has the tuple {key}, {by}")
}

/// The route: the user's by name, the system's by its next hop alone.
pub(crate) fn routed(kind: RouteKind<'_>, to: Address, user: Option<&UserRoute>) -> String {
    let of = |word: &str, nic: Option<&str>| match nic {
        Some(nic) => format!("{word}: {nic}"),
        None => format!("{word}, where no network interface has {to}"),
    };
    if let (RouteKind::None, Some(user)) = (kind, user) {
        return format!("user-defined {user}, where nobody has the private or reserved {to}");
    }
    let by = match kind {
        RouteKind::VnetLocal(nic) => of("VnetLocal", nic),
        RouteKind::VNetPeering(nic) => of("VNetPeering", nic),
        RouteKind::VirtualNetworkGateway => "VirtualNetworkGateway".into(),
        RouteKind::Internet => "Internet".into(),
        RouteKind::Hairpin(nic) => {
            format!("Internet, which is back in: the public address belongs to {nic}")
        }
        RouteKind::None => {
            format!(
                "None: nobody has {to}, which is private or reserved, in this virtual network, in its peers or behind its gateway"
            )
        }
        RouteKind::Nowhere if policy::PLATFORM.iter().any(|own| to.ip() == *own) => {
            return format!("none leads to {to}, which is the platform's own");
        }
        RouteKind::Nowhere => return format!("none leads to {to}, which is link-local"),
        RouteKind::UserDefined => {
            return user.map_or_else(|| "a user-defined route".into(), |user| format!("user-defined {user}"));
        }
    };
    match user {
        Some(user) => format!("{by}, by the user-defined {user}"),
        None => by,
    }
}

/// Where a route leads, in Azure's words.
pub(crate) fn next_hop_type(kind: RouteKind<'_>, user: Option<&UserRoute>) -> Option<&'static str> {
    match kind {
        RouteKind::VnetLocal(_) => Some("VnetLocal"),
        RouteKind::VNetPeering(_) => Some("VNetPeering"),
        RouteKind::VirtualNetworkGateway => Some("VirtualNetworkGateway"),
        RouteKind::Internet | RouteKind::Hairpin(_) => Some("Internet"),
        RouteKind::None => Some(user.map_or("None", |user| user.next_hop.name())),
        RouteKind::UserDefined => user.map(|user| user.next_hop.name()),
        RouteKind::Nowhere => None,
    }
}

/// What a user's route does to the packet, or to the answers to it.
pub(crate) fn why_user_defined(reason: DropReason, whose: Whose, route: &UserRoute) -> String {
    let what = match whose {
        Whose::Packet => "it",
        Whose::Answers => "the answers to it",
        Whose::Reserved => {
            return format!(
                "A user-defined route leads it where nobody has this private or reserved address. {route}."
            );
        }
    };
    match reason {
        DropReason::RouteNone => format!("A user-defined route drops {what}. {route}."),
        _ => format!(
            "A user-defined route leads {what} to a next hop that nsgate gives nothing to yet. {route}."
        ),
    }
}

/// What the sender hears.
pub(crate) fn told(error: IcmpError) -> String {
    match error {
        IcmpError::TimeExceeded => "the sender is told: ICMP time exceeded".into(),
        IcmpError::Prohibited => "the sender is told: ICMP administratively prohibited".into(),
        IcmpError::TooBig { mtu } => {
            format!("the sender is told: too big, the link carries {mtu} bytes")
        }
    }
}
