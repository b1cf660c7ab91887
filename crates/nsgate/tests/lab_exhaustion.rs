//! Every SNAT port of one destination in use, and not one more.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use testbed::figures::{lost, when_quiet};
use testbed::gateway_file::GatewayFile;
use testbed::netns::eventually;
use testbed::raw::Raw;
use testbed::site::{Daemon, PATIENCE, Setting, Site};
use testkit::build::ipv4;

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::new(());

testbed::on_every_setting!(every_port_is_lent_once_and_comes_back);
/// 1025..=65535.
const PORTS: u64 = 64_511;
/// How long a flow lives unused.
const IDLE: Duration = Duration::from_secs(10);
/// How long the whole may take where this host does much else.
const BUSY: Duration = Duration::from_secs(60);

/// One datagram of a source port, with that port as its payload.
fn datagram(wire: &Raw, gateway: [u8; 6], port: u16, to: &str) -> Vec<u8> {
    ipv4("10.0.1.4", to).udp(port, 9).payload(&port.to_be_bytes()).macs(wire.mac, gateway).bytes()
}

/// Reads what has arrived: which source port of the machine came as which port of the public address.
fn collect(far: &UdpSocket, seen: &mut BTreeMap<u16, u16>) {
    let mut payload = [0; 2];
    while let Ok((2, peer)) = far.recv_from(&mut payload) {
        assert_eq!(peer.ip(), IpAddr::from([203, 0, 113, 10]));
        seen.insert(u16::from_be_bytes(payload), peer.port());
    }
}

/// Sends all frames, and those again that a full queue has swallowed, until each has come while none of the first can have
/// ended: then all flows live for as long again, and `seen` is how they came.
fn fill(wire: &Raw, frames: &[(u16, Vec<u8>)], far: &UdpSocket, seen: &mut BTreeMap<u16, u16>) -> Option<()> {
    let start = Instant::now();
    seen.clear();
    while start.elapsed() < IDLE / 2 {
        let missing: Vec<_> = frames.iter().filter(|(port, _)| !seen.contains_key(port)).collect();
        if missing.is_empty() {
            return Some(());
        }
        for batch in missing.chunks(256) {
            batch.iter().for_each(|(_, frame)| wire.send(frame));
            collect(far, seen);
        }
    }
    None
}

fn used(daemon: &Daemon, destination: &str) -> u64 {
    let pools = daemon.ask("snat");
    let pools = pools.as_array().expect("snat is a list").iter();
    pools.filter(|pool| pool["destination"] == destination).filter_map(|pool| pool["used"].as_u64()).sum()
}

fn every_port_is_lent_once_and_comes_back(setting: Setting) {
    // Flows live for ten seconds, which is little for a machine that is busy with another such test.
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let idle = format!("{}s", IDLE.as_secs());
    let flows = serde_json::json!({ "idleTimeout": idle, "capacity": 100_000 });
    let file = GatewayFile::open().idle_timeout(&idle).with("flows", flows);
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &file) else { return };
    let far = site.internet.enter(|| UdpSocket::bind("0.0.0.0:9")).unwrap();
    setsockopt(&far, sockopt::RcvBufForce, &(64 << 20)).unwrap();
    far.set_nonblocking(true).unwrap();
    let wire = Raw::open(&site.vm1, "eth0");
    let gateway = site.gateway_mac("vm1");
    let frames: Vec<(u16, Vec<u8>)> =
        (1..=PORTS as u16).map(|port| (port, datagram(&wire, gateway, port, "198.51.100.1"))).collect();

    let start = Instant::now();
    let mut seen = BTreeMap::new();
    // Where that takes long the first ones may have ended and given their ports to others: then all are sent again.
    let all = eventually(BUSY, || {
        fill(&wire, &frames, &far, &mut seen)?;
        (used(&daemon, "198.51.100.1") == PORTS).then_some(())
    });
    assert!(all.is_some(), "{} of {PORTS} flows passed; {:#}", seen.len(), daemon.ask("drops"));
    let mut ports: Vec<u16> = seen.values().copied().collect();
    ports.sort_unstable();
    assert!(ports.iter().copied().eq(1025..=65535), "each port once");

    // All that come besides are refused and counted one by one, and told in a few lines. Where this host took so long that
    // some of the others have ended, there was a port for these, and it says nothing.
    let besides = 64_512..=u16::MAX;
    let refused = || lost(&when_quiet(&daemon)) + daemon.dropped("snat-ports-exhausted", "", "");
    let flood: Vec<_> = besides.clone().map(|port| datagram(&wire, gateway, port, "198.51.100.1")).collect();
    let counted = eventually(BUSY, || {
        fill(&wire, &frames, &far, &mut seen)?;
        let before = refused();
        flood.iter().for_each(|frame| wire.send(frame));
        (refused() - before == flood.len() as u64).then_some(())
    });
    assert!(counted.is_some(), "{:#} {:#}", daemon.ask("drops"), daemon.ask("status"));
    collect(&far, &mut seen);
    assert!(besides.clone().all(|port| !seen.contains_key(&port)), "more flows than ports");

    // Another destination still works, and so does another machine.
    wire.send(&datagram(&wire, gateway, 64_512, "198.51.100.2"));
    let other = eventually(PATIENCE, || {
        collect(&far, &mut seen);
        seen.contains_key(&64_512).then_some(())
    });
    assert!(other.is_some(), "another destination is refused");
    assert!(site.ping(&site.vm3, "198.51.100.1"));
    let lines = daemon.log().lines().filter(|line| line.contains("SNAT ports exhausted")).count() as u64;
    // Three at once, and one more every ten seconds.
    let most = 4 + start.elapsed().as_secs() / 10;
    assert!(lines <= most, "{lines} lines: {}", daemon.log());

    // Silent for so long all are back.
    let back = eventually(IDLE + BUSY, || {
        let status = daemon.ask("status");
        let quiet = status["snatPortsUsed"] == 0 && status["flows"]["used"] == 0;
        quiet.then_some(())
    });
    assert!(back.is_some(), "{:#}", daemon.ask("status"));
    assert_eq!(used(&daemon, "198.51.100.1"), 0);
    wire.send(&datagram(&wire, gateway, 64_512, "198.51.100.1"));
    let again = eventually(PATIENCE, || {
        collect(&far, &mut seen);
        seen.contains_key(&64_512).then_some(())
    });
    assert!(again.is_some(), "the freed ports are not lent again");
}
