//! `nsgate release`: the interfaces go back to the host.

use crate::cli::Release;
use daemon::CannotStart;
use gateway::Broken;
use io::lock::Lock;
use serde::Serialize;
use std::io::Write;

/// What became of one interface.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Released {
    interface: String,
    /// Whether it was guarded.
    released: bool,
    /// Why nothing could be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    missing: Option<String>,
}

/// Takes the guard off every interface that the file attaches; off none while a daemon holds one of them.
pub(super) fn release(args: &Release, out: &mut impl Write) -> anyhow::Result<()> {
    let names = gateway::interfaces_of(super::offline::gateway_file(&args.config)?).map_err(Broken)?;
    let refused = |error: io::Error| CannotStart::Interface(error.to_string());
    let interfaces = io::Interfaces::look();
    let mut held = Vec::new();
    let mut answer = Vec::new();
    for name in names {
        match interfaces.find(&name) {
            Ok(interface) => held.push((Lock::take(&interface).map_err(refused)?, interface)),
            Err(error @ io::Error::NoSuchInterface { .. }) => {
                answer.push(Released { interface: name, released: false, missing: Some(error.to_string()) });
            }
            Err(error) => return Err(refused(error).into()),
        }
    }
    for (_, interface) in &held {
        let released = io::guard::remove(interface.index).map_err(refused)?;
        answer.push(Released { interface: interface.name.clone(), released, missing: None });
    }
    super::answer(out, args.output, &answer, |out, answer| {
        answer.iter().try_for_each(|one| match (&one.missing, one.released) {
            (Some(why), _) => writeln!(out, "{}: {why}", one.interface),
            (None, true) => writeln!(out, "{}: given back to the host", one.interface),
            (None, false) => writeln!(out, "{}: was not guarded", one.interface),
        })
    })
}
