//! Frames that the gateway makes itself: questions and answers about neighbours, echo replies, ICMP errors.

use crate::checksum::{checksum, transport_sum};
use crate::parse::{ADVERTISEMENT, ECHO_REPLY_V6, NETWORK_AT, Packet, SOLICITATION, solicited_node};
use crate::{Address, Protocol};

/// An Ethernet hardware address.
pub type Mac = [u8; 6];

/// The hardware address of everybody on a link.
pub const BROADCAST: Mac = [0xff; 6];

/// The most bytes of an IPv4 packet that carries an ICMP error (RFC 1812, section 4.3.2.3).
const ERROR_LIMIT_V4: usize = 576;
/// The most bytes of an IPv6 packet that carries an ICMP error (RFC 4443, section 2.4).
const ERROR_LIMIT_V6: usize = 1280;

/// An ICMP error that the gateway sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpError {
    /// The TTL or hop limit ran out here: ICMP type 11 code 0, ICMPv6 type 3 code 0.
    TimeExceeded,
    /// Too big for the next link: ICMP type 3 code 4 (RFC 1191), ICMPv6 type 2 code 0 (RFC 8201).
    TooBig {
        /// The bytes of the largest IP packet that the next link carries.
        mtu: u16,
    },
    /// Forbidden by policy: ICMP type 3 code 13, ICMPv6 type 1 code 1.
    Prohibited,
}

/// Asks who has `target`: everybody who may be it, or only who is at `known`, for a confirmation.
///
/// # Source
/// RFC 826 for IPv4; RFC 4861, section 4.3 for IPv6.
pub fn neighbour_request(out: &mut Vec<u8>, known: Option<Mac>, from: (Mac, Address), target: Address) {
    if target.is_v4() {
        return arp(out, 1, known.unwrap_or(BROADCAST), from, (known.unwrap_or_default(), target));
    }
    let group = solicited_node(target);
    let [.., a, b, c, d] = group.bits().to_be_bytes();
    let (to, destination) = known.map_or(([0x33, 0x33, a, b, c, d], group), |mac| (mac, target));
    discovery(out, SOLICITATION, 0, (from.0, to), (from.1, destination), target);
}

/// Writes the answer that says `from.1` is at `from.0`.
///
/// As the router of the link (R), to who asked (S), to be believed over what was known before (O).
///
/// # Source
/// RFC 826 for IPv4; RFC 4861, section 4.4 for IPv6.
pub fn neighbour_reply(out: &mut Vec<u8>, from: (Mac, Address), to: (Mac, Address)) {
    if from.1.is_v4() {
        return arp(out, 2, to.0, from, to);
    }
    discovery(out, ADVERTISEMENT, 0xe0, (from.0, to.0), (from.1, to.1), from.1);
}

fn arp(out: &mut Vec<u8>, operation: u8, ethernet_to: Mac, from: (Mac, Address), to: (Mac, Address)) {
    start_ethernet(out, from.0, ethernet_to, [0x08, 0x06]);
    out.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
    for (mac, address) in [from, to] {
        out.extend_from_slice(&mac);
        out.extend_from_slice(&address.v4_bits().unwrap_or(0).to_be_bytes());
    }
}

/// A neighbour message with the sender's hardware address as its only option.
fn discovery(
    out: &mut Vec<u8>,
    kind: u8,
    flags: u8,
    macs: (Mac, Mac),
    ends: (Address, Address),
    target: Address,
) {
    let option = if kind == SOLICITATION { 1 } else { 2 };
    start_ethernet(out, macs.0, macs.1, [0x86, 0xdd]);
    ip_header(out, 32, ends, 0, 255);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&target.bits().to_be_bytes());
    out.extend_from_slice(&[option, 1]);
    out.extend_from_slice(&macs.0);
    finish_icmp(out, ends, kind, 0, &[flags, 0, 0, 0]);
}

/// Writes the reply to an echo request: the same message with its ends exchanged and a fresh TTL.
pub fn echo_reply(out: &mut Vec<u8>, request: &[u8], packet: &Packet) {
    let at = usize::from(packet.transport_at);
    let Some(message) = request.get(at..packet.end as usize) else { return };
    let ends = (packet.destination, packet.source);
    start_answer(out, request, message.len(), ends, packet);
    out.extend_from_slice(message);
    let kind = if packet.source.is_v4() { 0 } else { ECHO_REPLY_V6 };
    finish_icmp(out, ends, kind, 0, message.get(4..8).unwrap_or(&[0; 4]));
}

