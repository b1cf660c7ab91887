//! What the daemon holds of each interface: the right to attach it, and the guard that keeps the host's stack off it.

use io::Interface;
use io::guard::{self, HostAddresses};
use io::lock::Lock;
use packet::AttachmentId;
use pipeline::{Attachment, AttachmentKind, Gateway};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The interfaces held, by attachment.
#[derive(Debug, Default)]
pub(super) struct Holds(BTreeMap<AttachmentId, Hold>);

/// An attachment and its interface.
pub(super) type Attached<'a> = (&'a Attachment, &'a Interface);

#[derive(Debug)]
struct Hold {
    index: u32,
    _lock: Lock,
}

impl Holds {
    /// Takes the right to attach interfaces; those held already stay held. Either all, or none beyond those.
    ///
    /// # Errors
    /// Those of the lock, with the interface's name.
    pub(super) fn lock<'a>(&mut self, wanted: impl IntoIterator<Item = Attached<'a>>) -> Result<(), String> {
        let mut new = Vec::new();
        for (attachment, interface) in wanted {
            if self.0.get(&attachment.id).is_some_and(|hold| hold.index == interface.index) {
                continue;
            }
            let lock = Lock::take(interface).map_err(|error| error.to_string())?;
            new.push((attachment.id, Hold { index: interface.index, _lock: lock }));
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
        for (attachment, interface) in wanted {
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
        let Some(hold) = self.0.remove(&id) else { return };
        if let Err(error) = guard::remove(hold.index) {
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
    kept.lent = shared.map(|public| (public, gateway.snat_ports.clone()));
    kept
}
