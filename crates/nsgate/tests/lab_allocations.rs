//! A packet of a live flow allocates nothing on its whole way: ring, engine, ring. Needs root.
#![expect(clippy::unwrap_used, reason = "tests")]

use gateway::{Host, Ids};
use io::{Backend, Ports, Reception};
use packet::Time;
use pipeline::{Engine, Settings, Shared};
use snapshot::{Names, Snapshot};
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use testbed::gateway_file::GatewayFile;
use testbed::netns::{self, Namespace};
use testbed::site::Site;
use testkit::allocations::{Counting, asked};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A worker as the daemon's is, without its channels.
struct Worker {
    links: Ports,
    engine: Engine,
    attached: Vec<packet::AttachmentId>,
    start: Instant,
}

impl Worker {
    /// Runs in the gateway's namespace.
    fn new(file: &std::path::Path) -> Self {
        let find = |wanted: &io::Wanted<'_>| io::Interfaces::look().describe(wanted);
        let loaded = gateway::load(file, &mut Ids::default(), &Host::Needed(&find)).unwrap();
        let snapshot = Arc::new(Snapshot::build(&loaded.gateway, &mut Names::default()).unwrap());
        let settings = Settings { capacity: 1_000, seed: [1, 2], worker: 0, workers: 1 };
        let mut links = Ports::new().unwrap();
        for (id, link) in &loaded.links {
            let interface = link.interface.as_ref().unwrap();
            let mut opened = io::open(interface, Backend::AfPacket, Reception::Own, 1).unwrap();
            links.put(*id, opened.pop().unwrap());
        }
        let attached = loaded.gateway.attachments.iter().map(|attachment| attachment.id).collect();
        let engine = Engine::new(snapshot, settings, Shared::new(nat::Pools::new([3, 4]), [5, 6])).unwrap();
        Self { links, engine, attached, start: Instant::now() }
    }

    /// One turn of the daemon's loop: a batch from each attachment, what the engine sends itself, and what is due.
    fn turn(&mut self) {
        let Self { links, engine, attached, start } = self;
        let now = Time::from_nanos(start.elapsed().as_nanos() as u64);
        for &id in attached.iter() {
            links.relay(id, 64, |frame| engine.receive(now, id, frame).egress()).unwrap();
            engine.outbox().drain(|frame| {
                links.send(frame.to, &frame.bytes, frame.offload);
            });
        }
        engine.tick(now);
        engine.outbox().drain(|frame| {
            links.send(frame.to, &frame.bytes, frame.offload);
        });
        links.wait(Duration::from_millis(1)).unwrap();
    }
}

/// Sends and hears so many datagrams over one socket.
fn talk(machine: &Namespace, to: &str, rounds: usize, ready: &AtomicBool) {
    let socket = machine.enter(|| UdpSocket::bind("0.0.0.0:0")).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut heard = [0; 64];
    for _ in 0..rounds {
        socket.send(b"?").unwrap();
        socket.recv(&mut heard).unwrap();
        ready.store(true, Ordering::Release);
    }
}

#[test]
fn a_live_flow_allocates_nothing_from_ring_to_ring() {
    if !netns::available() {
        return;
    }
    let site = Site::new();
    site.serve(&site.internet, 80);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), GatewayFile::open().text()).unwrap();
    let (warm, done) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            site.gateway.enter(|| {
                let mut worker = Worker::new(file.path());
                let mut before = None;
                while !done.load(Ordering::Acquire) {
                    worker.turn();
                    if before.is_none() && warm.load(Ordering::Acquire) {
                        before = Some(asked());
                    }
                }
                let forwarded = worker.engine.counters().ended(pipeline::Ending::Forwarded).packets;
                (before.unwrap(), asked(), forwarded)
            })
        });
        talk(&site.vm1, "198.51.100.1:80", 1_000, &warm);
        done.store(true, Ordering::Release);
        let (before, after, forwarded) = worker.join().unwrap();
        assert!(before > 0, "the counter counts: opening the rings allocates");
        assert!(forwarded >= 2_000, "every datagram went both ways: {forwarded}");
        assert_eq!(after, before);
    });
}
