//! What the daemon knows beside its packets, and every way to ask or change it.

use super::Clock;
use super::change::State;
use super::hold::Holds;
use super::link::{Command, Notice, Report, Worker};
use super::views;
use crate::gateway::{Ids, Loaded};
use crate::logs::Interval;
use crate::questions::Asked;
use crate::verify;
use crate::words::Words;
use control::answer::{FlowPage, Reloaded, Reloads, Status, Walk};
use control::{Answer, PAGE, Request};
use io::LinkState;
use nat::{PoolKey, Pools};
use packet::AttachmentId;
use pipeline::{Names, Snapshot};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tracing::{info, warn};

/// How often one exhausted pool is logged.
const EXHAUSTED: Duration = Duration::from_secs(10);
/// How long the worker may take to empty its rings; a daemon that is told to stop ends within five seconds.
const STOPPING: Duration = Duration::from_secs(2);
/// The most pools whose last log line is remembered.
const REMEMBERED: usize = 4096;
/// The most SNAT pools in one answer, the fullest first.
const POOLS: usize = 10_000;

/// The daemon beside its worker.
#[derive(Debug)]
pub(crate) struct Daemon {
    state: Mutex<State>,
    exhausted: Mutex<HashMap<PoolKey, Interval>>,
    /// What the rings had lost when it was last logged.
    lost: Mutex<HashMap<AttachmentId, u64>>,
    pools: Arc<Pools>,
    clock: Clock,
    worker: Worker,
}

/// What a daemon is made of.
pub(super) struct Parts {
    pub(super) loaded: Loaded,
    pub(super) ids: Ids,
    pub(super) names: Names,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) holds: Holds,
    pub(super) pools: Arc<Pools>,
    pub(super) clock: Clock,
    pub(super) worker: Worker,
}

impl Daemon {
    pub(super) fn new(parts: Parts) -> Self {
        let Parts { loaded, ids, names, snapshot, holds, pools, clock, worker } = parts;
        let mut directions = views::Directions::default();
        directions.learn(&loaded.gateway.network);
        let (missing, reloads) = (HashSet::new(), Reloads::default());
        let state = State { loaded, ids, names, snapshot, holds, missing, reloads, directions };
        Self {
            state: Mutex::new(state),
            exhausted: Mutex::default(),
            lost: Mutex::default(),
            pools,
            clock,
            worker,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic ends the process, so nobody ever sees a poisoned lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log_ready(&self) {
        let state = self.state();
        for warning in &state.loaded.warnings {
            super::log_diagnostic(warning);
        }
        for interface in state.loaded.interfaces.iter().flatten().filter(|interface| !interface.is_up) {
            warn!(interface = interface.name, "the interface is down: no frames until it is set up");
        }
        info!(
            attachments = state.loaded.gateway.attachments.len(),
            workers = 1,
            socket = %state.loaded.settings.socket.display(),
            config = %state.loaded.settings.file.display(),
            "ready: packets flow"
        );
    }

    /// Answers one request of the control socket.
    ///
    /// # Errors
    /// One sentence for the peer.
    pub(super) fn answer(&self, request: Request) -> Result<Answer, String> {
        match request {
            Request::Status {} => self.status().map(Box::new).map(Answer::Status),
            Request::Flows { from, limit } => self.flows(from, limit).map(Answer::Flows),
            Request::Snat {} => {
                let usage = self.pools.usage(POOLS);
                Ok(Answer::Snat(usage.iter().map(views::pool).collect()))
            }
            Request::Drops {} => {
                let report = self.worker.ask(Command::Report)?;
                let state = self.state();
                Ok(Answer::Drops(views::drops(&report.counters, &state.snapshot, &state.directions)))
            }
            Request::Reload {} => self.reload().map(Answer::Reload),
            Request::TestIpFlow(question) => {
                let snapshot = Arc::clone(&self.state().snapshot);
                verify::test_ip_flow(&snapshot, &question).map(Answer::IpFlow)
            }
            Request::Explain { from, packet } => self.explain(&from, &packet).map(Answer::Walk),
        }
    }

    fn status(&self) -> Result<Status, String> {
        let Report { counters, flows, links } = self.worker.ask(Command::Report)?;
        let links: BTreeMap<_, _> = links.into_iter().collect();
        let state = self.state();
        let gateway = &state.loaded.gateway;
        let attachments = gateway.attachments.iter().map(|attachment| {
            let statistics = links.get(&attachment.id).copied();
            views::attachment(gateway, attachment, statistics, state.missing.contains(&attachment.id))
        });
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            config: state.loaded.settings.file.display().to_string(),
            uptime_seconds: self.clock.now().since(packet::Time::ZERO).as_secs(),
            workers: 1,
            reloads: state.reloads.clone(),
            flows: views::usage(flows),
            snat_ports_used: self.pools.used_total() as u64,
            attachments: attachments.collect(),
            endings: views::endings(&counters),
        })
    }

