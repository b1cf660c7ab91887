//! What the path says of itself while it goes: nothing on the data path, everything to `explain`.

use crate::IcmpError;
use flow::FlowId;
use model::{Access, Direction, SubnetIndex};
use packet::{Address, AttachmentId, FlowKey, Packet};
use policy::{GroupId, RuleIndex, Tuple};
use snapshot::{Level, RuleName};

/// Watches a packet's walk. The silent one costs nothing: its calls vanish when compiled.
pub trait Observer {
    /// Something was found out about the packet.
    fn see(&mut self, event: Event<'_>);
}

/// The observer of the data path.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    #[inline(always)]
    fn see(&mut self, _: Event<'_>) {}
}

/// One thing that the path found out, in the order in which it happens.
#[derive(Debug)]
pub enum Event<'a> {
    /// The packet was read.
    Read(&'a Packet),
    /// The source address may be used on this attachment.
    SourceBelongs,
    /// A live flow has this tuple.
    FlowFound(&'a FlowKey, FlowId),
    /// No live flow has this tuple.
    FlowMissing(&'a FlowKey),
    /// Another worker has the flow, or would have it.
    OfWorker(usize),
    /// A first packet was judged by the rules of one level; `None` where no NSG stands there.
    Judged {
        /// Which way.
        direction: Direction,
        /// At which level.
        level: Level,
        /// The network interface on whose behalf.
        nic: &'a str,
        /// The rule that matched.
        by: Option<Decider<'a>>,
    },
    /// A first packet to one of the platform's addresses passes an NSG, of whose rules only those with its tags are asked.
    Platform {
        /// At which level.
        level: Level,
        /// The network interface on whose behalf.
        nic: &'a str,
        /// The NSG, as the network interface's virtual network sees it.
        group: GroupId,
    },
    /// The route was found.
    Routed {
        /// The sender's subnet; `None` where the packet is from on premises.
        from: Option<SubnetIndex>,
        /// The destination.
        to: Address,
        /// Where it leads.
        kind: RouteKind<'a>,
    },
    /// What the receiver answers goes elsewhere, by a user's route of its subnet.
    AnswersElsewhere {
        /// The receiver's subnet.
        from: SubnetIndex,
        /// Whom it answers.
        to: Address,
    },
    /// The source becomes a public address with the same port.
    OneToOne(Address),
    /// The source becomes a port of a public address; the port is the one that would be taken now.
    Snat {
        /// The public address.
        public: Address,
        /// The port.
        port: u16,
    },
    /// The public destination stands for a network interface's private address.
    Inward {
        /// The private address.
        private: Address,
        /// The network interface.
        nic: &'a str,
    },
    /// It would be sent on by this attachment.
    Leaves(AttachmentId),
    /// An ICMP error goes back to the sender.
    Told(IcmpError),
}

/// The rule that decided, and what it was asked.
#[derive(Clone, Copy, Debug)]
pub struct Decider<'a> {
    /// Its name.
    pub name: &'a RuleName,
    /// What it says.
    pub access: Access,
    /// Its NSG, as the network interface's virtual network sees it.
    pub group: GroupId,
    /// Its place in that NSG.
    pub rule: RuleIndex,
    /// The packet as the rules see it.
    pub tuple: &'a Tuple,
}

/// A route as Azure names its next hop.
#[derive(Clone, Copy, Debug)]
pub enum RouteKind<'a> {
    /// `VnetLocal`: a network interface of the same virtual network, or nobody's there.
    VnetLocal(Option<&'a str>),
    /// `VNetPeering`: a network interface of a peer, or nobody's there.
    VNetPeering(Option<&'a str>),
    /// `VirtualNetworkGateway`: on premises.
    VirtualNetworkGateway,
    /// `Internet`.
    Internet,
    /// The public address of a network interface of ours: `Internet`, and back in.
    Hairpin(&'a str),
    /// `None`: the system's, for private and reserved addresses that nobody has.
    None,
    /// A user's that leads elsewhere than the system's, or nowhere.
    UserDefined,
    /// To the platform or on the link, where no route leads.
    Nowhere,
}
