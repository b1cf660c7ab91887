//! How long a silent flow lives: as long as it may be silent, and less where its connection is half open or over.
//!
//! A record dies at the first tick of the timer wheel (an eighth of a second) after its time is up; a time below one tick
//! counts as one tick.

use crate::State;
use crate::wheel::TICK;
use std::time::Duration;

/// TCP whose handshake is not complete: the half-open timer of Azure's NAT gateway.
pub(crate) const HALF_OPEN: Duration = Duration::from_secs(30);
/// TCP after each end has sent FIN and had it acknowledged: the FIN timer of Azure's NAT gateway.
pub(crate) const CLOSING: Duration = Duration::from_secs(65);
/// TCP after a reset: the RST timer of Azure's load balancer.
pub(crate) const RESET: Duration = Duration::from_secs(15);

/// The longest that a flow may be silent in each state, in nanoseconds.
const LIMITS: [u64; State::COUNT] = {
    let mut limits = [u64::MAX; State::COUNT];
    limits[State::SynSent as usize] = HALF_OPEN.as_nanos() as u64;
    limits[State::SynReceived as usize] = HALF_OPEN.as_nanos() as u64;
    limits[State::Closing as usize] = CLOSING.as_nanos() as u64;
    limits[State::Closed as usize] = RESET.as_nanos() as u64;
    limits
};

/// How long a flow with this idle time may be silent in this state, in nanoseconds.
#[inline]
pub(crate) fn of(state: State, idle: u64) -> u64 {
    LIMITS[state as usize].min(idle)
}

/// A flow's idle time in nanoseconds, at least a tick.
pub(crate) fn span(idle: Duration) -> u64 {
    u64::try_from(idle.as_nanos()).unwrap_or(u64::MAX).max(TICK)
}
