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
    check_options(ip.options())?;
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

/// The options: none a loose (131) or strict (137) source route, and each within the header. Hosts refuse the others too, so
/// that a record would follow what its receiver never saw.
fn check_options(mut options: &[u8]) -> Result<(), Malformed> {
    while let [kind, rest @ ..] = options {
        match kind {
            0 => break,
            1 => options = rest,
            131 | 137 => return Err(Malformed::SourceRoute),
            _ => {
                let length = rest.first().map_or(0, |&length| usize::from(length));
                // The length counts the two octets that say the kind and itself (RFC 791, section 3.1).
                let behind = options.get(length..).filter(|_| length >= 2);
                options = behind.ok_or(Malformed::IpHeader)?;
            }
        }
    }
    Ok(())
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
