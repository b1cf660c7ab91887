//! What Azure's pages say of NSGs, asked of the compiled policy and of the reference at once.

mod common;

use common::*;
use model::RuleProtocol::{Ah, Any, Esp, Icmp, Tcp, Udp};
use model::{NamedTag, Network, ServiceTag, ServiceTags, TagIndex};
use packet::Protocol;
use policy::{Builder, Error};
use std::sync::Arc;

const INTERNET: &str = "203.0.113.9";

#[test]
fn the_default_rules_close_every_list() {
    let judge = Judge::of_rules(vec![]);
    let host = "168.63.129.16";
    for (direction, tuple, expected) in [
        (Inbound, tcp("10.0.2.4", 1, "10.0.1.4", 80), (Allow, "AllowVnetInBound")),
        // 168.63.129.16 belongs to VirtualNetwork, so probes match there first.
        (Inbound, tcp(host, 1, "10.0.1.4", 80), (Allow, "AllowVnetInBound")),
        (Inbound, tcp(host, 1, "172.31.0.4", 80), (Allow, "AllowAzureLoadBalancerInBound")),
        (Inbound, tcp(INTERNET, 1, "10.0.1.4", 80), (Deny, "DenyAllInBound")),
        (Outbound, tcp("10.0.1.4", 1, "10.0.2.4", 80), (Allow, "AllowVnetOutBound")),
        (Outbound, tcp("10.0.1.4", 1, INTERNET, 80), (Allow, "AllowInternetOutBound")),
        (Outbound, bare(Protocol(132), "10.0.1.4", INTERNET), (Allow, "AllowInternetOutBound")),
        // A private address outside VirtualNetwork is neither.
        (Outbound, tcp("10.0.1.4", 1, "172.31.0.100", 80), (Deny, "DenyAllOutBound")),
    ] {
        assert_eq!(judge.ask(0, direction, &tuple), expected, "{tuple:?}");
    }
}

/// The page's picture: NSG1 stands on Subnet1, NSG2 on the NICs of VM1 and VM3; VM2 is in Subnet1 without an NSG
/// of its own, VM3 and VM4 in subnets without.
#[test]
fn the_four_virtual_machines_of_the_page() {
    const NSG1: usize = 0;
    const NSG2: usize = 1;
    // Inbound the subnet's NSG comes first, outbound the NIC's.
    let machines: [(&str, &[usize], &[usize]); 4] = [
        ("10.0.1.1", &[NSG1, NSG2], &[NSG2, NSG1]),
        ("10.0.1.2", &[NSG1], &[NSG1]),
        ("10.0.2.3", &[NSG2], &[NSG2]),
        ("10.0.3.4", &[], &[]),
    ];
    let web = |access| rule(100, Inbound, access, Tcp, tag(ServiceTag::Internet), "*", any(), "80");
    let out = |access| rule(100, Outbound, access, Tcp, any(), "*", tag(ServiceTag::Internet), "80");
    let verdicts = |nsg1: Vec<_>, nsg2: Vec<_>| {
        let security_groups = vec![nsg("NSG1", nsg1), nsg("NSG2", nsg2)];
        let judge = Judge::new(Network { security_groups, ..Network::default() }, &["10.0.0.0/16"]);
        machines.map(|(vm, inbound, outbound)| {
            let inbound = judge.walk(inbound, Inbound, &tcp(INTERNET, 50_000, vm, 80));
            let outbound = judge.walk(outbound, Outbound, &tcp(vm, 50_000, INTERNET, 80));
            [inbound, outbound].map(|found| found.map(|(access, name)| (access, name.to_owned())))
        })
    };
    let is = |access, name: &str| Some((access, name.to_owned()));

    let denied = is(Deny, "DenyAllInBound");
    let default_out = is(Allow, "AllowInternetOutBound");
    assert_eq!(
        verdicts(vec![], vec![]),
        [
            [denied.clone(), default_out.clone()],
            [denied.clone(), default_out.clone()],
            [denied.clone(), default_out.clone()],
            [None, None],
        ]
    );
    let allowed = is(Allow, "rule-100");
    assert_eq!(
        verdicts(vec![web(Allow)], vec![]),
        [
            [denied.clone(), default_out.clone()],
            [allowed.clone(), default_out.clone()],
            [denied.clone(), default_out.clone()],
            [None, None],
        ]
    );
    assert_eq!(verdicts(vec![web(Allow)], vec![web(Allow)])[0][0], allowed);
    let refused = is(Deny, "rule-100");
    assert_eq!(
        verdicts(vec![out(Deny)], vec![]).map(|[_, outbound]| outbound),
        [refused.clone(), refused.clone(), default_out.clone(), None]
    );
    assert_eq!(
        verdicts(vec![], vec![out(Deny)]).map(|[_, outbound]| outbound),
        [refused.clone(), default_out, refused, None]
    );
}

