//! Tables for people.

use super::Colour;
use super::differences::differences;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use control::answer::{
    Confinement, Drop, Flow, FlowRule, IpFlow, Landlock, NotAdmitted, Reloaded, SnatPool, Status,
    TagsInForce, TagsRefused, Trial, Tuple, WithoutRule,
};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

/// What templates come to: of each resource its type, its name, where it is declared, and the path to it.
///
/// # Errors
/// Those of the writer.
pub fn deployed(out: &mut impl Write, resources: impl Iterator<Item = [String; 4]>) -> io::Result<()> {
    let mut rows = table(&["type", "name", "declared at", "path"]);
    rows.add_rows(resources);
    writeln!(out, "{rows}")
}

/// What the daemon is doing.
///
/// # Errors
/// Those of the writer.
pub fn status(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let uptime = humantime::format_duration(Duration::from_secs(status.uptime_seconds));
    writeln!(out, "nsgate {} on {}, up {uptime}, process {}", status.version, status.config, status.pid)?;
    writeln!(
        out,
        "{} worker{}, {} of {} flows, {} SNAT ports in use, {} reload{} done, {} refused",
        status.workers,
        plural(u64::from(status.workers)),
        status.flows.used,
        status.flows.capacity,
        status.snat_ports_used,
        status.reloads.done,
        plural(status.reloads.done),
        status.reloads.refused,
    )?;
    let Confinement { seccomp, landlock, capabilities } = &status.confinement;
    writeln!(
        out,
        "confined: system calls {}, files {}; one thread has {}, the others have no capability",
        if *seccomp { "filtered" } else { "not filtered" },
        match landlock {
            Landlock::Enforced => "by Landlock",
            Landlock::Partly => "by an older Landlock, in part",
            Landlock::Absent => "not, the kernel has no Landlock",
        },
        capabilities.join(", "),
    )?;
    if let Some(refusal) = &status.reloads.last_refusal {
        writeln!(out, "the last reload was refused: {refusal}")?;
    }
    if let Some(tags) = &status.service_tags {
        let cloud = tags.cloud.as_deref().unwrap_or("no cloud");
        let TagsInForce { file, change_number, tags: count, taken_at, .. } = tags;
        writeln!(out, "{count} service tags of {cloud}, number {change_number}, from {file} at {taken_at}")?;
        if let Some(TagsRefused { at, why }) = &tags.last_refusal {
            writeln!(out, "a later version was refused at {at}: {why}")?;
        }
    }
    if status.each_worker.len() > 1 {
        let mut workers =
            table(&["worker", "received", "ended", "flows", "handed over", "taken over", "lost"]);
        for w in &status.each_worker {
            let figures =
                [w.worker, w.received, w.ended, w.flows.used, w.handed_over, w.taken_over, w.lost_between];
            workers.add_row(figures.map(number));
        }
        writeln!(out, "{workers}")?;
    }
    let mut attachments = table(&[
        "interface",
        "role",
        "state",
        "received",
        "sent",
        "ring drops",
        "broken",
        "foreign",
        "send failures",
    ]);
    for a in &status.attachments {
        let mut row = vec![Cell::new(&a.interface), Cell::new(&a.role), Cell::new(&a.state)];
        row.extend([a.received, a.sent, a.ring_drops, a.broken, a.foreign, a.send_failures].map(number));
        attachments.add_row(row);
    }
    writeln!(out, "{attachments}")?;
    let mut endings = table(&["ending", "packets", "bytes", "meaning"]);
    for ending in &status.endings {
        endings.add_row(vec![
            Cell::new(&ending.ending),
            number(ending.packets),
            number(ending.bytes),
            Cell::new(&ending.meaning),
        ]);
    }
    writeln!(out, "{endings}")
}

/// Live flows.
///
/// # Errors
/// Those of the writer.
pub fn flows(out: &mut impl Write, flows: &[Flow]) -> io::Result<()> {
    let mut table = table(&[
        "protocol",
        "initiator",
        "translated to",
        "state",
        "age",
        "idle",
        "sent",
        "bytes",
        "received",
        "bytes",
        "allowed by",
    ]);
    for flow in flows {
        table.add_row(vec![
            Cell::new(&flow.protocol),
            Cell::new(one_way(&flow.protocol, &flow.initiator)),
            Cell::new(
                flow.translated.as_ref().map(|tuple| one_way(&flow.protocol, tuple)).unwrap_or_default(),
            ),
            Cell::new(&flow.state),
            seconds(flow.age_seconds),
            seconds(flow.idle_seconds),
            number(flow.sent_packets),
            number(flow.sent_bytes),
            number(flow.received_packets),
            number(flow.received_bytes),
            Cell::new(rules(&flow.rules)),
        ]);
    }
    writeln!(out, "{table}")?;
    writeln!(out, "{} flow{}", flows.len(), plural(flows.len() as u64))
}

/// SNAT ports in use.
///
/// # Errors
/// Those of the writer.
pub fn snat(out: &mut impl Write, pools: &[SnatPool]) -> io::Result<()> {
    let mut table = table(&["public address", "protocol", "destination", "used", "of"]);
    for pool in pools {
        table.add_row(vec![
            Cell::new(pool.public_ip),
            Cell::new(&pool.protocol),
            Cell::new(pool.destination),
            number(pool.used),
            number(pool.capacity),
        ]);
    }
    writeln!(out, "{table}")
}

