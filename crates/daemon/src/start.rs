//! From a gateway file to flowing packets: nothing is open to a packet before the guard is on every interface.

use crate::attend::{Inbox, Main};
use crate::change::State;
use crate::commands::{Ends, Notice, Workers};
use crate::desk::Desk;
use crate::follow::look_anew;
use crate::hand_over::{Others, Queue};
use crate::hold::Holds;
use crate::notify::Pulse;
use crate::opening::{self, Opened};
use crate::rest::Resting;
use crate::stop::{self, Stop};
use crate::tag_watch::TagWatch;
use crate::tags::Tags;
use crate::threads::Threads;
use crate::{Clock, worker};
use answer::{Confinement, Reloads};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use control::{CannotListen, Listener};
use crossbeam::channel::{Receiver, Sender, bounded};
use diagnostic::Severity;
use gateway::{Broken, Host, Ids, Loaded};
use io::watch::{Change, Changes};
use io::{Interfaces, Port, Ports, Wanted};
use nat::Pools;
use packet::AttachmentId;
use pipeline::{Engine, Settings, Shared};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use snapshot::{Names, Snapshot};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;
use tracing::warn;

/// Signals that may wait for the main thread.
const SIGNALS: usize = 8;
/// Changes of interfaces that may wait for the main thread.
const CHANGES: usize = 256;
/// Peers that may wait for the main thread: all of them.
const ERRANDS: usize = control::MAX_PEERS;

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
    Socket(#[from] CannotListen),
    /// A thread would have kept rights that it does not need.
    #[error("{0}")]
    Confinement(confine::Error),
    /// The policy or the flow table does not fit.
    #[error("{0}")]
    Size(String),
}

/// A daemon whose threads run.
pub(crate) struct Started {
    pub(crate) main: Main,
    pub(crate) inbox: Inbox,
}

/// Loads the file, locks the interfaces, guards them, opens the rings, starts the threads, and gives up what rights
/// are no longer needed.
///
/// # Errors
/// [`Broken`] or [`CannotStart`]; guards that were put on stay on.
pub(crate) fn start(file: &Path) -> anyhow::Result<Started> {
    let mut compiled = compile(file)?;
    let taken = take(&mut compiled)?;
    let ready = prepare(compiled, taken)?;
    begin(ready)
}

/// A gateway file, and the policy that it comes to on this host.
struct Compiled {
    loaded: Loaded,
    ids: Ids,
    names: Names,
    snapshot: Arc<Snapshot>,
    /// When the reading began.
    began: SystemTime,
    /// What has changed on the host's interfaces since the file was read.
    changes: Changes,
}

fn compile(file: &Path) -> anyhow::Result<Compiled> {
    let began = SystemTime::now();
    let host = Interfaces::look();
    let find = |wanted: &Wanted<'_>| host.describe(wanted);
    let (mut loaded, ids) = read(file, &Host::Needed(&find))?;
    if loaded.gateway.attachments.is_empty() {
        return Err(Broken(vec![gateway::no_attachments(file)]).into());
    }
    // Whatever changes from now on is heard; what has changed while the files were read is seen.
    let changes = Changes::open().map_err(|error| CannotStart::Interface(error.to_string()))?;
    let now = look_anew(&mut loaded, &Interfaces::look(), &HashMap::new(), &HashSet::new());
    now.map_err(CannotStart::Interface)?;
    let mut names = Names::default();
    let snapshot = Snapshot::build(&loaded.gateway, &mut names);
    let snapshot = Arc::new(snapshot.map_err(|errors| CannotStart::Size(errors.join("; ")))?);
    Ok(Compiled { loaded, ids, names, snapshot, began, changes })
}

