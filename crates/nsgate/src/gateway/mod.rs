//! The gateway file: what Azure knows, and what Azure cannot know.
//!
//! [`load`] reads the file, the documents it names and the interfaces it attaches, and either answers with
//! everything that is wrong, each with its place, or with a [`Loaded`] gateway. Nothing else in nsgate knows the
//! file's format.

mod address;
mod attach;
mod codes;
mod documents;
mod fields;
mod host;
mod inside;
mod on_premises;
mod unseen;
mod written;
mod yaml;

pub use host::{Find, Host, Ids};
pub use unseen::unseen_rules;

use control::DEFAULT_SOCKET;
use model::{Diagnostic, Location, Network, Severity};
use packet::AttachmentId;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use written::Written;

/// Azure's idle timeout, for flows and for SNAT ports.
const IDLE: Duration = Duration::from_secs(4 * 60);
/// The most workers that `auto` makes.
const MOST_WORKERS: usize = 64;
/// `flows.capacity` where the file does not say.
const CAPACITY: usize = 1_000_000;

/// A gateway file without errors.
#[derive(Debug)]
pub struct Loaded {
    /// What the pipeline is built from.
    pub gateway: pipeline::Gateway,
    /// What the daemon itself is told.
    pub settings: Settings,
    /// The Linux interfaces in the order of the gateway's attachments, as far as they were looked at.
    pub interfaces: Vec<Option<io::Interface>>,
    /// The attachments that are segments, and where the file says so.
    pub segments: Vec<(AttachmentId, Location)>,
    /// What carries their frames, in the same order.
    pub backends: Vec<io::Backend>,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// What the file tells the daemon itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The gateway file.
    pub file: PathBuf,
    /// `control.socket`.
    pub socket: PathBuf,
    /// `flows.capacity`.
    pub flow_capacity: usize,
    /// `engine.workers`, and for `auto` what this host's cores allow.
    pub workers: usize,
    /// Whether every frame is handed over once (`engine.handOff: always`).
    pub hand_off_always: bool,
}

/// Reads a gateway file and everything it names.
///
/// # Errors
/// All errors and warnings, in the order of the files.
pub fn load(path: &Path, ids: &mut Ids, host: &Host<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let text = arm::read_text(path).map_err(|error| vec![error])?;
    load_text(path, &text, ids, host)
}

/// The same from a text; `path` is what its relative paths are relative to.
///
/// # Errors
/// As [`load`].
pub fn load_text(path: &Path, text: &str, ids: &mut Ids, host: &Host<'_>) -> Result<Loaded, Vec<Diagnostic>> {
    let name: Arc<str> = path.to_string_lossy().into();
    let root = yaml::read(&name, text).map_err(|error| vec![*error])?;
    let directory = directory_of(path);
    let mut found = Vec::new();
    let written = Written::read(&root, &mut found);
    let mut documents = documents::read_network(&written, directory, &mut found);
    let attached = attach::attach(&written, &mut documents, ids, host, &mut found);
    in_order(&mut found);
    let broken = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let Some(network) = documents.network.filter(|_| !broken) else { return Err(found) };
    Ok(Loaded {
        gateway: pipeline::Gateway {
            network: Arc::new(network),
            attachments: attached.attachments,
            default_public_ip: written.default_public_ip.as_ref().map(|public| public.value),
            snat_ports: written.snat_ports.as_ref().map_or(nat::PORTS, |ports| ports.value.clone()),
            ports_per_vm: written.ports_per_vm.unwrap_or(nat::CAPACITY as u32),
            flow_idle: written.flow_idle.unwrap_or(IDLE),
            snat_idle: written.snat_idle.unwrap_or(IDLE),
        },
        settings: Settings {
            file: path.to_owned(),
            socket: socket(&written, directory),
            flow_capacity: written
                .flow_capacity
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(CAPACITY),
            workers: written.engine.workers.unwrap_or_else(|| workers_for(written.engine.io)),
            hand_off_always: written.engine.hand_off,
        },
        interfaces: attached.interfaces,
        segments: attached.segments,
        backends: attached.backends,
        warnings: found,
    })
}

