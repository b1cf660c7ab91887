//! Instance-level public addresses, hairpin between them, and who is let in.

use testkit::build::ipv4;
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const FAR: &str = "198.51.100.7";
const PUBLIC1: &str = "203.0.113.21";
const PUBLIC2: &str = "203.0.113.22";

fn both_public() -> Lab {
    Blueprint::default().public("vm1", PUBLIC1).public("vm2", PUBLIC2).build()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn one_to_one_out_and_in_with_ports_untouched() {
    let mut lab = both_public();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53).data(5));
    assert_eq!(sent.lines(), ["internet: udp 203.0.113.21:5000 > 198.51.100.7:53 ttl 63 5 bytes"]);
    let answer = lab.send("internet", ipv4(FAR, PUBLIC1).udp(53, 5000));
    assert_eq!(answer.lines(), ["vm1: udp 198.51.100.7:53 > 10.0.1.4:5000 ttl 63"]);
    let called = lab.send("internet", ipv4(FAR, PUBLIC1).tcp(4000, 80).syn());
    assert_eq!(called.lines(), ["vm1: tcp 198.51.100.7:4000 > 10.0.1.4:80 [S] ttl 63"]);
    let answer = lab.send("vm1", ipv4(VM1, FAR).tcp(80, 4000).syn().ack(1001));
    assert_eq!(answer.lines(), ["internet: tcp 203.0.113.21:80 > 198.51.100.7:4000 [S.] ttl 63"]);
    lab.expect([("forwarded", 4)]);
    assert_eq!(lab.pools().used_total(), 0);
}

#[test]
fn every_carried_protocol_passes_one_to_one() {
    let mut lab = both_public();
    let ping = lab.send("vm1", ipv4(VM1, FAR).echo_request(9, 1));
    assert_eq!(ping.lines(), ["internet: icmp 203.0.113.21 > 198.51.100.7 echo request id 9 seq 1 ttl 63"]);
    let esp = lab.send("internet", ipv4(FAR, PUBLIC1).esp(4, 5).data(80));
    assert_eq!(esp.lines(), ["vm1: protocol 50 198.51.100.7 > 10.0.1.4 ttl 63 88 bytes"]);
    let back = lab.send("vm1", ipv4(VM1, FAR).esp(6, 7).data(80));
    assert_eq!(back.lines(), ["internet: protocol 50 203.0.113.21 > 198.51.100.7 ttl 63 88 bytes"]);
    lab.expect([("forwarded", 3)]);
    assert_eq!(lab.held(), [2, 0, 0]);
}

#[test]
fn inbound_rules_see_the_private_address() {
    let rules = ["100 in allow tcp Internet > 10.0.1.4:80", "110 in allow tcp * > 203.0.113.21:81"];
    let mut lab = Blueprint::default().public("vm1", PUBLIC1).guard("vm1", &rules).build();
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(4000, 80).syn());
    lab.expect([("forwarded", 1)]);
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(4000, 81).syn());
    lab.expect([("denied-inbound", 1), ("vm1-nsg/DenyAllInBound", 1)]);
}

#[test]
fn a_standard_address_is_closed_until_a_group_allows() {
    let mut lab = Blueprint::default().standard_public("vm1", PUBLIC1).build();
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(4000, 80).syn());
    lab.expect([("secure-by-default", 1)]);
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.send("internet", ipv4(FAR, PUBLIC1).udp(53, 5000));
    lab.expect([("forwarded", 2)]);
    lab.reload(|blueprint| blueprint.guard("web", &["100 in allow tcp * > *:80"]));
    lab.send("internet", ipv4(FAR, PUBLIC1).tcp(4000, 80).syn());
    lab.expect([("forwarded", 1)]);
}

#[test]
fn hairpin_between_two_public_addresses() {
    let mut lab = both_public();
    let sent = lab.send("vm1", ipv4(VM1, PUBLIC2).tcp(5000, 80).syn());
    assert_eq!(sent.lines(), ["vm2: tcp 203.0.113.21:5000 > 10.0.1.5:80 [S] ttl 63"]);
    let answer = lab.send("vm2", ipv4(VM2, PUBLIC1).tcp(80, 5000).syn().ack(1001));
    assert_eq!(answer.lines(), ["vm1: tcp 203.0.113.22:80 > 10.0.1.4:5000 [S.] ttl 63"]);
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.held(), [1, 0, 0], "one record, two keys");
}