/// Reads a gateway file as each reload will; where the files of others are in the way, with the rights of the start.
fn read(file: &Path, host: &Host<'_>) -> anyhow::Result<(Loaded, Ids)> {
    let load = || {
        let mut ids = Ids::default();
        gateway::load(file, &mut ids, host).map(|loaded| (loaded, ids))
    };
    let as_reloads = confine::without_rights_over_files(load).map_err(CannotStart::Confinement)?;
    let found = match as_reloads {
        Ok(read) => return Ok(read),
        Err(found) => found,
    };
    let is_unreadable = found.iter().any(|one| one.code == gateway::UNREADABLE_FILE);
    match load() {
        Ok(read) => {
            let why = found.iter().find(|one| one.severity == Severity::Error).map(ToString::to_string);
            warn!(
                "no reload will work: the daemon gives up its rights over the files of others, and then {}; let them be \
                 its own user's, or let everybody read them",
                why.unwrap_or_default()
            );
            Ok(read)
        }
        // What came through a pipe was there once.
        Err(more) => Err(Broken(if is_unreadable { more } else { found }).into()),
    }
}

/// What nobody else can have now: the interfaces, guarded and open, and the control socket.
struct Taken {
    holds: Holds,
    opened: Opened,
    listener: Arc<Listener>,
    /// What has been heard since before anything was taken.
    signals: Signals,
}

fn take(compiled: &mut Compiled) -> anyhow::Result<Taken> {
    let loaded = &mut compiled.loaded;
    match confine::missing() {
        missing if missing.is_empty() => {}
        missing => return Err(CannotStart::Capability(missing.join(", ")).into()),
    }
    // Until now a signal ends the process, as any that has changed nothing: the file may hang. From here on it waits until
    // somebody looks, so that nothing ends half-way.
    let signals = Signals::new([SIGHUP, SIGTERM, SIGINT])?;
    let is_asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, Arc::clone(&is_asked))?;
    }
    let mut holds = Holds::default();
    let wanted: Vec<_> = opening::attached(loaded).collect();
    wanted.iter().try_for_each(|one| holds.lock(one)).map_err(CannotStart::Interface)?;
    let listener = Arc::new(Listener::bind(&loaded.settings.socket).map_err(CannotStart::Socket)?);
    // The guard first: from here on whatever is not relayed goes nowhere, and so it stays if anything below fails.
    let guarded = wanted.iter().try_for_each(|one| holds.guard(&loaded.gateway, one));
    guarded.map_err(CannotStart::Interface)?;
    let mut opened = Opened::new();
    for one in &wanted {
        if is_asked.load(Ordering::Relaxed) {
            stop::end_before_the_start(opened, &listener);
        }
        opened.push(opening::open(one, loaded.settings.workers).map_err(CannotStart::Interface)?);
    }
    opening::note_opened(loaded, &opened);
    Ok(Taken { holds, opened, listener, signals })
}

/// A daemon that lacks nothing but its threads.
struct Ready {
    state: State,
    desk: Arc<Desk>,
    workers: Workers,
    inbox: Inbox,
    loops: Vec<worker::Loop>,
    changes: (Changes, Sender<Change>),
    tag_watch: TagWatch,
    listener: Arc<Listener>,
    hands: (Sender<control::Task>, Receiver<control::Task>),
    signals: (Signals, Sender<i32>),
}

fn prepare(compiled: Compiled, taken: Taken) -> anyhow::Result<Ready> {
    let Compiled { loaded, ids, names, snapshot, began, changes } = compiled;
    let Taken { holds, opened, listener, signals } = taken;
    let clock = Clock::start();
    let [of_ports, of_shared, of_flows] = seeds()?;
    let pools = Pools::of(of_ports, loaded.gateway.snat_ports);
    let shared = Shared::new(pools, of_shared);
    let opened = opening::by_worker(opened, loaded.settings.workers);
    let (workers, notices, loops) = make_workers(&loaded, &snapshot, &shared, of_flows, clock, opened)?;

    let (watched, tag_watch, tags_changed) = TagWatch::open().context("watching files")?;
    let mut tags = Tags::new(watched, began);
    tags.loaded(&loaded, began);
    let (changed, changes_told) = bounded(CHANGES);
    let (hands, tasks) = bounded(control::MAX_PEERS);
    let state = State {
        tags,
        loaded,
        ids,
        names,
        snapshot,
        holds,
        missing: HashSet::new(),
        troubles: HashMap::new(),
        resting: Resting::default(),
        reloads: Reloads::default(),
        confinement: Confinement::default(),
        pulse: Pulse::new(workers.clone(), clock),
        stop: Stop::new(workers.clone(), hands.clone(), Arc::clone(&listener)),
        told: changes_told.clone(),
        is_behind: false,
        gone_meanwhile: BTreeSet::new(),
        open: HashSet::new(),
    };
    let (errands, wanted) = bounded(ERRANDS);
    let shown = ArcSwap::from_pointee(state.shown());
    let desk = Arc::new(Desk { shown, shared, clock, workers: workers.clone(), errands });
    let (heard, told) = bounded(SIGNALS);
    Ok(Ready {
        state,
        desk,
        workers,
        inbox: Inbox { signals: told, notices, errands: wanted, changes: changes_told, tags: tags_changed },
        loops,
        changes: (changes, changed),
        tag_watch,
        listener,
        hands: (hands, tasks),
        signals: (signals, heard),
    })
}

