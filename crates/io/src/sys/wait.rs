//! Waiting for several descriptors, and being woken.

use super::{check, owned};
use std::fs::File;
use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// A descriptor to wait for, as `poll(2)` wants it.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(crate) struct Watch(libc::pollfd);

impl Watch {
    /// Waits until `fd` can be read.
    pub(crate) fn new(fd: RawFd) -> Self {
        Self(libc::pollfd { fd, events: libc::POLLIN, revents: 0 })
    }

    /// Waits for nothing on a descriptor that has nothing more to say.
    pub(crate) fn ignore(&mut self) {
        self.0.fd = -1;
    }

    /// Forgets what the last wait found.
    pub(crate) fn clear(&mut self) {
        self.0.revents = 0;
    }

    /// Whether the last wait found something to read.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.revents & libc::POLLIN != 0
    }

    /// Whether the last wait found an error pending on the descriptor.
    pub(crate) fn has_error(&self) -> bool {
        self.0.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0
    }
}

/// Waits until one of the descriptors is ready, a signal arrives, or the time is over.
pub(crate) fn wait(watches: &mut [Watch], timeout: Duration) -> io::Result<()> {
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: timeout.subsec_nanos().into(),
    };
    // SAFETY: `Watch` has the layout of `pollfd`, the length is the slice's, and no signal mask is passed.
    let result = unsafe {
        libc::ppoll(watches.as_mut_ptr().cast(), watches.len() as _, &raw const timeout, std::ptr::null())
    };
    match check(result.into()) {
        Err(error) if error.kind() != io::ErrorKind::Interrupted => Err(error),
        _ => Ok(()),
    }
}

/// A counter in the kernel: readable while it is not zero, and never blocking (`eventfd(2)`).
pub(crate) fn event() -> io::Result<File> {
    // SAFETY: no pointer is passed.
    owned(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) }.into()).map(File::from)
}
