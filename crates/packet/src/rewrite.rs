//! Rewriting in place: addresses, ports, TTL, hardware addresses, with every checksum that covers them.

use crate::checksum::{Change, transport_sum};
use crate::parse::{ECHO_REPLY_V6, NETWORK_AT, Packet, Quote, Transport};
use crate::{Address, Checksum, Protocol};

/// The tuple that a packet shall have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tuple {
    /// The sender.
    pub source: Address,
    /// The receiver.
    pub destination: Address,
    /// The sender's port, or an ICMP query's identifier as [`crate::FlowKey`] carries it.
    pub source_port: u16,
    /// The receiver's port, likewise.
    pub destination_port: u16,
}

/// Gives a packet another tuple of the same family and mends its checksums by difference.
///
/// Works on whole packets, super-frames and fragments: a later fragment has only addresses, and the checksum in the
/// first one covers them for all. An unfinished checksum follows the addresses only, since its sum does not cover
/// the ports yet. A UDP checksum of zero stays zero (RFC 768).
#[inline]
pub fn translate(bytes: &mut [u8], packet: &Packet, state: Checksum, new: &Tuple) {
    let addresses = rewrite_addresses(bytes, NETWORK_AT, new.source, new.destination);
    let at = usize::from(packet.transport_at);
    match packet.transport {
        Transport::Tcp(_) => {
            let ports = rewrite_ports(bytes, at, new);
            mend(bytes, at + 16, state, addresses, ports);
        }
        Transport::Udp { .. } => {
            let ports = rewrite_ports(bytes, at, new);
            mend_udp(bytes, at + 6, state, addresses, ports);
        }
        Transport::Query { reply, .. } => {
            let identifier = if reply { new.destination_port } else { new.source_port };
            let change = put_word(bytes, at + 4, identifier);
            mend_icmp(bytes, at + 2, packet.protocol, addresses, change);
        }
        Transport::IcmpError { .. } | Transport::OtherIcmp { .. } => {
            mend_icmp(bytes, at + 2, packet.protocol, addresses, Change::NONE);
        }
        Transport::Bare => {}
    }
}

/// Gives the packet quoted in an ICMP error another tuple, and the error itself other addresses.
///
/// The error's own checksum is summed anew, so it must have been verified before.
///
/// # Source
/// RFC 5508, section 4.2; RFC 4443, section 2.3 for the checksum of ICMPv6.
pub fn translate_error(
    bytes: &mut [u8],
    error: &Packet,
    quote: &Quote,
    quoted: &Tuple,
    outer: (Address, Address),
) {
    let end = error.end as usize;
    let addresses =
        rewrite_addresses(bytes, usize::from(quote.network_at), quoted.source, quoted.destination);
    let at = usize::from(quote.transport_at);
    // The quoted transport checksum follows where the quote reaches so far; nobody verifies it.
    match quote.protocol {
        Protocol::TCP => {
            let ports = rewrite_ports(bytes, at, quoted);
            if at + 18 <= end {
                mend(bytes, at + 16, Checksum::Finished, addresses, ports);
            }
        }
        Protocol::UDP => {
            let ports = rewrite_ports(bytes, at, quoted);
            mend_udp(bytes, at + 6, Checksum::Finished, addresses, ports);
        }
        Protocol::ICMP | Protocol::ICMPV6 if quote.ports != (0, 0) => {
            let reply = matches!(bytes.get(at), Some(&(0 | 14 | 16 | 18 | ECHO_REPLY_V6)));
            let identifier = if reply { quoted.destination_port } else { quoted.source_port };
            let change = put_word(bytes, at + 4, identifier);
            mend_icmp(bytes, at + 2, quote.protocol, addresses, change);
        }
        _ => {}
    }
    rewrite_addresses(bytes, NETWORK_AT, outer.0, outer.1);
    let icmp = usize::from(error.transport_at);
    if let Some(message) = bytes.get_mut(icmp..end) {
        put_word(message, 2, 0);
        let sum = transport_sum(outer.0, outer.1, error.protocol, message);
        put_word(message, 2, sum);
    }
}

/// Takes one from the TTL or hop limit. The caller has seen that it is at least one.
#[inline]
pub fn decrement_ttl(bytes: &mut [u8]) {
    if is_v6(bytes, NETWORK_AT) {
        // No checksum covers it.
        if let Some(hops) = bytes.get_mut(NETWORK_AT + 7) {
            *hops = hops.wrapping_sub(1);
        }
        return;
    }
    let at = NETWORK_AT + 8;
    let old = word(bytes, at);
    let change = put_word(bytes, at, old.wrapping_sub(0x0100));
    mend(bytes, NETWORK_AT + 10, Checksum::Finished, Change::NONE, change);
}

