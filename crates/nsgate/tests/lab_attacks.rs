//! What a machine tries against its neighbours on real wires: it is named and gets nothing, and the others' traffic goes on.
//! Needs root.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use testbed::gateway_file::GatewayFile;
use testbed::probe::Outcome;
use testbed::raw::Raw;
use testbed::site::{Setting, Site};
use testkit::build::{BROADCAST, arp_reply, arp_request, ipv4, ipv6};

const NSGATE: &str = env!("CARGO_BIN_EXE_nsgate");
const VM2: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 5);

testbed::on_every_setting!(who_passes_for_another_gets_nothing);

fn who_passes_for_another_gets_nothing(setting: Setting) {
    let Some((site, daemon)) = Site::with_setting(NSGATE, setting, &GatewayFile::open()) else { return };
    site.serve(&site.vm2, 80);
    let goes_on = || assert!(site.udp(&site.vm3, "10.0.1.5:80").address().is_some());
    goes_on();
    let (thief, gateway) = (Raw::open(&site.vm1, "eth0"), site.gateway_mac("vm1"));
    let bystander = Raw::open(&site.vm2, "eth0");
    for lie in [
        arp_request(thief.mac, "10.0.1.5", "10.0.1.1"),
        arp_request(thief.mac, "10.0.1.5", "10.0.1.5"),
        arp_reply(thief.mac, "10.0.1.5", BROADCAST, "10.0.1.5"),
        arp_reply(thief.mac, "10.0.1.5", gateway, "10.0.1.1"),
        arp_reply(thief.mac, "10.0.1.1", gateway, "10.0.1.1"),
    ] {
        thief.send(&lie);
    }
    daemon.drops("spoofed-neighbour", |packets| packets == 5);
    goes_on();
    assert_eq!(thief.hear_to(VM2, Duration::from_millis(20)), None, "the thief has what is vm2's");

    // A lease that is none of the platform's, and a router that is none.
    let offer = ipv4("10.0.1.4", "10.0.1.5").udp(67, 68).data(240);
    thief.send(&offer.macs(thief.mac, gateway).bytes());
    daemon.drops("dhcp", |packets| packets == 1);
    let router = ipv6("fe80::4", "ff02::1").ttl(255).icmp(134, 0, 0).data(8);
    thief.send(&router.macs(thief.mac, [0x33, 0x33, 0, 0, 0, 1]).bytes());
    daemon.drops("router-advertisement", |packets| packets == 1);
    goes_on();
    let is_an_offer = |frame: &[u8]| frame.get(34..38) == Some(&[0, 67, 0, 68]);
    assert_eq!(bystander.hear(Duration::from_millis(20), is_an_offer), None, "vm2 has a lease of vm1");
}

/// Whoever has seen one run knows nothing of the next: each draws secrets of its own.
#[test]
fn each_start_lends_other_ports() {
    let file = GatewayFile::open();
    let Some((site, mut daemon)) = Site::with(NSGATE, &file) else { return };
    site.serve(&site.internet, 80);
    // The first port of each destination, which follows from the secret alone.
    let lent = || {
        (1..=4).map(|host| match site.udp(&site.vm1, &format!("198.51.100.{host}:80")) {
            Outcome::Seen(seen) => seen.port(),
            other => panic!("198.51.100.{host}: {other}"),
        })
    };
    let first: Vec<u16> = lent().collect();
    assert!(daemon.stop().unwrap().success());
    let _daemon = site.start(Path::new(NSGATE), &file);
    assert_ne!(lent().collect::<Vec<_>>(), first);
}
