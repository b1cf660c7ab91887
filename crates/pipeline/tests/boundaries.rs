//! What never leaves, what never comes in, and who may send what. Under each attack another VM's traffic goes on.

mod bystander;

use bystander::Bystander;
use testkit::build::{ethernet, ipv4, ipv6};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.20";

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn what_is_private_or_the_platforms_never_leaves() {
    let open = ["100 out allow any * > *"];
    let blueprint = Blueprint::default().guard("vm1", &open).guard("web", &open).public("vm1", PUBLIC);
    for (destination, reason) in [
        ("168.63.129.16", "platform-address"),
        ("169.254.169.254", "link-local"),
        ("169.254.0.1", "link-local"),
        ("172.31.0.9", "route-none"),
        ("10.200.0.1", "route-none"),
        ("192.168.1.1", "route-none"),
        ("100.64.0.1", "route-none"),
        ("100.127.255.255", "route-none"),
        ("127.0.0.1", "route-none"),
        ("0.0.0.0", "route-none"),
        ("10.0.200.1", "unknown-destination"),
        ("10.0.1.1", "unknown-destination"),
        ("224.0.0.251", "multicast"),
        ("255.255.255.255", "multicast"),
        ("240.0.0.1", "multicast"),
        ("203.0.113.2", "gateway-address"),
        ("203.0.113.10", "no-mapping"),
    ] {
        let mut lab = blueprint.clone().build();
        assert_eq!(lab.send("vm1", ipv4(VM1, destination).udp(5000, 53)).lines(), [""; 0], "{destination}");
        assert_eq!(lab.send("vm1", ipv4(VM1, destination).echo_request(1, 1)).lines(), [""; 0]);
        lab.expect([(reason, 2)]);
        assert_eq!(lab.held(), [0, 0, 0]);
    }
}

#[test]
fn what_stands_beside_the_private_prefixes_is_the_internet() {
    let mut lab = Blueprint::default().build();
    for destination in [
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "168.63.129.15",
        "168.63.129.17",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "223.255.255.255",
        "1.0.0.0",
    ] {
        assert_eq!(lab.send("vm1", ipv4(VM1, destination).udp(5000, 53)).frames.len(), 1, "{destination}");
        lab.expect([("forwarded", 1)]);
    }
}

#[test]
fn the_platform_is_passed_by_the_rules_but_for_its_tag() {
    let rules = ["100 out deny any * > 168.63.129.16", "110 out deny any * > AzurePlatformDNS"];
    let mut lab = Blueprint::default().guard("vm1", &rules).build();
    lab.send("vm1", ipv4(VM1, "168.63.129.16").tcp(5000, 80).syn());
    lab.expect([("platform-address", 1)]);
    lab.send("vm1", ipv4(VM1, "168.63.129.16").udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("vm1-nsg/rule-110", 1)]);
}

#[test]
fn a_private_address_is_nobody_to_the_outside() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let mut bystander = Bystander::begin(&mut lab);
    for destination in [VM1, "10.0.2.4", "10.200.0.1", "203.0.113.99", "168.63.129.16"] {
        lab.send("internet", ipv4(FAR, destination).tcp(4000, 80).syn());
        lab.expect([("not-ours", 1)]);
        bystander.goes_on(&mut lab);
    }
    lab.send("internet", ipv4(FAR, "203.0.113.10").tcp(4000, 80).syn());
    lab.expect([("no-mapping", 1)]);
    lab.send("internet", ipv4(FAR, "203.0.113.2").tcp(4000, 80).syn());
    lab.expect([("gateway-address", 1)]);
}

#[test]
fn a_vm_sends_only_its_own_address() {
    let mut lab = Blueprint::default().enforce_mac("vm2").build();
    let mut bystander = Bystander::begin(&mut lab);
    for source in
        ["10.0.1.5", "10.0.2.4", "10.0.1.1", FAR, "0.0.0.0", "127.0.0.1", "224.0.0.1", "203.0.113.10"]
    {
        lab.send("vm1", ipv4(source, "10.0.1.6").udp(5000, 53));
        lab.expect([("spoofed-source", 1)]);
        bystander.goes_on(&mut lab);
    }
    let stranger = [2, 9, 9, 9, 9, 9];
    lab.send("vm2", ipv4("10.0.1.5", VM1).udp(5000, 53).macs(stranger, lab.gateway_mac("vm2")));
    lab.expect([("spoofed-mac", 1)]);
    lab.send("vm1", ipv4(VM1, "10.0.1.5").udp(5000, 53).macs(stranger, lab.gateway_mac("vm1")));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_live_flow_does_not_excuse_a_spoofed_source() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, "10.0.1.5").udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    lab.send("vm3", ipv4(VM1, "10.0.1.5").udp(5000, 53));
    lab.expect([("spoofed-source", 1)]);
}

