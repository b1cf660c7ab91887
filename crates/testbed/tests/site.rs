//! The site itself, with the kernel as its gateway: what the tests of nsgate stand on.

use std::path::Path;
use std::process::Command;
use testbed::netns::{self, Namespace, veth};
use testbed::probe::{Outcome, PingEar};
use testbed::site::{PATIENCE, Site};

#[test]
fn two_namespaces_talk_and_leave_no_trace() {
    if !netns::available() {
        return;
    }
    let name = {
        let left = Namespace::new("left");
        let right = Namespace::new("right");
        veth((&left, "eth0"), (&right, "eth0"));
        left.address("eth0", "192.0.2.1/24");
        right.address("eth0", "192.0.2.2/24");
        left.mtu("eth0", 1400);
        left.run("ping -n -c 1 -W 1 192.0.2.2");
        assert!(!left.attempt("ping -n -c 1 -W 1 -M do -s 1400 192.0.2.2").success);
        assert_eq!(left.mac("eth0").len(), 6);
        left.name().to_owned()
    };
    assert!(!Path::new("/run/netns").join(name).exists());
}

#[test]
fn a_panic_takes_the_namespace_with_it() {
    if !netns::available() {
        return;
    }
    let panicked = std::panic::catch_unwind(|| {
        let namespace = Namespace::new("panics");
        std::panic::panic_any(namespace.name().to_owned());
    });
    let name = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(!Path::new("/run/netns").join(*name).exists());
}

#[test]
fn a_command_is_killed_when_it_is_dropped() {
    if !netns::available() {
        return;
    }
    let namespace = Namespace::new("sleeper");
    let log = tempfile::NamedTempFile::new().unwrap();
    let sleeper = namespace.start("sleep 1000", log.path());
    let id = sleeper.id();
    assert!(Path::new(&format!("/proc/{id}")).exists());
    drop(sleeper);
    assert!(!Path::new(&format!("/proc/{id}")).exists());
}

#[test]
fn probes_tell_whom_the_far_side_saw() {
    if !netns::available() || Command::new("nft").arg("--version").output().is_err() {
        return;
    }
    let site = Site::new();
    site.serve(&site.internet, 80);
    let gateway = &site.gateway;
    gateway.address("vm1", "10.0.1.1/24");
    gateway.address("eth0", "203.0.113.2/24");
    gateway.address("eth0", "203.0.113.10/32");
    gateway.route("default", "203.0.113.1");
    gateway.sysctl("net.ipv4.ip_forward", "1");
    gateway.run("nft add table ip nat");
    gateway.run("nft add chain ip nat post { type nat hook postrouting priority 100 ; }");
    gateway.run("nft add rule ip nat post oifname eth0 snat to 203.0.113.10");
    for to in ["203.0.113.1:80", "198.51.100.77:80"] {
        assert_eq!(site.tcp(&site.vm1, to).address(), Some("203.0.113.10".parse().unwrap()), "tcp {to}");
        assert_eq!(site.udp(&site.vm1, to).address(), Some("203.0.113.10".parse().unwrap()), "udp {to}");
    }
    assert_eq!(site.tcp(&site.vm1, "203.0.113.1:81"), Outcome::Refused);
    assert_eq!(site.udp(&site.vm1, "203.0.113.1:81"), Outcome::Refused);
    let ear = site.internet.enter(PingEar::open).unwrap();
    assert!(site.ping(&site.vm1, "198.51.100.1"));
    assert_eq!(ear.hear(PATIENCE).unwrap().unwrap().ip(), &std::net::Ipv4Addr::new(203, 0, 113, 10));
    gateway.run("nft add chain ip nat forward { type filter hook forward priority 0 ; policy drop ; }");
    assert_eq!(site.try_udp(&site.vm1, "203.0.113.1:80"), Outcome::Silent);
}
