//! Between two VMs: both ends' rules, in their order, in one subnet and across.

use testkit::build::ipv4;
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const VM3: &str = "10.0.2.4";

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn inside_a_subnet_the_packet_stays_as_it_is() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53).ttl(1).data(9));
    assert_eq!(sent.lines(), ["vm2: udp 10.0.1.4:5000 > 10.0.1.5:53 ttl 1 9 bytes"]);
    let answer = lab.send("vm2", ipv4(VM2, VM1).udp(53, 5000));
    assert_eq!(answer.lines(), ["vm1: udp 10.0.1.5:53 > 10.0.1.4:5000 ttl 64"]);
    assert_eq!(answer.only().seen().destination_mac, lab.host_mac("vm1"));
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.held(), [1, 0, 0]);
}

#[test]
fn across_subnets_the_ttl_counts_down() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, VM3).echo_request(7, 1));
    assert_eq!(sent.lines(), ["vm3: icmp 10.0.1.4 > 10.0.2.4 echo request id 7 seq 1 ttl 63"]);
    let answer = lab.send("vm3", ipv4(VM3, VM1).echo_reply(7, 1));
    assert_eq!(answer.lines(), ["vm1: icmp 10.0.2.4 > 10.0.1.4 echo reply id 7 seq 1 ttl 63"]);
    lab.expect([("forwarded", 2)]);
}

#[test]
fn each_of_the_four_groups_can_deny_and_is_named() {
    for (place, direction, reason) in [
        ("vm1", "out", "denied-outbound"),
        ("web", "out", "denied-outbound"),
        ("db", "in", "denied-inbound"),
        ("vm3", "in", "denied-inbound"),
    ] {
        let deny = format!("100 {direction} deny tcp * > *:22");
        let mut lab = Blueprint::default().guard(place, &[&deny]).build();
        let ssh = ipv4(VM1, VM3).tcp(5000, 22).syn();
        assert_eq!(lab.send("vm1", ssh).lines(), [""; 0], "{place}");
        lab.expect([(reason, 1), (&format!("{place}-nsg/rule-100"), 1)]);
        lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 23).syn());
        lab.expect([("forwarded", 1)]);
        assert_eq!(lab.held(), [1, 0, 0], "a denied packet leaves no record");
    }
}

#[test]
fn a_flow_names_the_rules_that_allowed_it_in_their_order() {
    let allow = |direction: &str| format!("100 {direction} allow udp * > *:53");
    let places = [("vm1", "out"), ("web", "out"), ("db", "in"), ("vm3", "in")];
    let blueprint = places
        .iter()
        .fold(Blueprint::default(), |lab, (place, direction)| lab.guard(place, &[&allow(direction)]));
    let mut lab = blueprint.build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    let flows = lab.flows();
    let names: Vec<String> =
        flows[0].rules.iter().map(|rule| format!("{}/{}", rule.nsg, rule.rule)).collect();
    assert_eq!(names, ["vm1-nsg/rule-100", "web-nsg/rule-100", "db-nsg/rule-100", "vm3-nsg/rule-100"]);
}

#[test]
fn the_first_deny_ends_the_walk() {
    // NIC before subnet outbound, subnet before NIC inbound.
    let both = |place: &str, direction: &str| (place.to_string(), format!("100 {direction} deny any * > *"));
    for (places, first) in [
        ([both("vm1", "out"), both("web", "out")], "vm1-nsg/rule-100"),
        ([both("web", "out"), both("db", "in")], "web-nsg/rule-100"),
        ([both("db", "in"), both("vm3", "in")], "db-nsg/rule-100"),
    ] {
        let blueprint =
            places.iter().fold(Blueprint::default(), |lab, (place, rule)| lab.guard(place, &[rule]));
        let mut lab = blueprint.build();
        lab.send("vm1", ipv4(VM1, VM3).udp(1, 2));
        let reason = if first.starts_with("db") { "denied-inbound" } else { "denied-outbound" };
        lab.expect([(reason, 1), (first, 1)]);
    }
}

#[test]
fn a_subnets_group_separates_neighbours() {
    let mut lab = Blueprint::default().guard("web", &["100 in deny any VirtualNetwork > *"]).build();
    lab.send("vm1", ipv4(VM1, VM2).tcp(5000, 80).syn());
    lab.expect([("denied-inbound", 1), ("web-nsg/rule-100", 1)]);
}

