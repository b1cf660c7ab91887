//! The difference of two policies.

use super::Colour;
use super::tables::{painted, plural, table};
use analysis::text;
use comfy_table::{Cell, Table};
use control::answer::{Difference, Differences, Region};
use ipnet::IpNet;
use policy::Ranges;
use std::io::{self, Write};
use std::net::SocketAddr;

/// How many prefixes or ports a cell of a table shows.
const SHOWN: usize = 6;
/// The columns that a table with names of some length takes.
const TABLE: u16 = 150;

/// The difference of two policies, for a terminal of so many columns, or for none.
///
/// # Errors
/// Those of the writer.
pub fn differences(
    out: &mut impl Write,
    found: &Differences,
    colour: Colour,
    width: Option<u16>,
) -> io::Result<()> {
    if found.equal {
        return writeln!(out, "{}: the rules decide alike over every packet", painted("equal", true, colour));
    }
    for only in &found.only {
        writeln!(out, "only in the {} one: {}", only.side, only.what)?;
    }
    for some in found.differences.chunk_by(|one, next| head(one) == head(next)) {
        let Some(first) = some.first() else { continue };
        writeln!(out, "{}", head(first))?;
        match width.filter(|width| *width < TABLE) {
            Some(_) => some.iter().try_for_each(|one| in_words(out, one))?,
            None => writeln!(out, "{}", in_columns(some))?,
        }
    }
    let listed = found.differences.len() as u64;
    let different = painted("different", false, colour);
    match (listed.saturating_add(found.more), found.more) {
        (0, _) => writeln!(out, "{different}: the rules of what both have decide alike"),
        (all, 0) => writeln!(out, "{different}: {all} region{} of packets", plural(all)),
        (all, _) => writeln!(out, "{different}: {all} regions of packets, of which {listed} are shown"),
    }
}

/// Whose packets they are, and which way they go.
fn head(one: &Difference) -> String {
    let name = match (&one.nic, &one.nsg) {
        (Some(name), _) => format!("network interface {name}"),
        (None, name) => format!("network security group {}", name.as_deref().unwrap_or_default()),
    };
    format!("{name}, {}", one.direction.to_lowercase())
}

fn in_columns(some: &[Difference]) -> Table {
    let mut table =
        table(&["protocol", "source", "port", "destination", "port", "old", "new", "for example"]);
    for one in some {
        let Region { protocol, source, source_given, source_port, .. } = &one.region;
        let Region { destination, destination_given, destination_port, .. } = &one.region;
        table.add_row(vec![
            Cell::new(protocol),
            Cell::new(place(source, source_given.as_deref())),
            Cell::new(short(source_port)),
            Cell::new(place(destination, destination_given.as_deref())),
            Cell::new(short(destination_port)),
            Cell::new(decided(&one.old, one.old_rule_name.as_deref())),
            Cell::new(decided(&one.new, one.new_rule_name.as_deref())),
            Cell::new(example(one)),
        ]);
    }
    table
}

/// A difference for a terminal that is too narrow for the table.
fn in_words(out: &mut impl Write, one: &Difference) -> io::Result<()> {
    let flat = |cell: String| cell.lines().map(str::trim).collect::<Vec<_>>().join(", ");
    let port = |ports: &str| match flat(short(ports)) {
        any if any == "*" => String::new(),
        ports => format!(" port {ports}"),
    };
    let region = &one.region;
    writeln!(
        out,
        "  {} from {}{} to {}{}",
        if region.protocol == "*" { "any protocol" } else { &region.protocol },
        flat(place(&region.source, region.source_given.as_deref())),
        port(&region.source_port),
        flat(place(&region.destination, region.destination_given.as_deref())),
        port(&region.destination_port)
    )?;
    writeln!(out, "    old: {}", flat(decided(&one.old, one.old_rule_name.as_deref())))?;
    writeln!(out, "    new: {}", flat(decided(&one.new, one.new_rule_name.as_deref())))?;
    writeln!(out, "    for example {}", example(one).replace('\n', " "))
}

