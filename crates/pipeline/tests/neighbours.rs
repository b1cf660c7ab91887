//! ARP, as Azure's fabric answers it, and finding out who is where.
#![allow(clippy::unwrap_used)] // Tests: what cannot be had ends the test.

use model::NicIndex;
use packet::{AttachmentId, Frame, Offload};
use pipeline::{DropReason, Ending, Way};
use snapshot::{Attachment, AttachmentKind, Gateway, Names, Snapshot};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use testkit::build::{OwnedFrame, arp_reply, arp_request, ipv4, ipv6, neighbour_advertisement};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM2: &str = "10.0.1.5";
const FAR: &str = "198.51.100.7";

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn a_vm_gets_an_answer_for_every_address_but_its_own() {
    let mut lab = Blueprint::default().build();
    let mac = lab.host_mac("vm1");
    for asked in ["10.0.1.1", VM2, "10.0.2.4", "10.0.1.99", FAR, "169.254.169.254"] {
        let answer = lab.send("vm1", arp_request(mac, VM1, asked));
        assert_eq!(answer.lines(), [format!("vm1: arp {asked} is at 02:00:00:01:00:01 for 10.0.1.4")]);
        lab.expect([("answered", 1), ("originated", 1)]);
    }
    // A probe, and an announcement (RFC 5227).
    for (sender, asked) in [("0.0.0.0", VM1), ("0.0.0.0", VM2), (VM1, VM1)] {
        assert_eq!(
            lab.send("vm1", arp_request(mac, sender, asked)).lines(),
            [""; 0],
            "{sender} asks {asked}"
        );
        lab.expect([("consumed", 1)]);
    }
}

/// Whatever it claims it is for: it gets no answer, and nobody's traffic.
#[test]
fn who_claims_an_address_of_others_is_named() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    let (mac, own) = (lab.host_mac("vm1"), lab.gateway_mac("vm1"));
    for claimed in [VM2, "10.0.2.4", "10.0.1.1", "10.0.1.77", "192.168.9.9", FAR, "169.254.7.7"] {
        for frame in [
            arp_request(mac, claimed, "10.0.1.1"),
            arp_request(mac, claimed, claimed),
            arp_request(mac, claimed, VM1),
            arp_reply(mac, claimed, [0xff; 6], claimed),
            arp_reply(mac, claimed, own, "10.0.1.1"),
        ] {
            assert_eq!(lab.send("vm1", frame).lines(), [""; 0], "{claimed}");
            lab.expect([("spoofed-neighbour", 1)]);
        }
    }
    lab.send("vm1", arp_reply(mac, "0.0.0.0", own, "10.0.1.1"));
    lab.expect([("spoofed-neighbour", 1)]);
    assert_eq!(
        lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53)).only().seen().destination_mac,
        lab.host_mac("vm2")
    );
    lab.expect([("forwarded", 1)]);
}

#[test]
fn outside_nobody_claims_an_address_of_ours() {
    let lab = Blueprint::default().public("vm1", "203.0.113.20").host(&["203.0.113.5"]);
    let mut lab = lab.build();
    let mac = lab.host_mac("internet");
    for claimed in ["203.0.113.2", "203.0.113.10", "203.0.113.20"] {
        for asked in [claimed, "203.0.113.2", "203.0.113.1"] {
            assert_eq!(lab.send("internet", arp_request(mac, claimed, asked)).lines(), [""; 0]);
            lab.send("internet", arp_reply(mac, claimed, [0xff; 6], asked));
            lab.expect([("spoofed-neighbour", 2)]);
        }
    }
    // What is said of the host's own address is the host's affair.
    lab.send("internet", arp_request(mac, "203.0.113.5", "203.0.113.5"));
    lab.expect([("passed-to-host", 1)]);
}

