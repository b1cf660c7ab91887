//! `nsgate check`: everything that is wrong, at once.

use super::offline::{self, Files};
use crate::cli::{Check, Output};
use ::io::{Backend, Interfaces, Ports, Wanted, Wire};
use diagnostic::{Diagnostic, Severity};
use gateway::{Documents, Given, Host, Ids, Link, Loaded};
use model::Network;
use pipeline::Engine;
use print::Look;
use serde::Serialize;
use snapshot::{Attachment, Names, Snapshot};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub(super) fn check(args: &Check, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let config: Vec<PathBuf> = args.config.iter().cloned().collect();
    let documents = [args.documents.as_slice(), &args.more].concat();
    let given = offline::given(&args.given, &args.service_tags);
    let files = if config.is_empty() { Files::of_documents(&documents) } else { Files::of_config(&config) };
    let (found, about) = match files? {
        Files::Gateway(file) => {
            offline::no_place(&file.display().to_string(), &given)?;
            check_gateway(file)
        }
        Files::Documents(files) => check_documents(files, &given),
    };
    let errors = found.iter().filter(|one| one.severity == Severity::Error).count();
    let warnings = found.len() - errors;
    let About { text, ignored } = about;
    let ignored: BTreeMap<String, usize> =
        ignored.into_iter().map(|(kind, count)| (diagnostic::bounded(kind), count)).collect();
    match args.output {
        Output::Json => {
            print::diagnostics_json(out, &found)?;
            // The list is what is wrong, and nothing else.
            print::json(
                &mut super::stderr(),
                &Summary { ok: errors == 0, errors, warnings, about: text, ignored },
            )?;
        }
        Output::None => {}
        Output::Text => {
            let counts = format!("{}, {}", counted(errors, "error"), counted(warnings, "warning"));
            let ignored: Vec<_> = ignored.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let ignored =
                if ignored.is_empty() { String::new() } else { format!("; ignored: {}", ignored.join(", ")) };
            let text = text.unwrap_or_default();
            let summary = if errors == 0 { format!("ok: {text}{ignored}; {counts}") } else { counts };
            print::diagnostics(&mut super::stderr(), &found, &Look::of(&io::stderr()))?;
            print::summary(out, &summary, &super::look())?;
        }
    }
    Ok(if errors == 0 { ExitCode::SUCCESS } else { ExitCode::from(super::NO) })
}

/// What was checked, for programs.
#[derive(Serialize)]
struct Summary {
    ok: bool,
    errors: usize,
    warnings: usize,
    /// One sentence on what there is, unless errors leave it open.
    about: Option<String>,
    /// How many resources of which types say nothing about packets.
    ignored: BTreeMap<String, usize>,
}

/// What there is, and what of the documents says nothing about packets.
#[derive(Default)]
struct About {
    text: Option<String>,
    ignored: BTreeMap<String, usize>,
}

fn check_gateway(file: &Path) -> (Vec<Diagnostic>, About) {
    let interfaces = OnceCell::new();
    let find = |wanted: &Wanted<'_>| interfaces.get_or_init(Interfaces::look).describe(wanted);
    let loaded = match gateway::load(file, &mut Ids::default(), &Host::Seen(&find)) {
        Ok(loaded) => loaded,
        Err(found) => return (found, About::default()),
    };
    let text = format!("{}; {}", inventory(&loaded.gateway.network), memory(&loaded));
    let mut found = loaded.warnings;
    match Snapshot::build(&loaded.gateway, &mut Names::default()) {
        Ok(snapshot) => found.extend(gateway::unseen_rules(&snapshot, &loaded.segments)),
        Err(errors) => found.extend(errors.into_iter().map(gateway::policy_too_large)),
    }
    found.extend(idle_rules(&loaded.gateway.network, &loaded.gateway.attachments));
    (found, About { text: Some(text), ignored: loaded.ignored })
}

/// What the daemon takes at its start, and what may come on top.
fn memory(loaded: &Loaded) -> String {
    const MIB: usize = 1 << 20;
    let (workers, capacity) = (loaded.settings.workers, loaded.settings.flow_capacity);
    let has_ring = |link: &&Link| !link.wire.is_tap() && link.wire != Wire::Existing(Backend::Pnet);
    let rings = loaded.links.values().filter(has_ring).count();
    let ring_memory = rings * workers * Ports::RING_MIB;
    let queues = workers * daemon::QUEUE_MEMORY / MIB;
    let flows = Engine::memory(capacity, workers).div_ceil(MIB);
    format!(
        "{}, {}: {rings} x {workers} rings of {} MiB = {ring_memory} MiB, {capacity} flows {flows} MiB, \
         between workers {queues} MiB, {} MiB in all; at most {} MiB waiting besides",
        counted(loaded.links.len(), "attachment"),
        counted(workers, "worker"),
        Ports::RING_MIB,
        ring_memory + flows + queues,
        rings * Ports::QUEUE_MIB,
    )
}

fn check_documents(files: &[PathBuf], given: &Given<'_>) -> (Vec<Diagnostic>, About) {
    let (documents, mut found) = gateway::load_documents(files, given);
    let Documents { network, ignored, .. } = documents;
    found.extend(network.iter().flat_map(|network| idle_rules(network, &[])));
    (found, About { text: network.as_ref().map(inventory), ignored })
}

/// Warnings of rules that change nothing. A policy that is too large for an answer is refused elsewhere.
fn idle_rules(network: &Network, attachments: &[Attachment]) -> Vec<Diagnostic> {
    let virtual_networks = snapshot::virtual_network_tags(network, attachments);
    let found = analysis::lint(&analysis::Network {
        network,
        virtual_networks: &virtual_networks,
        on_premises: &[],
        internet: &[],
    });
    found.map(|found| analysis::diagnostics(network, &found)).unwrap_or_default()
}

/// What there is.
fn inventory(network: &Network) -> String {
    let rules = network.security_groups.iter().map(|group| group.rules.len()).sum();
    format!(
        "{}, {}, {} with {}",
        counted(network.virtual_networks.len(), "virtual network"),
        counted(network.network_interfaces.len(), "network interface"),
        counted(network.security_groups.len(), "NSG"),
        counted(rules, "rule"),
    )
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
