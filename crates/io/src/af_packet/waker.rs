//! Ending a wait from another thread.

use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Ends a wait from another thread: the present one, or the next where none is under way.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    /// What the spinning side looks at.
    rung: AtomicBool,
    /// What the sleeping side waits for.
    event: File,
}

impl Waker {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Bell { rung: AtomicBool::new(false), event: sys::wait::event()? })))
    }

    /// Wakes. Waking twice before anybody answered is waking once.
    pub fn wake(&self) {
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            // It can only fail where the counter is full, and then the sleeper is awake.
            let _ = (&self.0.event).write_all(&1u64.to_ne_bytes());
        }
    }

    #[inline]
    pub(super) fn is_rung(&self) -> bool {
        self.0.rung.load(Ordering::Relaxed)
    }

    /// Makes ready for the next call.
    pub(super) fn answer(&self) {
        // The counter first: who rings in between finds the bell still rung, and we return to our caller anyway.
        let _ = (&self.0.event).read(&mut [0; 8]);
        self.0.rung.swap(false, Ordering::AcqRel);
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }
}
