//! Between two steps of a change that takes long: what cannot wait until it is done.

use crate::change::State;
use crate::hold::{Attached, Holds};
use crate::opening::attached;
use io::watch::Change;
use io::{Interfaces, Port};
use tracing::{error, warn};

impl State {
    /// Between two interfaces, which can be many: shows that the daemon lives, shuts what is open, and ends the daemon
    /// where it is told to stop, with these ports that no worker has. Then this does not return.
    pub(crate) fn pause(&mut self, ports: impl FnOnce() -> Vec<Port>) {
        if self.stop.is_asked() {
            self.stop.end(ports());
        }
        self.shut_what_has_returned();
        self.pulse.beat();
    }

    /// Closes ports that are no longer needed. Where the daemon is told to stop meanwhile this does not return.
    pub(crate) fn close(&mut self, mut parted: Vec<Port>) {
        while let Some(port) = parted.pop() {
            drop(port);
            self.pause(|| std::mem::take(&mut parted));
        }
    }

    /// Guards the interfaces of the file in force that have come back or have lost their guard: until the change is done nobody
    /// follows that, and the host would have what comes by them.
    fn shut_what_has_returned(&mut self) {
        let mut told = self.told.try_iter().peekable();
        if told.peek().is_none() {
            return;
        }
        self.is_behind = true;
        self.gone_meanwhile.extend(told.filter_map(|change| match change {
            Change::Gone { index, .. } => Some(index),
            _ => None,
        }));
        self.shut_what_is_open(&Interfaces::look());
    }

    /// Guards the interfaces of the file in force that are there without a guard. One that cannot be guarded is told once.
    ///
    /// Whoever has the rights can take a guard off, and an interface that goes to another network namespace loses it.
    pub(crate) fn shut_what_is_open(&mut self, host: &Interfaces) {
        let before = std::mem::take(&mut self.open);
        for one in attached(&self.loaded).filter(|one| !one.wire.is_tap()) {
            let Ok(found) = host.find(&one.interface.name) else { continue };
            match Holds::shut(&self.loaded.gateway, &Attached { interface: &found, ..one }) {
                Ok(false) => {}
                Ok(true) => warn!(interface = found.name, "it was there without its guard: guarded"),
                Err(why) => {
                    if !before.contains(&one.attachment.id) {
                        error!("it may be open to the host's own stack, and cannot be guarded: {why}");
                    }
                    self.open.insert(one.attachment.id);
                }
            }
        }
    }
}
