//! What the running daemon is doing.

use crate::layout::{Column, Grid, Look, plural};
use answer::{
    AttachmentStatus, Confinement, Drop, Ending, Flow, FlowRule, Landlock, SnatPool, Status, TagsInForce,
    TagsRefused, Tuple,
};
use std::io::{self, Write};
use std::net::SocketAddr;

/// What the daemon is doing.
///
/// # Errors
/// Those of the writer.
pub fn status(out: &mut impl Write, status: &Status, look: &Look) -> io::Result<()> {
    let Status { version, config, uptime_seconds, pid, workers, flows, snat_ports_used, reloads, .. } =
        status;
    look.line(out, &format!("nsgate {version} on {config}, up {}, process {pid}", seconds(*uptime_seconds)))?;
    look.line(
        out,
        &format!(
            "{workers} worker{}, {} of {} flows, {snat_ports_used} SNAT port{} in use, {} reload{} done, {} refused",
            plural(u64::from(*workers)),
            flows.used,
            flows.capacity,
            plural(*snat_ports_used),
            reloads.done,
            plural(reloads.done),
            reloads.refused,
        ),
    )?;
    look.line(out, &confined(&status.confinement))?;
    if let Some(refusal) = &reloads.last_refusal {
        look.line(out, &format!("the last reload was refused: {refusal}"))?;
    }
    if let Some(tags) = &status.service_tags {
        let cloud = tags.cloud.as_deref().unwrap_or("no cloud");
        let TagsInForce { file, change_number, tags: count, taken_at, .. } = tags;
        let tags_of = format!("{count} service tag{} of {cloud}", plural(*count));
        look.line(out, &format!("{tags_of}, number {change_number}, from {file} at {taken_at}"))?;
        if let Some(TagsRefused { at, why }) = &tags.last_refusal {
            look.line(out, &format!("a later version was refused at {at}: {why}"))?;
        }
    }
    if status.each_worker.len() > 1 {
        let figures = ["worker", "received", "ended", "flows", "handed over", "taken over", "lost"];
        let mut workers = Grid::new(&figures.map(Column::Number));
        for w in &status.each_worker {
            let figures =
                [w.worker, w.received, w.ended, w.flows.used, w.handed_over, w.taken_over, w.lost_between];
            workers.row(figures.map(|number| number.to_string()));
        }
        workers.write(out, look)?;
    }
    attachments(out, &status.attachments, look)?;
    endings(out, &status.endings, look)
}

