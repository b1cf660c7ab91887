//! One frame by itself: read, translated, cut, answered.

use crate::script::Script;
use packet::make::{IcmpError, echo_reply, icmp_error};
use packet::parse::{Fragment, NETWORK_AT, parse_quote};
use packet::{
    Address, Checksum, Frame, Offload, Packet, Parsed, SegmentKind, Segments, Transport, Tuple, cut,
    decrement_ttl, parse, set_identification, shrink_segments, translate, translate_error,
};
use std::net::IpAddr;
use testkit::build::{self, Body, Ip, Sum, read};

/// The largest MTU that packets are cut for.
const MTUS: u16 = 9000;
/// The smallest link there may be (RFC 791).
const SMALLEST: u16 = 68;

/// What is done with the frame.
struct Plan {
    state: u8,
    mtu: u32,
    tuple: Tuple,
    identification: u16,
    segment: u16,
}

/// Reads the first bytes as a plan, the others as a frame.
pub fn run(input: &[u8]) {
    let mut script = Script::new(input);
    let flags = script.byte();
    let plan = Plan {
        state: flags & 3,
        mtu: u32::from(SMALLEST + script.word() % MTUS),
        tuple: Tuple {
            source: Address::from_v4_bits(script.long()),
            destination: Address::from_v4_bits(script.long()),
            source_port: script.word(),
            destination_port: script.word(),
        },
        identification: script.word(),
        segment: script.word(),
    };
    let mut bytes = script.rest().to_vec();
    // Mostly the sums are made right, or hardly a change would be looked at.
    if flags & 4 == 0 {
        reseal(&mut bytes, NETWORK_AT);
    }
    if let Ok(Parsed::Ip(packet)) = parse(&bytes) {
        if flags & 8 == 0 {
            seal(&mut bytes, &packet, plan.state >= 2);
        }
        let plan = if packet.source.is_v4() { plan } else { in_ipv6(plan) };
        agree(&bytes, &packet);
        translated(&bytes, &packet, &plan);
        changed(&bytes, &packet, &plan);
        pieces(&bytes, &packet, &plan);
        smaller_segments(&bytes, &packet, &plan);
        answered(&bytes, &packet, &plan);
        if let Transport::IcmpError { .. } = packet.transport {
            error_translated(&bytes, &packet, &plan);
        }
    }
}

/// The same plan for the other family.
fn in_ipv6(plan: Plan) -> Plan {
    let six = |v4: Address| {
        let bits = 0x2001_0db8 << 96 | u128::from(v4.v4_bits().expect("the plan's own"));
        Address::from_v6_bits(bits).expect("not in disguise")
    };
    let tuple =
        Tuple { source: six(plan.tuple.source), destination: six(plan.tuple.destination), ..plan.tuple };
    Plan { tuple, ..plan }
}

/// Makes the transport's checksum right, or the pseudo-header's sum where it is left to a device.
fn seal(bytes: &mut [u8], packet: &Packet, partial: bool) {
    let (start, end) = (usize::from(packet.transport_at), packet.end as usize);
    let (at, partial) = match packet.transport {
        Transport::Tcp(_) => (start + 16, partial),
        Transport::Udp { .. } if bytes[start + 6..start + 8] == [0, 0] => return,
        Transport::Udp { .. } => (start + 6, partial),
        Transport::Bare => return,
        _ => (start + 2, false),
    };
    bytes[at..at + 2].fill(0);
    let zeros = vec![0; end - start];
    let message: &[u8] = if partial { &zeros } else { &bytes[start..end] };
    let sum = packet::checksum::transport_sum(packet.source, packet.destination, packet.protocol, message);
    let field = match if partial { !sum } else { sum } {
        0 => 0xffff,
        field => field,
    };
    bytes[at..at + 2].copy_from_slice(&u16::to_be_bytes(field));
}

/// Makes the checksum of the IPv4 header at `at` right.
pub(crate) fn reseal(bytes: &mut [u8], at: usize) {
    let length = bytes.get(at).map_or(0, |first| usize::from(first & 0xf) * 4);
    let Some(header) = bytes.get_mut(at..at + length).filter(|header| header.len() >= 20) else { return };
    header[10..12].fill(0);
    let sum = packet::checksum::checksum(&[header]);
    header[10..12].copy_from_slice(&sum.to_be_bytes());
}

fn packet_of(bytes: &[u8]) -> Packet {
    match parse(bytes) {
        Ok(Parsed::Ip(packet)) => packet,
        other => panic!("no longer a packet: {other:?}"),
    }
}

/// The packet by other code's reading; `None` for an error whose quote that code does not read.
fn seen_of(bytes: &[u8], packet: &Packet) -> Option<Ip> {
    match (read(bytes), packet.transport) {
        (Ok(seen), _) => match seen.body {
            Body::Ip(seen) => Some(seen),
            other => panic!("an IPv4 packet, and others read {other:?}"),
        },
        (Err(_), Transport::IcmpError { .. } | Transport::OtherIcmp { .. }) => None,
        (Err(why), _) => panic!("a packet, and others cannot read it: {why:?}"),
    }
}

