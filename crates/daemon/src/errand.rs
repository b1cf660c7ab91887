//! What the loaders are asked to read, one thing at a time, and what becomes of it.

use crate::attend::Main;
use crate::load::{Found, GatewayRead, Loader, Read};
use crate::notify;
use crate::trial::Candidate;
use answer::Reloaded;
use crossbeam::channel::{Receiver, Sender, after, never};
use io::Interfaces;
use packet::AttachmentId;
use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Instant, SystemTime};
use tracing::{debug, info, warn};

/// What is to be loaded, and for whom.
#[derive(Debug)]
pub(crate) enum Errand {
    /// The gateway file, to be put in force; for all who wait.
    Reload(Vec<Sender<Result<Reloaded, String>>>),
    /// The service tags alone, to be put in force.
    Tags,
    /// The gateway file, to be looked at.
    Try(Sender<Result<Box<Candidate>, String>>),
}

/// The one that runs and those that wait.
#[derive(Debug)]
pub(crate) struct Errands {
    pub(crate) loader: Loader,
    /// The one that runs, and when it began.
    running: Option<(Errand, SystemTime)>,
    /// At most one reload, one look at the tags, and a trial for each peer.
    waiting: VecDeque<Errand>,
    /// Says when the file of service tags is to be read again.
    pub(crate) again: Receiver<Instant>,
}

impl Errands {
    /// None yet.
    pub(crate) fn new(loader: Loader) -> Self {
        Self { loader, running: None, waiting: VecDeque::new(), again: never() }
    }

    fn push(&mut self, errand: Errand) {
        let waits_for = |errand: &Errand| match errand {
            // A reload reads the tags, too.
            Errand::Tags => self.waiting.iter().position(|it| matches!(it, Errand::Tags | Errand::Reload(_))),
            Errand::Reload(_) => self.waiting.iter().position(|it| matches!(it, Errand::Reload(_))),
            Errand::Try(_) => None,
        };
        let same = waits_for(&errand).and_then(|nth| self.waiting.get_mut(nth));
        match (errand, same) {
            (Errand::Reload(more), Some(Errand::Reload(waits))) => waits.extend(more),
            (_, Some(_)) => {}
            (errand, None) => self.waiting.push_back(errand),
        }
    }
}

impl Main {
    /// Has something loaded, at once or after whatever is being loaded: that may have begun too early.
    pub(crate) fn load(&mut self, errand: Errand) {
        self.errands.push(errand);
        self.begin();
    }

    /// Begins what waits, if nothing runs.
    fn begin(&mut self) {
        while self.errands.running.is_none()
            && let Some(errand) = self.errands.waiting.pop_front()
        {
            let job = match &errand {
                Errand::Reload(_) => {
                    notify::reloading();
                    Some(self.state.job())
                }
                Errand::Try(_) => Some(self.state.job()),
                Errand::Tags => self.state.tag_job(),
            };
            let Some(job) = job else { continue };
            self.errands.running = Some((errand, SystemTime::now()));
            if let Err(why) = self.errands.loader.begin(job) {
                self.end(Err(why));
            }
        }
    }

    /// Goes on with what has been read, and begins what waits.
    pub(crate) fn loaded(&mut self, read: Read) {
        self.end(read);
        io::trim_heap();
        self.begin();
    }

    fn end(&mut self, read: Read) {
        let Some((errand, began)) = self.errands.running.take() else { return };
        match (errand, read) {
            (Errand::Tags, Ok(Found::Tags(read))) => {
                let done = self.state.retag(&self.workers, read, began);
                self.retagged(done);
            }
            (Errand::Tags, read) => self.retagged(Err((said(read.err()), true))),
            (Errand::Reload(waits), read) => self.reload(waits, gateway_of(read), began),
            (Errand::Try(reply), read) => {
                // Whoever waited may have given up.
                let _ = reply.send(self.candidate(gateway_of(read)));
            }
        }
    }

    /// Puts in force what has been read, and tells whoever waits.
    fn reload(&mut self, waits: Vec<Sender<Result<Reloaded, String>>>, read: GatewayRead, began: SystemTime) {
        let host = Interfaces::look();
        self.note_gone(&host);
        let done = self.state.reload(&self.workers, read, &host);
        let reloads = &mut self.state.reloads;
        match &done {
            Ok(reloaded) => {
                reloads.done += 1;
                reloads.last_refusal = None;
                self.state.tags.loaded(&self.state.loaded, began);
                self.errands.again = never();
                info!(attached = ?reloaded.attached, detached = ?reloaded.detached, "reloaded");
            }
            Err(why) => {
                reloads.refused += 1;
                reloads.last_refusal = Some(why.clone());
                warn!("the reload was refused and changed nothing: {why}");
            }
        }
        self.show();
        for waits in waits {
            // Whoever waited may have given up.
            let _ = waits.send(done.clone());
        }
        notify::ready();
    }

    /// Shows what became of other service tags, and has them read again where they may be good in a moment.
    fn retagged(&mut self, done: Result<(), (String, bool)>) {
        self.errands.again = never();
        match done {
            Ok(()) => debug!("the service tags are those of the file"),
            Err((why, is_unfinished)) => {
                let again = self.state.tags.refused(&self.state.loaded, why, is_unfinished);
                self.errands.again = again.map_or_else(never, after);
            }
        }
        self.show();
    }

    /// What has been read, for somebody who compares it with what is in force.
    fn candidate(&self, read: GatewayRead) -> Result<Box<Candidate>, String> {
        let (_, loaded) = self.state.fitted(read)?;
        let names = |gateway: &snapshot::Gateway| -> HashMap<AttachmentId, String> {
            gateway.attachments.iter().map(|one| (one.id, one.interface.to_string())).collect()
        };
        let (old, new) = (names(&self.state.loaded.gateway), names(&loaded.gateway));
        let only = |these: &HashMap<AttachmentId, String>, those: &HashMap<AttachmentId, String>| {
            let gone: HashSet<_> = these.keys().filter(|id| !those.contains_key(id)).collect();
            let mut names: Vec<_> = gone.into_iter().filter_map(|id| these.get(id).cloned()).collect();
            names.sort();
            names
        };
        Ok(Box::new(Candidate {
            attached: only(&new, &old),
            detached: only(&old, &new),
            warnings: loaded.warnings.iter().map(ToString::to_string).collect(),
            gateway: loaded.gateway,
        }))
    }
}

fn said(why: Option<String>) -> String {
    why.unwrap_or_else(|| "something else was read".to_owned())
}

fn gateway_of(read: Read) -> GatewayRead {
    match read {
        Ok(Found::Gateway(read)) => read,
        other => Err(said(other.err())),
    }
}