#[test]
fn a_spoofed_claim_is_foretold() {
    let lab = Blueprint::default().build();
    let told = lab.explain("vm1", arp_reply(lab.host_mac("vm1"), VM2, [0xff; 6], VM2));
    assert_eq!(told.ending, Some(Ending::Dropped(DropReason::SpoofedNeighbour)));
}

#[test]
fn the_outside_gets_an_answer_for_our_addresses() {
    let mut lab = Blueprint::default().public("vm1", "203.0.113.20").build();
    let mac = lab.host_mac("internet");
    for sender in ["203.0.113.1", "192.0.2.9"] {
        for asked in ["203.0.113.2", "203.0.113.10", "203.0.113.20"] {
            let answer = lab.send("internet", arp_request(mac, sender, asked));
            assert_eq!(
                answer.lines(),
                [format!("internet: arp {asked} is at 02:00:00:01:00:00 for {sender}")]
            );
            lab.expect([("answered", 1), ("originated", 1)]);
        }
        for asked in ["203.0.113.1", "203.0.113.77", VM1, "10.0.1.1"] {
            lab.send("internet", arp_request(mac, sender, asked));
            lab.expect([("consumed", 1)]);
        }
    }
}

#[test]
fn the_host_answers_for_itself() {
    let mut lab = Blueprint::default().host(&["203.0.113.2"]).build();
    let mac = lab.host_mac("internet");
    lab.send("internet", arp_request(mac, "203.0.113.1", "203.0.113.2"));
    lab.expect([("passed-to-host", 1)]);
    lab.send("internet", arp_request(mac, "203.0.113.1", "203.0.113.10"));
    lab.expect([("answered", 1), ("originated", 1)]);
}

#[test]
fn a_silent_vm_is_asked_for_and_found() {
    let mut lab = Blueprint::default().build();
    lab.silence("vm2");
    let asked = lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    assert_eq!(asked.lines(), ["vm2: arp who has 10.0.1.5? tell 10.0.1.1"]);
    assert_eq!(lab.send("vm1", ipv4(VM1, VM2).udp(5000, 54)).lines(), [""; 0]);
    lab.expect([("waiting", 2), ("originated", 1)]);
    lab.wake("vm2");
    let sent = lab.advance(Duration::from_secs(2));
    // Two flows, whose workers let them go one after the other.
    let mut lines = sent.lines();
    lines.sort_unstable();
    assert_eq!(
        lines,
        ["vm2: udp 10.0.1.4:5000 > 10.0.1.5:53 ttl 64", "vm2: udp 10.0.1.4:5000 > 10.0.1.5:54 ttl 64"]
    );
    assert_eq!(sent.frames[0].seen().destination_mac, lab.host_mac("vm2"));
    lab.expect([("waiting", -2), ("forwarded", 2)]);
}

