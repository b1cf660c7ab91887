//! 64-byte frames over answered flows, counted where they arrive.

use anyhow::{Context, Result, bail, ensure};
use etherparse::PacketBuilder;
use serde_json::{Value, json};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use testbed::flood::{BATCH, Outlet, link};
use testbed::netns;

/// Bytes of payload that make a frame of 64 bytes, its check sequence counted.
const PAYLOAD: usize = 64 - 4 - 14 - 20 - 8;

/// What to send, and where it is counted.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server that answers each flow once before the flood, as address:port.
    to: SocketAddrV4,
    /// The next hop, whose Ethernet address the frames carry.
    #[arg(long)]
    via: Ipv4Addr,
    /// The interface to send on.
    #[arg(long, default_value = "eth0")]
    interface: String,
    /// How many flows, each from a source port of its own.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    flows: u16,
    /// How long to send.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// The network namespace where the frames arrive; they are counted and dropped there.
    #[arg(long)]
    sink: String,
    /// The interface where they arrive.
    #[arg(long, default_value = "eth0")]
    sink_interface: String,
}

/// Primes the flows, floods, and reports what was sent and what arrived.
pub(crate) fn run(options: &Options) -> Result<Value> {
    // Held until the end: a port without a socket would answer with ICMP errors.
    let flows = prime(options)?;
    let frames = frames(options, &flows)?;
    let out = Outlet::open(&options.interface).context("a packet socket (needs root)")?;
    let _sink = Sink::open(options)?;
    let before = arrived(options)?;
    let (sent, elapsed) = send_for(Duration::from_secs(options.seconds), &out, &frames)?;
    // What still lies in queues is on its way.
    thread::sleep(Duration::from_millis(200));
    let delivered = arrived(options)?.saturating_sub(before);
    let mpps = |count: u64| count as f64 / elapsed.as_secs_f64() / 1e6;
    Ok(json!({
        "flows": flows.len(), "seconds": elapsed.as_secs_f64(), "sent": sent, "delivered": delivered,
        "sentMpps": mpps(sent), "deliveredMpps": mpps(delivered),
    }))
}

/// One answered UDP flow from each source port.
fn prime(options: &Options) -> Result<Vec<UdpSocket>> {
    let ask = |socket: &UdpSocket| -> bool {
        let mut answer = [0; 64];
        (0..5).any(|_| socket.send(b"prime").is_ok() && socket.recv(&mut answer).is_ok())
    };
    (0..options.flows)
        .map(|number| {
            let port = 20_000 + number;
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
            socket.connect(options.to)?;
            socket.set_read_timeout(Some(Duration::from_millis(300)))?;
            ensure!(ask(&socket), "{} does not answer port {port}", options.to);
            Ok(socket)
        })
        .collect()
}

fn frames(options: &Options, flows: &[UdpSocket]) -> Result<Vec<Vec<u8>>> {
    let here = link(&options.interface)?.addr().context("the interface has no Ethernet address")?;
    let there = neighbour(options.via)?;
    flows
        .iter()
        .map(|flow| {
            let std::net::SocketAddr::V4(from) = flow.local_addr()? else { bail!("not IPv4") };
            let builder = PacketBuilder::ethernet2(here, there)
                .ipv4(from.ip().octets(), options.to.ip().octets(), 64)
                .udp(from.port(), options.to.port());
            let mut frame = Vec::new();
            builder.write(&mut frame, &[0; PAYLOAD])?;
            Ok(frame)
        })
        .collect()
}

fn send_for(span: Duration, out: &Outlet, frames: &[Vec<u8>]) -> Result<(u64, Duration)> {
    let start = Instant::now();
    let mut sent = 0;
    loop {
        for batch in frames.chunks(BATCH) {
            sent += out.send(batch).context("sending")? as u64;
            let elapsed = start.elapsed();
            if elapsed >= span {
                return Ok((sent, elapsed));
            }
        }
    }
}

/// While it lives, the far side drops what arrives before its own stack sees it.
struct Sink<'a>(&'a str);

impl<'a> Sink<'a> {
    fn open(options: &'a Options) -> Result<Self> {
        let Options { sink, sink_interface, .. } = options;
        nft(
            sink,
            &format!(
                "add table netdev sink\n\
                 add chain netdev sink arrivals {{ type filter hook ingress device \"{sink_interface}\" priority 0 ; }}\n\
                 add rule netdev sink arrivals ip daddr {} drop\n",
                options.to.ip()
            ),
        )?;
        Ok(Self(sink))
    }
}

impl Drop for Sink<'_> {
    fn drop(&mut self) {
        // Where it fails the namespace has gone, and the table with it.
        let _ = nft(self.0, "delete table netdev sink");
    }
}

fn nft(namespace: &str, rules: &str) -> Result<()> {
    let output = Command::new("ip").args(["netns", "exec", namespace, "nft", rules]).output()?;
    ensure!(output.status.success(), "nft: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Packets that the far side's interface has received so far.
fn arrived(options: &Options) -> Result<u64> {
    let Options { sink, sink_interface, .. } = options;
    let table = thread::scope(|scope| {
        let inside = scope.spawn(|| {
            netns::enter_by_name(sink);
            fs::read_to_string("/proc/thread-self/net/dev")
        });
        inside.join()
    });
    let Ok(table) = table else { bail!("no namespace {sink}") };
    let table = table?;
    let line = table.lines().find_map(|line| line.trim().strip_prefix(&format!("{sink_interface}:")));
    let packets = line.and_then(|line| line.split_whitespace().nth(1));
    packets.context("no such interface in the sink")?.parse().context("the kernel's interface table")
}

/// The Ethernet address of a neighbour that the kernel knows.
fn neighbour(address: Ipv4Addr) -> Result<[u8; 6]> {
    let table = fs::read_to_string("/proc/thread-self/net/arp")?;
    let wanted = address.to_string();
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(&wanted));
    let text = line.and_then(|line| line.split_whitespace().nth(3));
    let text = text.with_context(|| format!("{address} is no neighbour"))?;
    let bytes: Vec<u8> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16)).collect::<Result<_, _>>()?;
    bytes.try_into().ok().context("an Ethernet address has six bytes")
}
