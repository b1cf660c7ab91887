//! Every reason for a drop is reached by some frame, but for two that the daemon finds outside the engine: that a worker's queue
//! or an interface has no room. Here their counters alone are seen to move; by frames `worker/tests.rs` of the daemon and
//! `hand_over.rs` see them.

use packet::{Checksum, Offload};
use pipeline::{Count, Counters, DropReason, Ending};
use std::time::Duration;
use testkit::build::{Draft, Udp, arp_reply, ethernet, fragments, ipv4, ipv6, neighbour_solicitation};
use testkit::lab::{Blueprint, Lab};

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";
const FAR: &str = "198.51.100.7";
const PUBLIC: &str = "203.0.113.20";

fn udp(from: &str, to: &str) -> Draft<Udp> {
    ipv4(from, to).udp(5000, 53)
}

fn build() -> Lab {
    Blueprint::default().build()
}

/// A lab, and the frame that ends in it.
fn with(mut lab: Lab, from: &str, frame: impl Into<testkit::build::OwnedFrame>) -> Lab {
    lab.send(from, frame);
    lab
}

/// A lab in which the reason was counted.
fn reached(reason: DropReason) -> Lab {
    use DropReason::*;
    match reason {
        BadLength => with(build(), "vm1", udp(VM1, VM3).total_length(99)),
        BadIpHeader => with(build(), "vm1", udp(VM1, VM3).ip_checksum(1)),
        BadTransportHeader => with(build(), "vm1", ipv4(VM1, VM3).tcp(1, 2).flags(0)),
        BadChecksum => with(build(), "vm1", ipv4(VM1, VM3).tcp(1, 2).syn().wrong_checksum()),
        BadOffload => {
            let mut frame = udp(VM1, VM3).frame();
            frame.offload = Offload { checksum: Checksum::Partial { start: 34, offset: 16 }, segments: None };
            with(build(), "vm1", frame)
        }
        TinySegments => with(build(), "vm1", ipv4(VM1, VM3).tcp(1, 2).ack(1).data(100).segments(1)),
        BadArp => with(build(), "vm1", ethernet(0x0806, &[0; 46])),
        BadNeighbourDiscovery => {
            with(build(), "vm1", neighbour_solicitation([2; 6], "fd00::4", "fd00::1").ttl(254))
        }
        BadExtensionHeader => {
            with(build(), "vm1", ipv6("fd00::4", "fd00::5").extension(60, &[1, 9]).udp(1, 2))
        }
        SourceRoute => with(build(), "vm1", udp(VM1, VM3).ip_options(&[1, 131, 3, 4])),
        BadFragment => with(build(), "vm1", udp(VM1, VM3).fragment(0, true).data(1)),
        OtherHost => with(build(), "vm1", udp(VM1, VM3).macs([2; 6], [4; 6])),
        Vlan => with(build(), "vm1", ethernet(0x8100, &[0; 46])),
        UnknownEtherType => with(build(), "vm1", ethernet(0x88cc, &[0; 46])),
        Multicast => with(build(), "vm1", udp(VM1, "224.0.0.1")),
        UnsupportedProtocol => with(build(), "vm1", ipv4(VM1, VM3).protocol(47).data(8)),
        UnsupportedIcmp => with(build(), "vm1", ipv4(VM1, VM3).icmp(5, 0, 0)),
        RouterAdvertisement => with(build(), "vm1", ipv6("fe80::4", "ff02::1").icmp(134, 0, 0).data(8)),
        Dhcp => with(build(), "vm1", ipv4(VM1, VM3).udp(67, 68)),
        SpoofedMac => {
            let lab = Blueprint::default().enforce_mac("vm1").build();
            let to = lab.gateway_mac("vm1");
            with(lab, "vm1", udp(VM1, VM3).macs([4; 6], to))
        }
        SpoofedSource => with(build(), "vm1", udp(VM3, VM1)),
        SpoofedNeighbour => with(build(), "vm1", arp_reply([2; 6], VM3, [2; 6], "10.0.1.1")),
        ContradictedNeighbour => {
            let lab = with(build(), "vm1", udp(VM1, VM3));
            with(lab, "vm3", arp_reply([4; 6], VM3, [2; 6], "10.0.2.1"))
        }
        Land => with(build(), "vm1", udp(VM1, VM1)),
        Martian => with(build(), "internet", udp("127.0.0.1", "203.0.113.10")),
        FragmentOverlap => {
            let piece = fragments(&udp(VM1, VM3).data(100).bytes(), 80).remove(0);
            with(with(build(), "vm1", piece.clone()), "vm1", piece)
        }
        FragmentOfDropped => {
            let pieces = fragments(&udp(VM1, "172.31.0.9").data(100).bytes(), 80);
            with(with(build(), "vm1", pieces[0].clone()), "vm1", pieces[1].clone())
        }
        FragmentOrphan => {
            let mut lab = with(build(), "vm1", ipv4(VM1, VM3).protocol(17).fragment(80, false).data(8));
            lab.advance(Duration::from_secs(2));
            lab
        }
        FragmentsFull => (0..65).fold(build(), |lab, id| {
            with(lab, "vm1", ipv4(VM1, VM3).protocol(17).id(id).fragment(80, false).data(8))
        }),
        HandOffFull => {
            let mut lab = Blueprint::default().one_worker().build();
            lab.engine_mut().lost_unjudged(60);
            lab
        }
        NotSent => {
            let mut lab = with(Blueprint::default().one_worker().build(), "vm1", udp(VM1, VM3));
            let forwarded = lab.engine_mut().counters().ended(Ending::Forwarded);
            assert!(forwarded.packets > 0);
            lab.engine_mut().not_sent(forwarded);
            assert_eq!(lab.engine_mut().counters().ended(Ending::Forwarded), Count::default());
            lab
        }
        ReplyWithoutFlow => with(build(), "vm1", ipv4(VM1, VM3).echo_reply(1, 1)),
        ErrorWithoutFlow => {
            let error = ipv4(VM1, VM3).unreachable(3).quoting(&udp(VM3, VM1).bytes(), 8);
            with(build(), "vm1", error)
        }
        ErrorOutOfWindow => {
            let lab = with(build(), "vm1", ipv4(VM1, VM3).tcp(1, 2).syn().seq(5));
            let quoted = ipv4(VM1, VM3).tcp(1, 2).syn().seq(9).bytes();
            with(lab, "vm3", ipv4(VM3, VM1).unreachable(3).quoting(&quoted, 8))
        }
        ErrorAbsurdMtu => {
            let lab = with(build(), "vm1", udp(VM1, VM3));
            with(lab, "vm3", ipv4(VM3, VM1).fragmentation_needed(67).quoting(&udp(VM1, VM3).bytes(), 8))
        }
        ErrorUnreadable => with(build(), "vm1", ipv4(VM1, VM3).unreachable(3)),
        DeniedOutbound => {
            with(Blueprint::default().guard("vm1", &["100 out deny any * > *"]).build(), "vm1", udp(VM1, VM3))
        }
        DeniedInbound => {
            with(Blueprint::default().guard("vm3", &["100 in deny any * > *"]).build(), "vm1", udp(VM1, VM3))
        }
        SecureByDefault => {
            with(Blueprint::default().standard_public("vm1", PUBLIC).build(), "internet", udp(FAR, PUBLIC))
        }
        PlatformAddress => with(build(), "vm1", udp(VM1, "168.63.129.16")),
        LinkLocal => with(build(), "vm1", udp(VM1, "169.254.169.254")),
        RouteNone => with(build(), "vm1", udp(VM1, "172.31.0.9")),
        RouteElsewhere => {
            let routes = [("0.0.0.0/0", model::NextHop::VirtualAppliance(None))];
            with(Blueprint::default().routes("web", &routes).build(), "vm1", udp(VM1, FAR))
        }
        UnknownDestination => with(build(), "vm1", udp(VM1, "10.0.1.200")),
        DetachedDestination => with(Blueprint::default().detached("vm3").build(), "vm1", udp(VM1, VM3)),
        GatewayAddress => with(build(), "internet", udp(FAR, "203.0.113.2")),
        NotOurs => with(build(), "internet", udp(FAR, VM1)),
        NoTransit => {
            let lab = Blueprint::default();
            let site = lab.on_premises("site", "vnet", "192.168.0.1/24", &["192.168.0.0/16"], None);
            with(site.build(), "site", udp("192.168.0.9", FAR))
        }
        NoMapping => with(build(), "internet", udp(FAR, "203.0.113.10")),
        NoInternet => with(Blueprint::default().without_internet().build(), "vm1", udp(VM1, FAR)),
        NoPublicAddress => with(Blueprint::default().default_public(&[]).build(), "vm1", udp(VM1, FAR)),
        NoIpv6Snat => with(
            Blueprint::default().dual_stack().build(),
            "vm1",
            ipv6("fd00:a:0:1::4", "2001:db8:1::7").udp(1, 2),
        ),
        SnatProtocol => with(build(), "vm1", ipv4(VM1, FAR).esp(1, 1)),
        SnatMidstream => with(build(), "vm1", ipv4(VM1, FAR).tcp(1, 2).ack(1)),
        SnatPortsExhausted => {
            let mut lab = Blueprint::default().capacity(100_000).build();
            for nth in 0..=64_511u32 {
                lab.send_directly(
                    "vm1",
                    ipv4(VM1, FAR).udp(1 + (nth % 60_000) as u16, 1 + (nth / 60_000) as u16),
                );
            }
            lab
        }
        SnatShareFull => {
            let lab = with(Blueprint::default().ports_per_vm(1).build(), "vm1", udp(VM1, FAR));
            with(lab, "vm1", ipv4(VM1, FAR).udp(1, 2))
        }
        FlowTableFull => {
            let lab = with(Blueprint::default().capacity(1).one_worker().build(), "vm1", udp(VM1, VM3));
            with(lab, "vm2", ipv4("10.0.1.5", VM3).udp(1, 2))
        }
        FlowShareFull => {
            let lab = with(Blueprint::default().capacity(1).one_worker().build(), "vm1", udp(VM1, VM3));
            let lab = with(lab, "vm3", ipv4(VM3, VM1).udp(53, 5000));
            with(lab, "vm1", ipv4(VM1, VM3).udp(1, 2))
        }
        TupleInUse => {
            let lab = Blueprint::default().public("vm1", PUBLIC).build();
            with(lab, "vm1", ipv4(VM1, PUBLIC).udp(7, 7))
        }
        TtlExceeded => with(build(), "vm1", udp(VM1, VM3).ttl(1)),
        TooBig => with(
            Blueprint::default().mtu("vm3", 1000).build(),
            "vm1",
            udp(VM1, VM3).dont_fragment().data(1000),
        ),
        NoNeighbour => {
            let mut lab = build();
            lab.silence("vm3");
            let mut lab = with(lab, "vm1", udp(VM1, VM3));
            lab.advance(Duration::from_secs(4));
            lab
        }
        NeighboursFull => {
            let mut lab = build();
            lab.silence("vm3");
            (0..9).fold(lab, |lab, _| with(lab, "vm1", udp(VM1, VM3)))
        }
        AttachmentGone => {
            let mut lab = with(build(), "vm1", udp(VM1, VM3));
            lab.reload(|blueprint| blueprint.detached("vm1"));
            let reply = arp_reply([2; 6], VM1, [2; 6], "10.0.1.1");
            with(lab, "vm1", reply)
        }
    }
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn every_reason_is_reached() {
    for &reason in DropReason::ALL {
        let lab = reached(reason);
        assert_eq!(lab.dropped(reason), 1, "{}", reason.slug());
        let mut sum = Counters::default();
        lab.engines().iter().for_each(|engine| sum.add(engine.counters()));
        let elsewhere = lab.shared().waiting() as i64 + sum.between();
        assert_eq!(sum.received.packets as i64, sum.total().packets as i64 + elsewhere, "{}", reason.slug());
        let others = lab.engines().iter().flat_map(|engine| engine.counters().endings());
        let others = others.filter(|(ending, count)| count.packets > 0 && ending.slug() != reason.slug());
        let others: Vec<_> = others.map(|(ending, _)| ending.slug()).collect();
        let beside = ["forwarded", "consumed", "route-none"];
        assert!(others.iter().all(|other| beside.contains(other)), "{}: {others:?}", reason.slug());
    }
}

#[test]
fn reasons_have_names_and_sentences_of_their_own() {
    let mut slugs: Vec<&str> = DropReason::ALL.iter().map(|reason| reason.slug()).collect();
    slugs.sort_unstable();
    slugs.dedup();
    assert_eq!(slugs.len(), DropReason::ALL.len());
    for reason in DropReason::ALL {
        assert!(reason.text().ends_with('.') && reason.text().len() < 120, "{}", reason.slug());
        assert!(reason.slug().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
    }
}
