//! Hundreds of flows that do not wait for answers: none of their datagrams overtakes another, there or back. Needs root.
//!
//! The far side answers while more is on its way, so that a flow's packets come by every path that they may take. Who sends
//! is kept on one processor: the kernel itself may let what is sent on one processor overtake what was sent on another.
#![expect(clippy::unwrap_used, reason = "tests")]

use nix::sys::socket::{setsockopt, sockopt};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use testkit::figures::{assert_every_frame_is_counted, of_workers};
use testkit::flood::keep_on;
use testkit::gateway_file::GatewayFile;
use testkit::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testkit::on_setting!(veth_2, super::Setting::veth(2), nothing_overtakes);
testkit::on_setting!(veth_4, super::Setting::veth(4), nothing_overtakes);
testkit::on_setting!(veth_2_handing_over, super::Setting::veth(2).handing_over(), nothing_overtakes);
testkit::on_setting!(tap_2, super::Setting::tap(2), nothing_overtakes);
testkit::on_setting!(tap_2_handing_over, super::Setting::tap(2).handing_over(), nothing_overtakes);

/// Flows of each of the two machines.
const FLOWS: usize = 128;
/// Datagrams of each flow.
const EACH: u32 = 2048;
/// So many of a flow follow each other at once.
const BURST: u32 = 32;
/// The most of one machine that may be on its way there and back, so that rings and queues have room.
const WINDOW: u64 = 512;
/// What is on its way so long after the last sign of life is lost.
const LATE: Duration = Duration::from_millis(100);
/// One of so many datagrams may be lost.
const BOUND: u64 = 100;

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

fn nothing_overtakes(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let server = site.internet.enter(|| UdpSocket::bind("198.51.100.1:7")).unwrap();
    setsockopt(&server, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    server.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    // Everybody knows their next hop: the kernel lets what is sent overtake what waits for a hardware address.
    for machine in [&site.vm1, &site.vm3] {
        assert!(site.ping(machine, "198.51.100.1"));
    }
    let over = AtomicBool::new(false);
    let start = Instant::now();
    let (there, back, flows) = thread::scope(|scope| {
        let far = scope.spawn(|| answer(&server, &over));
        let clients = [(0, &site.vm1), (1, &site.vm3)].map(|(cpu, machine)| {
            scope.spawn(move || {
                let sender = machine.enter(Sender::open);
                keep_on(cpu);
                sender.run()
            })
        });
        let back = clients.map(|client| client.join());
        over.store(true, Ordering::Relaxed);
        let (there, flows) = far.join().unwrap();
        (there, back.map(Result::unwrap), flows)
    });
    let sent = 2 * FLOWS as u64 * u64::from(EACH);
    let came_back: u64 = back.iter().map(|one| one.count).sum();
    eprintln!(
        "{setting:?}: {sent} sent, {} arrived, {came_back} came back, {:?}",
        there.count,
        start.elapsed()
    );
    assert_eq!(there.overtaken, 0, "of {} at the far side", there.count);
    assert_eq!(back.iter().map(|one| one.overtaken).sum::<u64>(), 0, "of {came_back} on the way back");
    assert_eq!(flows, 2 * FLOWS, "every flow keeps its port, and none shares it");
    let status = daemon.ask("status");
    assert!(there.count >= sent - sent / BOUND, "{} of {sent} arrived: {status:#}", there.count);
    assert!(came_back >= there.count - sent / BOUND, "{came_back} of {} came back: {status:#}", there.count);
    // It was a test of what it says.
    let busy =
        status["eachWorker"].as_array().unwrap().iter().filter(|one| one["received"].as_u64() > Some(0));
    assert_eq!(busy.count(), setting.workers.unwrap(), "{status:#}");
    let handed_over = of_workers(&status, "handedOver");
    assert!(!setting.hand_off || handed_over >= sent, "{handed_over} handed over: {status:#}");
    assert_every_frame_is_counted(&daemon);
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
    fn open() -> Self {
        let open = |_| {
            let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
            socket.connect("198.51.100.1:7").unwrap();
            socket.set_nonblocking(true).unwrap();
            (socket, None)
        };
        Self { flows: (0..FLOWS).map(open).collect(), received: Received::default(), out: 0 }
    }

    /// Sends all flows, a few datagrams of each in turn; what came back.
    fn run(mut self) -> Received {
        for first in (0..EACH).step_by(BURST as usize) {
            for nth in 0..FLOWS {
                for number in first..first + BURST {
                    self.flows[nth].0.send(&number.to_be_bytes()).unwrap();
                }
                self.out += u64::from(BURST);
                self.wait_below(WINDOW);
            }
        }
        self.wait_below(1);
        self.received
    }

    /// Takes answers until fewer are out. What is out when none has come for so long is lost.
    fn wait_below(&mut self, most: u64) {
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
            // One that was given up may still come.
            self.out = if since.elapsed() > LATE { 0 } else { self.out.saturating_sub(came) };
        }
    }
}
