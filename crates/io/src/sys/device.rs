//! What only an `ioctl(2)` tells about a network device.

use super::{check, owned};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

const ETHTOOL_GET_STRINGS: u32 = 0x1b;
const ETHTOOL_GET_SET_SIZES: u32 = 0x37;
const ETHTOOL_GET_FEATURES: u32 = 0x3a;
/// The set of strings that names a device's features.
const FEATURES: u32 = 4;
/// The bytes of one such string.
const STRING: usize = 32;

/// The MTU of an interface, in bytes of network-layer packet.
pub(crate) fn mtu(name: &str) -> io::Result<u32> {
    let answer = ask(any_socket()?.as_fd(), libc::SIOCGIFMTU, request(name))?;
    // SAFETY: the kernel has stored the MTU in this member, and every bit pattern is an integer.
    let mtu = unsafe { answer.ifr_ifru.ifru_mtu };
    u32::try_from(mtu).map_err(io::Error::other)
}

/// Sets how many packets may wait for the driver of an interface.
pub(crate) fn set_queue_length(name: &str, packets: i32) -> io::Result<()> {
    let mut request = request(name);
    // The kernel reads the length from the member that also carries the metric.
    request.ifr_ifru.ifru_metric = packets;
    ask(any_socket()?.as_fd(), libc::SIOCSIFTXQLEN, request).map(drop)
}

/// Whether an interface has been set up by the administrator, asked through any socket.
pub(crate) fn is_up(socket: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    let answer = ask(socket, libc::SIOCGIFFLAGS, request(name))?;
    // SAFETY: the kernel has stored the flags in this member, and every bit pattern is an integer.
    let flags = unsafe { answer.ifr_ifru.ifru_flags };
    Ok(i32::from(flags) & libc::IFF_UP != 0)
}

/// The names of the features that are active on an interface, as `ethtool -k` knows them.
pub(crate) fn active_features(name: &str) -> io::Result<Vec<String>> {
    let socket = any_socket()?;
    // Its header, a mask of sets, and the size of the one asked for.
    let mask = (1u64 << FEATURES).to_ne_bytes();
    let mut sizes = [words(&[ETHTOOL_GET_SET_SIZES, 0]).as_slice(), &mask, &[0; 4]].concat();
    ethtool(&socket, name, &mut sizes)?;
    let count =
        word(&sizes, 16).filter(|count| (1..=4096).contains(count)).ok_or(io::ErrorKind::InvalidData)?;
    let mut strings = words(&[ETHTOOL_GET_STRINGS, FEATURES, count]);
    strings.resize(12 + count as usize * STRING, 0);
    ethtool(&socket, name, &mut strings)?;
    // Four words for each 32 features: available, requested, active, never changed.
    let blocks = count.div_ceil(32);
    let mut features = words(&[ETHTOOL_GET_FEATURES, blocks]);
    features.resize(8 + blocks as usize * 16, 0);
    ethtool(&socket, name, &mut features)?;
    let is_active =
        |nth: usize| word(&features, 8 + nth / 32 * 16 + 8).is_some_and(|word| word >> (nth % 32) & 1 != 0);
    let names = strings[12..].chunks_exact(STRING).enumerate().filter(|(nth, _)| is_active(*nth));
    Ok(names.map(|(_, name)| String::from_utf8_lossy(name).trim_end_matches('\0').to_owned()).collect())
}

/// A netlink socket for interfaces, addresses and traffic control, which hears of these groups of changes.
pub(crate) fn route_socket(groups: i32) -> io::Result<File> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | if groups == 0 { 0 } else { libc::SOCK_NONBLOCK };
    // SAFETY: no pointer is passed.
    let socket = owned(unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) }.into())?;
    if groups != 0 {
        // SAFETY: all zeros is a valid `sockaddr_nl`.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as u16;
        address.nl_groups = groups as u32;
        let size = size_of::<libc::sockaddr_nl>() as u32;
        // SAFETY: the kernel reads `size` bytes of `address`, which lives until the call returns.
        check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) }.into())?;
    }
    Ok(File::from(socket))
}

/// Makes the request of a name; a name that is too long is cut.
pub(super) fn request(name: &str) -> libc::ifreq {
    // SAFETY: all zeros is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // The last byte stays zero, so the name is terminated.
    let places = request.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1);
    for (place, byte) in places.zip(name.bytes()) {
        *place = byte as libc::c_char;
    }
    request
}

fn ask(socket: BorrowedFd<'_>, what: libc::Ioctl, mut request: libc::ifreq) -> io::Result<libc::ifreq> {
    // SAFETY: the requests of this module read a name and at most a number from one `ifreq`, and write their answer
    // into it.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), what, &raw mut request) }.into())?;
    Ok(request)
}

/// Lets the kernel answer an ethtool command in place. Every command of this module says in its own header, or by
/// its number, how many bytes the kernel writes, and `command` has been made that long.
fn ethtool(socket: &OwnedFd, name: &str, command: &mut [u8]) -> io::Result<()> {
    let mut request = request(name);
    request.ifr_ifru.ifru_data = command.as_mut_ptr().cast();
    // SAFETY: the kernel reads the command's header and writes no further than it says, which is within `command`:
    // the set sizes have one word for the one set asked for; strings and features are sized by the count the kernel
    // gave, and the features' header limits them. `command` lives until the call returns.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCETHTOOL, &raw mut request) }.into()).map(drop)
}

fn any_socket() -> io::Result<OwnedFd> {
    // SAFETY: no pointer is passed.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    owned(socket.into())
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}