/// Whatever the rules say, no machine is another's DHCP server, and what a relay says to a server passes.
#[test]
fn dhcp_is_the_platforms() {
    let open = ["100 out allow any * > *", "100 in allow any * > *"];
    let site = Blueprint::default().on_premises("site", "vnet", "192.168.0.1/24", &["192.168.0.0/16"], None);
    let mut lab = site.dual_stack().guard("vm1", &open).guard("vm2", &open).public("vm3", PUBLIC).build();
    let mut bystander = Bystander::begin(&mut lab);
    for (from, packet) in [
        ("vm1", ipv4(VM1, "10.0.1.5").udp(67, 68)),
        ("vm1", ipv4(VM1, "10.0.1.5").udp(68, 67)),
        ("vm1", ipv4(VM1, PUBLIC).udp(67, 68)),
        ("vm1", ipv4(VM1, FAR).udp(68, 67)),
        ("internet", ipv4(FAR, PUBLIC).udp(67, 68)),
        ("site", ipv4("192.168.7.7", VM1).udp(67, 68)),
        ("vm1", ipv6("fd00:a:0:1::4", "fd00:a:0:1::5").udp(547, 546)),
        ("vm1", ipv6("fd00:a:0:1::4", "fd00:a:0:1::5").udp(546, 547)),
    ] {
        assert_eq!(lab.send(from, packet.data(240)).lines(), [""; 0]);
        lab.expect([("dhcp", 1)]);
        bystander.goes_on(&mut lab);
    }
    let mut offer = ipv4(VM1, "255.255.255.255").udp(67, 68).data(240);
    lab.send("vm1", offer.clone());
    offer = offer.macs(lab.host_mac("vm1"), [0xff; 6]);
    lab.send("vm1", offer);
    lab.expect([("multicast", 2)]);
    for packet in [
        ipv4("192.168.7.7", VM1).udp(67, 67),
        ipv4("192.168.7.7", VM1).udp(68, 68),
        ipv4("192.168.7.7", VM1).udp(546, 547),
    ] {
        assert_eq!(lab.send("site", packet).only().to, "vm1");
    }
    lab.send("vm1", ipv4(VM1, "10.0.1.5").tcp(67, 68).syn());
    lab.expect([("forwarded", 4)]);
}

#[test]
fn from_outside_nobody_may_be_us_or_nobody() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let mut bystander = Bystander::begin(&mut lab);
    for (source, reason) in [
        ("10.0.2.4", "martian"),
        ("192.168.7.7", "martian"),
        ("127.0.0.1", "martian"),
        ("0.0.0.0", "martian"),
        ("224.0.0.1", "martian"),
        ("255.255.255.255", "martian"),
        ("169.254.3.4", "martian"),
        ("168.63.129.16", "martian"),
        ("203.0.113.10", "spoofed-source"),
        ("203.0.113.2", "spoofed-source"),
        (PUBLIC, "land"),
    ] {
        lab.send("internet", ipv4(source, PUBLIC).tcp(4000, 80).syn());
        lab.expect([(reason, 1)]);
        bystander.goes_on(&mut lab);
    }
}

