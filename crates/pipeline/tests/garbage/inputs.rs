//! Random frames, answers to what came out, and changes that break them.

use crate::common::*;
use packet::{AttachmentId, Checksum, Offload, SegmentKind, Segments};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use testkit::build::{
    Bare, Body, Draft, OwnedFrame, arp_reply, arp_request, fragments, ipv4, ipv6, neighbour_advertisement,
    neighbour_solicitation, read,
};

/// Who is behind each attachment, by its number; the internet's router first.
pub(crate) const HOSTS: [&str; 4] = ["203.0.113.1", VM1, VM2, VM3];

/// Their other addresses.
pub(crate) const HOSTS_V6: [&str; 4] = ["2001:db8:ffff::1", VM1_V6, VM2_V6, VM3_V6];

/// A frame that left: where, and what it was.
pub(crate) type Out = (AttachmentId, Vec<u8>, Offload);

/// What one step does: a frame comes in somewhere, and some time passes.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) what: What,
    /// Where, if not where the sender is.
    on: Option<AttachmentId>,
    alterations: Vec<Alteration>,
    offload: Option<Offload>,
    pub(crate) then: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Frame(OwnedFrame),
    /// Whoever received one of the last frames that left answers it.
    Answer(usize),
    /// Whoever received one of the last frames that left sends an ICMP error about it.
    Complaint(usize, u8),
    /// Another policy comes into force.
    Reload,
}

pub(crate) fn inputs() -> impl Strategy<Value = Input> {
    let frame = prop_oneof![
        8 => sound(),
        4 => firsts().prop_map(|first| first.frame()),
        4 => followers(),
        1 => arps(),
        1 => proptest::collection::vec(any::<u8>(), 0..120).prop_map(OwnedFrame::from),
    ];
    let what = prop_oneof![
        5 => frame.prop_map(What::Frame),
        4 => (0usize..8).prop_map(What::Answer),
        1 => (0usize..8, 0u8..16).prop_map(|(nth, kind)| What::Complaint(nth, kind)),
        1 => Just(What::Reload),
    ];
    let on = proptest::option::weighted(0.1, (0u16..6).prop_map(AttachmentId));
    let pause = prop_oneof![8 => Just(0u64), 2 => 1u64..3000, 1 => 3000u64..300_000];
    (what, on, alterations(), offloads(), pause).prop_map(|(what, on, alterations, offload, pause)| Input {
        what,
        on,
        alterations,
        offload,
        then: Duration::from_millis(pause),
    })
}

impl Input {
    /// The frame that comes in, and where; `None` for a reload, and where there is nothing to answer yet.
    pub(crate) fn frame(&self, left: &[Out]) -> Option<(AttachmentId, OwnedFrame)> {
        let recent = |nth: usize| left.iter().rev().nth(nth).filter(|(_, bytes, _)| bytes.len() >= 42);
        let (home, mut frame) = match &self.what {
            What::Reload => return None,
            What::Frame(frame) => (home_of(&frame.bytes), frame.clone()),
            What::Answer(nth) => {
                let (at, bytes, offload) = recent(*nth)?;
                (*at, answer(bytes, *offload))
            }
            What::Complaint(nth, kind) => {
                let (at, bytes, _) = recent(*nth)?;
                let Body::Ip(packet) = read(bytes).ok()?.body else { return None };
                let draft = between(&packet.destination.to_string(), &packet.source.to_string());
                (*at, draft.icmp(*kind, 0, 0).quoting(bytes, 28).into())
            }
        };
        let on = self.on.unwrap_or(home);
        testkit::lab::address(on, &mut frame);
        self.alterations.iter().for_each(|alteration| alteration.apply(&mut frame));
        frame.offload = self.offload.unwrap_or(frame.offload);
        Some((on, frame))
    }
}

/// The attachment of the VM that a frame names as its sender, else the internet's.
fn home_of(bytes: &[u8]) -> AttachmentId {
    let source = if is_v6(bytes) {
        bytes.get(22..38).map(|octets| Ipv6Addr::from(<[u8; 16]>::try_from(octets).unwrap()).to_string())
    } else {
        bytes.get(26..30).map(|octets| Ipv4Addr::from(<[u8; 4]>::try_from(octets).unwrap()).to_string())
    };
    let is = |host: &&str| source.as_deref() == Some(host);
    let place = HOSTS.iter().position(&is).or(HOSTS_V6.iter().position(is));
    AttachmentId(place.unwrap_or(0) as u16)
}

