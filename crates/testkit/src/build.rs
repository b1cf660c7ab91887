//! Packets for tests: written as they are said, read back by other code than ours.
//!
//! A [`Draft`] starts with [`ipv4`] or [`ipv6`], names what it carries and changes what it likes, lies included; [`Draft::bytes`]
//! makes the Ethernet frame, with lengths and checksums filled in where the draft does not say otherwise.
//!
//! ```
//! use testkit::build::{ipv4, read};
//!
//! let syn = ipv4("10.0.1.4", "8.8.8.8").tcp(40000, 443).syn().bytes();
//! let seen = read(&syn).unwrap();
//! assert_eq!(seen.to_string(), "tcp 10.0.1.4:40000 > 8.8.8.8:443 [S] ttl 64");
//! ```
//!
//! [`read()`] says what a frame says and whether its checksums hold; [`fragments`] and [`reassemble`] cut and join IP
//! packets; [`wire`] does what a device does with a frame whose sender left work to it. None of them uses the crate
//! `packet` for more than its types, so they can be its judges.
#![expect(clippy::expect_used, clippy::panic, reason = "the caller is a test")]

mod arp;
mod discovery;
mod draft;
mod fragment;
mod icmp;
mod parts;
mod read;
mod seen;
mod segment;
mod show;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_v6;
mod transport;

pub use arp::{BROADCAST, arp_reply, arp_request, ethernet};
pub use discovery::{neighbour_advertisement, neighbour_solicitation, solicited_node};
pub use draft::{Draft, Layer};
pub use fragment::{fragments, reassemble};
pub use icmp::Icmp;
pub use read::read;
pub use seen::{Arp, Body, Ip, Malformed, Quoted, Seen, Sum, Transport};
pub use segment::wire;
pub use transport::{Bare, Raw, Tcp, Udp};

use packet::{Frame, Offload};
use pnet_packet::ip::IpNextHeaderProtocol;
use pnet_packet::util;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The length of an Ethernet header.
const ETHERNET: usize = 14;

/// The sender's address of a draft that names none.
pub const SOURCE_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];

/// The receiver's address of a draft that names none.
pub const DESTINATION_MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

/// Starts a packet between two addresses; panics where one is not an IPv4 address.
pub fn ipv4(source: &str, destination: &str) -> Draft<Bare> {
    Draft::new(ipv4_address(source).into(), ipv4_address(destination).into())
}

/// Starts a packet between two addresses; panics where one is not an IPv6 address.
pub fn ipv6(source: &str, destination: &str) -> Draft<Bare> {
    Draft::new(ipv6_address(source).into(), ipv6_address(destination).into())
}

/// Starts a packet between two addresses of one family, whichever that is; panics where they are not.
pub fn ip(source: &str, destination: &str) -> Draft<Bare> {
    if source.contains(':') { ipv6(source, destination) } else { ipv4(source, destination) }
}

/// A frame with what its sender left to the device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnedFrame {
    /// From the destination MAC on.
    pub bytes: Vec<u8>,
    /// The state of checksum and segmentation.
    pub offload: Offload,
}

impl OwnedFrame {
    /// The frame as a backend hands it over.
    pub fn frame(&mut self) -> Frame<'_> {
        Frame { bytes: &mut self.bytes, offload: self.offload }
    }
}

fn ipv4_address(text: &str) -> Ipv4Addr {
    text.parse().unwrap_or_else(|_| panic!("not an IPv4 address: {text}"))
}

fn ipv6_address(text: &str) -> Ipv6Addr {
    text.parse().unwrap_or_else(|_| panic!("not an IPv6 address: {text}"))
}

/// The addresses and the protocol that a pseudo-header names.
type Ends = (IpAddr, IpAddr, u8);

/// The checksum that belongs at `at`, whatever stands there now; for UDP never zero, which would mean none.
fn checksum(segment: &[u8], at: usize, ends: Option<Ends>) -> u16 {
    let Some((source, destination, protocol)) = ends else { return util::checksum(segment, at / 2) };
    let number = IpNextHeaderProtocol(protocol);
    let sum = match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            util::ipv4_checksum(segment, at / 2, &[], &source, &destination, number)
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            util::ipv6_checksum(segment, at / 2, &[], &source, &destination, number)
        }
        _ => panic!("a packet has ends of one family"),
    };
    if protocol == 17 && sum == 0 { 0xffff } else { sum }
}

/// The sum of the pseudo-header, not complemented.
fn pseudo_sum((source, destination, protocol): Ends, length: usize) -> u16 {
    let mut bytes = Vec::new();
    for end in [source, destination] {
        match end {
            IpAddr::V4(v4) => bytes.extend(v4.octets()),
            IpAddr::V6(v6) => bytes.extend(v6.octets()),
        }
    }
    bytes.extend((length as u32).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    !util::checksum(&bytes, usize::MAX)
}
