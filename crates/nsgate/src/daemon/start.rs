//! From a gateway file to flowing packets: nothing is open to a packet before the guard is on every interface.

use super::attend::{Doors, Main};
use super::change::{self, State};
use super::crew::Crew;
use super::desk::Desk;
use super::hold::{Attached, Holds};
use super::link::Worker;
use super::load::{self, Loader};
use super::views::Directions;
use super::{Clock, worker};
use crate::command::Broken;
use crate::confine::{self, Role};
use crate::gateway::{self, Host, Ids, Loaded};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use control::answer::{Confinement, Reloads};
use control::{Listener, Refused};
use crossbeam::channel::{Receiver, bounded};
use flow::Timeouts;
use io::Ports;
use nat::Pools;
use pipeline::{Engine, Names, Settings, Shared, Snapshot};
use signal_hook::iterator::Signals;
use std::collections::HashSet;
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Signals that may wait for the main thread.
const SIGNALS: usize = 8;
/// Peers that may wait for the main thread: all of them.
const WISHES: usize = control::MAX_PEERS;

/// Why a sound gateway file does not make a daemon on this host.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// The process may not do what it must.
    #[error(
        "{0} missing: packet sockets and the ingress drop need CAP_NET_RAW, CAP_NET_ADMIN and CAP_BPF; run as root, \
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
    /// A thread would have kept rights that it does not need.
    #[error("{0}")]
    Confinement(confine::Error),
    /// The policy or the flow table does not fit.
    #[error("{0}")]
    Size(String),
}

/// A daemon whose threads run.
pub(super) struct Started {
    pub(super) main: Main,
    pub(super) doors: Doors,
    pub(super) listener: Arc<Listener>,
    pub(super) worker: JoinHandle<()>,
}

/// Loads the file, locks the interfaces, guards them, opens the rings, starts the threads, and gives up what rights
/// are no longer needed.
///
/// # Errors
/// [`Broken`] or [`CannotStart`]; guards that were put on stay on.
pub(super) fn start(file: &Path, signals: Signals) -> anyhow::Result<Started> {
    let mut ids = Ids::default();
    let loaded = gateway::load(file, &mut ids, &Host::Needed(&io::interface::find)).map_err(Broken)?;
    if loaded.gateway.attachments.is_empty() {
        return Err(Broken(vec![gateway::no_attachments(file)]).into());
    }
    let mut names = Names::default();
    let snapshot = Snapshot::build(&loaded.gateway, &mut names);
    let snapshot = Arc::new(snapshot.map_err(|errors| CannotStart::Size(errors.join("; ")))?);

    match confine::missing() {
        missing if missing.is_empty() => {}
        missing => return Err(CannotStart::Capability(missing.join(", ")).into()),
    }
    let mut holds = Holds::default();
    holds.lock(attached(&loaded)).map_err(CannotStart::Interface)?;
    let listener = Arc::new(Listener::bind(&loaded.settings.socket).map_err(CannotStart::Socket)?);
    // The guard first: from here on whatever is not relayed goes nowhere, and so it stays if anything below fails.
    Holds::guard(&loaded.gateway, attached(&loaded)).map_err(CannotStart::Interface)?;
    let links = open_rings(&loaded)?;

    let pools = Pools::of(seed()?, nat::Ports::new(loaded.gateway.snat_ports.clone()));
    let shared = Shared::new(Arc::clone(&pools), seed()?);
    let timeouts = Timeouts { idle: loaded.gateway.flow_idle, ..Timeouts::default() };
    let capacity = loaded.settings.flow_capacity;
    let settings = Settings { capacity, timeouts, seed: seed()?, worker: 0, workers: 1 };
    let engine = Engine::new(Arc::clone(&snapshot), settings, shared);
    let engine = engine.map_err(|error| CannotStart::Size(format!("flows.capacity: {error}")))?;

    let clock = Clock::start();
    let (to_worker, ends, notices) = Worker::channels(links.waker());
    let attached = loaded.gateway.attachments.iter().map(|attachment| attachment.id).collect();
    let work = worker::Loop { clock, links, engine, attached, ends };

    let mut directions = Directions::default();
    directions.learn(&loaded.gateway.network);
    let mut state = State {
        loaded,
        ids,
        names,
        snapshot,
        holds,
        missing: HashSet::new(),
        reloads: Reloads::default(),
        directions: Arc::new(directions),
        confinement: Confinement::default(),
    };
    let (wishes, wished) = bounded(WISHES);
    let shown = ArcSwap::from_pointee(state.shown());
    let desk = Arc::new(Desk { shown, pools, clock, worker: to_worker.clone(), wishes });

    let mut crew = Crew::new(state.loaded.settings.socket.clone());
    let worker = crew.start("worker-0", Role::Worker, move || work.run_or_exit())?;
    let loader = start_loader(&mut crew)?;
    let signals = start_signals(&mut crew, signals)?;
    start_control(&mut crew, &listener, &desk)?;
    state.confinement = crew.settle()?;
    desk.shown.store(Arc::new(state.shown()));
    let main = Main::new(state, desk, to_worker, loader);
    Ok(Started { main, doors: Doors { signals, notices, wishes: wished }, listener, worker })
}

fn start_loader(crew: &mut Crew) -> anyhow::Result<Loader> {
    let (loader, jobs, results) = Loader::channels();
    crew.start("loader", Role::Loader, move || load::work(&jobs, &results))?;
    Ok(loader)
}

fn start_signals(crew: &mut Crew, mut signals: Signals) -> anyhow::Result<Receiver<i32>> {
    let (sender, receiver) = bounded(SIGNALS);
    crew.start("signals", Role::Control, move || {
        for signal in signals.forever() {
            // A full queue holds the same signals already.
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}

/// A thread for each peer that there may be, and one that hands them their peers: none makes another later on.
fn start_control(crew: &mut Crew, listener: &Arc<Listener>, desk: &Arc<Desk>) -> anyhow::Result<()> {
    let (peers, tasks) = bounded::<control::Task>(control::MAX_PEERS);
    for number in 0..control::MAX_PEERS {
        let tasks = tasks.clone();
        crew.start(&format!("control-{number}"), Role::Control, move || {
            tasks.iter().for_each(|task| task())
        })?;
    }
    let (listener, desk) = (Arc::clone(listener), Arc::clone(desk));
    let spawn = move |task| peers.try_send(task).map_err(|_| ErrorKind::WouldBlock.into());
    crew.start("control", Role::Control, move || {
        control::serve(&listener, spawn, move |request| desk.answer(request));
    })?;
    Ok(())
}

/// Each attachment with its interface.
fn attached(loaded: &Loaded) -> impl Iterator<Item = Attached<'_>> {
    let pairs = loaded.gateway.attachments.iter().zip(&loaded.interfaces);
    pairs.filter_map(|(attachment, interface)| Some((attachment, interface.as_ref()?)))
}

fn open_rings(loaded: &Loaded) -> Result<Ports, CannotStart> {
    let mut links = Ports::new().map_err(|error| CannotStart::Interface(error.to_string()))?;
    let wanted: Vec<_> = attached(loaded).map(|(one, interface)| (one.id, interface.clone())).collect();
    for (id, port) in change::open(&wanted).map_err(CannotStart::Interface)? {
        links.put(id, port);
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
