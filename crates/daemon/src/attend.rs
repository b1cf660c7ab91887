//! The main thread: it alone has rights, and so does whatever needs them, one thing at a time.
//!
//! What it does may take long, as a reload does that opens many interfaces; `pause.rs` is for what cannot wait so long.

use crate::change::State;
use crate::commands::{Command, Notice, Workers};
use crate::desk::Desk;
use crate::errand::{Errand, Errands};
use crate::figures;
use crate::follow::Looked;
use crate::limits::Limits;
use crate::load::Loader;
use crate::opening::attached;
use crossbeam::channel::{Receiver, never, select, tick};
use io::watch::Change;
use io::{Interfaces, LinkState, Wire};
use nat::PoolKey;
use packet::AttachmentId;
use signal_hook::consts::{SIGHUP, SIGINT};
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;
use tracing::{error, info, warn};

/// How often missing interfaces are looked for, should nobody have told that they are back.
const MISSING: Duration = Duration::from_secs(2);
/// How often full rings and silent workers are looked for.
const RINGS: Duration = Duration::from_secs(10);
/// How often guards, hardware addresses, MTUs and the host's own addresses are looked at, should nobody have told of a change.
const INTERFACES: Duration = Duration::from_secs(10);
/// How long a worker may take to say what its rings have lost.
const FIGURES: Duration = Duration::from_secs(1);
/// A worker that has not come round for so long has stalled. It comes round five times a second with nothing to do.
const STALLED: Duration = Duration::from_secs(5);

/// What packets and links can cause to be logged.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Subject {
    /// An interface's link, up and down.
    Link(AttachmentId),
    /// That an interface is gone: however often its link went up and down before, this is to be read.
    Gone(AttachmentId),
    /// The ports of a public address.
    Exhausted(Ipv4Addr),
    /// An interface's ring.
    Ring(AttachmentId),
    /// Changes of an interface that cannot be followed.
    Change(AttachmentId),
}

/// What the main thread holds.
#[derive(Debug)]
pub(crate) struct Main {
    pub(crate) state: State,
    desk: Arc<Desk>,
    pub(crate) workers: Workers,
    pub(crate) errands: Errands,
    limits: Limits<Subject>,
    /// The links' states as the workers told them last; up where they told nothing.
    links: HashMap<AttachmentId, LinkState>,
    /// What the rings had lost when it was last looked at.
    lost: HashMap<AttachmentId, u64>,
}

/// What comes to the main thread.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) signals: Receiver<i32>,
    pub(crate) notices: Receiver<Notice>,
    /// What the control socket's peers want.
    pub(crate) errands: Receiver<Errand>,
    /// What the kernel tells of the host's interfaces.
    pub(crate) changes: Receiver<Change>,
    /// That the file of service tags may say something new.
    pub(crate) tags: Receiver<()>,
}

impl Main {
    pub(crate) fn new(state: State, desk: Arc<Desk>, workers: Workers, loader: Loader) -> Self {
        let (limits, links, lost) = (Limits::default(), HashMap::new(), HashMap::new());
        Self { state, desk, workers, errands: Errands::new(loader), limits, links, lost }
    }

    /// Says that everything is in place.
    pub(crate) fn log_ready(&self) {
        let loaded = &self.state.loaded;
        for warning in &loaded.warnings {
            crate::log_diagnostic(warning);
        }
        // A TAP device that was made just now is set up by its machine.
        let existing = attached(loaded).filter(|one| one.wire != Wire::Made);
        for one in existing.filter(|one| !one.interface.is_up) {
            warn!(interface = one.interface.name, "the interface is down: no frames until it is set up");
        }
        info!(
            attachments = loaded.gateway.attachments.len(),
            workers = self.workers.count(),
            landlock = ?self.state.confinement.landlock,
            socket = %loaded.settings.socket.display(),
            config = %loaded.settings.file.display(),
            "ready: packets flow"
        );
    }

