//! TAP devices: a descriptor for each queue, one frame a system call.
//!
//! # Source
//! The kernel's `Documentation/networking/tuntap.rst` and `linux/if_tun.h`.

use super::{check, device};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// One queue of a TAP device; it never blocks.
#[derive(Debug)]
pub(crate) struct Tap(File);

impl Tap {
    /// Opens the next queue of the device with this name in the calling thread's network namespace, and makes the
    /// device where there is none.
    pub(crate) fn open(name: &str, is_one_of_many: bool) -> io::Result<Self> {
        let flags = libc::O_NONBLOCK | libc::O_CLOEXEC;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/net/tun")?;
        let mut request = device::request(name);
        let several = if is_one_of_many { libc::IFF_MULTI_QUEUE } else { 0 };
        let flags = libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR | several;
        request.ifr_ifru.ifru_flags = flags as i16;
        // SAFETY: the kernel reads one `ifreq` and writes the device's name into it.
        check(unsafe { libc::ioctl(file.as_raw_fd(), libc::TUNSETIFF, &raw mut request) }.into())?;
        Ok(Self(file))
    }

    /// Sets the bytes of the virtio header before every frame, for the whole device.
    pub(crate) fn set_header(&self, bytes: i32) -> io::Result<()> {
        self.set(libc::TUNSETVNETHDRSZ, &bytes)
    }

    /// Says what of their work the machine's senders may leave to us, for the whole device.
    pub(crate) fn set_offloads(&self, offloads: u32) -> io::Result<()> {
        // SAFETY: this request takes its flags by value.
        let result =
            unsafe { libc::ioctl(self.0.as_raw_fd(), libc::TUNSETOFFLOAD, libc::c_ulong::from(offloads)) };
        check(result.into()).map(drop)
    }

    /// Lets a program choose the queue of each frame, or the kernel where there is none.
    pub(crate) fn steer_by(&self, program: Option<&OwnedFd>) -> io::Result<()> {
        self.set(libc::TUNSETSTEERINGEBPF, &program.map_or(-1, AsRawFd::as_raw_fd))
    }

    /// Receives a frame behind its virtio header and says how long both are; what does not fit is lost.
    pub(crate) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &self.0, bytes)
    }

    /// Sends a frame that stands behind its virtio header.
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut &self.0, bytes)
    }

    /// Whether the device has been set up, in whatever network namespace it lives; an error where it is gone.
    pub(crate) fn is_up(&self) -> io::Result<bool> {
        // Only a device that is up can be written to.
        let mut watch = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLOUT, revents: 0 };
        // SAFETY: the kernel reads and writes the one `pollfd` it is told of.
        check(unsafe { libc::poll(&raw mut watch, 1, 0) }.into())?;
        match watch.revents & libc::POLLERR {
            0 => Ok(watch.revents & libc::POLLOUT != 0),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn set(&self, what: libc::Ioctl, value: &i32) -> io::Result<()> {
        // SAFETY: the requests that come here read one integer.
        check(unsafe { libc::ioctl(self.0.as_raw_fd(), what, std::ptr::from_ref(value)) }.into()).map(drop)
    }
}

impl AsRawFd for Tap {
    fn as_raw_fd(&self) -> std::os::fd::RawFd {
        self.0.as_raw_fd()
    }
}