/// RFC 4787, REQ-7: the link outside has the very prefix of a subnet inside, and nothing goes to the wrong one.
#[test]
fn an_outside_link_with_a_prefix_of_ours_is_kept_apart() {
    let blueprint = Blueprint::default().internet("10.0.1.2/24", Some("10.0.1.1")).public("vm1", PUBLIC);
    let mut lab = blueprint.build();
    assert_eq!(lab.send("vm1", ipv4(VM1, "10.0.1.5").udp(5000, 53)).only().to, "vm2");
    assert_eq!(lab.send("vm3", ipv4("10.0.2.4", VM1).udp(5000, 53)).only().to, "vm1");
    assert_eq!(lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53)).only().to, "internet");
    assert_eq!(lab.send("internet", ipv4(FAR, PUBLIC).udp(53, 5000)).only().to, "vm1");
    lab.expect([("forwarded", 4)]);
    assert_eq!(
        lab.send("vm1", ipv4(VM1, "10.0.1.77").udp(5000, 53)).lines(),
        [""; 0],
        "nobody's, though near"
    );
    lab.expect([("unknown-destination", 1)]);
    for source in ["10.0.1.5", "10.0.1.77", "10.0.1.1", "10.0.2.4"] {
        assert_eq!(lab.send("internet", ipv4(source, PUBLIC).udp(53, 5001)).lines(), [""; 0], "{source}");
        let reason = if source == "10.0.2.4" { "martian" } else { "spoofed-source" };
        lab.expect([(reason, 1)]);
        assert_eq!(lab.send("internet", ipv4(source, VM1).udp(53, 5000)).lines(), [""; 0], "{source}");
        lab.expect([(if source == "10.0.2.4" { "martian" } else { "spoofed-source" }, 1)]);
    }
}

#[test]
fn land_is_refused_on_both_sides() {
    let mut lab = Blueprint::default().public("vm1", PUBLIC).build();
    let mut bystander = Bystander::begin(&mut lab);
    for _ in 0..20 {
        lab.send("vm1", ipv4(VM1, VM1).tcp(80, 80).syn());
        lab.send("internet", ipv4("203.0.113.10", "203.0.113.10").tcp(80, 80).syn());
        lab.expect([("land", 2)]);
        bystander.goes_on(&mut lab);
    }
}

#[test]
fn frames_for_others_and_of_other_kinds_are_counted_apart() {
    let mut lab = Blueprint::default().build();
    let mut bystander = Bystander::begin(&mut lab);
    let host = lab.host_mac("vm1");
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 2).macs(host, [2, 9, 9, 9, 9, 9]));
    lab.expect([("other-host", 1)]);
    lab.send("vm1", ipv4(VM1, FAR).udp(1, 2).macs(host, [0xff; 6]));
    lab.expect([("multicast", 1)]);
    for (ethertype, reason) in [
        (0x86dd, "bad-ip-header"),
        (0x8100, "vlan-tagged"),
        (0x88a8, "vlan-tagged"),
        (0x88cc, "unknown-ethertype"),
    ] {
        lab.send("vm1", ethernet(ethertype, &[0; 46]));
        lab.expect([(reason, 1)]);
    }
    lab.send("vm1", vec![0; 13]);
    lab.expect([("bad-length", 1)]);
    bystander.goes_on(&mut lab);
}

#[test]
fn the_gateway_answers_a_ping_to_its_own_address_only() {
    let mut lab = Blueprint::default().build();
    let answer = lab.send("internet", ipv4(FAR, "203.0.113.2").echo_request(5, 6).data(11));
    assert_eq!(
        answer.lines(),
        ["internet: icmp 203.0.113.2 > 198.51.100.7 echo reply id 5 seq 6 ttl 64 11 bytes"]
    );
    lab.expect([("answered", 1), ("originated", 1)]);
    lab.send("internet", ipv4(FAR, "203.0.113.2").echo_request(5, 6).wrong_checksum());
    lab.expect([("bad-checksum", 1)]);
    lab.send("internet", ipv4("10.9.9.9", "203.0.113.2").echo_request(5, 6));
    lab.expect([("martian", 1)]);
    lab.send("vm1", ipv4(VM1, "10.0.1.1").echo_request(5, 6));
    lab.expect([("unknown-destination", 1)]);
}

#[test]
fn what_the_host_holds_stays_the_hosts() {
    let mut lab = Blueprint::default().host(&["203.0.113.2"]).build();
    lab.send("internet", ipv4(FAR, "203.0.113.2").tcp(4000, 22).syn());
    lab.send("internet", ipv4(FAR, "203.0.113.2").echo_request(1, 1));
    lab.expect([("passed-to-host", 2)]);
    lab.send("vm1", ipv4(VM1, "203.0.113.2").tcp(4000, 22).syn());
    lab.expect([("gateway-address", 1)]);
}