#[test]
fn a_host_that_never_answers_is_given_up() {
    let mut lab = Blueprint::default().build();
    lab.silence("internet");
    for port in 0..10 {
        lab.send("vm1", ipv4(VM1, FAR).udp(5000 + port, 53));
    }
    lab.expect([("waiting", 8), ("neighbours-full", 2), ("originated", 1)]);
    lab.advance(Duration::from_secs(4));
    lab.expect([("waiting", -8), ("no-neighbour", 8), ("originated", 2)]);
    lab.wake("internet");
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn only_who_was_asked_for_is_believed_and_only_at_home() {
    let mut lab = Blueprint::default().build();
    for vm in ["vm1", "vm2"] {
        lab.silence(vm);
    }
    lab.send("vm3", ipv4("10.0.2.4", VM1).udp(5000, 53));
    lab.expect([("waiting", 1), ("originated", 1)]);
    // vm2 claims vm1's address; then vm1 tells the truth.
    let thief = lab.host_mac("vm2");
    lab.send("vm2", arp_reply(thief, VM1, lab.gateway_mac("vm2"), "10.0.1.1"));
    lab.expect([("spoofed-neighbour", 1)]);
    let mac = lab.host_mac("vm1");
    let sent = lab.send("vm1", arp_reply(mac, VM1, lab.gateway_mac("vm1"), "10.0.1.1"));
    assert_eq!(sent.lines(), ["vm1: udp 10.0.2.4:5000 > 10.0.1.4:53 ttl 63"]);
    lab.expect([("consumed", 1), ("waiting", -1), ("forwarded", 1)]);
    // A group address is nobody's, whoever says so.
    lab.send("vm1", arp_reply([0xff; 6], VM1, lab.gateway_mac("vm1"), "10.0.1.1"));
    lab.expect([("bad-arp", 1)]);
}

/// Where an ARP frame names the hardware address of its sender.
const FRAME_SENDER: Range<usize> = 6..12;
const ARP_SENDER: Range<usize> = 22..28;

#[test]
fn a_hardware_address_that_is_enforced_is_enforced_in_arp() {
    let mut lab = Blueprint::default().enforce_mac("vm1").build();
    let thief = [2, 9, 9, 9, 9, 9];
    lab.send("vm1", arp_request(thief, VM1, "10.0.1.1"));
    for place in [FRAME_SENDER, ARP_SENDER] {
        let mut half = arp_request(lab.host_mac("vm1"), VM1, "10.0.1.1");
        half[place].copy_from_slice(&thief);
        lab.send("vm1", half);
    }
    lab.expect([("spoofed-mac", 3)]);
    lab.send("vm1", arp_request(lab.host_mac("vm1"), VM1, "10.0.1.1"));
    lab.expect([("answered", 1), ("originated", 1)]);
}

const MOVED: [u8; 6] = [2, 7, 7, 7, 7, 7];

/// The packets of a live flow to `vm2`, one a tenth of a second: after how many they go to its new hardware address.
#[track_caller]
fn follows_after(lab: &mut Lab, packet: &OwnedFrame) -> usize {
    let followed = (0..50).find(|_| {
        lab.advance(Duration::from_millis(100));
        let sent = lab.send("vm1", packet.clone());
        sent.only().seen().destination_mac == MOVED
    });
    followed.unwrap()
}

#[test]
fn a_live_flow_follows_a_vm_to_its_new_hardware_address() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.advance(Duration::from_secs(5));
    lab.change_mac("vm2", MOVED);
    lab.expect([("forwarded", 1)]);
    lab.send("vm2", arp_reply(MOVED, VM2, [0xff; 6], VM2));
    // It asks for whom it looks for, and is answered at once.
    assert_eq!(lab.send("vm2", arp_request(MOVED, VM2, VM1)).frames.len(), 1);
    lab.expect([("contradicted-neighbour", 2), ("originated", 1)]);
    let tenths = follows_after(&mut lab, &ipv4(VM1, VM2).udp(5000, 53).into());
    assert!(tenths < 20, "{tenths}");
    assert_eq!(lab.dropped(DropReason::ContradictedNeighbour), 2, "its answer was believed");
}

#[test]
fn a_live_flow_follows_over_ipv6_too() {
    let (vm1, vm2) = ("fd00:a:0:1::4", "fd00:a:0:1::5");
    let mut lab = Blueprint::default().dual_stack().build();
    lab.send("vm1", ipv6(vm1, vm2).udp(5000, 53));
    lab.advance(Duration::from_secs(5));
    lab.change_mac("vm2", MOVED);
    lab.send("vm2", neighbour_advertisement(MOVED, vm2, lab.gateway_mac("vm2"), "fd00:a:0:1::1"));
    let tenths = follows_after(&mut lab, &ipv6(vm1, vm2).udp(5000, 53).into());
    assert!(tenths < 20, "{tenths}");
}

/// Who tells nobody is found when it is asked again.
#[test]
fn a_live_flow_follows_a_vm_that_does_not_tell() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.change_mac("vm2", MOVED);
    lab.advance(Duration::from_secs(30));
    let tenths = follows_after(&mut lab, &ipv4(VM1, VM2).udp(5000, 53).into());
    assert!(tenths < 20, "{tenths}");
}

