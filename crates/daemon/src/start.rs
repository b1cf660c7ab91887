//! From a gateway file to flowing packets: nothing is open to a packet before the guard is on every interface.

use crate::attend::{Inbox, Main};
use crate::change::State;
use crate::commands::{Ends, Notice, Workers};
use crate::desk::Desk;
use crate::follow::look_anew;
use crate::hand_over::{Others, Queue};
use crate::hold::Holds;
use crate::load::{self, LOADERS, Loader};
use crate::notify::Pulse;
use crate::opening::{self, Opened};
use crate::rest::Resting;
use crate::stop::{self, Stop};
use crate::tag_watch::TagWatch;
use crate::tags::Tags;
use crate::threads::{self, Threads};
use crate::{Clock, worker};
use answer::{Confinement, Reloads};
use anyhow::Context as _;
use arc_swap::ArcSwap;
use confine::Role;
use control::{CannotListen, Listener};
use crossbeam::channel::{Receiver, Sender, bounded};
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
use std::io::{ErrorKind, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};
use tracing::warn;

/// Signals that may wait for the main thread.
const SIGNALS: usize = 8;
/// Changes of interfaces that may wait for the main thread.
const CHANGES: usize = 256;
/// How long the watch waits for a change at a time.
const WATCHING: Duration = Duration::from_secs(3600);
/// How long the watch pauses after it has told of changes, the first of which is told at once.
///
/// Whoever changes an interface without end, as a machine can that sets its end of a veth up and down, has the main thread
/// look at all of them once in that time: some system calls for each, in between which everything else has its turn. Of
/// workers and packets it costs nothing. An interface that returns meanwhile is without its guard for hardly longer, or, where
/// the main thread is changing many, until it has opened or closed one more.
const BREATH: Duration = Duration::from_millis(10);
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
    pub(crate) stop: Stop,
}

/// Loads the file, locks the interfaces, guards them, opens the rings, starts the threads, and gives up what rights
/// are no longer needed.
///
/// # Errors
/// [`Broken`] or [`CannotStart`]; guards that were put on stay on.
pub(crate) fn start(file: &Path) -> anyhow::Result<Started> {
    let mut ids = Ids::default();
    let began = SystemTime::now();
    let host = Interfaces::look();
    let find = |wanted: &Wanted<'_>| host.describe(wanted);
    let mut loaded = gateway::load(file, &mut ids, &Host::Needed(&find)).map_err(Broken)?;
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
    let wanted: Vec<_> = opening::attached(&loaded).collect();
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
    opening::note_opened(&mut loaded, &opened);

    let clock = Clock::start();
    let pools = Pools::of(seed()?, loaded.gateway.snat_ports);
    let shared = Shared::new(pools, seed()?);
    let ports = opening::by_worker(opened, loaded.settings.workers);
    let (to_workers, notices, loops) = make_workers(&loaded, &snapshot, &shared, clock, ports)?;

    let (watched, watch, tags_changed) = TagWatch::open().context("watching files")?;
    let (changed, changes_told) = bounded(CHANGES);
    let mut tags = Tags::new(watched, began);
    tags.loaded(&loaded, began);
    let (hands, tasks) = bounded(control::MAX_PEERS);
    let stop = Stop::new(to_workers.clone(), hands.clone(), Arc::clone(&listener));
    let mut state = State {
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
        pulse: Pulse::new(to_workers.clone(), clock),
        stop: stop.clone(),
        told: changes_told.clone(),
        is_behind: false,
        gone_meanwhile: BTreeSet::new(),
    };
    let (errands, wanted) = bounded(ERRANDS);
    let shown = ArcSwap::from_pointee(state.shown());
    let desk = Arc::new(Desk { shown, shared, clock, workers: to_workers.clone(), errands });

    let mut threads = Threads::new(state.loaded.settings.socket.clone());
    for (nth, work) in loops.into_iter().enumerate() {
        threads.start(&format!("worker-{nth}"), Role::Worker, Some(nth), move || work.run_or_exit())?;
    }
    let loader = start_loader(&mut threads)?;
    start_watch(&mut threads, changes, changed)?;
    threads.start("tag-watch", Role::Watch, None, move || {
        watch.work();
        warn!("the file of service tags is no longer watched; a reload reads it");
    })?;
    start_control(&mut threads, listener, &desk, (hands, tasks))?;
    let signals = start_signals(&mut threads, signals, stop.clone())?;
    state.confinement = threads.settle()?;
    desk.shown.store(Arc::new(state.shown()));
    threads.begin();
    let mut main = Main::new(state, desk, to_workers, loader);
    // Opening may have taken long, too.
    main.look_at_interfaces();
    Ok(Started {
        main,
        inbox: Inbox { signals, notices, errands: wanted, changes: changes_told, tags: tags_changed },
        stop,
    })
}

