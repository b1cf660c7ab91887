//! The walk of a packet, for people.

use super::Colour;
use super::tables::{painted, plural, table};
use comfy_table::Cell;
use control::answer::{Deciding, Earlier, Walk};
use std::io::{self, Write};

/// How many of the rules that did not match are told of one NSG, where not all are wanted.
const NEAREST: usize = 3;

/// The walk of a packet, and why the rules before the one that decided did not match: those that came nearest, or all.
///
/// # Errors
/// Those of the writer.
pub fn walk(out: &mut impl Write, walk: &Walk, all_rules: bool, colour: Colour) -> io::Result<()> {
    if let Some(number) = walk.number {
        write!(out, "{number}: ")?;
    }
    write!(out, "{}", walk.packet)?;
    if !walk.from.is_empty() {
        write!(out, " from {}", walk.from)?;
    }
    match &walk.from_because {
        Some(because) => writeln!(out, " ({because})")?,
        None => writeln!(out)?,
    }
    if !walk.stages.is_empty() {
        let mut stages = table(&["stage", "outcome"]);
        for stage in &walk.stages {
            stages.add_row(vec![Cell::new(&stage.stage), Cell::new(&stage.outcome)]);
        }
        writeln!(out, "{stages}")?;
    }
    for stage in &walk.stages {
        if let Some(decided) = stage.decided.as_ref().filter(|decided| !decided.earlier.is_empty()) {
            earlier(out, &stage.stage, decided, all_rules)?;
        }
    }
    let verdict = painted(&walk.verdict, walk.allowed, colour);
    writeln!(out, "{verdict}: {}", walk.summary)
}

fn earlier(out: &mut impl Write, stage: &str, decided: &Deciding, all_rules: bool) -> io::Result<()> {
    let count = decided.earlier_rules;
    writeln!(
        out,
        "{stage}: {} of {} decided; {count} rule{} before it did not match",
        decided.rule,
        decided.nsg,
        plural(count)
    )?;
    let told = if all_rules { decided.earlier.len() } else { NEAREST };
    for Earlier { rule, priority, access, field, packet, says, .. } in decided.earlier.iter().take(told) {
        writeln!(out, "  {priority} {access} {rule}: {field} {packet}, where it says {says}")?;
    }
    let more = count.saturating_sub(decided.earlier.len().min(told) as u64);
    match (more, all_rules) {
        (0, _) => Ok(()),
        (_, false) => writeln!(out, "  and {more} more: --all-rules"),
        (_, true) => writeln!(out, "  and {more} more"),
    }
}
