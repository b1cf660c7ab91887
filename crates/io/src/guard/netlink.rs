//! Traffic control over netlink: just what the ingress drop needs.
//!
//! # Source
//! RFC 3549, sections 2.3 and 3.1; `linux/rtnetlink.h` and `linux/pkt_cls.h`. Everything is in host byte order.

use crate::netlink::{ATTRIBUTE_HEADER, MESSAGE_HEADER, attribute, split_message, text, word};
use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};

const NEW_QDISC: u16 = libc::RTM_NEWQDISC;
const DELETE_QDISC: u16 = libc::RTM_DELQDISC;
const NEW_FILTER: u16 = libc::RTM_NEWTFILTER;
const DELETE_FILTER: u16 = libc::RTM_DELTFILTER;
const GET_FILTER: u16 = libc::RTM_GETTFILTER;

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const ACKNOWLEDGE: u16 = libc::NLM_F_ACK as u16;
const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
const REPLACE: u16 = libc::NLM_F_REPLACE as u16;
const DUMP: u16 = libc::NLM_F_DUMP as u16;

/// The qdisc that has filters at ingress and egress and does nothing else.
const CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
const INGRESS: u32 = 0xffff_fff2;
const EGRESS: u32 = 0xffff_fff3;

/// Before all others, for all protocols.
const FIRST: u32 = 1 << 16 | (libc::ETH_P_ALL as u16).to_be() as u32;
/// Our own number among the filters of the first place, unlike the small ones that others choose.
const HANDLE: u32 = 0x6e73_6774;

const KIND: u16 = libc::TCA_KIND;
const OPTIONS: u16 = libc::TCA_OPTIONS;
const BPF_FD: u16 = 6;
const BPF_NAME: u16 = 7;
const BPF_FLAGS: u16 = 8;
const DIRECT_ACTION: u32 = 1;

const TRAFFIC_HEADER: usize = 20;

/// A filter on an interface.
#[derive(PartialEq, Eq, Debug, Default)]
pub(super) struct Filter {
    handle: u32,
    place: u32,
    kind: String,
    /// The name its maker gave it; empty for kinds without names.
    pub(super) name: String,
}

impl Filter {
    pub(super) fn is_in_our_place(&self) -> bool {
        self.handle == HANDLE && self.place == FIRST && self.kind == "bpf"
    }
}

/// A connection to the kernel's traffic control in the calling thread's network namespace.
#[derive(Debug)]
pub(super) struct Netlink {
    socket: File,
    sequence: u32,
}

impl Netlink {
    pub(super) fn connect() -> io::Result<Self> {
        Ok(Self { socket: sys::device::route_socket(0)?, sequence: 0 })
    }

    /// Makes a place for filters on an interface; whether there was none before.
    pub(super) fn make_place(&mut self, interface: u32) -> io::Result<bool> {
        let message = Message::new(NEW_QDISC, CREATE | EXCLUSIVE, interface, CLSACT_HANDLE, CLSACT, 0);
        match self.ask(message.text(KIND, "clsact")) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
            other => other.map(|()| true),
        }
    }

    pub(super) fn remove_place(&mut self, interface: u32) -> io::Result<()> {
        self.ask(Message::new(DELETE_QDISC, 0, interface, CLSACT_HANDLE, CLSACT, 0))
    }

    /// Sets our filter to a program, in place of an earlier one where there is one.
    pub(super) fn set_filter(&mut self, interface: u32, program: i32, name: &str) -> io::Result<()> {
        let message = Message::new(NEW_FILTER, CREATE | REPLACE, interface, HANDLE, INGRESS, FIRST);
        self.ask(message.text(KIND, "bpf").nest(OPTIONS, |options| {
            options.word(BPF_FD, program as u32).text(BPF_NAME, name).word(BPF_FLAGS, DIRECT_ACTION)
        }))
    }

    pub(super) fn remove_filter(&mut self, interface: u32) -> io::Result<()> {
        let message = Message::new(DELETE_FILTER, 0, interface, HANDLE, INGRESS, FIRST);
        self.ask(message.text(KIND, "bpf"))
    }

    pub(super) fn ingress_filters(&mut self, interface: u32) -> io::Result<Vec<Filter>> {
        self.filters(interface, INGRESS)
    }

    /// Whether an interface has no filters at ingress and none at egress.
    pub(super) fn is_empty(&mut self, interface: u32) -> io::Result<bool> {
        Ok(self.filters(interface, INGRESS)?.is_empty() && self.filters(interface, EGRESS)?.is_empty())
    }

    fn filters(&mut self, interface: u32, parent: u32) -> io::Result<Vec<Filter>> {
        let mut filters = Vec::new();
        self.exchange(Message::new(GET_FILTER, DUMP, interface, 0, parent, 0), |kind, body| {
            // The kernel also lists each place as a filter without a number.
            filters.extend(filter(body).filter(|filter| kind == NEW_FILTER && filter.handle != 0));
        })?;
        Ok(filters)
    }

    fn ask(&mut self, mut message: Message) -> io::Result<()> {
        message.add_flags(ACKNOWLEDGE);
        self.exchange(message, |_, _| {})
    }

    /// Sends a request and reads until its end: an acknowledgement, an error, or the end of a list.
    fn exchange(&mut self, message: Message, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        self.sequence += 1;
        self.socket.write_all(&message.finish(self.sequence))?;
        // A list comes in pieces of at most 32 KiB.
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = self.socket.read(&mut buffer)?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((kind, sequence, body, after)) = split_message(rest) {
                rest = after;
                match i32::from(kind) {
                    _ if sequence != self.sequence => {}
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        return match word(body, 0).map(|code| code as i32) {
                            Some(0) => Ok(()),
                            Some(code) => Err(io::Error::from_raw_os_error(-code)),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => each(kind, body),
                }
            }
        }
    }
}