fn start_loader(threads: &mut Threads) -> anyhow::Result<Loader> {
    let (loader, jobs, results) = Loader::channels();
    for number in 0..LOADERS {
        let (jobs, results) = (jobs.clone(), results.clone());
        threads
            .start(&format!("loader-{number}"), Role::Loader, None, move || load::work(&jobs, &results))?;
    }
    Ok(loader)
}

fn start_signals(threads: &mut Threads, mut signals: Signals, stop: Stop) -> anyhow::Result<Receiver<i32>> {
    let (sender, receiver) = bounded(SIGNALS);
    threads.start("signals", Role::Control, None, move || {
        // What has come since the others stopped hearing waits for this one.
        let _ = threads::heard().thread_unblock();
        for signal in signals.forever() {
            if signal != SIGHUP {
                stop.ask();
                // Where the queue is full the main thread is busy; it is watched over.
                let _ = sender.try_send(signal);
                stop.watch_over();
            }
            // A full queue holds the same signal already.
            let _ = sender.try_send(signal);
        }
    })?;
    Ok(receiver)
}

/// Passes on what the kernel tells of the host's interfaces.
fn start_watch(threads: &mut Threads, mut changes: Changes, changed: Sender<Change>) -> anyhow::Result<()> {
    threads.start("watch", Role::Control, None, move || {
        while changes.wait(WATCHING).is_ok() {
            while let Some(change) = changes.next_change() {
                // What does not fit is found when the main thread looks by itself.
                let _ = changed.try_send(change);
            }
            std::thread::sleep(BREATH);
        }
        warn!("the host's interfaces are no longer watched, only looked at now and then");
    })?;
    Ok(())
}

/// A thread for each peer that there may be, and one that hands them their peers: none makes another later on. `hands` is the
/// way to those threads.
fn start_control(
    threads: &mut Threads,
    listener: Arc<Listener>,
    desk: &Arc<Desk>,
    (hands, tasks): (Sender<control::Task>, Receiver<control::Task>),
) -> anyhow::Result<()> {
    for number in 0..control::MAX_PEERS {
        let tasks = tasks.clone();
        threads.start(&format!("control-{number}"), Role::Control, None, move || {
            tasks.iter().for_each(|task| task())
        })?;
    }
    let desk = Arc::clone(desk);
    let spawn = move |task| hands.try_send(task).map_err(|_| ErrorKind::WouldBlock.into());
    threads.start("control", Role::Control, None, move || {
        control::serve(&listener, spawn, move |request| desk.answer(request));
    })?;
    Ok(())
}

/// Everything that the workers need, ready to run on threads of their own.
fn make_workers(
    loaded: &Loaded,
    snapshot: &Arc<Snapshot>,
    shared: &Arc<Shared>,
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
    let (capacity, seed) = (loaded.settings.flow_capacity, seed()?);
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

/// Two random words from the kernel.
fn seed() -> anyhow::Result<[u64; 2]> {
    let mut bytes = [[0; 8]; 2];
    let mut source = std::fs::File::open("/dev/urandom").context("/dev/urandom")?;
    for word in &mut bytes {
        source.read_exact(word).context("/dev/urandom")?;
    }
    Ok(bytes.map(u64::from_ne_bytes))
}