fn is_v6(bytes: &[u8]) -> bool {
    bytes.get(12..14) == Some(&[0x86, 0xdd])
}

fn between(from: &str, to: &str) -> Draft<Bare> {
    if from.contains(':') { ipv6(from, to) } else { ipv4(from, to) }
}

/// The same packet with its ends exchanged, which changes no sum; a ping becomes its answer.
fn answer(bytes: &[u8], offload: Offload) -> OwnedFrame {
    let mut bytes = bytes.to_vec();
    let (addresses, length, protocol, transport) =
        if is_v6(&bytes) { (22, 16, 20, 54) } else { (26, 4, 23, 34) };
    if bytes.len() < transport + 8 {
        return OwnedFrame { bytes, offload };
    }
    let (low, high) = bytes.split_at_mut(addresses + length);
    low[addresses..].swap_with_slice(&mut high[..length]);
    bytes[..6].copy_from_slice(&testkit::build::DESTINATION_MAC);
    bytes[6..12].copy_from_slice(&testkit::build::SOURCE_MAC);
    // RFC 1624: the sum goes up by what the type's word goes down.
    let ping = |reply: u8, up: u16, bytes: &mut [u8]| {
        bytes[transport] = reply;
        let sum = u16::from_be_bytes([bytes[transport + 2], bytes[transport + 3]]);
        let (sum, carry) = sum.overflowing_add(up);
        let sum = sum + u16::from(carry);
        bytes[transport + 2..transport + 4].copy_from_slice(&sum.to_be_bytes());
    };
    match (bytes[protocol], bytes[transport]) {
        (6 | 17, _) => {
            bytes.swap(transport, transport + 2);
            bytes.swap(transport + 1, transport + 3);
        }
        (1, 8) => ping(0, 0x0800, &mut bytes),
        (58, 128) => ping(129, !0x0100, &mut bytes),
        _ => {}
    }
    OwnedFrame { bytes, offload }
}

/// First packets that have somewhere to go.
fn sound() -> impl Strategy<Value = OwnedFrame> {
    const WAYS: [(&str, &str); 11] = [
        (VM1, VM3),
        (VM3, VM1),
        (VM1, FAR),
        (VM2, FAR),
        (VM2, PUBLIC1),
        (FAR, PUBLIC1),
        (VM1_V6, VM3_V6),
        (VM3_V6, VM2_V6),
        (VM1_V6, FAR_V6),
        (FAR_V6, PUBLIC1_V6),
        (VM1_V6, PUBLIC3_V6),
    ];
    firsts().prop_flat_map(|first| {
        (0..WAYS.len()).prop_map(move |way| {
            First { source: WAYS[way].0, destination: WAYS[way].1, ..first.clone() }.frame()
        })
    })
}

/// Packets that answer or follow others: replies, fragments, errors, segments.
fn followers() -> impl Strategy<Value = OwnedFrame> {
    let ends = prop_oneof![
        Just((VM1, VM3)),
        Just((VM3, VM1)),
        Just((FAR, PUBLIC1)),
        Just((VM1, FAR)),
        Just((VM2, FAR)),
        Just((FAR, "203.0.113.10")),
        Just((VM2, PUBLIC1)),
        Just((VM1, "203.0.113.10")),
        Just((VM1_V6, VM3_V6)),
        Just((FAR_V6, PUBLIC1_V6)),
        Just((VM1_V6, FAR_V6)),
        Just((VM2_V6, FAR_V6)),
    ];
    (ends, 0usize..10, 0usize..3, any::<u8>()).prop_map(|((from, to), kind, nth, byte)| {
        let quoted = between(to, from).udp(53, 80).data(20).bytes();
        let whole = between(from, to).udp(80, 53).data(1000).bytes();
        match kind {
            0 => between(from, to).tcp(80, 1024).syn().ack(1001).into(),
            1 => between(from, to).tcp(80, 1024).flags(byte).data(9).into(),
            2 => between(from, to).echo_reply(u16::from(byte) % 16, 1).data(10).into(),
            3 => between(from, to).unreachable(byte % 16).quoting(&quoted, usize::from(byte)).into(),
            4 => between(from, to).fragmentation_needed(byte.into()).quoting(&quoted, 8).into(),
            5 => fragments(&whole, 400)[nth].clone().into(),
            6 => between(from, to).udp(53, 80).ttl(byte % 3).data(50).into(),
            7 => between(from, to).udp(53, 80).data(3000).into(),
            8 => between(from, to).tcp(80, 443).ack(9).data(9000).segments(1448).into(),
            _ => between(from, to).icmp(byte, 0, 8 << 16).data(9).into(),
        }
    })
}

