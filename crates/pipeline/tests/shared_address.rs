//! One public address between the host and the VMs: `outbound.ports` are the gateway's, the rest is the host's.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use testkit::build::{arp_request, fragments, ipv4, read};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const FAR: &str = "198.51.100.7";
const SHARED: &str = "203.0.113.2";
const PORTS: std::ops::RangeInclusive<u16> = 50_000..=50_099;

/// The host's only address is what VMs are translated to.
fn lab() -> Lab {
    let lab = Blueprint::default().default_public(&[SHARED]).internet("203.0.113.2/24", Some("203.0.113.1"));
    lab.host(&[SHARED]).snat_ports(PORTS).build()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_vms_answers_are_its_own_and_the_rest_is_the_hosts() {
    let mut lab = lab();
    let sent = lab.send("vm1", ipv4(VM1, FAR).tcp(4000, 443).syn().seq(7));
    let (port, _) = sent.only().seen().ipv4().ports().unwrap();
    assert!(PORTS.contains(&port));
    let answer = lab.send("internet", ipv4(FAR, SHARED).tcp(443, port).syn().ack(8).seq(1));
    assert_eq!(answer.lines(), ["vm1: tcp 198.51.100.7:443 > 10.0.1.4:4000 [S.] ttl 63"]);
    lab.expect([("forwarded", 2)]);
    for port in [22, 49_999, 50_100, 65_535] {
        lab.send("internet", ipv4(FAR, SHARED).tcp(443, port).syn());
        lab.send("internet", ipv4(FAR, SHARED).udp(443, port));
    }
    lab.send("internet", ipv4(FAR, SHARED).protocol(47).data(20));
    lab.send("internet", ipv4(FAR, SHARED).esp(1, 1).data(20));
    lab.expect([("passed-to-host", 10)]);
    // Nobody answers for a port of the gateway's without a flow, neither it nor the host.
    let free = PORTS.into_iter().find(|&free| free != port).unwrap();
    lab.send("internet", ipv4(FAR, SHARED).tcp(443, free).syn());
    lab.send("internet", ipv4("198.51.100.8", SHARED).udp(443, port));
    lab.expect([("no-mapping", 2)]);
}

#[test]
fn pings_and_errors_go_to_whom_they_belong() {
    let mut lab = lab();
    let sent = lab.send("vm1", ipv4(VM1, FAR).echo_request(7, 1).data(8));
    let identifier = sent.only().seen().ipv4().echo_identifier().unwrap();
    assert!(PORTS.contains(&identifier));
    let answer = lab.send("internet", ipv4(FAR, SHARED).echo_reply(identifier, 1).data(8));
    assert_eq!(answer.only().to, "vm1");
    let udp = lab.send("vm1", ipv4(VM1, FAR).udp(4000, 53).data(8)).only().bytes.clone();
    let error = lab.send("internet", ipv4("192.0.2.1", SHARED).unreachable(1).quoting(&udp, 8));
    assert_eq!(error.only().to, "vm1");
    lab.expect([("forwarded", 4)]);
    let other = if identifier == 50_000 { 50_001 } else { 50_000 };
    for frame in [
        ipv4(FAR, SHARED).echo_reply(other, 1).frame(),
        ipv4("198.51.100.8", SHARED).echo_reply(identifier, 1).frame(),
        ipv4(FAR, SHARED).echo_reply(9, 1).frame(),
        ipv4(FAR, SHARED).echo_request(identifier, 1).frame(),
        ipv4(FAR, SHARED).unreachable(1).quoting(&ipv4(SHARED, FAR).udp(4000, 53).bytes(), 8).frame(),
        ipv4(FAR, SHARED)
            .unreachable(1)
            .quoting(&ipv4(SHARED, "198.51.100.9").udp(50_007, 53).bytes(), 8)
            .frame(),
        ipv4(FAR, SHARED).unreachable(1).frame(),
        ipv4(FAR, SHARED).icmp(5, 1, 0).frame(),
    ] {
        lab.send("internet", frame);
        lab.expect([("passed-to-host", 1)]);
    }
}

#[test]
fn fragments_follow_their_first_one_or_are_the_hosts() {
    let mut lab = lab();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(4000, 53).data(8));
    let (port, _) = sent.only().seen().ipv4().ports().unwrap();
    lab.expect([("forwarded", 1)]);
    let answer = |port, id| fragments(&ipv4(FAR, SHARED).udp(53, port).id(id).data(3_000).bytes(), 1_480);
    for piece in answer(port, 5) {
        assert_eq!(lab.send("internet", piece).only().to, "vm1");
    }
    lab.expect([("forwarded", 3)]);
    for piece in answer(4_000, 6) {
        lab.send("internet", piece);
    }
    lab.expect([("passed-to-host", 3)]);
    assert_eq!(lab.held()[1], 0, "nothing is left of either");
}

