//! The difference of two policies.

use crate::layout::{Column, Grid, Look, plural};
use analysis::text;
use answer::{Difference, Differences, Incomplete, ReachChange, Reached, Region};
use ipnet::IpNet;
use policy::Ranges;
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::SocketAddr;

/// How many prefixes or ports a cell of a table shows.
const SHOWN: usize = 6;

/// The difference of two policies.
///
/// # Errors
/// Those of the writer.
pub fn differences(out: &mut impl Write, found: &Differences, look: &Look) -> io::Result<()> {
    if found.equal {
        let equal = look.verdict("equal", true);
        let alike = "the rules decide alike over every packet, and the same is reached";
        return look.line(out, &format!("{equal}: {alike}"));
    }
    for only in &found.only {
        look.line(out, &format!("only in the {} policy: {}", only.side, only.what))?;
    }
    for some in found.differences.chunk_by(|one, next| head(one) == head(next)) {
        let Some(first) = some.first() else { continue };
        look.line(out, &head(first))?;
        if !in_columns(some).write_table(out, look)? {
            some.iter().try_for_each(|one| in_words(out, one, look))?;
        }
    }
    for one in &found.incomplete {
        look.line(out, &incomplete(one))?;
    }
    reach(out, &found.reach, look)?;
    let reached: usize = found.reach.iter().map(|one| one.gained.len() + one.lost.len()).sum();
    let counts = [
        counted(found.differences.len(), found.more, "region", " of packets"),
        counted(reached, found.more_reach, "change", " of reach"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let told = match counts.as_slice() {
        [] if !found.incomplete.is_empty() => {
            return look.line(
                out,
                &format!(
                    "{}: no difference was found, but not all was compared",
                    look.verdict("unknown", false)
                ),
            );
        }
        [] => "of what both have the rules decide alike, and the same is reached".to_owned(),
        counts => counts.join("; "),
    };
    let rest = if found.incomplete.is_empty() { "" } else { "; not all was compared" };
    look.line(out, &format!("{}: {told}{rest}", look.verdict("different", false)))
}

/// How many there are, and how many of them are shown; `None` where there are none.
fn counted(shown: usize, more: u64, what: &str, of: &str) -> Option<String> {
    let all = (shown as u64).saturating_add(more);
    let said = format!("{all} {what}{}{of}", plural(all));
    match (all, more) {
        (0, _) => None,
        (_, 0) => Some(said),
        _ => Some(format!("{said}, {shown} of them shown")),
    }
}

/// What is reached by one policy alone; those together that gain and lose the same.
fn reach(out: &mut impl Write, changes: &[ReachChange], look: &Look) -> io::Result<()> {
    let mut together: Vec<(&ReachChange, Vec<String>)> = Vec::new();
    let mut places = HashMap::new();
    for change in changes {
        let place =
            *places.entry((&change.gained, &change.lost, change.nic.is_some())).or_insert_with(|| {
                together.push((change, Vec::new()));
                together.len() - 1
            });
        together[place].1.extend(change.nic.iter().chain(&change.virtual_network).cloned());
    }
    for (change, names) in together {
        let kind = if change.nic.is_some() { "network interface" } else { "virtual network" };
        let more = match names.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        let names = format!("{kind}{} {shown}{more}", plural(names.len() as u64));
        look.line(out, &format!("{names}, whatever the rules say"))?;
        for (word, list) in [("gained", &change.gained), ("lost", &change.lost)] {
            for one in list {
                look.line(out, &format!("  {word:6} {}", reached(one)))?;
            }
        }
    }
    Ok(())
}

fn reached(it: &Reached) -> String {
    let list = |addresses: &str| flat(short(addresses));
    match it {
        Reached::VirtualNetwork { name, addresses } => format!("virtual network {name}: {}", list(addresses)),
        Reached::OnPremises { addresses } => format!("on premises: {}", list(addresses)),
        Reached::Internet { ip_version } => format!("internet over {ip_version}"),
        Reached::PublicIpAddress { name, address, private_address } => {
            let address = address.map_or("not assigned yet".into(), |address| address.to_string());
            let of = private_address.map(|private| format!(" for {private}")).unwrap_or_default();
            format!("public address {name}: {address}{of}")
        }
        Reached::Route { destination, next_hop_type, next_hop_ip_address } => {
            let address = next_hop_ip_address.map(|address| format!(" {address}")).unwrap_or_default();
            format!("route to {destination}: next hop {next_hop_type}{address}")
        }
    }
}

/// Whose packets they are, and which way they go.
fn head(one: &Difference) -> String {
    whose([&one.nic, &one.subnet, &one.nsg], &one.direction)
}

fn whose(names: [&Option<String>; 3], direction: &str) -> String {
    let kinds = ["network interface", "subnet", "network security group"];
    let known = kinds.into_iter().zip(names).find_map(|(kind, name)| Some((kind, name.as_ref()?)));
    let whose = known.map(|(kind, name)| format!("{kind} {name}, ")).unwrap_or_default();
    format!("{whose}{}", direction.to_lowercase())
}

/// A comparison that did not come to its end.
fn incomplete(one: &Incomplete) -> String {
    let whose = whose([&one.nic, &one.subnet, &one.nsg], &one.direction);
    let is_group = one.nic.is_none() && one.subnet.is_none();
    let groups = match one.groups.as_slice() {
        [] => String::new(),
        _ if is_group => String::new(),
        [one] => format!(" of network security group {one}"),
        groups => format!(" of network security groups {}", groups.join(", ")),
    };
    format!("{whose}: the rules{groups} overlap in too many ways to find every difference; there may be more")
}

fn in_columns(some: &[Difference]) -> Grid {
    let header = ["protocol", "source", "port", "destination", "port", "old", "new", "for example"];
    let mut table = Grid::new(&header.map(Column::Text));
    for one in some {
        let Region { protocol, source, source_given, source_port, .. } = &one.region;
        let Region { destination, destination_given, destination_port, .. } = &one.region;
        table.row([
            protocol.clone(),
            place(source, source_given.as_deref()),
            short(source_port),
            place(destination, destination_given.as_deref()),
            short(destination_port),
            decided(&one.old, one.old_rule_name.as_deref()),
            decided(&one.new, one.new_rule_name.as_deref()),
            example(one),
        ]);
    }
    table
}

/// A difference for a terminal that is too narrow for the table.
fn in_words(out: &mut impl Write, one: &Difference, look: &Look) -> io::Result<()> {
    let port = |ports: &str| match flat(short(ports)) {
        any if any == "*" => String::new(),
        ports => format!(" port {ports}"),
    };
    let region = &one.region;
    let protocol = if region.protocol == "*" { "any protocol" } else { &region.protocol };
    let source = flat(place(&region.source, region.source_given.as_deref()));
    let destination = flat(place(&region.destination, region.destination_given.as_deref()));
    let (from, to) = (port(&region.source_port), port(&region.destination_port));
    look.line(out, &format!("  {protocol} from {source}{from} to {destination}{to}"))?;
    for (when, access, rule) in [("old", &one.old, &one.old_rule_name), ("new", &one.new, &one.new_rule_name)]
    {
        let by = rule.as_ref().map(|rule| format!(" by {rule}")).unwrap_or_default();
        look.line(out, &format!("    {when}: {}{by}", look.verdict(access, access == "Allow")))?;
    }
    look.line(out, &format!("    for example {}", example(one).replace('\n', " ")))
}

/// A cell in one line.
fn flat(cell: String) -> String {
    let words: Vec<&str> = cell.lines().map(str::trim).collect();
    words.join(", ").replace(", and ", " and ")
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

/// The first elements of a list, one below the other, and how many more there are.
fn short(list: &str) -> String {
    // A list that was cut says so itself.
    let (list, cut) = match list.strip_suffix(" more").and_then(|list| list.rsplit_once(" and ")) {
        Some((list, count)) => (list, count.parse::<usize>().unwrap_or_default()),
        None => (list, 0),
    };
    let elements: Vec<&str> = list.split(',').collect();
    let shown = elements.iter().take(SHOWN).copied().collect::<Vec<_>>().join("\n");
    match elements.len().saturating_sub(SHOWN).saturating_add(cut) {
        0 => shown,
        more => format!("{shown}\nand {more} more"),
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
    use answer::OneSided;

    fn shown(found: &Differences, width: Option<u16>) -> String {
        let mut out = Vec::new();
        differences(&mut out, found, &Look { width, colour: false }).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn opened() -> Difference {
        Difference {
            direction: "Inbound".into(),
            nic: Some("web1-nic".into()),
            subnet: None,
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
                      old: Deny by web/DenyAllInBound\n    \
                      new: Allow by web/AllowSsh\n    \
                      for example Tcp 203.0.113.9:50000 > 10.0.1.4:22\n\
                      different: 1 region of packets\n";
        assert_eq!(shown(&found, Some(80)), narrow);
    }

    #[test]
    fn what_is_not_shown_is_counted() {
        let found = Differences { differences: vec![opened()], more: 4, ..Differences::default() };
        let said = shown(&found, Some(80));
        assert!(said.ends_with("different: 5 regions of packets, 1 of them shown\n"), "{said}");
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
    fn who_reaches_the_same_is_told_together() {
        let hub = Reached::VirtualNetwork { name: "hub".into(), addresses: "10.1.0.0/16,10.2.0.0/16".into() };
        let public = Reached::PublicIpAddress {
            name: "web1-ip".into(),
            address: Some([203, 0, 113, 20].into()),
            private_address: Some([10, 0, 1, 4].into()),
        };
        let nic = |nth: usize| Some(format!("web{nth}-nic"));
        let lost = ReachChange { lost: vec![hub], ..ReachChange::default() };
        let mut reach: Vec<_> = (1..9).map(|nth| ReachChange { nic: nic(nth), ..lost.clone() }).collect();
        reach[2].gained.push(public);
        let found = Differences { reach, more_reach: 1, ..Differences::default() };
        assert_eq!(
            shown(&found, Some(80)),
            "network interfaces web1-nic, web2-nic, web4-nic, web5-nic, web6-nic, web7-nic\n    \
             and 1 more, whatever the rules say\n  \
             lost   virtual network hub: 10.1.0.0/16, 10.2.0.0/16\n\
             network interface web3-nic, whatever the rules say\n  \
             gained public address web1-ip: 203.0.113.20 for 10.0.1.4\n  \
             lost   virtual network hub: 10.1.0.0/16, 10.2.0.0/16\n\
             different: 10 changes of reach, 9 of them shown\n"
        );
    }

    #[test]
    fn what_was_not_compared_is_told() {
        let not = Incomplete {
            direction: "Inbound".into(),
            nic: Some("web1-nic".into()),
            subnet: None,
            nsg: None,
            groups: vec!["web".into(), "nic".into()],
        };
        let mut found = Differences { incomplete: vec![not], ..Differences::default() };
        let told = "network interface web1-nic, inbound: the rules of network security groups web,\n    \
                    nic overlap in too many ways to find every difference; there may be more\n";
        let unknown = "unknown: no difference was found, but not all was compared\n";
        assert_eq!(shown(&found, Some(80)), format!("{told}{unknown}"));
        found.differences.push(opened());
        let said = shown(&found, Some(80));
        assert!(said.contains(told), "{said}");
        assert!(said.ends_with("different: 1 region of packets; not all was compared\n"), "{said}");
    }

    #[test]
    fn a_subnet_is_told_by_its_name() {
        let of = |one: Difference, name: &str| Difference {
            nic: None,
            subnet: Some(name.into()),
            nsg: Some("web".into()),
            ..one
        };
        let differences = vec![of(opened(), "v1/a"), of(opened(), "v1/b")];
        let not = Incomplete {
            direction: "Outbound".into(),
            nic: None,
            subnet: Some("v1/b".into()),
            nsg: Some("web".into()),
            groups: vec!["web".into()],
        };
        let said =
            shown(&Differences { differences, incomplete: vec![not], ..Differences::default() }, Some(80));
        // Each has a head of its own, though the group is the same.
        let heads: Vec<&str> = said.lines().filter(|line| line.starts_with("subnet ")).collect();
        let not = "subnet v1/b, outbound: the rules of network security group web overlap in";
        assert_eq!(heads.len(), 3, "{said}");
        assert_eq!(heads[..2], ["subnet v1/a, inbound", "subnet v1/b, inbound"]);
        assert!(heads[2].starts_with(not), "{said}");
    }

    #[test]
    fn what_only_one_has_is_no_region() {
        let only = OneSided { what: "network interface web2-nic".into(), side: "new".into() };
        let found = Differences { only: vec![only], ..Differences::default() };
        let said = "only in the new policy: network interface web2-nic\n\
                    different: of what both have the rules decide alike, and the same is reached\n";
        assert_eq!(shown(&found, None), said);
    }
}
