//! A thousand connections at once through SNAT: every byte right, nothing overtaken, every frame counted once. Needs root.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use testkit::figures::{assert_every_frame_is_counted, lost};
use testkit::gateway_file::GatewayFile;
use testkit::netns::Namespace;
use testkit::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testkit::on_every_setting!(a_thousand_transfers_at_once);

const THREADS: usize = 8;
const EACH: usize = 125;
const ROUNDS: usize = 10;
const CHUNK: usize = 2000;

/// A connection to the echo server, and how the server sees us.
struct Transfer {
    stream: TcpStream,
    seen: SocketAddr,
    number: usize,
}

impl Transfer {
    fn begin(machine: &Namespace, number: usize) -> Self {
        let mut stream = machine.enter(|| TcpStream::connect("198.51.100.1:80")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut line = Vec::new();
        while line.last() != Some(&b'\n') {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            line.push(byte[0]);
        }
        let seen = std::str::from_utf8(&line).unwrap().trim().parse().unwrap();
        Self { stream, seen, number }
    }

    /// What this connection sends in a round, unlike any other.
    fn chunk(&self, round: usize) -> Vec<u8> {
        let mut state = (self.number * ROUNDS + round) as u64 + 1;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..CHUNK).map(next).collect()
    }
}

/// What a machine had no room for at its own interface.
fn dropped_by(machine: &Namespace) -> u64 {
    machine.run("cat /sys/class/net/eth0/statistics/tx_dropped").trim().parse().unwrap()
}

/// A counter of TCP in a machine's kernel.
fn tcp_counter(machine: &Namespace, name: &str) -> u64 {
    let shown = machine.run("cat /proc/net/netstat");
    let mut lines = shown.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        let mut pairs = names.split_whitespace().zip(values.split_whitespace());
        if let Some((_, value)) = pairs.find(|(key, _)| *key == name) {
            return value.parse().unwrap();
        }
    }
    panic!("the kernel does not count {name}")
}

fn a_thousand_transfers_at_once(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    let begun: Vec<Vec<Transfer>> = thread::scope(|scope| {
        let begin = |thread: usize| {
            let machine = if thread.is_multiple_of(2) { &site.vm1 } else { &site.vm3 };
            move || (0..EACH).map(|nth| Transfer::begin(machine, thread * EACH + nth)).collect()
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(begin(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let seen: HashSet<SocketAddr> = begun.iter().flatten().map(|transfer| transfer.seen).collect();
    assert_eq!(seen.len(), THREADS * EACH, "no two share a translated port");
    assert!(seen.iter().all(|address| address.ip().to_string() == "203.0.113.10"));
    let status = daemon.ask("status");
    assert_eq!(status["snatPortsUsed"], THREADS * EACH);
    assert_eq!(status["eachWorker"].as_array().map(Vec::len), setting.workers);
    for worker in status["eachWorker"].as_array().unwrap() {
        assert!(worker["flows"]["used"].as_u64() > Some(0), "every worker has its share: {status:#}");
    }

    thread::scope(|scope| {
        for mut own in begun {
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    for transfer in &mut own {
                        let chunk = transfer.chunk(round);
                        transfer.stream.write_all(&chunk).unwrap();
                    }
                    for transfer in &mut own {
                        let mut back = vec![0; CHUNK];
                        transfer.stream.read_exact(&mut back).unwrap();
                        assert!(back == transfer.chunk(round), "transfer {} differs", transfer.number);
                    }
                }
            });
        }
    });
    let status = daemon.ask("status");
    let machines = [&site.internet, &site.vm1, &site.vm3];
    let overtaken: u64 = machines.iter().map(|machine| tcp_counter(machine, "TCPOFOQueue")).sum();
    // What comes after a loss is out of order for the receiver too. The machine's end of a TAP device drops what the
    // daemon does not take in time, and only the machine sees that.
    let lost = lost(&status) + machines.iter().map(|machine| dropped_by(machine)).sum::<u64>();
    assert!(overtaken == 0 || lost > 0, "{overtaken} segments were overtaken: {status:#}");
    assert_every_frame_is_counted(&daemon);
}
