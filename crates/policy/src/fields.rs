//! A rule's five fields as numbers of sets.

use crate::limits::{Budget, Error};
use crate::platform::{judges_platform, service};
use crate::ranges::Ranges;
use crate::sets::{AddressSets, Numbered};
use model::{AddressMatch, PortSet, RuleProtocol, SecurityRule, VnetIndex};
use packet::Protocol;

/// The kinds of protocol that rules tell apart; `None` is any other, of which Azure's network carries ICMPv6 alone.
pub const KINDS: [Option<Protocol>; PROTOCOLS] = [
    Some(Protocol::TCP),
    Some(Protocol::UDP),
    Some(Protocol::ICMP),
    Some(Protocol::ESP),
    Some(Protocol::AH),
    None,
];

/// How many kinds of protocol rules tell apart.
pub(crate) const PROTOCOLS: usize = 6;

/// The kind of a packet's protocol; the last one is "any other".
#[inline]
pub(crate) const fn protocol_class(protocol: Protocol) -> u32 {
    match protocol {
        Protocol::TCP => 0,
        Protocol::UDP => 1,
        Protocol::ICMP => 2,
        Protocol::ESP => 3,
        Protocol::AH => 4,
        _ => 5,
    }
}

/// The kinds that a rule's protocol field holds, a bit for each.
pub(crate) const fn kinds(protocol: RuleProtocol) -> u8 {
    match protocol {
        RuleProtocol::Tcp => 1 << 0,
        RuleProtocol::Udp => 1 << 1,
        RuleProtocol::Icmp => 1 << 2,
        RuleProtocol::Esp => 1 << 3,
        RuleProtocol::Ah => 1 << 4,
        RuleProtocol::Any => (1 << PROTOCOLS) - 1,
    }
}

/// What a rule asks of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// A bit for each kind of protocol.
    pub(crate) protocols: u8,
    /// The set of source addresses.
    pub(crate) source: u32,
    /// The set of source ports.
    pub(crate) source_ports: u32,
    /// The set of destination addresses.
    pub(crate) destination: u32,
    /// The set of destination ports.
    pub(crate) destination_ports: u32,
    /// Whether it judges outbound packets to the platform's addresses.
    pub(crate) judges_platform: bool,
}

impl Fields {
    /// The fields of `rule` in a VNet, with its sets numbered, or `None` for a tag that is not loaded. Beside the VNet
    /// stands the number of its VirtualNetwork.
    pub(crate) fn new(
        rule: &SecurityRule,
        network: (VnetIndex, usize),
        addresses: &mut AddressSets<'_>,
        ports: &mut Numbered,
        budget: &mut Budget,
    ) -> Result<Option<Self>, Error> {
        let source = addresses.number(&rule.source, network, budget)?;
        let destination = addresses.number(&rule.destination, network, budget)?;
        let (Some(source), Some(destination)) = (source, destination) else { return Ok(None) };
        let Spoken { protocols, source_ports, destination_ports, judges_platform } = Spoken::of(rule);
        Ok(Some(Self {
            protocols,
            source,
            source_ports: ports.number(source_ports, budget)?,
            destination,
            destination_ports: ports.number(destination_ports, budget)?,
            judges_platform,
        }))
    }
}

/// What a rule asks of a packet beside its addresses.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spoken {
    /// A bit for each of [`KINDS`].
    pub protocols: u8,
    /// Of the sender. A packet without ports is held by the full set alone.
    pub source_ports: Ranges,
    /// Of the receiver.
    pub destination_ports: Ranges,
    /// Whether it judges outbound packets to [`PLATFORM`](crate::PLATFORM), which other rules do not.
    pub judges_platform: bool,
}

impl Spoken {
    /// What `rule` asks: ports mean nothing beside ICMP, ESP and AH, and the tag of a platform's service narrows
    /// protocols and ports to that service.
    pub fn of(rule: &SecurityRule) -> Self {
        let mut protocols = kinds(rule.protocol);
        let mut narrow =
            |ports: &PortSet, side: &AddressMatch| narrowed(rule.protocol, ports, side, &mut protocols);
        let source_ports = narrow(&rule.source_ports, &rule.source);
        let destination_ports = narrow(&rule.destination_ports, &rule.destination);
        let judges_platform = matches!(rule.destination, AddressMatch::Tag(tag) if judges_platform(tag));
        Self { protocols, source_ports, destination_ports, judges_platform }
    }
}

/// The ports of one side: meaningless for protocols without ports, and narrowed, with the protocols, where a
/// platform tag names a service.
fn narrowed(protocol: RuleProtocol, ports: &PortSet, side: &AddressMatch, protocols: &mut u8) -> Ranges {
    use RuleProtocol::{Ah, Esp, Icmp};
    let full = PortSet::full();
    let ports = if matches!(protocol, Icmp | Esp | Ah) { &full } else { ports };
    let AddressMatch::Tag(tag) = *side else { return Ranges::of_ports(ports) };
    let Some((spoken, port)) = service(tag) else { return Ranges::of_ports(ports) };
    *protocols &= spoken.iter().fold(0, |bits, &protocol| bits | kinds(protocol));
    let held = ports.contains(port).then_some(port..=port);
    Ranges::of_ports(&PortSet::from_ranges(held))
}