/// Writes an ICMP error about `packet`, quoting as much of it as fits, to whoever sent the frame.
pub fn icmp_error(out: &mut Vec<u8>, error: IcmpError, from: Address, about: &[u8], packet: &Packet) {
    let v4 = packet.source.is_v4();
    let quotable = if v4 { ERROR_LIMIT_V4 - 20 - 8 } else { ERROR_LIMIT_V6 - 40 - 8 };
    let end = (packet.end as usize).min(NETWORK_AT + quotable);
    let Some(quote) = about.get(NETWORK_AT..end) else { return };
    let ends = (from, packet.source);
    start_answer(out, about, 8 + quote.len(), ends, packet);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(quote);
    let (kind, code) = match (error, v4) {
        (IcmpError::TimeExceeded, true) => (11, 0),
        (IcmpError::TimeExceeded, false) => (3, 0),
        (IcmpError::TooBig { .. }, true) => (3, 4),
        (IcmpError::TooBig { .. }, false) => (2, 0),
        (IcmpError::Prohibited, true) => (3, 13),
        (IcmpError::Prohibited, false) => (1, 1),
    };
    // Both families have the MTU in the last bytes of the header, IPv4 in two of them.
    let [high, low] = if let IcmpError::TooBig { mtu } = error { mtu.to_be_bytes() } else { [0; 2] };
    finish_icmp(out, ends, kind, code, &[0, 0, high, low]);
}

/// Ethernet and IP headers of an answer to the sender of `request`.
fn start_answer(
    out: &mut Vec<u8>,
    request: &[u8],
    payload: usize,
    ends: (Address, Address),
    packet: &Packet,
) {
    let mac = |at: usize| request.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default();
    let ethertype = if ends.0.is_v4() { [0x08, 0x00] } else { [0x86, 0xdd] };
    start_ethernet(out, mac(0), mac(6), ethertype);
    ip_header(out, payload, ends, packet.identification, 64);
}

fn start_ethernet(out: &mut Vec<u8>, from: Mac, to: Mac, ethertype: [u8; 2]) {
    out.clear();
    out.extend_from_slice(&to);
    out.extend_from_slice(&from);
    out.extend_from_slice(&ethertype);
}

/// The IP header of an ICMP message.
fn ip_header(out: &mut Vec<u8>, payload: usize, ends: (Address, Address), identification: u32, ttl: u8) {
    let (Some(from), Some(to)) = (ends.0.v4_bits(), ends.1.v4_bits()) else {
        out.extend_from_slice(&[0x60, 0, 0, 0]);
        out.extend_from_slice(&u16::try_from(payload).unwrap_or(u16::MAX).to_be_bytes());
        out.extend_from_slice(&[Protocol::ICMPV6.0, ttl]);
        out.extend_from_slice(&ends.0.bits().to_be_bytes());
        out.extend_from_slice(&ends.1.bits().to_be_bytes());
        return;
    };
    out.extend_from_slice(&[0x45, 0]);
    out.extend_from_slice(&u16::try_from(20 + payload).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&(identification as u16).to_be_bytes());
    out.extend_from_slice(&[0, 0, ttl, Protocol::ICMP.0, 0, 0]);
    out.extend_from_slice(&from.to_be_bytes());
    out.extend_from_slice(&to.to_be_bytes());
    let sum = checksum(&[&out[NETWORK_AT..]]);
    out[NETWORK_AT + 10..NETWORK_AT + 12].copy_from_slice(&sum.to_be_bytes());
}

/// Writes the header of the ICMP message behind an IP header without options, and its checksum.
fn finish_icmp(out: &mut [u8], ends: (Address, Address), kind: u8, code: u8, rest: &[u8]) {
    let (header, protocol) = if ends.0.is_v4() { (20, Protocol::ICMP) } else { (40, Protocol::ICMPV6) };
    let Some(message) = out.get_mut(NETWORK_AT + header..) else { return };
    message[..4].copy_from_slice(&[kind, code, 0, 0]);
    message[4..8].copy_from_slice(rest);
    let sum = transport_sum(ends.0, ends.1, protocol, message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}
