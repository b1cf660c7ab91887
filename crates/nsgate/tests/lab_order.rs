//! Hundreds of flows that do not wait for answers: none of their datagrams overtakes another, there or back, not even those
//! that wait for a next hop's hardware address. Needs root.
//!
//! The far side answers while more is on its way, so that a flow's packets come by every path that they may take. Who sends
//! is kept on one processor: the kernel itself may let what is sent on one processor overtake what was sent on another, and
//! what it sends later overtake what waits for a hardware address at its own end.
#![expect(clippy::unwrap_used, reason = "tests")]

use nix::sys::socket::{setsockopt, sockopt};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::ops::Range;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testbed::figures::{assert_every_frame_is_counted, lost_anywhere, of_workers};
use testbed::flood::keep_on;
use testbed::gateway_file::GatewayFile;
use testbed::netns::Namespace;
use testbed::site::{Daemon, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_setting!(veth_2, super::Setting::veth(2), nothing_overtakes, what_waits_is_not_overtaken);
testbed::on_setting!(veth_4, super::Setting::veth(4), nothing_overtakes, what_waits_is_not_overtaken);
testbed::on_setting!(
    veth_2_handing_over,
    super::Setting::veth(2).handing_over(),
    nothing_overtakes,
    what_waits_is_not_overtaken
);
testbed::on_setting!(
    veth_4_handing_over,
    super::Setting::veth(4).handing_over(),
    nothing_overtakes,
    what_waits_is_not_overtaken
);
testbed::on_setting!(tap_2, super::Setting::tap(2), nothing_overtakes, what_waits_is_not_overtaken);
testbed::on_setting!(tap_4, super::Setting::tap(4), nothing_overtakes, what_waits_is_not_overtaken);
testbed::on_setting!(
    tap_2_handing_over,
    super::Setting::tap(2).handing_over(),
    nothing_overtakes,
    what_waits_is_not_overtaken
);
testbed::on_setting!(
    tap_4_handing_over,
    super::Setting::tap(4).handing_over(),
    nothing_overtakes,
    what_waits_is_not_overtaken
);

/// How the two machines send to each far end, one far end after the other.
#[derive(Clone, Copy)]
struct Load {
    /// Flows of each machine.
    flows: usize,
    /// Datagrams of each flow.
    each: u32,
    /// So many of a flow follow each other at once.
    burst: u32,
    /// What is on its way so long after the last sign of life is lost.
    late: Duration,
}

const WARM: Load = Load { flows: 128, each: 512, burst: 32, late: Duration::from_millis(500) };
/// All of it may be on its way at once; much of it finds no place to wait.
const COLD: Load = Load { flows: 4, each: 128, burst: 1, late: Duration::from_millis(20) };

/// The next hops of each round, by the last part of their addresses: those of the round before are known already.
const NEXT_HOPS: [Range<u8>; 2] = [128..192, 192..255];

/// The most of one machine that may be on its way there and back, so that rings and queues have room.
const WINDOW: u64 = 512;
/// What is on its way so long before anything has come back is lost: a busy host may leave the gateway no time meanwhile.
const FIRST: Duration = Duration::from_secs(2);
/// One of so many datagrams may be lost where nobody counts it.
const BOUND: u64 = 100;
/// How often it is tried anew where this host has lost most of the datagrams, of which nothing can be said.
const ROUNDS: u8 = 3;
/// Longer than the daemon takes to look after packets that nobody lets go.
const QUIET: Duration = Duration::from_millis(300);

/// What one end has received.
#[derive(Default)]
struct Received {
    count: u64,
    /// How many came after one that was sent later.
    overtaken: u64,
}

impl Received {
    fn note(&mut self, last: &mut Option<u32>, number: u32) {
        self.count += 1;
        self.overtaken += u64::from(last.is_some_and(|last| number <= last));
        *last = (*last).max(Some(number));
    }
}

impl std::iter::Sum for Received {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            count: sum.count + one.count,
            overtaken: sum.overtaken + one.overtaken,
        })
    }
}

/// What both ends have received.
struct Exchange {
    sent: u64,
    there: Received,
    back: Received,
    /// The flows that the far ends have seen.
    flows: usize,
}

impl Exchange {
    fn assert_nothing_was_overtaken(&self) {
        assert_eq!(self.there.overtaken, 0, "of {} at the far side", self.there.count);
        assert_eq!(self.back.overtaken, 0, "of {} on the way back", self.back.count);
    }
}

