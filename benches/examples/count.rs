//! Sends so many packets through one engine, for a tool that counts instructions: on a machine that does other work the clock says
//! little.
//!
//! ```sh
//! cargo build --release -p nsgate-benches --example count
//! valgrind --tool=callgrind --toggle-collect='*measured*' target/release/examples/count first 20000
//! ```
//!
//! `hit`: packets of 1,000 live flows, both ways. `first`: first packets with SNAT. `open` and `close`: the handshakes, and the ends,
//! of TCP connections with SNAT. The count divided by the number is the cost of one.
#![expect(clippy::expect_used, reason = "whoever runs it reads what is wrong")]

#[path = "../benches/path/site.rs"]
mod site;

use packet::AttachmentId;
use site::{GATEWAY_MACS, HOST_MACS, INTERNET, Site, VM, first_frame};
use std::hint::black_box;
use testkit::build::{Draft, Tcp, ipv4, read};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().expect("hit, first, open or close");
    let packets: usize = arguments.next().and_then(|n| n.parse().ok()).expect("how many");
    let _site = match what.as_str() {
        "hit" => {
            let mut site = Site::with_flows(1_000, 1_000);
            let frames = site.frames_of_flows();
            for nth in 0..packets {
                let (on, mut bytes) = frames[nth % frames.len()].clone();
                measured(&mut site, on, &mut bytes);
            }
            site
        }
        "first" => {
            let mut site = Site::with_flows(1_000, 0);
            for nth in 0..packets {
                let (on, mut bytes) = first_frame(nth + 1);
                measured(&mut site, on, &mut bytes);
            }
            site
        }
        _ => (0..packets).fold(Site::with_flows(1_000, 0), |site, nth| connection(site, &what, nth)),
    };
}

/// Opens and closes a TCP connection, and now and then lets the records of those that are over end.
fn connection(mut site: Site, what: &str, nth: usize) -> Site {
    let mut measure = |opens: bool, (on, mut bytes): (AttachmentId, Vec<u8>)| {
        let counts = what == if opens { "open" } else { "close" };
        let left = if counts { measured(&mut site, on, &mut bytes) } else { site.receive(on, &mut bytes) };
        assert!(left.is_some(), "every packet of it leaves");
        bytes
    };
    let asked = measure(true, asks(nth, |tcp| tcp.syn()));
    measure(true, answers(&asked, |tcp| tcp.syn().ack(1_001)));
    measure(true, asks(nth, |tcp| tcp.seq(1_001).ack(1_001)));
    measure(false, asks(nth, |tcp| tcp.seq(1_001).ack(1_001).fin()));
    measure(false, answers(&asked, |tcp| tcp.seq(1_001).ack(1_002).fin()));
    measure(false, asks(nth, |tcp| tcp.seq(1_002).ack(1_002)));
    if nth % 64 == 63 {
        if what == "close" { measured_tick(&mut site) } else { site.a_while_passes() }
    }
    site
}

/// A segment of the VM's `nth` connection.
fn asks(nth: usize, with: impl FnOnce(Draft<Tcp>) -> Draft<Tcp>) -> (AttachmentId, Vec<u8>) {
    let tcp = ipv4("10.0.1.4", "198.51.100.7").tcp(10_000 + (nth % 50_000) as u16, 4_000);
    (VM, with(tcp).macs(HOST_MACS[0], GATEWAY_MACS[0]).bytes())
}

/// One of whoever received `sent`.
fn answers(sent: &[u8], with: impl FnOnce(Draft<Tcp>) -> Draft<Tcp>) -> (AttachmentId, Vec<u8>) {
    let seen = read(sent).expect("the gateway sends sound packets");
    let ip = seen.ipv4();
    let (from, to) = ip.ports().expect("it is TCP");
    let tcp = ipv4(&ip.destination.to_string(), &ip.source.to_string()).tcp(to, from);
    (INTERNET, with(tcp).macs(HOST_MACS[1], GATEWAY_MACS[1]).bytes())
}

#[inline(never)]
fn measured(site: &mut Site, on: AttachmentId, bytes: &mut [u8]) -> Option<AttachmentId> {
    black_box(site.receive(on, bytes))
}

#[inline(never)]
fn measured_tick(site: &mut Site) {
    site.a_while_passes();
}