/// A request under construction.
struct Message(Vec<u8>);

impl Message {
    fn new(kind: u16, flags: u16, interface: u32, handle: u32, parent: u32, place: u32) -> Self {
        let mut bytes = vec![0; MESSAGE_HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        // The first word is the address family, which traffic control leaves unspecified.
        for word in [0, interface, handle, parent, place] {
            bytes.extend(word.to_ne_bytes());
        }
        Self(bytes)
    }

    fn add_flags(&mut self, flags: u16) {
        let present = u16::from_ne_bytes([self.0[6], self.0[7]]);
        self.0[6..8].copy_from_slice(&(present | flags).to_ne_bytes());
    }

    fn word(self, kind: u16, word: u32) -> Self {
        self.attribute(kind, &word.to_ne_bytes())
    }

    fn text(self, kind: u16, text: &str) -> Self {
        self.attribute(kind, &[text.as_bytes(), &[0]].concat())
    }

    fn nest(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let inner = fill(Self(Vec::new()));
        self.attribute(kind, &inner.0)
    }

    fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (ATTRIBUTE_HEADER + value.len()) as u16;
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

fn filter(body: &[u8]) -> Option<Filter> {
    let attributes = body.get(TRAFFIC_HEADER..)?;
    let name = attribute(attributes, OPTIONS).and_then(|options| attribute(options, BPF_NAME));
    Some(Filter {
        handle: word(body, 8)?,
        place: word(body, 16)?,
        kind: text(attribute(attributes, KIND)?),
        name: name.map(text).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        let message = Message::new(NEW_FILTER, CREATE, 7, HANDLE, INGRESS, FIRST).text(KIND, "bpf");
        message.nest(OPTIONS, |options| options.word(BPF_FLAGS, 1).text(BPF_NAME, "nsgate-guard")).finish(3)
    }

    #[test]
    fn what_is_built_is_what_is_read() {
        let bytes = message();
        assert_eq!(bytes.len() % 4, 0);
        let (kind, sequence, body, after) = split_message(&bytes).unwrap();
        assert_eq!((kind, sequence, after), (NEW_FILTER, 3, &[][..]));
        assert_eq!(word(body, 4), Some(7));
        let filter = filter(body).unwrap();
        assert!(filter.is_in_our_place());
        assert_eq!(filter.name, "nsgate-guard");
    }

    #[test]
    fn a_message_cut_short_anywhere_is_no_filter_of_ours_and_no_panic() {
        let bytes = message();
        for length in 0..bytes.len() {
            assert_eq!(split_message(&bytes[..length]), None);
            let cut = bytes.get(MESSAGE_HEADER..length).and_then(filter);
            assert_ne!(cut.map(|filter| filter.name), Some("nsgate-guard".into()));
        }
    }
}
