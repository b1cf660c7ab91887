//! Who is where on a link: ARP for IPv4, neighbour discovery for IPv6, in one shape.

use super::ipv6::HEADER;
use super::{Fragment, Malformed, NETWORK_AT, Packet};
use crate::checksum::transport_sum;
use crate::{Address, Mac};

/// A neighbour solicitation (RFC 4861, section 4.3).
pub(crate) const SOLICITATION: u8 = 135;
/// A neighbour advertisement (RFC 4861, section 4.4).
pub(crate) const ADVERTISEMENT: u8 = 136;

/// All nodes of a link, `ff02::1`.
const ALL_NODES: u128 = 0xff02 << 112 | 1;
/// The solicited-node addresses, `ff02::1:ff00:0/104`.
const SOLICITED_NODE: u128 = 0xff02 << 112 | 0x1_ff00_0000;

/// A question who has an address, or the answer: ARP (RFC 826) or neighbour discovery (RFC 4861).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Neighbour {
    /// Whether it asks; else it answers.
    pub request: bool,
    /// Where `sender` is. A neighbour message without the option is taken to mean the frame's own sender.
    pub sender_mac: Mac,
    /// The asker's address, or the address that is answered for.
    pub sender: Address,
    /// The address asked for; in an answer whom it is for.
    pub target: Address,
}

impl Neighbour {
    /// Whether somebody without an address yet asks if anybody has the one that it would take (RFC 5227, RFC 4862).
    pub fn is_probe(&self) -> bool {
        let unspecified = self.sender == Address::UNSPECIFIED || self.sender.v4_bits() == Some(0);
        self.request && unspecified
    }

    /// Whether somebody waits for an answer: nobody is to answer a probe, and a gratuitous request asks for itself (RFC 5227,
    /// RFC 4862).
    pub fn wants_answer(&self) -> bool {
        self.request && !self.is_probe() && self.sender != self.target
    }
}

pub(super) fn parse_arp(rest: &[u8]) -> Result<Neighbour, Malformed> {
    // Ethernet hardware, IPv4, lengths 6 and 4 (RFC 826); operation 1 asks and 2 answers.
    let (Some([0, 1, 8, 0, 6, 4, 0, operation @ (1 | 2)]), Some(body)) =
        (rest.first_chunk::<8>(), rest.get(8..28))
    else {
        return Err(Malformed::Arp);
    };
    let address = |at: usize| -> Address {
        let mut octets = [0; 4];
        octets.copy_from_slice(&body[at..at + 4]);
        Address::from_v4_bits(u32::from_be_bytes(octets))
    };
    let sender_mac = of_one(body).ok_or(Malformed::Arp)?;
    Ok(Neighbour { request: *operation == 1, sender_mac, sender: address(6), target: address(16) })
}

/// Reads a whole neighbour solicitation or advertisement, and verifies it: hop limit, checksum, ends, options.
///
/// # Source
/// RFC 4861, sections 7.1.1 and 7.1.2.
pub(super) fn parse_discovery(bytes: &[u8], packet: &Packet) -> Result<Neighbour, Malformed> {
    verified(bytes, packet).ok_or(Malformed::NeighbourDiscovery)
}

fn verified(bytes: &[u8], packet: &Packet) -> Option<Neighbour> {
    let message = bytes.get(usize::from(packet.transport_at)..packet.end as usize)?;
    let &[kind, 0, _, _, flags, _, _, _] = message.first_chunk::<8>()? else { return None };
    let target = Address::from_v6_bits(u128::from_be_bytes(*message.get(8..)?.first_chunk()?))?;
    let request = kind == SOLICITATION;
    let bare = packet.fragment == Fragment::Whole && usize::from(packet.transport_at) == NETWORK_AT + HEADER;
    let holds = transport_sum(packet.source, packet.destination, packet.protocol, message) == 0;
    if !bare || packet.ttl != 255 || target.is_multicast() || !holds {
        return None;
    }
    let option = link_layer_option(message.get(24..)?, if request { 1 } else { 2 })?;
    let unspecified = packet.source == Address::UNSPECIFIED;
    let fits = if request {
        let to_group = packet.destination == solicited_node(target);
        (to_group || packet.destination == target) && !(unspecified && (!to_group || option.is_some()))
    } else {
        let solicited = flags & 0x40 != 0;
        let to_group = packet.destination.is_multicast();
        !unspecified && (!to_group || packet.destination.bits() == ALL_NODES && !solicited)
    };
    let from_frame = || of_one(bytes.get(6..NETWORK_AT)?);
    let sender_mac = option.or_else(from_frame).filter(|_| fits)?;
    let (sender, target) = if request { (packet.source, target) } else { (target, packet.destination) };
    Some(Neighbour { request, sender_mac, sender, target })
}

/// The hardware address that the options give for `kind`; `None` where the options are broken.
fn link_layer_option(mut options: &[u8], kind: u8) -> Option<Option<Mac>> {
    let mut found = None;
    // A message has room for 188 options at most, each of which takes eight bytes.
    while let Some(&[of, eights]) = options.first_chunk::<2>() {
        let (option, rest) = options.split_at_checked(usize::from(eights) * 8)?;
        if eights == 0 {
            return None;
        }
        if of == kind {
            found = Some(of_one(option.get(2..8)?)?);
        }
        options = rest;
    }
    options.is_empty().then_some(found)
}

/// A hardware address at the beginning of `bytes`; nobody is at a group's (RFC 1812, section 3.3.2).
fn of_one(bytes: &[u8]) -> Option<Mac> {
    bytes.first_chunk::<6>().copied().filter(|mac| mac[0] & 1 == 0)
}

/// The group in which whoever has `target` listens for questions about it (RFC 4291, section 2.7.1).
pub(crate) fn solicited_node(target: Address) -> Address {
    Address::from_v6_bits(SOLICITED_NODE | target.bits() & 0xff_ffff).unwrap_or_default()
}
