//! Several virtual networks: peered, unpeered, and with the same addresses twice.

use testkit::build::{fragments, ipv4};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const PEER: &str = "10.1.1.4";
const FAR: &str = "198.51.100.7";

/// `vnet` with its three VMs, and `east` with `e1`.
fn two() -> Blueprint {
    Blueprint::default().vnet("east", "10.1.0.0/16").subnet("e", "10.1.1.0/24").vm("e1", "e", PEER)
}

/// Two networks with the same addresses: `vm1` and `t1` are both 10.0.1.4.
fn twins() -> Blueprint {
    let twin = Blueprint::default().vnet("twin", "10.0.0.0/16").subnet("t", "10.0.1.0/24");
    twin.vm("t1", "t", VM1).vm("t2", "t", "10.0.1.5")
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn peers_reach_each_other_and_the_ttl_counts_down() {
    let mut lab = two().peer("vnet", "east").build();
    let sent = lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    assert_eq!(sent.lines(), ["e1: udp 10.0.1.4:5000 > 10.1.1.4:53 ttl 63"]);
    let answer = lab.send("e1", ipv4(PEER, VM1).udp(53, 5000));
    assert_eq!(answer.lines(), ["vm1: udp 10.1.1.4:53 > 10.0.1.4:5000 ttl 63"]);
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.held(), [1, 0, 0]);
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53).ttl(1));
    lab.expect([("ttl-exceeded", 1), ("originated", 1)]);
    let told = lab.explain("vm1", ipv4(VM1, PEER).udp(7, 7));
    assert!(told.stages.iter().any(|stage| stage.text == "VNetPeering: e1"), "{told:?}");
}

#[test]
fn networks_without_a_peering_do_not() {
    let mut lab = two().build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("route-none", 1)]);
    let mut lab = two().guard("web", &[]).build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("web-nsg/DenyAllOutBound", 1)]);
}

#[test]
fn peering_is_not_transitive() {
    let three = two().vnet("west", "10.2.0.0/16").subnet("w", "10.2.1.0/24").vm("w1", "w", "10.2.1.4");
    let mut lab = three.peer("vnet", "east").peer("vnet", "west").build();
    lab.send("e1", ipv4(PEER, "10.2.1.4").udp(5000, 53));
    lab.expect([("route-none", 1)]);
    lab.send("vm1", ipv4(VM1, "10.2.1.4").udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn both_ends_rules_decide_and_virtual_network_holds_the_peer() {
    let guarded = || two().peer("vnet", "east").guard("web", &[]).guard("e", &[]);
    let mut lab = guarded().build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.send("e1", ipv4(PEER, VM1).udp(6000, 53));
    lab.expect([("forwarded", 2)]);
    let mut lab = guarded().guard("e", &["100 in deny udp 10.0.1.0/24 > *"]).build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("e-nsg/rule-100", 1)]);
    // Each half speaks for its own network's tag, and the route stays.
    let mut lab = guarded().without_access("vnet", "east").build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("denied-outbound", 1), ("web-nsg/DenyAllOutBound", 1)]);
    let mut lab = guarded().without_access("east", "vnet").build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("denied-inbound", 1), ("e-nsg/DenyAllInBound", 1)]);
    let explicit = ["100 out allow any * > 10.1.0.0/16"];
    let mut lab = guarded().guard("web", &explicit).without_access("vnet", "east").build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_part_that_is_peered_is_all_that_is_reached() {
    let part = |part| two().peer("vnet", "east").peered("vnet", "east", part);
    let mut lab = part("10.1.1.0/24").guard("web", &[]).build();
    assert_eq!(lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53)).only().to, "e1");
    lab.expect([("forwarded", 1)]);
    let mut lab = part("10.1.2.0/24").build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("route-none", 1)]);
    // Nor is the rest one of VirtualNetwork, whichever end begins.
    let mut lab = part("10.1.2.0/24").guard("web", &[]).build();
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.send("e1", ipv4(PEER, VM1).udp(6000, 53));
    lab.expect([
        ("denied-outbound", 1),
        ("web-nsg/DenyAllOutBound", 1),
        ("denied-inbound", 1),
        ("web-nsg/DenyAllInBound", 1),
    ]);
}

#[test]
fn an_address_of_the_peer_that_nobody_has_is_unknown() {
    let mut lab = two().peer("vnet", "east").build();
    lab.send("vm1", ipv4(VM1, "10.1.9.9").udp(5000, 53));
    lab.expect([("unknown-destination", 1)]);
    lab.reload(|blueprint| blueprint.unpeered("east"));
    lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    lab.expect([("route-none", 1)]);
}

#[test]
fn errors_and_fragments_find_their_way_between_peers() {
    let mut lab = two().peer("vnet", "east").build();
    let sent = lab.send("vm1", ipv4(VM1, PEER).udp(5000, 53));
    let error = ipv4(PEER, VM1).unreachable(3).quoting(&sent.only().bytes, 8);
    assert_eq!(lab.send("e1", error).only().to, "vm1");
    for piece in fragments(&ipv4(VM1, PEER).udp(5000, 53).data(3000).bytes(), 1480) {
        assert_eq!(lab.send("vm1", piece).only().to, "e1");
    }
    lab.expect([("forwarded", 5)]);
}

