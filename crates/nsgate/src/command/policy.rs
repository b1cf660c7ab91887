//! Questions about policy: to a gateway file, to Azure's documents alone, or to the daemon.

use super::offline::Files;
use super::{answer, look, offline};
use crate::cli::{
    Level, ListEffectiveNsg, Output, Policy, RunConfigurationDiagnostic, TestIpFlow, VerifiedProtocol, Way,
};
use answer::{Diagnosis, Diagnostic, EffectiveNsg, IpFlow, Profile, Question, Verbosity};
use anyhow::{Context as _, anyhow, bail};
use control::{DEFAULT_SOCKET, Request};
use snapshot::{Gateway, Snapshot};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The type of network interfaces.
pub(super) const NIC: &str = "Microsoft.Network/networkInterfaces";
/// The type of virtual machines.
const MACHINE: &str = "Microsoft.Compute/virtualMachines";

/// Whom a question about policy goes to.
pub(super) enum Whom<'a> {
    /// Files.
    Files(Files<'a>),
    /// The daemon behind this socket.
    Daemon(PathBuf),
}

/// Who answers.
enum Judge {
    /// A policy that was compiled here, and what it was compiled from.
    Compiled(Box<Gateway>, Arc<Snapshot>),
    /// The daemon behind this socket.
    Daemon(PathBuf),
}

pub(super) fn whom<'a>(policy: &'a Policy, documents: &'a [PathBuf]) -> anyhow::Result<Whom<'a>> {
    let given = offline::given(&policy.given, &policy.service_tags);
    let files = match &policy.config {
        Some(file) => Some(Files::of_config(std::slice::from_ref(file))?),
        None if documents.is_empty() => None,
        None => Some(Files::of_documents(documents)?),
    };
    if let Some(files) = files {
        files.refuse_unused(&given)?;
        return Ok(Whom::Files(files));
    }
    offline::no_documents("the running daemon", &given)?;
    match &policy.socket {
        Some(socket) => Ok(Whom::Daemon(socket.clone())),
        None if Path::new(DEFAULT_SOCKET).exists() => Ok(Whom::Daemon(DEFAULT_SOCKET.into())),
        None => Err(anyhow!(
            "nobody to ask: no daemon has {DEFAULT_SOCKET}; give --config FILE for a gateway file, --file FILE for \
             Azure's documents, or --socket PATH for a running daemon"
        )),
    }
}

/// The gateway of files.
pub(super) fn of_files(policy: &Policy, files: Files<'_>, output: Output) -> anyhow::Result<Gateway> {
    match files {
        Files::Gateway(file) => offline::load(file, output),
        Files::Documents(files) => {
            offline::load_documents(files, &offline::given(&policy.given, &policy.service_tags), output)
        }
    }
}

/// The id of a resource of this type in the resource group and the subscription that were named with it; its name where
/// none was.
pub(super) fn placed(policy: &Policy, kind: &str, name: &str) -> anyhow::Result<String> {
    let (group, subscription) = (&policy.given.resource_group, &policy.given.subscription);
    let words: Vec<&str> = name.split('/').filter(|word| !word.is_empty()).collect();
    if words.first().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions")) {
        for (option, key, said) in
            [("--subscription", "subscriptions", subscription), ("--resource-group", "resourceGroups", group)]
        {
            let own = words.iter().skip_while(|word| !word.eq_ignore_ascii_case(key)).nth(1);
            if let (Some(own), Some(said)) = (own, said)
                && !own.eq_ignore_ascii_case(said)
            {
                bail!("{option} says {said}, and {name} is in {own}");
            }
        }
        return Ok(name.to_owned());
    }
    let last = words.last().copied().unwrap_or_default();
    let in_subscription = subscription.as_deref().unwrap_or(model::NO_SUBSCRIPTION);
    Ok(match (group, subscription) {
        (None, None) => name.to_owned(),
        (None, Some(_)) => format!("/subscriptions/{in_subscription}/providers/{kind}/{last}"),
        (Some(group), _) => {
            format!("/subscriptions/{in_subscription}/resourceGroups/{group}/providers/{kind}/{last}")
        }
    })
}