#[test]
fn fragments_before_their_first_one_wait_for_whose_they_are() {
    let mut lab = lab();
    let sent = lab.send("vm1", ipv4(VM1, FAR).udp(4000, 53).data(8));
    let (port, _) = sent.only().seen().ipv4().ports().unwrap();
    lab.expect([("forwarded", 1)]);
    let pieces = |port, id| fragments(&ipv4(FAR, SHARED).udp(53, port).id(id).data(3_000).bytes(), 1_480);
    for (id, port, ending) in [(5, port, "forwarded"), (6, 4_000, "passed-to-host")] {
        let pieces = pieces(port, id);
        for piece in [&pieces[2], &pieces[1]] {
            lab.send("internet", piece.clone());
        }
        lab.expect([("waiting", 2)]);
        let sent = lab.send("internet", pieces[0].clone());
        assert_eq!(sent.frames.iter().filter(|out| out.to == "vm1").count(), if id == 5 { 3 } else { 0 });
        lab.expect([("waiting", -2), (ending, 3)]);
        assert_eq!(lab.held()[1], 0);
    }
    // Those whose first one never comes the host has, for what they are worth to it; as those for which there is no room.
    for id in 100..200 {
        lab.send("internet", pieces(port, id)[1].clone());
    }
    lab.expect([("waiting", 64), ("passed-to-host", 36)]);
    lab.advance(std::time::Duration::from_secs(2));
    lab.expect([("waiting", -64), ("passed-to-host", 64)]);
    // Other protocols are the host's from the first to the last.
    lab.send("internet", ipv4(FAR, SHARED).protocol(47).id(7).fragment(80, true).data(80));
    lab.expect([("passed-to-host", 1)]);
}

#[test]
fn the_host_answers_for_the_address_and_the_pool_is_the_range() {
    let mut lab = lab();
    let asked = lab.send("internet", arp_request([2, 0, 0, 2, 0, 0], "203.0.113.1", SHARED));
    assert_eq!(asked.lines(), [""; 0]);
    lab.expect([("passed-to-host", 1)]);
    let mut ports = Vec::new();
    for nth in 0..100 {
        let sent = lab.send("vm1", ipv4(VM1, FAR).udp(1_000 + nth, 53));
        ports.push(sent.only().seen().ipv4().ports().unwrap().0);
    }
    ports.sort_unstable();
    assert!(ports.into_iter().eq(PORTS));
    let told = lab.send("vm1", ipv4(VM1, FAR).udp(2_000, 53));
    assert!(read(&told.only().bytes).is_ok());
    lab.expect([("forwarded", 100), ("snat-ports-exhausted", 1), ("originated", 1)]);
    let usage = lab.pools().usage(1)[0];
    assert_eq!((usage.used, usage.capacity), (100, 100));
    // To a VM the address is as to anybody inside: translated ports only.
    lab.send("vm1", ipv4(VM1, SHARED).tcp(4_000, 22).syn());
    lab.expect([("no-mapping", 1)]);
}
