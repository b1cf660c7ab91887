//! Words to the service manager that started us, if there is one (`sd_notify(3)`).

use sd_notify::NotifyState;
use std::time::Duration;
use tracing::warn;

/// Packets flow.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The gateway file is being loaded again; [`ready`] says that this is over.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => warn!(%error, "the service manager is not told of a reload"),
    }
}

/// The daemon is about to end.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Every worker has answered lately.
pub(super) fn alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How long the service manager waits for [`alive`] before it restarts us; `None` where it does not watch.
pub(super) fn watched() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager cannot be told anything");
    }
}