/// On a segment `vm2` says, again and again and in every way, that it is `vm1`.
#[test]
fn a_neighbour_that_lies_draws_no_traffic_and_few_questions() {
    let mut lab = Blueprint::default().segment("web").build();
    lab.send("vm3", ipv4("10.0.2.4", VM1).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    let (thief, own) = (lab.host_mac("vm2"), lab.gateway_mac("vm2"));
    for second in 1..=20 {
        for _ in 0..50 {
            lab.send("vm2", arp_reply(thief, VM1, [0xff; 6], VM1));
            lab.send("vm2", arp_reply(thief, VM1, own, "10.0.1.1"));
        }
        // It may ask, but not as another.
        assert_eq!(lab.send("vm2", arp_request(thief, VM1, "10.0.1.1")).frames.len(), 1);
        lab.send("vm2", arp_request(thief, "10.0.2.4", "10.0.1.1"));
        lab.advance(Duration::from_secs(1));
        let sent = lab.send("vm3", ipv4("10.0.2.4", VM1).udp(5000, 53));
        assert_eq!(sent.only().to, "vm1", "after {second} seconds");
        lab.expect([
            ("contradicted-neighbour", 101),
            ("spoofed-neighbour", 1),
            ("originated", 1),
            ("forwarded", 1),
        ]);
    }
    let asked =
        |lab: &Lab| lab.engines().iter().map(|engine| engine.counters().originated.packets).sum::<u64>();
    assert!(asked(&lab) <= 22 + 20, "{}", asked(&lab));
}

/// `vm1` looks for more neighbours on the outside link than there are places; `vm2` does not notice.
#[test]
fn a_scan_of_a_whole_link_is_the_scanners_own() {
    let mut lab = Blueprint::default().internet("198.18.0.2/15", Some("198.18.0.1")).build();
    lab.silence("internet");
    for nth in 0..5_000u32 {
        lab.send_directly("vm1", ipv4(VM1, &format!("198.19.{}.{}", nth / 200, 1 + nth % 200)).udp(9, 9));
    }
    lab.expect([("waiting", 64), ("neighbours-full", 4_936), ("originated", 4_096)]);
    lab.wake("internet");
    for to in [FAR, "198.19.0.1", "198.19.250.1"] {
        lab.send("vm2", ipv4(VM2, to).udp(5000, 53));
    }
    lab.advance(Duration::from_secs(2));
    assert_eq!(lab.ended(Ending::Forwarded), 3 + 64);
}

/// A link of 2^64 addresses, which no table holds.
#[test]
fn a_scan_of_an_ipv6_link_is_the_scanners_own() {
    let (scanner, other) = ("2001:db8:f::21", "2001:db8:f::22");
    let mut lab = Blueprint::default().dual_stack().public_v6("vm1", scanner).public_v6("vm2", other).build();
    lab.silence("internet");
    for nth in 0..5_000 {
        let to = format!("2001:db8:ffff::{:x}", 0x1000 + nth);
        lab.send_directly("vm1", ipv6("fd00:a:0:1::4", &to).udp(9, 9));
    }
    lab.expect([("waiting", 64), ("neighbours-full", 4_936), ("originated", 4_096)]);
    lab.wake("internet");
    for to in ["2001:db8:1::7", "2001:db8:ffff::1000", "2001:db8:ffff::ffff"] {
        lab.send("vm2", ipv6("fd00:a:0:1::5", to).udp(5000, 53));
    }
    lab.advance(Duration::from_secs(2));
    assert_eq!(lab.ended(Ending::Forwarded), 3 + 64);
}

#[test]
fn a_next_hop_that_a_reload_takes_away_is_foretold() {
    let mut lab = Blueprint::default().build();
    for port in [53, 54] {
        lab.send("vm1", ipv4(VM1, FAR).udp(5000, port));
    }
    lab.reload(|blueprint| blueprint.internet("203.0.113.2/24", None));
    let told = lab.explain("vm1", ipv4(VM1, FAR).udp(5000, 53));
    assert_eq!(told.ending, Some(Ending::Dropped(DropReason::NoInternet)));
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 55));
    lab.expect([("forwarded", 2), ("no-internet", 2)]);
    lab.reload(|blueprint| blueprint.internet("203.0.113.2/24", Some("203.0.113.1")));
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
}