#[test]
fn default_rules_are_named_too() {
    let mut lab = Blueprint::default().public("vm1", "203.0.113.20").guard("web", &[]).build();
    lab.send("internet", ipv4("198.51.100.7", "203.0.113.20").tcp(5000, 80).syn());
    lab.expect([("denied-inbound", 1), ("web-nsg/DenyAllInBound", 1)]);
    lab.send("vm3", ipv4(VM3, VM1).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn lower_priority_numbers_are_looked_at_first() {
    let rules = ["200 in deny tcp * > *:80", "100 in allow tcp 10.0.1.4 > *:80", "300 in deny any * > *"];
    let mut lab = Blueprint::default().guard("db", &rules).build();
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 80).syn());
    lab.expect([("forwarded", 1)]);
    lab.send("vm2", ipv4(VM2, VM3).tcp(5000, 80).syn());
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-200", 1)]);
    lab.send("vm2", ipv4(VM2, VM3).udp(5000, 80));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-300", 1)]);
}

#[test]
fn application_groups_stand_for_their_members() {
    let rules = ["100 in allow tcp @fronts > @stores:1433", "200 in deny any * > *"];
    let blueprint = Blueprint::default().asg("fronts", &["vm1"]).asg("stores", &["vm3"]);
    let mut lab = blueprint.guard("db", &rules).build();
    lab.send("vm1", ipv4(VM1, VM3).tcp(5000, 1433).syn());
    lab.expect([("forwarded", 1)]);
    lab.send("vm2", ipv4(VM2, VM3).tcp(5000, 1433).syn());
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-200", 1)]);
}

#[test]
fn a_reply_needs_no_rule() {
    // vm3 may not begin anything, but may answer.
    let mut lab = Blueprint::default().guard("vm3", &["100 out deny any * > *"]).build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.send("vm3", ipv4(VM3, VM1).udp(53, 5000));
    lab.expect([("forwarded", 2)]);
    lab.send("vm3", ipv4(VM3, VM1).udp(53, 5001));
    lab.expect([("denied-outbound", 1), ("vm3-nsg/rule-100", 1)]);
}

#[test]
fn protocols_without_ports_go_by_their_rules() {
    let rules = ["100 in allow esp * > *", "110 in allow ah * > *", "120 in deny any * > *"];
    let mut lab = Blueprint::default().guard("db", &rules).build();
    lab.send("vm1", ipv4(VM1, VM3).esp(9, 1).data(40));
    lab.send("vm1", ipv4(VM1, VM3).protocol(51).data(40));
    lab.expect([("forwarded", 2)]);
    lab.send("vm1", ipv4(VM1, VM3).echo_request(1, 1));
    lab.expect([("denied-inbound", 1), ("db-nsg/rule-120", 1)]);
    lab.send("vm1", ipv4(VM1, VM3).protocol(47).data(40));
    lab.send("vm1", ipv4(VM1, VM3).protocol(132).data(40));
    lab.expect([("unsupported-protocol", 2)]);
}

#[test]
fn networks_with_the_same_addresses_stay_apart() {
    let blueprint = Blueprint::default().vnet("other", "10.0.0.0/16").subnet("other-web", "10.0.1.0/24");
    let mut lab = blueprint.vm("vm8", "other-web", VM1).vm("vm9", "other-web", "10.0.1.9").build();
    let first = lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    assert_eq!(first.only().to, "vm2");
    let second = lab.send("vm8", ipv4(VM1, "10.0.1.9").udp(5000, 53));
    assert_eq!(second.only().to, "vm9");
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.send("vm9", ipv4("10.0.1.9", VM1).udp(53, 5000)).only().to, "vm8");
    assert_eq!(lab.send("vm2", ipv4(VM2, VM1).udp(53, 5000)).only().to, "vm1");
    lab.expect([("forwarded", 2)]);
    lab.send("vm8", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("unknown-destination", 1)]);
}

#[test]
fn application_groups_have_no_members_in_another_network() {
    let blueprint = Blueprint::default().asg("web", &["vm1"]).vnet("other", "10.0.0.0/16");
    let blueprint = blueprint.subnet("other-web", "10.0.1.0/24").vm("vm8", "other-web", VM1);
    let rules = &["100 in allow tcp * > @web:80", "200 in deny any * > *"];
    let mut lab = blueprint.vm("vm9", "other-web", "10.0.1.9").guard("vm8", rules).build();
    lab.send("vm9", ipv4("10.0.1.9", VM1).tcp(5000, 80).syn());
    lab.expect([("denied-inbound", 1), ("vm8-nsg/rule-200", 1)]);
}

#[test]
fn a_nic_without_attachment_is_named() {
    let mut lab = Blueprint::default().detached("vm3").build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("detached-destination", 1)]);
}
