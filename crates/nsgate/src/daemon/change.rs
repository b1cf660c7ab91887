//! Changing what is in force: a reload, an interface that comes back, an address that the host takes.
//!
//! All three end in [`State::apply`], which does everything or nothing. The main thread alone comes here: it has the
//! rights, and nobody else waits for it.

use super::desk::Shown;
use super::hold::{Attached, Holds};
use super::link::{Command, Workers};
use super::load::{Job, Read};
use super::views::Directions;
use control::answer::{Confinement, Reloaded, Reloads};
use gateway::{Ids, Loaded};
use io::{Backend, Interface, Port, Reception};
use packet::AttachmentId;
use pipeline::{AttachmentKind, Names, Snapshot};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use tracing::{error, info};

/// What is in force, and what came before it as far as that still counts.
#[derive(Debug)]
pub(super) struct State {
    pub(super) loaded: Loaded,
    pub(super) ids: Ids,
    pub(super) names: Names,
    /// The policy in force.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) holds: Holds,
    /// Attachments whose interface is away.
    pub(super) missing: HashSet<AttachmentId>,
    pub(super) reloads: Reloads,
    pub(super) directions: Arc<Directions>,
    pub(super) confinement: Confinement,
}

/// Opened attachments: for each a port for every worker, in the workers' order.
type Opened = Vec<(AttachmentId, Interface, Vec<Port>)>;

impl State {
    /// What the peers of the control socket may read.
    pub(super) fn shown(&self) -> Shown {
        Shown {
            gateway: self.loaded.gateway.clone(),
            settings: self.loaded.settings.clone(),
            snapshot: Arc::clone(&self.snapshot),
            directions: Arc::clone(&self.directions),
            missing: self.missing.clone(),
            reloads: self.reloads.clone(),
            confinement: self.confinement.clone(),
        }
    }

    /// The interface of an attachment.
    pub(super) fn interface_name(&self, id: AttachmentId) -> String {
        let mut attachments = self.loaded.gateway.attachments.iter();
        attachments
            .find(|attachment| attachment.id == id)
            .map(|found| found.interface.to_string())
            .unwrap_or_default()
    }

    /// The attachment whose interface has this number and is there. A TAP device has none: one that leaves for its
    /// machine's network namespace is not gone.
    pub(super) fn attached_at(&self, index: u32) -> Option<AttachmentId> {
        let mut present = self.present().filter(|one| one.backend != Backend::Tap);
        present.find(|one| one.interface.index == index).map(|one| one.attachment.id)
    }

    /// What a reload needs to know of this state.
    pub(super) fn job(&self) -> Job {
        let away = attached(&self.loaded).filter(|one| self.missing.contains(&one.attachment.id));
        Job {
            file: self.loaded.settings.file.clone(),
            ids: self.ids.clone(),
            away: away.map(|one| one.interface.clone()).collect(),
        }
    }

