//! Azure's views of a policy.

use crate::layout::{Column, Grid, Look};
use answer::{
    AppliedTo, Diagnosis, EffectiveNsg, EffectiveRule, EvaluatedNsg, Expansion, IpFlow, Mixed, PLATFORM_NOTE,
    RuleEvaluation, Side, WithoutRule,
};
use std::io::{self, Write};

/// The most prefixes of a side that a table shows; the others are counted.
const SHOWN: usize = 3;

/// The verdict of IP flow verify.
///
/// # Errors
/// Those of the writer.
pub fn ip_flow(out: &mut impl Write, answer: &IpFlow, look: &Look) -> io::Result<()> {
    let by = match (&answer.rule_name, &answer.nsg, answer.without_rule) {
        (Some(rule), Some(nsg), _) => &format!("{rule} of {nsg}"),
        (Some(rule), None, _) => rule,
        (None, _, Some(WithoutRule::Platform)) => NO_RULE_OF_THE_PLATFORM,
        (None, _, Some(WithoutRule::SecureByDefault)) => {
            "a Standard public address is closed until a network security group opens it"
        }
        (None, _, Some(WithoutRule::NoNsg) | None) => "no network security group applies",
    };
    look.line(out, &format!("{}: {by}", access(&answer.access, look)))?;
    if let Some(by_port) = &answer.by_port {
        note(out, &by_port.to_string(), look)?;
    }
    if answer.without_rule == Some(WithoutRule::Platform) { note(out, PLATFORM_NOTE, look) } else { Ok(()) }
}

/// Why a packet to the platform is allowed, where it is.
const NO_RULE_OF_THE_PLATFORM: &str = "no rule with a tag of the platform denies it";

fn note(out: &mut impl Write, note: &str, look: &Look) -> io::Result<()> {
    look.line(out, &format!("note: {note}"))
}

/// Every rule that applies to a network interface. Of a tag or group the number of its prefixes is shown.
///
/// # Errors
/// Those of the writer.
pub fn effective_nsgs(out: &mut impl Write, nsgs: &[EffectiveNsg], look: &Look) -> io::Result<()> {
    if nsgs.is_empty() {
        return look.line(out, "no network security group applies: every packet is allowed");
    }
    for (nth, nsg) in nsgs.iter().enumerate() {
        if nth > 0 {
            writeln!(out)?;
        }
        look.line(out, &format!("{} at {}", nsg.name, place(nsg.applied_to.id())))?;
        for direction in ["Inbound", "Outbound"] {
            let rules = nsg.rules.iter().filter(|rule| rule.direction == direction);
            let mut table = Grid::new(&[
                Column::Number("priority"),
                Column::Text(direction),
                Column::Text("access"),
                Column::Text("protocol"),
                Column::Text("source"),
                Column::Text("from port"),
                Column::Text("destination"),
                Column::Text("to port"),
            ]);
            rules.clone().for_each(|rule| table.row(row(rule, &nsg.expansions)));
            if !table.write_table(out, look)? {
                // Names cut into columns of seven letters are no names.
                writeln!(out, "{direction}")?;
                rules.into_iter().try_for_each(|rule| in_words(out, rule, &nsg.expansions, look))?;
            }
        }
    }
    let guards = |at: fn(&AppliedTo) -> bool| nsgs.iter().find(|nsg| at(&nsg.applied_to));
    let at_subnet = guards(|at| matches!(at, AppliedTo::Subnet(_)));
    let at_nic = guards(|at| matches!(at, AppliedTo::NetworkInterface(_)));
    if let (Some(subnet), Some(nic)) = (at_subnet, at_nic) {
        let order = format!("inbound {} is asked first, outbound {}", subnet.name, nic.name);
        look.line(out, &format!("Both must allow: {order}."))?;
    }
    note(out, PLATFORM_NOTE, look)
}

fn row(rule: &EffectiveRule, expansions: &[Expansion]) -> [String; 8] {
    [
        rule.priority.to_string(),
        rule.name.clone(),
        rule.access.clone(),
        if rule.protocol == "All" { "*".into() } else { rule.protocol.clone() },
        side(&rule.source, expansions),
        ports(&rule.source_ports),
        side(&rule.destination, expansions),
        ports(&rule.destination_ports),
    ]
}