    /// Attends to whatever comes until a signal says to stop.
    pub(crate) fn attend(&mut self, inbox: &Inbox) {
        let (missing, interfaces, rings) = (tick(MISSING), tick(INTERFACES), tick(RINGS));
        let watchdog = self.state.pulse.interval().map_or_else(never, tick);
        let mut changes = inbox.changes.clone();
        loop {
            select! {
                recv(inbox.signals) -> signal => match signal {
                    Ok(SIGHUP) => {
                        info!("SIGHUP: loading the gateway file again");
                        self.load(Errand::Reload(Vec::new()));
                    }
                    Ok(signal) => {
                        info!("{}: stopping", if signal == SIGINT { "SIGINT" } else { "SIGTERM" });
                        return;
                    }
                    Err(_) => return,
                },
                recv(inbox.notices) -> notice => match notice {
                    Ok(notice) => self.note(notice),
                    Err(_) => {
                        // The workers are gone and take the process with them.
                        std::thread::sleep(Duration::from_millis(100));
                    }
                },
                recv(inbox.errands) -> errand => if let Ok(errand) = errand {
                    self.load(errand);
                },
                recv(self.errands.loader.done) -> done => {
                    if let Some(read) = done.ok().and_then(|done| self.errands.loader.take(done)) {
                        self.loaded(read);
                    }
                }
                recv(self.errands.loader.overdue) -> _ => if let Some(refused) = self.errands.loader.give_up() {
                    self.loaded(refused);
                },
                recv(inbox.tags) -> _ => {
                    self.state.tags.changed();
                    self.load(Errand::Tags);
                }
                recv(self.errands.again) -> _ => {
                    self.errands.again = never();
                    self.load(Errand::Tags);
                }
                recv(changes) -> change => match change {
                    Ok(change) => self.follow(change, &inbox.changes),
                    // The watch has ended, and said so; the ticks go on.
                    Err(_) => changes = never(),
                },
                recv(missing) -> _ => self.look_for_missing(),
                recv(interfaces) -> _ => {
                    self.look_at_everything();
                    self.give_back_numbers();
                }
                recv(rings) -> _ => self.look_at_rings(),
                recv(watchdog) -> _ => self.state.pulse.beat(),
            }
            if std::mem::take(&mut self.state.is_behind) {
                let gone = std::mem::take(&mut self.state.gone_meanwhile);
                gone.into_iter().for_each(|index| self.gone(index));
                self.look_at_everything();
            }
        }
    }

    /// Puts the state on show.
    pub(crate) fn show(&self) {
        self.desk.shown.store(Arc::new(self.state.shown()));
    }

    /// Takes note of what a worker has noticed.
    fn note(&mut self, notice: Notice) {
        match notice {
            // A worker may tell late of an interface in whose place another is attached by now.
            Notice::Link(event) if !self.state.is_of(event.attachment, event.interface) => {}
            Notice::Link(event) => {
                // Each worker notices by itself.
                let before = self.links.insert(event.attachment, event.state).unwrap_or_default();
                // One that has been attached again since it went goes anew.
                let has_gone = event.state == LinkState::Gone && self.state.missing.insert(event.attachment);
                if has_gone {
                    self.show();
                }
                if has_gone || event.state != before {
                    self.log_link(event);
                }
            }
            Notice::Parted(port) => drop(port),
            Notice::Exhausted(pools) => {
                pools.into_iter().for_each(|(key, flows)| self.log_exhausted(key, flows))
            }
        }
    }

    /// Follows what the kernel has told of the host's interfaces, and whatever else it has told meanwhile.
    fn follow(&mut self, change: Change, more: &Receiver<Change>) {
        let mut may_be_open = false;
        for change in std::iter::once(change).chain(more.try_iter()) {
            match change {
                Change::Gone { index, .. } => self.gone(index),
                Change::Everything | Change::Opened { .. } => may_be_open = true,
                Change::Link { .. } | Change::Address { .. } => {}
            }
        }
        match may_be_open {
            true => self.look_at_everything(),
            false => self.look_at_interfaces(),
        }
    }

    /// Looks whether interfaces are gone or have lost their guard without anybody's having told, and follows what has changed.
    pub(crate) fn look_at_everything(&mut self) {
        let host = Interfaces::look();
        self.note_gone(&host);
        self.state.shut_what_is_open(&host);
        self.look_again(&host, |_| true);
    }

