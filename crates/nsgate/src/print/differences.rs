//! The difference of two policies.

use super::Colour;
use super::tables::{painted, plural, table};
use crate::difference::{access, decider, told, way, word};
use analysis::{Decider, Diff, OnlyIn, Region, Subject, text};
use comfy_table::Cell;
use control::answer;
use model::Access;
use policy::Tuple;
use serde::Serialize;
use std::io::{self, Write};

/// How many prefixes or ports a cell of a table shows.
const SHOWN: usize = 6;

/// The answer for programs.
#[derive(Serialize)]
pub struct Differences {
    equal: bool,
    differences: Vec<answer::Difference>,
    /// What only one side has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    only: Vec<OneSided>,
    /// How many more regions there are.
    more: u64,
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
            differences: found.differences.iter().flat_map(told).collect(),
            only: found
                .only
                .iter()
                .map(|only| OneSided { what: only.what.clone(), side: side(only.side) })
                .collect(),
            more: more(found),
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
