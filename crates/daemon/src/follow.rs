//! Following the host's interfaces: those that come back, and those that change.
//!
//! Each attachment is on its own: one whose change cannot be followed stays as it was, and holds up nobody.

use crate::change::{State, Step, cannot_be_shared_yet};
use crate::hold::{Attached, Before, Holds};
use crate::link::Workers;
use crate::opening::{self, Opened, note_opened, ports_of, put_in_force};
use gateway::Loaded;
use io::{Interface, Interfaces, Wanted, Wire};
use packet::AttachmentId;
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use tracing::{info, warn};

/// What a look at the interfaces has brought.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Whether anything is otherwise than before.
    pub(crate) is_changed: bool,
    /// Attachments whose changes cannot be followed, and why; each is told once.
    pub(crate) troubles: Vec<(AttachmentId, String)>,
}

/// A change that has been followed as far as its interface goes.
struct Followed {
    id: AttachmentId,
    step: Step,
    before: Option<Before>,
}

impl State {
    /// Looks at the interfaces of some attachments again, and follows what has changed.
    pub(crate) fn look_again(&mut self, workers: &Workers, which: impl Fn(AttachmentId) -> bool) -> Looked {
        let host = Interfaces::look();
        let mut looked = Looked::default();
        let changes = self.changes(&host, workers.count(), which, &mut looked);
        if changes.is_empty() {
            return looked;
        }
        let mut next = self.as_loaded();
        let known: Vec<_> =
            changes.into_iter().map(|(nth, found)| (nth, replace(&mut next, nth, found))).collect();
        let mut steps = self.steps(&next, &host, workers.count());
        let (mut guarded, mut followed, mut opened) = (Vec::new(), Vec::new(), Opened::new());
        // First all doors are shut: to open one takes long, and until it is guarded the host has what comes by another.
        for (nth, known) in known {
            self.pause(&mut opened);
            let step = steps.remove(&next.gateway.attachments[nth].id).unwrap_or(Step::Away);
            match self.guard_nth(&next, nth, step) {
                Ok(before) => guarded.push((nth, known, step, before)),
                Err(why) => self.leave_as_it_was(&mut next, nth, known, why, &mut looked),
            }
        }
        for (nth, known, step, before) in guarded {
            self.pause(&mut opened);
            let id = next.gateway.attachments[nth].id;
            let ports = match nth_of(&next, nth).filter(|_| step == Step::Open) {
                Some(one) => opening::open(&one, workers.count()).map(Some),
                None => Ok(None),
            };
            match ports {
                Ok(ports) => {
                    warn_of_host_addresses(&next.gateway, nth, &known.1, &next.interfaces[nth]);
                    followed.push(Followed { id, step, before });
                    opened.extend(ports);
                }
                Err(why) => {
                    before.into_iter().for_each(|before| self.take_back(id, before));
                    self.leave_as_it_was(&mut next, nth, known, why, &mut looked);
                }
            }
        }
        if !followed.is_empty() {
            self.put_in_force(workers, next, followed, opened, &mut looked);
        }
        looked
    }

    /// Takes and guards one of the attachments; see [`State::guard`].
    fn guard_nth(&mut self, next: &Loaded, nth: usize, step: Step) -> Result<Option<Before>, String> {
        let one = nth_of(next, nth).ok_or("there is nothing to guard")?;
        self.guard(&next.gateway, &one, step)
    }

    /// Gives up following one attachment for the time being.
    fn leave_as_it_was(
        &mut self,
        next: &mut Loaded,
        nth: usize,
        known: (Attachment, Option<Interface>),
        why: String,
        looked: &mut Looked,
    ) {
        // It may be back without its guard.
        if let Some(one) = nth_of(next, nth) {
            Holds::shut(&next.gateway, &one);
        }
        self.trouble(known.0.id, why, looked);
        (next.gateway.attachments[nth], next.interfaces[nth]) = known;
    }

