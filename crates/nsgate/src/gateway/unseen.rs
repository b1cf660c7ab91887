//! The warnings about rules between neighbours of one segment.

use super::codes;
use model::{Diagnostic, Direction, Location};
use packet::AttachmentId;
use pipeline::{Snapshot, Unseen};

/// A warning for each rule that denies something between two network interfaces of one segment: these talk to each
/// other without the gateway.
pub fn unseen_rules(snapshot: &Snapshot, segments: &[(AttachmentId, Location)]) -> Vec<Diagnostic> {
    let of = |(id, at): &(AttachmentId, Location)| {
        let unseen = snapshot.unseen_rules(*id);
        unseen.into_iter().map(|unseen| warning(&unseen, at)).collect::<Vec<_>>()
    };
    segments.iter().flat_map(of).collect()
}

fn warning(unseen: &Unseen, at: &Location) -> Diagnostic {
    let Unseen { rule, direction, from, to, packet } = unseen;
    let direction = match direction {
        Direction::Inbound => "inbound",
        Direction::Outbound => "outbound",
    };
    let port = packet.destination_port.map(|port| format!(" port {port}")).unwrap_or_default();
    let message = format!(
        "rule {} of {} denies {direction} {} {} > {}{port}, and {from} and {to} reach each other here without the gateway",
        rule.rule, rule.nsg, packet.protocol, packet.source, packet.destination,
    );
    let warning = Diagnostic::warning(codes::NEIGHBOURS_UNSEEN, at, message);
    warning.help(format!("give {from} or {to} an attachment of its own, or isolate the ports of the bridge"))
}