fn arps() -> impl Strategy<Value = OwnedFrame> {
    (any::<bool>(), 0..HOSTS.len(), 0..HOSTS.len(), any::<u8>()).prop_map(|(asks, from, to, last)| {
        let mac = [2, 0, 0, 2, 0, last % 5];
        let (from_v6, to_v6) = (HOSTS_V6[from], HOSTS_V6[to]);
        let frame = match (asks, last & 0x80 == 0) {
            (true, true) => arp_request(mac, HOSTS[from], HOSTS[to]),
            (false, true) => arp_reply(mac, HOSTS[from], [2; 6], HOSTS[to]),
            (true, false) => neighbour_solicitation(mac, from_v6, to_v6).bytes(),
            (false, false) => neighbour_advertisement(mac, from_v6, [2; 6], to_v6).bytes(),
        };
        frame.into()
    })
}

/// A change of a frame's bytes.
#[derive(Clone, Debug)]
enum Alteration {
    Byte {
        at: usize,
        to: u8,
    },
    Cut(usize),
    Pad(usize),
    /// Makes the IP header's checksum right again, so that the change is looked at.
    Reseal,
}

fn alterations() -> impl Strategy<Value = Vec<Alteration>> {
    let one = prop_oneof![
        4 => (12usize..80, any::<u8>()).prop_map(|(at, to)| Alteration::Byte { at, to }),
        2 => (14usize..24, any::<u8>()).prop_map(|(at, to)| Alteration::Byte { at, to }),
        1 => (0usize..120).prop_map(Alteration::Cut),
        1 => (1usize..40).prop_map(Alteration::Pad),
    ];
    let some = proptest::collection::vec(one, 1..4).prop_map(|mut list| {
        list.push(Alteration::Reseal);
        list
    });
    prop_oneof![3 => Just(Vec::new()), 1 => some]
}

impl Alteration {
    fn apply(&self, frame: &mut OwnedFrame) {
        let bytes = &mut frame.bytes;
        match *self {
            Self::Byte { at, to } => bytes.get_mut(at).into_iter().for_each(|byte| *byte = to),
            Self::Cut(length) => bytes.truncate(length),
            Self::Pad(length) => bytes.resize(bytes.len() + length, 0xee),
            Self::Reseal => {
                let length = bytes.get(14).map_or(0, |first| usize::from(first & 0xf) * 4);
                let Some(header) = bytes.get_mut(14..14 + length).filter(|header| header.len() >= 20) else {
                    return;
                };
                header[10..12].fill(0);
                let sum = pnet_packet::util::checksum(header, 5);
                header[10..12].copy_from_slice(&sum.to_be_bytes());
            }
        }
    }
}

fn offloads() -> impl Strategy<Value = Option<Offload>> {
    let checksum = prop_oneof![
        Just(Checksum::Finished),
        Just(Checksum::Verified),
        (prop_oneof![Just(34u16), any::<u16>()], prop_oneof![Just(6u16), Just(16u16), any::<u16>()])
            .prop_map(|(start, offset)| Checksum::Partial { start, offset }),
    ];
    let kind = prop_oneof![
        Just(SegmentKind::Tcp4),
        Just(SegmentKind::Tcp6),
        Just(SegmentKind::Udp),
        Just(SegmentKind::UdpFragments),
    ];
    let segments = (kind, any::<u16>(), any::<u16>(), any::<bool>())
        .prop_map(|(kind, size, header, ecn)| Segments { kind, size, header, ecn });
    let offload = (checksum, proptest::option::of(segments))
        .prop_map(|(checksum, segments)| Offload { checksum, segments });
    prop_oneof![9 => Just(None), 1 => offload.prop_map(Some)]
}
