//! How long a silent flow lives.

use crate::State;
use std::time::Duration;

/// How long a flow may be silent before its record dies.
///
/// The three short times never exceed a flow's own idle time. A record dies at the first tick of the timer wheel
/// (an eighth of a second) after its time is up; a time below one tick counts as one tick.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// UDP, ICMP, other protocols and established TCP, where [`NewFlow::idle`](crate::NewFlow::idle) says nothing else.
    ///
    /// 4 minutes: Azure's network security group page says "a few minutes", its load balancer's idle timeout is 4.
    pub idle: Duration,
    /// TCP whose handshake is not complete.
    ///
    /// 30 seconds: the half-open timer of Azure's NAT gateway.
    pub half_open: Duration,
    /// TCP after each end has sent FIN and had it acknowledged.
    ///
    /// 65 seconds: the FIN timer of Azure's NAT gateway.
    pub closing: Duration,
    /// TCP after a reset.
    ///
    /// 15 seconds: the RST timer of Azure's load balancer.
    pub reset: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(240),
            half_open: Duration::from_secs(30),
            closing: Duration::from_secs(65),
            reset: Duration::from_secs(15),
        }
    }
}

/// [`Timeouts`] in nanoseconds, by state.
#[derive(Debug)]
pub(crate) struct Spans {
    limits: [u64; State::COUNT],
    idle: u64,
}

impl Spans {
    pub(crate) fn new(timeouts: &Timeouts) -> Self {
        let mut limits = [u64::MAX; State::COUNT];
        limits[State::SynSent as usize] = span(timeouts.half_open);
        limits[State::SynReceived as usize] = span(timeouts.half_open);
        limits[State::Closing as usize] = span(timeouts.closing);
        limits[State::Closed as usize] = span(timeouts.reset);
        Self { limits, idle: span(timeouts.idle) }
    }

    /// A flow's own idle time in nanoseconds.
    pub(crate) fn idle(&self, own: Option<Duration>) -> u64 {
        own.map_or(self.idle, span)
    }

    /// How long a flow with this idle time may be silent in this state, in nanoseconds.
    #[inline]
    pub(crate) fn of(&self, state: State, idle: u64) -> u64 {
        self.limits[state as usize].min(idle)
    }
}

fn span(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).max(crate::wheel::TICK)
}