#[test]
fn application_security_groups_stand_for_their_members() {
    let (web, logic, db, empty) = (0, 1, 2, 3);
    let rules = vec![
        rule(100, Inbound, Allow, Tcp, tag(ServiceTag::Internet), "*", asgs(&[web]), "80"),
        rule(110, Inbound, Allow, Tcp, asgs(&[logic]), "*", asgs(&[db]), "1433"),
        rule(120, Inbound, Deny, Any, any(), "*", asgs(&[db]), "1433"),
        rule(130, Inbound, Deny, Any, any(), "*", asgs(&[empty]), "*"),
        // An empty group beside a full one changes nothing.
        rule(140, Inbound, Allow, Udp, asgs(&[empty, web]), "*", any(), "*"),
    ];
    let network = Network {
        security_groups: vec![nsg("nsg", rules)],
        application_security_groups: ["AsgWeb", "AsgLogic", "AsgDb", "AsgEmpty"].map(asg).to_vec(),
        network_interfaces: vec![
            nic("10.0.0.1", &[web]),
            nic("10.0.0.2", &[web]),
            nic("10.0.0.3", &[logic]),
            nic("10.0.0.4", &[db]),
        ],
        ..Network::default()
    };
    let judge = Judge::new(network, &["10.0.0.0/16"]);
    for (tuple, expected) in [
        (tcp(INTERNET, 1, "10.0.0.1", 80), (Allow, "rule-100")),
        (tcp(INTERNET, 1, "10.0.0.2", 80), (Allow, "rule-100")),
        (tcp(INTERNET, 1, "10.0.0.3", 80), (Deny, "DenyAllInBound")),
        (tcp(INTERNET, 1, "10.0.0.1", 81), (Deny, "DenyAllInBound")),
        (tcp("10.0.0.3", 1, "10.0.0.4", 1433), (Allow, "rule-110")),
        (tcp("10.0.0.1", 1, "10.0.0.4", 1433), (Deny, "rule-120")),
        (udp("10.0.0.3", 1, "10.0.0.4", 1433), (Deny, "rule-120")),
        (tcp("10.0.0.1", 1, "10.0.0.4", 22), (Allow, "AllowVnetInBound")),
        (udp("10.0.0.1", 1, "10.0.0.4", 22), (Allow, "rule-140")),
        (udp("10.0.0.3", 1, "10.0.0.4", 22), (Allow, "AllowVnetInBound")),
    ] {
        assert_eq!(judge.ask(0, Inbound, &tuple), expected, "{tuple:?}");
    }
}

#[test]
fn priority_decides_whatever_the_order_in_the_file() {
    let judge = Judge::of_rules(vec![
        rule(4096, Inbound, Deny, Any, any(), "*", any(), "*"),
        rule(101, Inbound, Deny, Tcp, any(), "*", any(), "0-1023"),
        rule(100, Inbound, Allow, Tcp, any(), "*", any(), "443,8080-8081"),
    ]);
    for (port, expected) in [
        (443, (Allow, "rule-100")),
        (442, (Deny, "rule-101")),
        (0, (Deny, "rule-101")),
        (1023, (Deny, "rule-101")),
        (1024, (Deny, "rule-4096")),
        (8081, (Allow, "rule-100")),
        (8082, (Deny, "rule-4096")),
    ] {
        assert_eq!(judge.ask(0, Inbound, &tcp("10.0.0.9", 1, "10.0.0.4", port)), expected, "port {port}");
    }
}