/// Starts the threads, and lets them work when none of them has a right left that it does not need.
fn begin(ready: Ready) -> anyhow::Result<Started> {
    let Ready { mut state, desk, workers, inbox, loops, changes, tag_watch, listener, hands, signals } =
        ready;
    let mut threads = Threads::new(state.loaded.settings.socket.clone());
    threads.start_workers(loops)?;
    let loader = threads.start_loaders()?;
    threads.start_watch(changes)?;
    threads.start_tag_watch(tag_watch)?;
    threads.start_control(listener, &desk, hands)?;
    threads.start_signals(signals, state.stop.clone())?;
    state.confinement = threads.settle()?;
    desk.shown.store(Arc::new(state.shown()));
    threads.begin();
    let mut main = Main::new(state, desk, workers, loader);
    // Opening may have taken long, too.
    main.look_at_interfaces();
    Ok(Started { main, inbox })
}

/// Everything that the workers need, ready to run on threads of their own.
fn make_workers(
    loaded: &Loaded,
    snapshot: &Arc<Snapshot>,
    shared: &Arc<Shared>,
    seed: [u64; 2],
    clock: Clock,
    opened: Vec<Vec<(AttachmentId, Port)>>,
) -> anyhow::Result<(Workers, Receiver<Notice>, Vec<worker::Loop>)> {
    let workers = loaded.settings.workers;
    let each = (0..workers).map(|_| Ports::new()).collect::<Result<Vec<_>, _>>();
    let mut each = each.map_err(|error| CannotStart::Interface(error.to_string()))?;
    for (ports, opened) in each.iter_mut().zip(opened) {
        opened.into_iter().for_each(|(id, port)| ports.put(id, port));
    }
    let queues: Vec<_> = each.iter().map(|ports| (Arc::new(Queue::new()), ports.waker())).collect();
    let (to_workers, each_ends, notices) = Workers::channels(each.iter().map(Ports::waker).collect());
    let capacity = loaded.settings.flow_capacity;
    let attached: Vec<_> = loaded.gateway.attachments.iter().map(|attachment| attachment.id).collect();
    let make = |(worker, (ports, ends)): (usize, (Ports, Ends))| {
        let settings = Settings { capacity, seed, worker, workers };
        let engine = Engine::new(Arc::clone(snapshot), settings, Arc::clone(shared))?;
        let (attached, others) = (attached.clone(), Others::new(queues.clone()));
        let (queue, _) = &queues[worker];
        let detour = loaded.settings.hand_off_always.then_some((worker + 1) % workers);
        let (queue, leaving) = (Arc::clone(queue), Vec::with_capacity(Ports::BATCH));
        Ok(worker::Loop { clock, ports, engine, attached, queue, taken: 0, leaving, others, detour, ends })
    };
    let loops = each.into_iter().zip(each_ends).enumerate().map(make);
    let loops = loops.collect::<Result<_, flow::TooLarge>>();
    let loops = loops.map_err(|error| CannotStart::Size(format!("flows.capacity: {error}")))?;
    Ok((to_workers, notices, loops))
}

/// Random words from the kernel, drawn at once: what one of the three tables does by chance shows that all do.
fn seeds() -> anyhow::Result<[[u64; 2]; 3]> {
    let mut bytes = [[[0; 8]; 2]; 3];
    let mut source = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
    source.read_exact(bytes.as_flattened_mut().as_flattened_mut()).context("/dev/urandom")?;
    Ok(bytes.map(|words| words.map(u64::from_ne_bytes)))
}
