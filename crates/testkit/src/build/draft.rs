//! A packet being written: what any packet has, and how it becomes bytes.

use super::{Bare, DESTINATION_MAC, ETHERNET, OwnedFrame, SOURCE_MAC, arp, checksum, pseudo_sum};
use packet::{Checksum, Offload, SegmentKind, Segments};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::ipv4::{Ipv4Flags, MutableIpv4Packet};
use pnet_packet::ipv6::MutableIpv6Packet;
use pnet_packet::util;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The extension header that makes a fragment (RFC 8200, section 4.5).
const FRAGMENT: u8 = 44;

/// A packet being written: the Ethernet and IP headers, what `L` says of the transport, and the payload.
#[derive(Clone, Debug)]
pub struct Draft<L> {
    pub(super) macs: ([u8; 6], [u8; 6]),
    pub(super) ip: Ip,
    pub(super) layer: L,
    pub(super) payload: Vec<u8>,
    pub(super) sum: Fill,
    pub(super) segment: Option<u16>,
    pub(super) padded: bool,
}

/// What stands between the IP header and the payload.
pub trait Layer {
    /// The protocol number.
    fn protocol(&self) -> u8;

    /// The header, with a checksum of zero, for a payload of that many bytes.
    fn header(&self, payload: usize) -> Vec<u8>;

    /// Where the checksum lies in the header and whether the pseudo-header belongs to it, or `None` without one.
    fn checksum(&self) -> Option<(usize, bool)> {
        None
    }
}

/// The fields of the IP header; `None` is filled in truthfully.
#[derive(Clone, Debug)]
pub(super) struct Ip {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    tos: u8,
    id: u32,
    flags: u8,
    /// In units of eight bytes.
    offset: u16,
    ttl: u8,
    options: Vec<u8>,
    /// Extension headers of IPv6: the kind of each, and its bytes but for the next header in the first.
    extensions: Vec<(u8, Vec<u8>)>,
    version: u8,
    header_length: Option<u8>,
    total_length: Option<u16>,
    checksum: Option<u16>,
}

/// What goes into the transport's checksum field.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fill {
    Right,
    Wrong,
    Given(u16),
    /// Only the pseudo-header's sum, as a sender leaves it to its device.
    Partial,
}

impl Draft<Bare> {
    pub(super) fn new(source: IpAddr, destination: IpAddr) -> Self {
        let ip = Ip {
            source,
            destination,
            tos: 0,
            id: 1,
            flags: 0,
            offset: 0,
            ttl: 64,
            options: Vec::new(),
            extensions: Vec::new(),
            version: if source.is_ipv4() { 4 } else { 6 },
            header_length: None,
            total_length: None,
            checksum: None,
        };
        let macs = (SOURCE_MAC, DESTINATION_MAC);
        Self { macs, ip, layer: Bare, payload: Vec::new(), sum: Fill::Right, segment: None, padded: false }
    }
}

/// What every packet has.
impl<L> Draft<L> {
    /// The Ethernet addresses: sender, then receiver.
    pub fn macs(mut self, source: [u8; 6], destination: [u8; 6]) -> Self {
        self.macs = (source, destination);
        self
    }

