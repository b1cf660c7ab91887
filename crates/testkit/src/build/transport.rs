//! What a packet carries: nothing yet, TCP, UDP, or bytes of any protocol.

use super::draft::{Draft, Fill, Layer};
use pnet_packet::tcp::{MutableTcpPacket, TcpFlags};
use pnet_packet::udp::MutableUdpPacket;

/// A packet that has not said yet what it carries.
#[derive(Clone, Debug)]
pub struct Bare;

impl Draft<Bare> {
    /// A TCP segment: ports, no flags, sequence number 1,000, window 64,240.
    pub fn tcp(self, source: u16, destination: u16) -> Draft<Tcp> {
        self.carrying(Tcp {
            source,
            destination,
            sequence: 1_000,
            acknowledgement: 0,
            flags: 0,
            window: 64_240,
            options: Vec::new(),
            data_offset: None,
        })
    }

    /// A UDP datagram.
    pub fn udp(self, source: u16, destination: u16) -> Draft<Udp> {
        self.carrying(Udp { source, destination, length: None })
    }

    /// Any protocol; the payload follows the IP header at once.
    pub fn protocol(self, number: u8) -> Draft<Raw> {
        self.carrying(Raw { protocol: number, header: Vec::new() })
    }

    /// An encapsulated security payload (RFC 4303) with its index and sequence number.
    pub fn esp(self, index: u32, sequence: u32) -> Draft<Raw> {
        let header = [index.to_be_bytes(), sequence.to_be_bytes()].concat();
        self.carrying(Raw { protocol: 50, header })
    }

    pub(super) fn carrying<L: Layer>(self, layer: L) -> Draft<L> {
        let Self { macs, ip, layer: Bare, payload, sum, segment, padded } = self;
        Draft { macs, ip, layer, payload, sum, segment, padded }
    }
}

/// The header of a TCP segment.
#[derive(Clone, Debug)]
pub struct Tcp {
    source: u16,
    destination: u16,
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    window: u16,
    options: Vec<u8>,
    data_offset: Option<u8>,
}

impl Draft<Tcp> {
    /// Sets SYN.
    pub fn syn(self) -> Self {
        self.also(TcpFlags::SYN)
    }

    /// Sets FIN.
    pub fn fin(self) -> Self {
        self.also(TcpFlags::FIN)
    }

    /// Sets RST.
    pub fn rst(self) -> Self {
        self.also(TcpFlags::RST)
    }

    /// Sets PSH.
    pub fn psh(self) -> Self {
        self.also(TcpFlags::PSH)
    }

    /// Sets ACK and what it acknowledges.
    pub fn ack(mut self, number: u32) -> Self {
        self.layer.acknowledgement = number;
        self.also(TcpFlags::ACK)
    }

    /// Sets the flags to these bits and no others.
    pub fn flags(mut self, flags: u8) -> Self {
        self.layer.flags = flags;
        self
    }

    /// The sequence number.
    pub fn seq(mut self, number: u32) -> Self {
        self.layer.sequence = number;
        self
    }

    /// The window.
    pub fn window(mut self, window: u16) -> Self {
        self.layer.window = window;
        self
    }

    /// The options, a multiple of four bytes, at most 40.
    pub fn options(mut self, options: &[u8]) -> Self {
        assert!(options.len().is_multiple_of(4) && options.len() <= 40, "options fill words, at most ten");
        self.layer.options = options.to_vec();
        self
    }

    /// The maximum segment size as the only option.
    pub fn mss(self, size: u16) -> Self {
        let [high, low] = size.to_be_bytes();
        self.options(&[2, 4, high, low])
    }

    /// What the data offset field says, in words of four bytes.
    pub fn data_offset(mut self, words: u8) -> Self {
        self.layer.data_offset = Some(words);
        self
    }

    /// Leaves the checksum to the device: the field holds the pseudo-header's sum.
    pub fn partial(mut self) -> Self {
        self.sum = Fill::Partial;
        self
    }

    /// Makes it a super-frame, to be cut into segments of that much payload; its checksum is partial.
    pub fn segments(mut self, size: u16) -> Self {
        self.segment = Some(size);
        self.partial()
    }

    fn also(mut self, flag: u8) -> Self {
        self.layer.flags |= flag;
        self
    }
}

impl Layer for Tcp {
    fn protocol(&self) -> u8 {
        6
    }

    fn header(&self, _: usize) -> Vec<u8> {
        let mut bytes = vec![0; 20 + self.options.len()];
        let words = (bytes.len() / 4) as u8;
        let mut header = MutableTcpPacket::new(&mut bytes).expect("20 bytes hold a header");
        header.set_source(self.source);
        header.set_destination(self.destination);
        header.set_sequence(self.sequence);
        header.set_acknowledgement(self.acknowledgement);
        header.set_data_offset(self.data_offset.unwrap_or(words));
        header.set_flags(self.flags);
        header.set_window(self.window);
        bytes[20..].copy_from_slice(&self.options);
        bytes
    }

    fn checksum(&self) -> Option<(usize, bool)> {
        Some((16, true))
    }
}

/// The header of a UDP datagram.
#[derive(Clone, Debug)]
pub struct Udp {
    source: u16,
    destination: u16,
    length: Option<u16>,
}

impl Draft<Udp> {
    /// Sends it without a checksum: the field is zero (RFC 768).
    pub fn without_checksum(self) -> Self {
        self.checksum(0)
    }

    /// What the length field says.
    pub fn length(mut self, bytes: u16) -> Self {
        self.layer.length = Some(bytes);
        self
    }

    /// Leaves the checksum to the device: the field holds the pseudo-header's sum.
    pub fn partial(mut self) -> Self {
        self.sum = Fill::Partial;
        self
    }

    /// Makes it a super-frame, to be cut into datagrams of that much payload; its checksum is partial.
    pub fn segments(mut self, size: u16) -> Self {
        self.segment = Some(size);
        self.partial()
    }
}

impl Layer for Udp {
    fn protocol(&self) -> u8 {
        17
    }

    fn header(&self, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0; 8];
        let length = u16::try_from(8 + payload).ok();
        let mut header = MutableUdpPacket::new(&mut bytes).expect("8 bytes hold a header");
        header.set_source(self.source);
        header.set_destination(self.destination);
        header.set_length(self.length.or(length).expect("a datagram has at most 65,535 bytes"));
        bytes
    }

    fn checksum(&self) -> Option<(usize, bool)> {
        Some((6, true))
    }
}

/// A protocol of which only the number and the first bytes are known.
#[derive(Clone, Debug)]
pub struct Raw {
    protocol: u8,
    header: Vec<u8>,
}

impl Layer for Raw {
    fn protocol(&self) -> u8 {
        self.protocol
    }

    fn header(&self, _: usize) -> Vec<u8> {
        self.header.clone()
    }
}
