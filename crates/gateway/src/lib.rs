//! The gateway file: what Azure knows, and what Azure cannot know.
//!
//! [`load`] reads the YAML file, the documents of Azure's that it names and the interfaces it attaches, holds each
//! against the others, and answers either with everything that is wrong, each with its place, code and help, or with a
//! [`Loaded`] gateway: what a snapshot is built from, and what the daemon is told. No mistake ends the reading; what
//! can be said of the rest is said. Nothing else in nsgate knows the file's format.
//!
//! ```
//! use gateway::{Host, Ids};
//! use std::path::Path;
//!
//! let text = r#"
//! network:
//!   resources:
//!     - type: Microsoft.Network/virtualNetworks
//!       name: vnet1
//!       properties:
//!         addressSpace: { addressPrefixes: [10.0.0.0/16] }
//!         subnets: [{ name: web, properties: { addressPrefix: 10.0.1.0/24 } }]
//!     - type: Microsoft.Network/networkInterfaces
//!       name: web1-nic
//!       properties:
//!         ipConfigurations:
//!           - { name: primary, properties: { subnet: { id: vnet1/web }, privateIPAddress: 10.0.1.4 } }
//! attachments:
//!   - { interface: veth-web1, nic: web1-nic }
//! "#;
//! let loaded = gateway::load_text(Path::new("g.yaml"), text, &mut Ids::default(), &Host::Unseen).unwrap();
//! assert_eq!(&*loaded.gateway.attachments[0].interface, "veth-web1");
//!
//! let wrong = text.replace("nic: web1-nic", "nic: web2-nic");
//! let found = gateway::load_text(Path::new("g.yaml"), &wrong, &mut Ids::default(), &Host::Unseen).unwrap_err();
//! assert_eq!(found[0].code, "UnknownNetworkInterface");
//! assert_eq!(found[0].at.as_ref().unwrap().to_string(), "g.yaml:15:34");
//! ```
//!
//! | module | question |
//! |---|---|
//! | `yaml`, `fields` | which keys and values there are, and where |
//! | `written` | what each key says, by itself |
//! | `documents` | what Azure's documents say |
//! | `templates` | what the templates among them are given, and come to |
//! | `attach`, `inside`, `outside`, `on_premises` | whether the attachments fit the network and the host |
//! | `host` | what the host's interfaces are, as far as they count ([`Host`]) |
//! | `narrow` | which links are too narrow for IPv6 |
//! | `members` | which members of application security groups no rule sees |
//! | `peek` | what a broken file still says: its socket, its interfaces |
//! | `later` | what is found only once it has been loaded |
//! | `tags` | whether a newer file of service tags will do ([`retag`]) |
//! | `codes`, `broken` | what each error is called, and all of a file's as one ([`Broken`]) |
//!
//! An interface keeps its number ([`Ids`]) over reloads, so that flows of an unchanged attachment live on.

mod attach;
mod broken;
mod codes;
mod documents;
mod fields;
mod host;
mod inside;
mod later;
mod members;
mod narrow;
mod on_premises;
mod outside;
mod peek;
mod tags;
mod templates;
mod written;
mod yaml;

pub use broken::Broken;
pub use document::codes::UNREADABLE_FILE;
pub use documents::{Documents, load_documents};
pub use host::{Find, Host, Ids};
pub use later::{needs_a_start, no_attachments, policy_too_large, unseen_rules};
pub use peek::{interfaces_of, socket_of};
pub use tags::{NotTaken, Retagged, retag, step_back};
pub use templates::{Deployed, Given, expand_documents};

use control::DEFAULT_SOCKET;
use diagnostic::{Diagnostic, Location, Severity};
use packet::AttachmentId;
use std::collections::BTreeMap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use written::Written;

/// Azure's idle timeout, for flows and for SNAT ports.
const IDLE: Duration = Duration::from_secs(4 * 60);
/// The most workers that `auto` makes.
const MOST_WORKERS: usize = 64;
/// The most bytes that the path of a socket has.
const SOCKET_BYTES: usize = 107;
/// `flows.capacity` where the file does not say.
const CAPACITY: usize = 1_000_000;

