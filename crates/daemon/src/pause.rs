//! Between two steps of a change that takes long: what cannot wait until it is done.

use crate::change::State;
use crate::hold::{Attached, Holds};
use crate::opening::attached;
use io::{Interfaces, Port};
use tracing::info;

impl State {
    /// Between two interfaces, which can be many: shows that the daemon lives, shuts what has returned, and ends the daemon
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

    /// Guards the interfaces of the file in force that have been made anew: until the change is done nobody follows that, and
    /// the host would have what comes by them.
    fn shut_what_has_returned(&mut self) {
        if self.told.try_iter().count() == 0 {
            return;
        }
        self.is_behind = true;
        let host = Interfaces::look();
        for one in attached(&self.loaded).filter(|one| !one.wire.is_tap()) {
            if let Ok(found) = host.find(&one.interface.name)
                && found.index != one.interface.index
            {
                let is_open = Holds::shut(&self.loaded.gateway, &Attached { interface: &found, ..one });
                if is_open {
                    info!(interface = found.name, "it has been made anew in the middle of a change: guarded");
                }
            }
        }
    }
}
