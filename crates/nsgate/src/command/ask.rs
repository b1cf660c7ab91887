//! Questions to a gateway file or to the daemon.

use super::{answer, look, question, socket};
use crate::cli::{Ask, Reload};
use answer::{Drop, FlowPage, Reloaded, SnatPool, Status, Trial};
use control::{PAGE, Request, ask};
use std::io::Write;
use std::process::ExitCode;

pub(super) fn status(args: &Ask, out: &mut impl Write) -> anyhow::Result<()> {
    let status: Status = ask(&socket(&args.whom)?, &Request::Status {})?;
    answer(out, args.output, &status, |out, it| print::status(out, it, &look()))
}

pub(super) fn flows(args: &Ask, out: &mut impl Write) -> anyhow::Result<()> {
    let socket = socket(&args.whom)?;
    let mut flows = Vec::new();
    let mut from = Some(0);
    while let Some(start) = from {
        let page: FlowPage = ask(&socket, &Request::Flows { from: start, limit: PAGE })?;
        flows.extend(page.flows);
        from = page.next;
    }
    answer(out, args.output, &flows, |out, it| print::flows(out, it, &look()))
}

pub(super) fn snat(args: &Ask, out: &mut impl Write) -> anyhow::Result<()> {
    let pools: Vec<SnatPool> = ask(&socket(&args.whom)?, &Request::Snat {})?;
    answer(out, args.output, &pools, |out, it| print::snat(out, it, &look()))
}

pub(super) fn drops(args: &Ask, out: &mut impl Write) -> anyhow::Result<()> {
    let drops: Vec<Drop> = ask(&socket(&args.whom)?, &Request::Drops {})?;
    answer(out, args.output, &drops, |out, it| print::drops(out, it, &look()))
}

pub(super) fn reload(args: &Reload, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let socket = socket(&args.ask.whom)?;
    if args.dry_run {
        // Here a file with errors is no answer, as for `nsgate diff`.
        let trial: Trial = question(&socket, &Request::TryReload { limit: args.limit })?;
        answer(out, args.ask.output, &trial, |out, it| print::trial(out, it, &look()))?;
        return Ok(ExitCode::from(if trial.is_change() { super::NO } else { 0 }));
    }
    let reloaded: Reloaded = ask(&socket, &Request::Reload {})?;
    answer(out, args.ask.output, &reloaded, |out, it| print::reloaded(out, it, &look()))?;
    Ok(ExitCode::SUCCESS)
}
