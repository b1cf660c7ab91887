//! The difference of two policies.

use super::Colour;
use super::difference::{access, decider, told, way, word};
use super::tables::{painted, plural, table};
use analysis::{Decider, Diff, OnlyIn, Region, Subject, text};
use comfy_table::{Cell, Table};
use control::answer;
use model::Access;
use policy::{Ranges, Tuple};
use serde::Serialize;
use std::io::{self, Write};

/// How many prefixes or ports a cell of a table shows.
const SHOWN: usize = 6;
/// The columns that a table with names of some length takes.
const TABLE: u16 = 150;

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

/// The difference of two policies, for a terminal of so many columns, or for none.
///
/// # Errors
/// Those of the writer.
pub fn differences(out: &mut impl Write, found: &Diff, colour: Colour, width: Option<u16>) -> io::Result<()> {
    if found.is_equal() {
        return writeln!(out, "{}: the rules decide alike over every packet", painted("equal", true, colour));
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
        match width.filter(|width| *width < TABLE) {
            Some(_) => one.regions.iter().try_for_each(|region| in_words(out, region))?,
            None => writeln!(out, "{}", in_columns(&one.regions))?,
        }
        if one.more > 0 {
            writeln!(out, "and {} more region{}", one.more, plural(one.more))?;
        }
    }
    let shown: usize = found.differences.iter().map(|one| one.regions.len()).sum();
    let all = (shown as u64).saturating_add(more(found));
    let different = painted("different", false, colour);
    match all {
        0 => writeln!(out, "{different}: the rules of what both have decide alike"),
        _ => writeln!(out, "{different}: {all} region{} of packets", plural(all)),
    }
}

fn in_columns(regions: &[Region]) -> Table {
    let mut table =
        table(&["protocol", "source", "port", "destination", "port", "old", "new", "for example"]);
    for region in regions {
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
    table
}

/// A region for a terminal that is too narrow for the table.
fn in_words(out: &mut impl Write, region: &Region) -> io::Result<()> {
    let flat = |cell: String| cell.lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let port = |ports: &Ranges| match flat(short(&text::ports(ports))) {
        any if any == "*" => String::new(),
        ports => format!(" port {ports}"),
    };
    let protocol = text::protocols(region.protocols);
    writeln!(
        out,
        "  {} from {}{} to {}{}",
        if protocol == "*" { "any protocol" } else { &protocol },
        flat(place(&region.source)),
        port(&region.source_ports),
        flat(place(&region.destination)),
        port(&region.destination_ports)
    )?;
    writeln!(out, "    old: {}", flat(decided(region.old, region.old_rule.as_ref())))?;
    writeln!(out, "    new: {}", flat(decided(region.new, region.new_rule.as_ref())))?;
    writeln!(out, "    for example {}", example(region).replace('\n', " "))
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

#[cfg(test)]
mod tests {
    use super::*;
    use analysis::{Only, Place};
    use model::Direction;
    use packet::Protocol;

    fn shown(found: &Diff, width: Option<u16>) -> String {
        let mut out = Vec::new();
        differences(&mut out, found, Colour::No, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_narrow_terminal_is_told_in_words() {
        let [anybody, site] = ["0.0.0.0/0", "10.0.1.0/24"].map(|text| {
            let addresses = Ranges::of_prefixes([&text.parse::<ipnet::IpNet>().unwrap()]);
            Place { addresses, name: None, given: None }
        });
        let port = |port| Ranges::of_ports(&model::PortSet::from_ranges([port]));
        let decider = |rule: &str| Some(Decider { nsg: "web".into(), rule: rule.into() });
        let region = Region {
            protocols: 1,
            source: Place { given: Some("outside VirtualNetwork".into()), ..anybody },
            source_ports: port(0..=u16::MAX),
            destination: site,
            destination_ports: port(22..=22),
            old: Access::Deny,
            new: Access::Allow,
            witness: Tuple {
                protocol: Protocol::TCP,
                source: std::net::IpAddr::from([203, 0, 113, 9]).into(),
                source_port: Some(50_000),
                destination: std::net::IpAddr::from([10, 0, 1, 4]).into(),
                destination_port: Some(22),
            },
            old_rule: decider("DenyAllInBound"),
            new_rule: decider("AllowSsh"),
        };
        let one = analysis::Difference {
            subject: Subject::Nic("web1-nic".into()),
            direction: Direction::Inbound,
            regions: vec![region],
            more: 0,
        };
        let found = Diff { differences: vec![one], only: Vec::new() };
        assert!(shown(&found, None).contains("│ Tcp "));
        let narrow = "network interface web1-nic, inbound\n  \
                      Tcp from 0.0.0.0/0, outside VirtualNetwork to 10.0.1.0/24 port 22\n    \
                      old: Deny, web/DenyAllInBound\n    \
                      new: Allow, web/AllowSsh\n    \
                      for example Tcp 203.0.113.9:50000 > 10.0.1.4:22\n\
                      different: 1 region of packets\n";
        assert_eq!(shown(&found, Some(80)), narrow);
    }

    #[test]
    fn what_only_one_has_is_no_region() {
        let only = Only { what: "network interface web2-nic".into(), side: OnlyIn::New };
        let found = Diff { differences: Vec::new(), only: vec![only] };
        let said = "only in the new one: network interface web2-nic\ndifferent: the rules of what both have decide alike\n";
        assert_eq!(shown(&found, None), said);
    }
}
