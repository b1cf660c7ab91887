//! Sets as people write them.

use crate::line::carried;
use crate::region::{Place, Region};
use crate::symbol::World;
use packet::Protocol;
use policy::{IPV4, KINDS, Ranges};
use std::fmt;

/// How many elements of a set are written before it is cut short.
pub const MAX_ELEMENTS: usize = 256;

/// What is supposed of some addresses.
pub(crate) enum Given {
    /// Nothing.
    Nothing,
    /// To be in something that has this name.
    Named(String),
    /// Something else.
    Other(String),
}

/// What these of all worlds have in common.
pub(crate) fn given(worlds: &[&World], all: &[World]) -> Given {
    let inside = worlds.iter().filter(|world| world.inside() == Some(true)).count();
    if worlds.len() == all.len() {
        return Given::Nothing;
    }
    if inside == worlds.len() && inside == all.len() - 1 {
        return Given::Named("VirtualNetwork".into());
    }
    let of = |world: &World, group: &str| matches!(world, World::Inside(groups) if groups.iter().any(|it| **it == *group));
    if let Some(World::Inside(groups)) = worlds.first() {
        let members = |group: &str| all.iter().filter(|world| of(world, group)).count();
        let shared = |group: &&std::sync::Arc<str>| {
            members(group) == worlds.len() && worlds.iter().all(|world| of(world, group))
        };
        if let Some(group) = groups.iter().find(shared) {
            return Given::Named(group.to_string());
        }
    }
    let words: Vec<String> = worlds.iter().take(4).map(|world| word(world)).collect();
    let more = if worlds.len() > words.len() { ", or others" } else { "" };
    Given::Other(format!("{}{more}", words.join(", or ")))
}

fn word(world: &World) -> String {
    match world {
        World::Known | World::Member(..) => String::new(),
        World::Outside => "outside VirtualNetwork".into(),
        World::Inside(groups) if groups.is_empty() => "in VirtualNetwork, in no group".into(),
        World::Inside(groups) => format!("in {}", groups.join(" and ")),
    }
}

/// The protocols of a region, as Azure writes them: `*` for all that its addresses can carry, or a list.
pub fn protocols(region: &Region) -> String {
    let bits = region.protocols;
    if bits == carried(region.source.families(&region.destination)) {
        return "*".into();
    }
    let held = KINDS.iter().enumerate().filter(|(nth, _)| bits & (1 << nth) != 0);
    let words: Vec<String> = held.map(|(_, kind)| kind.unwrap_or(Protocol::ICMPV6).to_string()).collect();
    words.join(",")
}

/// Ports: `*`, or a list such as `80,1024-65535`.
pub fn ports(ports: &Ranges) -> String {
    if ports.as_slice() == [(0, u128::from(u16::MAX))] {
        return "*".into();
    }
    let words = ports
        .as_slice()
        .iter()
        .map(|&(start, end)| if start == end { start.to_string() } else { format!("{start}-{end}") });
    listed(words)
}

/// Addresses as prefixes: `*`, or a list such as `10.0.0.4,10.0.1.0/24`.
pub fn addresses(addresses: &Ranges) -> String {
    if *addresses == Ranges::every_address() {
        return "*".into();
    }
    listed(addresses.prefixes().into_iter().map(|prefix| {
        if prefix.prefix_len() == prefix.max_prefix_len() {
            prefix.addr().to_string()
        } else {
            prefix.to_string()
        }
    }))
}

/// The few addresses that are missing from a set that holds nearly all of a family, and what it nearly holds.
pub fn all_but(addresses: &Ranges) -> Option<(&'static str, Ranges)> {
    let four = Ranges::union([IPV4]);
    let six = Ranges::every_address().minus(&four);
    // A family that is missing as a whole is none of the few.
    let wholes = [("0.0.0.0/0", four), ("::/0", six), ("*", Ranges::every_address())];
    wholes.into_iter().find_map(|(name, whole)| {
        let missing = whole.minus(addresses);
        let few = addresses.minus(&whole).is_empty() && missing.prefixes().len() <= 3;
        (few && !missing.is_empty() && addresses.prefixes().len() > 6).then_some((name, missing))
    })
}

fn listed(words: impl Iterator<Item = String>) -> String {
    let mut words = words.peekable();
    let first: Vec<String> = words.by_ref().take(MAX_ELEMENTS).collect();
    let text = first.join(",");
    if words.peek().is_some() { format!("{text} and {} more", words.count()) } else { text }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name),
            None => f.write_str(&addresses(&self.addresses)),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = |place: &Place| match &place.given {
            Some(given) => format!("{place} ({given})"),
            None => place.to_string(),
        };
        write!(
            f,
            "{} from {} port {} to {} port {}: {:?} becomes {:?}",
            protocols(self),
            side(&self.source),
            ports(&self.source_ports),
            side(&self.destination),
            ports(&self.destination_ports),
            self.old,
            self.new
        )
    }
}
