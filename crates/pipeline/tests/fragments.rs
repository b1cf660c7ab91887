//! Fragments follow their first one, in whatever order they come.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use std::time::Duration;
use testkit::build::{fragments, ipv4, read, reassemble};
use testkit::lab::{Blueprint, Lab, Outcome};

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

/// Joins the frames that came out and says what they are together.
fn joined(outcomes: &[Outcome]) -> String {
    let frames: Vec<_> = outcomes.iter().flat_map(|out| &out.frames).map(|out| out.bytes.clone()).collect();
    let whole = read(&reassemble(&frames).unwrap()).unwrap();
    assert!(whole.ipv4().checksums_hold());
    whole.to_string()
}

/// The places of the fragments that came out, in order.
fn offsets(outcomes: &[Outcome]) -> Vec<usize> {
    outcomes.iter().flat_map(|out| &out.frames).map(|out| out.seen().ipv4().offset).collect()
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn three_fragments_in_every_order() {
    for order in ORDERS {
        let mut lab = Blueprint::default().build();
        let pieces = fragments(&ipv4(VM1, FAR).echo_request(7, 1).data(3000).bytes(), 1480);
        let sent = order.map(|nth| lab.send("vm1", pieces[nth].clone()));
        let seen = sent.iter().flat_map(|out| &out.frames).map(|out| out.seen()).collect::<Vec<_>>();
        assert!(seen.iter().all(|seen| seen.ipv4().source.to_string() == "203.0.113.10"), "{order:?}");
        let ids: std::collections::HashSet<u32> = seen.iter().map(|seen| seen.ipv4().id).collect();
        assert_eq!(ids.len(), 1, "{order:?}");
        assert!(joined(&sent).contains("> 198.51.100.7 echo request"), "{order:?}");
        assert_eq!(offsets(&sent)[0], 0, "{order:?}: the first one leads");
        lab.expect([("forwarded", 3)]);

        let identifier = seen.iter().find_map(|seen| seen.ipv4().echo_identifier()).unwrap();
        let reply = ipv4(FAR, "203.0.113.10").echo_reply(identifier, 1).data(3000).bytes();
        let pieces = fragments(&reply, 1480);
        let back = order.map(|nth| lab.send("internet", pieces[nth].clone()));
        assert_eq!(joined(&back), "icmp 198.51.100.7 > 10.0.1.4 echo reply id 7 seq 1 ttl 63 3000 bytes");
        lab.expect([("forwarded", 3)]);
    }
}

#[test]
fn fragments_of_tcp_and_between_vms() {
    for order in ORDERS {
        let mut lab = Blueprint::default().build();
        let pieces = fragments(&ipv4(VM1, VM3).tcp(5000, 80).syn().data(700).bytes(), 256);
        let sent = order.map(|nth| lab.send("vm1", pieces[nth].clone()));
        assert_eq!(joined(&sent), "tcp 10.0.1.4:5000 > 10.0.2.4:80 [S] ttl 63 700 bytes");
        lab.expect([("forwarded", 3)]);
    }
}

#[test]
fn all_follow_the_denial_of_the_first() {
    for order in ORDERS {
        let mut lab = Blueprint::default().guard("db", &["100 in deny udp * > *:53"]).build();
        let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
        let sent = order.map(|nth| lab.send("vm1", pieces[nth].clone()));
        assert!(sent.iter().all(|out| out.frames.is_empty()));
        lab.expect([("denied-inbound", 1), ("db-nsg/rule-100", 1), ("fragment-of-dropped", 2)]);
    }
}

#[test]
fn an_orphan_waits_a_second() {
    let mut lab = Blueprint::default().build();
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
    lab.send("vm1", pieces[1].clone());
    lab.expect([("waiting", 1)]);
    lab.advance(Duration::from_millis(900));
    lab.expect([]);
    lab.advance(Duration::from_millis(400));
    lab.expect([("waiting", -1), ("fragment-orphan", 1)]);
}

#[test]
fn at_most_64_wait() {
    let mut lab = Blueprint::default().build();
    for id in 0..70 {
        lab.send("vm1", ipv4(VM1, VM3).protocol(17).id(id).fragment(1480, false).data(20));
    }
    lab.expect([("waiting", 64), ("fragments-full", 6)]);
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn no_byte_passes_twice() {
    let mut lab = Blueprint::default().build();
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(4000).bytes(), 1480);
    lab.send("vm1", pieces[0].clone());
    lab.expect([("forwarded", 1)]);
    lab.send("vm1", pieces[0].clone());
    lab.send("vm1", ipv4(VM1, VM3).protocol(17).fragment(1472, true).data(16));
    lab.send("vm1", ipv4(VM1, VM3).protocol(17).fragment(8, true).data(8));
    lab.expect([("fragment-overlap", 3)]);
    lab.send("vm1", pieces[2].clone());
    lab.send("vm1", pieces[2].clone());
    lab.expect([("forwarded", 1), ("fragment-overlap", 1)]);
    lab.send("vm1", pieces[1].clone());
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_second_first_fragment_can_not_put_other_ports_in() {
    let mut lab = Blueprint::default().guard("db", &["100 in deny tcp * > *:22"]).build();
    let allowed = fragments(&ipv4(VM1, VM3).tcp(5000, 80).syn().data(60).bytes(), 40);
    let denied = fragments(&ipv4(VM1, VM3).tcp(5000, 22).syn().data(60).bytes(), 40);
    lab.send("vm1", allowed[0].clone());
    lab.send("vm1", denied[0].clone());
    lab.expect([("forwarded", 1), ("fragment-overlap", 1)]);
}

#[test]
fn headers_that_hide_are_refused() {
    let mut lab = Blueprint::default().build();
    let tcp = ipv4(VM1, VM3).tcp(5000, 80).syn().data(100).bytes();
    let udp = ipv4(VM1, VM3).udp(5000, 53).data(100).bytes();
    let with_options = ipv4(VM1, VM3).tcp(5000, 80).syn().options(&[1; 12]).data(100).bytes();
    for hidden in [
        &fragments(&tcp, 8)[0],
        &fragments(&tcp, 16)[0],
        &fragments(&tcp, 8)[1],
        &fragments(&with_options, 24)[0],
    ] {
        lab.send("vm1", hidden.clone());
        lab.expect([("bad-fragment", 1)]);
    }
    lab.send("vm1", fragments(&udp, 8)[0].clone());
    lab.expect([("forwarded", 1)]);
    lab.send("vm1", ipv4(VM1, VM3).protocol(17).fragment(65_528, false).data(8));
    lab.send("vm1", ipv4(VM1, VM3).protocol(17).fragment(800, true).data(9));
    lab.expect([("bad-fragment", 2)]);
}

#[test]
fn two_vms_with_one_identification_do_not_mix() {
    let mut lab = Blueprint::default().build();
    let first = fragments(&ipv4(VM1, FAR).udp(5000, 53).id(9).data(2000).bytes(), 1480);
    let second = fragments(&ipv4(VM2, FAR).udp(5000, 53).id(9).data(2000).bytes(), 1480);
    let sent = [
        lab.send("vm1", first[0].clone()),
        lab.send("vm2", second[1].clone()),
        lab.send("vm1", first[1].clone()),
        lab.send("vm2", second[0].clone()),
    ];
    lab.expect([("forwarded", 4)]);
    joined(&[sent[0].clone(), sent[2].clone()]);
    joined(&[sent[1].clone(), sent[3].clone()]);
    let id = |out: &Outcome| out.frames[0].seen().ipv4().id;
    assert_ne!(id(&sent[0]), id(&sent[3]));
}

#[test]
fn they_wait_together_for_a_silent_vm() {
    let mut lab = Blueprint::default().build();
    lab.silence("vm3");
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
    for nth in [2, 0, 1] {
        lab.send("vm1", pieces[nth].clone());
    }
    lab.expect([("waiting", 3), ("originated", 1)]);
    lab.wake("vm3");
    let sent = lab.advance(Duration::from_secs(2));
    assert_eq!(joined(&[sent]), "udp 10.0.1.4:5000 > 10.0.2.4:53 ttl 63 3000 bytes");
    lab.expect([("waiting", -3), ("forwarded", 3)]);
}

#[test]
fn a_fragment_too_big_for_the_next_link_is_cut_again() {
    let mut lab = Blueprint::default().mtu("vm3", 700).build();
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
    let sent: Vec<Outcome> = pieces.iter().map(|piece| lab.send("vm1", piece.clone())).collect();
    assert_eq!(joined(&sent), "udp 10.0.1.4:5000 > 10.0.2.4:53 ttl 63 3000 bytes");
    lab.expect([("forwarded", 3)]);
}

#[test]
fn order_is_kept_where_it_was_right() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53));
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
    let sent: Vec<Outcome> = pieces.iter().map(|piece| lab.send_directly("vm1", piece.clone())).collect();
    assert_eq!(offsets(&sent), [0, 1480, 2960], "none takes the slow way and is overtaken");
}