#[test]
fn hairpin_from_the_shared_address() {
    let mut lab = Blueprint::default().public("vm2", PUBLIC2).build();
    let sent = lab.send("vm1", ipv4(VM1, PUBLIC2).udp(5000, 53));
    let seen = sent.only().seen();
    let (port, _) = seen.ipv4().ports().unwrap();
    assert_eq!(sent.lines(), [format!("vm2: udp 203.0.113.10:{port} > 10.0.1.5:53 ttl 63")]);
    let answer = lab.send("vm2", ipv4(VM2, "203.0.113.10").udp(53, port));
    assert_eq!(answer.lines(), ["vm1: udp 203.0.113.22:53 > 10.0.1.4:5000 ttl 63"]);
    lab.send("vm2", ipv4(VM2, "203.0.113.10").udp(53, port ^ 1));
    lab.expect([("forwarded", 2), ("no-mapping", 1)]);
}

#[test]
fn hairpin_meets_the_receivers_rules_with_the_senders_public_address() {
    let rules = ["100 in allow udp 203.0.113.21 > *:53", "110 in deny any VirtualNetwork > *"];
    let blueprint = Blueprint::default().public("vm1", PUBLIC1).public("vm2", PUBLIC2);
    let mut lab = blueprint.guard("vm2", &rules).build();
    lab.send("vm1", ipv4(VM1, PUBLIC2).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    lab.send("vm1", ipv4(VM1, PUBLIC2).udp(5000, 54));
    lab.expect([("denied-inbound", 1), ("vm2-nsg/DenyAllInBound", 1)]);
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("vm2-nsg/rule-110", 1)]);
}

#[test]
fn hairpin_is_closed_by_the_standard_kind_too() {
    let mut lab = Blueprint::default().standard_public("vm2", PUBLIC2).build();
    lab.send("vm1", ipv4(VM1, PUBLIC2).udp(5000, 53));
    lab.expect([("secure-by-default", 1)]);
}

#[test]
fn errors_come_back_through_a_hairpin() {
    let mut lab = both_public();
    let sent = lab.send("vm1", ipv4(VM1, PUBLIC2).udp(5000, 53).data(30));
    let error = ipv4(VM2, PUBLIC1).unreachable(3).quoting(&sent.only().bytes, 38);
    let told = lab.send("vm2", error);
    assert_eq!(
        told.lines(),
        ["vm1: icmp 203.0.113.22 > 10.0.1.4 port unreachable [udp 10.0.1.4:5000 > 203.0.113.22:53] ttl 63"]
    );
    lab.expect([("forwarded", 2)]);
}

#[test]
fn a_vm_reaches_itself_by_its_public_address() {
    let mut lab = both_public();
    let sent = lab.send("vm1", ipv4(VM1, PUBLIC1).udp(5000, 53));
    assert_eq!(sent.lines(), ["vm1: udp 203.0.113.21:5000 > 10.0.1.4:53 ttl 63"]);
    lab.expect([("forwarded", 1)]);
    lab.send("vm1", ipv4(VM1, PUBLIC1).udp(5000, 5000));
    lab.expect([("tuple-in-use", 1)]);
}

#[test]
fn a_ping_that_only_looks_like_an_answer_meets_the_rules() {
    // The identifier 8 makes a request's tuple the reverse of another request's.
    let rules = ["100 in deny icmp * > *"];
    let mut lab = Blueprint::default().public("vm1", PUBLIC1).guard("vm1", &rules).build();
    lab.send("vm1", ipv4(VM1, FAR).echo_request(8, 1));
    lab.expect([("forwarded", 1)]);
    let asked = lab.send("internet", ipv4(FAR, PUBLIC1).echo_request(8, 1));
    assert_eq!(asked.lines(), [""; 0]);
    lab.send("vm1", ipv4(VM1, FAR).echo_reply(8, 1));
    lab.expect([("tuple-in-use", 1), ("reply-without-flow", 1)]);
    let answer = lab.send("internet", ipv4(FAR, PUBLIC1).echo_reply(8, 1));
    assert_eq!(answer.lines(), ["vm1: icmp 198.51.100.7 > 10.0.1.4 echo reply id 8 seq 1 ttl 63"]);
    lab.expect([("forwarded", 1)]);
}
