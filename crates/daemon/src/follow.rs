//! Following the host's interfaces: those that come back, and those that change.
//!
//! Each attachment is on its own: one whose change cannot be followed stays as it was, and holds up nobody.

use crate::change::{State, Step, cannot_be_shared_yet, guard, step_of};
use crate::commands::Workers;
use crate::hold::{Attached, Before, Holds};
use crate::opening::{self, Opened, note_opened, ports_of, put_in_force};
use gateway::{Link, Loaded};
use io::{Interface, Interfaces, Wanted, Wire};
use packet::AttachmentId;
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tracing::{info, warn};

/// What a look at the interfaces has brought.
#[derive(Debug, Default)]
pub(crate) struct Looked {
    /// Whether anything is otherwise than before.
    pub(crate) is_changed: bool,
    /// Attachments whose changes cannot be followed, and why; each is told once.
    pub(crate) troubles: Vec<(AttachmentId, String)>,
}

/// What has changed on the interface of an attachment.
struct Changed {
    /// The attachment as it is now.
    attachment: Attachment,
    wire: Wire,
    /// The interface as it was known.
    known: Interface,
    /// The interface as it is now.
    found: Interface,
}

impl Changed {
    fn new(before: Attached<'_>, found: Interface) -> Self {
        let (mut attachment, known) = (before.attachment.clone(), before.interface.clone());
        put_on(&mut attachment, &found);
        Self { attachment, wire: before.wire, known, found }
    }

    fn attached(&self) -> Attached<'_> {
        Attached { attachment: &self.attachment, interface: &self.found, wire: self.wire }
    }
}

/// A change that has been followed as far as its interface goes.
struct Followed {
    changed: Changed,
    step: Step,
    before: Option<Before>,
}

impl State {
    /// Looks at the interfaces of some attachments again, and follows what has changed.
    pub(crate) fn look_again(
        &mut self,
        workers: &Workers,
        host: &Interfaces,
        which: impl Fn(AttachmentId) -> bool,
    ) -> Looked {
        let mut looked = Looked::default();
        let changes = self.changes(host, workers.count(), which, &mut looked);
        let steps = self.steps(changes.iter().map(Changed::attached), host, workers.count());
        let mut guarded = Vec::new();
        // First all doors are shut: to open one takes long, and until it is guarded the host has what comes by another.
        for changed in changes {
            self.pause(Vec::new);
            let step = step_of(&steps, changed.attachment.id);
            match guard(&mut self.holds, &self.loaded.gateway, &changed.attached(), step) {
                Ok(before) => guarded.push(Followed { changed, step, before }),
                Err(why) => self.leave_as_it_was(&changed, why, &mut looked),
            }
        }
        let (mut followed, mut opened) = (Vec::new(), Opened::new());
        for Followed { changed, step, before } in guarded {
            self.pause(|| ports_of(std::mem::take(&mut opened)));
            let ports = match step {
                Step::Open => opening::open(&changed.attached(), workers.count()).map(Some),
                Step::Away | Step::Wait | Step::Keep => Ok(None),
            };
            match ports {
                Ok(ports) => {
                    let shared = &self.loaded.gateway.default_public_ips;
                    warn_of_host_addresses(shared, Some(&changed.known), &changed.attached());
                    followed.push(Followed { changed, step, before });
                    opened.extend(ports);
                }
                Err(why) => {
                    before.into_iter().for_each(|before| self.take_back(changed.attachment.id, before));
                    self.leave_as_it_was(&changed, why, &mut looked);
                }
            }
        }
        if !followed.is_empty() {
            self.put_in_force(workers, followed, opened, &mut looked);
        }
        looked
    }

    /// Gives up following one attachment for the time being.
    fn leave_as_it_was(&mut self, changed: &Changed, why: String, looked: &mut Looked) {
        // It may be back without its guard. Where that cannot be put on either, the next look at everything says so.
        let _ = Holds::shut(&self.loaded.gateway, &changed.attached());
        self.trouble(changed.attachment.id, why, looked);
    }