fn agree(bytes: &[u8], packet: &Packet) {
    let Some(seen) = seen_of(bytes, packet) else { return };
    assert!(seen.ip_checksum, "an accepted header has its checksum");
    assert_eq!((packet.source, packet.destination), (seen.source.into(), seen.destination.into()));
    assert_eq!((packet.protocol.0, packet.ttl, packet.identification), (seen.protocol, seen.ttl, seen.id));
    assert_eq!(packet.dont_fragment, seen.dont_fragment);
    let part = match packet.fragment {
        Fragment::Whole => (0, false),
        Fragment::First => (0, true),
        Fragment::Later { offset, more } => (usize::from(offset), more),
    };
    assert_eq!(part, (seen.offset, seen.more_fragments));
    if let Some(ports) = seen.ports() {
        assert_eq!(packet.ports(), ports);
    }
    if let Transport::Tcp(tcp) = packet.transport {
        assert_eq!(tcp.payload as usize, seen.payload.len());
    }
}

fn state_of(packet: &Packet, plan: &Plan) -> Checksum {
    let place = match packet.transport {
        Transport::Tcp(_) => 16,
        Transport::Udp { .. } => 6,
        _ => return Checksum::Finished,
    };
    match plan.state {
        0 => Checksum::Finished,
        1 => Checksum::Verified,
        _ => Checksum::Partial { start: packet.transport_at, offset: place },
    }
}

/// A sum that was right for its state is right afterwards.
fn assert_still_right(before: &Ip, after: &Ip, state: Checksum) {
    assert!(after.ip_checksum, "the header's checksum follows");
    match (state, before.checksum) {
        // Once in 65,536 the pseudo-header's sum is that of the whole as well.
        (Checksum::Partial { .. }, Sum::Pseudo) => {
            assert!(matches!(after.checksum, Sum::Pseudo | Sum::Right), "{after:?}");
        }
        (Checksum::Partial { .. }, _) => {}
        (_, right @ (Sum::Right | Sum::Absent)) => assert_eq!(after.checksum, right),
        _ => {}
    }
    assert_eq!(before.payload, after.payload);
}

fn translated(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let Some(before) = seen_of(bytes, packet) else { return };
    let state = state_of(packet, plan);
    let mut out = bytes.to_vec();
    translate(&mut out, packet, state, &plan.tuple);
    let there = packet_of(&out);
    assert_eq!((there.source, there.destination), (plan.tuple.source, plan.tuple.destination));
    let ports = (plan.tuple.source_port, plan.tuple.destination_port);
    let expected = match packet.transport {
        Transport::Tcp(_) | Transport::Udp { .. } => ports,
        Transport::Query { reply: false, kind, .. } => (ports.0, kind.into()),
        Transport::Query { reply: true, kind, .. } => (kind.into(), ports.1),
        _ => (0, 0),
    };
    assert_eq!(there.ports(), expected);
    let after = seen_of(&out, &there).expect("it was readable before");
    assert_still_right(&before, &after, state);

    let (source_port, destination_port) = packet.ports();
    let back =
        Tuple { source: packet.source, destination: packet.destination, source_port, destination_port };
    translate(&mut out, &there, state, &back);
    let again = seen_of(&out, &packet_of(&out)).expect("it was readable before");
    assert_still_right(&before, &again, state);
    assert_eq!(without_sums(&out, packet), without_sums(bytes, packet), "there and back again");
}

/// The frame without its checksums, which have two ways to say zero.
fn without_sums(bytes: &[u8], packet: &Packet) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let at = usize::from(packet.transport_at);
    let sum = match packet.transport {
        Transport::Tcp(_) => at + 16,
        Transport::Udp { .. } => at + 6,
        Transport::Query { .. } | Transport::IcmpError { .. } | Transport::OtherIcmp { .. } => at + 2,
        Transport::Bare => at,
    };
    if packet.source.is_v4() {
        bytes[NETWORK_AT + 10..NETWORK_AT + 12].fill(0);
    }
    if sum > at {
        bytes[sum..sum + 2].fill(0);
    }
    bytes
}

fn changed(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let mut out = bytes.to_vec();
    set_identification(&mut out, plan.identification);
    if packet.source.is_v4() {
        assert_eq!(packet_of(&out).identification, u32::from(plan.identification));
    } else {
        assert_eq!(out, bytes, "there is none to be set");
    }
    if packet.ttl > 0 {
        decrement_ttl(&mut out);
        assert_eq!(packet_of(&out).ttl, packet.ttl - 1);
    }
}

