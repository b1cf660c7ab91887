//! A gateway between two machines: `left` and `right` each have `eth0`, the gateway `vl` and `vr`.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the caller is a test")]

use io::{AfPacket, Interface, Links, Reception, interface};
use packet::{AttachmentId, Frame};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::netns::{Namespace, veth};

pub(crate) const L: AttachmentId = AttachmentId(0);
pub(crate) const R: AttachmentId = AttachmentId(1);

/// Time enough for anything that should happen, however busy the machine is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Site {
    pub(crate) left: Namespace,
    pub(crate) gateway: Namespace,
    pub(crate) right: Namespace,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site = Self {
            left: Namespace::new("left"),
            gateway: Namespace::new("gateway"),
            right: Namespace::new("right"),
        };
        veth((&site.left, "eth0"), (&site.gateway, "vl"));
        veth((&site.right, "eth0"), (&site.gateway, "vr"));
        site
    }

    pub(crate) fn interface(&self, name: &str) -> Interface {
        self.gateway.enter(|| interface::find(name)).expect("the gateway's interface")
    }

    /// Both interfaces of the gateway, attached for everything they hear.
    pub(crate) fn attach(&self) -> AfPacket {
        self.gateway.enter(|| {
            let mut links = AfPacket::new().unwrap();
            for (id, name) in [(L, "vl"), (R, "vr")] {
                links.attach(id, &interface::find(name).unwrap(), Reception::All).unwrap();
            }
            links
        })
    }
}

/// A gateway that carries frames from either side to the other until it is stopped.
pub(crate) struct Bridge {
    thread: JoinHandle<AfPacket>,
    is_over: Arc<AtomicBool>,
    waker: io::Waker,
}

impl Bridge {
    /// `look` sees every frame and may change it.
    pub(crate) fn start(
        mut links: AfPacket,
        mut look: impl FnMut(AttachmentId, &mut Frame<'_>) + Send + 'static,
    ) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (stop, waker) = (is_over.clone(), links.waker());
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Acquire) {
                let mut taken = 0;
                for (from, to) in [(L, R), (R, L)] {
                    let relayed = links.relay(from, 64, |frame| {
                        look(from, frame);
                        Some(to)
                    });
                    taken += relayed.unwrap();
                }
                if taken == 0 {
                    links.wait(Duration::from_secs(1)).unwrap();
                }
            }
            links
        });
        Self { thread, is_over, waker }
    }

    pub(crate) fn stop(self) -> AfPacket {
        self.is_over.store(true, Ordering::Release);
        self.waker.wake();
        self.thread.join().expect("the bridge")
    }
}

/// Relays what has arrived on `from` until `count` frames were taken.
pub(crate) fn relay_all(
    links: &mut AfPacket,
    from: AttachmentId,
    count: usize,
    mut judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
) {
    let mut taken = 0;
    let start = std::time::Instant::now();
    while taken < count {
        assert!(start.elapsed() < PATIENCE, "{taken} of {count} frames arrived");
        taken += links.relay(from, count - taken, &mut judge).unwrap();
        if taken < count {
            links.wait(Duration::from_millis(100)).unwrap();
        }
    }
}
