//! Functions on address prefixes.

use super::{Call, Function, plain};
use crate::fault::Stop;
use diagnostic::At;
use document::{Entry, Node, Value};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const FUNCTIONS: &[Function] =
    &[plain("parseCidr", 1, 1, parse), plain("cidrSubnet", 3, 3, subnet), plain("cidrHost", 2, 2, host)];

/// A prefix; the addresses are numbers of 128 bits, those of IPv4 too.
#[derive(Clone, Copy)]
struct Prefix {
    v4: bool,
    network: u128,
    length: u32,
}

impl Prefix {
    fn of(call: &Call<'_>) -> Result<Self, Stop> {
        let text = call.text(0)?;
        let wrong = || call.at(0, format!("'{text}' is no address prefix such as 10.0.0.0/24"));
        let (address, length) = text.split_once('/').ok_or_else(wrong)?;
        let (v4, bits) = match address.parse().map_err(|_| wrong())? {
            IpAddr::V4(address) => (true, u128::from(address.to_bits())),
            IpAddr::V6(address) => (false, address.to_bits()),
        };
        let digits = length.bytes().all(|it| it.is_ascii_digit());
        let length = length.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let prefix = Self { v4, network: 0, length };
        if length > prefix.width() {
            return Err(call.at(0, format!("a prefix of this family has at most {} bits", prefix.width())));
        }
        Ok(Self { network: bits & prefix.mask(), ..prefix })
    }

    fn width(self) -> u32 {
        if self.v4 { 32 } else { 128 }
    }

    /// The bits that tell addresses of the prefix apart.
    fn rest(self) -> u128 {
        1_u128.checked_shl(self.width() - self.length).map_or(u128::MAX, |size| size - 1)
    }

    fn mask(self) -> u128 {
        let all = if self.v4 { u128::from(u32::MAX) } else { u128::MAX };
        all & !self.rest()
    }

    fn written(self, bits: u128) -> String {
        match u32::try_from(bits) {
            Ok(bits) if self.v4 => Ipv4Addr::from_bits(bits).to_string(),
            _ => Ipv6Addr::from_bits(bits).to_string(),
        }
    }
}

/// The first and last addresses of IPv4 are for the network and for all of it, where there are more than two.
fn parse(call: &mut Call<'_>) -> Result<Node, Stop> {
    let prefix = Prefix::of(call)?;
    let last = prefix.network | prefix.rest();
    let edge = u128::from(prefix.v4 && prefix.rest() > 1);
    let mut fields = vec![("network", prefix.network), ("netmask", prefix.mask())];
    if prefix.v4 {
        fields.push(("broadcast", last));
    }
    fields.extend([("firstUsable", prefix.network + edge), ("lastUsable", last - edge)]);
    let mut entries = Vec::new();
    let at = &call.written.evaluator.at;
    let named = |name: &str, value| Entry { key: At { value: name.to_owned(), at: (*at).clone() }, value };
    for (name, bits) in fields {
        entries.push(named(name, call.made(prefix.written(bits))?));
    }
    entries.push(named("cidr", call.number(prefix.length)?));
    call.node(Value::Object(entries))
}

fn subnet(call: &mut Call<'_>) -> Result<Node, Stop> {
    let prefix = Prefix::of(call)?;
    let (length, index) = (call.integer(1)?, call.integer(2)?);
    let lengths = prefix.length..=prefix.width();
    let Some(length) = u32::try_from(length).ok().filter(|length| lengths.contains(length)) else {
        let message = format!("a subnet of it has {} to {} bits", lengths.start(), lengths.end());
        return Err(call.at(1, message));
    };
    let more = length - prefix.length;
    let fits = |index: &u128| more >= 128 || *index >> more == 0;
    let Some(index) = u128::try_from(index).ok().filter(fits) else {
        return Err(call.at(2, format!("it has no subnet {index}; there are 2 to the power of {more}")));
    };
    let shift = prefix.width() - length;
    let network = prefix.network | index.checked_shl(shift).unwrap_or(0);
    call.made(format!("{}/{length}", prefix.written(network)))
}

/// The first host is the address after the network's own.
fn host(call: &mut Call<'_>) -> Result<Node, Stop> {
    let prefix = Prefix::of(call)?;
    let index = call.integer(1)?;
    let first = u128::from(prefix.rest() > 1);
    let last = prefix.rest() - u128::from(prefix.v4 && prefix.rest() > 1);
    let offset = u128::try_from(index).ok().and_then(|index| index.checked_add(first));
    match offset.filter(|offset| *offset <= last) {
        Some(offset) => call.made(prefix.written(prefix.network + offset)),
        None => Err(call.at(1, format!("it has no host {index}; the last is {}", last - first))),
    }
}
