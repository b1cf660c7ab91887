//! From a gateway file to flowing packets: nothing is open to a packet before the guard is on every interface.

use super::hold::{Attached, Holds};
use super::link::{Notice, Worker};
use super::state::{Daemon, Parts};
use super::{Clock, privileges, worker};
use crate::command::Broken;
use crate::gateway::{self, Host, Ids, Loaded};
use anyhow::Context as _;
use control::{Listener, Refused};
use crossbeam::channel::Receiver;
use flow::Timeouts;
use io::{AfPacket, Reception};
use nat::Pools;
use pipeline::{Engine, Names, Settings, Snapshot};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Why a sound gateway file does not make a daemon on this host.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// The process may not do what it must.
    #[error(
        "{0} missing: packet sockets and the ingress drop need CAP_NET_RAW and CAP_NET_ADMIN; run as root, \
         or in a systemd unit set AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN CAP_BPF, \
         or grant them once: setcap cap_net_raw,cap_net_admin,cap_bpf+ep $(command -v nsgate)"
    )]
    Capability(String),
    /// An interface could not be had.
    #[error("{0}")]
    Interface(String),
    /// There is no control socket.
    #[error(transparent)]
    Socket(#[from] Refused),
    /// The policy or the flow table does not fit.
    #[error("{0}")]
    Size(String),
}

/// A daemon whose worker runs.
pub(super) struct Started {
    pub(super) daemon: Arc<Daemon>,
    pub(super) notices: Receiver<Notice>,
    pub(super) listener: Listener,
    pub(super) worker: JoinHandle<()>,
}

/// Loads the file, locks the interfaces, guards them, opens the rings, and starts the worker.
///
/// # Errors
/// [`Broken`] or [`CannotStart`]; guards that were put on stay on.
pub(super) fn start(file: &Path) -> anyhow::Result<Started> {
    let mut ids = Ids::default();
    let loaded = gateway::load(file, &mut ids, &Host::Needed(&io::interface::find)).map_err(Broken)?;
    if loaded.gateway.attachments.is_empty() {
        return Err(Broken(vec![gateway::no_attachments(file)]).into());
    }
    let mut names = Names::default();
    let snapshot = Snapshot::build(&loaded.gateway, &mut names);
    let snapshot = Arc::new(snapshot.map_err(|errors| CannotStart::Size(errors.join("; ")))?);

    privileges::check()?;
    let mut holds = Holds::default();
    holds.lock(attached(&loaded)).map_err(CannotStart::Interface)?;
    let listener = Listener::bind(&loaded.settings.socket).map_err(CannotStart::Socket)?;
    // The guard first: from here on whatever is not relayed goes nowhere, and so it stays if anything below fails.
    Holds::guard(attached(&loaded)).map_err(CannotStart::Interface)?;
    let links = open_rings(&loaded)?;

    let pools = Pools::new(seed()?);
    let timeouts = Timeouts { idle: loaded.gateway.flow_idle, ..Timeouts::default() };
    let settings = Settings { capacity: loaded.settings.flow_capacity, timeouts, seed: seed()? };
    let engine = Engine::new(Arc::clone(&snapshot), settings, Arc::clone(&pools));
    let engine = engine.map_err(|error| CannotStart::Size(format!("flows.capacity: {error}")))?;

    let clock = Clock::start();
    let (to_worker, commands, notices, noticed) = Worker::channels(links.waker());
    let attached = loaded.gateway.attachments.iter().map(|attachment| attachment.id).collect();
    let handle = worker::spawn(worker::Loop { clock, links, engine, attached, commands, notices })?;
    let parts = Parts { loaded, ids, names, snapshot, holds, pools, clock, worker: to_worker };
    Ok(Started { daemon: Arc::new(Daemon::new(parts)), notices: noticed, listener, worker: handle })
}

/// Each attachment with its interface.
fn attached(loaded: &Loaded) -> impl Iterator<Item = Attached<'_>> {
    let pairs = loaded.gateway.attachments.iter().zip(&loaded.interfaces);
    pairs.filter_map(|(attachment, interface)| Some((attachment, interface.as_ref()?)))
}

fn open_rings(loaded: &Loaded) -> Result<AfPacket, CannotStart> {
    let mut links = AfPacket::new().map_err(|error| CannotStart::Interface(error.to_string()))?;
    for (attachment, interface) in attached(loaded) {
        let opened = links.attach(attachment.id, interface, Reception::Own);
        opened.map_err(|error| CannotStart::Interface(format!("interface {}: {error}", interface.name)))?;
    }
    Ok(links)
}

/// Two random words from the kernel.
fn seed() -> anyhow::Result<[u64; 2]> {
    let mut bytes = [[0; 8]; 2];
    let mut source = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
    for word in &mut bytes {
        source.read_exact(word).context("/dev/urandom")?;
    }
    Ok(bytes.map(u64::from_ne_bytes))
}