    /// Hops to live, or the hop limit; 64 unless told.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.ip.ttl = ttl;
        self
    }

    /// The type of service or traffic class: DSCP and ECN.
    pub fn tos(mut self, tos: u8) -> Self {
        self.ip.tos = tos;
        self
    }

    /// The identification, of 16 bits for IPv4; 1 unless told. IPv6 has one in fragments only.
    pub fn id(mut self, id: u32) -> Self {
        self.ip.id = id;
        self
    }

    /// Adds an extension header of IPv6 behind those that are there: its kind, and what follows the length field, filled
    /// up with zeros.
    pub fn extension(mut self, kind: u8, body: &[u8]) -> Self {
        assert!(self.ip.source.is_ipv6(), "IPv4 has no extension headers");
        let eights = (2 + body.len()).div_ceil(8);
        let mut bytes = vec![0, (eights - 1) as u8];
        bytes.extend(body);
        bytes.resize(eights * 8, 0);
        self.ip.extensions.push((kind, bytes));
        self
    }

    /// Sets the don't-fragment flag.
    pub fn dont_fragment(mut self) -> Self {
        self.ip.flags |= Ipv4Flags::DontFragment;
        self
    }

    /// Makes it a fragment at `offset` bytes, a multiple of eight, with or without more to come. For IPv6 this adds a
    /// fragment header behind the extension headers that are there, so `fragment(0, false)` is an atomic one.
    pub fn fragment(mut self, offset: u16, more: bool) -> Self {
        assert_eq!(offset % 8, 0, "fragments lie at multiples of eight bytes");
        if self.ip.source.is_ipv6() {
            let field = offset | u16::from(more);
            self.ip.extensions.push((FRAGMENT, [0, 0].into_iter().chain(field.to_be_bytes()).collect()));
            return self;
        }
        self.ip.offset = offset / 8;
        self.ip.flags &= !Ipv4Flags::MoreFragments;
        if more {
            self.ip.flags |= Ipv4Flags::MoreFragments;
        }
        self
    }

    /// The options of the IP header, a multiple of four bytes, at most 40.
    pub fn ip_options(mut self, options: &[u8]) -> Self {
        assert!(options.len().is_multiple_of(4) && options.len() <= 40, "options fill words, at most ten");
        self.ip.options = options.to_vec();
        self
    }

    /// What the version field says.
    pub fn version(mut self, version: u8) -> Self {
        self.ip.version = version;
        self
    }

    /// What the header length field says, in words of four bytes.
    pub fn header_length(mut self, words: u8) -> Self {
        self.ip.header_length = Some(words);
        self
    }

    /// What the total length field says, or the payload length of IPv6.
    pub fn total_length(mut self, bytes: u16) -> Self {
        self.ip.total_length = Some(bytes);
        self
    }

    /// What the IP checksum field says.
    pub fn ip_checksum(mut self, checksum: u16) -> Self {
        self.ip.checksum = Some(checksum);
        self
    }

    /// What the transport's checksum field says.
    pub fn checksum(mut self, checksum: u16) -> Self {
        self.sum = Fill::Given(checksum);
        self
    }

    /// Puts a wrong checksum into the transport header.
    pub fn wrong_checksum(mut self) -> Self {
        self.sum = Fill::Wrong;
        self
    }

    /// The payload.
    pub fn payload(mut self, payload: &[u8]) -> Self {
        self.payload = payload.to_vec();
        self
    }

    /// A payload of that many bytes, of which no two neighbours are alike.
    pub fn data(mut self, length: usize) -> Self {
        self.payload = (0..length).map(|at| (at % 251) as u8).collect();
        self
    }

    /// Pads the frame with zeros to the 60 bytes that Ethernet asks for.
    pub fn padded(mut self) -> Self {
        self.padded = true;
        self
    }
}

impl<L: Layer> Draft<L> {
    /// The Ethernet frame.
    pub fn bytes(&self) -> Vec<u8> {
        let (ethertype, packet) = match (self.ip.source, self.ip.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => (0x0800, self.ipv4(source, destination)),
            (IpAddr::V6(source), IpAddr::V6(destination)) => (0x86dd, self.ipv6(source, destination)),
            _ => panic!("a packet has ends of one family"),
        };
        let mut frame = arp::ethernet_from(self.macs.0, self.macs.1, ethertype, &packet);
        if self.padded {
            frame.resize(frame.len().max(60), 0);
        }
        frame
    }

    /// The Ethernet frame with the state of its offloads.
    pub fn frame(&self) -> OwnedFrame {
        OwnedFrame { bytes: self.bytes(), offload: self.offload() }
    }