/// A gateway file without errors.
#[derive(Debug)]
pub struct Loaded {
    /// What a snapshot is built from.
    pub gateway: snapshot::Gateway,
    /// What the daemon itself is told.
    pub settings: Settings,
    /// How each of the gateway's attachments comes by its interface.
    pub links: BTreeMap<AttachmentId, Link>,
    /// The attachments that are segments, and where the file says so.
    pub segments: Vec<(AttachmentId, Location)>,
    /// How many resources of which types say nothing about packets, such as virtual machines.
    pub ignored: BTreeMap<String, usize>,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
}

/// The Linux interface of an attachment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// How the attachment comes by it.
    pub wire: io::Wire,
    /// The interface itself, where it was looked at.
    pub interface: Option<io::Interface>,
}

/// What the file tells the daemon itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The gateway file.
    pub file: PathBuf,
    /// `control.socket`.
    pub socket: PathBuf,
    /// `serviceTags`.
    pub service_tags: Option<PathBuf>,
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
    let text = document::read_text(path).map_err(|error| vec![error])?;
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
    if !attached.attachments.is_empty() {
        found.extend(documents.network.iter().flat_map(members::without_address));
    }
    let socket = socket(&written, directory);
    found.extend(written.socket.as_ref().and_then(|written| socket_too_long(&socket, &written.at)));
    in_order(&mut found);
    let broken = found.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    let Some(network) = documents.network.filter(|_| !broken) else { return Err(found) };
    Ok(Loaded {
        gateway: snapshot::Gateway {
            network: Arc::new(network),
            attachments: attached.attachments,
            default_public_ips: written.default_public_ips.iter().map(|public| public.value).collect(),
            default_outbound_access: false,
            snat_ports: written.snat_ports.as_ref().map_or(nat::Ports::ALL, |ports| ports.value),
            ports_per_vm: written.ports_per_vm.unwrap_or(nat::CAPACITY as u32),
            flow_idle: written.flow_idle.unwrap_or(IDLE),
            snat_idle: written.snat_idle.unwrap_or(IDLE),
        },
        settings: Settings {
            file: path.to_owned(),
            socket,
            service_tags: written.service_tags.as_ref().map(|file| directory.join(&file.value)),
            flow_capacity: written
                .flow_capacity
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or(CAPACITY),
            workers: workers(&written),
            hand_off_always: written.engine.hand_off,
        },
        links: attached.links,
        segments: attached.segments,
        ignored: documents.ignored,
        warnings: found,
    })
}

/// What a network alone comes to, as a gateway file would that names its documents and nothing else.
pub fn without_file(network: model::Network) -> snapshot::Gateway {
    snapshot::Gateway {
        network: Arc::new(network),
        attachments: Vec::new(),
        default_public_ips: Vec::new(),
        default_outbound_access: false,
        snat_ports: nat::Ports::ALL,
        ports_per_vm: nat::CAPACITY as u32,
        flow_idle: IDLE,
        snat_idle: IDLE,
    }
}

/// Those that the file says, or one fewer than the cores, because senders and receivers need one too; one where there are
/// fewer than three, and where the backend has one queue.
fn workers(written: &Written) -> usize {
    if let Some(workers) = written.engine.workers {
        return workers;
    }
    if written.engine.io == io::Backend::Pnet {
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

fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or_else(|| Path::new(""))
}

/// The error of a path that the kernel takes for no socket's (unix(7), `sun_path`).
fn socket_too_long(socket: &Path, at: &Location) -> Option<Diagnostic> {
    let bytes = socket.as_os_str().len();
    let message = format!("control.socket: {} has {bytes} bytes", socket.display());
    let help = format!(
        "the path of a socket has at most {SOCKET_BYTES}, with the gateway file's directory before it"
    );
    let error = || Diagnostic::error(codes::INVALID_VALUE, at, message).help(help);
    (bytes > SOCKET_BYTES).then(error)
}

fn socket(written: &Written, directory: &Path) -> PathBuf {
    directory.join(written.socket.as_ref().map_or(DEFAULT_SOCKET, |socket| socket.value.as_str()))
}
