//! The ingress drop on real interfaces. Needs root.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{L, PATIENCE, Site, attach};
use io::guard::{self, ADDRESS_LIMIT, HostAddresses};
use io::{Error, Ports, Reception};
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use testbed::netns::eventually;

const PING: &str = "ping -c 1 -W 1 -n";

fn host(addresses: &[&str]) -> HostAddresses {
    HostAddresses {
        v4: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        v6: Vec::new(),
        lent: None,
    }
}

/// The gateway has two addresses towards the left, and would forward to the right.
fn site() -> Site {
    let site = Site::new();
    site.gateway.sysctl("net.ipv4.ip_forward", "1");
    site.left.address("eth0", "10.9.1.1/24");
    site.gateway.address("vl", "10.9.1.254/24");
    site.gateway.address("vl", "10.9.1.253/24");
    site.gateway.address("vr", "10.9.2.254/24");
    site.right.address("eth0", "10.9.2.1/24");
    site.left.route("default", "10.9.1.254");
    site.right.route("default", "10.9.2.254");
    site
}

fn answers(site: &Site, address: &str) -> bool {
    site.left.attempt(&format!("{PING} {address}")).success
}

impl Site {
    fn install(&self, host: &HostAddresses) {
        let index = self.interface("vl").index;
        self.gateway.enter(|| guard::install(index, host)).unwrap();
        assert!(self.installed());
    }

    fn installed(&self) -> bool {
        let index = self.interface("vl").index;
        self.gateway.enter(|| guard::installed(index)).unwrap()
    }

    fn remove(&self) -> bool {
        let index = self.interface("vl").index;
        self.gateway.enter(|| guard::remove(index)).unwrap()
    }

    fn qdiscs(&self) -> String {
        self.gateway.run("tc qdisc show dev vl")
    }
}

#[test]
fn the_host_is_blind_while_packet_sockets_see_and_nothing_holds_the_program() {
    let site = site();
    assert!(answers(&site, "10.9.1.254") && answers(&site, "10.9.2.1"), "the lab itself");
    // Neither a descriptor nor a thread of it is left when this returns.
    site.install(&HostAddresses::default());
    assert!(!answers(&site, "10.9.1.254"), "to the host");
    assert!(!answers(&site, "10.9.2.1"), "through the host");
    let interface = site.interface("vl");
    let mut links = site.gateway.enter(|| {
        let mut links = Ports::new().unwrap();
        attach(&mut links, L, &interface, Reception::Own);
        links
    });
    assert!(!answers(&site, "10.9.1.254"));
    let heard = eventually(PATIENCE, || {
        let mut heard = 0;
        links
            .relay(L, 64, |_| {
                heard += 1;
                None
            })
            .unwrap();
        (heard > 0).then_some(())
    });
    assert!(heard.is_some(), "the packet socket hears nothing");
    drop(links);
    assert!(!answers(&site, "10.9.1.254"));
    assert!(site.remove());
    assert!(!site.installed());
    assert!(answers(&site, "10.9.1.254") && answers(&site, "10.9.2.1"), "given back");
    assert!(!site.qdiscs().contains("clsact"), "{}", site.qdiscs());
    assert!(!site.remove(), "there is nothing left");
}

#[test]
fn the_hosts_own_addresses_stay_the_hosts_and_nothing_is_forwarded() {
    let site = site();
    site.install(&host(&["10.9.1.254"]));
    assert!(answers(&site, "10.9.1.254"), "its own address, ARP included");
    assert!(!answers(&site, "10.9.1.253"), "an address not named");
    assert!(!answers(&site, "10.9.2.254"), "an address of another interface");
    assert!(!answers(&site, "10.9.2.1"), "through the host");
    // The other way round, too: what the right side answers to must not come from the left.
    site.install(&host(&["10.9.1.253"]));
    assert!(!answers(&site, "10.9.1.254"), "replaced");
    assert!(answers(&site, "10.9.1.253"));
    assert_eq!(site.gateway.run("tc filter show dev vl ingress").matches("direct-action").count(), 1);
}

#[test]
fn a_lent_address_keeps_all_but_the_gateways_ports() {
    let site = site();
    let lent = Some((Ipv4Addr::new(10, 9, 1, 254), 50_000..=50_009));
    site.install(&HostAddresses { lent, ..host(&["10.9.1.254"]) });
    assert!(answers(&site, "10.9.1.254"), "ICMP and ARP stay the host's");
    let left = site.left.enter(|| UdpSocket::bind("10.9.1.1:5000")).unwrap();
    let ask = |port| {
        let socket = site.gateway.enter(|| UdpSocket::bind(("10.9.1.254", port))).unwrap();
        socket.set_nonblocking(true).unwrap();
        left.send_to(b"whose", ("10.9.1.254", port)).unwrap();
        (port, socket)
    };
    let gateways = [50_000, 50_009].map(ask);
    // What was sent after them arrives after them.
    for (port, socket) in [49_999, 50_010].map(ask) {
        assert!(eventually(PATIENCE, || socket.recv(&mut [0; 16]).ok()).is_some(), "{port} is the host's");
    }
    for (port, socket) in gateways {
        assert!(socket.recv(&mut [0; 16]).is_err(), "{port} is the gateway's");
    }
}

