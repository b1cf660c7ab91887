//! Address prefixes: reading, overlap, reserved addresses.

use super::{Report, text};
use crate::{codes, limits};
use diagnostic::{At, Diagnostic, Location};
use ipnet::IpNet;
use std::net::IpAddr;

/// Why a text is no prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum BadPrefix {
    /// It is not in CIDR notation.
    NotCidr,
    /// It has bits set beyond its length; this is the prefix without them.
    HostBits(IpNet),
}

/// Reads `address/length`, or an address alone as the prefix of itself.
pub(super) fn parse(text: &str) -> Result<IpNet, BadPrefix> {
    let Some((address, length)) = text.split_once('/') else {
        return text.parse::<IpAddr>().map(IpNet::from).map_err(|_| BadPrefix::NotCidr);
    };
    let digits = (1..=3).contains(&length.len()) && length.bytes().all(|b| b.is_ascii_digit());
    if !digits || (length.len() > 1 && length.starts_with('0')) {
        return Err(BadPrefix::NotCidr);
    }
    let address: IpAddr = address.parse().map_err(|_| BadPrefix::NotCidr)?;
    let length: u8 = length.parse().map_err(|_| BadPrefix::NotCidr)?;
    let net = IpNet::new(address, length).map_err(|_| BadPrefix::NotCidr)?;
    if net.trunc() == net { Ok(net) } else { Err(BadPrefix::HostBits(net.trunc())) }
}

/// Reads the prefixes of a virtual network or a subnet, and reports those that are none. `owner` says whose.
pub(super) fn parse_all<'a>(
    prefixes: &'a [At<String>],
    owner: &str,
    report: &mut Report,
) -> Vec<(IpNet, &'a At<String>)> {
    let mut nets = Vec::with_capacity(prefixes.len());
    for prefix in prefixes {
        let text = text::trimmed(prefix, report);
        match parse(text) {
            Ok(net) if text.contains('/') => nets.push((net, prefix)),
            Ok(_) => report.push(bad(BadPrefix::NotCidr, text, owner, &prefix.at)),
            Err(why) => report.push(bad(why, text, owner, &prefix.at)),
        }
    }
    nets
}

/// The error of a text that is no prefix. `owner` says whose.
pub(super) fn bad(why: BadPrefix, text: &str, owner: &str, at: &Location) -> Diagnostic {
    match why {
        BadPrefix::HostBits(net) => {
            let message = format!("{owner} has the address prefix '{text}', which has host bits set");
            Diagnostic::error(codes::INVALID_CIDR_NOTATION, at, message)
                .help(format!("did you mean '{net}'?"))
        }
        BadPrefix::NotCidr => {
            let message = format!("{owner} has the address prefix '{text}', which is not in CIDR notation");
            Diagnostic::error(codes::INVALID_ADDRESS_PREFIX_FORMAT, at, message)
                .help("write an address and a length, such as 10.0.0.0/24")
        }
    }
}

/// Of each overlap, the places in `nets` of the wider prefix and of the one inside it.
///
/// # Cost
/// That of sorting. A prefix inside several others is told once.
pub(super) fn overlaps(nets: &[IpNet]) -> Vec<(usize, usize)> {
    let mut order: Vec<usize> = (0..nets.len()).collect();
    order.sort_by_key(|&nth| nets.get(nth).map(|net| (net.addr(), net.prefix_len(), nth)));
    let mut found = Vec::new();
    let mut outer: Option<usize> = None;
    for nth in order {
        // Prefixes are nested or apart, so only the last one that is not inside another matters.
        let inside = |wide: usize| nets.get(wide).zip(nets.get(nth)).is_some_and(|(w, n)| w.contains(n));
        match outer {
            Some(wide) if inside(wide) => found.push((wide, nth)),
            _ => outer = Some(nth),
        }
    }
    found
}

/// Whether Azure keeps `address` of `subnet` for itself: the first four, and the last.
///
/// # Source
/// Azure "Azure Virtual Network FAQ", *restrictions on using IP addresses within these subnets*.
pub(crate) fn is_reserved(subnet: &IpNet, address: IpAddr) -> bool {
    let (first, last, address) = match (subnet, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => (
            u128::from(u32::from(net.network())),
            u128::from(u32::from(net.broadcast())),
            u128::from(u32::from(address)),
        ),
        (IpNet::V6(net), IpAddr::V6(address)) => {
            (u128::from(net.network()), u128::from(net.broadcast()), u128::from(address))
        }
        _ => return false,
    };
    address == last
        || address.checked_sub(first).is_some_and(|offset| offset < limits::RESERVED_FIRST_ADDRESSES)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| parse(text).unwrap()).collect()
    }

    #[test]
    fn prefixes_are_read_strictly() {
        for good in ["10.0.0.0/8", "10.1.2.3", "0.0.0.0/0", "::/0", "fd00::1", "2001:db8::/32", "1.2.3.4/32"]
        {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0", "10.0.0.0/0/16"] {
            assert_eq!(parse(bad), Err(BadPrefix::NotCidr), "{bad}");
        }
        assert_eq!(parse("50.206.209.68/27"), Err(BadPrefix::HostBits(nets(&["50.206.209.64/27"])[0])));
    }

    #[test]
    fn every_prefix_inside_another_is_told_once() {
        let nets =
            nets(&["10.1.0.0/16", "10.0.0.0/8", "11.0.0.0/8", "10.1.2.0/24", "11.0.0.0/8", "fd00::/8"]);
        assert_eq!(overlaps(&nets), [(1, 0), (1, 3), (2, 4)]);
    }

    #[test]
    fn five_addresses_of_a_subnet_are_azures() {
        let subnet = nets(&["10.0.1.0/29"])[0];
        let free: Vec<u8> = (0..8).filter(|&n| !is_reserved(&subnet, IpAddr::from([10, 0, 1, n]))).collect();
        assert_eq!(free, [4, 5, 6]);
        let v6 = nets(&["fd00::/64"])[0];
        assert!(is_reserved(&v6, "fd00::3".parse().unwrap()));
        assert!(!is_reserved(&v6, "fd00::4".parse().unwrap()));
        assert!(is_reserved(&v6, "fd00::ffff:ffff:ffff:ffff".parse().unwrap()));
    }
}
