//! What a sender says it left to its device has to fit the packet.

use packet::{Checksum, Offload, SegmentKind, Segments};
use testkit::build::{OwnedFrame, fragments, ipv4};
use testkit::lab::Blueprint;

const VM1: &str = "10.0.1.4";
const VM3: &str = "10.0.2.4";

fn with(frame: impl Into<OwnedFrame>, offload: Offload) -> OwnedFrame {
    OwnedFrame { offload, ..frame.into() }
}

fn partial(start: u16, offset: u16) -> Offload {
    Offload { checksum: Checksum::Partial { start, offset }, segments: None }
}

fn cut_as(kind: SegmentKind, size: u16) -> Offload {
    Offload { checksum: Checksum::Finished, segments: Some(Segments { kind, size, header: 0, ecn: false }) }
}

#[test]
fn in_every_arrangement() {
    testkit::lab::in_every_arrangement();
}

#[test]
fn claims_that_do_not_fit_are_refused() {
    let tcp = || ipv4(VM1, VM3).tcp(5000, 80).syn().data(3000);
    let udp = || ipv4(VM1, VM3).udp(5000, 53).data(3000);
    let ping = ipv4(VM1, VM3).echo_request(1, 1);
    let piece = fragments(&udp().bytes(), 1480).remove(0);
    let mut trailing: OwnedFrame = tcp().partial().into();
    trailing.bytes.extend([1, 2, 3]);
    let mut longer: OwnedFrame = tcp().segments(1000).into();
    longer.bytes.extend([1; 100]);
    let mut lab = Blueprint::default().build();
    for (name, frame) in [
        ("a place before the transport header", with(tcp(), partial(14, 10))),
        ("a place in the payload", with(tcp(), partial(34, 200))),
        ("a place outside", with(tcp(), partial(u16::MAX, u16::MAX))),
        ("the other protocol's place", with(tcp(), partial(34, 6))),
        ("the other protocol's place", with(udp(), partial(34, 16))),
        ("a checksum that a ping has none of", with(ping.clone(), partial(34, 2))),
        ("an unfinished checksum of a fragment", with(piece.clone(), partial(34, 6))),
        ("TCP segments of UDP", with(udp(), cut_as(SegmentKind::Tcp4, 1000))),
        ("UDP segments of TCP", with(tcp(), cut_as(SegmentKind::Udp, 1000))),
        ("IPv6 segments", with(tcp(), cut_as(SegmentKind::Tcp6, 1000))),
        ("segments of a ping", with(ping, cut_as(SegmentKind::UdpFragments, 1000))),
        ("segments without size", with(tcp(), cut_as(SegmentKind::Tcp4, 0))),
        ("segments of a fragment", with(piece, cut_as(SegmentKind::Udp, 1000))),
        ("bytes behind the packet that the device would sum", trailing),
        ("bytes behind the packet that the device would send", longer),
    ] {
        lab.send("vm1", frame);
        assert_eq!(lab.dropped(pipeline::DropReason::BadOffload), 1, "{name}");
        lab.expect([("bad-offload", 1)]);
        lab = Blueprint::default().build();
    }
    assert_eq!(lab.held(), [0, 0, 0]);
}

#[test]
fn padding_is_no_harm_without_offloads() {
    let mut lab = Blueprint::default().build();
    let sent = lab.send("vm1", ipv4(VM1, VM3).udp(5000, 53).padded());
    assert_eq!(sent.lines(), ["vm3: udp 10.0.1.4:5000 > 10.0.2.4:53 ttl 63"]);
    lab.expect([("forwarded", 1)]);
}