/// Cuts the packet, and puts it together again from what the pieces say.
fn pieces(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let mut whole = bytes.to_vec();
    let offload = Offload { checksum: state_of(packet, plan), segments: None };
    let mut made: Vec<Vec<u8>> = Vec::new();
    let count = cut(&mut Frame { bytes: &mut whole, offload }, packet, plan.mtu, |piece| {
        made.push(piece.to_vec());
    });
    assert_eq!(count, made.len());
    if !packet.source.is_v4() {
        return assert!(made.is_empty() && whole == bytes, "no router cuts IPv6");
    }
    let (at, end) = (usize::from(packet.transport_at), packet.end as usize);
    let (start, more) = match packet.fragment {
        Fragment::Whole => (0, false),
        Fragment::First => (0, true),
        Fragment::Later { offset, more } => (usize::from(offset), more),
    };
    let mut payload = Vec::new();
    for (nth, piece) in made.iter().enumerate() {
        assert!(piece.len() - NETWORK_AT <= plan.mtu as usize, "a piece is larger than the link");
        let header = &piece[NETWORK_AT..at];
        assert!(packet::checksum::header_holds(header));
        assert_eq!(usize::from(u16::from_be_bytes([header[2], header[3]])), piece.len() - NETWORK_AT);
        let field = u16::from_be_bytes([header[6], header[7]]);
        assert_eq!(usize::from(field & 0x1fff) * 8, start + payload.len(), "a gap or an overlap");
        assert_eq!(field & 0x2000 != 0, more || nth + 1 < made.len());
        payload.extend_from_slice(&piece[at..]);
    }
    assert!(made.is_empty() || payload == whole[at..end], "the pieces are not the whole");
    let partial = matches!(offload.checksum, Checksum::Partial { .. }) && packet.fragment == Fragment::Whole;
    if partial && seen_of(bytes, packet).is_some_and(|seen| seen.checksum == Sum::Pseudo) {
        let seen = seen_of(&whole, packet).expect("it was readable before");
        // What is behind the packet is no part of it.
        assert_eq!(seen.checksum, Sum::Right, "finished for pieces that no device can finish");
    }
}

fn smaller_segments(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let Transport::Tcp(tcp) = packet.transport else { return };
    let segments = Segments { kind: SegmentKind::Tcp4, size: plan.segment, header: 0, ecn: false };
    let mut bytes = bytes.to_vec();
    let offload = Offload { checksum: Checksum::Finished, segments: Some(segments) };
    let mut frame = Frame { bytes: &mut bytes, offload };
    if shrink_segments(&mut frame, packet, plan.mtu) {
        let size = frame.offload.segments.expect("they are still there").size;
        let headers = packet.length() - tcp.payload;
        assert!(size <= plan.segment && headers + u32::from(size).min(tcp.payload) <= plan.mtu.max(headers));
    }
}

/// What the gateway says about a packet is sound, whatever the packet.
fn answered(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let v4 = packet.source.is_v4();
    let own = if v4 { "10.0.1.1" } else { "fd00::1" };
    let own = Address::from(own.parse::<IpAddr>().expect("an address"));
    let mut out = Vec::new();
    for error in [IcmpError::TimeExceeded, IcmpError::TooBig { mtu: plan.mtu as u16 }] {
        icmp_error(&mut out, error, own, bytes, packet);
        let told = packet_of(&out);
        assert_eq!((told.source, told.destination), (own, packet.source));
        assert!(
            told.length() <= if v4 { 576 } else { 1280 },
            "RFC 1812, section 4.3.2.3; RFC 4443, section 2.4"
        );
        let message = &out[usize::from(told.transport_at)..told.end as usize];
        assert_eq!(packet::checksum::transport_sum(told.source, told.destination, told.protocol, message), 0);
    }
    if let (Transport::Query { kind: 8 | 128, reply: false, .. }, Fragment::Whole) =
        (packet.transport, packet.fragment)
    {
        echo_reply(&mut out, bytes, packet);
        let reply = packet_of(&out);
        assert_eq!((reply.source, reply.destination), (packet.destination, packet.source));
        let seen = seen_of(&out, &reply).expect("an echo reply can be read");
        assert_eq!(seen.checksum, Sum::Right);
    }
}

fn error_translated(bytes: &[u8], packet: &Packet, plan: &Plan) {
    let Some(quote) = parse_quote(bytes, packet) else { return };
    let Some(before) = seen_of(bytes, packet) else {
        panic!("a quote that can be read, and others cannot");
    };
    let outer = (plan.tuple.destination, plan.tuple.source);
    let mut out = bytes.to_vec();
    translate_error(&mut out, packet, &quote, &plan.tuple, outer);
    let there = packet_of(&out);
    assert_eq!((there.source, there.destination), outer);
    let after = seen_of(&out, &there).expect("it was readable before");
    if packet.fragment == Fragment::Whole {
        assert_eq!(after.checksum, Sum::Right, "the error is summed anew");
    }
    let (old, new) = match (before.transport, after.transport) {
        (
            build::Transport::Icmp { quoted: Some(old), .. },
            build::Transport::Icmp { quoted: Some(new), .. },
        ) => (old, new),
        // Redirects are no errors to us.
        _ => return,
    };
    assert!(new.ip_checksum);
    assert_eq!(
        (new.source.into(), new.destination.into()),
        (plan.tuple.source, plan.tuple.destination),
        "the quote's addresses"
    );
    if quote.protocol.has_ports() {
        assert_eq!(new.ports, (plan.tuple.source_port, plan.tuple.destination_port));
    }
    if matches!(old.checksum, Sum::Right | Sum::Absent) {
        assert_eq!(new.checksum, old.checksum, "the quoted checksum follows");
    }
}
