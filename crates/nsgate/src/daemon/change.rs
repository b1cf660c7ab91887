//! Changing what is in force: a reload, an interface that comes back, an address that the host takes.
//!
//! All three end in [`State::apply`], which does everything or nothing. The main thread alone comes here: it has the
//! rights, and nobody else waits for it.

use super::desk::Shown;
use super::hold::Holds;
use super::link::{Command, Worker};
use super::load::{Job, Read};
use super::views::Directions;
use crate::gateway::{self, Ids, Loaded};
use control::answer::{Confinement, Reloaded, Reloads};
use io::{Backend, Interface, Port, Reception};
use packet::AttachmentId;
use pipeline::{AttachmentKind, Gateway, Names, Snapshot};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;
use tracing::{info, warn};

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

    /// What a reload needs to know of this state.
    pub(super) fn job(&self) -> Job {
        let pairs = self.loaded.gateway.attachments.iter().zip(&self.loaded.interfaces);
        let away = pairs.filter(|(attachment, _)| self.missing.contains(&attachment.id));
        Job {
            file: self.loaded.settings.file.clone(),
            ids: self.ids.clone(),
            away: away.filter_map(|(_, interface)| interface.clone()).collect(),
        }
    }

    /// Puts in force what the loader has read. On an error nothing has changed.
    ///
    /// # Errors
    /// Everything that is wrong, a line each.
    pub(super) fn reload(&mut self, worker: &Worker, read: Read) -> Result<Reloaded, String> {
        let (ids, mut loaded) = read?;
        self.keep_what_needs_a_start(&mut loaded);
        self.ids = ids;
        let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
        let (attached, detached) = self.apply(worker, loaded)?;
        Ok(Reloaded { attached, detached, warnings })
    }

    /// What memory and threads depend on stays as it was at the start.
    fn keep_what_needs_a_start(&self, loaded: &mut Loaded) {
        let (old, new) = (&self.loaded.settings, &loaded.settings);
        for (key, changed) in [
            ("flows.capacity", old.flow_capacity != new.flow_capacity),
            ("control.socket", old.socket != new.socket),
            ("outbound.ports", self.loaded.gateway.snat_ports != loaded.gateway.snat_ports),
        ] {
            if changed {
                loaded.warnings.push(gateway::needs_a_start(&self.loaded.settings.file, key));
            }
        }
        loaded.settings = old.clone();
        loaded.gateway.snat_ports = self.loaded.gateway.snat_ports.clone();
    }

    /// Puts a loaded gateway in force: interfaces taken and guarded, rings opened, the policy swapped, and what is
    /// no longer attached given back. Returns the names of interfaces attached and given back.
    fn apply(&mut self, worker: &Worker, loaded: Loaded) -> Result<(Vec<String>, Vec<String>), String> {
        let snapshot =
            Snapshot::build(&loaded.gateway, &mut self.names).map_err(|errors| errors.join("; "))?;
        let snapshot = Arc::new(snapshot);
        let old: HashMap<AttachmentId, u32> =
            self.present().map(|(id, interface)| (id, interface.index)).collect();
        let is_away = |id: &AttachmentId, interface: &Interface| {
            self.missing.contains(id) && io::interface::find(&interface.name).is_err()
        };
        let pairs = loaded.gateway.attachments.iter().zip(&loaded.interfaces);
        let pairs: Vec<_> = pairs
            .filter_map(|(attachment, interface)| Some((attachment, interface.as_ref()?)))
            .filter(|(attachment, interface)| !is_away(&attachment.id, interface))
            .collect();
        let is_new = |id: AttachmentId, index: u32| old.get(&id) != Some(&index);
        let attach: Vec<_> = pairs
            .iter()
            .filter(|(attachment, interface)| is_new(attachment.id, interface.index))
            .map(|(attachment, interface)| (attachment.id, (*interface).clone()))
            .collect();
        let kept: HashSet<AttachmentId> = loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let gone = self.loaded.gateway.attachments.iter().filter(|attachment| !kept.contains(&attachment.id));
        let (detach, detached): (Vec<_>, Vec<_>) = gone.map(|a| (a.id, a.interface.to_string())).unzip();

        let known: HashSet<AttachmentId> = self.loaded.gateway.attachments.iter().map(|a| a.id).collect();
        let replaced = self
            .holds
            .lock(pairs.iter().copied())
            .and_then(|()| Holds::guard(&loaded.gateway, pairs.iter().copied()));
        let replaced = replaced.and_then(|()| {
            let ports = open(&attach)?;
            worker.ask(|reply| Command::Replace {
                snapshot: Arc::clone(&snapshot),
                attach: ports,
                detach: detach.clone(),
                reply,
            })
        });
        if let Err(why) = replaced {
            for (id, _) in attach.iter().filter(|(id, _)| !old.contains_key(id)) {
                // An interface of the file in force stays guarded, whatever happens to it.
                if known.contains(id) { self.holds.forget(*id) } else { self.holds.give_back(*id) }
            }
            return Err(why);
        }
        detach.iter().for_each(|id| self.holds.give_back(*id));
        self.missing.retain(|id| kept.contains(id) && !attach.iter().any(|(attached, _)| attached == id));
        Arc::make_mut(&mut self.directions).learn(&loaded.gateway.network);
        self.snapshot = snapshot;
        self.loaded = loaded;
        Ok((attach.into_iter().map(|(_, interface)| interface.name).collect(), detached))
    }

    /// The interfaces that are there, with their attachments.
    fn present(&self) -> impl Iterator<Item = (AttachmentId, &Interface)> {
        let pairs = self.loaded.gateway.attachments.iter().zip(&self.loaded.interfaces);
        pairs
            .filter_map(|(attachment, interface)| Some((attachment.id, interface.as_ref()?)))
            .filter(|(id, _)| !self.missing.contains(id))
    }

    /// Looks at the interfaces of some attachments again, and follows what has changed. Whether anything has.
    pub(super) fn look_again(&mut self, worker: &Worker, which: impl Fn(AttachmentId) -> bool) -> bool {
        let mut gateway: Gateway = self.loaded.gateway.clone();
        let mut interfaces = self.loaded.interfaces.clone();
        let mut changed = Vec::new();
        for (attachment, interface) in gateway.attachments.iter_mut().zip(&mut interfaces) {
            if !which(attachment.id) {
                continue;
            }
            let Ok(found) = io::interface::find(&attachment.interface) else { continue };
            let away = self.missing.contains(&attachment.id);
            if !away && interface.as_ref().is_some_and(|known| same(known, &found)) {
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
            return false;
        }
        let Loaded { settings, segments, .. } = &self.loaded;
        let (settings, segments, warnings) = (settings.clone(), segments.clone(), Vec::new());
        match self.apply(worker, Loaded { gateway, settings, interfaces, segments, warnings }) {
            Ok((attached, _)) => info!(changed = ?changed, ?attached, "followed a change of interfaces"),
            Err(why) => {
                warn!(interfaces = ?changed, "an interface has changed and cannot be followed: {why}")
            }
        }
        true
    }
}

/// Opens the rings of interfaces: all, or none.
///
/// # Errors
/// What the system answered, with the interface's name.
pub(super) fn open(wanted: &[(AttachmentId, Interface)]) -> Result<Vec<(AttachmentId, Port)>, String> {
    let mut opened = Vec::with_capacity(wanted.len());
    for (id, interface) in wanted {
        let ports = io::open(interface, Backend::AfPacket, Reception::Own, 1);
        let ports = ports.map_err(|error| format!("interface {}: {error}", interface.name))?;
        opened.extend(ports.into_iter().map(|port| (*id, port)));
    }
    Ok(opened)
}

/// Whether everything that the pipeline or the guard knows of an interface is as it was.
fn same(known: &Interface, found: &Interface) -> bool {
    (known.index, known.mac, known.mtu, &known.addresses)
        == (found.index, found.mac, found.mtu, &found.addresses)
}

fn addresses(interface: &Interface) -> Vec<IpAddr> {
    interface.addresses.iter().map(|(address, _)| *address).collect()
}