    /// What has changed on the interfaces of some attachments.
    fn changes(
        &mut self,
        host: &Interfaces,
        workers: usize,
        which: impl Fn(AttachmentId) -> bool,
        looked: &mut Looked,
    ) -> Vec<Changed> {
        let (mut changes, mut fine, mut troubles) = (Vec::new(), Vec::new(), Vec::new());
        for one in opening::attached(&self.loaded).filter(|one| which(one.attachment.id)) {
            let Attached { attachment, interface: known, wire } = one;
            let is_away = self.missing.contains(&attachment.id);
            let wanted = Wanted { name: &attachment.interface, wire, queues: workers };
            let Some(found) = see(host, &wanted, Some(known).filter(|_| !is_away)) else { continue };
            match found {
                Ok(found) => {
                    let is_waiting = !wire.is_tap() && cannot_be_shared_yet(&found, workers);
                    match same(known, &found) && (!is_away || is_waiting) {
                        true => fine.push(attachment.id),
                        false => changes.push(Changed::new(one, found)),
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
        followed: Vec<Followed>,
        opened: Opened,
        looked: &mut Looked,
    ) {
        let mut next = self.as_loaded();
        let now: HashMap<_, _> =
            followed.iter().map(|one| (one.changed.attachment.id, &one.changed)).collect();
        for attachment in &mut next.gateway.attachments {
            if let Some(&changed) = now.get(&attachment.id) {
                *attachment = changed.attachment.clone();
                let (wire, interface) = (changed.wire, Some(changed.found.clone()));
                next.links.insert(attachment.id, Link { wire, interface });
            }
        }
        let snapshot = match self.compile(&next.gateway) {
            Ok(snapshot) => snapshot,
            Err(why) => {
                self.close(ports_of(opened));
                for Followed { changed, before, .. } in followed {
                    let id = changed.attachment.id;
                    before.into_iter().for_each(|before| self.take_back(id, before));
                    self.trouble(id, why.clone(), looked);
                }
                return;
            }
        };
        let attached = note_opened(&mut next, &opened);
        let parted = put_in_force(workers, &snapshot, opened, &[]);
        self.adopt(next, snapshot);
        for Followed { changed, step, .. } in &followed {
            let id = changed.attachment.id;
            self.troubles.remove(&id);
            match step {
                Step::Wait | Step::Away => self.missing.insert(id),
                Step::Keep | Step::Open => self.missing.remove(&id),
            };
        }
        self.holds.forget_all_but(opening::attached(&self.loaded));
        let changed: Vec<_> = followed.iter().map(|one| &*one.changed.attachment.interface).collect();
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
        let Loaded { gateway, settings, links, segments, .. } = &self.loaded;
        Loaded {
            gateway: gateway.clone(),
            settings: settings.clone(),
            links: links.clone(),
            segments: segments.clone(),
            ignored: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }
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
    let Gateway { attachments, default_public_ips, .. } = &mut loaded.gateway;
    for attachment in attachments {
        let (id, known) = (attachment.id, there.get(&attachment.id));
        let Some(link) = loaded.links.get_mut(&id) else { continue };
        let name = Arc::clone(&attachment.interface);
        let wanted = Wanted { name: &name, wire: link.wire, queues: loaded.settings.workers };
        // What else had this name has another end than a TAP device.
        let known_tap = known.filter(|(_, wire)| wire.is_tap()).map(|(tap, _)| tap);
        match see(host, &wanted, known_tap) {
            None => {}
            Some(Ok(found)) => {
                put_on(attachment, &found);
                let known = known.map(|(known, _)| known).or(link.interface.as_ref());
                let now = Attached { attachment, interface: &found, wire: link.wire };
                warn_of_host_addresses(default_public_ips, known, &now);
                link.interface = Some(found);
            }
            Some(Err(io::Error::NoSuchInterface { .. })) if known.is_some() || away.contains(&id) => {}
            Some(Err(error)) => return Err(format!("interface {name}: {error}")),
        }
    }
    Ok(())
}

/// Writes down what an attachment's interface is now.
fn put_on(attachment: &mut Attachment, found: &Interface) {
    (attachment.mac, attachment.mtu) = (found.mac, found.mtu);
    if let AttachmentKind::Internet { host_addresses, .. }
    | AttachmentKind::OnPremises { host_addresses, .. } = &mut attachment.kind
    {
        *host_addresses = addresses(found);
    }
}

/// Says which addresses the host has got that it may not have, `shared` being those that machines have in common. With them no
/// start and no reload is taken, and whoever hears of it only then has no gateway meanwhile.
fn warn_of_host_addresses(shared: &[Ipv4Addr], known: Option<&Interface>, now: &Attached<'_>) {
    let Attached { attachment, interface: found, .. } = now;
    let had = |address: &IpAddr| known.is_some_and(|known| addresses(known).contains(address));
    let is_shared = |address: IpAddr| shared.iter().any(|public| *public == address);
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
