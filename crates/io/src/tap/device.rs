//! What only netlink tells of a TAP device: that it is one, and how many can have a queue of it.
//!
//! # Source
//! `linux/if_link.h`; RFC 3549, section 3.3.

use crate::netlink::{Connection, Message, attribute, word};
use std::io;

/// The bytes of `struct ifinfomsg` before a link's attributes.
const LINK_HEADER: usize = 16;
/// `IFLA_TUN_TYPE` and `IFLA_TUN_MULTI_QUEUE`, a byte each.
const TUN_TYPE: u16 = 3;
const TUN_MULTI_QUEUE: u16 = 7;

/// A network device, of whatever kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Device {
    pub(super) index: u32,
    pub(super) mac: [u8; 6],
    pub(super) mtu: u32,
    pub(super) is_up: bool,
    pub(super) is_running: bool,
    is_tap: bool,
    has_many_queues: bool,
}

impl Device {
    /// The device with this name in the calling thread's network namespace, where there is one.
    pub(super) fn find(name: &str) -> io::Result<Option<Self>> {
        let question =
            Message::new(libc::RTM_GETLINK, 0, &[0; LINK_HEADER / 4]).text(libc::IFLA_IFNAME, name);
        let mut found = None;
        let asked = Connection::open()?.ask_for(question, |kind, body| {
            found = Self::read(body).filter(|_| kind == libc::RTM_NEWLINK);
        });
        match asked {
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
            asked => asked.map(|()| found),
        }
    }

    /// Whether so many workers can have a queue of it each.
    pub(super) fn can_be_shared_by(&self, workers: usize) -> bool {
        self.is_tap && (workers == 1 || self.has_many_queues)
    }

    fn read(body: &[u8]) -> Option<Self> {
        let (index, flags, attributes) = (word(body, 4)?, word(body, 8)?, body.get(LINK_HEADER..)?);
        let of_kind = attribute(attributes, libc::IFLA_LINKINFO).unwrap_or_default();
        let is_tun = attribute(of_kind, libc::IFLA_INFO_KIND).is_some_and(|kind| kind.starts_with(b"tun\0"));
        let said = attribute(of_kind, libc::IFLA_INFO_DATA).filter(|_| is_tun).unwrap_or_default();
        let byte = |of| attribute(said, of).and_then(|value| value.first()).copied().unwrap_or_default();
        Some(Self {
            index,
            // What is no Ethernet device has an address of another length.
            mac: attribute(attributes, libc::IFLA_ADDRESS)
                .and_then(|mac| mac.try_into().ok())
                .unwrap_or_default(),
            mtu: attribute(attributes, libc::IFLA_MTU).and_then(|mtu| word(mtu, 0))?,
            is_up: flags & libc::IFF_UP as u32 != 0,
            is_running: flags & libc::IFF_RUNNING as u32 != 0,
            is_tap: i32::from(byte(TUN_TYPE)) == libc::IFF_TAP,
            has_many_queues: byte(TUN_MULTI_QUEUE) != 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::split_message;

    fn answer(kind: &str, queues: u8) -> Vec<u8> {
        let header = [0, 7, (libc::IFF_UP | libc::IFF_RUNNING) as u32, 0];
        Message::new(libc::RTM_NEWLINK, 0, &header)
            .bytes(libc::IFLA_ADDRESS, &[2, 0, 0, 0, 0, 1])
            .word(libc::IFLA_MTU, 1400)
            .nest(libc::IFLA_LINKINFO, |of_kind| {
                of_kind.text(libc::IFLA_INFO_KIND, kind).nest(libc::IFLA_INFO_DATA, |said| {
                    said.bytes(TUN_TYPE, &[libc::IFF_TAP as u8]).bytes(TUN_MULTI_QUEUE, &[queues])
                })
            })
            .finish(1)
    }

    #[test]
    fn a_tap_device_says_who_can_share_it() {
        let read = |kind, queues| {
            let bytes = answer(kind, queues);
            Device::read(split_message(&bytes).unwrap().2).unwrap()
        };
        let one = read("tun", 0);
        assert_eq!((one.index, one.mtu, one.mac[5], one.is_up), (7, 1400, 1, true));
        assert!(one.can_be_shared_by(1) && !one.can_be_shared_by(2));
        assert!(read("tun", 1).can_be_shared_by(2));
        assert!(!read("veth", 1).can_be_shared_by(1));
    }

    #[test]
    fn an_answer_cut_short_is_no_panic() {
        let bytes = answer("tun", 1);
        let body = split_message(&bytes).unwrap().2;
        for length in 0..body.len() {
            let _ = Device::read(&body[..length]);
        }
    }
}
