//! Traffic control over netlink: just what the ingress drop needs.
//!
//! # Source
//! RFC 3549, sections 2.3 and 3.1; `linux/rtnetlink.h` and `linux/pkt_cls.h`. Everything is in host byte order.

use crate::netlink::{Connection, DUMP, Message, attribute, text, word};
use std::io;

const NEW_QDISC: u16 = libc::RTM_NEWQDISC;
const DELETE_QDISC: u16 = libc::RTM_DELQDISC;
const NEW_FILTER: u16 = libc::RTM_NEWTFILTER;
const DELETE_FILTER: u16 = libc::RTM_DELTFILTER;
const GET_FILTER: u16 = libc::RTM_GETTFILTER;

const CREATE: u16 = libc::NLM_F_CREATE as u16;
const EXCLUSIVE: u16 = libc::NLM_F_EXCL as u16;
const REPLACE: u16 = libc::NLM_F_REPLACE as u16;

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
pub(super) struct Netlink(Connection);

impl Netlink {
    pub(super) fn connect() -> io::Result<Self> {
        Connection::open().map(Self)
    }

    /// Makes a place for filters on an interface; whether there was none before.
    pub(super) fn make_place(&mut self, interface: u32) -> io::Result<bool> {
        let message = request(NEW_QDISC, CREATE | EXCLUSIVE, interface, CLSACT_HANDLE, CLSACT, 0);
        match self.0.ask(message.text(KIND, "clsact")) {
            Err(error) if error.raw_os_error() == Some(libc::EEXIST) => Ok(false),
            other => other.map(|()| true),
        }
    }

    pub(super) fn remove_place(&mut self, interface: u32) -> io::Result<()> {
        self.0.ask(request(DELETE_QDISC, 0, interface, CLSACT_HANDLE, CLSACT, 0))
    }

    /// Sets our filter to a program, in place of an earlier one where there is one.
    pub(super) fn set_filter(&mut self, interface: u32, program: i32, name: &str) -> io::Result<()> {
        let message = request(NEW_FILTER, CREATE | REPLACE, interface, HANDLE, INGRESS, FIRST);
        self.0.ask(message.text(KIND, "bpf").nest(OPTIONS, |options| {
            options.word(BPF_FD, program as u32).text(BPF_NAME, name).word(BPF_FLAGS, DIRECT_ACTION)
        }))
    }

    pub(super) fn remove_filter(&mut self, interface: u32) -> io::Result<()> {
        let message = request(DELETE_FILTER, 0, interface, HANDLE, INGRESS, FIRST);
        self.0.ask(message.text(KIND, "bpf"))
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
        self.0.exchange(request(GET_FILTER, DUMP, interface, 0, parent, 0), |kind, body| {
            // The kernel also lists each place as a filter without a number.
            filters.extend(filter(body).filter(|filter| kind == NEW_FILTER && filter.handle != 0));
        })?;
        Ok(filters)
    }
}

/// A request about an interface's filters. The first word of its header is the address family, which traffic control
/// leaves unspecified.
fn request(kind: u16, flags: u16, interface: u32, handle: u32, parent: u32, place: u32) -> Message {
    Message::new(kind, flags, &[0, interface, handle, parent, place])
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
    use crate::netlink::{MESSAGE_HEADER, split_message};

    fn message() -> Vec<u8> {
        let message = request(NEW_FILTER, CREATE, 7, HANDLE, INGRESS, FIRST).text(KIND, "bpf");
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