#[test]
fn protocols_and_ports() {
    let one =
        |protocol, ports| Judge::of_rules(vec![rule(100, Inbound, Deny, protocol, any(), "*", any(), ports)]);
    let matched = |judge: &Judge, protocol: u8| {
        let port = Protocol(protocol).has_ports().then_some(80);
        let tuple = tuple(Protocol(protocol), "10.0.0.9", port, "10.0.0.4", port);
        judge.ask(0, Inbound, &tuple).1 == "rule-100"
    };
    let all = [1, 6, 17, 47, 50, 51, 58, 132];
    for (protocol, ports, expected) in [
        (Tcp, "80", &[6][..]),
        (Udp, "*", &[17]),
        // Ports mean nothing to these three.
        (Icmp, "7", &[1]),
        (Esp, "1-2", &[50]),
        (Ah, "1-2", &[51]),
        // ICMPv6 only under any protocol; with ports, only packets that have ports.
        (Any, "*", &all),
        (Any, "0-32767,32768-65535", &all),
        (Any, "80", &[6, 17]),
        (Any, "1-65535", &[6, 17]),
    ] {
        let judge = one(protocol, ports);
        let found: Vec<u8> = all.into_iter().filter(|&number| matched(&judge, number)).collect();
        assert_eq!(found, expected, "{protocol:?} {ports}");
    }
}

#[test]
fn a_question_about_any_port_matches_full_sets_alone() {
    let judge = Judge::of_rules(vec![
        rule(100, Inbound, Deny, Tcp, any(), "1024-65535", any(), "80"),
        rule(110, Inbound, Deny, Tcp, any(), "*", any(), "80"),
        rule(120, Inbound, Deny, Tcp, any(), "*", any(), "*"),
    ]);
    let ask = |from, to| judge.ask(0, Inbound, &tuple(Protocol::TCP, "10.0.0.9", from, "10.0.0.4", to)).1;
    assert_eq!(ask(Some(2000), Some(80)), "rule-100");
    assert_eq!(ask(None, Some(80)), "rule-110");
    assert_eq!(ask(None, None), "rule-120");
    // A number beside a protocol without ports is no port.
    let echo = tuple(Protocol::ICMP, "10.0.0.9", Some(80), "10.0.0.4", Some(80));
    assert_eq!(judge.ask(0, Inbound, &echo).1, "AllowVnetInBound");
}

