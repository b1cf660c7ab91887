//! Who reaches whom, through real kernel rings, and whom the far side sees.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;
use testbed::gateway_file::{GatewayFile, Rule};
use testbed::netns::Namespace;
use testbed::probe::{self, Outcome, PingEar};
use testbed::raw::Raw;
use testbed::site::{PATIENCE, Setting, Site};
use testkit::build::{arp_request, ipv4};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_every_setting!(
    machines_share_a_public_address,
    an_own_public_address_is_kept_going_out_with_its_ports,
    an_own_public_address_is_reached_from_outside,
    a_machine_that_never_spoke_is_reached,
    subnet_and_nic_groups_deny_each_way_and_are_named,
    default_rules_deny_by_name,
    neighbours_in_one_subnet_are_kept_apart_by_a_rule,
    a_neighbours_public_address_is_reached_as_from_outside,
    no_private_address_is_reached_from_outside,
    a_public_address_is_answered_whatever_the_askers_own,
    private_and_platform_addresses_never_leave
);

/// What the machines without a public address of their own are seen as.
const SHARED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 10));
/// vm2's own public address.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 20));
/// The internet host.
const OUTSIDE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1));

/// Pings and says who asked, as the far side heard it; `None` where it heard or answered nothing.
fn ping_seen(site: &Site, from: &Namespace, to: &str, far: &Namespace) -> Option<IpAddr> {
    let ear = far.enter(PingEar::open).unwrap();
    let answered = site.ping(from, to);
    let heard = ear.hear(Duration::from_millis(100)).unwrap();
    heard.filter(|_| answered).map(|sender| IpAddr::V4(*sender.ip()))
}

fn machines_share_a_public_address(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    for machine in [&site.vm1, &site.vm3] {
        assert_eq!(site.tcp(machine, "198.51.100.1:80").address(), Some(SHARED));
        assert_eq!(site.udp(machine, "198.51.100.1:80").address(), Some(SHARED));
        assert_eq!(ping_seen(&site, machine, "198.51.100.1", &site.internet), Some(SHARED));
    }
}

fn an_own_public_address_is_kept_going_out_with_its_ports(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.internet, 80);
    let socket = site.vm2.enter(|| UdpSocket::bind("10.0.1.5:40123")).unwrap();
    socket.connect("198.51.100.1:80").unwrap();
    assert_eq!(probe::udp_over(&socket, PATIENCE), Outcome::Seen(SocketAddr::new(OWN, 40123)));
    assert_eq!(site.tcp(&site.vm2, "198.51.100.1:80").address(), Some(OWN));
    assert_eq!(ping_seen(&site, &site.vm2, "198.51.100.1", &site.internet), Some(OWN));
}

fn an_own_public_address_is_reached_from_outside(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.vm2, 80);
    assert_eq!(site.tcp(&site.internet, "203.0.113.20:80").address(), Some(OUTSIDE));
    assert_eq!(site.udp(&site.internet, "203.0.113.20:80").address(), Some(OUTSIDE));
    assert_eq!(ping_seen(&site, &site.internet, "203.0.113.20", &site.vm2), Some(OUTSIDE));
}

fn a_machine_that_never_spoke_is_reached(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.vm2, 80);
    // Its neighbour table is empty: it has not even asked for its gateway.
    assert_eq!(site.vm2.run("ip neigh show"), "");
    assert_eq!(site.udp(&site.internet, "203.0.113.20:80").address(), Some(OUTSIDE));
}

fn subnet_and_nic_groups_deny_each_way_and_are_named(setting: Setting) {
    let guarded = GatewayFile::open()
        .nsg(
            "web",
            [
                Rule::deny("SubnetIn", 100).port("1001"),
                Rule::allow("RestIn", 200),
                Rule::deny("SubnetOut", 100).outbound().port("1002"),
            ],
        )
        .nsg(
            "vm2",
            [
                Rule::deny("NicIn", 100).port("1003"),
                Rule::allow("RestIn", 200),
                Rule::deny("NicOut", 100).outbound().port("1004"),
            ],
        );
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &guarded) else { return };
    for port in 1000..=1004 {
        site.serve(&site.vm2, port);
        site.serve(&site.internet, port);
    }
    assert_eq!(site.tcp(&site.internet, "203.0.113.20:1000").address(), Some(OUTSIDE));
    assert_eq!(site.tcp(&site.vm2, "198.51.100.1:1000").address(), Some(OWN));
    let denied = [
        (&site.internet, "203.0.113.20:1001", "web-nsg", "SubnetIn"),
        (&site.vm2, "198.51.100.1:1002", "web-nsg", "SubnetOut"),
        (&site.internet, "203.0.113.20:1003", "vm2-nsg", "NicIn"),
        (&site.vm2, "198.51.100.1:1004", "vm2-nsg", "NicOut"),
    ];
    for (from, to, nsg, rule) in denied {
        assert_eq!(daemon.denies(nsg, rule, || site.try_tcp(from, to)), Outcome::Silent, "tcp {to}");
        assert_eq!(daemon.denies(nsg, rule, || site.try_udp(from, to)), Outcome::Silent, "udp {to}");
    }
}

