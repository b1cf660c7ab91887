//! Changing what is in force: a reload here, a change of the host's interfaces in `follow.rs`.
//!
//! A reload does everything or nothing. The main thread alone comes here: it has the rights. Of the other threads only a peer that
//! has asked for the reload waits for it, and workers for no longer than it takes to hand them what is ready.

use crate::commands::{Command, Workers};
use crate::desk::Shown;
use crate::follow::look_anew;
use crate::hold::{Attached, Before, Holds};
use crate::load::{FileJob, GatewayRead, Job};
use crate::notify::Pulse;
use crate::opening::{self, Opened, attached, note_opened, ports_of, put_in_force};
use crate::rest::Resting;
use crate::stop::Stop;
use crate::tags::Tags;
use answer::{Confinement, Reloaded, Reloads};
use crossbeam::channel::Receiver;
use gateway::{Ids, Loaded, Settings};
use io::watch::Change;
use io::{Interface, Interfaces, Wire};
use packet::AttachmentId;
use pipeline::Shared;
use snapshot::{Gateway, Names, Snapshot};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a worker may take to say how far it is with what attachments have left; it is asked again.
const SETTLING: Duration = Duration::from_secs(1);

/// What is in force, and what came before it as far as that still counts.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) loaded: Loaded,
    pub(crate) ids: Ids,
    pub(crate) names: Names,
    /// The policy in force.
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) holds: Holds,
    /// Attachments whose interface is away.
    pub(crate) missing: HashSet<AttachmentId>,
    /// Attachments whose changes cannot be followed, and why.
    pub(crate) troubles: HashMap<AttachmentId, String>,
    /// Numbers of attachments that are no more.
    pub(crate) resting: Resting,
    pub(crate) reloads: Reloads,
    pub(crate) tags: Tags,
    pub(crate) confinement: Confinement,
    /// To be felt in the middle of a change, too.
    pub(crate) pulse: Pulse,
    /// What to do when the daemon is told to stop in the middle of a change.
    pub(crate) stop: Stop,
    /// What the kernel tells of the host's interfaces.
    pub(crate) told: Receiver<Change>,
    /// Whether it told something in the middle of a change that nobody has followed yet.
    pub(crate) is_behind: bool,
    /// The numbers of interfaces that it told gone then. One that is back by the time of a look may have kept its own, but
    /// neither its guard nor the daemon's sockets.
    pub(crate) gone_meanwhile: BTreeSet<u32>,
    /// Attachments whose interfaces have no guard and get none.
    pub(crate) open: HashSet<AttachmentId>,
}

/// What a change means for one attachment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Its interface is not there: nothing.
    Away,
    /// Its interface has returned, and several workers cannot share it before it is up: it is guarded.
    Wait,
    /// Its ports stay.
    Keep,
    /// It gets ports.
    Open,
}

/// The steps of all attachments.
pub(crate) type Steps = HashMap<AttachmentId, Step>;

impl State {
    /// What the peers of the control socket may read.
    pub(crate) fn shown(&self) -> Shown {
        Shown {
            gateway: self.loaded.gateway.clone(),
            settings: self.loaded.settings.clone(),
            snapshot: Arc::clone(&self.snapshot),
            missing: self.missing.clone(),
            reloads: self.reloads.clone(),
            tags: self.tags.shown(&self.loaded),
            confinement: self.confinement.clone(),
        }
    }

    /// The interface of an attachment.
    pub(crate) fn interface_name(&self, id: AttachmentId) -> String {
        let mut attachments = self.loaded.gateway.attachments.iter();
        attachments
            .find(|attachment| attachment.id == id)
            .map(|found| found.interface.to_string())
            .unwrap_or_default()
    }

    /// The attachment whose interface has this number and is there. A TAP device has none: one that leaves for its
    /// machine's network namespace is not gone.
    pub(crate) fn attached_at(&self, index: u32) -> Option<AttachmentId> {
        let mut present = self.present().filter(|one| !one.wire.is_tap());
        present.find(|one| one.interface.index == index).map(|one| one.attachment.id)
    }

    /// Whether an attachment's interface has this number.
    pub(crate) fn is_of(&self, id: AttachmentId, index: u32) -> bool {
        attached(&self.loaded).any(|one| one.attachment.id == id && one.interface.index == index)
    }

    /// What a reload needs to know of this state.
    pub(crate) fn job(&self) -> Job {
        let is_away = |one: &Attached<'_>| self.missing.contains(&one.attachment.id);
        let (away, there): (Vec<_>, Vec<_>) = attached(&self.loaded).partition(is_away);
        let taps = there.iter().filter(|one| one.wire.is_tap());
        Job::Gateway(FileJob {
            file: self.loaded.settings.file.clone(),
            ids: self.ids.clone(),
            away: away.iter().map(|one| one.interface.clone()).collect(),
            taps: taps.map(|one| one.interface.clone()).collect(),
        })
    }

