//! Every SNAT port of one destination in use, and not one more.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use nix::sys::socket::{setsockopt, sockopt};
use std::collections::BTreeMap;
use std::net::{IpAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use testkit::build::ipv4;
use testkit::gateway_file::GatewayFile;
use testkit::netns::eventually;
use testkit::raw::Raw;
use testkit::site::{Daemon, PATIENCE, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::new(());

testkit::on_every_setting!(every_port_is_lent_once_and_comes_back);
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

    let mut seen = BTreeMap::new();
    let all = eventually(BUSY, || {
        let round = Instant::now();
        seen.clear();
        // Whatever a full queue has swallowed is sent again. Where that takes long the first ones may have ended and given
        // their ports to others: then all are sent again, which also keeps those alive that are there.
        while (seen.len() as u64) < PORTS && round.elapsed() < IDLE / 2 {
            let missing: Vec<_> = frames.iter().filter(|(port, _)| !seen.contains_key(port)).collect();
            for batch in missing.chunks(256) {
                batch.iter().for_each(|(_, frame)| wire.send(frame));
                collect(&far, &mut seen);
            }
        }
        (seen.len() as u64 == PORTS).then_some(())
    });
    assert!(all.is_some(), "{} of {PORTS} flows passed; {:#}", seen.len(), daemon.ask("drops"));
    let mut ports: Vec<u16> = seen.values().copied().collect();
    ports.sort_unstable();
    assert!(ports.iter().copied().eq(1025..=65535), "each port once");
    assert_eq!(used(&daemon, "198.51.100.1"), PORTS);

    // One more is refused and named, another destination still works.
    let first = Instant::now();
    wire.send(&datagram(&wire, gateway, 64_512, "198.51.100.1"));
    wire.send(&datagram(&wire, gateway, 64_513, "198.51.100.2"));
    let last = eventually(PATIENCE, || {
        collect(&far, &mut seen);
        seen.contains_key(&64_513).then_some(())
    });
    assert!(last.is_some(), "another destination is refused");
    assert!(!seen.contains_key(&64_512));
    // Another worker may have it, and be later.
    let refused = || (daemon.dropped("snat-ports-exhausted", "", "") == 1).then_some(());
    assert!(eventually(PATIENCE, refused).is_some(), "{:#}", daemon.ask("drops"));

    // A flood of them is counted one by one, as far as rings have room, and told in a few lines.
    let flood: Vec<u16> = (64_514..=u16::MAX).collect();
    let mut all = 1;
    for few in flood.chunks(64) {
        few.iter().for_each(|port| wire.send(&datagram(&wire, gateway, *port, "198.51.100.1")));
        all += few.len() as u64;
        assert!(site.ping(&site.vm3, "198.51.100.1"), "another machine's traffic goes on");
        let counted = || (daemon.dropped("snat-ports-exhausted", "", "") == all).then_some(());
        assert!(eventually(PATIENCE, counted).is_some(), "{all}: {:#}", daemon.ask("drops"));
    }
    let lines = daemon.log().lines().filter(|line| line.contains("SNAT ports exhausted")).count() as u64;
    // Three at once, and one more every ten seconds.
    let most = 4 + first.elapsed().as_secs() / 10;
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