    /// What has changed on the interfaces of some attachments: which of them, and what is there now.
    fn changes(
        &mut self,
        host: &Interfaces,
        workers: usize,
        which: impl Fn(AttachmentId) -> bool,
        looked: &mut Looked,
    ) -> Vec<(usize, Interface)> {
        let (mut changes, mut fine, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
        let each =
            self.loaded.gateway.attachments.iter().zip(&self.loaded.interfaces).zip(&self.loaded.wires);
        for (nth, ((attachment, known), &wire)) in each.enumerate().filter(|(_, ((one, _), _))| which(one.id))
        {
            let is_away = self.missing.contains(&attachment.id);
            let wanted = Wanted { name: &attachment.interface, wire, queues: workers };
            let Some(found) = see(host, &wanted, known.as_ref().filter(|_| !is_away)) else { continue };
            match found {
                Ok(found) => {
                    let is_waiting = !wire.is_tap() && cannot_be_shared_yet(&found, workers);
                    let is_known = known.as_ref().is_some_and(|known| same(known, &found));
                    match is_known && (!is_away || is_waiting) {
                        true => fine.push(attachment.id),
                        false => changes.push((nth, found)),
                    }
                }
                Err(io::Error::NoSuchInterface { .. }) => fine.push(attachment.id),
                Err(error) => troubles.push((attachment.id, error.to_string())),
            }
        }
        fine.iter().for_each(|id| drop(self.troubles.remove(id)));
        troubles.into_iter().for_each(|(id, why)| self.trouble(id, why, looked));
        changes
    }

    /// Has the workers go by what was followed.
    fn put_in_force(
        &mut self,
        workers: &Workers,
        mut next: Loaded,
        followed: Vec<Followed>,
        opened: Opened,
        looked: &mut Looked,
    ) {
        let snapshot = match self.compile(&next.gateway) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                self.close(ports_of(opened));
                for Followed { id, before, .. } in followed {
                    before.into_iter().for_each(|before| self.take_back(id, before));
                    self.trouble(id, why.clone(), looked);
                }
                return;
            }
        };
        let attached = note_opened(&mut next, &opened);
        let parted = put_in_force(workers, &snapshot, opened, &[]);
        self.adopt(next, snapshot);
        for Followed { id, step, .. } in &followed {
            self.troubles.remove(id);
            match step {
                Step::Wait | Step::Away => self.missing.insert(*id),
                Step::Keep | Step::Open => self.missing.remove(id),
            };
        }
        self.holds.forget_all_but(opening::attached(&self.loaded));
        let changed: Vec<_> = followed.iter().map(|followed| self.interface_name(followed.id)).collect();
        info!(?changed, ?attached, "followed a change of interfaces");
        looked.is_changed = true;
        self.close(parted);
    }

    /// Takes note of why an attachment cannot be followed.
    fn trouble(&mut self, id: AttachmentId, why: String, looked: &mut Looked) {
        if self.troubles.get(&id) != Some(&why) {
            looked.troubles.push((id, why.clone()));
            self.troubles.insert(id, why);
        }
    }

    /// What is in force, as if it were loaded again.
    pub(crate) fn as_loaded(&self) -> Loaded {
        let Loaded { gateway, settings, interfaces, segments, wires, .. } = &self.loaded;
        Loaded {
            gateway: gateway.clone(),
            settings: settings.clone(),
            interfaces: interfaces.clone(),
            segments: segments.clone(),
            wires: wires.clone(),
            ignored: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
}

/// One attachment with its interface.
fn nth_of(loaded: &Loaded, nth: usize) -> Option<Attached<'_>> {
    let (attachment, interface) = (loaded.gateway.attachments.get(nth)?, loaded.interfaces.get(nth)?);
    Some(Attached { attachment, interface: interface.as_ref()?, wire: *loaded.wires.get(nth)? })
}

/// What is there of an attachment's interface, which was `known` if it was there before; `None` where it is a TAP device at
/// which nobody can look.
fn see(
    host: &Interfaces,
    wanted: &Wanted<'_>,
    known: Option<&Interface>,
) -> Option<Result<Interface, io::Error>> {
    match (host.describe(wanted), known.filter(|_| wanted.wire.is_tap())) {
        (found, None) => Some(found),
        // While it is in this network namespace its MTU can be seen; the gateway's own end stays what it is.
        (Ok(found), Some(known)) if found.index == known.index => {
            Some(Ok(Interface { mac: known.mac, ..found }))
        }
        // It is its machine's, and its name somebody else's or nobody's.
        _ => None,
    }
}