    /// Puts in force what the loader has read. On an error nothing has changed.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub(super) fn reload(&mut self, workers: &Workers, read: Read) -> Result<Reloaded, String> {
        let (ids, mut loaded) = read?;
        self.keep_what_needs_a_start(&mut loaded);
        self.keep_taps(&mut loaded);
        self.ids = ids;
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        let (attached, detached) = self.apply(workers, loaded)?;
        Ok(Reloaded { attached, detached, warnings })
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
        loaded.settings = old.clone();
        loaded.gateway.snat_ports = self.loaded.gateway.snat_ports;
    }

    /// A TAP device that is attached may be in another network namespace by now, where nobody can look at it.
    fn keep_taps(&self, loaded: &mut Loaded) {
        let known: HashMap<AttachmentId, &Interface> = self
            .present()
            .filter(|one| one.backend == Backend::Tap)
            .map(|one| (one.attachment.id, one.interface))
            .collect();
        let attachments = loaded.gateway.attachments.iter_mut().zip(&mut loaded.interfaces);
        for (attachment, interface) in attachments {
            if let Some(&known) = known.get(&attachment.id) {
                (attachment.mac, attachment.mtu) = (known.mac, known.mtu);
                *interface = Some(known.clone());
            }
        }
    }

    /// Puts a loaded gateway in force: interfaces taken and guarded, ports opened, the policy swapped, and what is
    /// no longer attached given back. Returns the names of interfaces attached and given back.
    fn apply(&mut self, workers: &Workers, mut loaded: Loaded) -> Result<(Vec<String>, Vec<String>), String> {
        let snapshot =
            Snapshot::build(&loaded.gateway, &mut self.names).map_err(|errors| errors.join("; "))?;
        let snapshot = Arc::new(snapshot);
        let old: HashMap<AttachmentId, (u32, Backend)> =
            self.present().map(|one| (one.attachment.id, (one.interface.index, one.backend))).collect();
        let is_away = |one: &Attached<'_>| {
            one.backend != Backend::Tap
                && self.missing.contains(&one.attachment.id)
                && io::interface::find(&one.interface.name).is_err()
        };
        let wanted: Vec<_> = attached(&loaded).filter(|one| !is_away(one)).collect();
        let is_new =
            |one: &&Attached<'_>| old.get(&one.attachment.id) != Some(&(one.interface.index, one.backend));
        let known: HashSet<AttachmentId> = self.loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let has_returned = |one: &&Attached<'_>| {
            let before = old.get(&one.attachment.id).map(|(index, _)| *index);
            known.contains(&one.attachment.id)
                && one.backend != Backend::Tap
                && before != Some(one.interface.index)
        };
        // One that waits is guarded all the same.
        let (waiting, new): (Vec<_>, Vec<_>) = (wanted.iter().copied().filter(|one| is_new(&one)))
            .partition(|one| has_returned(&one) && cannot_be_shared_yet(one.interface, workers));
        let waiting: Vec<AttachmentId> = waiting.iter().map(|one| one.attachment.id).collect();
        let new_ids: HashSet<AttachmentId> = new.iter().map(|one| one.attachment.id).collect();
        let kept: HashSet<AttachmentId> = loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let gone = self.loaded.gateway.attachments.iter().filter(|attachment| !kept.contains(&attachment.id));
        let (detach, detached): (Vec<_>, Vec<_>) = gone.map(|a| (a.id, a.interface.to_string())).unzip();

        let opened = self.holds.lock(wanted.iter().copied());
        let opened = opened.and_then(|()| Holds::guard(&loaded.gateway, wanted.iter().copied()));
        let opened = opened.and_then(|()| open(&new, workers.count()));
        let opened = opened.inspect_err(|_| {
            for id in new_ids.iter().filter(|id| !old.contains_key(id)) {
                // An interface of the file in force stays guarded, whatever happens to it.
                if known.contains(id) { self.holds.forget(*id) } else { self.holds.give_back(*id) }
            }
        })?;

        let attached = note_opened(&mut loaded, &opened);
        put_in_force(workers, &snapshot, opened, &detach);
        detach.iter().for_each(|id| self.holds.give_back(*id));
        self.missing.retain(|id| kept.contains(id) && !new_ids.contains(id));
        self.missing.extend(waiting);
        Arc::make_mut(&mut self.directions).learn(&loaded.gateway.network);
        self.snapshot = snapshot;
        self.loaded = loaded;
        Ok((attached, detached))
    }

    /// The attachments whose interfaces are there.
    fn present(&self) -> impl Iterator<Item = Attached<'_>> {
        attached(&self.loaded).filter(|one| !self.missing.contains(&one.attachment.id))
    }

    /// Looks at the interfaces of some attachments again, and follows what has changed. Whether anything has.
    ///
    /// # Errors
    /// What keeps it from being followed.
    pub(super) fn look_again(
        &mut self,
        workers: &Workers,
        which: impl Fn(AttachmentId) -> bool,
    ) -> Result<bool, String> {
        let mut gateway = self.loaded.gateway.clone();
        let mut interfaces = self.loaded.interfaces.clone();
        let backends = self.loaded.backends.clone();
        let mut changed = Vec::new();
        let each = gateway.attachments.iter_mut().zip(&mut interfaces).zip(&backends);
        for ((attachment, interface), backend) in each.filter(|((one, _), _)| which(one.id)) {
            let away = self.missing.contains(&attachment.id);
            let found = match backend {
                Backend::Tap if !away => continue,
                Backend::Tap => io::tap::describe(&attachment.interface),
                _ => io::interface::find(&attachment.interface),
            };
            let Ok(found) = found else { continue };
            let is_waiting = *backend != Backend::Tap && cannot_be_shared_yet(&found, workers);
            if (!away || is_waiting) && interface.as_ref().is_some_and(|known| same(known, &found)) {
                continue;
            }
            changed.push(found.name.clone());
            attachment.mac = found.mac;
            attachment.mtu = found.mtu;
            if let AttachmentKind::Internet { host_addresses, .. }
            | AttachmentKind::OnPremises { host_addresses, .. } = &mut attachment.kind
            {
                *host_addresses = addresses(&found);
            }
            *interface = Some(found);
        }
        if changed.is_empty() {
            return Ok(false);
        }
        let Loaded { settings, segments, .. } = &self.loaded;
        let (settings, segments, warnings) = (settings.clone(), segments.clone(), Vec::new());
        let applied =
            self.apply(workers, Loaded { gateway, settings, interfaces, segments, backends, warnings });
        let (attached, _) = applied.map_err(|why| format!("{}: {why}", changed.join(", ")))?;
        info!(changed = ?changed, ?attached, "followed a change of interfaces");
        Ok(true)
    }
}