#[test]
fn each_family_has_its_own_zero_prefix() {
    let judge = Judge::of_rules(vec![
        rule(100, Inbound, Deny, Tcp, prefix("0.0.0.0/0"), "*", any(), "*"),
        rule(110, Inbound, Deny, Tcp, prefix("::/0"), "*", any(), "*"),
        rule(120, Inbound, Deny, Udp, any(), "*", any(), "*"),
    ]);
    for (tuple, expected) in [
        (tcp("0.0.0.0", 1, "10.0.0.4", 1), "rule-100"),
        (tcp("255.255.255.255", 1, "10.0.0.4", 1), "rule-100"),
        (tcp("::", 1, "2001:db8::4", 1), "rule-110"),
        (tcp("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 1, "2001:db8::4", 1), "rule-110"),
        (tcp("::fffe:ffff:ffff", 1, "2001:db8::4", 1), "rule-110"),
        (tcp("::1:0:0:0", 1, "2001:db8::4", 1), "rule-110"),
        (udp("10.0.0.9", 1, "10.0.0.4", 1), "rule-120"),
        (udp("2001:db8::9", 1, "2001:db8::4", 1), "rule-120"),
    ] {
        assert_eq!(judge.ask(0, Inbound, &tuple).1, expected, "{tuple:?}");
    }
}

#[test]
fn internet_is_what_is_public_and_not_ours() {
    let rules = vec![rule(100, Inbound, Allow, Any, tag(ServiceTag::Internet), "*", any(), "*")];
    let network = Network { security_groups: vec![nsg("nsg", rules)], ..Network::default() };
    // The virtual network uses a public range, which is carved out.
    let judge = Judge::new(network, &["10.0.0.0/16", "20.1.0.0/24", "2600:1::/48"]);
    let inside = |address: &str| {
        let target = if address.contains(':') { "2600:1::4" } else { "10.0.0.4" };
        judge.ask(0, Inbound, &tcp(address, 1, target, 1)).1 == "rule-100"
    };
    for public in [
        "1.0.0.0",
        "9.255.255.255",
        "11.0.0.0",
        "20.0.255.255",
        "20.1.1.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "223.255.255.255",
        "168.63.129.15",
        "168.63.129.17",
        "2000::",
        "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "2600:2::",
    ] {
        assert!(inside(public), "{public} is the internet's");
    }
    for other in [
        "0.0.0.0",
        "0.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "20.1.0.0",
        "20.1.0.255",
        "100.64.0.0",
        "100.127.255.255",
        "127.0.0.1",
        "169.254.0.0",
        "169.254.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "224.0.0.0",
        "255.255.255.255",
        "168.63.129.16",
        "::1",
        "fe80::1",
        "fd00::1",
        "1fff:ffff::",
        "4000::",
        "2600:1::9",
    ] {
        assert!(!inside(other), "{other} is not");
    }
}

#[test]
fn the_platforms_addresses_obey_its_own_tags_alone() {
    let judge = Judge::of_rules(vec![
        rule(100, Outbound, Deny, Any, prefix("10.0.0.9/32"), "*", tag(ServiceTag::AzurePlatformDns), "*"),
        rule(110, Outbound, Deny, Tcp, any(), "*", tag(ServiceTag::AzurePlatformImds), "1-100"),
        rule(120, Outbound, Deny, Any, any(), "*", tag(ServiceTag::AzurePlatformLkm), "*"),
        rule(200, Outbound, Deny, Any, any(), "*", prefix("168.63.129.16/32,169.254.169.254/32"), "*"),
        rule(210, Inbound, Deny, Tcp, tag(ServiceTag::AzureLoadBalancer), "*", any(), "81"),
        rule(300, Outbound, Deny, Any, any(), "*", any(), "*"),
    ]);
    let (dns, metadata) = ("168.63.129.16", "169.254.169.254");
    for (direction, tuple, expected) in [
        // The tag, at its port and for its protocols.
        (Outbound, udp("10.0.0.9", 1, dns, 53), "rule-100"),
        (Outbound, tcp("10.0.0.9", 1, dns, 53), "rule-100"),
        (Outbound, tcp("10.0.0.9", 1, dns, 80), "platform"),
        (Outbound, bare(Protocol::ICMP, "10.0.0.9", dns), "platform"),
        (Outbound, udp("10.0.0.8", 1, dns, 53), "platform"),
        (Outbound, tcp("10.0.0.8", 1, metadata, 80), "rule-110"),
        (Outbound, udp("10.0.0.8", 1, metadata, 80), "platform"),
        (Outbound, tcp("10.0.0.8", 1, metadata, 81), "platform"),
        // The licensing hosts are public addresses like others.
        (Outbound, tcp("10.0.0.8", 1, "23.102.135.246", 1688), "rule-120"),
        (Outbound, tcp("10.0.0.8", 1, "20.118.99.224", 1688), "rule-120"),
        (Outbound, tcp("10.0.0.8", 1, "40.83.235.53", 1688), "rule-120"),
        (Outbound, tcp("10.0.0.8", 1, "40.83.235.53", 1689), "rule-300"),
        (Outbound, tcp("10.0.0.8", 1, "40.83.235.54", 1688), "rule-300"),
        // Its neighbours are not the platform's.
        (Outbound, udp("10.0.0.9", 1, "168.63.129.17", 53), "rule-300"),
        // Probes come in like anything else.
        (Inbound, tcp(dns, 1, "10.0.0.4", 80), "AllowVnetInBound"),
        (Inbound, tcp(dns, 1, "10.0.0.4", 81), "rule-210"),
        (Inbound, tcp(metadata, 1, "10.0.0.4", 81), "DenyAllInBound"),
    ] {
        assert_eq!(judge.ask(0, direction, &tuple).1, expected, "{tuple:?}");
    }
}

#[test]
fn a_platform_tag_outside_its_port_matches_nothing() {
    let judge = Judge::of_rules(vec![
        rule(100, Outbound, Deny, Any, any(), "*", tag(ServiceTag::AzurePlatformDns), "54-65535"),
        rule(110, Outbound, Deny, Icmp, any(), "*", tag(ServiceTag::AzurePlatformDns), "*"),
    ]);
    for port in [52, 53, 54] {
        assert_eq!(judge.ask(0, Outbound, &udp("10.0.0.9", 1, "168.63.129.16", port)).1, "platform");
    }
    assert_eq!(judge.ask(0, Outbound, &bare(Protocol::ICMP, "10.0.0.9", "168.63.129.16")).1, "platform");
}

#[test]
fn a_group_means_another_thing_in_another_virtual_network() {
    let network = Network { security_groups: vec![nsg("nsg", vec![])], ..Network::default() };
    let mut builder = Builder::new(&network);
    let nsg = model::NsgIndex(0);
    let one = builder.add(nsg, model::VnetIndex(0), &[net("10.1.0.0/16")]);
    let two = builder.add(nsg, model::VnetIndex(0), &[net("10.2.0.0/16")]);
    assert_eq!(builder.add(nsg, model::VnetIndex(0), &[net("10.2.128.0/17"), net("10.2.0.0/17")]), two);
    let policy = builder.compile().unwrap();
    let classes = policy.classes(&tcp("10.1.0.4", 1, "10.1.0.5", 1));
    let name = |group| match policy.first_match(group, Inbound, &classes) {
        policy::Match::Rule(index) => &*policy.rule(group, Inbound, index).unwrap().name,
        policy::Match::Platform => "platform",
    };
    assert_eq!((name(one), name(two)), ("AllowVnetInBound", "DenyAllInBound"));
}

#[test]
fn named_tags_hold_both_families_and_unknown_ones_are_refused() {
    let named = |index| tag(ServiceTag::Named(TagIndex(index)));
    let sql = NamedTag {
        name: "Sql.EastUS".into(),
        prefixes: vec![net("40.78.225.0/24"), net("2603:1030:210::/48")],
        usable_in_nsg: true,
        ..NamedTag::default()
    };
    let network = |index| Network {
        security_groups: vec![nsg(
            "nsg",
            vec![rule(100, Outbound, Deny, Any, any(), "*", named(index), "*")],
        )],
        service_tags: Arc::new(ServiceTags::new(vec![sql.clone()])),
        ..Network::default()
    };
    let judge = Judge::new(network(0), &["10.0.0.0/16"]);
    for (destination, expected) in [
        ("40.78.225.0", "rule-100"),
        ("40.78.225.255", "rule-100"),
        ("40.78.226.0", "AllowInternetOutBound"),
        ("2603:1030:210::1", "rule-100"),
        ("2603:1030:211::1", "AllowInternetOutBound"),
    ] {
        let source = if destination.contains(':') { "2001:db8::4" } else { "10.0.0.4" };
        assert_eq!(judge.ask(0, Outbound, &tcp(source, 1, destination, 1433)).1, expected, "{destination}");
    }
    let network = network(1);
    let mut builder = Builder::new(&network);
    builder.add(model::NsgIndex(0), model::VnetIndex(0), &[]);
    let refused = Error::UnknownTag { group: "nsg".into(), rule: "rule-100".into() };
    assert_eq!(builder.compile().err(), Some(refused));
}

#[test]
fn the_groups_of_another_policy_deny() {
    let network = Network { security_groups: vec![nsg("nsg", vec![])], ..Network::default() };
    let mut builder = Builder::new(&network);
    let group = builder.add(model::NsgIndex(0), model::VnetIndex(0), &[]);
    let other = Builder::new(&network).compile().unwrap();
    let classes = other.classes(&tcp("10.0.0.4", 1, "10.0.0.5", 1));
    let policy::Match::Rule(index) = other.first_match(group, Outbound, &classes) else { panic!("a rule") };
    assert_eq!(other.rule(group, Outbound, index), None);
}
