//! A subnet behind one attachment: who is on it, what is answered for, and what neighbours may do.

use testkit::build::{arp_reply, arp_request, ipv4};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";

/// `vm1` and `vm2` behind one attachment, `vm3` by itself; `alone` is in their subnet and has an attachment of its own.
fn segment() -> Blueprint {
    Blueprint::default().segment("web").vm("alone", "web", "10.0.1.9")
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn every_nic_of_the_segment_has_its_own_next_hop() {
    let mut lab = segment().build();
    for (vm, address) in [("vm1", VM1), ("vm2", VM2)] {
        let sent = lab.send("vm3", ipv4(VM3, address).udp(5000, 53));
        assert_eq!(sent.only().to, vm);
        assert_eq!(sent.only().seen().destination_mac, lab.host_mac(vm));
        let answer = lab.send(vm, ipv4(address, VM3).udp(53, 5000));
        assert_eq!(answer.lines(), [format!("vm3: udp {address}:53 > 10.0.2.4:5000 ttl 63")]);
    }
    assert_ne!(lab.host_mac("vm1"), lab.host_mac("vm2"));
    assert_eq!(lab.gateway_mac("vm1"), lab.gateway_mac("vm2"));
    lab.expect([("forwarded", 4)]);
}

#[test]
fn each_nic_keeps_its_own_rules_and_translation() {
    let guard = ["100 out deny udp * > *:53"];
    let mut lab = segment().public("vm2", "203.0.113.20").guard("vm1", &guard).build();
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("vm1-nsg/rule-100", 1)]);
    let sent = lab.send("vm2", ipv4(VM2, FAR).udp(5000, 53));
    assert_eq!(sent.lines(), ["internet: udp 203.0.113.20:5000 > 198.51.100.7:53 ttl 63"]);
    let back = lab.send("internet", ipv4(FAR, "203.0.113.20").udp(53, 5000));
    assert_eq!(back.lines(), ["vm2: udp 198.51.100.7:53 > 10.0.1.5:5000 ttl 63"]);
    lab.expect([("forwarded", 2)]);
}

#[test]
fn only_addresses_of_the_segment_may_send_there() {
    let mut lab = segment().build();
    for source in [VM3, "10.0.1.9", "10.0.1.77", FAR] {
        lab.send("vm1", ipv4(source, "10.0.2.5").udp(5000, 53));
    }
    lab.expect([("spoofed-source", 4)]);
    lab.send("alone", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("spoofed-source", 1)]);
}

#[test]
fn arp_is_answered_for_all_but_the_neighbours() {
    let mut lab = segment().build();
    let mac = lab.host_mac("vm1");
    for answered in ["10.0.1.1", "10.0.1.9", "10.0.1.77", VM3, FAR] {
        let reply = lab.send("vm1", arp_request(mac, VM1, answered));
        assert_eq!(reply.frames.len(), 1, "{answered}");
        lab.expect([("answered", 1), ("originated", 1)]);
    }
    for neighbour in [VM1, VM2] {
        assert_eq!(lab.send("vm1", arp_request(mac, VM1, neighbour)).lines(), [""; 0]);
        lab.expect([("consumed", 1)]);
    }
    // The other way round the attached one is told that everybody of the segment is here.
    lab.send("alone", arp_request(lab.host_mac("alone"), "10.0.1.9", VM1));
    lab.expect([("answered", 1), ("originated", 1)]);
}

#[test]
fn neighbours_that_use_the_gateway_all_the_same_are_judged_and_sent_back() {
    let mut lab = segment().guard("web", &["100 in deny tcp 10.0.1.4 > *:22"]).build();
    let sent = lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    assert_eq!(sent.lines(), ["vm2: udp 10.0.1.4:5000 > 10.0.1.5:53 ttl 64"]);
    assert_eq!(sent.only().seen().destination_mac, lab.host_mac("vm2"));
    assert_eq!(lab.send("vm2", ipv4(VM2, VM1).udp(53, 5000)).only().to, "vm1");
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.held(), [1, 0, 0], "both directions are one flow");
    lab.send("vm1", ipv4(VM1, VM2).tcp(5000, 22).syn());
    lab.expect([("denied-inbound", 1), ("web-nsg/rule-100", 1)]);
}

#[test]
fn inside_the_subnet_but_off_the_segment_the_ttl_stays() {
    let mut lab = segment().build();
    let sent = lab.send("vm1", ipv4(VM1, "10.0.1.9").udp(5000, 53));
    assert_eq!(sent.lines(), ["alone: udp 10.0.1.4:5000 > 10.0.1.9:53 ttl 64"]);
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_nic_that_a_reload_adds_is_behind_the_segment() {
    let mut lab = segment().build();
    lab.send("vm3", ipv4(VM3, "10.0.1.6").udp(5000, 53));
    lab.expect([("unknown-destination", 1)]);
    lab.reload(|blueprint| blueprint.vm_behind("new", "web", "10.0.1.6"));
    assert_eq!(lab.send("vm3", ipv4(VM3, "10.0.1.6").udp(5000, 53)).only().to, "new");
    lab.send("new", ipv4("10.0.1.6", FAR).udp(5000, 53));
    lab.expect([("forwarded", 2)]);
}

#[test]
fn a_nic_that_gets_an_attachment_of_its_own_leaves_the_segment_with_its_flows() {
    let mut lab = Blueprint::default().segment("web").build();
    lab.send("vm3", ipv4(VM3, VM1).udp(5000, 53));
    lab.send("vm3", ipv4(VM3, VM2).udp(5000, 53));
    lab.expect([("forwarded", 2)]);
    lab.reload(|blueprint| blueprint.attached("vm1"));
    lab.advance(std::time::Duration::from_secs(1));
    assert_eq!(lab.held(), [1, 0, 0], "only the flow of vm2 is where it was");
    let sent = lab.send("vm3", ipv4(VM3, VM1).udp(5000, 53));
    assert_eq!((sent.only().to.as_str(), sent.only().seen().destination_mac), ("vm1", lab.host_mac("vm1")));
    lab.send("vm2", ipv4(VM1, VM3).udp(9, 9));
    lab.expect([("forwarded", 1), ("spoofed-source", 1)]);
}

#[test]
fn a_silent_neighbour_holds_up_nobody_else() {
    let mut lab = segment().build();
    lab.silence("vm1");
    lab.send("vm3", ipv4(VM3, VM1).udp(5000, 53));
    assert_eq!(lab.send("vm3", ipv4(VM3, VM2).udp(5000, 53)).only().to, "vm2");
    let reply = arp_reply(lab.host_mac("vm1"), VM1, lab.gateway_mac("vm1"), "10.0.1.1");
    assert_eq!(lab.send("vm1", reply).only().to, "vm1");
    lab.expect([("forwarded", 2), ("consumed", 1), ("originated", 1)]);
}
