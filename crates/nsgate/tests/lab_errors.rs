//! What goes wrong on the way is told to who can do something about it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::UdpSocket;
use testbed::gateway_file::GatewayFile;
use testbed::probe::{self, Outcome};
use testbed::raw::Raw;
use testbed::site::{PATIENCE, Setting, Site};
use testkit::build::{fragments, ipv4};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(
    a_closed_port_refuses_through_snat,
    errors_from_outside_reach_flows_of_an_own_public_address,
    a_large_ping_is_answered_through_snat,
    fragments_pass_in_every_order,
    a_time_to_live_of_one_names_the_hop,
    a_spoofed_source_is_dropped_and_named
);
// The host narrows an interface of its own; a TAP device's is its machine's.
testbed::on_setting!(narrow_veth_1, testbed::site::Setting::veth(1), a_narrow_link_is_told_and_tcp_adapts);
testbed::on_setting!(narrow_veth_4, testbed::site::Setting::veth(4), a_narrow_link_is_told_and_tcp_adapts);
testbed::on_setting!(
    narrow_tap_and_veth_2,
    testbed::site::Setting::tap_and_veth(2),
    a_narrow_link_is_told_and_tcp_adapts
);
testbed::on_setting!(narrow_pnet, testbed::site::Setting::pnet(), a_narrow_link_is_told_and_tcp_adapts);

fn a_closed_port_refuses_through_snat(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    assert_eq!(site.udp(&site.vm1, "198.51.100.1:81"), Outcome::Refused);
    assert_eq!(site.tcp(&site.vm1, "198.51.100.1:81"), Outcome::Refused);
    assert_eq!(site.udp(&site.internet, "203.0.113.20:81"), Outcome::Refused);
}

/// Flows of many source ports, so that each worker has some; an error has none, and comes to any worker.
fn errors_from_outside_reach_flows_of_an_own_public_address(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    // Else it would answer one address only so often.
    site.internet.sysctl("net.ipv4.icmp_ratemask", "0");
    site.internet.sysctl("net.ipv4.icmp_msgs_per_sec", "10000");
    // A router on the way that lets nothing on.
    site.internet.ip("route add prohibit 198.51.101.0/24");
    site.internet.sysctl("net.ipv4.ip_forward", "1");
    let socket = |port| site.vm2.enter(|| UdpSocket::bind(("10.0.1.5", port))).unwrap();
    let sockets: Vec<(u16, UdpSocket)> = (5000..5016).map(|port| (port, socket(port))).collect();
    let ask = |socket: &UdpSocket, to: &str| {
        socket.connect(to).unwrap();
        probe::udp_over(socket, PATIENCE)
    };
    for (port, socket) in &sockets {
        assert_eq!(ask(socket, "198.51.100.1:81"), Outcome::Refused, "{port}");
    }
    // A router says that only so often: once to a flow of each worker's.
    let workers = setting.workers.unwrap();
    for worker in 0..workers {
        let (port, socket) =
            sockets.iter().find(|(port, _)| packet::home(*port, 80, workers) == worker).unwrap();
        let told = ask(socket, "198.51.101.1:80");
        assert!(matches!(told, Outcome::Failed(_)), "{port}: {told}");
    }
    let flows = daemon.ask("status")["eachWorker"].clone();
    let flows: Vec<_> = flows.as_array().unwrap().iter().map(|one| one["flows"]["used"].clone()).collect();
    assert!(flows.iter().all(|used| used.as_u64() > Some(0)), "each worker has some: {flows:?}");
}

fn a_narrow_link_is_told_and_tcp_adapts(setting: Setting) {
    if !testbed::netns::available() {
        return;
    }
    let site = Site::set(setting);
    site.narrow(1400);
    let _daemon = site.start(NSGATE.as_ref(), &GatewayFile::open());
    assert_eq!(site.told_mtu(&site.vm1, "198.51.100.1"), Some(1400));
    // Another address, of which the machine knows no narrower path yet.
    site.serve(&site.internet, 80);
    assert_eq!(site.echoed(&site.vm1, "198.51.100.2:80", 4 << 20), 4 << 20);
}

fn a_large_ping_is_answered_through_snat(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.answers(&site.vm1, "-c 2 -i 0.2 -s 3000", "198.51.100.1");
    site.answers(&site.vm2, "-c 2 -i 0.2 -s 3000", "198.51.100.1");
    site.answers(&site.internet, "-c 2 -i 0.2 -s 3000", "203.0.113.20");
}

fn fragments_pass_in_every_order(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    let wire = Raw::open(&site.vm1, "eth0");
    let gateway = site.gateway_mac("vm1");
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (number, order) in orders.into_iter().enumerate() {
        let port = 6000 + number as u16;
        // The answer comes to a socket, so that the machine's kernel does not refuse it.
        let socket = site.vm1.enter(|| UdpSocket::bind(("10.0.1.4", port))).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let datagram = ipv4("10.0.1.4", "198.51.100.1").udp(port, 80).id(7000 + number as u32).data(3000);
        let pieces = fragments(&datagram.macs(wire.mac, gateway).bytes(), 1400);
        assert_eq!(pieces.len(), 3);
        for piece in order {
            wire.send(&pieces[piece]);
        }
        let mut answer = [0; 64];
        let length = socket.recv(&mut answer).unwrap_or_else(|error| panic!("order {order:?}: {error}"));
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.starts_with("203.0.113.10:"), "order {order:?}: {answer}");
    }
}

fn a_time_to_live_of_one_names_the_hop(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let told = site.ping_with(&site.vm1, "-t 1", "198.51.100.1");
    assert!(
        told.stdout.contains("From 10.0.1.1") && told.stdout.contains("Time to live exceeded"),
        "{}",
        told.stdout
    );
    let told = site.ping_with(&site.internet, "-t 1", "203.0.113.20");
    assert!(told.stdout.contains("Time to live exceeded"), "{}", told.stdout);
    // Inside a subnet no hop is counted.
    site.answers(&site.vm1, "-t 1", "10.0.1.5");
}

fn a_spoofed_source_is_dropped_and_named(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let wire = Raw::open(&site.vm1, "eth0");
    let outside = Raw::open(&site.internet, "eth0");
    let gateway = site.gateway_mac("vm1");
    for liar in ["10.0.1.5", "10.0.1.99", "8.8.8.8", "203.0.113.20"] {
        wire.send(&ipv4(liar, "198.51.100.1").udp(5000, 5000).macs(wire.mac, gateway).bytes());
    }
    wire.send(&ipv4("10.0.1.4", "198.51.100.2").udp(5000, 5000).macs(wire.mac, gateway).bytes());
    let heard = outside.hear(PATIENCE, |frame| frame.get(12..14) == Some(&[0x08, 0x00])).unwrap();
    assert_eq!(heard[30..34], [198, 51, 100, 2], "only the honest packet leaves");
    daemon.drops("spoofed-source", |packets| packets == 4);
}