/// What was dropped.
///
/// # Errors
/// Those of the writer.
pub fn drops(out: &mut impl Write, drops: &[Drop]) -> io::Result<()> {
    let mut table = table(&["reason", "NSG", "rule", "packets", "bytes"]);
    for drop in drops {
        table.add_row(vec![
            Cell::new(&drop.reason),
            Cell::new(drop.nsg.as_deref().unwrap_or_default()),
            Cell::new(drop.rule.as_deref().unwrap_or_default()),
            number(drop.packets),
            number(drop.bytes),
        ]);
    }
    writeln!(out, "{table}")
}

/// A reload that was done.
///
/// # Errors
/// Those of the writer.
pub fn reloaded(out: &mut impl Write, reloaded: &Reloaded) -> io::Result<()> {
    writeln!(out, "reloaded; live flows go on, new ones meet the new rules")?;
    for (what, interfaces) in [("attached", &reloaded.attached), ("given back", &reloaded.detached)] {
        if !interfaces.is_empty() {
            writeln!(out, "{what}: {}", interfaces.join(", "))?;
        }
    }
    for warning in &reloaded.warnings {
        writeln!(out, "{warning}")?;
    }
    Ok(())
}

/// What a reload would change.
///
/// # Errors
/// Those of the writer.
pub fn trial(out: &mut impl Write, trial: &Trial, colour: Colour, width: Option<u16>) -> io::Result<()> {
    for (what, interfaces) in
        [("would be attached", &trial.attached), ("would be given back", &trial.detached)]
    {
        if !interfaces.is_empty() {
            writeln!(out, "{what}: {}", interfaces.join(", "))?;
        }
    }
    differences(out, &trial.policies, colour, width)?;
    if !trial.flows.is_empty() {
        let mut table = table(&["protocol", "initiator", "age", "would be dropped", "by"]);
        for NotAdmitted { flow, reason, denied_by } in &trial.flows {
            let by = denied_by.as_ref().map(|rule| format!("{}/{}", rule.nsg, rule.rule));
            table.add_row(vec![
                Cell::new(&flow.protocol),
                Cell::new(one_way(&flow.protocol, &flow.initiator)),
                seconds(flow.age_seconds),
                Cell::new(reason),
                Cell::new(by.unwrap_or_default()),
            ]);
        }
        writeln!(out, "{table}")?;
    }
    let (refused, judged) = (trial.flows_not_admitted, trial.flows_judged);
    let all = if trial.all_flows_judged { "" } else { " judged before the time was up" };
    writeln!(out, "{refused} of {judged} live flow{}{all} would not be admitted", plural(judged))?;
    for warning in &trial.warnings {
        writeln!(out, "{warning}")?;
    }
    writeln!(out, "nothing was changed")
}

/// The verdict of IP flow verify.
///
/// # Errors
/// Those of the writer.
pub fn ip_flow(out: &mut impl Write, answer: &IpFlow, colour: Colour) -> io::Result<()> {
    let access = painted(&answer.access, answer.access == "Allow", colour);
    match (&answer.rule_name, &answer.nsg) {
        (Some(rule), Some(nsg)) => writeln!(out, "{access}: {rule} of {nsg}"),
        (Some(rule), None) => writeln!(out, "{access}: {rule}"),
        (None, _) => match answer.without_rule {
            Some(WithoutRule::Platform) => {
                writeln!(out, "{access}: traffic of the platform's own, which no rule judges")
            }
            Some(WithoutRule::SecureByDefault) => {
                writeln!(
                    out,
                    "{access}: a Standard public address is closed until a network security group opens it"
                )
            }
            Some(WithoutRule::NoNsg) | None => writeln!(out, "{access}: no network security group applies"),
        },
    }
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    if let Some(width) = super::width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table
}

pub(super) fn number(number: u64) -> Cell {
    Cell::new(number).set_alignment(CellAlignment::Right)
}

fn seconds(seconds: u64) -> Cell {
    Cell::new(humantime::format_duration(Duration::from_secs(seconds))).set_alignment(CellAlignment::Right)
}

fn one_way(protocol: &str, tuple: &Tuple) -> String {
    let Tuple { source, source_port, destination, destination_port } = *tuple;
    match protocol {
        "Tcp" | "Udp" => {
            format!(
                "{} > {}",
                SocketAddr::new(source, source_port),
                SocketAddr::new(destination, destination_port)
            )
        }
        // One of both is the identifier, the other the query's type.
        "Icmp" => format!("{source} > {destination} id {}", source_port.max(destination_port)),
        _ => format!("{source} > {destination}"),
    }
}

fn rules(rules: &[FlowRule]) -> String {
    let rules: Vec<String> = rules.iter().map(|rule| format!("{}/{}", rule.nsg, rule.rule)).collect();
    rules.join("\n")
}

pub(super) fn painted(text: &str, good: bool, colour: Colour) -> String {
    match (colour, good) {
        (Colour::No, _) => text.to_owned(),
        (Colour::Yes, true) => format!("\x1b[1;32m{text}\x1b[0m"),
        (Colour::Yes, false) => format!("\x1b[1;31m{text}\x1b[0m"),
    }
}

pub(super) fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}
