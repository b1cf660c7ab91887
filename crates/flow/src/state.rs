//! The words of the TCP state machine in [`tcp`](crate::tcp): what comes in, and where a flow stands.

use packet::parse::{ACK, FIN, RST, SYN};
use std::fmt;

/// What a packet says to the TCP state of its flow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Segment {
    /// A TCP header, in host byte order.
    Tcp {
        /// The flags' octet: `packet::parse::{FIN, SYN, RST, ACK}`; others are ignored.
        flags: u8,
        /// The sequence number.
        seq: u32,
        /// The acknowledgement number; only looked at under ACK.
        ack: u32,
        /// Bytes of payload, of a whole super-frame.
        payload_len: u32,
    },
    /// Anything else: another protocol, a later fragment, TCP that is not to be tracked.
    Other,
}

impl Segment {
    /// Whether this is a SYN without ACK, the first packet of a connection.
    #[inline]
    pub fn opens(&self) -> bool {
        matches!(*self, Self::Tcp { flags, .. } if flags & (SYN | ACK | RST | FIN) == SYN)
    }
}

/// Where a flow stands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// Not TCP, or TCP that is not tracked.
    Open,
    /// The initiator's SYN has passed.
    SynSent,
    /// The responder's SYN has passed too.
    SynReceived,
    /// Each SYN was acknowledged, or the flow was picked up in mid-stream.
    Established,
    /// One end has sent FIN, or both have and a FIN is not acknowledged.
    FinWait,
    /// Both ends have sent FIN, and both FINs were acknowledged.
    Closing,
    /// A RST has passed that its receiver believes.
    Closed,
}

impl State {
    pub(crate) const COUNT: usize = 7;

    /// Whether the connection is over and its record only lingers.
    #[inline]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Closing | Self::Closed)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Open => "open",
            Self::SynSent => "syn-sent",
            Self::SynReceived => "syn-received",
            Self::Established => "established",
            Self::FinWait => "fin-wait",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}
