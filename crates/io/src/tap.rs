//! TAP devices: the machine has the device, and the gateway has the other end of its cable.
//!
//! The gateway makes the device, and whoever runs the machine moves it into the machine's network namespace and sets
//! it up there; the gateway's end stays with the process whatever becomes of the device. Nothing arrives in the
//! host's own stack that way, so a TAP attachment needs no [`crate::guard`]. A device that the gateway has made goes
//! with the last of its queues; one made persistent before (`ip tuntap add`) stays.
//!
//! Frames that the machine sends while its queue is full are lost at the device, which counts them (`tx_dropped`)
//! where the machine can see them and we cannot: they are not among [`crate::Statistics::ring_drops`].

mod device;

use crate::interface::local_ports;
use crate::port::{FrameAt, Loss, SendError, Sent, Within};
use crate::room::Room;
use crate::steering::{self, Start};
use crate::sys::tun::Tap;
use crate::{Error, Interface, Interfaces, Port, Reception, Workers, sys, virtio};
use device::Device;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, RawFd};

/// The packets that may wait at each queue of a device that we make: as many as a packet ring holds.
const WAITING: i32 = 4096;
/// The MTU that the kernel gives a new device.
const NEW_MTU: u32 = 1500;
/// The longest name of a device, in bytes.
const LONGEST_NAME: usize = 15;
const ETHERNET_HEADER: usize = 14;

/// What the machine's senders may leave to us: everything that a virtio header can say and newer kernels offer, and
/// the same without what came last (segments of UDP, Linux 6.2).
const OFFLOADS: [u32; 2] = {
    let all = libc::TUN_F_CSUM | libc::TUN_F_TSO4 | libc::TUN_F_TSO6 | libc::TUN_F_TSO_ECN;
    [all | libc::TUN_F_USO4 | libc::TUN_F_USO6, all]
};

/// One worker's queue of a TAP device.
#[derive(Debug)]
pub(crate) struct Queue {
    tap: Tap,
    reception: Reception,
    mac: [u8; 6],
}

/// Makes a TAP device in the calling thread's network namespace, or takes one that exists, and opens a queue of it for
/// each worker.
///
/// The device is left down; its MTU, its own hardware address and its addresses are the machine's. With
/// [`Reception::Own`] the ports take what is sent to the gateway's hardware address, to all and to groups.
///
/// # Returns
/// The gateway's end, as [`describe`] says, and the ports in the workers' order.
///
/// # Errors
/// [`Error::InvalidName`], [`Error::NotTap`], [`Error::TapInUse`], [`Error::NoTun`], [`Error::TunForbidden`],
/// [`Error::MissingCapability`], or what the system answered.
pub fn create(name: &str, reception: Reception, queues: usize) -> Result<(Interface, Vec<Port>), Error> {
    let is_new = describe(name, queues)?.index == 0;
    let taps = open_queues(name, queues)?;
    if is_new {
        let admin = Error::system("sizing a TAP device's queues", "CAP_NET_ADMIN");
        sys::device::set_queue_length(name, WAITING).map_err(admin)?;
    }
    let interface = describe(name, queues)?;
    let ports = ports_of(&interface, taps, reception);
    Ok((interface, ports))
}

/// Opens a queue for each worker of a TAP device that exists, given as [`find`] describes it.
///
/// # Errors
/// As [`create`], and [`Error::NoSuchInterface`] where it is gone.
pub fn open(interface: &Interface, reception: Reception, queues: usize) -> Result<Vec<Port>, Error> {
    let name = interface.name.as_str();
    let taps = open_queues(name, queues)?;
    // Where it has gone meanwhile the kernel has made another, which goes with its queues.
    match describe(name, queues)? {
        same if same.index == interface.index => Ok(ports_of(interface, taps, reception)),
        _ => Err(Error::NoSuchInterface { name: name.into(), nearest: None }),
    }
}

/// The gateway's end of the TAP device with this name, as it is or as it would be made; then its index is zero.
///
/// Its hardware address is made from the name, so it is the same after a restart and the machine's neighbour entries
/// stay right. It is locally administered and never the device's own, which is the machine's.
///
/// # Errors
/// [`Error::InvalidName`], [`Error::NotTap`] where there is a device that so many workers cannot share, or what the
/// system answered.
pub fn describe(name: &str, queues: usize) -> Result<Interface, Error> {
    if !is_valid(name) {
        return Err(Error::InvalidName(name.into()));
    }
    let device = Device::find(name).map_err(Error::system("looking at a device", "CAP_NET_ADMIN"))?;
    if device.as_ref().is_some_and(|device| !device.can_be_shared_by(queues)) {
        return Err(Error::NotTap(name.into(), Workers(queues)));
    }
    let mut interface = Interface {
        name: name.into(),
        index: device.map_or(0, |device| device.index),
        mac: mac(name),
        mtu: device.map_or(NEW_MTU, |device| device.mtu),
        addresses: Vec::new(),
        local_ports: local_ports(),
        is_up: device.is_some_and(|device| device.is_up),
        is_running: device.is_some_and(|device| device.is_running),
    };
    if device.is_some_and(|device| device.mac == interface.mac) {
        interface.mac[5] ^= 1;
    }
    Ok(interface)
}

/// The gateway's end of a TAP device that exists, as [`describe`] says.
///
/// # Errors
/// [`Error::NoSuchInterface`], and those of [`describe`].
pub fn find(among: &Interfaces, name: &str, queues: usize) -> Result<Interface, Error> {
    match among.find(name) {
        Ok(_) => describe(name, queues),
        Err(Error::NotEthernet(name)) => Err(Error::NotTap(name, Workers(queues))),
        Err(error) => Err(error),
    }
}