fn send_whole(lab: &mut Lab, id: u32) {
    for piece in fragments(&ipv4(VM1, VM3).udp(5000, 53).id(id).data(2000).bytes(), 1480) {
        lab.send("vm1", piece);
    }
}

#[test]
fn a_datagram_that_is_through_leaves_nothing_behind() {
    let mut lab = Blueprint::default().build();
    for id in 0..5000 {
        send_whole(&mut lab, id);
    }
    // Identifications come round again while older ones are still remembered elsewhere.
    send_whole(&mut lab, 4999);
    lab.expect([("forwarded", 10_002)]);
    assert_eq!(lab.held(), [1, 0, 0]);
}

#[test]
fn records_of_unfinished_datagrams_are_bounded_and_end() {
    let mut lab = Blueprint::default().build();
    for id in 0..5000 {
        lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53).id(id).fragment(0, true).length(2008).data(1472));
    }
    assert_eq!(lab.held(), [1, 1024, 0], "the oldest make room");
    send_whole(&mut lab, 1);
    lab.expect([("forwarded", 5002)]);
    lab.advance(Duration::from_secs(31));
    assert_eq!(lab.held(), [1, 0, 0]);
}

#[test]
fn nobodys_fragments_crowd_out_anothers() {
    let mut lab = Blueprint::default().build();
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).data(3000).bytes(), 1480);
    lab.send("vm1", pieces[0].clone());
    for id in 0..2000 {
        lab.send("vm2", ipv4(VM2, VM3).udp(5000, 53).id(id).fragment(0, true).length(2008).data(1472));
        lab.send("vm2", ipv4(VM2, VM3).protocol(17).id(10_000 + id).fragment(1480, false).data(20));
    }
    lab.expect([("forwarded", 2001), ("waiting", 64), ("fragments-full", 1936)]);
    lab.send("vm1", pieces[2].clone());
    lab.send("vm1", pieces[1].clone());
    lab.expect([("forwarded", 2)]);
    let late = fragments(&ipv4(VM1, VM3).udp(5000, 53).id(77).data(3000).bytes(), 1480);
    lab.send("vm1", late[1].clone());
    lab.expect([("waiting", 1)]);
}

#[test]
fn a_lost_fragment_does_not_cost_the_next_datagram_of_its_name() {
    let mut lab = Blueprint::default().build();
    let pieces = fragments(&ipv4(VM1, VM3).udp(5000, 53).id(7).data(3000).bytes(), 1480);
    lab.send("vm1", pieces[0].clone());
    lab.send("vm1", pieces[2].clone());
    lab.advance(Duration::from_millis(1500));
    for piece in &pieces {
        lab.send("vm1", piece.clone());
    }
    lab.expect([("forwarded", 5)]);
    assert_eq!(lab.held(), [1, 0, 0]);
}

#[test]
fn stray_fragments_to_nobody_do_not_wait() {
    let mut lab = Blueprint::default().build();
    lab.send("internet", ipv4(FAR, VM1).protocol(17).fragment(1480, false).data(20));
    lab.expect([("not-ours", 1)]);
}
