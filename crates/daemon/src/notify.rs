//! Words to the service manager that started us, if there is one (`sd_notify(3)`).

use crate::Clock;
use crate::commands::Workers;
use sd_notify::NotifyState;
use std::time::Duration;
use tracing::warn;

/// Packets flow.
pub(crate) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The gateway file is being loaded again; [`ready`] says that this is over.
pub(crate) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "the service manager is not told of a reload"),
    }
}

/// The daemon is about to end.
pub(crate) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// The signs of life for which a service manager may wait.
///
/// They are the main thread's: whatever takes it long gives one in between.
#[derive(Clone, Debug)]
pub(crate) struct Pulse {
    /// How long the service manager waits for one before it restarts us; `None` where it does not.
    limit: Option<Duration>,
    workers: Workers,
    clock: Clock,
}

impl Pulse {
    /// One that beats as long as these workers do.
    pub(crate) fn new(workers: Workers, clock: Clock) -> Self {
        Self { limit: sd_notify::watchdog_enabled(), workers, clock }
    }

    /// How often it is to beat; `None` where nobody waits for it.
    pub(crate) fn interval(&self) -> Option<Duration> {
        self.limit.map(|limit| limit / 3)
    }

    /// Gives a sign, unless a worker has not come round lately.
    pub(crate) fn beat(&self) {
        let is_alive = |limit| self.workers.stalled(self.clock.now(), limit / 2).is_none();
        if self.limit.is_some_and(is_alive) {
            tell(&[NotifyState::Watchdog]);
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager cannot be told anything");
    }
}