/// Puts what is there now in the place of what was there when a file began to be loaded, which may be long ago.
///
/// `there` are the interfaces of attachments in force that are there, and their wires, `away` the attachments in force whose
/// interfaces are not; both keep what was loaded where their names lead nowhere.
///
/// # Errors
/// What stands against an interface.
pub(crate) fn look_anew(
    loaded: &mut Loaded,
    host: &Interfaces,
    there: &HashMap<AttachmentId, (Interface, Wire)>,
    away: &HashSet<AttachmentId>,
) -> Result<(), String> {
    for nth in 0..loaded.gateway.attachments.len() {
        let Attachment { id, interface, .. } = &loaded.gateway.attachments[nth];
        let (id, name, known) = (*id, interface.clone(), there.get(id));
        let wanted = Wanted { name: &name, wire: loaded.wires[nth], queues: loaded.settings.workers };
        // What else had this name has another end than a TAP device.
        let known_tap = known.filter(|(_, wire)| wire.is_tap()).map(|(tap, _)| tap);
        match see(host, &wanted, known_tap) {
            None => {}
            Some(Ok(found)) => {
                let (_, loaded_with) = replace(loaded, nth, found);
                let known = known.map(|(known, _)| known.clone()).or(loaded_with);
                warn_of_host_addresses(&loaded.gateway, nth, &known, &loaded.interfaces[nth]);
            }
            Some(Err(io::Error::NoSuchInterface { .. })) if known.is_some() || away.contains(&id) => {}
            Some(Err(error)) => return Err(format!("interface {name}: {error}")),
        }
    }
    Ok(())
}

/// Puts what was found in the place of what was known, and gives that back.
fn replace(loaded: &mut Loaded, nth: usize, found: Interface) -> (Attachment, Option<Interface>) {
    let attachment = &mut loaded.gateway.attachments[nth];
    let known = attachment.clone();
    (attachment.mac, attachment.mtu) = (found.mac, found.mtu);
    if let AttachmentKind::Internet { host_addresses, .. }
    | AttachmentKind::OnPremises { host_addresses, .. } = &mut attachment.kind
    {
        *host_addresses = addresses(&found);
    }
    (known, loaded.interfaces[nth].replace(found))
}

/// Says which addresses the host has got that it may not have. With them no start and no reload is taken, and whoever hears of
/// it only then has no gateway meanwhile.
fn warn_of_host_addresses(
    gateway: &Gateway,
    nth: usize,
    known: &Option<Interface>,
    found: &Option<Interface>,
) {
    let (Some(attachment), Some(found)) = (gateway.attachments.get(nth), found) else { return };
    let had = |address: &IpAddr| known.as_ref().is_some_and(|known| addresses(known).contains(address));
    let is_shared = |address: IpAddr| gateway.default_public_ips.iter().any(|public| *public == address);
    for address in addresses(found).into_iter().filter(|address| !had(address)) {
        match attachment.kind {
            AttachmentKind::Nic { .. } | AttachmentKind::Subnet { .. } if !is_link_local(address) => warn!(
                // While the guard is on it bypasses nothing.
                interface = %attachment.interface, %address,
                "the host has an address behind the rules: packets to it are dropped, and the next start or reload is \
                 refused; take it off with `ip address del`"
            ),
            AttachmentKind::Internet { .. } if is_shared(address) => warn!(
                interface = %attachment.interface, %address,
                "the host has taken a public address that machines share: the answers to them are the host's now, but for \
                 those to outbound.ports of one such address, and the next start or reload may be refused; take it off \
                 with `ip address del`"
            ),
            _ => {}
        }
    }
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}

/// Whether everything that the pipeline or the guard knows of an interface is as it was.
fn same(known: &Interface, found: &Interface) -> bool {
    (known.index, known.mac, known.mtu, &known.addresses)
        == (found.index, found.mac, found.mtu, &found.addresses)
}

fn addresses(interface: &Interface) -> Vec<IpAddr> {
    interface.addresses.iter().map(|(address, _)| *address).collect()
}
