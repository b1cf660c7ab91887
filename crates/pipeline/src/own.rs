//! What is addressed to the gateway itself, or to the host that it shares an address with.

use crate::DropReason;
use crate::checks::{self, Datagram};
use crate::member::answer_to;
use crate::path::key_of;
use crate::step::{Came, Refusal, Step, World};
use packet::parse::{Fragment, parse_quote};
use packet::{FlowKey, Frame, Packet, Protocol, Transport};
use snapshot::{Link, Outside, Public};

/// Outside: what is addressed to the host is the host's, and a ping to the gateway is answered.
pub(crate) fn for_the_gateway(
    world: &World<'_>,
    link: &Link,
    frame: &Frame<'_>,
    packet: &Packet,
) -> Result<Option<Step>, Refusal> {
    let Some(Outside { own, translated, host, .. }) = link.outside() else { return Ok(None) };
    let snapshot = world.snapshot;
    if host.contains(&packet.destination) {
        return Ok(match packet.fragment {
            _ if is_lent(world, link, frame, packet) => None,
            Fragment::Whole => Some(Step::PassToHost),
            _ if !snapshot.is_shared_with_host(packet.destination) => Some(Step::PassToHost),
            Fragment::First | Fragment::Later { .. } => Some(Step::HostFragment(*packet)),
        });
    }
    if !own.contains(&packet.destination) {
        return Ok(None);
    }
    let is_translated = translated.contains(&packet.destination);
    let is_a_machines =
        || is_translated && matches!(snapshot.public(packet.destination), Some(Public::OneToOne(..)));
    let ping = matches!(packet.transport, Transport::Query { kind: 8 | 128, reply: false, .. });
    if ping && packet.fragment == Fragment::Whole && !is_a_machines() {
        checks::source(link, frame.bytes, packet)?;
        checks::not_ours(snapshot, link, packet.source)?;
        checks::checksums(frame, packet)?;
        return Ok(Some(Step::Echo(*packet)));
    }
    if is_translated { Ok(None) } else { Err(DropReason::GatewayAddress.into()) }
}

/// Whether a packet to an address that the host shares is the gateway's: TCP and UDP by their port, ICMP where it belongs to
/// a live flow. Later fragments go with their first one.
///
/// The guard on the interface keeps the host's stack from seeing those of the first kind. It sees every later fragment, so
/// those that wait here are lost to nobody: either the datagram comes whole to the host, or none of it does.
#[cold]
fn is_lent(world: &World<'_>, link: &Link, frame: &Frame<'_>, packet: &Packet) -> bool {
    let Some((address, ports)) = &world.snapshot.lent else { return false };
    // Where another worker would have the flow, that one decides.
    let is_elsewhere = |key: &FlowKey| world.came == Came::Received && world.elsewhere(key).is_some();
    let is_known = |key: FlowKey| world.flows.find(&key).is_some() || is_elsewhere(&key);
    *address == packet.destination
        && match packet.transport {
            _ if matches!(packet.fragment, Fragment::Later { .. }) => {
                let carried = matches!(packet.protocol, Protocol::TCP | Protocol::UDP | Protocol::ICMP);
                carried && !world.shared.fragments().is_hosts(&Datagram::of(link.id, packet))
            }
            Transport::Tcp(_) | Transport::Udp { .. } => ports.contains(&packet.ports().1),
            Transport::Query { reply: true, .. } => {
                ports.contains(&packet.ports().1) && is_known(key_of(link.scope, packet))
            }
            Transport::IcmpError { .. } => parse_quote(frame.bytes, packet).is_some_and(|quote| {
                ports.contains(&quote.ports.0) && is_known(answer_to(link.scope, &quote))
            }),
            _ => false,
        }
}
