//! IPv4 headers.

use super::transport::parse_transport;
use super::{Fragment, Malformed, NETWORK_AT, Packet, Transport};
use crate::Protocol;
use crate::checksum::header_holds;
use etherparse::Ipv4HeaderSlice;

#[inline]
pub(super) fn parse_ipv4(bytes: &[u8], rest: &[u8]) -> Result<Packet, Malformed> {
    let ip = Ipv4HeaderSlice::from_slice(rest).map_err(|_| Malformed::IpHeader)?;
    let header = ip.slice();
    let total = usize::from(ip.total_len());
    if total < header.len() || total > rest.len() {
        return Err(Malformed::Length);
    }
    if !header_holds(header) {
        return Err(Malformed::IpHeader);
    }
    if has_source_route(ip.options()) {
        return Err(Malformed::SourceRoute);
    }
    let protocol = Protocol(ip.protocol().0);
    let end = NETWORK_AT + total;
    let transport_at = NETWORK_AT + header.len();
    let payload = bytes.get(transport_at..end).ok_or(Malformed::Length)?;
    let fragment = fragment_of(&ip, protocol, payload.len())?;
    let transport = match fragment {
        Fragment::Later { .. } => Transport::Bare,
        Fragment::First if !payload.len().is_multiple_of(8) => return Err(Malformed::Fragment),
        _ if protocol == Protocol::ICMPV6 => Transport::Bare,
        part => parse_transport(protocol, payload, part == Fragment::First)?,
    };
    Ok(Packet {
        source: ip.source_addr().into(),
        destination: ip.destination_addr().into(),
        protocol,
        ttl: ip.ttl(),
        identification: u32::from(ip.identification()),
        dont_fragment: ip.dont_fragment(),
        fragment,
        payload_at: transport_at as u16,
        transport_at: transport_at as u16,
        end: end as u32,
        transport,
    })
}

/// Loose (131) and strict (137) source routes, wherever in the options they stand.
fn has_source_route(mut options: &[u8]) -> bool {
    while let [kind, rest @ ..] = options {
        match kind {
            0 => return false,
            1 => options = rest,
            131 | 137 => return true,
            _ => {
                let Some(&length) = rest.first() else { return false };
                match options.get(usize::from(length.max(2))..) {
                    Some(rest) => options = rest,
                    None => return false,
                }
            }
        }
    }
    false
}

fn fragment_of(ip: &Ipv4HeaderSlice<'_>, protocol: Protocol, payload: usize) -> Result<Fragment, Malformed> {
    let offset = usize::from(ip.fragments_offset().value()) * 8;
    let more = ip.more_fragments();
    if offset == 0 {
        return Ok(if more { Fragment::First } else { Fragment::Whole });
    }
    // A TCP fragment at offset 8 could overwrite the flags that the rules saw (RFC 1858, section 4.2).
    let overwrites_header = protocol == Protocol::TCP && offset == 8;
    let uneven = more && !payload.is_multiple_of(8);
    if overwrites_header || uneven || payload == 0 || offset + payload > 65_535 - ip.slice().len() {
        return Err(Malformed::Fragment);
    }
    Ok(Fragment::Later { offset: offset as u16, more })
}