#[test]
fn ipv6_of_the_host_passes_with_neighbour_discovery() {
    let site = site();
    for (namespace, interface) in [(&site.left, "eth0"), (&site.gateway, "vl")] {
        namespace.sysctl(&format!("net.ipv6.conf.{interface}.accept_dad"), "0");
        namespace.sysctl(&format!("net.ipv6.conf.{interface}.disable_ipv6"), "0");
    }
    site.left.address("eth0", "2001:db8::1/64");
    site.gateway.address("vl", "2001:db8::fe/64");
    site.gateway.address("vl", "2001:db8::fd/64");
    let reached = |address| eventually(PATIENCE, || answers(&site, address).then_some(())).is_some();
    assert!(reached("2001:db8::fe"), "the lab itself");
    site.install(&HostAddresses { v6: vec!["2001:db8::fe".parse().unwrap()], ..HostAddresses::default() });
    site.left.ip("neighbour flush dev eth0");
    assert!(reached("2001:db8::fe"));
    assert!(!answers(&site, "2001:db8::fd"));
    assert!(!answers(&site, "10.9.1.254"));
}

#[test]
fn replacing_leaves_no_gap() {
    let site = site();
    let socket = site.gateway.enter(|| UdpSocket::bind("10.9.1.254:5000")).unwrap();
    socket.set_nonblocking(true).unwrap();
    let left = site.left.enter(|| UdpSocket::bind("10.9.1.1:5000")).unwrap();
    left.send_to(b"before", "10.9.1.254:5000").unwrap();
    let mut buffer = [0; 16];
    assert!(eventually(PATIENCE, || socket.recv(&mut buffer).ok()).is_some(), "the lab itself");
    site.install(&HostAddresses::default());
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            let mut sent = 0;
            while !is_over.load(Ordering::Relaxed) {
                sent += i32::from(left.send_to(b"during", "10.9.1.254:5000").is_ok());
            }
            sent
        });
        for last in 0..100 {
            site.install(&host(&[&Ipv4Addr::new(192, 0, 2, last).to_string()]));
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(flood.join().unwrap() > 100);
    });
    // What is sent now arrives after it.
    let marked = site.gateway.enter(|| UdpSocket::bind("10.9.1.253:5000")).unwrap();
    marked.set_nonblocking(true).unwrap();
    site.install(&host(&["10.9.1.253"]));
    left.send_to(b"after", "10.9.1.253:5000").unwrap();
    assert!(eventually(PATIENCE, || marked.recv(&mut buffer).ok()).is_some(), "the last one lets it through");
    assert!(socket.recv(&mut buffer).is_err(), "something slipped through");
}

#[test]
fn the_filters_of_others_are_left_alone() {
    let site = site();
    site.gateway.run("tc qdisc add dev vl clsact");
    site.install(&HostAddresses::default());
    assert!(site.remove());
    assert!(site.qdiscs().contains("clsact"), "it was there before us");
    site.gateway.run("tc qdisc del dev vl clsact");
    // Ours, but somebody has moved in.
    site.install(&HostAddresses::default());
    site.install(&host(&["10.9.1.254"]));
    site.gateway.run("tc filter add dev vl egress pref 5 protocol ip u32 match u32 0 0 flowid 1:1");
    assert!(site.remove());
    assert!(site.qdiscs().contains("clsact"));
    assert!(site.gateway.run("tc filter show dev vl egress").contains("u32"));
    assert!(answers(&site, "10.9.1.254"));
}

#[test]
fn a_first_place_that_is_taken_by_another_kind_is_an_error() {
    let site = site();
    site.gateway.run("tc qdisc add dev vl clsact");
    site.gateway.run("tc filter add dev vl ingress pref 1 protocol all u32 match u32 0 0 flowid 1:1");
    let index = site.interface("vl").index;
    let error = site.gateway.enter(|| guard::install(index, &HostAddresses::default())).unwrap_err();
    assert!(error.to_string().starts_with("attaching the ingress drop"), "{error}");
    assert!(site.gateway.run("tc filter show dev vl ingress").contains("u32"));
}

#[test]
fn as_many_addresses_as_promised_and_no_more() {
    let site = site();
    let v4 = |count: usize| (0..count).map(|last| Ipv4Addr::new(10, 9, 3, last as u8)).collect();
    let v6 = |count: usize| (0..count).map(|last| (0x2001_0db8_u128 << 96 | last as u128).into()).collect();
    site.install(&HostAddresses { v4: v4(ADDRESS_LIMIT), ..HostAddresses::default() });
    site.install(&HostAddresses { v6: v6(ADDRESS_LIMIT), ..HostAddresses::default() });
    let index = site.interface("vl").index;
    let too_many = HostAddresses { v4: v4(ADDRESS_LIMIT), v6: v6(1), lent: None };
    let error = site.gateway.enter(|| guard::install(index, &too_many)).unwrap_err();
    assert!(matches!(error, Error::TooManyAddresses { count: 65, limit: ADDRESS_LIMIT }), "{error}");
}
