//! The life of TAP devices: what machines do to theirs, and the host. Needs root.
#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::json;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;
use testbed::figures::{assert_every_frame_is_counted, ended};
use testbed::gateway_file::GatewayFile;
use testbed::netns::{Namespace, available, eventually};
use testbed::site::{Daemon, PATIENCE, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const OUTSIDE: &str = "198.51.100.7:8080";

testbed::on_taps!(
    a_device_that_is_down_gets_nothing_and_is_back_when_it_is_up,
    a_new_hardware_address_of_a_machine_is_followed,
    a_device_may_have_any_mtu
);

/// The machines on TAP devices and the internet on veth, with two workers.
fn site() -> Option<(Site, Daemon)> {
    let started = Site::with_setting(NSGATE, Setting::tap_and_veth(2), &GatewayFile::open());
    started.inspect(|(site, _)| site.serve(&site.internet, 8080))
}

fn is_attached(daemon: &Daemon, interface: &str) -> bool {
    let status = daemon.ask("status");
    let mut attachments = status["attachments"].as_array().unwrap().iter();
    attachments.any(|one| one["interface"] == interface && one["state"] == "attached")
}

fn soon(what: impl Fn() -> bool) -> bool {
    eventually(PATIENCE, || what().then_some(())).is_some()
}

fn is_answered(site: &Site, machine: &Namespace) -> bool {
    site.tcp(machine, OUTSIDE).address().is_some()
}

/// What is sent meanwhile is dropped by name.
fn a_device_that_is_down_gets_nothing_and_is_back_when_it_is_up(setting: Setting) {
    const COUNT: u64 = 20;
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let _silent = site.vm3.enter(|| UdpSocket::bind("10.0.2.4:9000")).unwrap();
    let socket = site.vm1.enter(|| UdpSocket::bind("10.0.1.4:9000")).unwrap();
    let send = || socket.send_to(&[0; 100], "10.0.2.4:9000").unwrap();
    send();
    let forwarded = || ended(&daemon.ask("status"), "forwarded");
    assert!(soon(|| forwarded() == 1), "{}", daemon.log());

    site.vm3.ip("link set eth0 down");
    for _ in 0..COUNT {
        send();
    }
    // The first finds the device down; those after it look for the machine anew, in vain.
    let lost =
        || ["not-sent", "no-neighbour", "neighbours-full"].map(|reason| daemon.dropped(reason, "", ""));
    let all = || (lost().iter().sum::<u64>() == COUNT).then_some(());
    assert!(eventually(PATIENCE, all).is_some(), "{:#} {:#}", daemon.ask("status"), daemon.ask("drops"));
    assert!(lost()[0] > 0, "{:?}", lost());
    assert_eq!(forwarded(), 1);
    assert!(soon(|| daemon.log().contains("the link is down")), "{}", daemon.log());

    site.vm3.ip("link set eth0 up");
    site.vm3.route("default", "10.0.2.1");
    site.serve(&site.vm3, 80);
    let is_back = || site.try_udp(&site.vm1, "10.0.2.4:80").address().is_some();
    assert!(soon(is_back), "{}", daemon.log());
    assert_every_frame_is_counted(&daemon);
}

fn a_new_hardware_address_of_a_machine_is_followed(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    assert!(site.udp(&site.vm1, "198.51.100.1:80").address().is_some());
    site.vm1.ip("link set eth0 address 02:00:00:00:77:01");
    let reached = eventually(Duration::from_secs(15), || {
        site.vm1.attempt("ip neigh flush all");
        site.try_udp(&site.vm1, "198.51.100.1:80").address()
    });
    assert!(reached.is_some(), "{}", daemon.log());
}

/// The gateway takes what the machine can send, and the machine what the gateway believes it can take.
fn a_device_may_have_any_mtu(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    for mtu in [9000, 1300] {
        site.vm1.mtu("eth0", mtu);
        // Each is one packet for vm1 where it has room for it, and fragments for vm3.
        site.answers(&site.vm1, "-c 2 -i 0.2 -s 4000", "10.0.2.4");
        site.answers(&site.vm3, "-c 2 -i 0.2 -s 4000", "10.0.1.4");
        site.answers(&site.vm3, "-M do -s 1450", "10.0.1.4");
    }
}

#[test]
fn a_tap_device_that_its_machine_deletes_is_made_again() {
    let Some((site, daemon)) = site() else { return };
    for times in 1..=2 {
        assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
        site.vm3.ip("link delete eth0");
        assert!(is_answered(&site, &site.vm1), "nobody else's business");
        // It is the machine's end that is gone, so what can be plugged in again is a new one.
        site.plug("vm3");
        assert!(soon(|| is_attached(&daemon, "vm3")), "{times}: {}", daemon.log());
    }
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
}

#[test]
fn a_tap_device_goes_on_wherever_it_is_moved() {
    let Some((site, daemon)) = site() else { return };
    for _ in 0..2 {
        assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
        site.vm3.ip(&format!("link set eth0 netns {} name vm3", site.gateway.name()));
        assert!(is_answered(&site, &site.vm1), "{}", daemon.log());
        site.plug("vm3");
    }
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
    assert!(is_attached(&daemon, "vm3"));
    assert!(!daemon.log().contains("the interface is gone"), "{}", daemon.log());
}

#[test]
fn a_tap_device_whose_name_is_taken_holds_up_no_other() {
    let Some((site, daemon)) = site() else { return };
    // While the device is its machine's the name is nobody's business.
    site.gateway.ip("link add vm3 type bridge");
    site.gateway.mtu("eth0", 1450);
    let followed = || daemon.log().matches("followed a change").count();
    assert!(soon(|| followed() == 1), "{}", daemon.log());
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
    assert!(is_attached(&daemon, "vm3"));

    site.vm3.ip("link delete eth0");
    let said = || daemon.log().matches("cannot be followed").count();
    assert!(soon(|| said() == 1), "{}", daemon.log());
    assert!(daemon.log().contains("vm3 is no TAP device"), "{}", daemon.log());
    site.gateway.mtu("eth0", 1500);
    assert!(soon(|| followed() == 2), "{}", daemon.log());
    assert!(is_answered(&site, &site.vm1), "{}", daemon.log());
    assert_eq!(said(), 1, "it is told once: {}", daemon.log());

    site.gateway.ip("link delete vm3");
    assert!(soon(|| is_attached(&daemon, "vm3")), "{}", daemon.log());
    site.plug("vm3");
    assert!(is_answered(&site, &site.vm3), "{}", daemon.log());
}

/// As a bridge of the host's has it, or the monitor of a virtual machine.
#[test]
fn a_persistent_tap_device_outlives_the_daemon_and_is_taken_again() {
    if !available() {
        return;
    }
    let site = Site::set(Setting::tap_and_veth(2));
    site.serve(&site.internet, 8080);
    site.gateway.ip("tuntap add dev vm2 mode tap multi_queue");
    site.gateway.ip("link add lan type bridge");
    testbed::netns::veth((&site.vm2, "eth0"), (&site.gateway, "port"));
    for port in ["vm2", "port"] {
        site.gateway.ip(&format!("link set {port} master lan up"));
    }
    site.gateway.ip("link set lan up");
    site.vm2.address("eth0", "10.0.1.5/24");
    site.vm2.route("default", "10.0.1.1");
    site.gateway.sysctl("net.ipv4.ip_forward", "1");
    let file = GatewayFile::open().with(
        "attachments",
        json!([
            { "interface": "vm2", "nic": "vm2-nic" },
            { "interface": "eth0", "internet": { "address": "203.0.113.2/24", "nextHop": "203.0.113.1" } },
        ]),
    );
    let mut daemon = site.launch(Path::new(NSGATE), &file).wait_until_ready();
    assert!(is_answered(&site, &site.vm2), "{}", daemon.log());
    // Its MTU is the host's to change, and the gateway goes by it.
    site.gateway.mtu("vm2", 1300);
    let told = || site.told_mtu(&site.internet, "203.0.113.20") == Some(1300);
    assert!(soon(told), "{}", daemon.log());

    daemon.kill();
    assert!(site.gateway.attempt("ip link show vm2").success);
    assert_eq!(site.try_tcp(&site.vm2, OUTSIDE).address(), None);
    let daemon = site.launch(Path::new(NSGATE), &file).wait_until_ready();
    assert!(is_answered(&site, &site.vm2), "{}", daemon.log());
}
