//! ICMP errors of routers between the gateway and a flow's far end, whatever addresses their links have (RFC 4787 REQ-12a,
//! RFC 5508 REQ-5).

use testkit::build::ipv4;
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const DESK: &str = "192.168.7.9";
const SHARED: &str = "203.0.113.10";

/// A connection of `vm1` with a site behind a transfer link; its first segment, as it left.
fn with_site() -> (Lab, Vec<u8>) {
    let (link, router) = ("172.20.0.1/29", Some("172.20.0.2"));
    let mut lab = Blueprint::default().on_premises("site", "vnet", link, &["192.168.0.0/16"], router).build();
    let sent = lab.send("vm1", ipv4(VM1, DESK).tcp(5000, 445).syn().seq(1_000));
    lab.expect([("forwarded", 1)]);
    let bytes = sent.only().bytes.clone();
    (lab, bytes)
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

/// A tunnel behind the transfer link says how narrow it is; without that the connection would hang.
#[test]
fn a_router_of_a_site_keeps_its_address() {
    let (mut lab, out) = with_site();
    for router in ["172.31.255.1", "192.168.0.1", "172.20.0.2", "198.51.100.1"] {
        let told = lab.send("site", ipv4(router, VM1).fragmentation_needed(1400).quoting(&out, 8));
        let line = &told.lines()[0];
        assert!(line.starts_with(&format!("vm1: icmp {router} > 10.0.1.4 ")), "{line}");
        assert!(line.ends_with("[tcp 10.0.1.4:5000 > 192.168.7.9:445] ttl 63"), "{line}");
        lab.expect([("forwarded", 1)]);
    }
}

/// Inside, its address is another's: the error goes on as the far end's own.
#[test]
fn a_router_with_an_address_of_ours_speaks_as_the_far_end() {
    let (mut lab, out) = with_site();
    for router in ["10.0.1.5", "10.0.9.1", "172.20.0.1"] {
        let told = lab.send("site", ipv4(router, VM1).fragmentation_needed(1400).quoting(&out, 8));
        let line = &told.lines()[0];
        assert!(line.starts_with("vm1: icmp 192.168.7.9 > 10.0.1.4 "), "{router}: {line}");
        lab.expect([("forwarded", 1)]);
    }
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(30));
    lab.expect([("forwarded", 1)]);
    for router in ["10.0.1.5", "10.0.9.1", "203.0.113.2"] {
        let error = ipv4(router, SHARED).time_exceeded().quoting(&sent.only().bytes, 8);
        let told = lab.send("internet", error);
        let line = &told.lines()[0];
        assert!(line.starts_with("vm1: icmp 198.51.100.7 > 10.0.1.4 time exceeded"), "{router}: {line}");
        assert!(line.ends_with("[udp 10.0.1.4:5000 > 198.51.100.7:53] ttl 63"), "{line}");
        lab.expect([("forwarded", 1)]);
    }
}

/// What an error quotes says whose it is, so that the address lets nobody in.
#[test]
fn a_strangers_error_must_still_be_about_something() {
    let (mut lab, out) = with_site();
    let other = ipv4(VM1, DESK).tcp(5001, 445).seq(1_000).bytes();
    let late = ipv4(VM1, DESK).tcp(5000, 445).seq(77_000).bytes();
    for router in ["172.31.255.1", "10.0.1.5"] {
        lab.send("site", ipv4(router, VM1).unreachable(1).quoting(&other, 8));
        lab.expect([("error-without-flow", 1)]);
        lab.send("site", ipv4(router, VM1).unreachable(1).quoting(&late, 8));
        lab.expect([("error-out-of-window", 1)]);
        lab.send("internet", ipv4(router, VM1).unreachable(1).quoting(&out, 8));
        lab.expect([("error-without-flow", 1)]);
        lab.send("site", ipv4(router, VM1).udp(5000, 53));
        lab.expect([("spoofed-source", 1)]);
    }
    for nobody in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "168.63.129.16"] {
        lab.send("site", ipv4(nobody, VM1).unreachable(1).quoting(&out, 8));
        lab.expect([("spoofed-source", 1)]);
    }
}
