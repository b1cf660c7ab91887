//! Frames on the wire of a namespace, as they are: for what no socket would send.
#![expect(clippy::expect_used, reason = "the caller is a test")]

use crate::netns::{Namespace, eventually};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket, sockopt,
};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// A packet socket on one interface of a namespace.
#[derive(Debug)]
pub struct Raw {
    socket: OwnedFd,
    /// The interface's own Ethernet address.
    pub mac: [u8; 6],
}

impl Raw {
    /// Opens `interface` for sending and hearing, both directions of its traffic.
    pub fn open(namespace: &Namespace, interface: &str) -> Self {
        namespace.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let raw = socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll);
            let raw = raw.expect("a packet socket");
            let mut links =
                getifaddrs().expect("the interfaces").filter(|link| link.interface_name == interface);
            let link = links.find_map(|link| link.address?.as_link_addr().copied()).expect("the interface");
            // The socket keeps its protocol: the address from the interface list names none.
            bind(raw.as_raw_fd(), &link).expect("binding to the interface");
            // Bursts of tests must fit; the kernel takes what it may give.
            let _ = setsockopt(&raw, sockopt::RcvBufForce, &(64 << 20));
            Self { socket: raw, mac: link.addr().expect("an Ethernet address") }
        })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) {
        let sent = eventually(Duration::from_secs(1), || {
            send(self.socket.as_raw_fd(), frame, MsgFlags::empty()).ok()
        });
        assert_eq!(sent, Some(frame.len()), "the frame was not sent");
    }

    /// The next frame, of those not yet looked at, that `wanted` likes.
    pub fn hear(&self, limit: Duration, mut wanted: impl FnMut(&[u8]) -> bool) -> Option<Vec<u8>> {
        eventually(limit, || {
            let mut frame = vec![0; packet::MAX_FRAME];
            while let Ok(length) = recv(self.socket.as_raw_fd(), &mut frame, MsgFlags::empty()) {
                if wanted(&frame[..length]) {
                    frame.truncate(length);
                    return Some(frame);
                }
            }
            None
        })
    }

    /// The next IPv4 packet, of those not yet looked at, that goes to `destination`.
    pub fn hear_to(&self, destination: Ipv4Addr, limit: Duration) -> Option<Vec<u8>> {
        let wanted = |frame: &[u8]| {
            frame.get(12..14) == Some(&[0x08, 0x00]) && frame.get(30..34) == Some(&destination.octets())
        };
        self.hear(limit, wanted)
    }
}
