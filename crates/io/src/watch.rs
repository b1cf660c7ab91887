//! Hearing at once that an interface has come, gone or changed.
//!
//! The kernel tells what has happened in the network namespace the watch was opened in. It keeps only so much of it:
//! where more has happened than was kept, the answer is to look at everything.

use crate::netlink::{attribute, split_message, text, word};
use crate::sys::wait::{Watch, wait};
use crate::{Error, sys};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// `struct ifinfomsg` before a link's attributes.
const LINK_HEADER: usize = 16;
/// The most that is read at once; a longer message of the kernel's counts as lost.
const LONGEST: usize = 64 << 10;

/// What has happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// An interface has come, or something about it has changed: its name, its MTU, its hardware address, its state.
    Link {
        /// The kernel's number for it.
        index: u32,
        /// Its name, from now on.
        name: String,
    },
    /// An interface has been removed, or has left for another network namespace.
    Gone {
        /// The number it had.
        index: u32,
        /// The name it had.
        name: String,
    },
    /// The host's addresses on an interface have changed.
    Address {
        /// Which interface.
        index: u32,
    },
    /// Something that stood at an interface's ingress or egress is gone, which may have been the [guard](crate::guard).
    Opened {
        /// Which interface.
        index: u32,
    },
    /// More has happened than could be kept: look at everything.
    Everything,
}

/// The changes of a network namespace's interfaces, in their order.
#[derive(Debug)]
pub struct Changes {
    socket: File,
    buffer: Vec<u8>,
    /// What the last datagram said and has not been told yet; fewer than the messages of one datagram.
    heard: VecDeque<Change>,
}

impl Changes {
    /// Begins to hear the changes in the calling thread's network namespace. Needs no capability.
    ///
    /// # Errors
    /// What the system answered.
    pub fn open() -> Result<Self, Error> {
        let groups =
            libc::RTMGRP_LINK | libc::RTMGRP_TC | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR;
        let socket = sys::device::route_socket(groups)
            .map_err(Error::system("watching the host's interfaces", "CAP_NET_ADMIN"))?;
        Ok(Self { socket, buffer: vec![0; LONGEST], heard: VecDeque::new() })
    }

    /// Waits until something has happened or the time is over; whether something has.
    ///
    /// # Errors
    /// Where the system refuses to wait.
    pub fn wait(&self, timeout: Duration) -> io::Result<bool> {
        if !self.heard.is_empty() {
            return Ok(true);
        }
        let mut watch = [Watch::new(self.socket.as_raw_fd())];
        wait(&mut watch, timeout)?;
        // An error pending means that something was lost.
        Ok(watch[0].is_ready() || watch[0].has_error())
    }

    /// The next change that has not been told; never waits.
    pub fn next_change(&mut self) -> Option<Change> {
        while self.heard.is_empty() {
            match self.socket.read(&mut self.buffer) {
                Ok(0) => return None,
                Ok(length) => listen(self.buffer.get(..length).unwrap_or_default(), &mut self.heard),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // ENOBUFS, and whatever else keeps us from knowing.
                Err(_) => return Some(Change::Everything),
            }
        }
        self.heard.pop_front()
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Understands one datagram of the kernel's.
fn listen(mut bytes: &[u8], heard: &mut VecDeque<Change>) {
    while !bytes.is_empty() {
        let Some((kind, _, body, after)) = split_message(bytes) else {
            return heard.push_back(Change::Everything);
        };
        bytes = after;
        match kind {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => heard.extend(link(kind, body)),
            libc::RTM_NEWADDR | libc::RTM_DELADDR => {
                heard.extend(word(body, 4).map(|index| Change::Address { index }));
            }
            libc::RTM_DELQDISC | libc::RTM_DELTFILTER => {
                heard.extend(word(body, 4).map(|index| Change::Opened { index }));
            }
            _ => {}
        }
    }
}

fn link(kind: u16, body: &[u8]) -> Option<Change> {
    let index = word(body, 4)?;
    let name = attribute(body.get(LINK_HEADER..)?, libc::IFLA_IFNAME).map(text)?;
    // A port that leaves its bridge is told of as the bridge's loss (family AF_BRIDGE), and is not gone.
    let is_gone = kind == libc::RTM_DELLINK && body.first() == Some(&(libc::AF_UNSPEC as u8));
    Some(if is_gone { Change::Gone { index, name } } else { Change::Link { index, name } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(kind: u16, family: u8, index: u32, name: &str) -> Vec<u8> {
        let name = [name.as_bytes(), &[0]].concat();
        let mut attribute = ((4 + name.len()) as u16).to_ne_bytes().to_vec();
        attribute.extend(libc::IFLA_IFNAME.to_ne_bytes());
        attribute.extend(name);
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        let length = (32 + attribute.len()) as u32;
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([family, 0, 0, 0]);
        bytes.extend(index.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes.extend(attribute);
        bytes
    }

    fn heard(bytes: &[u8]) -> Vec<Change> {
        let mut heard = VecDeque::new();
        listen(bytes, &mut heard);
        heard.into()
    }

    #[test]
    fn a_bridge_that_loses_a_port_keeps_the_interface() {
        let bytes = [message(libc::RTM_DELLINK, 7, 3, "vl"), message(libc::RTM_DELLINK, 0, 4, "vr")].concat();
        let expected =
            [Change::Link { index: 3, name: "vl".into() }, Change::Gone { index: 4, name: "vr".into() }];
        assert_eq!(heard(&bytes), expected);
    }

    #[test]
    fn a_message_cut_short_means_to_look_at_everything() {
        let bytes = message(libc::RTM_NEWLINK, 0, 3, "vl");
        for length in 1..bytes.len() {
            assert_eq!(heard(&bytes[..length]), [Change::Everything], "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 16u16..24) {
            let mut bytes = bytes;
            if let Some(place) = bytes.get_mut(4..6) {
                place.copy_from_slice(&kind.to_ne_bytes());
            }
            heard(&bytes);
        }
    }
}
