//! A frame as a backend hands it over: bytes and the state of its offloads.

/// The most bytes a frame may have: an Ethernet header and an IP packet of 65,535 bytes.
pub const MAX_FRAME: usize = 14 + 65_535;

/// A received Ethernet frame, writable in place.
#[derive(Debug)]
pub struct Frame<'a> {
    /// From the destination MAC to the last byte received, without preamble and frame check sequence.
    pub bytes: &'a mut [u8],
    /// What the sender left to the device.
    pub offload: Offload,
}

/// What a sender left to its device, as the virtio header describes it (virtio 1.2, section 5.1.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Offload {
    /// Whether the transport checksum is finished.
    pub checksum: Checksum,
    /// How a super-frame is to be cut into segments, or `None` for an ordinary frame.
    pub segments: Option<Segments>,
}

/// The state of the transport checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checksum {
    /// The field holds the sender's finished checksum; it may be wrong, as on any wire.
    #[default]
    Finished,
    /// A device has verified the checksum, or the frame never left this host (`VIRTIO_NET_HDR_F_DATA_VALID`).
    Verified,
    /// The field holds the pseudo-header's sum; whoever sends it must sum from `start` and store at `start + offset`.
    Partial {
        /// Where the transport header begins, in bytes from the frame's start.
        start: u16,
        /// Where the checksum lies, in bytes from `start`.
        offset: u16,
    },
}

/// How a super-frame becomes packets on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Segments {
    /// What is cut.
    pub kind: SegmentKind,
    /// The payload of each segment, in bytes, without headers.
    pub size: u16,
    /// The bytes of all headers before the payload as the sender counted them; a hint that may be zero.
    pub header: u16,
    /// Whether the congestion window reduced flag stands on the first segment only.
    pub ecn: bool,
}

/// The kinds of super-frame that Linux makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SegmentKind {
    /// TCP over IPv4.
    Tcp4,
    /// TCP over IPv6.
    Tcp6,
    /// One large UDP datagram, to be cut into IP fragments.
    UdpFragments,
    /// Several UDP datagrams of one size.
    Udp,
}