#[test]
fn twins_keep_their_flows_ports_and_fragments_apart() {
    let mut lab = twins().build();
    // The same tuple to the internet from both: two flows, two ports, two ways back.
    let ports = ["vm1", "t1"].map(|vm| {
        let sent = lab.send(vm, ipv4(VM1, FAR).udp(5000, 53));
        sent.only().seen().ipv4().ports().unwrap().0
    });
    assert_ne!(ports[0], ports[1]);
    for (vm, port) in ["vm1", "t1"].into_iter().zip(ports) {
        let back = lab.send("internet", ipv4(FAR, "203.0.113.10").udp(53, port));
        assert_eq!(back.lines(), [format!("{vm}: udp 198.51.100.7:53 > 10.0.1.4:5000 ttl 63")]);
    }
    lab.expect([("forwarded", 4)]);
    assert_eq!((lab.held()[0], lab.pools().used_total()), (2, 2));
    // The same datagram in fragments, mixed.
    let pieces = fragments(&ipv4(VM1, FAR).udp(5001, 53).data(2000).bytes(), 1480);
    let mut out = Vec::new();
    for piece in &pieces {
        for vm in ["vm1", "t1"] {
            out.push(lab.send(vm, piece.clone()).only().seen().ipv4().id);
        }
    }
    assert_eq!((out[0], out[1]), (out[2], out[3]), "each fragment follows its own first one");
    assert_ne!(out[0], out[1]);
}

#[test]
fn twins_have_neighbours_and_errors_of_their_own() {
    let mut lab = twins().build();
    for (from, to) in [("vm1", "vm2"), ("t1", "t2")] {
        let sent = lab.send(from, ipv4(VM1, "10.0.1.5").udp(5000, 53));
        assert_eq!((sent.only().to.as_str(), sent.only().seen().destination_mac), (to, lab.host_mac(to)));
    }
    let quoted = ipv4(VM1, "10.0.1.5").udp(5000, 53).bytes();
    let error = lab.send("t2", ipv4("10.0.1.5", VM1).unreachable(3).quoting(&quoted, 8));
    assert_eq!(error.only().to, "t1");
    lab.expect([("forwarded", 3)]);
}

#[test]
fn twins_meet_by_public_addresses() {
    let mut lab = twins().public("vm1", "203.0.113.21").public("t1", "203.0.113.22").build();
    let sent = lab.send("vm1", ipv4(VM1, "203.0.113.22").udp(5000, 53));
    assert_eq!(sent.lines(), ["t1: udp 203.0.113.21:5000 > 10.0.1.4:53 ttl 63"]);
    let back = lab.send("t1", ipv4(VM1, "203.0.113.21").udp(53, 5000));
    assert_eq!(back.lines(), ["vm1: udp 203.0.113.22:53 > 10.0.1.4:5000 ttl 63"]);
    let shared = lab.send("vm2", ipv4("10.0.1.5", "203.0.113.22").udp(5000, 53));
    assert!(shared.lines()[0].starts_with("t1: udp 203.0.113.10:"), "{:?}", shared.lines());
    lab.expect([("forwarded", 3)]);
}

#[test]
fn tags_and_groups_of_twins_are_their_own() {
    // 10.0.1.4 is a member in one network only.
    let blueprint = twins().asg("fronts", &["t1"]).guard("vm2", &["100 in deny any @fronts > *"]);
    let mut lab = blueprint.guard("t2", &["100 in deny any @fronts > *"]).build();
    lab.send("vm1", ipv4(VM1, "10.0.1.5").udp(1, 2));
    lab.expect([("forwarded", 1)]);
    lab.send("t1", ipv4(VM1, "10.0.1.5").udp(1, 2));
    lab.expect([("denied-inbound", 1), ("t2-nsg/rule-100", 1)]);
    // A peer of one of them is in that one's VirtualNetwork only.
    let blueprint = twins().vnet("east", "10.1.0.0/16").subnet("e", "10.1.1.0/24").vm("e1", "e", PEER);
    let mut lab = blueprint.peer("twin", "east").guard("web", &[]).guard("t", &[]).build();
    lab.send("t1", ipv4(VM1, PEER).udp(1, 2));
    assert_eq!(lab.send("e1", ipv4(PEER, VM1).udp(3, 4)).only().to, "t1");
    lab.expect([("forwarded", 2)]);
    lab.send("vm1", ipv4(VM1, PEER).udp(1, 2));
    lab.expect([("denied-outbound", 1), ("web-nsg/DenyAllOutBound", 1)]);
}

#[test]
fn a_site_of_one_twin_may_have_the_others_addresses() {
    let blueprint =
        twins().vnet("lone", "172.16.0.0/16").subnet("l", "172.16.1.0/24").vm("l1", "l", "172.16.1.4");
    let blueprint =
        blueprint.on_premises("site", "lone", "192.168.0.1/24", &["10.0.0.0/16"], Some("192.168.0.2"));
    let mut lab = blueprint.build();
    assert_eq!(lab.send("l1", ipv4("172.16.1.4", VM1).udp(1, 2)).only().to, "site");
    assert_eq!(lab.send("site", ipv4(VM1, "172.16.1.4").udp(2, 1)).only().to, "l1");
    lab.expect([("forwarded", 2)]);
    assert_eq!(lab.send("vm1", ipv4(VM1, "10.0.1.5").udp(1, 2)).only().to, "vm2");
    lab.expect([("forwarded", 1)]);
}
