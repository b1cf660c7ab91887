//! The answers as tables for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use control::answer::{
    AppliedTo, Diagnosis, EffectiveNsg, EffectiveRule, EvaluatedNsg, Expansion, Mixed, RuleEvaluation, Side,
};
use std::io::{self, Write};

/// How tables look where they go.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Look {
    /// The columns of the terminal; `None` for as many as it takes.
    pub width: Option<u16>,
    /// Whether allow and deny are told apart by colour too.
    pub colour: bool,
}

/// The most prefixes of a side that a table shows; the others are counted.
const SHOWN: usize = 3;

/// Every rule that applies to a network interface. Of a tag or group the number of its prefixes is shown.
///
/// # Errors
/// Those of the writer.
pub fn effective_nsgs(out: &mut impl Write, nsgs: &[EffectiveNsg], look: &Look) -> io::Result<()> {
    if nsgs.is_empty() {
        return writeln!(out, "no network security group applies: every packet is allowed");
    }
    for (nth, nsg) in nsgs.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{} at {}", nsg.name, place(nsg.applied_to.id()))?;
        for direction in ["Inbound", "Outbound"] {
            let header = [
                "priority",
                direction,
                "access",
                "protocol",
                "source",
                "from port",
                "destination",
                "to port",
            ];
            let rules = nsg.rules.iter().filter(|rule| rule.direction == direction);
            let mut table = table(&header, &Look { width: None, ..*look });
            for rule in rules.clone() {
                table.add_row(row(rule, &nsg.expansions));
            }
            if fits(&table, look) {
                painted(out, &table, look)?;
                continue;
            }
            // Names cut into columns of seven letters are no names.
            writeln!(out, "{direction}")?;
            for rule in rules {
                line(out, rule, &nsg.expansions, look)?;
            }
        }
    }
    let guards = |at: fn(&AppliedTo) -> bool| nsgs.iter().find(|nsg| at(&nsg.applied_to));
    let at_subnet = guards(|at| matches!(at, AppliedTo::Subnet(_)));
    let at_nic = guards(|at| matches!(at, AppliedTo::NetworkInterface(_)));
    if let (Some(subnet), Some(nic)) = (at_subnet, at_nic) {
        writeln!(out, "Both must allow: inbound {} is asked first, outbound {}.", subnet.name, nic.name)?;
    }
    Ok(())
}

/// Whether the terminal is as wide as the table.
fn fits(table: &Table, look: &Look) -> bool {
    let widest = || table.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    look.width.is_none_or(|width| widest() <= usize::from(width))
}

/// A rule without a table: what the terminal has no room for goes on in the next line.
fn line(out: &mut impl Write, rule: &EffectiveRule, expansions: &[Expansion], look: &Look) -> io::Result<()> {
    let port = |ranges: &[String]| match &*ports(ranges) {
        "*" => String::new(),
        ports => format!(" port {ports}"),
    };
    let protocol = if rule.protocol == "All" { "any protocol" } else { &rule.protocol };
    let words = format!(
        "{}: {protocol} from {}{} to {}{}",
        rule.name,
        side(&rule.source, expansions),
        port(&rule.source_ports),
        side(&rule.destination, expansions),
        port(&rule.destination_ports)
    );
    write!(out, "{:>5} {}", rule.priority, coloured(&rule.access, &format!("{:5}", rule.access), look))?;
    let indent = "            ";
    let mut used = indent.len() - 1;
    for word in words.split(' ') {
        let length = word.chars().count() + 1;
        if used >= indent.len() && used + length > usize::from(look.width.unwrap_or(u16::MAX)) {
            write!(out, "\n{indent}{word}")?;
            used = indent.len() + length - 1;
        } else {
            write!(out, " {word}")?;
            used += length;
        }
    }
    writeln!(out)
}

fn row(rule: &EffectiveRule, expansions: &[Expansion]) -> Vec<Cell> {
    vec![
        Cell::new(rule.priority).set_alignment(CellAlignment::Right),
        Cell::new(&rule.name),
        Cell::new(&rule.access),
        Cell::new(if rule.protocol == "All" { "*" } else { &rule.protocol }),
        Cell::new(side(&rule.source, expansions)),
        Cell::new(ports(&rule.source_ports)),
        Cell::new(side(&rule.destination, expansions)),
        Cell::new(ports(&rule.destination_ports)),
    ]
}

fn side(side: &Side, expansions: &[Expansion]) -> String {
    let held = |number: usize| {
        let prefixes = expansions.get(number).map(|it| it.prefixes.as_slice()).unwrap_or_default();
        // That a tag holds everything says more than how many prefixes it has.
        let whole: Vec<&str> = prefixes.iter().map(String::as_str).filter(|it| it.ends_with("/0")).collect();
        match (whole.as_slice(), prefixes.len()) {
            ([], 0) => "nobody".to_owned(),
            ([], 1) => "1 prefix".to_owned(),
            ([], count) => format!("{count} prefixes"),
            (whole, count) if whole.len() == count => whole.join(", "),
            (whole, count) => format!("{} and {} more", whole.join(", "), count - whole.len()),
        }
    };
    match side {
        Side::Any => "*".into(),
        Side::Prefixes(prefixes) => shortened(prefixes),
        Side::Tag(number) => {
            let tag = expansions.get(*number).and_then(|it| it.tag.as_deref()).unwrap_or_default();
            format!("{tag} ({})", held(*number))
        }
        Side::Groups(names, number) => format!("{} ({})", names.join(", "), held(*number)),
    }
}

