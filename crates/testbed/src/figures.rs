//! What a running daemon has counted, and what the kernel has at the far ends.
#![expect(clippy::expect_used, reason = "the caller is a test")]

use crate::netns::{Namespace, eventually};
use crate::site::{Daemon, PATIENCE, Site};
use serde_json::Value;
use std::fs;

/// A number of a `status` answer; 0 where there is none.
pub fn number(status: &Value, path: &str) -> u64 {
    status.pointer(path).and_then(Value::as_u64).unwrap_or(0)
}

/// The sum of a number over all workers.
pub fn of_workers(status: &Value, key: &str) -> u64 {
    let workers = status["eachWorker"].as_array().expect("status names each worker");
    workers.iter().filter_map(|worker| worker[key].as_u64()).sum()
}

/// Frames that were lost on the way through the gateway, for want of room.
pub fn lost(status: &Value) -> u64 {
    let attachments = status["attachments"].as_array().expect("status names each attachment").iter();
    attachments.map(lost_at).sum::<u64>() + of_workers(status, "lostBetween")
}

/// The same with what found no room in the kernel at either end of a wire. What both have counted is counted twice.
pub fn lost_anywhere(site: &Site, status: &Value) -> u64 {
    lost_on_wires(site, status, &site.wired().map(|(_, name)| name)) + of_workers(status, "lostBetween")
}

/// Frames that found no room at one of the gateway's attachments.
fn lost_at(attachment: &Value) -> u64 {
    number(attachment, "/ringDrops") + number(attachment, "/sendFailures")
}

/// What [`lost_anywhere`] counts on the wires to whoever is behind these interfaces of the gateway.
pub fn lost_on_wires(site: &Site, status: &Value, interfaces: &[&str]) -> u64 {
    let attachments = status["attachments"].as_array().expect("status names each attachment").iter();
    let named = attachments.filter(|one| interfaces.iter().any(|name| one["interface"] == *name));
    let ends = site.wired().into_iter().filter(|(_, name)| interfaces.contains(name));
    let at_ends = ends.map(|(machine, name)| dropped(machine, "eth0") + dropped(&site.gateway, name));
    named.map(lost_at).sum::<u64>() + at_ends.sum::<u64>()
}

/// Frames that a namespace's kernel has dropped at an interface, received or to be sent; 0 where there is no such interface.
fn dropped(namespace: &Namespace, interface: &str) -> u64 {
    let table = namespace.enter(|| fs::read_to_string("/proc/thread-self/net/dev"));
    let table = table.expect("the kernel's table of interfaces");
    let counts = table.lines().find_map(|line| line.trim_start().strip_prefix(interface)?.strip_prefix(':'));
    // Eight numbers about what is received, then about what is sent: bytes, packets, errors, drops.
    let counts = counts.into_iter().flat_map(str::split_whitespace).skip(3).step_by(8);
    counts.map(|count| count.parse::<u64>().expect("a number")).sum()
}

/// The packets that ended so; 0 where none did.
pub fn ended(status: &Value, ending: &str) -> u64 {
    let endings = status["endings"].as_array().expect("status has endings").iter();
    endings.filter(|one| one["ending"] == ending).map(|one| number(one, "/packets")).sum()
}

/// The daemon's status once no worker receives anything.
///
/// # Panics
/// Where it does not get quiet within some seconds.
pub fn when_quiet(daemon: &Daemon) -> Value {
    let quiet = eventually(PATIENCE, || {
        // Workers answer one after the other, so only a quiet moment adds up.
        let (one, other) = (daemon.ask("status"), daemon.ask("status"));
        (one["eachWorker"] == other["eachWorker"]).then_some(other)
    });
    quiet.expect("it gets quiet")
}

/// Frames at one far end, as its kernel counts them or as the daemon does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frames {
    /// From the far end to the gateway.
    pub to_gateway: u64,
    /// From the gateway to the far end.
    pub from_gateway: u64,
}

impl Frames {
    fn since(self, before: Self) -> Self {
        Self {
            to_gateway: self.to_gateway - before.to_gateway,
            from_gateway: self.from_gateway - before.from_gateway,
        }
    }
}

/// What the kernel of a machine has counted at its wire.
fn of_kernel(machine: &Namespace) -> Frames {
    let count = |name: &str| {
        let shown = machine.run(&format!("cat /sys/class/net/eth0/statistics/{name}"));
        shown.trim().parse().expect("a number")
    };
    Frames { to_gateway: count("tx_packets"), from_gateway: count("rx_packets") }
}