/// One fewer than the cores, because senders and receivers need one too; one where there are fewer than three, and where
/// the backend has one queue.
fn workers_for(backend: io::Backend) -> usize {
    if backend == io::Backend::Pnet {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, MOST_WORKERS)
}

/// Sorts by file, each where it first appears, and by line: the order in which people mend.
fn in_order(found: &mut [Diagnostic]) {
    let mut files: HashMap<Arc<str>, usize> = HashMap::new();
    for at in found.iter().filter_map(|one| one.at.as_ref()) {
        let next = files.len();
        files.entry(Arc::clone(&at.file)).or_insert(next);
    }
    found.sort_by_key(|one| {
        one.at.as_ref().map(|at| (files.get(&at.file).copied().unwrap_or_default(), at.line, at.column))
    });
}

/// The control socket that a gateway file names, whatever else may be wrong with it.
///
/// # Errors
/// Where the file cannot be read as YAML.
pub fn socket_of(path: &Path) -> Result<PathBuf, Vec<Diagnostic>> {
    let text = arm::read_text(path).map_err(|error| vec![error])?;
    let root = yaml::read(&path.to_string_lossy().into(), &text).map_err(|error| vec![*error])?;
    Ok(socket(&Written::read(&root, &mut Vec::new()), directory_of(path)))
}

/// The names of the Linux interfaces that a gateway file attaches and that are guarded, whatever else may be wrong with
/// it. TAP devices are not: what they carry never enters the host's own stack.
///
/// # Errors
/// Where the file cannot be read as YAML, or its attachments are not readable as such.
pub fn interfaces_of(path: &Path) -> Result<Vec<String>, Vec<Diagnostic>> {
    let text = arm::read_text(path).map_err(|error| vec![error])?;
    let root = yaml::read(&path.to_string_lossy().into(), &text).map_err(|error| vec![*error])?;
    let written = Written::read(&root, &mut Vec::new());
    let is_guarded =
        |attachment: &written::Attachment| !attachment.is_tap && written.engine.io != io::Backend::Tap;
    let guarded = written.attachments.iter().filter(|attachment| is_guarded(attachment));
    Ok(guarded.map(|attachment| attachment.interface.value.clone()).collect())
}

/// Reads and validates Azure's documents without a gateway file.
///
/// Returns the network where there are no errors, and everything that was found.
pub fn load_documents(files: &[PathBuf], service_tags: Option<&Path>) -> (Option<Network>, Vec<Diagnostic>) {
    let mut found = Vec::new();
    let mut nodes = Vec::new();
    let mut complete = true;
    for file in files {
        match arm::read_json_file(file) {
            Ok(node) => nodes.push(node),
            Err(errors) => {
                complete = false;
                found.extend(errors);
            }
        }
    }
    let tags = service_tags.map(arm::read_service_tags_file).transpose().unwrap_or_else(|errors| {
        complete = false;
        found.extend(errors);
        None
    });
    let documents = documents::judge(&nodes, tags.unwrap_or_default(), complete, &mut found);
    (documents.network, found)
}

/// The error of a policy that does not fit into its tables.
pub fn policy_too_large(message: String) -> Diagnostic {
    Diagnostic { severity: Severity::Error, code: codes::POLICY, at: None, message, help: None }
}

/// The warning of a reload that changes what only a start can change.
pub fn needs_a_start(path: &Path, key: &str) -> Diagnostic {
    let at = Location { file: path.to_string_lossy().into(), line: 1, column: 1 };
    Diagnostic::warning(
        codes::NEEDS_A_START,
        &at,
        format!("{key} has changed; it takes effect when nsgate starts again"),
    )
}

/// The error of a daemon without anything to do.
pub fn no_attachments(path: &Path) -> Diagnostic {
    let at = Location { file: path.to_string_lossy().into(), line: 1, column: 1 };
    Diagnostic::error(codes::NO_ATTACHMENTS, &at, "there are no attachments")
        .help("`nsgate run` needs at least one; a file without is fine for test-ip-flow and explain")
}

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

fn socket(written: &Written, directory: &Path) -> PathBuf {
    directory.join(written.socket.as_ref().map_or(DEFAULT_SOCKET, |socket| socket.value.as_str()))
}
