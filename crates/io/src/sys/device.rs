//! What only an `ioctl(2)` tells about a network device.

use super::{check, owned};
use std::io;
use std::os::fd::{AsRawFd, RawFd};

/// The MTU of an interface, in bytes of network-layer packet.
pub(crate) fn mtu(name: &str) -> io::Result<u32> {
    let answer = ask(name, libc::SIOCGIFMTU)?;
    // SAFETY: the kernel has stored the MTU in this member, and every bit pattern is an integer.
    let mtu = unsafe { answer.ifr_ifru.ifru_mtu };
    u32::try_from(mtu).map_err(io::Error::other)
}

/// Whether an interface has been set up by the administrator; any socket will do to ask by.
pub(crate) fn is_up(socket: RawFd, name: &str) -> io::Result<bool> {
    let answer = ask_by(socket, name, libc::SIOCGIFFLAGS)?;
    // SAFETY: the kernel has stored the flags in this member, and every bit pattern is an integer.
    let flags = unsafe { answer.ifr_ifru.ifru_flags };
    Ok(i32::from(flags) & libc::IFF_UP != 0)
}

fn ask(name: &str, what: libc::Ioctl) -> io::Result<libc::ifreq> {
    // SAFETY: no pointer is passed.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    ask_by(owned(socket.into())?.as_raw_fd(), name, what)
}

fn ask_by(socket: RawFd, name: &str, what: libc::Ioctl) -> io::Result<libc::ifreq> {
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero, so the name is terminated.
    let places = request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1);
    for (place, byte) in places.zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    // SAFETY: both requests read a name from one `ifreq` and write their answer into it.
    check(unsafe { libc::ioctl(socket, what, &raw mut request) }.into())?;
    Ok(request)
}

/// A netlink socket for interfaces, addresses and traffic control.
pub(crate) fn route_socket() -> io::Result<std::fs::File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC;
    // SAFETY: no pointer is passed.
    owned(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) }.into())
        .map(std::fs::File::from)
}
