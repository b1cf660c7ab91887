//! What user-defined routes do to VirtualNetwork, and so to the rules before the subnets that have them. Packets go the same
//! way as without them.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use model::{IpConfiguration, NextHop, NicIndex};
use pipeline::{Names, Snapshot};
use std::sync::Arc;
use testkit::build::{ipv4, ipv6};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const PUBLIC1: &str = "203.0.113.21";
const PUBLIC3: &str = "203.0.113.23";
const APPLIANCE: NextHop = NextHop::VirtualAppliance(None);

/// `vm1` in `web` and `vm3` in `db`, each with a public address, behind groups without rules of their own.
fn guarded() -> Blueprint {
    let open = Blueprint::default().public("vm1", PUBLIC1).public("vm3", PUBLIC3);
    open.guard("web", &[]).guard("db", &[])
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_default_route_into_a_tunnel_opens_the_default_rules() {
    for next_hop in [APPLIANCE, NextHop::VirtualNetworkGateway] {
        let mut lab = guarded().routes("web", &[("0.0.0.0/0", next_hop)]).build();
        let sent = lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
        assert_eq!(sent.lines(), ["vm1: tcp 198.51.100.7:5000 > 10.0.1.4:22 [S] ttl 63"]);
        assert!(lab.flows()[0].rules.iter().all(|rule| &*rule.rule == "AllowVnetInBound"));
        // The other subnet has not got the table.
        lab.send("internet", ipv4(FAR, PUBLIC3).tcp(5000, 22).syn());
        lab.expect([("forwarded", 1), ("denied-inbound", 1), ("db-nsg/DenyAllInBound", 1)]);
    }
}

#[test]
fn a_default_route_that_leads_nowhere_else_opens_nothing() {
    for next_hop in [NextHop::Internet, NextHop::None, NextHop::VnetLocal] {
        let mut lab = guarded().routes("web", &[("0.0.0.0/0", next_hop)]).build();
        lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
        lab.expect([("denied-inbound", 1), ("web-nsg/DenyAllInBound", 1)]);
    }
}

#[test]
fn a_default_route_of_ipv6_opens_ipv6_alone() {
    let public = guarded().dual_stack().public_v6("vm1", "2001:db8:f::21");
    let mut lab = public.routes("web", &[("::/0", APPLIANCE)]).build();
    lab.send("internet", ipv6("2001:db8:1::7", "2001:db8:f::21").tcp(5000, 22).syn());
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(5000, 22).syn());
    lab.expect([("forwarded", 1), ("denied-inbound", 1), ("web-nsg/DenyAllInBound", 1)]);
}

/// Every other prefix counts whatever the next hop, and is no longer in Internet.
#[test]
fn a_route_takes_its_prefix_out_of_internet() {
    let rules = ["100 out deny any * > Internet"];
    for next_hop in [APPLIANCE, NextHop::Internet, NextHop::None] {
        let routed = guarded().guard("web", &rules).routes("web", &[("198.51.100.0/24", next_hop)]);
        let mut lab = routed.build();
        lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
        lab.send("vm1", ipv4(VM1, "192.0.2.7").udp(5000, 53));
        lab.expect([("forwarded", 1), ("denied-outbound", 1), ("web-nsg/rule-100", 1)]);
    }
}

/// One group at two subnets and at a NIC, and each sees the tag of its own subnet.
#[test]
fn each_subnet_sees_the_tag_of_its_own_table() {
    let rules = ["100 in allow tcp VirtualNetwork > *:22", "110 in deny any * > *"];
    let blueprint = Blueprint::default().public("vm1", PUBLIC1).public("vm3", PUBLIC3);
    let blueprint = blueprint.guard("vm1", &rules).guard("vm3", &rules);
    let blueprint = blueprint.routes("web", &[("198.51.100.7/32", APPLIANCE)]);
    let mut lab = blueprint.routes("db", &[("198.51.100.6/32", APPLIANCE)]).build();
    for (from, to, passes) in [
        (FAR, PUBLIC1, true),
        ("198.51.100.6", PUBLIC1, false),
        (FAR, PUBLIC3, false),
        ("198.51.100.6", PUBLIC3, true),
    ] {
        let sent = lab.send("internet", ipv4(from, to).tcp(5000, 22).syn());
        assert_eq!(sent.lines().len(), usize::from(passes), "{from} > {to}");
    }
    lab.expect([("forwarded", 2), ("denied-inbound", 2), ("vm1-nsg/rule-110", 1), ("vm3-nsg/rule-110", 1)]);
}

#[test]
fn addresses_of_one_nic_in_two_subnets_see_two_tags() {
    let blueprint = Blueprint::default().guard("vm1", &["100 out deny any * > Internet"]);
    let blueprint = blueprint.routes("db", &[("0.0.0.0/0", APPLIANCE)]);
    let mut network = blueprint.network();
    let db = network.network_interfaces[2].ip_configurations[0].subnet;
    let own = network.network_interfaces[0].ip_configurations[0].clone();
    let second = IpConfiguration {
        name: "second".into(),
        subnet: db,
        private_address: Some([10, 0, 2, 9].into()),
        primary: false,
        ..own
    };
    network.network_interfaces[0].ip_configurations.push(second);
    let mut names = Names::default();
    let snapshot = Snapshot::build(&blueprint.gateway(Arc::new(network)), &mut names).unwrap();
    let [first, second] = [0, 1].map(|nth| snapshot.guards(NicIndex(0), nth));
    assert_ne!(first, second);
    let mut lab = blueprint.build_on(Arc::new(snapshot), names);
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.send("vm1", ipv4("10.0.2.9", FAR).udp(5000, 53));
    lab.expect([("forwarded", 1), ("denied-outbound", 1), ("vm1-nsg/rule-100", 1)]);
}

/// Subnets that see the same share a table of rules, whether they have the same route table or equal ones.
#[test]
fn equal_tags_are_compiled_once() {
    let snapshot = |blueprint: Blueprint| {
        let mut network = blueprint.network();
        network.security_groups.truncate(1);
        let subnets = &mut network.virtual_networks[0].subnets;
        subnets[1].security_group = subnets[0].security_group;
        Snapshot::build(&blueprint.gateway(Arc::new(network)), &mut Names::default()).unwrap()
    };
    let both = |snapshot: &Snapshot| [NicIndex(0), NicIndex(2)].map(|nic| snapshot.guards(nic, 0).subnet);
    let route = [("198.51.100.0/24", APPLIANCE)];
    for (web, db, same) in [
        (&route[..], &route[..], true),
        (&[("0.0.0.0/0", NextHop::Internet)], &[], true),
        (&[("10.0.0.0/24", APPLIANCE)], &[], true),
        (&route, &[], false),
    ] {
        let snapshot = snapshot(Blueprint::default().guard("web", &[]).routes("web", web).routes("db", db));
        let [of_web, of_db] = both(&snapshot);
        assert!(of_web.is_some());
        assert_eq!(of_web == of_db, same, "{web:?} {db:?}");
    }
}

/// A machine that forwards for others is reached and sends as ever: no packet goes by the table.
#[test]
fn packets_go_as_though_the_table_were_not_there() {
    let blueprint =
        Blueprint::default().routes("web", &[("0.0.0.0/0", APPLIANCE), ("10.0.2.0/24", NextHop::None)]);
    let mut lab = blueprint.build();
    let sent = lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    assert_eq!(sent.lines(), ["vm3: udp 10.0.1.4:5000 > 10.0.2.4:53 ttl 63"]);
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, "172.31.0.9").udp(5000, 53));
    lab.expect([("forwarded", 2), ("route-none", 1)]);
}