#[test]
fn a_busy_flow_never_waits_again() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    for _ in 0..900 {
        lab.advance(Duration::from_secs(1));
        let sent = lab.send_directly("vm1", ipv4(VM1, VM2).udp(5000, 53));
        assert_eq!(sent.frames.len(), 1);
    }
    lab.expect([("forwarded", 900)]);
}

#[test]
fn a_neighbour_that_falls_silent_is_forgotten() {
    let mut lab = Blueprint::default().build();
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("forwarded", 1)]);
    lab.silence("vm2");
    lab.advance(Duration::from_secs(40));
    lab.expect([("originated", 3)]);
    lab.send("vm1", ipv4(VM1, VM2).udp(5000, 53));
    lab.expect([("waiting", 1), ("originated", 1)]);
}

/// A VM that is made anew has another hardware address, and nothing of the old one's answers any more.
#[test]
fn behind_a_new_wire_everybody_is_asked_for_again() {
    let mut lab = Blueprint::default().one_worker().build();
    let to_vm3 = || ipv4(VM1, "10.0.2.4").udp(5000, 53);
    lab.send("vm1", to_vm3()).only();
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53)).only();
    lab.silence("vm3");
    lab.silence("internet");
    lab.expect([("forwarded", 2)]);
    lab.engine_mut().rewired(AttachmentId(3));
    assert_eq!(lab.send("vm1", to_vm3()).lines(), ["vm3: arp who has 10.0.2.4? tell 10.0.2.1"]);
    lab.send("vm1", ipv4(VM1, FAR).udp(5000, 53)).only();
    lab.expect([("waiting", 1), ("originated", 1), ("forwarded", 1)]);
    // What waits for an answer goes on waiting, for the new one's.
    lab.engine_mut().rewired(AttachmentId(3));
    let there = arp_reply(lab.host_mac("vm3"), "10.0.2.4", lab.gateway_mac("vm3"), "10.0.2.1");
    lab.send("vm3", there).only();
    lab.expect([("waiting", -1), ("consumed", 1), ("forwarded", 1)]);
}

#[test]
fn malformed_messages_are_counted() {
    let mut lab = Blueprint::default().build();
    let whole = arp_request(lab.host_mac("vm1"), VM1, "10.0.1.1");
    lab.send("vm1", whole[..41].to_vec());
    for (at, byte) in [(15, 6), (17, 6), (18, 8), (19, 16), (21, 3)] {
        let mut frame = whole.clone();
        frame[at] = byte;
        lab.send("vm1", frame);
    }
    lab.expect([("bad-arp", 6)]);
}

#[test]
fn what_waits_for_an_attachment_that_goes_is_counted() {
    let mut lab = Blueprint::default().build();
    lab.silence("vm3");
    lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    lab.expect([("waiting", 1), ("originated", 1)]);
    lab.reload(|blueprint| blueprint.detached("vm3"));
    lab.expect([("waiting", -1), ("attachment-gone", 1)]);
}

#[test]
fn who_asks_for_many_silent_neighbours_does_not_hide_another() {
    let mut lab = Blueprint::default().build();
    lab.silence("internet");
    for host in 20..60 {
        for _ in 0..8 {
            lab.send("vm1", ipv4(VM1, &format!("203.0.113.{host}")).udp(5000, 53));
        }
    }
    let lost = lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    assert_eq!(lost.lines(), [""; 0], "there is no room to wait");
    let sent = lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
    assert_eq!(sent.lines(), ["vm3: udp 10.0.1.4:5000 > 10.0.2.4:53 ttl 63"], "but it was asked for");
}

