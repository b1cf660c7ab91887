//! A thousand connections at once through SNAT: every byte right, nothing overtaken, every frame counted once. Needs root.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::{HashMap, HashSet};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;
use testbed::figures::{assert_every_frame_is_counted, lost_anywhere};
use testbed::gateway_file::GatewayFile;
use testbed::netns::Namespace;
use testbed::site::{Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(a_thousand_transfers_at_once);

const THREADS: usize = 8;
const EACH: usize = 125;
/// So many rounds, and more until nothing was lost in one.
const ROUNDS: usize = 10;
const MOST_ROUNDS: usize = 50;
/// So many of its transfers a thread has under way in every other round: few enough for every queue on their way.
const FEW: usize = 5;
const CHUNK: usize = 2000;
const PIECE: usize = 250;

/// A connection to the echo server, and how the server sees us.
struct Transfer {
    stream: TcpStream,
    seen: SocketAddr,
    number: usize,
}

impl Transfer {
    fn begin(machine: &Namespace, number: usize) -> Self {
        let mut stream = machine.enter(|| TcpStream::connect("198.51.100.1:80")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
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
        let mut state = (self.number * MOST_ROUNDS + round) as u64 + 1;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as u8
        };
        (0..CHUNK).map(next).collect()
    }
}

/// What the kernels at both ends of a connection say of it.
#[derive(Clone, Copy, Default, Debug)]
struct End {
    /// Segments that it has sent once more: what comes after a loss is out of order for the other end, too.
    sent_again: u64,
    /// Segments that came before one that was sent earlier.
    overtaken: u64,
}

/// The ends of a machine's connections with port 80, each by its own address and port, or its peer's where it is the server.
fn ends(machine: &Namespace) -> HashMap<SocketAddr, End> {
    let shown = machine.run("ss -HtinO state established");
    let mut ends = HashMap::new();
    for line in shown.lines() {
        // What waits to be read and to be sent, both addresses, and what there is to say.
        let mut words = line.split_whitespace().skip(2);
        let mut address = || words.next().unwrap().parse::<SocketAddr>().unwrap();
        let (own, peer) = (address(), address());
        let client = if own.port() == 80 { peer } else { own };
        let of = |key: &str| words.clone().find_map(|word| word.strip_prefix(key));
        // Those that are zero are not shown.
        let again = of("retrans:").and_then(|both| both.split_once('/')).map_or("0", |(_, all)| all);
        let overtaken = of("rcv_ooopack:").unwrap_or("0");
        let end = End { sent_again: again.parse().unwrap(), overtaken: overtaken.parse().unwrap() };
        assert!(ends.insert(client, end).is_none(), "{client} twice");
    }
    ends
}

/// What the kernels say of all connections at one time: the client's end and the server's of each.
fn look(site: &Site, flows: &[Vec<Transfer>]) -> Vec<[End; 2]> {
    let (servers, clients) = (ends(&site.internet), [&site.vm1, &site.vm3].map(ends));
    let of = |flow: &Transfer| {
        let own = flow.stream.local_addr().unwrap();
        [*clients.iter().find_map(|ends| ends.get(&own)).unwrap(), servers[&flow.seen]]
    };
    flows.iter().flatten().map(of).collect()
}

/// Asserts that between two looks nothing was overtaken on its way, in either direction.
///
/// A kernel counts a segment that comes while one before it has yet to come. What is sent once more for want of an
/// acknowledgement comes after the first of its kind and is not counted, unless that was lost. So a direction whose sender has
/// sent something once more is excused only where something was lost.
fn assert_nothing_was_overtaken(before: &[[End; 2]], after: &[[End; 2]], lost: u64) {
    for (before, after) in before.iter().zip(after) {
        for (from, to) in [(0, 1), (1, 0)] {
            let is_excused = lost > 0 && after[from].sent_again > before[from].sent_again;
            assert!(is_excused || after[to].overtaken == before[to].overtaken, "{before:?}, {after:?}");
        }
    }
}

fn a_thousand_transfers_at_once(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.receive_in_order();
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

    let mut flows = begun;
    let lost = || lost_anywhere(&site, &daemon.ask("status"));
    let (mut before, mut lost_before, mut whole) = (look(&site, &flows), lost(), 0);
    for round in 0..MOST_ROUNDS {
        transfer(&mut flows, round);
        let (after, lost_after) = (look(&site, &flows), lost());
        assert_nothing_was_overtaken(&before, &after, lost_after - lost_before);
        whole += usize::from(lost_after == lost_before);
        (before, lost_before) = (after, lost_after);
        if round + 1 >= ROUNDS && whole > 0 {
            break;
        }
    }
    eprintln!("{setting:?}: {whole} rounds lost nothing");
    assert!(whole > 0, "something was lost in every round: {:#}", daemon.ask("status"));
    assert_every_frame_is_counted(&daemon);
}

/// Sends a chunk over every connection and back, and compares it.
fn transfer(flows: &mut [Vec<Transfer>], round: usize) {
    let at_once = if round.is_multiple_of(2) { EACH } else { FEW };
    thread::scope(|scope| {
        for own in flows {
            scope.spawn(move || {
                for some in own.chunks_mut(at_once) {
                    for transfer in &mut *some {
                        // Each piece is a segment of its own, so that there is something to overtake.
                        for piece in transfer.chunk(round).chunks(PIECE) {
                            transfer.stream.write_all(piece).unwrap();
                        }
                    }
                    for transfer in some {
                        let mut back = vec![0; CHUNK];
                        transfer.stream.read_exact(&mut back).unwrap();
                        assert!(back == transfer.chunk(round), "transfer {} differs", transfer.number);
                    }
                }
            });
        }
    });
}