/// Opens a queue for each worker, and sets the device as we need it.
fn open_queues(name: &str, queues: usize) -> Result<Vec<Tap>, Error> {
    let admin = |doing| Error::system(doing, "CAP_NET_ADMIN");
    let taps = (0..queues).map(|_| open_queue(name, queues)).collect::<Result<Vec<_>, _>>()?;
    if let Some(tap) = taps.first() {
        // An existing device remembers what an earlier owner has set.
        tap.set_header(virtio::SIZE as i32).map_err(admin("setting a TAP device's header"))?;
        let set = OFFLOADS.iter().map(|offloads| tap.set_offloads(*offloads)).find(Result::is_ok);
        set.unwrap_or_else(|| tap.set_offloads(0)).map_err(admin("setting a TAP device's offloads"))?;
        let program = (queues > 1).then(|| steering::load(queues, Start::Ethernet)).transpose()?;
        tap.steer_by(program.as_ref()).map_err(admin("steering a TAP device's frames to workers"))?;
    }
    Ok(taps)
}

fn ports_of(interface: &Interface, taps: Vec<Tap>, reception: Reception) -> Vec<Port> {
    let mac = interface.mac;
    taps.into_iter().map(|tap| Port::of_tap(interface, Queue { tap, reception, mac })).collect()
}

/// `02:6e` and four bytes of the name's FNV-1a sum.
fn mac(name: &str) -> [u8; 6] {
    let sum =
        name.bytes().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let [a, b, c, d] = sum.to_be_bytes();
    [0x02, 0x6e, a, b, c, d]
}

/// Whether this is one name: the kernel would take `%d` as a request to choose.
fn is_valid(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_NAME).contains(&name.len())
        && name.bytes().all(is_plain)
        && !name.bytes().all(|byte| byte == b'.')
}

/// Opens the next queue.
fn open_queue(name: &str, queues: usize) -> Result<Tap, Error> {
    let opened = Tap::open(name, true).or_else(|error| match error.raw_os_error() {
        // Someone has made the device with a single queue.
        Some(libc::EINVAL) if queues == 1 => Tap::open(name, false),
        _ => Err(error),
    });
    opened.map_err(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => Error::NotTap(name.into(), Workers(queues)),
        Some(libc::EBUSY) => Error::TapInUse(name.into()),
        // The device file is missing, or nothing is behind it.
        Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => Error::NoTun(error),
        // The device itself says EPERM.
        Some(libc::EACCES) => Error::TunForbidden(error),
        _ => Error::system("opening a TAP device", "CAP_NET_ADMIN")(error),
    })
}

impl Queue {
    pub(crate) fn descriptor(&self) -> RawFd {
        self.tap.as_raw_fd()
    }

    /// Takes the next frame out of the queue into the room.
    pub(crate) fn next(&mut self, room: &mut Room) -> Option<Result<FrameAt, Loss>> {
        let buffer = room.next();
        // An error is seen by the next wait.
        let length = self.tap.receive(buffer).ok()?;
        if length == buffer.len() {
            return Some(Err(Loss::Truncated));
        }
        let Some(frame) = buffer.get(virtio::SIZE..length).filter(|frame| frame.len() >= ETHERNET_HEADER)
        else {
            return Some(Err(Loss::Malformed));
        };
        if self.reception == Reception::Own && is_foreign(frame, self.mac) {
            return Some(Err(Loss::Foreign));
        }
        let start = room.keep(length);
        Some(Ok(FrameAt { within: Within::Room, start, end: start + length }))
    }

    /// Sends frames, each behind its virtio header, one system call each.
    pub(crate) fn transmit(&self, frames: &[IoSlice<'_>]) -> Sent {
        Sent::one_by_one(frames, |frame| {
            self.tap.send(frame).map(|_| false).map_err(|error| SendError::of(&error))
        })
    }

    /// Whether the device is up, wherever it lives; `None` where it is gone.
    pub(crate) fn is_up(&self) -> Option<bool> {
        self.tap.is_up().ok()
    }
}

/// Whether a frame is for another machine than the one with this hardware address.
pub(crate) fn is_foreign(frame: &[u8], mac: [u8; 6]) -> bool {
    frame.get(..6).is_some_and(|to| to != mac && to[0] & 1 == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_name() {
        for name in ["tap0", "tap-web1", "a.b", "exactly15bytes_"] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", "tap%d", "..", "a b", "a/b", "sixteen-bytes-xx", "ü"] {
            assert!(matches!(describe(name, 1), Err(Error::InvalidName(_))), "{name}");
        }
    }

    #[test]
    fn a_gateways_address_is_stable_unicast_and_local() {
        assert_eq!(mac("tap-web1"), mac("tap-web1"));
        assert_ne!(mac("tap-web1"), mac("tap-web2"));
        assert_eq!(mac("tap-web1")[0] & 0x03, 0x02);
    }

    #[test]
    fn groups_and_the_own_address_are_ours() {
        let own = [2, 0x6e, 0, 0, 0, 1];
        let foreign = |to: [u8; 6]| is_foreign(&[to, [0; 6]].concat(), own);
        assert!(!foreign(own) && !foreign([0xff; 6]) && !foreign([0x33, 0x33, 0, 0, 0, 1]));
        assert!(foreign([2, 0x6e, 0, 0, 0, 2]));
    }
}