/// Finds who answers, and compiles the policy where nobody else has.
fn judge(policy: &Policy, output: Output) -> anyhow::Result<Judge> {
    let gateway = match whom(policy, &policy.documents)? {
        Whom::Files(files) => of_files(policy, files, output)?,
        Whom::Daemon(socket) => return Ok(Judge::Daemon(socket)),
    };
    let snapshot = offline::compile(&gateway)?;
    Ok(Judge::Compiled(Box::new(gateway), snapshot))
}

/// Says which addresses the answer assumes: those of documents alone.
fn tell_assumptions(gateway: &Gateway, supposed: &Snapshot, output: Output) {
    if gateway.attachments.is_empty() {
        offline::tell_assumptions(&supposed.network, output);
    }
}

pub(super) fn test_ip_flow(args: &TestIpFlow, out: &mut impl Write) -> anyhow::Result<()> {
    let question = Question {
        nic: args.nic.as_ref().map(|nic| placed(&args.policy, NIC, nic)).transpose()?,
        vm: args.vm.as_ref().map(|vm| placed(&args.policy, MACHINE, vm)).transpose()?,
        direction: way(args.direction),
        protocol: match args.protocol {
            VerifiedProtocol::Tcp => "TCP".into(),
            VerifiedProtocol::Udp => "UDP".into(),
        },
        local: args.local.clone(),
        remote: args.remote.clone(),
    };
    let verdict: IpFlow = match judge(&args.policy, args.output)? {
        Judge::Compiled(gateway, snapshot) => {
            let supposed =
                views::supposed_by_flow(&gateway, &snapshot, &question).map_err(|why| anyhow!(why))?;
            let verdict = views::test_ip_flow(&supposed, &question).map_err(|why| anyhow!(why))?;
            tell_assumptions(&gateway, &supposed, args.output);
            verdict
        }
        Judge::Daemon(socket) => super::question(&socket, &Request::TestIpFlow(question))?,
    };
    // Azure's answer has no room for it, so whoever reads only that is told beside it.
    if let Some(by_port) = verdict.by_port.as_ref().filter(|_| args.output != Output::Text) {
        // There is nobody left to tell where stderr fails.
        let _ = writeln!(super::stderr(), "nsgate: {by_port}");
    }
    match args.output {
        Output::Json => answer(out, args.output, &verdict.azures(), |_, _| Ok(())),
        Output::Text | Output::None => {
            answer(out, args.output, &verdict, |out, it| print::ip_flow(out, it, &look()))
        }
    }
}

pub(super) fn list_effective_nsg(args: &ListEffectiveNsg, out: &mut impl Write) -> anyhow::Result<()> {
    let judge = judge(&args.policy, args.output)?;
    let mut all: Vec<(&str, Vec<EffectiveNsg>)> = Vec::new();
    for name in args.nic.iter().chain(&args.ids) {
        let nic = placed(&args.policy, NIC, name)?;
        let nsgs = match &judge {
            Judge::Compiled(_, snapshot) => {
                views::effective_nsgs(snapshot, &nic).map_err(|why| anyhow!(why))?
            }
            Judge::Daemon(socket) => super::question(socket, &Request::ListEffectiveNsg { nic })?,
        };
        all.push((name, nsgs));
    }
    if let Judge::Compiled(gateway, snapshot) = &judge {
        tell_assumptions(gateway, snapshot, args.output);
    }
    if let [(_, nsgs)] = all.as_slice() {
        let azures = views::EffectiveNsgs(nsgs);
        return answer(out, args.output, &azures, |out, it| print::effective_nsgs(out, it.0, &look()));
    }
    // Several answers are a list, as those of Azure's CLI are.
    let azures: Vec<_> = all.iter().map(|(_, nsgs)| views::EffectiveNsgs(nsgs)).collect();
    answer(out, args.output, &azures, |out, _| {
        all.iter().enumerate().try_for_each(|(nth, (name, nsgs))| {
            print::summary(out, &format!("{}{name}:", if nth > 0 { "\n" } else { "" }), &look())?;
            print::effective_nsgs(out, nsgs, &look())
        })
    })
}

