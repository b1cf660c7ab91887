//! What the daemon holds of each interface: the right to attach it, and the guard that keeps the host's stack off it.

use io::guard::{self, HostAddresses};
use io::lock::Lock;
use io::{Backend, Interface};
use packet::AttachmentId;
use pipeline::{Attachment, AttachmentKind, Gateway};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The interfaces held, by attachment.
#[derive(Debug, Default)]
pub(super) struct Holds(BTreeMap<AttachmentId, Hold>);

/// An attachment, its interface, and what carries its frames.
#[derive(Clone, Copy, Debug)]
pub(super) struct Attached<'a> {
    pub(super) attachment: &'a Attachment,
    pub(super) interface: &'a Interface,
    pub(super) backend: Backend,
}

#[derive(Debug)]
struct Hold {
    /// The guarded interface; `None` for a TAP device, whose frames never reach the host's own stack.
    index: Option<u32>,
    _lock: Lock,
}

impl Attached<'_> {
    fn is_tap(&self) -> bool {
        self.backend == Backend::Tap
    }
}

impl Holds {
    /// Takes the right to attach interfaces; those held already stay held. Either all, or none beyond those.
    ///
    /// # Errors
    /// Those of the lock, with the interface's name.
    pub(super) fn lock<'a>(&mut self, wanted: impl IntoIterator<Item = Attached<'a>>) -> Result<(), String> {
        let mut new = Vec::new();
        for one in wanted {
            let index = (!one.is_tap()).then_some(one.interface.index);
            if self.0.get(&one.attachment.id).is_some_and(|hold| hold.index == index) {
                continue;
            }
            let lock = match one.is_tap() {
                true => Lock::take_tap(&one.interface.name),
                false => Lock::take(one.interface),
            };
            let lock = lock.map_err(|error| error.to_string())?;
            new.push((one.attachment.id, Hold { index, _lock: lock }));
        }
        self.0.extend(new);
        Ok(())
    }

    /// Guards interfaces, each as its attachment is now; one that is guarded already never has a gap.
    ///
    /// # Errors
    /// Those of the guard, with the interface's name; guards that are on stay on.
    pub(super) fn guard<'a>(
        gateway: &Gateway,
        wanted: impl IntoIterator<Item = Attached<'a>>,
    ) -> Result<(), String> {
        for Attached { attachment, interface, .. } in wanted.into_iter().filter(|one| !one.is_tap()) {
            guard::install(interface.index, &kept_by_host(gateway, attachment))
                .map_err(|error| format!("interface {}: {error}", interface.name))?;
        }
        Ok(())
    }

    /// Gives up the right to attach an interface and leaves its guard as it is.
    pub(super) fn forget(&mut self, id: AttachmentId) {
        self.0.remove(&id);
    }

    /// Gives an interface back to the host.
    pub(super) fn give_back(&mut self, id: AttachmentId) {
        let Some(index) = self.0.remove(&id).and_then(|hold| hold.index) else { return };
        if let Err(error) = guard::remove(index) {
            // Closed is the safe side, and `nsgate release` tries again.
            tracing::warn!(%error, "an interface stays guarded");
        }
    }
}

/// Outside the host keeps what is its own, but for the ports of translated flows where it shares its address with them;
/// everywhere else it gets nothing.
fn kept_by_host(gateway: &Gateway, attachment: &Attachment) -> HostAddresses {
    let mut kept = HostAddresses::default();
    if let AttachmentKind::Internet { host_addresses, .. }
    | AttachmentKind::OnPremises { host_addresses, .. } = &attachment.kind
    {
        for address in host_addresses {
            match address {
                IpAddr::V4(v4) => kept.v4.push(*v4),
                IpAddr::V6(v6) => kept.v6.push(*v6),
            }
        }
    }
    let on_internet = matches!(attachment.kind, AttachmentKind::Internet { .. });
    let shared = gateway.default_public_ip.filter(|public| on_internet && kept.v4.contains(public));
    kept.lent = shared.map(|public| (public, gateway.snat_ports.range()));
    kept
}
