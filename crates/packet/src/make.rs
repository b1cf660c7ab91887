//! Frames that the gateway makes itself: ARP, echo replies, ICMP errors.

use crate::Address;
use crate::checksum::checksum;
use crate::parse::{NETWORK_AT, Packet};

/// An Ethernet hardware address.
pub type Mac = [u8; 6];

/// The hardware address of everybody on a link.
pub const BROADCAST: Mac = [0xff; 6];

/// The most bytes of an IP packet that carries an ICMP error (RFC 1812, section 4.3.2.3).
const ERROR_LIMIT: usize = 576;

/// An ICMP error that the gateway sends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IcmpError {
    /// Type 11 code 0: the TTL ran out here.
    TimeExceeded,
    /// Type 3 code 4: too big for the next link, which carries `mtu` bytes (RFC 1191).
    FragmentationNeeded {
        /// The bytes of the largest IP packet that the next link carries.
        mtu: u16,
    },
    /// Type 3 code 13: forbidden by policy.
    Prohibited,
}

/// Writes an ARP request (broadcast, or to `to` where the asked one's hardware address is to be confirmed).
pub fn arp_request(out: &mut Vec<u8>, to: Mac, from: (Mac, Address), target: Address) {
    let asked = if to == BROADCAST { [0; 6] } else { to };
    arp(out, 1, to, from, (asked, target));
}

/// Writes the ARP reply that says `from.1` is at `from.0`.
pub fn arp_reply(out: &mut Vec<u8>, from: (Mac, Address), to: (Mac, Address)) {
    arp(out, 2, to.0, from, to);
}

fn arp(out: &mut Vec<u8>, operation: u8, ethernet_to: Mac, from: (Mac, Address), to: (Mac, Address)) {
    out.clear();
    out.extend_from_slice(&ethernet_to);
    out.extend_from_slice(&from.0);
    out.extend_from_slice(&[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation]);
    for (mac, address) in [from, to] {
        out.extend_from_slice(&mac);
        out.extend_from_slice(&address.v4_bits().unwrap_or(0).to_be_bytes());
    }
}

/// Writes the reply to an echo request: the same message with its ends exchanged and a fresh TTL.
pub fn echo_reply(out: &mut Vec<u8>, request: &[u8], packet: &Packet) {
    let at = usize::from(packet.transport_at);
    let Some(message) = request.get(at..packet.end as usize) else { return };
    start_ipv4(out, request, message.len(), (packet.destination, packet.source), packet.identification);
    out.extend_from_slice(message);
    finish_icmp(out, 0, 0, message.get(4..8).unwrap_or(&[0; 4]));
}

/// Writes an ICMP error about `packet`, quoting as much of it as fits, to whoever sent the frame.
pub fn icmp_error(out: &mut Vec<u8>, error: IcmpError, from: Address, about: &[u8], packet: &Packet) {
    let quotable = ERROR_LIMIT - 20 - 8;
    let end = (packet.end as usize).min(NETWORK_AT + quotable);
    let Some(quote) = about.get(NETWORK_AT..end) else { return };
    start_ipv4(out, about, 8 + quote.len(), (from, packet.source), packet.identification);
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(quote);
    let (kind, code, rest) = match error {
        IcmpError::TimeExceeded => (11, 0, [0; 4]),
        IcmpError::FragmentationNeeded { mtu } => {
            let [high, low] = mtu.to_be_bytes();
            (3, 4, [0, 0, high, low])
        }
        IcmpError::Prohibited => (3, 13, [0; 4]),
    };
    finish_icmp(out, kind, code, &rest);
}

/// Ethernet and IPv4 headers of an answer to the sender of `request`.
fn start_ipv4(
    out: &mut Vec<u8>,
    request: &[u8],
    payload: usize,
    ends: (Address, Address),
    identification: u16,
) {
    out.clear();
    out.extend_from_slice(request.get(6..12).unwrap_or(&[0; 6]));
    out.extend_from_slice(request.get(0..6).unwrap_or(&[0; 6]));
    out.extend_from_slice(&[0x08, 0x00, 0x45, 0]);
    out.extend_from_slice(&u16::try_from(20 + payload).unwrap_or(u16::MAX).to_be_bytes());
    out.extend_from_slice(&identification.to_be_bytes());
    out.extend_from_slice(&[0, 0, 64, 1, 0, 0]);
    for end in [ends.0, ends.1] {
        out.extend_from_slice(&end.v4_bits().unwrap_or(0).to_be_bytes());
    }
    let sum = checksum(&[&out[NETWORK_AT..]]);
    out[NETWORK_AT + 10..NETWORK_AT + 12].copy_from_slice(&sum.to_be_bytes());
}

fn finish_icmp(out: &mut [u8], kind: u8, code: u8, rest: &[u8]) {
    let Some(message) = out.get_mut(NETWORK_AT + 20..) else { return };
    message[..4].copy_from_slice(&[kind, code, 0, 0]);
    message[4..8].copy_from_slice(rest);
    let sum = checksum(&[message]);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}
