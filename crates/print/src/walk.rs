//! The walk of a packet, for people.

use crate::layout::{Column, Grid, Look, plural};
use answer::{Deciding, Earlier, Walk};
use std::io::{self, Write};

/// How many of the rules that did not match are told of one NSG, where not all are wanted.
const NEAREST: usize = 3;

/// The walk of a packet, and why the rules before the one that decided did not match: those that came nearest, or all.
///
/// # Errors
/// Those of the writer.
pub fn walk(out: &mut impl Write, walk: &Walk, all_rules: bool, look: &Look) -> io::Result<()> {
    let number = walk.number.map(|number| format!("{number}: ")).unwrap_or_default();
    let from = if walk.from.is_empty() { String::new() } else { format!(" from {}", walk.from) };
    let because = walk.from_because.as_ref().map(|because| format!(" ({because})")).unwrap_or_default();
    look.line(out, &format!("{number}{}{from}{because}", walk.packet))?;
    let mut stages = Grid::new(&[Column::Text("stage"), Column::Prose("outcome")]);
    walk.stages.iter().for_each(|stage| stages.row([stage.stage.clone(), stage.outcome.clone()]));
    if !walk.stages.is_empty() {
        stages.write(out, look)?;
    }
    for stage in &walk.stages {
        if let Some(decided) = stage.decided.as_ref().filter(|decided| !decided.earlier.is_empty()) {
            earlier(out, &stage.stage, decided, all_rules, look)?;
        }
    }
    look.line(out, &format!("{}: {}", look.verdict(&walk.verdict, walk.allowed), walk.summary))
}

fn earlier(
    out: &mut impl Write,
    stage: &str,
    decided: &Deciding,
    all_rules: bool,
    look: &Look,
) -> io::Result<()> {
    let count = decided.earlier_rules;
    let by = format!("{} of {} decided", decided.rule, decided.nsg);
    look.line(out, &format!("{stage}: {by}; {count} rule{} before it did not match", plural(count)))?;
    let told = if all_rules { decided.earlier.len() } else { NEAREST };
    for Earlier { rule, priority, access, field, packet, says, .. } in decided.earlier.iter().take(told) {
        look.line(out, &format!("  {priority} {access} {rule}: {field} {packet}, where it says {says}"))?;
    }
    let more = count.saturating_sub(decided.earlier.len().min(told) as u64);
    match (more, all_rules) {
        (0, _) => Ok(()),
        (_, false) => writeln!(out, "  and {more} more: --all-rules"),
        (_, true) => writeln!(out, "  and {more} more"),
    }
}
