//! What is found only once the file has been loaded.

use crate::codes;
use diagnostic::{Diagnostic, Location};
use model::Direction;
use packet::AttachmentId;
use snapshot::{Snapshot, Unseen};
use std::path::Path;

/// The error of a policy that does not fit into its tables.
pub fn policy_too_large(message: String) -> Diagnostic {
    Diagnostic::nowhere(codes::POLICY, message)
}

/// The warning of a reload that changes what only a start can change.
pub fn needs_a_start(path: &Path, key: &str) -> Diagnostic {
    let at = Location::new(&*path.to_string_lossy(), 1, 1);
    Diagnostic::warning(
        codes::NEEDS_A_START,
        &at,
        format!("{key} has changed; it takes effect when nsgate starts again"),
    )
}

/// The error of a daemon without anything to do.
pub fn no_attachments(path: &Path) -> Diagnostic {
    let at = Location::new(&*path.to_string_lossy(), 1, 1);
    Diagnostic::error(codes::NO_ATTACHMENTS, &at, "there are no attachments")
        .help("`nsgate run` needs at least one; a file without is fine for test-ip-flow and explain")
}

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
    let Unseen { rule, from, to, packet } = unseen;
    let direction = match rule.direction {
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
