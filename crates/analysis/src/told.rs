//! The difference of two networks as answers carry it.

use crate::diff::{Diff, OnlyIn, Subject};
use crate::reach::{self, Reacher};
use crate::region::{self, Decider, Place};
use crate::text;
use answer::{Difference, Differences, Incomplete, OneSided, ReachChange, Reached, Region};
use model::{Access, Direction, NextHop};
use policy::Tuple;

/// A difference in plain data: each region with its packet.
pub fn answer(found: &Diff) -> Differences {
    let side = |side| match side {
        OnlyIn::Old => "old",
        OnlyIn::New => "new",
    };
    Differences {
        equal: found.is_equal(),
        differences: found.differences.iter().flat_map(regions).collect(),
        more: found.differences.iter().fold(0, |sum, one| sum.saturating_add(one.more)),
        incomplete: found.differences.iter().filter(|one| !one.is_complete).map(incomplete).collect(),
        only: found
            .only
            .iter()
            .map(|only| OneSided { what: only.what.clone(), side: side(only.side).into() })
            .collect(),
        reach: found.reach.iter().map(reach).collect(),
        more_reach: found.more_reach,
    }
}

fn reach(change: &reach::ReachChange) -> ReachChange {
    let (nic, virtual_network) = match &change.whose {
        Reacher::Nic(name) => (Some(name.to_string()), None),
        Reacher::VirtualNetwork(name) => (None, Some(name.to_string())),
    };
    let [gained, lost] = [&change.gained, &change.lost].map(|list| list.iter().map(reached).collect());
    ReachChange { nic, virtual_network, gained, lost }
}

fn reached(it: &reach::Reached) -> Reached {
    match it {
        reach::Reached::VirtualNetwork { name, addresses } => {
            Reached::VirtualNetwork { name: name.to_string(), addresses: text::addresses(addresses) }
        }
        reach::Reached::OnPremises { addresses } => {
            Reached::OnPremises { addresses: text::addresses(addresses) }
        }
        reach::Reached::Internet { is_ipv6 } => {
            Reached::Internet { ip_version: if *is_ipv6 { "IPv6" } else { "IPv4" }.into() }
        }
        reach::Reached::PublicAddress { name, address, private } => {
            Reached::PublicIpAddress { name: name.to_string(), address: *address, private_address: *private }
        }
        reach::Reached::Route { destination, next_hop } => Reached::Route {
            destination: destination.to_string(),
            next_hop_type: next_hop.name().into(),
            next_hop_ip_address: match next_hop {
                NextHop::VirtualAppliance(address) => *address,
                _ => None,
            },
        },
    }
}

fn incomplete(one: &crate::diff::Difference) -> Incomplete {
    let Whose { nic, subnet, nsg } = whose(&one.subject);
    let groups = one.groups.iter().map(ToString::to_string).collect();
    Incomplete { direction: way(one.direction).into(), nic, subnet, nsg, groups }
}

/// A network interface, or a group, or a subnet and its group.
struct Whose {
    nic: Option<String>,
    subnet: Option<String>,
    nsg: Option<String>,
}

fn whose(subject: &Subject) -> Whose {
    let (nic, subnet, nsg) = match subject {
        Subject::Nic(name) => (Some(name), None, None),
        Subject::Nsg(name) => (None, None, Some(name)),
        Subject::Subnet { subnet, nsg } => (None, Some(subnet), Some(nsg)),
    };
    let [nic, subnet, nsg] = [nic, subnet, nsg].map(|name| name.map(ToString::to_string));
    Whose { nic, subnet, nsg }
}

fn regions(one: &crate::diff::Difference) -> impl Iterator<Item = Difference> + '_ {
    one.regions.iter().map(|region| {
        let Whose { nic, subnet, nsg } = whose(&one.subject);
        let Tuple { protocol, source, source_port, destination, destination_port } = region.witness;
        Difference {
            direction: way(one.direction).into(),
            nic,
            subnet,
            nsg,
            protocol: protocol.to_string(),
            source: source.ip(),
            source_port: port(source_port),
            destination: destination.ip(),
            destination_port: port(destination_port),
            old: access(region.old).into(),
            new: access(region.new).into(),
            old_rule_name: region.old_rule.as_ref().map(decider),
            new_rule_name: region.new_rule.as_ref().map(decider),
            given: suppositions(region),
            region: Region {
                protocol: text::protocols(region),
                source: region.source.to_string(),
                source_given: region.source.given.clone(),
                source_port: text::ports(&region.source_ports),
                destination: region.destination.to_string(),
                destination_given: region.destination.given.clone(),
                destination_port: text::ports(&region.destination_ports),
            },
        }
    })
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "Inbound",
        Direction::Outbound => "Outbound",
    }
}

fn access(access: Access) -> &'static str {
    match access {
        Access::Allow => "Allow",
        Access::Deny => "Deny",
    }
}

fn decider(by: &Decider) -> String {
    format!("{}/{}", by.nsg, by.rule)
}

fn port(port: Option<u16>) -> String {
    port.map_or_else(|| "*".to_owned(), |port| port.to_string())
}

/// What is supposed of a region's packet where the documents leave it open.
fn suppositions(region: &region::Region) -> Vec<String> {
    // The name of a published tag says which addresses; one that stands for every address says what is supposed of them.
    let is_supposed =
        |place: &Place| matches!(&*text::addresses(&place.addresses), "*" | "0.0.0.0/0" | "::/0");
    let inside =
        |place: &Place| place.name.as_deref().filter(|_| is_supposed(place)).map(|name| format!("in {name}"));
    let sides = [("source", &region.source), ("destination", &region.destination)];
    let said = sides.into_iter().filter_map(|(side, place)| {
        let given = place.given.clone().or_else(|| inside(place))?;
        Some(format!("{side} {given}"))
    });
    said.collect()
}
