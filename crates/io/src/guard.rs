//! The ingress drop: keeps the host's own stack from handling what arrives on an attached interface.
//!
//! It is a traffic-control classifier at the interface's ingress. Packet sockets see a frame before it does, so the
//! gateway works while the host is blind. The kernel holds the program through the filter and not through a process,
//! so it stays when the daemon is stopped or killed: what no longer passes the gateway passes nowhere. Tagged packets
//! are dropped too, whoever they are for: a sub-interface has to be attached itself, and its parent not.

mod netlink;
mod program;

use crate::{Error, sys};
use netlink::{Filter, Netlink};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::os::fd::AsRawFd;

/// The most addresses that the host may keep for itself on one interface.
pub const ADDRESS_LIMIT: usize = 64;

/// The addresses on an interface whose packets the host's stack shall receive.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostAddresses {
    /// With any of these, ARP reaches the host too.
    pub v4: Vec<Ipv4Addr>,
    /// With any of these, packets for `ff02::/16` (neighbour discovery) reach the host too.
    pub v6: Vec<Ipv6Addr>,
    /// One of `v4`, and its TCP and UDP ports that the host's stack shall not receive, because the gateway has them.
    ///
    /// What names no port passes: later fragments, which complete nothing without their first one, and ICMP, whose answers
    /// and errors the host ignores where it has not asked.
    pub lent: Option<(Ipv4Addr, RangeInclusive<u16>)>,
}

/// The filter's names. The second also says that the place it hangs in was made by us.
const NAME: &str = "nsgate-guard";
const NAME_WITH_PLACE: &str = "nsgate-guard+clsact";

/// Installs the drop on an interface, or puts a new one in place of an earlier one without a gap.
///
/// # Errors
/// [`Error::TooManyAddresses`], [`Error::MissingCapability`], or what the system answered: `EINVAL` where a filter of
/// another kind has taken the first place.
pub fn install(interface: u32, host: &HostAddresses) -> Result<(), Error> {
    let count = host.v4.len() + host.v6.len();
    if count > ADDRESS_LIMIT {
        return Err(Error::TooManyAddresses { count, limit: ADDRESS_LIMIT });
    }
    let program = sys::bpf::load_classifier(&program::assemble(host), "nsgate_guard")
        .map_err(Error::system("loading the ingress drop", "CAP_BPF"))?;
    let mut netlink = connect()?;
    let place_is_ours = match ours(&mut netlink, interface)? {
        Some(earlier) => earlier.name == NAME_WITH_PLACE,
        None => netlink.make_place(interface).map_err(admin("preparing the interface's ingress"))?,
    };
    let name = if place_is_ours { NAME_WITH_PLACE } else { NAME };
    netlink.set_filter(interface, program.as_raw_fd(), name).map_err(admin("attaching the ingress drop"))
}

/// Removes the drop from an interface, and the place it hung in if that was made by us and is now empty.
///
/// # Returns
/// Whether there was one. Filters of others stay.
///
/// # Errors
/// [`Error::MissingCapability`], or what the system answered.
pub fn remove(interface: u32) -> Result<bool, Error> {
    let mut netlink = connect()?;
    let Some(filter) = ours(&mut netlink, interface)? else { return Ok(false) };
    netlink.remove_filter(interface).map_err(admin("removing the ingress drop"))?;
    if filter.name == NAME_WITH_PLACE && netlink.is_empty(interface).map_err(admin("listing filters"))? {
        netlink.remove_place(interface).map_err(admin("clearing the interface's ingress"))?;
    }
    Ok(true)
}

/// Whether the drop is on an interface.
///
/// # Errors
/// What the system answered.
pub fn installed(interface: u32) -> Result<bool, Error> {
    Ok(ours(&mut connect()?, interface)?.is_some())
}

fn connect() -> Result<Netlink, Error> {
    Netlink::connect().map_err(admin("opening a netlink socket"))
}

fn ours(netlink: &mut Netlink, interface: u32) -> Result<Option<Filter>, Error> {
    let filters = netlink.ingress_filters(interface).map_err(admin("listing filters"))?;
    Ok(filters.into_iter().find(|filter| filter.is_in_our_place() && filter.name.starts_with(NAME)))
}

fn admin(doing: &'static str) -> impl Fn(std::io::Error) -> Error {
    Error::system(doing, "CAP_NET_ADMIN")
}