    fn offload(&self) -> Offload {
        let (Fill::Partial, Some((at, _))) = (self.sum, self.layer.checksum()) else {
            return Offload::default();
        };
        let v4 = self.ip.source.is_ipv4();
        let extensions: usize =
            self.ip.extensions.iter().map(|(_, bytes)| bytes.len().next_multiple_of(8)).sum();
        let start = ETHERNET + if v4 { 20 + self.ip.options.len() } else { 40 + extensions };
        let header = start + self.layer.header(0).len();
        let kind = match self.layer.protocol() {
            17 => SegmentKind::Udp,
            _ if v4 => SegmentKind::Tcp4,
            _ => SegmentKind::Tcp6,
        };
        Offload {
            checksum: Checksum::Partial { start: start as u16, offset: at as u16 },
            segments: self.segment.map(|size| Segments { kind, size, header: header as u16, ecn: false }),
        }
    }

    fn ipv4(&self, source: Ipv4Addr, destination: Ipv4Addr) -> Vec<u8> {
        let segment = self.segment();
        let length = 20 + self.ip.options.len();
        let mut bytes = vec![0; length];
        let mut header = MutableIpv4Packet::new(&mut bytes).expect("20 bytes hold a header");
        header.set_version(self.ip.version);
        header.set_header_length(self.ip.header_length.unwrap_or((length / 4) as u8));
        header.set_dscp(self.ip.tos >> 2);
        header.set_ecn(self.ip.tos & 3);
        let total = self.ip.total_length.or(u16::try_from(length + segment.len()).ok());
        header.set_total_length(total.expect("an IP packet has at most 65,535 bytes"));
        header.set_identification(u16::try_from(self.ip.id).expect("16 bits for IPv4"));
        header.set_flags(self.ip.flags);
        header.set_fragment_offset(self.ip.offset);
        header.set_ttl(self.ip.ttl);
        header.set_next_level_protocol(IpNextHeaderProtocol(self.layer.protocol()));
        header.set_source(source);
        header.set_destination(destination);
        bytes[20..].copy_from_slice(&self.ip.options);
        let checksum = self.ip.checksum.unwrap_or_else(|| util::checksum(&bytes, 5));
        bytes[10..12].copy_from_slice(&checksum.to_be_bytes());
        bytes.extend(segment);
        bytes
    }

    fn ipv6(&self, source: Ipv6Addr, destination: Ipv6Addr) -> Vec<u8> {
        let segment = self.segment();
        let mut bytes = vec![0; 40];
        let kinds = self.ip.extensions.iter().map(|(kind, _)| *kind).chain([self.layer.protocol()]);
        let kinds: Vec<u8> = kinds.collect();
        for ((kind, header), next) in self.ip.extensions.iter().zip(&kinds[1..]) {
            let at = bytes.len();
            bytes.extend(header);
            bytes[at] = *next;
            if *kind == FRAGMENT {
                bytes.extend(self.ip.id.to_be_bytes());
            }
        }
        let length = bytes.len() - 40 + segment.len();
        let mut header = MutableIpv6Packet::new(&mut bytes).expect("40 bytes hold a header");
        header.set_version(self.ip.version);
        header.set_traffic_class(self.ip.tos);
        let length = self.ip.total_length.or(u16::try_from(length).ok());
        header.set_payload_length(length.expect("an IPv6 payload has at most 65,535 bytes"));
        header.set_next_header(IpNextHeaderProtocol(kinds[0]));
        header.set_hop_limit(self.ip.ttl);
        header.set_source(source);
        header.set_destination(destination);
        bytes.extend(segment);
        bytes
    }

    /// The transport header and the payload.
    fn segment(&self) -> Vec<u8> {
        let mut bytes = self.layer.header(self.payload.len());
        bytes.extend(&self.payload);
        if let Some((at, pseudo)) = self.layer.checksum() {
            let ends = pseudo.then_some((self.ip.source, self.ip.destination, self.layer.protocol()));
            let right = checksum(&bytes, at, ends);
            let field = match self.sum {
                Fill::Right => right,
                Fill::Wrong if right == 0x0101 => 0x0202,
                Fill::Wrong => right ^ 0x0101,
                Fill::Given(value) => value,
                Fill::Partial => ends.map_or(0, |ends| pseudo_sum(ends, bytes.len())),
            };
            bytes[at..at + 2].copy_from_slice(&field.to_be_bytes());
        }
        bytes
    }
}
