//! Every way a packet can end.

use packet::Malformed;
use snapshot::{Diverted, RuleId};

/// How a frame's way through the gateway ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Ending {
    /// Sent on.
    Forwarded,
    /// Answered by the gateway itself: ARP, neighbour discovery, or a ping to its own address.
    Answered,
    /// Taken in by the gateway: an answer about a neighbour, a question that needs none, or what hosts say to the routers of
    /// their link.
    Consumed,
    /// Left to the host's own network stack.
    PassedToHost,
    /// Dropped.
    Dropped(DropReason),
}

/// Why a packet was dropped, and by which rule if a rule did it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Denial {
    /// The reason.
    pub reason: DropReason,
    /// The rule that denied; only for [`DropReason::DeniedOutbound`] and [`DropReason::DeniedInbound`].
    pub rule: Option<RuleId>,
}

impl From<DropReason> for Denial {
    fn from(reason: DropReason) -> Self {
        Self { reason, rule: None }
    }
}

macro_rules! reasons {
    ($($(#[$group:meta])* $name:ident, $slug:literal, $text:literal;)*) => {
        /// The reasons for a drop; the doc line of each is the text that people read.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum DropReason {
            $(#[doc = $text] $name,)*
        }

        impl DropReason {
            /// Every reason, in the order of the packet's path.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The short name that counters and JSON carry.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// One plain sentence for people.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    // What no correct sender makes.
    BadLength, "bad-length", "The frame is shorter than its headers say, or its lengths contradict each other.";
    BadIpHeader, "bad-ip-header", "The IP header has a wrong version, length, option, checksum or address.";
    BadTransportHeader, "bad-transport-header", "The TCP, UDP or ICMP header is cut short or impossible.";
    BadChecksum, "bad-checksum", "The transport checksum is wrong.";
    BadOffload, "bad-offload", "The offload state that came with the frame does not fit the packet in it.";
    TinySegments, "tiny-segments", "A super-frame that would become thousands of packets with next to nothing in them.";
    BadArp, "bad-arp", "The ARP message is cut short, not for IPv4 over Ethernet, or from a group's hardware address.";
    BadNeighbourDiscovery, "bad-neighbour-discovery", "The IPv6 neighbour message is cut short, contradicts itself, or comes from afar.";
    BadExtensionHeader, "bad-extension-header", "The IPv6 extension headers are too many, out of order, cut short or a jumbogram's.";
    SourceRoute, "source-route", "The packet carries a source route.";
    BadFragment, "bad-fragment", "The fragment hides its transport header or reaches past the largest packet.";

    // What the gateway does not carry.
    OtherHost, "other-host", "The frame is addressed to another hardware address.";
    Vlan, "vlan-tagged", "The frame carries a VLAN tag; attach the sub-interface instead.";
    UnknownEtherType, "unknown-ethertype", "The frame is neither IP nor ARP.";
    Multicast, "multicast", "Azure's network carries no multicast and no broadcast.";
    UnsupportedProtocol, "unsupported-protocol", "Azure's network carries only TCP, UDP, ICMP, ESP and AH.";
    UnsupportedIcmp, "unsupported-icmp", "The ICMP type is neither a query nor an error that is carried.";
    RouterAdvertisement, "router-advertisement", "A machine passes itself off as a router of IPv6, which in every subnet is the platform.";
    Dhcp, "dhcp", "DHCP between clients and servers (UDP 67 and 68, of IPv6 546 and 547) is the platform's alone.";

    // Whether the sender may use this address here.
    SpoofedMac, "spoofed-mac", "The sender's hardware address is not the one that the gateway file enforces.";
    SpoofedSource, "spoofed-source", "The source address does not belong to this attachment.";
    SpoofedNeighbour, "spoofed-neighbour", "The ARP or IPv6 neighbour message claims an address that is not its sender's to have here.";
    ContradictedNeighbour, "contradicted-neighbour", "A claim to the address of a neighbour that is known elsewhere: it is asked, and has the first word.";
    Land, "land", "The source address is the destination's too (LAND): nothing goes over the network to its sender.";
    Martian, "martian", "The source address can not be anybody's on this attachment.";

    // Fragments.
    FragmentOverlap, "fragment-overlap", "The fragment covers bytes of its datagram that have already passed.";
    FragmentOfDropped, "fragment-of-dropped", "The first fragment of this datagram was dropped.";
    FragmentOrphan, "fragment-orphan", "No first fragment came within a second.";
    FragmentsFull, "fragments-full", "Too many fragments wait for their first one.";

    // Between workers.
    HandOffFull, "hand-off-full", "No room in the queue to the worker that has this flow, or no share of it for this attachment.";

    // Packets that belong to a flow, and none is there.
    ReplyWithoutFlow, "reply-without-flow", "An ICMP reply to a query that no live flow asked.";
    ErrorWithoutFlow, "error-without-flow", "An ICMP error about a packet of no live flow.";
    ErrorUnreadable, "error-unreadable", "An ICMP error whose quote is cut short or wrong.";
    ErrorOutOfWindow, "error-out-of-window", "An ICMP error about a TCP segment that can not be under way.";
    ErrorAbsurdMtu, "error-absurd-mtu", "An ICMP error that names a smaller MTU than any link may have.";

    // First packets: network security groups.
    DeniedOutbound, "denied-outbound", "A rule of a network security group denies it outbound.";
    DeniedInbound, "denied-inbound", "A rule of a network security group denies it inbound.";
    SecureByDefault, "secure-by-default", "A Standard public address is closed until a network security group allows.";

    // First packets: where to.
    PlatformAddress, "platform-address", "168.63.129.16 belongs to the platform and never leaves.";
    LinkLocal, "link-local", "Link-local addresses (169.254.0.0/16, fe80::/10) never leave.";
    RouteNone, "route-none", "The route is None: by a user-defined route, or as no virtual network has this private or reserved address.";
    RouteElsewhere, "route-elsewhere", "A user-defined route leads the packet, or the answers to it, to a next hop that nsgate gives nothing to yet.";
    UnknownDestination, "unknown-destination", "No network interface of the virtual network has this address.";
    DetachedDestination, "detached-destination", "The network interface with this address is not attached to the gateway.";
    GatewayAddress, "gateway-address", "The address is the gateway's own and answers nothing here.";
    NotOurs, "not-ours", "From outside, to an address that is no public address of this gateway.";
    NoTransit, "no-transit", "From on premises only private addresses of the gateway's virtual networks are reached.";
    NoMapping, "no-mapping", "To a translated public address, and no live flow uses that port.";
    NoInternet, "no-internet", "There is no internet attachment, or no next hop on it.";

    // First packets: translation and records.
    NoPublicAddress, "no-public-address", "No public address, and no default: outbound.defaultPublicIp is not set, or defaultOutboundAccess is false.";
    NoIpv6Snat, "no-ipv6-snat", "IPv6 leaves only under a public address of its own; none is shared.";
    SnatProtocol, "snat-protocol", "The protocol has no ports, so it needs an instance-level public address.";
    SnatMidstream, "snat-midstream", "TCP in mid-stream without a record can not be given a translated port.";
    SnatPortsExhausted, "snat-ports-exhausted", "All ports of the public address are in use towards this destination.";
    SnatShareFull, "snat-share-full", "This network interface holds as many ports towards this destination as it may.";
    FlowTableFull, "flow-table-full", "The flow table is full.";
    FlowShareFull, "flow-share-full", "This network interface holds its share of a full flow table.";
    TupleInUse, "tuple-in-use", "Another live flow already has the translated tuple.";

    // On the way out.
    TtlExceeded, "ttl-exceeded", "The time to live ran out here; the sender is told where that is due.";
    TooBig, "too-big", "Too big for the next link and not to be fragmented; the sender is told where that is due.";
    NoNeighbour, "no-neighbour", "The next hop did not answer.";
    NeighboursFull, "neighbours-full", "Too many packets or next hops wait for an answer.";
    AttachmentGone, "attachment-gone", "The attachment that it would leave by is gone.";
    NotSent, "not-sent", "It was to leave, and the interface had no room, was down or gone, or refused its length.";
}

impl From<Malformed> for DropReason {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Length => Self::BadLength,
            Malformed::IpHeader => Self::BadIpHeader,
            Malformed::TransportHeader => Self::BadTransportHeader,
            Malformed::SourceRoute => Self::SourceRoute,
            Malformed::Fragment => Self::BadFragment,
            Malformed::Arp => Self::BadArp,
            Malformed::NeighbourDiscovery => Self::BadNeighbourDiscovery,
            Malformed::ExtensionHeader => Self::BadExtensionHeader,
        }
    }
}

impl DropReason {
    /// Whether a flow was refused because something that is shared had run out, and not because of what it is.
    pub(crate) const fn is_shortage(self) -> bool {
        matches!(
            self,
            Self::SnatPortsExhausted | Self::SnatShareFull | Self::FlowTableFull | Self::FlowShareFull
        )
    }
}

impl From<Diverted> for DropReason {
    fn from(diverted: Diverted) -> Self {
        match diverted {
            Diverted::Nowhere => Self::RouteNone,
            Diverted::Elsewhere => Self::RouteElsewhere,
        }
    }
}

impl From<nat::Refused> for DropReason {
    fn from(refused: nat::Refused) -> Self {
        match refused {
            nat::Refused::Exhausted(_) => Self::SnatPortsExhausted,
            nat::Refused::Share(_) => Self::SnatShareFull,
        }
    }
}

impl From<flow::Refusal> for DropReason {
    fn from(refusal: flow::Refusal) -> Self {
        match refusal {
            flow::Refusal::Full => Self::FlowTableFull,
            flow::Refusal::Share => Self::FlowShareFull,
            flow::Refusal::Duplicate(_) => Self::TupleInUse,
        }
    }
}

impl Ending {
    /// The short name that counters and JSON carry.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::Answered => "answered",
            Self::Consumed => "consumed",
            Self::PassedToHost => "passed-to-host",
            Self::Dropped(reason) => reason.slug(),
        }
    }

    /// One plain sentence for people.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Forwarded => "Sent on.",
            Self::Answered => "Answered by the gateway itself.",
            Self::Consumed => "Taken in by the gateway.",
            Self::PassedToHost => "Left to this host's own network stack.",
            Self::Dropped(reason) => reason.text(),
        }
    }
}
