//! More frames than anybody asked for: a generator on a thread of its own.
#![expect(clippy::panic, clippy::expect_used, reason = "the caller is a test")]

use crate::netns::Namespace;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType, bind, sendmmsg, socket,
};
use nix::unistd::Pid;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use testkit::build::{OwnedFrame, ipv4, ipv6};

/// The most frames that one system call sends.
pub const BATCH: usize = 64;
/// How many frames a paced flood sends at once: few, so that others on its processor have their turn.
const PACED: usize = 16;
/// How much of what a paced flood could not send in time it makes up for.
const LAG: Duration = Duration::from_millis(5);

/// A sort of frames that `vm1` of a [`Site`](crate::site::Site) floods with.
#[derive(Clone, Copy, Debug)]
pub struct Sort {
    /// What they are.
    pub name: &'static str,
    frame: fn(u32) -> OwnedFrame,
}

impl Sort {
    /// SYNs from and to random ports of an address that never answers.
    pub const SYNS: Self = Self {
        name: "SYNs to random ports",
        frame: |nth| ipv4("10.0.1.4", "192.0.2.1").tcp(port(nth, 1), port(nth, 2)).syn().seq(nth).into(),
    };
    /// Datagrams from and to random ports of `vm2`.
    pub const DATAGRAMS: Self = Self {
        name: "UDP to random ports",
        frame: |nth| ipv4("10.0.1.4", "10.0.1.5").udp(port(nth, 3), port(nth, 4)).data(8).into(),
    };
    /// Fragments whose first one never comes.
    pub const ORPHANS: Self = Self {
        name: "orphan fragments",
        frame: |nth| ipv4("10.0.1.4", "198.51.100.9").protocol(17).id(nth).fragment(80, false).data(8).into(),
    };
    /// The same over IPv6, to another machine.
    pub const ORPHANS_V6: Self = Self {
        name: "orphan fragments of IPv6",
        frame: |nth| {
            let frame = ipv6("fd00:a:0:1::4", "fd00:a:0:2::4").protocol(17);
            frame.id(nth).fragment(80, false).data(8).into()
        },
    };
    /// Datagrams under another machine's address.
    pub const SPOOFED: Self = Self {
        name: "spoofed sources",
        frame: |nth| ipv4("10.0.2.4", "198.51.100.9").udp(port(nth, 5), 53).data(8).into(),
    };

    /// So many different ones, with the hardware addresses of their sender and of the gateway.
    pub fn frames(&self, count: u32, sender: [u8; 6], gateway: [u8; 6]) -> Vec<Vec<u8>> {
        let addressed = |nth| {
            let mut bytes = (self.frame)(nth).bytes;
            bytes[..6].copy_from_slice(&gateway);
            bytes[6..12].copy_from_slice(&sender);
            bytes
        };
        (0..count).map(addressed).collect()
    }
}

/// A port that looks random.
fn port(nth: u32, salt: u32) -> u16 {
    ((nth ^ salt << 20).wrapping_mul(0x9e37_79b1) >> 16) as u16 | 1
}

/// A packet socket of one interface that only sends.
#[derive(Debug)]
pub struct Outlet(OwnedFd);

impl Outlet {
    /// Opens `interface` of the namespace that the calling thread is in.
    ///
    /// # Errors
    /// Where there is no such interface, or no right to open it.
    pub fn open(interface: &str) -> io::Result<Self> {
        let raw = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?;
        bind(raw.as_raw_fd(), &link(interface)?)?;
        Ok(Self(raw))
    }

    /// Sends frames, at most [`BATCH`] of them, and says how many went; none where the device has no room.
    ///
    /// # Errors
    /// What the system says.
    pub fn send(&self, frames: &[Vec<u8>]) -> io::Result<usize> {
        let mut headers = MultiHeaders::<LinkAddr>::preallocate(BATCH, None);
        let slices: Vec<[IoSlice<'_>; 1]> =
            frames.iter().take(BATCH).map(|frame| [IoSlice::new(frame)]).collect();
        match sendmmsg(self.0.as_raw_fd(), &mut headers, &slices, [None; BATCH], [], MsgFlags::empty()) {
            Ok(results) => Ok(results.count()),
            Err(Errno::ENOBUFS | Errno::EAGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

/// The link-level address of an interface.
///
/// # Errors
/// Where there is no such interface.
pub fn link(interface: &str) -> io::Result<LinkAddr> {
    let found = getifaddrs()?
        .filter(|entry| entry.interface_name == interface)
        .find_map(|entry| entry.address?.as_link_addr().copied());
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no interface {interface}")))
}

/// A flood that goes on until it is stopped or dropped.
#[derive(Debug)]
pub struct Flood {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: Option<JoinHandle<()>>,
}

impl Flood {
    /// Sends `frames` round and round from an interface of a namespace, `rate` of them a second as far as the machine
    /// gives it, from processor `cpu` where one is named.
    pub fn start(
        namespace: &Namespace,
        interface: &str,
        frames: Vec<Vec<u8>>,
        rate: u32,
        cpu: Option<usize>,
    ) -> Self {
        let outlet = namespace.enter(|| Outlet::open(interface)).expect("a packet socket");
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (told, count) = (Arc::clone(&stop), Arc::clone(&sent));
        let thread = thread::spawn(move || {
            if let Some(cpu) = cpu {
                keep_on(cpu);
            }
            let mut start = Instant::now();
            let mut due = 0_u64;
            for batch in frames.chunks(PACED).cycle() {
                if told.load(Ordering::Relaxed) {
                    return;
                }
                let at = start + Duration::from_nanos(due * 1_000_000_000 / u64::from(rate));
                match at.checked_duration_since(Instant::now()) {
                    Some(early) if early > Duration::ZERO => thread::sleep(early),
                    _ if at.elapsed() > LAG => (start, due) = (Instant::now(), 0),
                    _ => {}
                }
                due += batch.len() as u64;
                match outlet.send(batch) {
                    Ok(sent) => drop(count.fetch_add(sent as u64, Ordering::Relaxed)),
                    Err(error) => panic!("flooding: {error}"),
                }
            }
        });
        Self { stop, sent, thread: Some(thread) }
    }

    /// How many frames it has sent so far.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Ends it; how many frames it has sent.
    pub fn stop(mut self) -> u64 {
        self.end();
        self.sent()
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || thread::panicking(), "the flood broke off");
        }
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.end();
    }
}

/// Keeps the calling thread on one processor.
pub fn keep_on(cpu: usize) {
    let mut one = CpuSet::new();
    let kept = one.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &one));
    kept.unwrap_or_else(|error| panic!("keeping to processor {cpu}: {error}"));
}