fn ports(ranges: &[String]) -> String {
    let short = |range: &String| match range.split_once('-') {
        Some(("0", "65535")) => "*".to_owned(),
        Some((from, to)) if from == to => from.to_owned(),
        _ => range.clone(),
    };
    shortened(&ranges.iter().map(short).collect::<Vec<_>>())
}

fn shortened(list: &[String]) -> String {
    let shown: Vec<&str> = list.iter().take(SHOWN).map(|it| it.strip_suffix("/32").unwrap_or(it)).collect();
    match list.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        _ => shown.join(", "),
    }
}

/// What the rules say of each question: every rule that was looked at, with a mark for each field that holds it.
///
/// # Errors
/// Those of the writer.
pub fn diagnoses(out: &mut impl Write, diagnoses: &[Diagnosis], look: &Look) -> io::Result<()> {
    for (nth, diagnosis) in diagnoses.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        self::diagnosis(out, diagnosis, look)?;
    }
    Ok(())
}

fn diagnosis(out: &mut impl Write, diagnosis: &Diagnosis, look: &Look) -> io::Result<()> {
    let (asked, result) = (&diagnosis.profile, &diagnosis.network_security_group_result);
    let protocol = if asked.protocol == "*" { "any protocol" } else { &asked.protocol };
    let port = match (asked.protocol.as_str(), asked.destination_port.as_str()) {
        ("ICMP", _) => String::new(),
        (_, "*") => ", any port".to_owned(),
        (_, port) => format!(" port {port}"),
    };
    writeln!(out, "{}, {protocol} from {} to {}{port}", asked.direction, asked.source, asked.destination)?;
    for nsg in &result.evaluated_network_security_groups {
        evaluated(out, nsg, look)?;
    }
    let access = coloured(&result.security_rule_access_result, &result.security_rule_access_result, look);
    let last = result.evaluated_network_security_groups.last();
    let by = last.and_then(|nsg| {
        let rule = nsg.matched_rule.as_ref().filter(|it| it.action == result.security_rule_access_result)?;
        Some(format!(": {} of {}", rule.rule_name, place(&nsg.network_security_group_id)))
    });
    match &result.mixed {
        None => writeln!(out, "{access}{}", by.unwrap_or_default())?,
        Some(Mixed { allowed, denied }) => {
            writeln!(out, "{access}: not every packet has the same fate")?;
            for (verdict, witness) in [("Allow", allowed), ("Deny", denied)] {
                let rule = witness.rule_name.as_ref().map(|rule| format!(": {rule}")).unwrap_or_default();
                writeln!(
                    out,
                    "  {} {}{rule}",
                    coloured(verdict, &format!("{verdict:5}"), look),
                    witness.packet
                )?;
            }
        }
    }
    result.notes.iter().try_for_each(|note| writeln!(out, "note: {note}"))
}

fn evaluated(out: &mut impl Write, nsg: &EvaluatedNsg, look: &Look) -> io::Result<()> {
    let name = place(&nsg.network_security_group_id);
    let matched = match &nsg.matched_rule {
        Some(rule) => format!("{} by {}", rule.action, rule.rule_name),
        None => "no rule holds them all, and the platform lets its own traffic pass".into(),
    };
    writeln!(out, "{name} at {}: {matched}", place(&nsg.applied_to))?;
    if nsg.rules_evaluation_result.is_empty() {
        return Ok(());
    }
    let mut table = table(&["rule", "protocol", "source", "from port", "destination", "to port"], look);
    for RuleEvaluation {
        name,
        protocol_matched,
        source_matched,
        source_port_matched,
        destination_matched,
        destination_port_matched,
    } in &nsg.rules_evaluation_result
    {
        let fields = [
            protocol_matched,
            source_matched,
            source_port_matched,
            destination_matched,
            destination_port_matched,
        ];
        let marks = fields.map(|&held| if held { "yes" } else { "-" });
        let marks = marks.map(|mark| Cell::new(mark).set_alignment(CellAlignment::Center));
        table.add_row(std::iter::once(Cell::new(name)).chain(marks));
    }
    writeln!(out, "{table}")
}

/// The names in a resource id: `vnet1/web`, or `web1-nic`.
fn place(id: &str) -> String {
    let words: Vec<&str> = id.split('/').collect();
    match words.as_slice() {
        [.., vnet, kind, subnet] if kind.eq_ignore_ascii_case("subnets") => format!("{vnet}/{subnet}"),
        [.., name] => (*name).to_owned(),
        [] => String::new(),
    }
}

fn table(header: &[&str], look: &Look) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    if let Some(width) = look.width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

/// Writes a table, its column of allow and deny in colour.
fn painted(out: &mut impl Write, table: &Table, look: &Look) -> io::Result<()> {
    if !look.colour {
        return writeln!(out, "{table}");
    }
    for line in table.to_string().lines() {
        // The widths were counted before colours came in.
        let line = ["Allow", "Deny"].iter().fold(line.to_owned(), |line, &word| {
            let cell = format!("┆ {word:6} ┆");
            line.replace(&cell, &format!("┆ {} ┆", coloured(word, &format!("{word:6}"), look)))
        });
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn coloured(verdict: &str, text: &str, look: &Look) -> String {
    match (look.colour, verdict) {
        (false, _) => text.to_owned(),
        (true, "Allow") => format!("\x1b[1;32m{text}\x1b[0m"),
        (true, _) => format!("\x1b[1;31m{text}\x1b[0m"),
    }
}