/// Each attachment with its interface.
pub(super) fn attached(loaded: &Loaded) -> impl Iterator<Item = Attached<'_>> {
    let each = loaded.gateway.attachments.iter().zip(&loaded.interfaces).zip(&loaded.backends);
    each.filter_map(|((attachment, interface), &backend)| {
        Some(Attached { attachment, interface: interface.as_ref()?, backend })
    })
}

/// Opens attachments for all workers: all, or none.
///
/// # Errors
/// What the system answered, with the interface's name.
pub(super) fn open(wanted: &[Attached<'_>], workers: usize) -> Result<Opened, String> {
    let open = |one: &Attached<'_>| {
        let opened = match one.backend {
            // It comes into being only now.
            Backend::Tap => io::tap::create(&one.interface.name, Reception::Own, workers),
            backend => io::open(one.interface, backend, Reception::Own, workers)
                .map(|ports| (one.interface.clone(), ports)),
        };
        match opened {
            Ok((interface, ports)) => Ok((one.attachment.id, interface, ports)),
            Err(error) => Err(format!("interface {}: {error}", one.interface.name)),
        }
    };
    wanted.iter().map(open).collect()
}

/// Writes down what opened interfaces turned out to be, and names them.
pub(super) fn note_opened(loaded: &mut Loaded, opened: &Opened) -> Vec<String> {
    for (id, found, _) in opened {
        let each = loaded.gateway.attachments.iter_mut().zip(&mut loaded.interfaces);
        for (_, interface) in each.filter(|(attachment, _)| attachment.id == *id) {
            *interface = Some(found.clone());
        }
    }
    opened.iter().map(|(_, interface, _)| interface.name.clone()).collect()
}

/// The ports of each worker, of all that were opened.
pub(super) fn by_worker(opened: Opened, workers: usize) -> Vec<Vec<(AttachmentId, Port)>> {
    let mut each: Vec<Vec<_>> = (0..workers).map(|_| Vec::new()).collect();
    for (id, _, ports) in opened {
        each.iter_mut().zip(ports).for_each(|(own, port)| own.push((id, port)));
    }
    each
}

/// Has every worker judge by a policy, and then relay on the ports opened for it.
///
/// A worker that does not answer in time leaves the others with another policy than its own; the daemon goes down
/// rather than on.
fn put_in_force(workers: &Workers, snapshot: &Arc<Snapshot>, opened: Opened, detach: &[AttachmentId]) {
    let mut ports = by_worker(opened, workers.count()).into_iter();
    // All know the new attachments before any of them brings a frame that one hands to another.
    let done = workers.ask_all(|_, reply| Command::Replace { snapshot: Arc::clone(snapshot), reply });
    let done = done.and_then(|_| {
        workers.ask_all(|_, reply| {
            let ports = ports.next().unwrap_or_default();
            Command::Attach { ports, detach: detach.to_vec(), reply }
        })
    });
    if let Err(why) = done {
        while workers.are_ending() {
            // The daemon is told to stop: they have ended, and the process is about to.
            std::thread::park();
        }
        error!("a change is half done, nsgate goes down: {why}; the interfaces stay guarded");
        std::process::exit(70);
    }
}

/// Whether an interface that has returned must be up before it can be attached again: before Linux 6.13 several workers
/// could not share one that is down, and nothing else shall wait for it.
fn cannot_be_shared_yet(interface: &Interface, workers: &Workers) -> bool {
    workers.count() > 1 && !interface.is_up
}

/// Whether everything that the pipeline or the guard knows of an interface is as it was.
fn same(known: &Interface, found: &Interface) -> bool {
    (known.index, known.mac, known.mtu, &known.addresses)
        == (found.index, found.mac, found.mtu, &found.addresses)
}

fn addresses(interface: &Interface) -> Vec<IpAddr> {
    interface.addresses.iter().map(|(address, _)| *address).collect()
}