/// What the daemon has counted at one of its interfaces, with all that reached it and was not judged.
fn of_daemon(status: &Value, interface: &str) -> Frames {
    let attachments = status["attachments"].as_array().expect("status names each attachment");
    let one = attachments.iter().find(|one| one["interface"] == interface).expect("the attachment");
    let came = ["/received", "/ringDrops", "/broken", "/foreign"].map(|key| number(one, key));
    Frames { to_gateway: came.iter().sum(), from_gateway: number(one, "/sent") }
}

/// Both counts of every wire of a site, taken while nothing was on its way.
#[derive(Debug)]
pub struct Wirewise {
    kernel: Vec<Frames>,
    daemon: Vec<Frames>,
    status: Value,
}

impl Wirewise {
    /// Takes them.
    ///
    /// # Panics
    /// Where it does not get quiet within some seconds.
    pub fn take(site: &Site, daemon: &Daemon) -> Self {
        let wired = site.wired();
        let kernel = || -> Vec<_> { wired.iter().map(|(machine, _)| of_kernel(machine)).collect() };
        let taken = eventually(PATIENCE, || {
            // Hosts ask for each other's addresses when they like: the kernel's counts must be the same before and after.
            let before = kernel();
            let status = when_quiet(daemon);
            let daemon = wired.iter().map(|(_, interface)| of_daemon(&status, interface)).collect();
            let taken = Self { kernel: kernel(), daemon, status };
            (taken.kernel == before).then_some(taken)
        });
        taken.expect("it gets quiet")
    }

    /// Takes them once the daemon has counted since `before` what the kernel has, or after some seconds.
    pub fn take_alike_since(before: &Self, site: &Site, daemon: &Daemon) -> Self {
        let alike = eventually(PATIENCE, || {
            let taken = Self::take(site, daemon);
            let [kernel, daemon] = taken.since(before);
            (kernel == daemon).then_some(taken)
        });
        alike.unwrap_or_else(|| Self::take(site, daemon))
    }

    /// The frames of each wire since then, as the kernel and as the daemon counts them.
    fn since(&self, before: &Self) -> [Vec<Frames>; 2] {
        let since = |now: &[Frames], then: &[Frames]| {
            now.iter().zip(then).map(|(now, then)| now.since(*then)).collect()
        };
        [since(&self.kernel, &before.kernel), since(&self.daemon, &before.daemon)]
    }

    /// How many packets ended so since `before`.
    pub fn ended_since(&self, before: &Self, ending: &str) -> u64 {
        ended(&self.status, ending) - ended(&before.status, ending)
    }

    /// Asserts that since `before` the daemon has counted at every wire what the kernel has at its far end; all frames since
    /// then, over all wires.
    ///
    /// # Panics
    /// Where the two differ.
    pub fn assert_alike_since(&self, before: &Self) -> Frames {
        let [kernel, daemon] = self.since(before);
        assert_eq!(kernel, daemon, "the kernel's count and the daemon's, wire by wire: {:#}", self.status);
        Frames {
            to_gateway: kernel.iter().map(|one| one.to_gateway).sum(),
            from_gateway: kernel.iter().map(|one| one.from_gateway).sum(),
        }
    }
}

/// Asserts that every frame received has ended, or waits, and nothing twice; within some seconds, once all is quiet.
///
/// # Panics
/// Where it is not so, or it does not get quiet.
pub fn assert_every_frame_is_counted(daemon: &Daemon) {
    let status = when_quiet(daemon);
    let endings = status["endings"].as_array().expect("status has endings").iter();
    let ended: u64 = endings.map(|ending| number(ending, "/packets")).sum();
    assert_eq!(ended, of_workers(&status, "ended"));
    // Each side of the balance is a sum: a miscount shows as a difference, and not as a subtraction that cannot be done.
    let [received, handed, taken, lost] =
        ["received", "handedOver", "takenOver", "lostBetween"].map(|key| of_workers(&status, key));
    let waiting = number(&status, "/framesWaiting");
    assert_eq!(received + taken + lost, ended + waiting + handed, "{status:#}");
    assert!(lost <= handed, "what is lost between workers was handed over: {status:#}");
}
