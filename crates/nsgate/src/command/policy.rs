//! Questions about policy: to a gateway file, to Azure's documents alone, or to the daemon.

use super::{answer, look, offline};
use crate::cli::{
    Level, ListEffectiveNsg, Output, Policy, RunConfigurationDiagnostic, TestIpFlow, VerifiedProtocol, Way,
};
use anyhow::{Context as _, anyhow};
use control::answer::{Diagnosis, EffectiveNsg, IpFlow, Profile};
use control::{DEFAULT_SOCKET, Diagnostic, Question, Request, Verbosity};
use pipeline::{Gateway, Snapshot};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Whom a question about policy goes to.
pub(super) enum Whom<'a> {
    /// A gateway file.
    File(&'a Path),
    /// Azure's documents.
    Documents,
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

pub(super) fn whom(policy: &Policy) -> anyhow::Result<Whom<'_>> {
    match (&policy.config, &policy.socket) {
        (Some(file), _) => Ok(Whom::File(file)),
        (None, _) if !policy.documents.is_empty() => Ok(Whom::Documents),
        (None, Some(socket)) => Ok(Whom::Daemon(socket.clone())),
        (None, None) if Path::new(DEFAULT_SOCKET).exists() => Ok(Whom::Daemon(DEFAULT_SOCKET.into())),
        (None, None) => Err(anyhow!(
            "nobody to ask: no daemon has {DEFAULT_SOCKET}; give --config FILE for a gateway file, --file FILE for \
             Azure's documents, or --socket PATH for a running daemon"
        )),
    }
}

/// The gateway of Azure's documents.
pub(super) fn of_documents(policy: &Policy) -> anyhow::Result<Gateway> {
    offline::load_documents(&policy.documents, &offline::given(&policy.given, &policy.service_tags))
}

/// A network interface's name with the resource group that was named with it, which is an id in any subscription unless
/// one was named by its id.
pub(super) fn placed(policy: &Policy, nic: &str) -> String {
    let Some(group) = policy.given.resource_group.as_deref().filter(|_| !nic.contains('/')) else {
        return nic.to_owned();
    };
    let is_id = |it: &&str| it.len() == 36 && it.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
    let subscription = policy.given.subscription.as_deref().filter(is_id).unwrap_or(model::NO_SUBSCRIPTION);
    format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/networkInterfaces/{nic}"
    )
}

/// Finds who answers, and compiles the policy where nobody else has.
fn judge(policy: &Policy) -> anyhow::Result<Judge> {
    let gateway = match whom(policy)? {
        Whom::File(file) => offline::load(file)?,
        Whom::Documents => of_documents(policy)?,
        Whom::Daemon(socket) => return Ok(Judge::Daemon(socket)),
    };
    let snapshot = offline::compile(&gateway)?;
    Ok(Judge::Compiled(Box::new(gateway), snapshot))
}

/// Says which addresses the answer assumes: those of documents alone.
fn tell_assumptions(gateway: &Gateway, supposed: &Snapshot) {
    if gateway.attachments.is_empty() {
        offline::tell_assumptions(&supposed.network);
    }
}

pub(super) fn test_ip_flow(args: &TestIpFlow, out: &mut impl Write) -> anyhow::Result<()> {
    let question = Question {
        nic: args.nic.as_ref().map(|nic| placed(&args.policy, nic)),
        vm: args.vm.clone(),
        direction: way(args.direction),
        protocol: match args.protocol {
            VerifiedProtocol::Tcp => "TCP".into(),
            VerifiedProtocol::Udp => "UDP".into(),
        },
        local: args.local.clone(),
        remote: args.remote.clone(),
    };
    let verdict: IpFlow = match judge(&args.policy)? {
        Judge::Compiled(gateway, snapshot) => {
            let supposed =
                views::supposed_by_flow(&gateway, &snapshot, &question).map_err(|why| anyhow!(why))?;
            let verdict = views::test_ip_flow(&supposed, &question).map_err(|why| anyhow!(why))?;
            tell_assumptions(&gateway, &supposed);
            verdict
        }
        Judge::Daemon(socket) => super::question(&socket, &Request::TestIpFlow(question))?,
    };
    match args.output {
        Output::Json => answer(out, args.output, &verdict.azures(), |_, _| Ok(())),
        Output::Text => answer(out, args.output, &verdict, |out, it| print::ip_flow(out, it, &look())),
    }
}

pub(super) fn list_effective_nsg(args: &ListEffectiveNsg, out: &mut impl Write) -> anyhow::Result<()> {
    let nic = placed(&args.policy, &args.nic);
    let nsgs: Vec<EffectiveNsg> = match judge(&args.policy)? {
        Judge::Compiled(gateway, snapshot) => {
            let nsgs = views::effective_nsgs(&snapshot, &nic).map_err(|why| anyhow!(why))?;
            tell_assumptions(&gateway, &snapshot);
            nsgs
        }
        Judge::Daemon(socket) => super::question(&socket, &Request::ListEffectiveNsg { nic })?,
    };
    let azures = views::EffectiveNsgs(&nsgs);
    answer(out, args.output, &azures, |out, it| print::effective_nsgs(out, it.0, &look()))
}

pub(super) fn run_configuration_diagnostic(
    args: &RunConfigurationDiagnostic,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let judge = judge(&args.policy)?;
    let id = args.resource.to_ascii_lowercase();
    let of_type = args.resource_type.as_ref().map(|it| it.to_ascii_lowercase()).unwrap_or_default();
    let is_machine = id.contains("/virtualmachines/") || of_type.ends_with("virtualmachines");
    let (interface, resource) = (placed(&args.policy, &args.resource), args.resource.clone());
    let (nic, vm) = match is_machine {
        true => (None, Some(resource)),
        // A name alone may be that of either.
        false if of_type.is_empty() && !id.contains('/') => (Some(interface), Some(resource)),
        false => (Some(interface), None),
    };
    let verbosity = match args.verbosity_level {
        Level::Minimum => Verbosity::Minimum,
        Level::Normal => Verbosity::Normal,
        Level::Full => Verbosity::Full,
    };
    let mut results: Vec<Diagnosis> = Vec::new();
    let mut told: Vec<Option<String>> = Vec::new();
    for profile in profiles(args)? {
        let asked = Diagnostic { nic: nic.clone(), vm: vm.clone(), profile, verbosity };
        results.push(match &judge {
            Judge::Compiled(gateway, snapshot) => {
                let supposed =
                    views::diagnose_supposing(gateway, snapshot, &asked).map_err(|why| anyhow!(why))?;
                let assumptions = supposed.1.network.assumptions();
                if !told.contains(&assumptions) {
                    tell_assumptions(gateway, &supposed.1);
                    told.push(assumptions);
                }
                supposed.0
            }
            Judge::Daemon(socket) => super::question(socket, &Request::RunConfigurationDiagnostic(asked))?,
        });
    }
    let azures = views::Diagnoses { results: &results };
    answer(out, args.output, &azures, |out, it| print::diagnoses(out, it.results, &look()))
}

fn profiles(args: &RunConfigurationDiagnostic) -> anyhow::Result<Vec<Profile>> {
    if let Some(queries) = &args.queries {
        let text = match queries.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("--queries {queries}"))?,
            None => queries.clone(),
        };
        return views::profiles(&text).map_err(|why| anyhow!("--queries: {why}"));
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
