//! What a policy decides over what was recorded, for people.

use crate::layout::Look;
use answer::{Decision, Example, NotJudged, Redecided, Replayed};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::{Duration, UNIX_EPOCH};

/// The counts, and each group of what differs.
///
/// # Errors
/// Those of the writer.
pub fn replayed(out: &mut impl Write, answer: &Replayed, look: &Look) -> io::Result<()> {
    for one in &answer.differences {
        difference(out, one, look)?;
    }
    if answer.not_listed > 0 {
        look.line(out, &format!("and {} more in groups beyond the first thousand", answer.not_listed))?;
    }
    let Replayed { judged, allowed, denied, different, same, .. } = answer;
    let by_other = match answer.same_by_other_rule {
        0 => String::new(),
        count => format!(", {count} of them by another rule"),
    };
    let decided = format!("{different} decided differently, {same} as before{by_other}");
    look.line(out, &format!("{judged} judged: {allowed} allowed, {denied} denied; {decided}"))?;
    if answer.continuing > 0 {
        let entries =
            if answer.continuing == 1 { "entry tells how its flow" } else { "entries tell how their flows" };
        look.line(out, &format!("{} {entries} went on or ended; none is judged", answer.continuing))?;
    }
    for NotJudged { reason, meaning, count } in &answer.not_judged {
        look.line(out, &format!("{count} not judged ({reason}): {meaning}"))?;
    }
    match answer.one_sided {
        0 => Ok(()),
        count => {
            let sides = match count {
                1 => {
                    "was decided in the recording, or by one of two policies, and the other has no place for it"
                }
                _ => {
                    "were decided in the recording, or by one of two policies, and the other has no place for them"
                }
            };
            look.line(out, &format!("{count} of those not judged {sides}: not everything is as before"))
        }
    }
}

fn difference(out: &mut impl Write, one: &Redecided, look: &Look) -> io::Result<()> {
    let direction = one.direction.as_deref().map(|direction| format!(" {direction}")).unwrap_or_default();
    let was = one.was.as_ref().map(|was| format!("{} → ", decision(was))).unwrap_or_default();
    let times = match one.count {
        1 => format!("1 time, {}", moment(one.first)),
        count => format!("{count} times, {} to {}", moment(one.first), moment(one.last)),
    };
    look.line(out, &format!("{}{direction}: {was}{}: {times}", one.place, decision(&one.now)))?;
    for Example { time, at, protocol, source, source_port, destination, destination_port } in &one.examples {
        let (source, destination) =
            (SocketAddr::new(*source, *source_port), SocketAddr::new(*destination, *destination_port));
        look.line(out, &format!("  {} {protocol} {source} > {destination}  {at}", moment(*time)))?;
    }
    let more = one.count - one.examples.len() as u64;
    if more > 0 { writeln!(out, "  and {more} more: --limit") } else { Ok(()) }
}

fn decision(Decision { access, nsg, rule, reason }: &Decision) -> String {
    let by = match (rule, nsg) {
        (Some(rule), Some(nsg)) => Some(format!("{rule} of {nsg}")),
        (Some(rule), None) => Some(rule.clone()),
        (None, _) => reason.clone(),
    };
    by.map_or(access.clone(), |by| format!("{access} ({by})"))
}

/// A moment in UTC; what lies beyond the year 9999 as its seconds.
fn moment(seconds: f64) -> String {
    let time = Duration::try_from_secs_f64(seconds).ok().filter(|time| time.as_secs() < 253_402_300_800);
    match time.and_then(|time| UNIX_EPOCH.checked_add(time)) {
        Some(time) => humantime::format_rfc3339_millis(time).to_string(),
        None => seconds.to_string(),
    }
}