/// The interfaces; what can go wrong on one is told where it has.
fn attachments(out: &mut impl Write, attachments: &[AttachmentStatus], look: &Look) -> io::Result<()> {
    type Counter = (&'static str, fn(&AttachmentStatus) -> u64);
    const TROUBLES: [Counter; 4] = [
        ("ring drops", |it| it.ring_drops),
        ("broken", |it| it.broken),
        ("foreign", |it| it.foreign),
        ("send failures", |it| it.send_failures),
    ];
    let troubles = TROUBLES.iter().filter(|(_, count)| attachments.iter().any(|it| count(it) > 0));
    let words = ["interface", "role", "state"].map(Column::Text);
    let figures = ["received", "sent"].into_iter().chain(troubles.clone().map(|(name, _)| *name));
    let mut table = Grid::new(&words.into_iter().chain(figures.map(Column::Number)).collect::<Vec<_>>());
    for it in attachments {
        let words = [&it.interface, &it.role, &it.state].map(String::clone);
        let figures = [it.received, it.sent].into_iter().chain(troubles.clone().map(|(_, count)| count(it)));
        table.row(words.into_iter().chain(figures.map(|number| number.to_string())));
    }
    table.write(out, look)
}

fn endings(out: &mut impl Write, endings: &[Ending], look: &Look) -> io::Result<()> {
    let figures = ["packets", "bytes"].map(Column::Number);
    let mut table =
        Grid::new(&[&[Column::Text("ending")], &figures[..], &[Column::Prose("meaning")]].concat());
    for Ending { ending, packets, bytes, meaning } in endings {
        table.row([ending.clone(), packets.to_string(), bytes.to_string(), meaning.clone()]);
    }
    if endings.is_empty() {
        return writeln!(out, "no packet has ended yet");
    }
    if table.write_table(out, look)? {
        return Ok(());
    }
    endings.iter().try_for_each(|Ending { ending, packets, bytes, meaning }| {
        look.line(out, &format!("{ending}: {packets} packets, {bytes} bytes. {meaning}"))
    })
}

fn confined(Confinement { seccomp, landlock, capabilities }: &Confinement) -> String {
    format!(
        "confined: system calls {}, files {}; one thread has {}, the others have no capability",
        if *seccomp { "filtered" } else { "not filtered" },
        match landlock {
            Landlock::Enforced => "by Landlock",
            Landlock::Partly => "by an older Landlock, in part",
            Landlock::Absent => "not, the kernel has no Landlock",
        },
        match capabilities.as_slice() {
            [] => "none".to_owned(),
            some => some.join(", "),
        },
    )
}

/// Live flows.
///
/// # Errors
/// Those of the writer.
pub fn flows(out: &mut impl Write, flows: &[Flow], look: &Look) -> io::Result<()> {
    use Column::{Number, Text};
    let mut table = Grid::new(&[
        Text("protocol"),
        Text("initiator"),
        Text("translated to"),
        Text("state"),
        Number("age"),
        Number("idle"),
        Number("sent"),
        Number("bytes"),
        Number("received"),
        Number("bytes"),
        Text("allowed by"),
    ]);
    for flow in flows {
        table.row([
            flow.protocol.clone(),
            one_way(&flow.protocol, &flow.initiator),
            translated(flow).unwrap_or_default(),
            flow.state.clone(),
            seconds(flow.age_seconds),
            seconds(flow.idle_seconds),
            flow.sent_packets.to_string(),
            flow.sent_bytes.to_string(),
            flow.received_packets.to_string(),
            flow.received_bytes.to_string(),
            rules(&flow.rules).join("\n"),
        ]);
    }
    if !flows.is_empty() && !table.write_table(out, look)? {
        flows.iter().try_for_each(|flow| in_words(out, flow, look))?;
    }
    writeln!(out, "{} flow{}", flows.len(), plural(flows.len() as u64))
}

/// A flow for a terminal that is too narrow for the table.
fn in_words(out: &mut impl Write, flow: &Flow, look: &Look) -> io::Result<()> {
    look.line(out, &format!("{} {}", flow.protocol, one_way(&flow.protocol, &flow.initiator)))?;
    if let Some(translated) = translated(flow) {
        look.line(out, &format!("  translated to {translated}"))?;
    }
    let (age, idle) = (seconds(flow.age_seconds), seconds(flow.idle_seconds));
    let sent = format!("sent {} packets, {} bytes", flow.sent_packets, flow.sent_bytes);
    let received = format!("received {} packets, {} bytes", flow.received_packets, flow.received_bytes);
    look.line(out, &format!("  {}, age {age}, idle {idle}; {sent}; {received}", flow.state))?;
    match rules(&flow.rules).as_slice() {
        [] => Ok(()),
        rules => look.line(out, &format!("  allowed by {}", rules.join(", "))),
    }
}

fn translated(flow: &Flow) -> Option<String> {
    flow.translated.as_ref().map(|tuple| one_way(&flow.protocol, tuple))
}

/// SNAT ports in use.
///
/// # Errors
/// Those of the writer.
pub fn snat(out: &mut impl Write, pools: &[SnatPool], look: &Look) -> io::Result<()> {
    if pools.is_empty() {
        return writeln!(out, "no SNAT port is in use");
    }
    let words = ["public address", "protocol", "destination"].map(Column::Text);
    let mut table = Grid::new(&[&words[..], &["used", "of"].map(Column::Number)].concat());
    for SnatPool { public_ip, protocol, destination, used, capacity } in pools {
        let words = [public_ip.to_string(), protocol.clone(), destination.to_string()];
        table.row(words.into_iter().chain([used.to_string(), capacity.to_string()]));
    }
    if table.write_table(out, look)? {
        return Ok(());
    }
    pools.iter().try_for_each(|SnatPool { public_ip, protocol, destination, used, capacity }| {
        let ports = format!("{used} of {capacity} ports");
        look.line(out, &format!("{protocol} {public_ip} > {destination}: {ports}"))
    })
}

/// What was dropped.
///
/// # Errors
/// Those of the writer.
pub fn drops(out: &mut impl Write, drops: &[Drop], look: &Look) -> io::Result<()> {
    if drops.is_empty() {
        return writeln!(out, "nothing was dropped");
    }
    let words = ["reason", "NSG", "rule"].map(Column::Text);
    let mut table = Grid::new(&[&words[..], &["packets", "bytes"].map(Column::Number)].concat());
    for Drop { reason, nsg, rule, packets, bytes } in drops {
        let words = [reason.clone(), nsg.clone().unwrap_or_default(), rule.clone().unwrap_or_default()];
        table.row(words.into_iter().chain([packets.to_string(), bytes.to_string()]));
    }
    if table.write_table(out, look)? {
        return Ok(());
    }
    drops.iter().try_for_each(|Drop { reason, nsg, rule, packets, bytes }| {
        let by = nsg.iter().zip(rule).map(|(nsg, rule)| format!(" by {nsg}/{rule}")).collect::<String>();
        look.line(out, &format!("{reason}{by}: {packets} packets, {bytes} bytes"))
    })
}

/// How long something took, in its two largest units.
pub(crate) fn seconds(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let first = units.iter().position(|(_, length)| seconds >= *length).unwrap_or(units.len() - 1);
    let mut rest = seconds;
    let told = units.iter().skip(first).take(2).filter_map(|(unit, length)| {
        let count = rest / length;
        rest %= length;
        (count > 0 || *length == 1 && seconds == 0).then(|| format!("{count}{unit}"))
    });
    told.collect::<Vec<_>>().join(" ")
}

pub(crate) fn one_way(protocol: &str, tuple: &Tuple) -> String {
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

fn rules(rules: &[FlowRule]) -> Vec<String> {
    rules.iter().map(|rule| format!("{}/{}", rule.nsg, rule.rule)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_two_units() {
        let told = [0, 1, 59, 60, 61, 3600, 3661, 86_399, 86_400, 90_000, 8_640_061].map(seconds);
        let wanted = ["0s", "1s", "59s", "1m", "1m 1s", "1h", "1h 1m", "23h 59m", "1d", "1d 1h", "100d"];
        assert_eq!(told, wanted);
    }
}