    fn flows(&self, from: u64, limit: u32) -> Result<FlowPage, String> {
        let start = usize::try_from(from).map_err(|_| format!("there is no flow {from}"))?;
        let limit = limit.clamp(1, PAGE) as usize;
        let (flows, next) = self.worker.ask(|reply| Command::Flows { start, limit, reply })?;
        Ok(FlowPage { flows: flows.iter().map(views::flow).collect(), next: next.map(|next| next as u64) })
    }

    fn explain(&self, from: &str, packet: &str) -> Result<Walk, String> {
        let words = Words::parse(&[packet])?;
        let gateway = self.state().loaded.gateway.clone();
        let asked = Asked::new(&gateway, from, &words)?;
        let (on, frame) = (asked.on, asked.frame.clone());
        let walk = self.worker.ask(|reply| Command::Explain { on, frame, reply })?;
        Ok(asked.answer(&gateway, &words, walk))
    }

    /// Loads the gateway file again. On an error nothing has changed.
    ///
    /// # Errors
    /// Everything that is wrong, for whoever asked; it is logged and counted here.
    pub(super) fn reload(&self) -> Result<Reloaded, String> {
        let mut state = self.state();
        let done = state.reload(&self.worker);
        match &done {
            Ok(reloaded) => {
                state.reloads.done += 1;
                state.reloads.last_refusal = None;
                info!(attached = ?reloaded.attached, detached = ?reloaded.detached, "reloaded");
            }
            Err(why) => {
                state.reloads.refused += 1;
                state.reloads.last_refusal = Some(why.clone());
                warn!("the reload was refused and changed nothing: {why}");
            }
        }
        done
    }

    /// Takes note of what the worker has noticed.
    pub(super) fn note(&self, notice: Notice) {
        match notice {
            Notice::Link(event) => {
                let mut state = self.state();
                let name = state.interface_name(event.attachment);
                match event.state {
                    LinkState::Up => info!(interface = name, "the link is up"),
                    LinkState::Down => warn!(interface = name, "the link is down"),
                    LinkState::Gone => {
                        warn!(
                            interface = name,
                            "the interface is gone; it is attached again when it returns"
                        );
                        state.missing.insert(event.attachment);
                    }
                }
            }
            Notice::Exhausted(pools) => {
                pools.into_iter().for_each(|(key, flows)| self.log_exhausted(key, flows))
            }
        }
    }

    fn log_exhausted(&self, key: PoolKey, flows: u64) {
        let now = self.clock.now();
        let mut pools = self.exhausted.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() >= REMEMBERED {
            pools.clear();
        }
        let interval = pools.entry(key).or_insert_with(|| Interval::new(EXHAUSTED));
        if let Some(flows) = interval.pass(now, flows) {
            warn!(
                public_ip = %key.public, protocol = %key.protocol, destination = %key.destination, flows,
                "SNAT ports exhausted: new flows were dropped"
            );
        }
    }

    /// Logs what rings have lost since the last look.
    pub(super) fn look_at_rings(&self) {
        let Ok(report) = self.worker.ask(Command::Report) else { return };
        let state = self.state();
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, statistics) in report.links {
            let before = lost.insert(id, statistics.ring_drops).unwrap_or_default();
            // A ring that was opened anew counts from zero.
            let frames = statistics.ring_drops.checked_sub(before).unwrap_or(statistics.ring_drops);
            if frames > 0 {
                warn!(
                    interface = state.interface_name(id),
                    frames, "the ring was full: the kernel dropped frames"
                );
            }
        }
    }

    /// Attaches interfaces that have come back.
    pub(super) fn look_for_missing(&self) {
        let mut state = self.state();
        if state.missing.is_empty() {
            return;
        }
        let missing = state.missing.clone();
        state.look_again(&self.worker, |id| missing.contains(&id));
    }

    /// Follows what the host has changed on the interfaces: hardware addresses, MTUs, its own addresses.
    pub(super) fn look_at_interfaces(&self) {
        self.state().look_again(&self.worker, |_| true);
    }

    /// Lets the worker empty its rings and end.
    ///
    /// # Errors
    /// Where it does not.
    pub(super) fn stop(&self) -> Result<(), String> {
        self.worker.ask_within(STOPPING, Command::Stop).inspect_err(|why| warn!("{why}"))
    }
}