    /// Takes note of interfaces that are gone, should nobody have told of it yet.
    pub(crate) fn note_gone(&mut self, host: &Interfaces) {
        let there = self.state.present().map(|one| one.interface.index);
        let gone: Vec<_> = there.filter(|index| !host.has(*index)).collect();
        gone.into_iter().for_each(|index| self.gone(index));
    }

    fn gone(&mut self, index: u32) {
        if let Some(id) = self.state.attached_at(index) {
            self.note(Notice::Link(io::Event { attachment: id, interface: index, state: LinkState::Gone }));
        }
    }

    fn log_link(&mut self, event: io::Event) {
        let now = self.desk.clock.now();
        // Whoever is at the other end can set the link up and down as he likes.
        let subject = match event.state {
            LinkState::Gone => Subject::Gone(event.attachment),
            LinkState::Up | LinkState::Down => Subject::Link(event.attachment),
        };
        let Some(changes) = self.limits.pass(now, subject, 1) else { return };
        let interface = self.state.interface_name(event.attachment);
        match event.state {
            LinkState::Up => info!(interface, changes, "the link is up"),
            LinkState::Down => warn!(interface, changes, "the link is down"),
            LinkState::Gone => {
                warn!(interface, changes, "the interface is gone; it is attached again when it returns");
            }
        }
    }

    fn log_exhausted(&mut self, key: PoolKey, flows: u64) {
        let now = self.desk.clock.now();
        if let Some(flows) = self.limits.pass(now, Subject::Exhausted(key.public), flows) {
            warn!(
                public_ip = %key.public, protocol = %key.protocol, destination = %key.destination, flows,
                "SNAT ports exhausted: new flows were dropped"
            );
        }
    }

    /// Logs what rings have lost since the last look, and a worker that does not come round.
    fn look_at_rings(&mut self) {
        let now = self.desk.clock.now();
        if let Some(worker) = self.workers.stalled(now, STALLED) {
            error!(worker, "the worker has stalled: it has not come round for {STALLED:?}");
            return;
        }
        let Ok(reports) = self.workers.ask_all_within(FIGURES, |_, reply| Command::Report(reply)) else {
            return;
        };
        for (id, statistics) in figures::links(&reports) {
            let before = self.lost.insert(id, statistics.ring_drops).unwrap_or_default();
            // A ring that was opened anew counts from zero.
            let frames = statistics.ring_drops.checked_sub(before).unwrap_or(statistics.ring_drops);
            if let Some(frames) = self.limits.pass(now, Subject::Ring(id), frames) {
                let interface = self.state.interface_name(id);
                warn!(interface, frames, "the ring was full: the kernel dropped frames");
            }
        }
    }

    /// Attaches interfaces that have come back.
    fn look_for_missing(&mut self) {
        if !self.state.missing.is_empty() {
            let missing = self.state.missing.clone();
            self.look_again(&Interfaces::look(), |id| missing.contains(&id));
        }
    }

    /// Follows what the host has changed on the interfaces: hardware addresses, MTUs, its own addresses.
    pub(crate) fn look_at_interfaces(&mut self) {
        self.look_again(&Interfaces::look(), |_| true);
    }

    /// Lets new interfaces have the numbers of those that are attached no more.
    fn give_back_numbers(&mut self) {
        // A worker that does not answer is told of elsewhere.
        let rested = self.state.give_back_numbers(&self.workers, &self.desk.shared).unwrap_or_default();
        self.links.retain(|id, _| !rested.contains(id));
        self.lost.retain(|id, _| !rested.contains(id));
    }

    fn look_again(&mut self, host: &Interfaces, which: impl Fn(AttachmentId) -> bool) {
        let Looked { is_changed, troubles } = self.state.look_again(&self.workers, host, which);
        if is_changed {
            self.show();
        }
        let now = self.desk.clock.now();
        for (id, why) in troubles {
            if let Some(times) = self.limits.pass(now, Subject::Change(id), 1) {
                let interface = self.state.interface_name(id);
                warn!(interface, times, "it has changed and cannot be followed, which is tried again: {why}");
            }
        }
    }
}
