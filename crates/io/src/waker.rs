//! Ending a wait from another thread.

use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The waiting side looks before it sleeps.
const AWAKE: u8 = 0;
/// The waiting side has to be woken by the kernel.
const ASLEEP: u8 = 1;
/// Somebody has called.
const CALLED: u8 = 2;

/// Ends a wait from another thread: the present one, or the next where none is under way.
///
/// # Cost
/// One atomic exchange; a system call only where the other thread sleeps and nobody has called it yet.
#[derive(Clone, Debug)]
pub struct Waker(Arc<Bell>);

#[derive(Debug)]
struct Bell {
    state: AtomicU8,
    /// What the sleeping side waits for.
    event: File,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(Bell { state: AtomicU8::new(AWAKE), event: sys::wait::event()? })))
    }

    /// Wakes. Waking twice before anybody answered is waking once.
    ///
    /// What the caller wrote before this, the woken thread sees after its wait.
    pub fn wake(&self) {
        if self.0.state.swap(CALLED, Ordering::AcqRel) == ASLEEP {
            // It can only fail where the counter is full, and then the sleeper is awake.
            let _ = (&self.0.event).write_all(&1u64.to_ne_bytes());
        }
    }

    #[inline]
    pub(crate) fn is_called(&self) -> bool {
        self.0.state.load(Ordering::Relaxed) == CALLED
    }

    /// Says that the waiting side is about to sleep; false where somebody has called, and it must not.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.0.state.compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Says that the waiting side is awake and has heard every call; `is_ringing` where its descriptor can be read.
    pub(crate) fn answer(&self, is_ringing: bool) {
        self.0.state.swap(AWAKE, Ordering::AcqRel);
        // A caller may ring after it was heard; then the next sleep ends at once, for nothing.
        if is_ringing {
            let _ = (&self.0.event).read(&mut [0; 8]);
        }
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What has been written to the descriptor since it was last asked.
    fn rings(waker: &Waker) -> u64 {
        let mut count = [0; 8];
        (&waker.0.event).read_exact(&mut count).map_or(0, |()| u64::from_ne_bytes(count))
    }

    #[test]
    fn the_kernel_is_asked_only_for_a_sleeper_and_once() {
        let waker = Waker::new().unwrap();
        (0..1000).for_each(|_| waker.wake());
        assert_eq!(rings(&waker), 0, "awake");
        assert!(!waker.fall_asleep(), "called before it slept");
        waker.answer(false);
        assert!(waker.fall_asleep());
        (0..1000).for_each(|_| waker.wake());
        assert_eq!(rings(&waker), 1, "asleep");
        waker.answer(false);
        assert!(!waker.is_called());
    }

    #[test]
    fn no_call_is_lost_between_two_threads() {
        const CALLS: u64 = 20_000;
        let (waker, written) = (Waker::new().unwrap(), std::sync::atomic::AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..CALLS {
                    written.fetch_add(1, Ordering::Relaxed);
                    waker.wake();
                }
            });
            let mut seen = 0;
            let mut watch = [sys::wait::Watch::new(waker.descriptor())];
            while seen < CALLS {
                let is_ringing = waker.fall_asleep() && {
                    // A lost call would leave this waiting until the end of the test's patience.
                    sys::wait::wait(&mut watch, std::time::Duration::from_secs(20)).unwrap();
                    assert!(watch[0].is_ready(), "after {seen} calls");
                    true
                };
                waker.answer(is_ringing);
                seen = written.load(Ordering::Relaxed);
            }
        });
    }
}
