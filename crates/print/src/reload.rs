//! What a reload changed, or would change.

use crate::differences::differences;
use crate::layout::{Column, Grid, Look, plural};
use crate::running::{one_way, seconds};
use answer::{NotAdmitted, Reloaded, Trial};
use std::io::{self, Write};

/// A reload that was done.
///
/// # Errors
/// Those of the writer.
pub fn reloaded(out: &mut impl Write, reloaded: &Reloaded, look: &Look) -> io::Result<()> {
    look.line(out, "reloaded; live flows go on, new ones meet the new rules")?;
    for (what, interfaces) in [("attached", &reloaded.attached), ("given back", &reloaded.detached)] {
        if !interfaces.is_empty() {
            look.line(out, &format!("{what}: {}", interfaces.join(", ")))?;
        }
    }
    reloaded.warnings.iter().try_for_each(|warning| look.line(out, warning))
}

/// What a reload would change.
///
/// # Errors
/// Those of the writer.
pub fn trial(out: &mut impl Write, trial: &Trial, look: &Look) -> io::Result<()> {
    for (what, interfaces) in
        [("would be attached", &trial.attached), ("would be given back", &trial.detached)]
    {
        if !interfaces.is_empty() {
            look.line(out, &format!("{what}: {}", interfaces.join(", ")))?;
        }
    }
    differences(out, &trial.policies, look)?;
    let words = ["protocol", "initiator", "age", "would be dropped", "by"].map(Column::Text);
    let mut table = Grid::new(&words);
    for NotAdmitted { flow, reason, denied_by } in &trial.flows {
        let by = denied_by.as_ref().map(|rule| format!("{}/{}", rule.nsg, rule.rule));
        table.row([
            flow.protocol.clone(),
            one_way(&flow.protocol, &flow.initiator),
            seconds(flow.age_seconds),
            reason.clone(),
            by.unwrap_or_default(),
        ]);
    }
    if !trial.flows.is_empty() && !table.write_table(out, look)? {
        trial.flows.iter().try_for_each(|one| in_words(out, one, look))?;
    }
    let (refused, judged) = (trial.flows_not_admitted, trial.flows_judged);
    let all = if trial.all_flows_judged { "" } else { " judged before the time was up" };
    let listed = match refused.saturating_sub(trial.flows.len() as u64) {
        0 => String::new(),
        _ => format!(", {} of them shown", trial.flows.len()),
    };
    let flows = format!("{judged} live flow{}{all}", plural(judged));
    look.line(out, &format!("{refused} of {flows} would not be admitted{listed}"))?;
    trial.warnings.iter().try_for_each(|warning| look.line(out, warning))?;
    writeln!(out, "nothing was changed")
}

/// A flow for a terminal that is too narrow for the table.
fn in_words(out: &mut impl Write, one: &NotAdmitted, look: &Look) -> io::Result<()> {
    let NotAdmitted { flow, reason, denied_by } = one;
    let by = denied_by.as_ref().map(|rule| format!(" by {}/{}", rule.nsg, rule.rule)).unwrap_or_default();
    let flow = format!("{} {}", flow.protocol, one_way(&flow.protocol, &flow.initiator));
    look.line(out, &format!("{flow} would be dropped: {reason}{by}"))
}