fn place(addresses: &str, given: Option<&str>) -> String {
    let addresses = match all_but(addresses) {
        Some((whole, missing)) => format!("{whole}\nbut {}", missing.replace(',', "\n    ")),
        None => short(addresses),
    };
    match given {
        Some(given) => format!("{addresses}\n{given}"),
        None => addresses,
    }
}

/// Many prefixes that hold nearly everything, told by the few that they leave out.
fn all_but(addresses: &str) -> Option<(&'static str, String)> {
    let prefix = |word: &str| -> Option<IpNet> {
        word.parse().ok().or_else(|| Some(word.parse::<std::net::IpAddr>().ok()?.into()))
    };
    let prefixes: Vec<IpNet> = addresses.split(',').map(prefix).collect::<Option<_>>()?;
    let (whole, missing) = text::all_but(&Ranges::of_prefixes(&prefixes))?;
    Some((whole, text::addresses(&missing)))
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

fn decided(access: &str, rule: Option<&str>) -> String {
    rule.map_or_else(|| access.to_owned(), |rule| format!("{access}\n{rule}"))
}

fn example(one: &Difference) -> String {
    let end = |address, port: &str| match port.parse() {
        Ok(port) => SocketAddr::new(address, port).to_string(),
        Err(_) => address.to_string(),
    };
    let (source, destination) =
        (end(one.source, &one.source_port), end(one.destination, &one.destination_port));
    format!("{} {source}\n> {destination}", one.protocol)
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::answer::OneSided;

    fn shown(found: &Differences, width: Option<u16>) -> String {
        let mut out = Vec::new();
        differences(&mut out, found, Colour::No, width).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn opened() -> Difference {
        Difference {
            direction: "Inbound".into(),
            nic: Some("web1-nic".into()),
            nsg: None,
            protocol: "Tcp".into(),
            source: [203, 0, 113, 9].into(),
            source_port: "50000".into(),
            destination: [10, 0, 1, 4].into(),
            destination_port: "22".into(),
            old: "Deny".into(),
            new: "Allow".into(),
            old_rule_name: Some("web/DenyAllInBound".into()),
            new_rule_name: Some("web/AllowSsh".into()),
            given: Vec::new(),
            region: Region {
                protocol: "Tcp".into(),
                source: "0.0.0.0/0".into(),
                source_given: Some("outside VirtualNetwork".into()),
                source_port: "*".into(),
                destination: "10.0.1.0/24".into(),
                destination_given: None,
                destination_port: "22".into(),
            },
        }
    }

    #[test]
    fn a_narrow_terminal_is_told_in_words() {
        let found = Differences { differences: vec![opened()], ..Differences::default() };
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
    fn what_is_not_shown_is_counted() {
        let found = Differences { differences: vec![opened()], more: 4, ..Differences::default() };
        let said = shown(&found, Some(80));
        assert!(said.ends_with("different: 5 regions of packets, of which 1 are shown\n"), "{said}");
    }

    #[test]
    fn nearly_everything_is_told_by_what_it_leaves_out() {
        let mut but = opened();
        let every = Ranges::of_prefixes(&["0.0.0.0/0".parse().unwrap()]);
        let without = every.minus(&Ranges::of_prefixes(&["10.0.1.4/32".parse().unwrap()]));
        but.region.source = text::addresses(&without);
        let said = shown(&Differences { differences: vec![but], ..Differences::default() }, Some(80));
        assert!(said.contains("from 0.0.0.0/0, but 10.0.1.4, outside VirtualNetwork to"), "{said}");
    }

    #[test]
    fn what_only_one_has_is_no_region() {
        let only = OneSided { what: "network interface web2-nic".into(), side: "new".into() };
        let found = Differences { only: vec![only], ..Differences::default() };
        let said = "only in the new one: network interface web2-nic\ndifferent: the rules of what both have decide alike\n";
        assert_eq!(shown(&found, None), said);
    }
}