/// The same network with vm3's interface become the internet's.
fn vm3_becomes_the_internet(lab: &mut Lab) {
    let network = Arc::clone(&lab.snapshot().network);
    let attachment = |id, kind| Attachment {
        id: AttachmentId(id),
        interface: format!("veth{id}").into(),
        mac: [2, 0, 0, 1, 0, id as u8],
        mtu: 1500,
        kind,
    };
    let internet = AttachmentKind::Internet {
        addresses: vec!["203.0.113.2/24".parse().unwrap()],
        next_hops: vec!["203.0.113.1".parse().unwrap()],
        host_addresses: Vec::new(),
    };
    let vm1 = AttachmentKind::Nic { nic: NicIndex(0), enforced_mac: None };
    let gateway = Gateway {
        network,
        attachments: vec![attachment(1, vm1), attachment(3, internet)],
        default_public_ips: Vec::new(),
        default_outbound_access: false,
        snat_ports: nat::Ports::ALL,
        ports_per_vm: nat::CAPACITY as u32,
        flow_idle: Duration::from_secs(240),
        snat_idle: Duration::from_secs(240),
    };
    let snapshot = Snapshot::build(&gateway, &mut Names::default()).unwrap();
    lab.replace(&Arc::new(snapshot));
}

#[test]
fn what_was_for_a_vm_does_not_leave_by_what_its_interface_becomes() {
    for is_known in [false, true] {
        let mut lab = Blueprint::default().one_worker().build();
        if !is_known {
            lab.silence("vm3");
        }
        lab.send("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
        vm3_becomes_the_internet(&mut lab);
        let (on, mut again) = lab.ready("vm1", ipv4(VM1, "10.0.2.4").udp(5000, 53));
        let now = lab.now();
        let engine = lab.engine_mut();
        assert_eq!(engine.receive(now, on, &mut again.frame()), Way::Ends);
        for sender in ["10.0.2.4", "203.0.113.1"] {
            let mut reply = arp_reply([6; 6], sender, [2, 0, 0, 1, 0, 3], "203.0.113.2");
            let mut frame = Frame { bytes: &mut reply, offload: Offload::default() };
            assert_eq!(engine.receive(now, AttachmentId(3), &mut frame), Way::Ends);
        }
        engine.outbox().drain(|out| assert_eq!(out.bytes[12..14], [8, 6], "only ARP leaves"));
        let gone = engine.counters().ended(Ending::Dropped(DropReason::AttachmentGone)).packets;
        assert_eq!(gone, if is_known { 1 } else { 2 });
    }
}

/// All that a scan has asked for is due again at once, and the packets of everybody else do not wait for that.
#[test]
fn a_scans_questions_go_out_a_few_at_a_time() {
    let blueprint = Blueprint::default().internet("198.18.0.2/15", Some("198.18.0.1"));
    let mut lab = blueprint.one_worker().build();
    lab.silence("internet");
    for nth in 0..1_000u32 {
        lab.send_directly("vm1", ipv4(VM1, &format!("198.19.{}.{}", nth / 200, 1 + nth % 200)).udp(9, 9));
    }
    lab.expect([("waiting", 64), ("neighbours-full", 936), ("originated", 1_000)]);
    let now = lab.now() + Duration::from_secs(1);
    let engine = lab.engine_mut();
    let mut all = 0;
    loop {
        engine.tick(now);
        let mut asked = 0;
        engine.outbox().drain(|_| asked += 1);
        assert!(asked <= 64, "{asked} in one tick");
        all += asked;
        if !engine.idle_for().is_zero() {
            break;
        }
    }
    assert_eq!(all, 1_000, "none was forgotten, or asked twice");
}