pub(super) fn run_configuration_diagnostic(
    args: &RunConfigurationDiagnostic,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (nic, vm) = subject(args)?;
    let judge = judge(&args.policy, args.output)?;
    let verbosity = match args.verbosity_level {
        Level::Minimum => Verbosity::Minimum,
        Level::Normal => Verbosity::Normal,
        Level::Full => Verbosity::Full,
    };
    let profiles = profiles(args)?;
    let count = profiles.len();
    let (mut results, mut faults): (Vec<Diagnosis>, Vec<String>) = (Vec::new(), Vec::new());
    let mut assumed: Vec<Option<String>> = Vec::new();
    for (nth, profile) in profiles.into_iter().enumerate() {
        let asked = Diagnostic { nic: nic.clone(), vm: vm.clone(), profile, verbosity };
        let told = match &judge {
            Judge::Compiled(gateway, snapshot) => {
                let told = views::diagnose_supposing(gateway, snapshot, &asked).map_err(|why| anyhow!(why));
                told.map(|(diagnosis, supposed)| {
                    let assumptions = supposed.network.assumptions();
                    if !assumed.contains(&assumptions) {
                        tell_assumptions(gateway, &supposed, args.output);
                        assumed.push(assumptions);
                    }
                    diagnosis
                })
            }
            Judge::Daemon(socket) => super::question(socket, &Request::RunConfigurationDiagnostic(asked)),
        };
        match told {
            Ok(told) => results.push(told),
            Err(why) if count == 1 => return Err(why),
            Err(why) => faults.push(format!("question {}: {why:#}", nth + 1)),
        }
    }
    if !faults.is_empty() {
        return Err(of_queries(&faults));
    }
    let azures = views::Diagnoses { results: &results };
    answer(out, args.output, &azures, |out, it| print::diagnoses(out, it.results, &look()))
}

/// The network interface that a diagnostic is about, or the machine; a name alone may be that of either.
fn subject(args: &RunConfigurationDiagnostic) -> anyhow::Result<(Option<String>, Option<String>)> {
    if args.parent.as_ref().is_some_and(|parent| !parent.is_empty()) {
        bail!("--parent: scale sets are not known here; name the network interface itself, by --nic");
    }
    let is_id_of_machine = args.resource.to_ascii_lowercase().contains("/virtualmachines/");
    let of_type =
        args.resource_type.as_ref().map(|it| it.rsplit('/').next().unwrap_or(it).to_ascii_lowercase());
    let is_machine = match of_type.as_deref() {
        Some("virtualmachines") => true,
        Some("networkinterfaces") => false,
        None => is_id_of_machine,
        Some(_) => bail!(
            "--resource-type {}: rules stand before networkInterfaces and virtualMachines; no other type is known here",
            args.resource_type.as_deref().unwrap_or_default()
        ),
    };
    let placed = |kind| placed(&args.policy, kind, &args.resource).map(Some);
    match is_machine {
        true => Ok((None, placed(MACHINE)?)),
        false if of_type.is_none() && !args.resource.contains('/') => Ok((placed(NIC)?, placed(MACHINE)?)),
        false => Ok((placed(NIC)?, None)),
    }
}

/// What is wrong with several questions, a line each.
fn of_queries(faults: &[String]) -> anyhow::Error {
    let lines: Vec<String> = faults.iter().map(|fault| format!("--queries: {fault}")).collect();
    anyhow!(lines.join("\n"))
}

fn profiles(args: &RunConfigurationDiagnostic) -> anyhow::Result<Vec<Profile>> {
    if let Some(queries) = &args.queries {
        let text = match queries.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("--queries {queries}"))?,
            None => queries.clone(),
        };
        return views::profiles(&text).map_err(|faults| of_queries(&faults));
    }
    let given = |value: &Option<String>| value.clone().unwrap_or_default();
    Ok(vec![Profile {
        direction: args.direction.map(way).unwrap_or_default(),
        protocol: given(&args.protocol),
        source: given(&args.source),
        destination: given(&args.destination),
        destination_port: args.port.clone(),
    }])
}

fn way(way: Way) -> String {
    match way {
        Way::Inbound => "Inbound".into(),
        Way::Outbound => "Outbound".into(),
    }
}
