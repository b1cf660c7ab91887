//! IPv6 headers, and the extension headers between them and the transport.

use super::transport::parse_transport;
use super::{Fragment, Malformed, NETWORK_AT, Packet, Transport};
use crate::{Address, Protocol};

/// The bytes of the header that every IPv6 packet has.
pub(super) const HEADER: usize = 40;
/// The most extension headers before the transport; a correct sender has no use for more than five (RFC 8200, section 4.1).
const HEADERS: usize = 8;
/// The most bytes of all extension headers together.
const BYTES: usize = 256;

const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
/// The option that says a packet is longer than its header can (RFC 2675).
const JUMBO: u8 = 0xc2;

#[inline]
pub(super) fn parse_ipv6(bytes: &[u8], rest: &[u8]) -> Result<Packet, Malformed> {
    let header = rest.first_chunk::<HEADER>().ok_or(Malformed::IpHeader)?;
    if header[0] >> 4 != 6 {
        return Err(Malformed::IpHeader);
    }
    let end = NETWORK_AT + HEADER + usize::from(u16::from_be_bytes([header[4], header[5]]));
    let payload = bytes.get(NETWORK_AT + HEADER..end).ok_or(Malformed::Length)?;
    let (source, destination) = ends(header).ok_or(Malformed::IpHeader)?;
    let chain = walk(header[6], payload)?;
    let part = payload.get(chain.fragment_at..).ok_or(Malformed::Length)?;
    let transport = match check_fragment(&chain, part.len())? {
        Fragment::Later { .. } => Transport::Bare,
        fragment => {
            let payload = payload.get(chain.transport_at..).ok_or(Malformed::Length)?;
            match chain.protocol {
                Protocol::ICMP => Transport::Bare,
                protocol => parse_transport(protocol, payload, fragment == Fragment::First)?,
            }
        }
    };
    let at = |behind: usize| (NETWORK_AT + HEADER + behind) as u16;
    Ok(Packet {
        source,
        destination,
        protocol: chain.protocol,
        ttl: header[7],
        identification: chain.identification,
        dont_fragment: true,
        fragment: chain.fragment,
        payload_at: at(chain.fragment_at),
        transport_at: at(chain.transport_at),
        end: end as u32,
        transport,
    })
}

/// Both addresses of a header; `None` where one is an IPv4 address in disguise, which no correct sender puts on a wire
/// and which everybody behind would take for the real one.
pub(super) fn ends(header: &[u8; HEADER]) -> Option<(Address, Address)> {
    let address = |at: usize| {
        let bytes = header.get(at..)?.first_chunk()?;
        Address::from_v6_bits(u128::from_be_bytes(*bytes))
    };
    Some((address(8)?, address(24)?))
}

/// What stands between the IPv6 header and the transport; places count from the IPv6 header's end.
pub(super) struct Chain {
    /// The transport; of a later fragment the first header of the part that was cut, whatever that is.
    pub(super) protocol: Protocol,
    pub(super) fragment: Fragment,
    identification: u32,
    /// Where the part begins that fragment offsets count.
    fragment_at: usize,
    pub(super) transport_at: usize,
}

/// Walks the extension headers (RFC 8200, section 4).
///
/// A header that is not known is taken for a transport without ports. `payload` may be cut short, as in a quote, but
/// must hold the whole chain (RFC 7112).
#[inline]
pub(super) fn walk(first: u8, payload: &[u8]) -> Result<Chain, Malformed> {
    let chain = Chain {
        protocol: Protocol(first),
        fragment: Fragment::Whole,
        identification: 0,
        fragment_at: 0,
        transport_at: 0,
    };
    match first {
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => walk_on(chain, payload),
        _ => Ok(chain),
    }
}

#[cold]
fn walk_on(mut chain: Chain, payload: &[u8]) -> Result<Chain, Malformed> {
    let mut cut = false;
    for nth in 0..=HEADERS {
        let kind = chain.protocol.0;
        if !matches!(kind, HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS) {
            return Ok(chain);
        }
        if nth == HEADERS || kind == HOP_BY_HOP && nth > 0 || kind == FRAGMENT && cut {
            break;
        }
        let hidden = if cut { Malformed::Fragment } else { Malformed::ExtensionHeader };
        let rest = payload.get(chain.transport_at..).ok_or(hidden)?;
        let &[next, eights, ..] = rest.first_chunk::<8>().ok_or(hidden)?;
        let length = if kind == FRAGMENT { 8 } else { (usize::from(eights) + 1) * 8 };
        let header = rest.get(..length).ok_or(hidden)?;
        chain.protocol = Protocol(next);
        chain.transport_at += length;
        if chain.transport_at > BYTES {
            break;
        }
        match kind {
            ROUTING => refuse_route(header)?,
            FRAGMENT => {
                cut = true;
                fragment(&mut chain, header);
                if matches!(chain.fragment, Fragment::Later { .. }) {
                    return Ok(chain);
                }
            }
            _ => check_options(header)?,
        }
    }
    Err(Malformed::ExtensionHeader)
}

/// Type 0 is forbidden (RFC 5095); any other with stations left takes the packet past the rules.
fn refuse_route(header: &[u8]) -> Result<(), Malformed> {
    match header {
        [_, _, 0, ..] => Err(Malformed::SourceRoute),
        [_, _, _, 0, ..] => Ok(()),
        _ => Err(Malformed::SourceRoute),
    }
}

/// Options that fill their header exactly, and none of them a jumbo payload's.
fn check_options(header: &[u8]) -> Result<(), Malformed> {
    let mut options = header.get(2..).unwrap_or_default();
    while let [kind, rest @ ..] = options {
        options = match (*kind, rest) {
            (0, _) => rest,
            (JUMBO, _) => return Err(Malformed::ExtensionHeader),
            (_, [length, rest @ ..]) => rest.get(usize::from(*length)..).ok_or(Malformed::ExtensionHeader)?,
            _ => return Err(Malformed::ExtensionHeader),
        };
    }
    Ok(())
}

fn fragment(chain: &mut Chain, header: &[u8]) {
    let Some(&[_, _, high, low, a, b, c, d]) = header.first_chunk::<8>() else { return };
    let field = u16::from_be_bytes([high, low]);
    let (offset, more) = (field & !7, field & 1 == 1);
    chain.identification = u32::from_be_bytes([a, b, c, d]);
    chain.fragment_at = chain.transport_at;
    chain.fragment = match (offset, more) {
        // An atomic fragment is a whole packet, and no other fragment's business (RFC 6946).
        (0, false) => Fragment::Whole,
        (0, true) => Fragment::First,
        _ => Fragment::Later { offset, more },
    };
}

/// Whether a fragment with `part` bytes of its datagram can be one.
#[inline]
fn check_fragment(chain: &Chain, part: usize) -> Result<Fragment, Malformed> {
    let (offset, more) = match chain.fragment {
        Fragment::Whole => return Ok(Fragment::Whole),
        Fragment::First => (0, true),
        Fragment::Later { offset, more } => (usize::from(offset), more),
    };
    // The headers before the fragment header, but not that itself, are part of the datagram when it is whole again.
    let before = chain.fragment_at.saturating_sub(8);
    if part == 0 || more && !part.is_multiple_of(8) || before + offset + part > 65_535 {
        return Err(Malformed::Fragment);
    }
    Ok(chain.fragment)
}
