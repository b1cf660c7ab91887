//! What a walk goes by and what it comes to.

use crate::checks::Datagram;
use crate::closing::Closing;
use crate::judge::Judgement;
use crate::shared::Shared;
use crate::{Denial, IcmpError};
use flow::{FlowId, Side};
use nat::{Place, PoolKey};
use packet::parse::Quote;
use packet::{AttachmentId, FlowKey, Neighbour, Owner, Packet};
use snapshot::Snapshot;

/// Everything that a packet's way depends on, to be read only.
pub(crate) struct World<'a> {
    pub(crate) snapshot: &'a Snapshot,
    pub(crate) flows: &'a flow::Table<crate::Action>,
    pub(crate) shared: &'a Shared,
    pub(crate) closing: &'a Closing,
    /// Which worker this is, of how many.
    pub(crate) worker: usize,
    pub(crate) workers: usize,
    pub(crate) came: Came,
}

/// How a frame came to this worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Came {
    /// From its attachment.
    Received,
    /// From another worker, which took its flow to be here.
    HandedOver,
    /// From among the fragments that waited for their first one, which began here.
    Waited,
}

impl World<'_> {
    /// The worker that a tuple belongs to which has no record here, if it is another.
    #[inline]
    pub(crate) fn elsewhere(&self, key: &FlowKey) -> Option<usize> {
        if self.workers == 1 {
            return None;
        }
        // What was handed over was received before any claim that the sender did not see, so that can not be about it.
        let claimed = if self.came == Came::Received { self.shared.directory.find(key) } else { None };
        let worker = claimed.unwrap_or_else(|| key.home(self.workers));
        (worker != self.worker).then_some(worker)
    }
}

/// What is to be done with a frame.
#[derive(Debug)]
pub(crate) enum Step {
    /// Take in a question or an answer about a neighbour, and answer it where it asks for us.
    WhoHas(Neighbour),
    /// Take in what hosts say to the routers of their link, and heed it not.
    Ignore,
    /// Answer a ping to the gateway's own address.
    Echo(Packet),
    /// Leave it to the host.
    PassToHost,
    /// The same with a fragment to the address that the host shares; the others of its datagram follow the first.
    HostFragment(Packet),
    /// Keep a fragment until its first one comes.
    Hold(Datagram),
    /// Send a later fragment after its first one.
    Follow { packet: Packet, flow: FlowId, side: Side, epoch: u32, identification: Option<u16> },
    /// Send a packet of a live flow; `epoch` is that of the neighbours where it leaves.
    Known { packet: Packet, flow: FlowId, side: Side, epoch: u32 },
    /// Send an ICMP error about a packet of a live flow.
    Related { packet: Packet, quote: Quote, flow: FlowId, side: Side, epoch: u32 },
    /// Begin a flow and send its first packet.
    First { packet: Packet, plan: Plan },
    /// Leave it to the worker that has its flow, or will have it; other fragments of the datagram that it `begins` go after it.
    HandOver { worker: usize, begins: Option<Datagram> },
    /// End the connection of this pool that has lingered longest, for the flow that this packet begins at its home.
    GiveUp { pool: PoolKey, home: usize, begins: Option<Datagram> },
}

/// What the record of a new flow will say.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) initiator: FlowKey,
    pub(crate) responder: FlowKey,
    /// Whose flow it is: the sender's, or from outside the receiver's.
    pub(crate) owner: Owner,
    /// Where `responder.destination_port` is one of the gateway's: which port of which pool.
    pub(crate) snat: Option<Place>,
    /// Where packets of the initiator and of the responder leave.
    pub(crate) egress: [AttachmentId; 2],
    /// Whether this is a hop: TTL counts down everywhere but inside a subnet.
    pub(crate) routed: bool,
    pub(crate) rules: Judgement,
    /// The record of a closed connection of the same tuple, which makes room.
    pub(crate) replaces: Option<FlowId>,
}

/// A packet that ends here.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) denial: Denial,
    /// The packet, as far as it could be read.
    pub(crate) packet: Option<Packet>,
    /// What its sender is told.
    pub(crate) tell: Option<IcmpError>,
    /// The worker whose lingering connection could give its port up for it.
    pub(crate) makes_room: Option<usize>,
}

impl<T: Into<Denial>> From<T> for Refusal {
    fn from(denial: T) -> Self {
        Self { denial: denial.into(), packet: None, tell: None, makes_room: None }
    }
}