/// A rule for a terminal that is too narrow for the table.
fn in_words(
    out: &mut impl Write,
    rule: &EffectiveRule,
    expansions: &[Expansion],
    look: &Look,
) -> io::Result<()> {
    let port = |ranges: &[String]| match &*ports(ranges) {
        "*" => String::new(),
        ports => format!(" port {ports}"),
    };
    let (priority, access) =
        (rule.priority, look.verdict(&format!("{:5}", rule.access), rule.access == "Allow"));
    let protocol = if rule.protocol == "All" { "any protocol" } else { &rule.protocol };
    let from = format!("{}{}", side(&rule.source, expansions), port(&rule.source_ports));
    let to = format!("{}{}", side(&rule.destination, expansions), port(&rule.destination_ports));
    let words = format!("{}: {protocol} from {from} to {to}", rule.name);
    look.hanging(out, &format!("{priority:>5} {access} {words}"), 12)
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

/// The address of a prefix that holds one alone.
fn bare(prefix: &str) -> &str {
    let single = if prefix.contains(':') { "/128" } else { "/32" };
    prefix.strip_suffix(single).unwrap_or(prefix)
}

fn shortened(list: &[String]) -> String {
    let shown: Vec<&str> = list.iter().take(SHOWN).map(|it| bare(it)).collect();
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
    let ends = format!("from {} to {}{port}", asked.source, asked.destination);
    look.line(out, &format!("{}, {protocol} {ends}", asked.direction))?;
    for nsg in &result.evaluated_network_security_groups {
        evaluated(out, nsg, look)?;
    }
    let verdict = access(&result.security_rule_access_result, look);
    let last = result.evaluated_network_security_groups.last();
    let by = last.and_then(|nsg| {
        let rule = nsg.matched_rule.as_ref().filter(|it| it.action == result.security_rule_access_result)?;
        Some(format!(": {} of {}", rule.rule_name, place(&nsg.network_security_group_id)))
    });
    match &result.mixed {
        None => look.line(out, &format!("{verdict}{}", by.unwrap_or_default()))?,
        Some(Mixed { allowed, denied }) => {
            look.line(out, &format!("{verdict}: not every packet has the same fate"))?;
            for (word, witness) in [("Allow", allowed), ("Deny", denied)] {
                let rule = match (&witness.rule_name, witness.without_rule) {
                    (Some(rule), _) => format!(": {rule}"),
                    (None, Some(WithoutRule::Platform)) => format!(": {NO_RULE_OF_THE_PLATFORM}"),
                    (None, _) => String::new(),
                };
                let packet =
                    format!("{} {}", look.verdict(&format!("{word:5}"), word == "Allow"), witness.packet);
                look.line(out, &format!("  {packet}{rule}"))?;
            }
        }
    }
    result.notes.iter().try_for_each(|it| note(out, it, look))
}

fn evaluated(out: &mut impl Write, nsg: &EvaluatedNsg, look: &Look) -> io::Result<()> {
    let name = place(&nsg.network_security_group_id);
    let matched = match (&nsg.matched_rule, &nsg.together) {
        (Some(rule), _) => format!("{} by {}", rule.action, rule.rule_name),
        (None, Some(access)) => format!("{access}, though no one rule decides over them all"),
        (None, None) => "no one rule decides over them all".into(),
    };
    look.line(out, &format!("{name} at {}: {matched}", place(&nsg.applied_to)))?;
    if nsg.rules_evaluation_result.is_empty() {
        return Ok(());
    }
    const FIELDS: [&str; 5] = ["protocol", "source", "from port", "destination", "to port"];
    let mut table = Grid::new(&[&[Column::Text("rule")], &FIELDS.map(Column::Mark)[..]].concat());
    for rule in &nsg.rules_evaluation_result {
        let marks = held(rule).map(|held| if held { "yes" } else { "-" }.to_owned());
        table.row(std::iter::once(rule.name.clone()).chain(marks));
    }
    if table.write_table(out, look)? {
        return Ok(());
    }
    nsg.rules_evaluation_result.iter().try_for_each(|rule| {
        let held = FIELDS.iter().zip(held(rule)).filter(|(_, held)| *held).map(|(field, _)| *field);
        let held: Vec<&str> = held.collect();
        let told = match held.len() {
            0 => "no field matches".to_owned(),
            5 => "every field matches".to_owned(),
            1 => format!("only {} matches", held.join(", ")),
            _ => format!("only {} match", held.join(", ")),
        };
        look.line(out, &format!("  {}: {told}", rule.name))
    })
}

fn held(rule: &RuleEvaluation) -> [bool; 5] {
    [
        rule.protocol_matched,
        rule.source_matched,
        rule.source_port_matched,
        rule.destination_matched,
        rule.destination_port_matched,
    ]
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

fn access(access: &str, look: &Look) -> String {
    look.verdict(access, access == "Allow")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_whole_address_goes_without_its_length() {
        let list = ["10.0.0.4/32", "2001:db8::4/128", "2001:db8::/32"].map(str::to_owned);
        assert_eq!(super::shortened(&list), "10.0.0.4, 2001:db8::4, 2001:db8::/32");
    }
}