/// Gives an IPv4 packet another identification; does nothing for IPv6, which has none in its header.
pub fn set_identification(bytes: &mut [u8], identification: u16) {
    if is_v6(bytes, NETWORK_AT) {
        return;
    }
    let change = put_word(bytes, NETWORK_AT + 4, identification);
    mend(bytes, NETWORK_AT + 10, Checksum::Finished, Change::NONE, change);
}

/// Writes both hardware addresses.
#[inline]
pub fn set_macs(bytes: &mut [u8], destination: [u8; 6], source: [u8; 6]) {
    if let Some(header) = bytes.first_chunk_mut::<12>() {
        header[..6].copy_from_slice(&destination);
        header[6..].copy_from_slice(&source);
    }
}

/// Writes both addresses of the IP header at `at`, mends its checksum if it has one, and says what changed. Addresses of
/// another family than the header's do not fit it, and change nothing.
#[inline]
fn rewrite_addresses(bytes: &mut [u8], at: usize, source: Address, destination: Address) -> Change {
    let (v4, v6) = ((source.v4_bits(), destination.v4_bits()), is_v6(bytes, at));
    let (Some(source), Some(destination)) = v4 else {
        return match v4 {
            (None, None) if v6 => {
                put_wide(bytes, at + 8, source.bits()).and(put_wide(bytes, at + 24, destination.bits()))
            }
            _ => Change::NONE,
        };
    };
    if v6 {
        return Change::NONE;
    }
    let change = put_long(bytes, at + 12, source).and(put_long(bytes, at + 16, destination));
    mend(bytes, at + 10, Checksum::Finished, change, Change::NONE);
    change
}

#[inline]
fn rewrite_ports(bytes: &mut [u8], at: usize, new: &Tuple) -> Change {
    put_word(bytes, at, new.source_port).and(put_word(bytes, at + 2, new.destination_port))
}

/// Mends the checksum at `at` for a change of addresses and one of ports.
#[inline]
fn mend(bytes: &mut [u8], at: usize, state: Checksum, addresses: Change, ports: Change) {
    let old = word(bytes, at);
    let new = match state {
        Checksum::Partial { .. } => addresses.unfinished(old),
        Checksum::Finished | Checksum::Verified => addresses.and(ports).finished(old),
    };
    put_word(bytes, at, new);
}

#[inline]
fn mend_udp(bytes: &mut [u8], at: usize, state: Checksum, addresses: Change, ports: Change) {
    let partial = matches!(state, Checksum::Partial { .. });
    if word(bytes, at) == 0 && !partial {
        return;
    }
    mend(bytes, at, state, addresses, ports);
    if word(bytes, at) == 0 && !partial {
        put_word(bytes, at, 0xffff);
    }
}

/// Mends an ICMP checksum, which covers the addresses only for IPv6.
#[inline]
fn mend_icmp(bytes: &mut [u8], at: usize, protocol: Protocol, addresses: Change, rest: Change) {
    let covered = if protocol == Protocol::ICMPV6 { addresses } else { Change::NONE };
    mend(bytes, at, Checksum::Finished, covered, rest);
    // An echo reply of zeros alone sums to the zero that a difference cannot tell from the other; for all else they are
    // as right (RFC 1624, section 3).
    if word(bytes, at) == 0 {
        put_word(bytes, at, 0xffff);
    }
}

#[inline]
fn is_v6(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|first| first >> 4 == 6)
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u16 {
    match bytes.get(at..at + 2) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}

#[inline]
fn put_word(bytes: &mut [u8], at: usize, new: u16) -> Change {
    let Some(place) = bytes.get_mut(at..at + 2) else { return Change::NONE };
    let old = u16::from_be_bytes([place[0], place[1]]);
    place.copy_from_slice(&new.to_be_bytes());
    Change::NONE.word(old, new)
}

#[inline]
fn put_long(bytes: &mut [u8], at: usize, new: u32) -> Change {
    put_word(bytes, at, (new >> 16) as u16).and(put_word(bytes, at + 2, new as u16))
}

#[inline]
fn put_wide(bytes: &mut [u8], at: usize, new: u128) -> Change {
    let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<16>()) else {
        return Change::NONE;
    };
    let old = u128::from_be_bytes(*place);
    *place = new.to_be_bytes();
    Change::NONE.wide(old, new)
}