/// The site with the daemon, where there are two processors for its two machines.
fn site(setting: Setting) -> Option<(Site, Daemon)> {
    if thread::available_parallelism().is_ok_and(|processors| processors.get() < 2) {
        eprintln!("SKIPPED: one processor has no two machines that send at the same time");
        return None;
    }
    Site::with_setting(NSGATE, setting, &GatewayFile::open())
}

fn nothing_overtakes(setting: Setting) {
    let Some((site, daemon)) = site(setting) else { return };
    // Everybody knows their next hop.
    for machine in [&site.vm1, &site.vm3] {
        assert!(site.ping(machine, "198.51.100.1"));
    }
    let mut arrived = 0;
    let flowed = (1..=ROUNDS).any(|round| {
        let before = lost_anywhere(&site, &daemon.ask("status"));
        // What comes late from the round before finds nobody.
        let server = serve(&site, &format!("198.51.100.{round}:7"));
        let exchange = exchange(&site, &[server], WARM);
        let Exchange { sent, there, back, flows } = &exchange;
        eprintln!("{setting:?}: {sent} sent, {} arrived, {} came back", there.count, back.count);
        exchange.assert_nothing_was_overtaken();
        assert_eq!(*flows, 2 * WARM.flows, "every flow keeps its port, and none shares it");
        let status = daemon.ask("status");
        let lost = lost_anywhere(&site, &status) - before;
        assert!(there.count + lost >= sent - sent / BOUND, "{} of {sent} arrived: {status:#}", there.count);
        assert!(
            back.count + lost >= there.count - sent / BOUND,
            "{} of {} came back: {status:#}",
            back.count,
            there.count
        );
        arrived += there.count + back.count;
        there.count >= sent / 2 && back.count >= sent / 2
    });
    assert!(flowed, "hardly anything arrives: {:#}", daemon.ask("status"));
    assert_was_shared(&daemon, setting, arrived);
}

/// Each far end is a next hop of its own, which the gateway does not know when the first datagrams for it come.
fn what_waits_is_not_overtaken(setting: Setting) {
    let Some((site, daemon)) = site(setting) else { return };
    site.internet.ip("route replace local 203.0.113.128/25 dev lo");
    know(&site.vm1, "10.0.1.1", site.gateway_mac("vm1"));
    know(&site.vm3, "10.0.2.1", site.gateway_mac("vm3"));
    know(&site.internet, "203.0.113.10", site.gateway_mac("eth0"));
    let mut arrived = 0;
    let flowed = NEXT_HOPS.into_iter().any(|next_hops| {
        let before = lost_anywhere(&site, &daemon.ask("status"));
        let found_no_place = || daemon.dropped("neighbours-full", "", "");
        let places_before = found_no_place();
        let servers: Vec<_> = next_hops.map(|last| serve(&site, &format!("203.0.113.{last}:7"))).collect();
        let exchange = exchange(&site, &servers, COLD);
        let Exchange { sent, there, back, .. } = &exchange;
        let found_no_place = found_no_place() - places_before;
        eprintln!(
            "{setting:?}: {sent} sent, {} arrived, {found_no_place} found no place to wait, {} came back",
            there.count, back.count
        );
        exchange.assert_nothing_was_overtaken();
        let status = daemon.ask("status");
        let known = there.count + found_no_place + lost_anywhere(&site, &status) - before;
        assert!(known >= sent - sent / BOUND, "{known} of {sent}: {status:#}");
        // Some waited, so many that others found no place.
        assert!(found_no_place > 0, "{status:#}");
        arrived += there.count + back.count;
        // Many more came after them, and were answered.
        there.count > sent / 16 && back.count >= there.count / 2
    });
    assert!(flowed, "hardly anything arrives: {:#}", daemon.ask("status"));
    assert_was_shared(&daemon, setting, arrived);
}

/// Asserts that every worker had a part in it, and that whatever arrived had been handed over where it was to be.
fn assert_was_shared(daemon: &Daemon, setting: Setting, arrived: u64) {
    let status = daemon.ask("status");
    let busy =
        status["eachWorker"].as_array().unwrap().iter().filter(|one| one["received"].as_u64() > Some(0));
    assert_eq!(busy.count(), setting.workers.unwrap(), "{status:#}");
    let taken_over = of_workers(&status, "takenOver");
    assert!(!setting.hand_off || taken_over >= arrived, "{taken_over} of {arrived} taken over: {status:#}");
    assert_every_frame_is_counted(daemon);
}

