//! What the daemon holds of each interface: the right to attach it, and the guard that keeps the host's stack off it.

use io::guard::{self, HostAddresses};
use io::lock::Lock;
use io::{Interface, Wire};
use snapshot::{Attachment, AttachmentKind, Gateway};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The interfaces held, whatever attachment each belongs to.
#[derive(Debug, Default)]
pub(crate) struct Holds(BTreeMap<Key, Hold>);

/// An attachment, its interface, and how it comes by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attached<'a> {
    pub(crate) attachment: &'a Attachment,
    pub(crate) interface: &'a Interface,
    pub(crate) wire: Wire,
}

/// What an interface is held by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Key {
    /// The kernel's number of one that is guarded.
    Guarded(u32),
    /// The name of a TAP device, whose frames never reach the host's own stack.
    Tap(String),
}

#[derive(Debug)]
struct Hold {
    /// What its guard lets through to the host; `None` where there is no guard yet.
    kept: Option<HostAddresses>,
    _lock: Lock,
}

/// How an interface was held before a change that may have to be taken back.
#[derive(Debug)]
pub(crate) struct Before {
    key: Key,
    was_held: bool,
    /// What its guard let through, where that is known.
    kept: Option<HostAddresses>,
    /// Whether it was guarded, by this daemon or an earlier one.
    was_guarded: bool,
}

impl Attached<'_> {
    fn key(&self) -> Key {
        match self.wire.is_tap() {
            true => Key::Tap(self.interface.name.clone()),
            false => Key::Guarded(self.interface.index),
        }
    }

    /// An error in this attachment's name.
    pub(crate) fn error(&self, error: &io::Error) -> String {
        format!("interface {}: {error}", self.interface.name)
    }
}

impl Holds {
    /// Takes the right to attach an interface; one that is held already stays held.
    ///
    /// # Errors
    /// Those of the lock.
    pub(crate) fn lock(&mut self, one: &Attached<'_>) -> Result<(), String> {
        let Entry::Vacant(place) = self.0.entry(one.key()) else { return Ok(()) };
        let lock = match one.wire.is_tap() {
            true => Lock::take_tap(&one.interface.name),
            false => Lock::take(one.interface),
        };
        let lock = lock.map_err(|error| error.to_string())?;
        place.insert(Hold { kept: None, _lock: lock });
        Ok(())
    }

    /// Guards an interface that is held as its attachment is now; one that is guarded already never has a gap.
    ///
    /// # Errors
    /// Those of the guard, with the interface's name; a guard that is on stays on.
    pub(crate) fn guard(&mut self, gateway: &Gateway, one: &Attached<'_>) -> Result<(), String> {
        if let Key::Guarded(index) = one.key() {
            let kept = kept_by_host(gateway, one.attachment);
            guard::install(index, &kept).map_err(|error| one.error(&error))?;
            if let Some(hold) = self.0.get_mut(&one.key()) {
                hold.kept = Some(kept);
            }
        }
        Ok(())
    }

    /// Locks and guards an interface. Returns how it was before.
    ///
    /// # Errors
    /// As [`Self::lock`] and [`Self::guard`]; nothing has changed then.
    pub(crate) fn take(&mut self, gateway: &Gateway, one: &Attached<'_>) -> Result<Before, String> {
        let key = one.key();
        let held = self.0.get(&key);
        let (was_held, kept) = (held.is_some(), held.and_then(|hold| hold.kept.clone()));
        let was_guarded = match key {
            Key::Guarded(index) if !was_held => guard::installed(index).map_err(|error| one.error(&error))?,
            _ => true,
        };
        let before = Before { key, was_held, kept, was_guarded };
        self.lock(one)?;
        match self.guard(gateway, one) {
            Ok(()) => Ok(before),
            Err(why) => {
                self.take_back(before, true);
                Err(why)
            }
        }
    }

    /// Guards an interface of the file in force that nobody guards, held or not: its lock is a name that any process of the
    /// host can have, whether or not that is a daemon that would guard it. Returns whether it was open.
    ///
    /// # Errors
    /// Those of the guard, with the interface's name: it is open still.
    pub(crate) fn shut(gateway: &Gateway, one: &Attached<'_>) -> Result<bool, String> {
        let Key::Guarded(index) = one.key() else { return Ok(false) };
        let is_open = !guard::installed(index).map_err(|error| one.error(&error))?;
        if is_open {
            let kept = kept_by_host(gateway, one.attachment);
            guard::install(index, &kept).map_err(|error| one.error(&error))?;
        }
        Ok(is_open)
    }

    /// Makes an interface what it was before it was taken. A guard goes only where there was none before, and not where
    /// it `stays`: then something in force wants it.
    pub(crate) fn take_back(&mut self, before: Before, stays: bool) {
        let Before { key, was_held, kept, was_guarded } = before;
        let Key::Guarded(index) = key else {
            if !was_held {
                self.0.remove(&key);
            }
            return;
        };
        let restored = match (was_held, &kept) {
            (true, Some(kept)) => guard::install(index, kept),
            (false, _) if !was_guarded && !stays => guard::remove(index).map(drop),
            _ => Ok(()),
        };
        // Closed is the safe side.
        restored.unwrap_or_else(|error| tracing::warn!(%error, "an interface stays guarded"));
        if !was_held {
            self.0.remove(&key);
        } else if let Some(hold) = self.0.get_mut(&key) {
            hold.kept = kept;
        }
    }

    /// Gives the host back whatever is not among the attachments any more.
    pub(crate) fn give_back_all_but<'a>(&mut self, attached: impl IntoIterator<Item = Attached<'a>>) {
        for (key, _held) in self.let_go_all_but(attached) {
            let Key::Guarded(index) = key else { continue };
            match guard::remove(index) {
                // Closed is the safe side, and `nsgate release` tries again. One that is gone took its guard along.
                Err(error) if !error.is_gone() => tracing::warn!(%error, "an interface stays guarded"),
                _ => {}
            }
        }
    }

    /// Gives up the right to whatever is not among the attachments any more, and leaves its guard as it is.
    pub(crate) fn forget_all_but<'a>(&mut self, attached: impl IntoIterator<Item = Attached<'a>>) {
        drop(self.let_go_all_but(attached));
    }

    fn let_go_all_but<'a>(&mut self, attached: impl IntoIterator<Item = Attached<'a>>) -> Vec<(Key, Hold)> {
        let wanted: BTreeSet<Key> = attached.into_iter().map(|one| one.key()).collect();
        self.0.extract_if(.., |key, _| !wanted.contains(key)).collect()
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
    let mut shared =
        gateway.default_public_ips.iter().filter(|public| on_internet && kept.v4.contains(public));
    kept.lent = shared.next().map(|public| (*public, gateway.snat_ports.range()));
    kept
}
