//! The difference of two policies.

use super::Colour;
use super::tables::{painted, plural, table};
use analysis::{Decider, Diff, Difference, OnlyIn, Region, Subject, text};
use comfy_table::Cell;
use model::{Access, Direction};
use packet::Protocol;
use policy::Tuple;
use serde::Serialize;
use std::io::{self, Write};
use std::net::IpAddr;

/// How many prefixes or ports a cell of a table shows.
const SHOWN: usize = 6;

/// The answer for programs.
#[derive(Serialize)]
pub struct Differences {
    equal: bool,
    differences: Vec<Entry>,
    /// What only one side has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<OneSided>,
    /// How many more regions there are.
    more: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    direction: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nsg: Option<String>,
    protocol: String,
    source: String,
    /// What is supposed of the source, where the documents leave it open.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_given: Option<String>,
    source_port: String,
    destination: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_given: Option<String>,
    destination_port: String,
    old: &'static str,
    new: &'static str,
    old_rule_name: Option<String>,
    new_rule_name: Option<String>,
    witness: Witness,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Witness {
    protocol: String,
    source: IpAddr,
    source_port: Option<u16>,
    destination: IpAddr,
    destination_port: Option<u16>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    given: Vec<String>,
}

#[derive(Serialize)]
struct OneSided {
    what: String,
    side: &'static str,
}

impl From<&Diff> for Differences {
    fn from(found: &Diff) -> Self {
        Self {
            equal: found.is_equal(),
            differences: found
                .differences
                .iter()
                .flat_map(|one| one.regions.iter().map(|region| Entry::new(one, region)))
                .collect(),
            only: found
                .only
                .iter()
                .map(|only| OneSided { what: only.what.clone(), side: side(only.side) })
                .collect(),
            more: more(found),
        }
    }
}

impl Entry {
    fn new(one: &Difference, region: &Region) -> Self {
        let (nic, nsg) = match &one.subject {
            Subject::Nic(name) => (Some(name.to_string()), None),
            Subject::Nsg(name) => (None, Some(name.to_string())),
        };
        let Tuple { protocol, source, source_port, destination, destination_port } = region.witness;
        Self {
            direction: way(one.direction),
            nic,
            nsg,
            protocol: text::protocols(region.protocols),
            source: region.source.to_string(),
            source_given: region.source.given.clone(),
            source_port: text::ports(&region.source_ports),
            destination: region.destination.to_string(),
            destination_given: region.destination.given.clone(),
            destination_port: text::ports(&region.destination_ports),
            old: access(region.old),
            new: access(region.new),
            old_rule_name: region.old_rule.as_ref().map(decider),
            new_rule_name: region.new_rule.as_ref().map(decider),
            witness: Witness {
                protocol: word(protocol),
                source: source.ip(),
                source_port,
                destination: destination.ip(),
                destination_port,
                given: suppositions(region),
            },
        }
    }
}

/// The difference of two policies.
///
/// # Errors
/// Those of the writer.
pub fn differences(out: &mut impl Write, found: &Diff, colour: Colour) -> io::Result<()> {
    if found.is_equal() {
        return writeln!(out, "{}: both decide alike over every packet", painted("equal", true, colour));
    }
    for only in &found.only {
        writeln!(out, "only in the {} one: {}", side(only.side), only.what)?;
    }
    for one in &found.differences {
        let name = match &one.subject {
            Subject::Nic(name) => format!("network interface {name}"),
            Subject::Nsg(name) => format!("network security group {name}"),
        };
        writeln!(out, "{name}, {}", way(one.direction).to_lowercase())?;
        let mut table =
            table(&["protocol", "source", "port", "destination", "port", "old", "new", "for example"]);
        for region in &one.regions {
            table.add_row(vec![
                Cell::new(text::protocols(region.protocols)),
                Cell::new(place(&region.source)),
                Cell::new(short(&text::ports(&region.source_ports))),
                Cell::new(place(&region.destination)),
                Cell::new(short(&text::ports(&region.destination_ports))),
                Cell::new(decided(region.old, region.old_rule.as_ref())),
                Cell::new(decided(region.new, region.new_rule.as_ref())),
                Cell::new(example(region)),
            ]);
        }
        writeln!(out, "{table}")?;
        if one.more > 0 {
            writeln!(out, "and {} more region{}", one.more, plural(one.more))?;
        }
    }
    let shown: usize = found.differences.iter().map(|one| one.regions.len()).sum();
    let all = (shown as u64).saturating_add(more(found));
    writeln!(out, "{}: {all} region{} of packets", painted("different", false, colour), plural(all))
}

fn more(found: &Diff) -> u64 {
    found.differences.iter().fold(0, |sum, one| sum.saturating_add(one.more))
}

fn side(side: OnlyIn) -> &'static str {
    match side {
        OnlyIn::Old => "old",
        OnlyIn::New => "new",
    }
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

/// A protocol's word, or its number.
fn word(protocol: Protocol) -> String {
    match text::protocol(protocol) {
        "Other" => protocol.0.to_string(),
        word => word.to_owned(),
    }
}

fn suppositions(region: &Region) -> Vec<String> {
    let inside = |name: &Option<std::sync::Arc<str>>| {
        name.as_deref().filter(|name| *name != "Internet").map(|name| format!("in {name}"))
    };
    let sides = [("source", &region.source), ("destination", &region.destination)];
    let said = sides.into_iter().filter_map(|(side, place)| {
        let given = place.given.clone().or_else(|| inside(&place.name))?;
        Some(format!("{side} {given}"))
    });
    said.collect()
}

fn place(place: &analysis::Place) -> String {
    let addresses = match text::all_but(&place.addresses) {
        Some((whole, missing)) if place.name.is_none() => {
            format!("{whole}\nbut {}", text::addresses(&missing).replace(',', "\n    "))
        }
        _ => short(&place.to_string()),
    };
    match &place.given {
        Some(given) => format!("{addresses}\n{given}"),
        None => addresses,
    }
}

/// The first elements of a list, one below the other.
fn short(list: &str) -> String {
    let elements: Vec<&str> = list.split(',').collect();
    let shown = elements.iter().take(SHOWN).copied().collect::<Vec<_>>().join("\n");
    match elements.len().saturating_sub(SHOWN) {
        0 => shown,
        _ => format!("{shown}\n…"),
    }
}

fn decided(by: Access, rule: Option<&Decider>) -> String {
    match rule {
        Some(rule) => format!("{}\n{}", access(by), decider(rule)),
        None => access(by).to_owned(),
    }
}

fn example(region: &Region) -> String {
    let Tuple { protocol, source, source_port, destination, destination_port } = region.witness;
    let end = |address: packet::Address, port: Option<u16>| match port {
        Some(port) => std::net::SocketAddr::new(address.ip(), port).to_string(),
        None => address.to_string(),
    };
    format!("{} {}\n> {}", word(protocol), end(source, source_port), end(destination, destination_port))
}