fn default_rules_deny_by_name(setting: Setting) {
    let guarded = GatewayFile::open().nsg("web", []);
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &guarded) else { return };
    site.serve(&site.vm2, 80);
    let outcome =
        daemon.denies("web-nsg", "DenyAllInBound", || site.try_udp(&site.internet, "203.0.113.20:80"));
    assert_eq!(outcome, Outcome::Silent);
    assert_eq!(site.udp(&site.vm1, "10.0.1.5:80").address(), Some(Ipv4Addr::new(10, 0, 1, 4).into()));
}

fn neighbours_in_one_subnet_are_kept_apart_by_a_rule(setting: Setting) {
    let apart =
        Rule::deny("NoDatabaseAmongNeighbours", 100).from("10.0.1.0/24").to("10.0.1.0/24").port("5432");
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open().nsg("web", [apart]))
    else {
        return;
    };
    site.serve(&site.vm2, 80);
    site.serve(&site.vm2, 5432);
    let vm1 = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 4));
    assert_eq!(site.tcp(&site.vm1, "10.0.1.5:80").address(), Some(vm1));
    let outcome =
        daemon.denies("web-nsg", "NoDatabaseAmongNeighbours", || site.try_tcp(&site.vm1, "10.0.1.5:5432"));
    assert_eq!(outcome, Outcome::Silent);
    assert_eq!(site.tcp(&site.vm3, "10.0.1.5:5432").address(), Some(Ipv4Addr::new(10, 0, 2, 4).into()));
}

fn a_neighbours_public_address_is_reached_as_from_outside(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.vm2, 80);
    assert_eq!(site.tcp(&site.vm1, "203.0.113.20:80").address(), Some(SHARED));
    assert_eq!(site.udp(&site.vm1, "203.0.113.20:80").address(), Some(SHARED));
    assert_eq!(ping_seen(&site, &site.vm1, "203.0.113.20", &site.vm2), Some(SHARED));
}

fn no_private_address_is_reached_from_outside(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.vm2, 80);
    site.internet.route("10.0.0.0/16", "203.0.113.2");
    let heard = Raw::open(&site.vm2, "eth0");
    let before = daemon.dropped("not-ours", "", "");
    assert_eq!(site.try_udp(&site.internet, "10.0.1.5:80"), Outcome::Silent);
    assert_eq!(site.try_tcp(&site.internet, "10.0.1.5:80"), Outcome::Silent);
    assert!(!site.try_ping(&site.internet, "10.0.1.5"));
    daemon.drops("not-ours", |packets| packets >= before + 3);
    assert_eq!(heard.hear_to(Ipv4Addr::new(10, 0, 1, 5), Duration::from_millis(50)), None);
}

fn a_public_address_is_answered_whatever_the_askers_own(setting: Setting) {
    let Some((site, _daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let wire = Raw::open(&site.internet, "eth0");
    for asked in ["203.0.113.20", "203.0.113.10", "203.0.113.2"] {
        wire.send(&arp_request(wire.mac, "192.0.2.55", asked));
        let asked: Ipv4Addr = asked.parse().unwrap();
        let answers = |frame: &[u8]| {
            frame.get(..6) == Some(&wire.mac)
                && frame.get(20..22) == Some(&[0, 2])
                && frame.get(28..32) == Some(&asked.octets())
        };
        let answer = wire.hear(PATIENCE, answers).unwrap_or_else(|| panic!("no answer for {asked}"));
        assert_eq!(answer[22..28], site.gateway_mac("eth0"));
    }
}

fn private_and_platform_addresses_never_leave(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    let wire = Raw::open(&site.internet, "eth0");
    let machine = Raw::open(&site.vm1, "eth0");
    let gateway = site.gateway_mac("vm1");
    let kept = ["172.31.0.9", "169.254.169.254", "168.63.129.16", "10.9.9.9", "192.168.1.1", "100.64.0.1"];
    let total = || daemon.dropped("", "", "");
    let before = total();
    for to in kept {
        machine.send(&ipv4("10.0.1.4", to).udp(5000, 5000).macs(machine.mac, gateway).bytes());
    }
    // The last one does leave, behind the others: had they left, they would have been heard.
    let last = ipv4("10.0.1.4", "198.51.100.1").udp(5000, 5000).macs(machine.mac, gateway);
    machine.send(&last.bytes());
    let mut heard = Vec::new();
    let ends = wire.hear(PATIENCE, |frame| {
        if frame.get(12..14) == Some(&[0x08, 0x00]) {
            heard.push(Ipv4Addr::from(*frame[30..].first_chunk::<4>().unwrap()).to_string());
        }
        heard.last().is_some_and(|to| to == "198.51.100.1")
    });
    assert!(ends.is_some(), "not even the packet to the internet was heard");
    assert_eq!(heard, ["198.51.100.1"]);
    assert_eq!(total() - before, kept.len() as u64);
}
