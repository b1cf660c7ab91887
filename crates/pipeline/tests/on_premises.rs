//! Sites on premises: what they reach, what reaches them, and what never passes through.

use testkit::build::{arp_request, fragments, ipv4};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const DESK: &str = "192.168.7.9";
const OWN: &str = "192.168.100.1";
const ROUTER: &str = "192.168.100.254";

fn with_site() -> Blueprint {
    Blueprint::default().on_premises("site", "vnet", "192.168.100.1/24", &["192.168.0.0/16"], Some(ROUTER))
}

fn stages(lab: &Lab, from: &str, frame: impl Into<testkit::build::OwnedFrame>) -> Vec<String> {
    let explained = lab.explain(from, frame);
    explained.stages.iter().map(|stage| format!("{}: {}", stage.name, stage.text)).collect()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_nic_reaches_a_site_without_translation() {
    let mut lab = with_site().build();
    let sent = lab.send("vm1", ipv4(VM1, DESK).tcp(5000, 80).syn());
    assert_eq!(sent.lines().len(), 1);
    assert!(sent.lines()[0].starts_with("site: tcp 10.0.1.4:5000 > 192.168.7.9:80"), "{:?}", sent.lines());
    assert_eq!(sent.only().seen().ipv4().ttl, 63);
    let back = lab.send("site", ipv4(DESK, VM1).tcp(80, 5000).syn().ack(1));
    assert_eq!(back.only().to, "vm1");
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.pools().used_total(), 0);
}

#[test]
fn a_site_reaches_private_addresses_through_inbound_rules() {
    let rules = ["100 in deny tcp * > *:22", "200 in allow any VirtualNetwork > *", "300 in deny any * > *"];
    let mut lab = with_site().guard("web", &rules).build();
    let sent = lab.send("site", ipv4(DESK, VM1).udp(5000, 53));
    assert_eq!(sent.lines(), ["vm1: udp 192.168.7.9:5000 > 10.0.1.4:53 ttl 63"]);
    assert_eq!(lab.send("vm1", ipv4(VM1, DESK).udp(53, 5000)).only().to, "site");
    lab.expect([("forwarded", 2)]);
    lab.send("site", ipv4(DESK, VM1).tcp(5000, 22).syn());
    lab.expect([("denied-inbound", 1), ("web-nsg/rule-100", 1)]);
}

#[test]
fn the_sites_are_part_of_virtual_network_and_not_of_internet() {
    let mut lab = with_site().guard("web", &[]).build();
    lab.send("site", ipv4(DESK, VM1).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, DESK).udp(5000, 53));
    lab.expect([("forwarded", 2)]);
    let mut lab = with_site().guard("web", &["100 out deny any * > Internet"]).build();
    lab.send("vm1", ipv4(VM1, DESK).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    // Without the site the default rules know nothing of the address.
    let mut lab = Blueprint::default().guard("web", &[]).build();
    lab.send("vm1", ipv4(VM1, DESK).udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("web-nsg/DenyAllOutBound", 1)]);
}