    /// Puts in force what the loader has read, with the host's interfaces as they are now. On an error nothing has changed.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub(crate) fn reload(
        &mut self,
        workers: &Workers,
        read: GatewayRead,
        host: &Interfaces,
    ) -> Result<Reloaded, String> {
        let (ids, mut loaded) = self.fitted(read)?;
        let there =
            self.present().map(|one| (one.attachment.id, (one.interface.clone(), one.wire))).collect();
        look_anew(&mut loaded, host, &there, &self.missing)?;
        let snapshot = self.compile(&loaded.gateway)?;
        let steps = self.steps(attached(&loaded), host, workers.count());
        let opened = self.take_all(&loaded, &steps, workers.count())?;

        let names = note_opened(&mut loaded, &opened);
        let (detach, detached) = self.left_out(&loaded.gateway);
        let parted = put_in_force(workers, &snapshot, opened, &detach);
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        self.adopt(loaded, snapshot);
        let waits = |id: &AttachmentId| matches!(steps.get(id), Some(Step::Away | Step::Wait));
        let all = self.loaded.gateway.attachments.iter().map(|attachment| attachment.id);
        self.missing = all.filter(waits).collect();
        self.troubles.clear();
        self.ids = ids;
        self.resting.wake(self.loaded.gateway.attachments.iter().map(|attachment| attachment.id));
        self.close(parted);
        self.holds.give_back_all_but(attached(&self.loaded));
        Ok(Reloaded { attached: names, detached, warnings })
    }

    /// What has been read, as this daemon would put it in force.
    ///
    /// # Errors
    /// Why it could not be read.
    pub(crate) fn fitted(&self, read: GatewayRead) -> Result<(Ids, Loaded), String> {
        let (ids, mut loaded) = *read?;
        self.warn_of_other_tags(&mut loaded);
        self.keep_what_needs_a_start(&mut loaded);
        self.keep_taps(&mut loaded);
        Ok((ids, loaded))
    }

    /// What memory and threads depend on stays as it was at the start.
    fn keep_what_needs_a_start(&self, loaded: &mut Loaded) {
        let (old, new) = (&self.loaded.settings, &loaded.settings);
        for (key, changed) in [
            ("flows.capacity", old.flow_capacity != new.flow_capacity),
            ("control.socket", old.socket != new.socket),
            ("outbound.ports", self.loaded.gateway.snat_ports != loaded.gateway.snat_ports),
            ("engine.workers", old.workers != new.workers),
            ("engine.handOff", old.hand_off_always != new.hand_off_always),
        ] {
            if changed {
                loaded.warnings.push(gateway::needs_a_start(&self.loaded.settings.file, key));
            }
        }
        let service_tags = loaded.settings.service_tags.take();
        loaded.settings = Settings { service_tags, ..old.clone() };
        loaded.gateway.snat_ports = self.loaded.gateway.snat_ports;
    }

    /// A TAP device that is attached may be in another network namespace by now, where nobody can look at it.
    fn keep_taps(&self, loaded: &mut Loaded) {
        let taps = self.present().filter(|one| one.wire.is_tap());
        let known: HashMap<AttachmentId, &Interface> =
            taps.map(|one| (one.attachment.id, one.interface)).collect();
        for attachment in &mut loaded.gateway.attachments {
            if let Some(&known) = known.get(&attachment.id)
                && let Some(link) = loaded.links.get_mut(&attachment.id).filter(|link| link.wire.is_tap())
            {
                (attachment.mac, attachment.mtu) = (known.mac, known.mtu);
                link.interface = Some(known.clone());
            }
        }
    }

    /// The policy of a gateway.
    ///
    /// # Errors
    /// What does not fit.
    pub(crate) fn compile(&mut self, gateway: &Gateway) -> Result<Arc<Snapshot>, String> {
        Snapshot::build(gateway, &mut self.names).map(Arc::new).map_err(|errors| errors.join("; "))
    }

    /// What it means for attachments, each on its interface, that they are to be in force.
    pub(crate) fn steps<'a>(
        &self,
        each: impl Iterator<Item = Attached<'a>>,
        host: &Interfaces,
        workers: usize,
    ) -> Steps {
        let old: HashMap<AttachmentId, (&Interface, Wire)> =
            self.present().map(|one| (one.attachment.id, (one.interface, one.wire))).collect();
        let known: HashSet<AttachmentId> = self.loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let step = |one: Attached<'_>| {
            let Attached { attachment, interface, wire } = one;
            let before = old.get(&attachment.id);
            let is_same = |(known, old): &(&Interface, Wire)| {
                known.index == interface.index
                    && (*old == wire || old.is_tap() && wire.is_tap())
                    && (wire.follows() || (known.mac, known.mtu) == (interface.mac, interface.mtu))
            };
            let is_away = self.missing.contains(&attachment.id)
                && wire != Wire::Made
                && host.find(&interface.name).is_err();
            let has_returned = known.contains(&attachment.id)
                && !wire.is_tap()
                && before.is_none_or(|(known, _)| known.index != interface.index);
            let step = match () {
                () if is_away => Step::Away,
                () if before.is_some_and(is_same) => Step::Keep,
                () if has_returned && cannot_be_shared_yet(interface, workers) => Step::Wait,
                () => Step::Open,
            };
            (attachment.id, step)
        };
        each.map(step).collect()
    }

    /// Takes and guards whatever the steps say, then opens it, or nothing.
    ///
    /// Where the daemon is told to stop meanwhile this does not return.
    fn take_all(&mut self, loaded: &Loaded, steps: &Steps, workers: usize) -> Result<Opened, String> {
        let mut opened = Opened::new();
        let mut taken = Vec::new();
        let done = self.guard_all(loaded, steps, &mut taken);
        let done = done.and_then(|()| self.open_all(loaded, steps, workers, &mut opened));
        if let Err(why) = done {
            self.close(ports_of(opened));
            taken.into_iter().rev().for_each(|(id, before)| self.take_back(id, before));
            return Err(why);
        }
        Ok(opened)
    }

    fn guard_all(
        &mut self,
        loaded: &Loaded,
        steps: &Steps,
        taken: &mut Vec<(AttachmentId, Before)>,
    ) -> Result<(), String> {
        for one in attached(loaded) {
            self.pause(Vec::new);
            let id = one.attachment.id;
            let before = guard(&mut self.holds, &loaded.gateway, &one, step_of(steps, id))?;
            taken.extend(before.map(|before| (id, before)));
        }
        Ok(())
    }

    fn open_all(
        &mut self,
        loaded: &Loaded,
        steps: &Steps,
        workers: usize,
        opened: &mut Opened,
    ) -> Result<(), String> {
        for one in attached(loaded).filter(|one| step_of(steps, one.attachment.id) == Step::Open) {
            self.pause(|| ports_of(std::mem::take(opened)));
            opened.push(opening::open(&one, workers)?);
        }
        Ok(())
    }

    /// Takes a step back. An interface of the file in force stays guarded, whatever happens to it.
    pub(crate) fn take_back(&mut self, id: AttachmentId, before: Before) {
        let stays = self.loaded.gateway.attachments.iter().any(|attachment| attachment.id == id);
        self.holds.take_back(before, stays);
    }

    /// The attachments in force that another gateway has not, and their names.
    fn left_out(&self, gateway: &Gateway) -> (Vec<AttachmentId>, Vec<String>) {
        let kept: HashSet<AttachmentId> =
            gateway.attachments.iter().map(|attachment| attachment.id).collect();
        let all = self.loaded.gateway.attachments.iter();
        let gone = all.filter(|attachment| !kept.contains(&attachment.id));
        gone.map(|attachment| (attachment.id, attachment.interface.to_string())).unzip()
    }

    /// Gives back the numbers of attachments that are no more, as far as nothing means them any longer. Returns them.
    pub(crate) fn give_back_numbers(
        &mut self,
        workers: &Workers,
        shared: &Shared,
    ) -> Result<BTreeSet<AttachmentId>, String> {
        let used: HashSet<AttachmentId> = self.loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let unused: BTreeSet<_> = self.ids.taken().filter(|id| !used.contains(id)).collect();
        if unused.is_empty() {
            return Ok(unused);
        }
        let progress = workers.ask_all_within(SETTLING, |_, reply| Command::Settle(reply))?;
        let rested = self.resting.look(&unused, &progress, |id| shared.remembers(id));
        self.ids.give_back(&rested);
        Ok(rested)
    }

    /// Takes note of what is in force now.
    pub(crate) fn adopt(&mut self, loaded: Loaded, snapshot: Arc<Snapshot>) {
        self.snapshot = snapshot;
        self.loaded = loaded;
    }

    /// The attachments whose interfaces are there.
    pub(crate) fn present(&self) -> impl Iterator<Item = Attached<'_>> {
        attached(&self.loaded).filter(|one| !self.missing.contains(&one.attachment.id))
    }
}

/// Takes and guards the interface of one attachment, unless it is away. Returns how it was held before.
///
/// # Errors
/// What stands against it; nothing has changed then.
pub(crate) fn guard(
    holds: &mut Holds,
    gateway: &Gateway,
    one: &Attached<'_>,
    step: Step,
) -> Result<Option<Before>, String> {
    match step {
        Step::Away => Ok(None),
        _ => holds.take(gateway, one).map(Some),
    }
}

/// The step of an attachment.
pub(crate) fn step_of(steps: &Steps, id: AttachmentId) -> Step {
    steps.get(&id).copied().unwrap_or(Step::Away)
}

/// Whether an interface that has returned must be up before it can be attached again: before Linux 6.13 several workers
/// could not share one that is down, and nothing else shall wait for it.
pub(crate) fn cannot_be_shared_yet(interface: &Interface, workers: usize) -> bool {
    workers > 1 && !interface.is_up
}
