//! One public address for the host and the machines behind it: `outbound.ports` are theirs, all others the host's.

use serde_json::json;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::netns::Namespace;
use testbed::probe::Outcome;
use testbed::raw::Raw;
use testbed::site::{Daemon, Setting, Site};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");

testbed::on_veth!(
    the_host_and_its_machines_reach_the_internet,
    the_host_is_reached_as_ever,
    the_hosts_stack_resets_no_machines_connection,
    errors_reach_whom_they_are_about
);
// On TAP the host would have no interface for its address.
testbed::on_taps_and_veth!(
    the_host_and_its_machines_reach_the_internet,
    the_host_is_reached_as_ever,
    the_hosts_stack_resets_no_machines_connection,
    errors_reach_whom_they_are_about
);
testbed::on_setting!(
    pnet,
    testbed::site::Setting::pnet(),
    the_host_and_its_machines_reach_the_internet,
    the_host_is_reached_as_ever,
    the_hosts_stack_resets_no_machines_connection,
    errors_reach_whom_they_are_about
);

/// The host's own, and what machines without one of their own are seen as.
const SHARED: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 2));
/// What the machines may use; the host's own clients take theirs from below.
const LENT: RangeInclusive<u16> = 61_000..=65_535;

/// The site whose gateway host holds the only public address.
fn site(setting: Setting) -> Option<(Site, Daemon)> {
    if !testbed::netns::available() {
        return None;
    }
    let site = Site::set(setting);
    site.gateway.address("eth0", &format!("{SHARED}/24"));
    site.gateway.route("198.51.100.0/24", "203.0.113.1");
    let outbound = json!({ "defaultPublicIp": SHARED.to_string(), "ports": "61000-65535" });
    let daemon = site.start(NSGATE.as_ref(), &GatewayFile::open().with("outbound", outbound));
    Some((site, daemon))
}

/// The port under which the far side saw the shared address.
#[track_caller]
fn port(outcome: &Outcome) -> u16 {
    assert_eq!(outcome.address(), Some(SHARED), "{outcome}");
    let Outcome::Seen(SocketAddr::V4(seen)) = outcome else { return 0 };
    seen.port()
}

fn the_host_and_its_machines_reach_the_internet(setting: Setting) {
    let Some((site, _daemon)) = site(setting) else { return };
    site.serve(&site.internet, 80);
    let to = "198.51.100.1:80";
    for _ in 0..4 {
        for machine in [&site.vm1, &site.vm3] {
            assert!(LENT.contains(&port(&site.tcp(machine, to))));
            assert!(LENT.contains(&port(&site.udp(machine, to))));
        }
        assert!(!LENT.contains(&port(&site.tcp(&site.gateway, to))));
        assert!(!LENT.contains(&port(&site.udp(&site.gateway, to))));
    }
    for machine in [&site.vm1, &site.gateway] {
        assert!(site.ping(machine, "198.51.100.1"));
        // In three fragments each way.
        site.answers(machine, "-c 2 -i 0.2 -s 4000", "198.51.100.1");
    }
}

fn the_host_is_reached_as_ever(setting: Setting) {
    let Some((site, _daemon)) = site(setting) else { return };
    site.serve(&site.gateway, 22);
    let outside = Some(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)));
    assert_eq!(site.tcp(&site.internet, "203.0.113.2:22").address(), outside);
    assert_eq!(site.udp(&site.internet, "203.0.113.2:22").address(), outside);
    assert!(site.ping(&site.internet, "203.0.113.2"));
    site.answers(&site.internet, "-c 2 -i 0.2 -s 4000", "203.0.113.2");
    // A port of the machines' that none of them uses answers nothing, whoever listens on the host.
    site.serve(&site.gateway, 61_234);
    assert_eq!(site.try_tcp(&site.internet, "203.0.113.2:61234"), Outcome::Silent);
    assert_eq!(site.try_udp(&site.internet, "203.0.113.2:61234"), Outcome::Silent);
    assert_eq!(site.udp(&site.internet, "203.0.113.2:81"), Outcome::Refused);
}

/// A reset of the host's own starts with its TTL, 64; a machine's has come one hop.
fn is_reset_of_the_host(frame: &[u8]) -> bool {
    let from_host = frame.get(26..30) == Some(&[203, 0, 113, 2]);
    from_host && frame[12..14] == [8, 0] && frame[22] == 64 && frame[23] == 6 && frame[47] & 4 != 0
}

fn the_hosts_stack_resets_no_machines_connection(setting: Setting) {
    let Some((site, _daemon)) = site(setting) else { return };
    site.serve(&site.internet, 80);
    let wire = Raw::open(&site.internet, "eth0");
    for _ in 0..20 {
        assert!(LENT.contains(&port(&site.tcp(&site.vm1, "198.51.100.1:80"))));
    }
    assert_eq!(wire.hear(Duration::from_millis(50), is_reset_of_the_host), None);
    // It would have been heard: the host refuses what is its own.
    assert_eq!(site.tcp(&site.internet, "203.0.113.2:81"), Outcome::Refused);
    assert!(wire.hear(Duration::from_secs(1), is_reset_of_the_host).is_some());
}

fn errors_reach_whom_they_are_about(setting: Setting) {
    let Some((site, _daemon)) = site(setting) else { return };
    // Else it would answer one address only so often.
    site.internet.sysctl("net.ipv4.icmp_ratemask", "0");
    let refused = |from: &Namespace| site.udp(from, "198.51.100.1:81");
    for machine in [&site.vm1, &site.gateway, &site.vm3, &site.gateway] {
        assert_eq!(refused(machine), Outcome::Refused);
    }
    // A router on the way that lets nothing on; of its errors this is the one that a datagram's socket hears.
    site.internet.ip("route add prohibit 198.51.101.0/24");
    site.internet.sysctl("net.ipv4.ip_forward", "1");
    site.gateway.route("198.51.101.0/24", "203.0.113.1");
    for machine in [&site.vm1, &site.gateway] {
        let told = site.udp(machine, "198.51.101.1:80");
        assert!(matches!(told, Outcome::Failed(_)), "{told}");
    }
}