/// In VirtualNetwork the site's addresses pass by default; a stranger who takes one must not.
#[test]
fn nobody_comes_by_the_internet_as_a_site_with_public_addresses() {
    let site = ["198.51.100.0/24"];
    let blueprint = Blueprint::default().public("vm1", "203.0.113.20").guard("vm1", &[]);
    let mut lab = blueprint.on_premises("site", "vnet", "192.168.100.1/24", &site, Some(ROUTER)).build();
    lab.send("internet", ipv4(FAR, "203.0.113.20").udp(5000, 53));
    lab.expect([("spoofed-source", 1)]);
    lab.send("internet", ipv4("198.51.101.7", "203.0.113.20").udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("vm1-nsg/DenyAllInBound", 1)]);
    lab.send("site", ipv4(FAR, VM1).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn public_prefixes_on_premises_go_there_too() {
    let blueprint = Blueprint::default().on_premises(
        "site",
        "vnet",
        "192.168.100.1/24",
        &["198.51.100.0/24"],
        Some(ROUTER),
    );
    let mut lab = blueprint.build();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    assert_eq!(sent.lines(), ["site: udp 10.0.1.4:5000 > 198.51.100.7:53 ttl 63"]);
    assert_eq!(lab.send("vm1", ipv4(VM1, "8.8.8.8").udp(5000, 53)).only().to, "internet");
    lab.expect([("forwarded", 2)]);
}

#[test]
fn sources_outside_the_prefixes_are_spoofed() {
    let mut lab = with_site().build();
    for source in [FAR, "10.9.9.9", VM1, "172.16.0.1", OWN, "168.63.129.16"] {
        lab.send("site", ipv4(source, "10.0.1.5").udp(5000, 53));
        lab.expect([("spoofed-source", 1)]);
    }
}

#[test]
fn a_site_reaches_neither_the_internet_nor_public_addresses_nor_another_site() {
    let blueprint = with_site().public("vm1", "203.0.113.20").on_premises(
        "other",
        "vnet",
        "172.16.0.1/24",
        &["172.16.0.0/16"],
        None,
    );
    let mut lab = blueprint.build();
    for destination in [FAR, "203.0.113.20", "203.0.113.10", "203.0.113.2", "172.16.0.9", "172.31.0.1"] {
        lab.send("site", ipv4(DESK, destination).udp(5000, 53));
        lab.expect([("no-transit", 1)]);
    }
    let pieces = fragments(&ipv4(DESK, FAR).udp(5000, 53).data(100).bytes(), 80);
    lab.send("site", pieces[1].clone());
    lab.expect([("no-transit", 1)]);
    lab.send("site", ipv4(DESK, "10.0.1.200").udp(5000, 53));
    lab.expect([("unknown-destination", 1)]);
}

#[test]
fn the_gateway_answers_for_its_own_address_only() {
    let mut lab = with_site().build();
    let mac = lab.host_mac("site");
    lab.send("site", arp_request(mac, ROUTER, OWN));
    lab.expect([("answered", 1), ("originated", 1)]);
    for other in [VM1, "192.168.100.77", "203.0.113.10"] {
        assert_eq!(lab.send("site", arp_request(mac, ROUTER, other)).lines(), [""; 0]);
        lab.expect([("consumed", 1)]);
    }
    let ping = lab.send("site", ipv4(DESK, OWN).echo_request(7, 1));
    assert_eq!(ping.lines(), ["site: icmp 192.168.100.1 > 192.168.7.9 echo reply id 7 seq 1 ttl 64"]);
    lab.expect([("answered", 1), ("originated", 1)]);
    lab.send("site", ipv4(DESK, OWN).tcp(5000, 22).syn());
    lab.send("vm1", ipv4(VM1, OWN).udp(5000, 53));
    lab.expect([("gateway-address", 2)]);
}

#[test]
fn what_the_host_holds_there_is_the_hosts() {
    let mut lab = with_site().site_host("site", &["192.168.100.3"]).build();
    lab.send("site", ipv4(DESK, "192.168.100.3").tcp(5000, 22).syn());
    lab.send("site", arp_request(lab.host_mac("site"), ROUTER, "192.168.100.3"));
    lab.expect([("passed-to-host", 2)]);
    lab.send("vm1", ipv4(VM1, "192.168.100.3").udp(5000, 53));
    lab.expect([("gateway-address", 1)]);
}

#[test]
fn a_link_of_its_own_has_pings_and_errors_only() {
    // The transfer network is no part of the site.
    let blueprint = Blueprint::default().on_premises(
        "site",
        "vnet",
        "172.20.0.1/29",
        &["192.168.0.0/16"],
        Some("172.20.0.2"),
    );
    let mut lab = blueprint.build();
    lab.send("site", ipv4("172.20.0.2", "172.20.0.1").echo_request(1, 1));
    lab.expect([("answered", 1), ("originated", 1)]);
    lab.send("site", ipv4("172.20.0.2", VM1).udp(5000, 53));
    lab.expect([("spoofed-source", 1)]);
    lab.send("vm1", ipv4(VM1, "172.20.0.2").udp(5000, 53));
    lab.expect([("route-none", 1)]);
    let sent = lab.send("vm1", ipv4(VM1, DESK).udp(5000, 53));
    let error = ipv4("172.20.0.2", VM1).unreachable(1).quoting(&sent.only().bytes, 8);
    assert_eq!(lab.send("site", error).only().to, "vm1");
    lab.expect([("forwarded", 2)]);
}

#[test]
fn the_virtual_network_comes_first_where_a_prefix_holds_it() {
    let blueprint = Blueprint::default().on_premises(
        "site",
        "vnet",
        "10.200.0.1/24",
        &["10.0.0.0/8"],
        Some("10.200.0.2"),
    );
    let mut lab = blueprint.build();
    assert_eq!(lab.send("vm1", ipv4(VM1, "10.77.0.1").udp(5000, 53)).only().to, "site");
    lab.expect([("forwarded", 1)]);
    lab.send("vm1", ipv4(VM1, "10.0.9.9").udp(5000, 53));
    lab.expect([("unknown-destination", 1)]);
    lab.send("site", ipv4("10.0.9.9", VM1).udp(5000, 53));
    lab.expect([("spoofed-source", 1)]);
}

#[test]
fn time_and_size_are_told_from_the_gateways_address() {
    let mut lab = with_site().mtu("vm1", 1000).build();
    let told = lab.send("site", ipv4(DESK, VM1).udp(5000, 53).ttl(1));
    assert!(
        told.lines()[0].starts_with("site: icmp 192.168.100.1 > 192.168.7.9 time exceeded"),
        "{:?}",
        told.lines()
    );
    let told = lab.send("site", ipv4(DESK, VM1).udp(5000, 53).dont_fragment().data(1200));
    assert!(told.lines()[0].contains("192.168.100.1 > 192.168.7.9"), "{:?}", told.lines());
    lab.expect([("ttl-exceeded", 1), ("too-big", 1), ("originated", 2)]);
}

#[test]
fn a_peer_that_uses_the_gateway_shares_the_sites() {
    let two = || {
        let spoke =
            with_site().vnet("spoke", "10.1.0.0/16").subnet("s", "10.1.1.0/24").vm("vm9", "s", "10.1.1.4");
        spoke.guard("s", &[]).peer("vnet", "spoke")
    };
    let mut lab = two().gateway_transit("vnet", "spoke").build();
    assert_eq!(lab.send("vm9", ipv4("10.1.1.4", DESK).udp(5000, 53)).only().to, "site");
    assert_eq!(lab.send("site", ipv4(DESK, "10.1.1.4").udp(6000, 53)).only().to, "vm9");
    lab.expect([("forwarded", 2)]);
    let mut lab = two().build();
    lab.send("vm9", ipv4("10.1.1.4", DESK).udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("s-nsg/DenyAllOutBound", 1)]);
    lab.send("site", ipv4(DESK, "10.1.1.4").udp(6000, 53));
    lab.expect([("no-transit", 1)]);
}

#[test]
fn the_walk_names_the_gateways_route() {
    let lab = with_site().build();
    let told = stages(&lab, "vm1", ipv4(VM1, DESK).udp(5000, 53));
    assert!(told.contains(&"route: VirtualNetworkGateway".into()), "{told:?}");
    assert!(told.contains(&"egress: leaves by the on-premises attachment".into()), "{told:?}");
    let told = stages(&lab, "site", ipv4(DESK, VM1).udp(5000, 53));
    assert!(told.contains(&"route: VnetLocal: vm1".into()), "{told:?}");
    let told = stages(&lab, "site", ipv4(DESK, FAR).udp(5000, 53));
    assert!(told.last().unwrap().contains("From on premises only private addresses"), "{told:?}");
}

#[test]
fn a_reload_that_takes_the_site_away_ends_its_flows() {
    let mut lab = with_site().build();
    lab.send("vm1", ipv4(VM1, DESK).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    lab.reload(|_| Blueprint::default());
    lab.advance(std::time::Duration::from_secs(1));
    assert_eq!(lab.held(), [1, 0, 0]);
}
