//! Neighbour discovery of IPv6 (RFC 4861).

use super::{Draft, Icmp, ipv6, ipv6_address};
use std::net::Ipv6Addr;

/// Who has `target`? To the group of those who may; [`Draft::macs`] and others make it lie.
///
/// A probe's sender is `::`, and tells no hardware address.
pub fn neighbour_solicitation(mac: [u8; 6], sender: &str, target: &str) -> Draft<Icmp> {
    let group = solicited_node(target);
    let [.., a, b, c, d] = group.octets();
    let asked = message(sender, &group.to_string(), 135, 0, target);
    let asked = asked.macs(mac, [0x33, 0x33, a, b, c, d]);
    if sender == "::" { asked } else { with_option(asked, 1, mac) }
}

/// `sender` is at `mac`, told to `target` alone.
pub fn neighbour_advertisement(mac: [u8; 6], sender: &str, target_mac: [u8; 6], target: &str) -> Draft<Icmp> {
    with_option(message(sender, target, 136, 0x6000_0000, sender).macs(mac, target_mac), 2, mac)
}

/// The group in which whoever has an address listens for questions about it.
pub fn solicited_node(address: &str) -> Ipv6Addr {
    let [.., a, b, c] = ipv6_address(address).octets();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]))
}

fn message(source: &str, destination: &str, kind: u8, flags: u32, about: &str) -> Draft<Icmp> {
    ipv6(source, destination).ttl(255).icmp(kind, 0, flags).payload(&ipv6_address(about).octets())
}

fn with_option(draft: Draft<Icmp>, kind: u8, mac: [u8; 6]) -> Draft<Icmp> {
    let payload = [&draft.payload[..], &[kind, 1], &mac].concat();
    draft.payload(&payload)
}