/// A far end's socket.
fn serve(site: &Site, on: &str) -> UdpSocket {
    let server = site.internet.enter(|| UdpSocket::bind(on)).unwrap();
    setsockopt(&server, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    server.set_read_timeout(Some(QUIET)).unwrap();
    server
}

/// Tells a machine's kernel where its next hop is.
fn know(machine: &Namespace, next_hop: &str, mac: [u8; 6]) {
    let mac = mac.map(|byte| format!("{byte:02x}")).join(":");
    machine.ip(&format!("neigh replace {next_hop} lladdr {mac} dev eth0 nud permanent"));
}

/// Both machines send to all far ends, to each at the same time.
fn exchange(site: &Site, servers: &[UdpSocket], load: Load) -> Exchange {
    let over = AtomicBool::new(false);
    let together = Barrier::new(2);
    thread::scope(|scope| {
        let far: Vec<_> = servers.iter().map(|server| scope.spawn(|| answer(server, &over))).collect();
        let clients = [(0, &site.vm1), (1, &site.vm3)].map(|(cpu, machine)| {
            let together = &together;
            scope.spawn(move || {
                keep_on(cpu);
                let each = servers.iter().map(|server| {
                    let to = server.local_addr().unwrap();
                    let sender = machine.enter(|| Sender::open(to, load.flows));
                    together.wait();
                    sender.run(load)
                });
                each.sum()
            })
        });
        let back = clients.map(|client| client.join());
        over.store(true, Ordering::Relaxed);
        let (there, flows): (Vec<_>, Vec<_>) = far.into_iter().map(|far| far.join().unwrap()).unzip();
        Exchange {
            sent: (servers.len() * 2 * load.flows) as u64 * u64::from(load.each),
            there: there.into_iter().sum(),
            back: back.map(Result::unwrap).into_iter().sum(),
            flows: flows.into_iter().sum(),
        }
    })
}

/// Answers each datagram with the number of answers that its flow has had, until it is over and quiet; what came, and the
/// number of flows.
fn answer(server: &UdpSocket, over: &AtomicBool) -> (Received, usize) {
    keep_on(0);
    let mut flows: HashMap<SocketAddr, (Option<u32>, u32)> = HashMap::new();
    let (mut received, mut bytes) = (Received::default(), [0; 4]);
    loop {
        let Ok((_, peer)) = server.recv_from(&mut bytes) else {
            if over.load(Ordering::Relaxed) {
                return (received, flows.len());
            }
            continue;
        };
        let (last, answers) = flows.entry(peer).or_default();
        received.note(last, u32::from_be_bytes(bytes));
        *answers += 1;
        server.send_to(&answers.to_be_bytes(), peer).unwrap();
    }
}

/// A machine's sockets, each with the number of its last answer.
struct Sender {
    flows: Vec<(UdpSocket, Option<u32>)>,
    received: Received,
    /// How many are on their way, or lost not long ago.
    out: u64,
}

impl Sender {
    fn open(to: SocketAddr, flows: usize) -> Self {
        let open = |_| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect(to).unwrap();
            socket.set_nonblocking(true).unwrap();
            (socket, None)
        };
        Self { flows: (0..flows).map(open).collect(), received: Received::default(), out: 0 }
    }

    /// Sends all flows, a few datagrams of each in turn; what came back.
    fn run(mut self, load: Load) -> Received {
        for first in (0..load.each).step_by(load.burst as usize) {
            for nth in 0..self.flows.len() {
                for number in first..first + load.burst {
                    self.flows[nth].0.send(&number.to_be_bytes()).unwrap();
                }
                self.out += u64::from(load.burst);
                self.wait_below(WINDOW, load.late);
            }
        }
        self.wait_below(1, load.late);
        self.received
    }

    /// Takes answers until fewer are out. What is out when none has come for so long is lost; the first one may take longer.
    fn wait_below(&mut self, most: u64, late: Duration) {
        let mut since = Instant::now();
        while self.out >= most {
            let before = self.received.count;
            for (socket, last) in &mut self.flows {
                let mut bytes = [0; 4];
                while socket.recv(&mut bytes).is_ok() {
                    self.received.note(last, u32::from_be_bytes(bytes));
                }
            }
            let came = self.received.count - before;
            if came > 0 {
                since = Instant::now();
            }
            let late = if self.received.count == 0 { late.max(FIRST) } else { late };
            // One that was given up may still come.
            self.out = if since.elapsed() > late { 0 } else { self.out.saturating_sub(came) };
        }
    }
}
