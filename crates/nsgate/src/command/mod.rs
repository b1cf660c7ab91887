//! The commands: each takes its arguments, asks a file or the daemon, and prints.

mod ask;
mod check;
mod diff;
mod expand;
mod explain;
mod offline;
mod policy;
mod reader;
mod release;
mod replay;
mod run;
mod usage;

use crate::cli::{Cli, Command, Output, Whom};
use anyhow::{anyhow, bail};
use clap::Parser as _;
use control::{DEFAULT_SOCKET, Refusal, Request};
use daemon::CannotStart;
use gateway::Broken;
use print::Look;
use reader::Reader;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The daemon or the file says no.
const NO: u8 = 1;
/// The question cannot be answered as it was put: wrong usage, or a file that does not load.
const UNUSABLE: u8 = 2;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::report(error),
    };
    let output = cli.command.output();
    let mut out = Reader::new(io::stdout().lock());
    let done = run(&cli.command, &mut out).and_then(|code| Ok(out.flush().map(|()| code)?));
    drop(out);
    done.unwrap_or_else(|error| ExitCode::from(report(&error, output)))
}

fn run(command: &Command, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(args)?,
        Command::Release(args) => release::release(args, out)?,
        Command::Check(args) => return check::check(args, out),
        Command::Diff(args) => return diff::run(args, out),
        Command::TestIpFlow(args) => policy::test_ip_flow(args, out)?,
        Command::ListEffectiveNsg(args) => policy::list_effective_nsg(args, out)?,
        Command::RunConfigurationDiagnostic(args) => policy::run_configuration_diagnostic(args, out)?,
        Command::Expand(args) => return expand::expand(args, out),
        Command::Explain(args) => explain::explain(args, out)?,
        Command::Replay(args) => return replay::replay(args, out),
        Command::Status(args) => ask::status(args, out)?,
        Command::Flows(args) => ask::flows(args, out)?,
        Command::Snat(args) => ask::snat(args, out)?,
        Command::Drops(args) => ask::drops(args, out)?,
        Command::Reload(args) => return ask::reload(args, out),
        Command::ShowNextHop(_) | Command::ShowEffectiveRouteTable(_) => {
            bail!(
                "this view is not built yet: nsgate does not route by user-defined routes; `nsgate explain` names the route of a packet"
            )
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes an error to stderr, for programs where the answer would have been, and says which exit status it is.
fn report(error: &anyhow::Error, output: Output) -> u8 {
    let mut err = stderr();
    // There is nobody left to tell where stderr fails.
    let _ = match (error.downcast_ref::<Broken>(), output) {
        (Some(Broken(found)), Output::Json) => print::diagnostics_json(&mut err, found),
        (Some(Broken(found)), _) => print::diagnostics(&mut err, found, &Look::of(&io::stderr())),
        (None, Output::Json) => {
            print::errors_json(&mut err, &format!("{error:#}").lines().map(str::to_owned).collect::<Vec<_>>())
        }
        (None, _) => writeln!(err, "nsgate: {error:#}"),
    };
    if error.is::<Refusal>() || error.is::<CannotStart>() { NO } else { UNUSABLE }
}

/// Whom a question goes to.
enum Answerer {
    /// A gateway file.
    File(PathBuf),
    /// The daemon behind this socket.
    Daemon(PathBuf),
}

fn answerer(whom: &Whom) -> anyhow::Result<Answerer> {
    match (&whom.config, &whom.socket) {
        (Some(file), _) => Ok(Answerer::File(offline::gateway_file(file)?.to_owned())),
        (None, Some(socket)) => Ok(Answerer::Daemon(socket.clone())),
        (None, None) if Path::new(DEFAULT_SOCKET).exists() => Ok(Answerer::Daemon(DEFAULT_SOCKET.into())),
        (None, None) => Err(anyhow!(
            "nobody to ask: no daemon has {DEFAULT_SOCKET}; give --config FILE for a gateway file, \
             or --socket PATH for a running daemon"
        )),
    }
}

/// The daemon's socket; of a gateway file, the one that it names.
fn socket(whom: &Whom) -> anyhow::Result<PathBuf> {
    match answerer(whom)? {
        Answerer::Daemon(socket) => Ok(socket),
        Answerer::File(file) => Ok(gateway::socket_of(&file).map_err(Broken)?),
    }
}

/// Asks the daemon what a file could answer too: where it refuses, something is wrong with the question, as there.
fn question<T: serde::de::DeserializeOwned>(socket: &Path, request: &Request) -> anyhow::Result<T> {
    control::ask(socket, request).map_err(|error| match error.downcast::<Refusal>() {
        Ok(Refusal(why)) => anyhow!(why),
        Err(error) => error,
    })
}

/// Where errors and warnings go.
fn stderr() -> impl Write {
    Reader::new(io::stderr().lock())
}

/// How text looks where stdout goes.
fn look() -> Look {
    Look::of(&io::stdout())
}

fn answer<W: Write, T: serde::Serialize>(
    out: &mut W,
    output: Output,
    answer: &T,
    text: impl FnOnce(&mut W, &T) -> io::Result<()>,
) -> anyhow::Result<()> {
    match output {
        Output::Json => print::json(out, answer)?,
        Output::Text => text(out, answer)?,
        Output::None => {}
    }
    Ok(())
}
