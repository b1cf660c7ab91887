//! Networks without machines: what of their subnets is told, and how often.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use analysis::{Diff, Limits, OnlyIn, Subject, diff};
use common::{BOTH, net, tags};
use model::*;

/// A group whose only rule says this of TCP to a port from anywhere.
fn group(name: &str, access: Access, port: u16) -> NetworkSecurityGroup {
    let rule = SecurityRule {
        name: "rule".into(),
        default: false,
        priority: 100,
        direction: Direction::Inbound,
        access,
        protocol: RuleProtocol::Tcp,
        source: AddressMatch::Any,
        source_ports: PortSet::full(),
        destination: AddressMatch::Any,
        destination_ports: PortSet::from_ranges([port..=port]),
    };
    NetworkSecurityGroup { id: name.into(), name: name.into(), rules: vec![rule] }
}

fn web() -> NetworkSecurityGroup {
    group("web", Access::Allow, 443)
}

fn mail() -> NetworkSecurityGroup {
    group("mail", Access::Allow, 25)
}

/// A subnet with its prefix and the name of its group.
type Of<'a> = (&'a str, &'a str, Option<&'a str>);

/// Virtual networks of this space with their subnets.
fn network(groups: &[NetworkSecurityGroup], vnets: &[(&str, &str, &[Of<'_>])]) -> Network {
    let subnet = |&(name, prefix, group): &Of<'_>| Subnet {
        id: name.into(),
        name: name.into(),
        prefixes: vec![net(prefix)],
        security_group: group.map(|group| NsgIndex(groups.iter().position(|it| &*it.name == group).unwrap())),
        route_table: None,
        default_outbound_access: true,
    };
    let vnet = |&(name, space, subnets): &(&str, &str, &[Of<'_>])| VirtualNetwork {
        id: name.into(),
        name: name.into(),
        address_space: vec![net(space)],
        subnets: subnets.iter().map(subnet).collect(),
        peerings: Vec::new(),
        peers_elsewhere: Vec::new(),
    };
    Network {
        virtual_networks: vnets.iter().map(vnet).collect(),
        security_groups: groups.to_vec(),
        ..Network::default()
    }
}

/// The same in one virtual network.
fn one(groups: &[NetworkSecurityGroup], subnets: &[Of<'_>]) -> Network {
    network(groups, &[("v1", "10.0.0.0/16", subnets)])
}

/// With a NIC in the first subnet of the first virtual network.
fn with_nic(mut network: Network) -> Network {
    network.network_interfaces.push(NetworkInterface {
        id: "web1".into(),
        name: "web1".into(),
        security_group: None,
        ip_forwarding: false,
        virtual_machine: None,
        mac: None,
        ip_configurations: vec![IpConfiguration {
            name: "one".into(),
            subnet: SubnetIndex { vnet: VnetIndex(0), subnet: 0 },
            private_address: Some("10.0.1.4".parse().unwrap()),
            is_assumed: false,
            is_ipv6: false,
            public_ip: None,
            application_security_groups: Vec::new(),
            primary: true,
        }],
    });
    network
}

fn compare(old: &Network, new: &Network) -> Diff {
    let (of_old, of_new) = (tags(old), tags(new));
    let old = analysis::Network { network: old, virtual_networks: &of_old, on_premises: &[], internet: &[] };
    let new = analysis::Network { network: new, virtual_networks: &of_new, on_premises: &[], internet: &[] };
    diff(&old, &new, &Limits::default()).unwrap()
}

/// Whose differences there are, with the protocols, destination ports and new verdicts of their regions.
fn told(found: &Diff) -> Vec<String> {
    let told = found.differences.iter().map(|one| {
        let whose = match &one.subject {
            Subject::Nic(name) => format!("nic {name}"),
            Subject::Nsg(name) => format!("nsg {name}"),
            Subject::Subnet { subnet, nsg } => format!("subnet {subnet} of {nsg}"),
        };
        let mut ports: Vec<String> = one
            .regions
            .iter()
            .map(|region| {
                let ports = analysis::text::ports(&region.destination_ports);
                format!("{} {ports} {:?}", analysis::text::protocols(region), region.new)
            })
            .collect();
        // An address of either family has a region of its own.
        ports.dedup();
        format!("{whose}, {:?}: {}", one.direction, ports.join("; "))
    });
    told.collect()
}

fn only(found: &Diff) -> Vec<(&str, OnlyIn)> {
    found.only.iter().map(|only| (&*only.what, only.side)).collect()
}

const WEB: Of<'static> = ("a", "10.0.1.0/24", Some("web"));
const BARE: Of<'static> = ("a", "10.0.1.0/24", None);
const NEXT: Of<'static> = ("b", "10.0.2.0/24", None);

#[test]
fn a_subnet_that_loses_its_group_is_open() {
    let (old, new) = (one(&[web()], &[WEB, NEXT]), one(&[web()], &[BARE, NEXT]));
    let found = compare(&old, &new);
    let opened = ["Tcp 0-442,444-65535 Allow; Udp,Icmp,Esp,Ah * Allow", "* * Allow"];
    let subjects = ["Inbound", "Outbound"].map(|way| format!("subnet v1/a of web, {way}: "));
    assert!(found.only.is_empty());
    assert_eq!(told(&found), [0, 1].map(|nth| format!("{}{}", subjects[nth], opened[nth])));
    // Inbound only what comes to the subnet, outbound only what comes from it.
    for (one, way) in found.differences.iter().zip(BOTH) {
        for region in &one.regions {
            let local = if way == Direction::Inbound { &region.destination } else { &region.source };
            assert_eq!(analysis::text::addresses(&local.addresses), "10.0.1.0/24", "{region}");
        }
    }
    // And back; the group that it gets is the one to name.
    let back = compare(&new, &old);
    assert_eq!(back.differences.len(), 2);
    assert!(told(&back).iter().all(|it| it.starts_with("subnet v1/a of web") && it.ends_with("Deny")));
    assert!(compare(&old, &old).is_equal() && compare(&new, &new).is_equal());
}

#[test]
fn groups_that_change_places_are_told_by_subnet() {
    let subnets = |a, b| [("a", "10.0.1.0/24", Some(a)), ("b", "10.0.2.0/24", Some(b))];
    let (old, new) =
        (one(&[web(), mail()], &subnets("web", "mail")), one(&[web(), mail()], &subnets("mail", "web")));
    let found = compare(&old, &new);
    assert!(found.only.is_empty());
    assert_eq!(
        told(&found),
        [
            "subnet v1/a of web, Inbound: Tcp 25 Allow; Tcp 443 Deny",
            "subnet v1/b of mail, Inbound: Tcp 25 Deny; Tcp 443 Allow"
        ]
    );
}

#[test]
fn a_subnet_of_one_side_alone_is_told() {
    let (old, new) = (one(&[web()], &[WEB, NEXT]), one(&[web()], &[WEB]));
    let found = compare(&old, &new);
    assert_eq!((told(&found), only(&found)), (vec![], vec![("subnet v1/b", OnlyIn::Old)]));
    assert_eq!(only(&compare(&new, &old)), [("subnet v1/b", OnlyIn::New)]);
    // So are those of a virtual network that is gone, and one that had none.
    let more = network(
        &[web()],
        &[
            ("v1", "10.0.0.0/16", &[WEB]),
            ("v2", "10.2.0.0/16", &[("c", "10.2.1.0/24", None)]),
            ("v3", "10.3.0.0/16", &[]),
        ],
    );
    let found = compare(&more, &new);
    assert_eq!(only(&found), [("subnet v2/c", OnlyIn::Old), ("virtual network v3", OnlyIn::Old)]);
    // Who is in a subnet says so himself.
    let (with, without) =
        (with_nic(one(&[web()], &[WEB])), one(&[web()], &[("b", "10.0.2.0/24", Some("web"))]));
    let found = compare(&with, &without);
    assert_eq!(only(&found), [("network interface web1", OnlyIn::Old), ("subnet v1/b", OnlyIn::New)]);
}

#[test]
fn another_prefix_is_told() {
    let (old, new) = (one(&[web()], &[WEB]), one(&[web()], &[("a", "10.0.0.0/23", Some("web"))]));
    let found = compare(&old, &new);
    assert_eq!(
        (told(&found), only(&found)),
        (vec![], vec![("addresses 10.0.0.0/24 of subnet v1/a", OnlyIn::New)])
    );
    // A subnet that moves and loses its group does both.
    let found = compare(&old, &one(&[web()], &[("a", "10.0.4.0/24", None)]));
    let moved = [
        ("addresses 10.0.1.0/24 of subnet v1/a", OnlyIn::Old),
        ("addresses 10.0.4.0/24 of subnet v1/a", OnlyIn::New),
    ];
    assert_eq!(only(&found), moved);
    assert_eq!(found.differences.len(), 2);
    // One prefix in two halves is the same.
    let mut halves = one(&[web()], &[WEB]);
    halves.virtual_networks[0].subnets[0].prefixes = ["10.0.1.128/25", "10.0.1.0/25"].map(net).to_vec();
    assert!(compare(&old, &halves).is_equal());
}

#[test]
fn names_of_subnets_and_groups_are_not_meaning() {
    let old = one(&[web()], &[WEB, NEXT]);
    let renamed = NetworkSecurityGroup { id: "front".into(), name: "front".into(), ..web() };
    let new = one(&[renamed], &[("b", "10.0.2.0/24", None), ("c", "10.0.1.0/24", Some("front"))]);
    assert!(compare(&old, &new).is_equal());
    // With other rules it still is the same group, which is told once.
    let twice = |group: &NetworkSecurityGroup| {
        let name = Some(&*group.name);
        one(std::slice::from_ref(group), &[("a", "10.0.1.0/24", name), ("b", "10.0.2.0/24", name)])
    };
    let front = group("front", Access::Allow, 80);
    let found = compare(&twice(&web()), &twice(&front));
    assert_eq!(told(&found), ["nsg web, Inbound: Tcp 80 Allow; Tcp 443 Deny"]);
    assert!(found.only.is_empty());
}

#[test]
fn the_rules_of_a_group_are_told_once() {
    let denied = |port| vec![group("web", Access::Deny, port)];
    // However many subnets it guards, and in however many virtual networks that see the rules alike.
    let side = |groups: &[NetworkSecurityGroup]| {
        let two: &[Of<'_>] = &[WEB, ("b", "10.0.2.0/24", Some("web"))];
        network(
            groups,
            &[("v1", "10.0.0.0/16", two), ("v2", "10.2.0.0/16", &[("c", "10.2.1.0/24", Some("web"))])],
        )
    };
    let found = compare(&side(&denied(443)), &side(&denied(444)));
    assert_eq!(told(&found).len(), 1, "{found:#?}");
    assert!(told(&found)[0].starts_with("nsg web, Inbound: "));
    // A subnet that gets it as well is told beside.
    let (old, new) =
        (one(&denied(443), &[WEB, NEXT]), one(&denied(444), &[WEB, ("b", "10.0.2.0/24", Some("web"))]));
    let whose: Vec<String> =
        told(&compare(&old, &new)).iter().map(|it| it.split(':').next().unwrap().to_owned()).collect();
    assert_eq!(whose, ["nsg web, Inbound", "subnet v1/b of web, Inbound", "subnet v1/b of web, Outbound"]);
}

#[test]
fn a_subnet_beside_network_interfaces_is_compared() {
    let with = |group| ("b", "10.0.2.0/24", group);
    let side = |groups: &[NetworkSecurityGroup], next| with_nic(one(groups, &[WEB, next]));
    // A group that guards nobody yet …
    let (old, new) = (side(&[web(), mail()], with(Some("mail"))), side(&[web(), mail()], with(None)));
    let found = compare(&old, &new);
    assert_eq!(found.differences.len(), 2);
    assert!(told(&found).iter().all(|it| it.starts_with("subnet v1/b of mail, ")));
    // … and one that guards somebody, of whom no packet changes.
    let only_there = |access| {
        let mut group = group("web", access, 443);
        group.rules[0].destination = AddressMatch::Prefixes(vec![net("10.0.2.0/25")]);
        [group]
    };
    let (old, new) = (
        side(&only_there(Access::Allow), with(Some("web"))),
        side(&only_there(Access::Deny), with(Some("web"))),
    );
    let found = compare(&old, &new);
    assert!(told(&found)[0].starts_with("subnet v1/b of web, Inbound: Tcp 443 Deny"), "{found:#?}");
    assert_eq!(found.differences.len(), 1);
}

#[test]
fn groups_alone_have_no_subnets() {
    let old = Network { security_groups: vec![web()], ..Network::default() };
    assert!(compare(&old, &one(&[web()], &[WEB, NEXT])).is_equal());
    assert!(compare(&one(&[web()], &[WEB, NEXT]), &old).is_equal());
}

/// Whoever comes into the subnet may be in a group that nobody is in yet.
#[test]
fn rules_about_groups_without_members_are_compared() {
    let to_members = |port| {
        let mut group = group("g", Access::Deny, port);
        group.rules[0].destination = AddressMatch::ApplicationSecurityGroups(vec![AsgIndex(0)]);
        let asg = ApplicationSecurityGroup { id: "web".into(), name: "web".into() };
        let subnets = [("a", "10.0.1.0/24", Some("g"))];
        Network { application_security_groups: vec![asg], ..one(&[group], &subnets) }
    };
    assert!(compare(&to_members(80), &to_members(80)).is_equal());
    let found = compare(&to_members(80), &to_members(8080));
    assert!(!found.is_equal());
    assert!(found.differences.iter().all(|one| one.subject == Subject::Nsg("g".into())), "{found:?}");
}
