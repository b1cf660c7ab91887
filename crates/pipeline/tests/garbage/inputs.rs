//! Random frames, answers to what came out, and changes that break them.

use crate::common::*;
use packet::{AttachmentId, Checksum, Offload, SegmentKind, Segments};
use proptest::prelude::*;
use std::net::Ipv4Addr;
use std::time::Duration;
use testkit::build::{Body, OwnedFrame, arp_reply, arp_request, fragments, ipv4, read};

/// Who is behind each attachment, by its number; the internet's router first.
pub(crate) const HOSTS: [&str; 4] = ["203.0.113.1", VM1, VM2, VM3];

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
                let draft = ipv4(&packet.destination.to_string(), &packet.source.to_string());
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
    let source =
        bytes.get(26..30).map(|octets| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_string());
    let place = HOSTS.iter().position(|host| source.as_deref() == Some(host));
    AttachmentId(place.unwrap_or(0) as u16)
}

/// The same packet with its ends exchanged, which changes no sum; a ping becomes its answer.
fn answer(bytes: &[u8], offload: Offload) -> OwnedFrame {
    let mut bytes = bytes.to_vec();
    let (low, high) = bytes.split_at_mut(30);
    low[26..30].swap_with_slice(&mut high[..4]);
    bytes[..6].copy_from_slice(&testkit::build::DESTINATION_MAC);
    bytes[6..12].copy_from_slice(&testkit::build::SOURCE_MAC);
    match bytes[23] {
        6 | 17 => {
            bytes.swap(34, 36);
            bytes.swap(35, 37);
        }
        1 if bytes[34] == 8 => {
            bytes[34] = 0;
            let sum = u16::from_be_bytes([bytes[36], bytes[37]]);
            let (sum, carry) = sum.overflowing_add(0x0800);
            bytes[36..38].copy_from_slice(&(sum + u16::from(carry)).to_be_bytes());
        }
        _ => {}
    }
    OwnedFrame { bytes, offload }
}

/// First packets that have somewhere to go.
fn sound() -> impl Strategy<Value = OwnedFrame> {
    const WAYS: [(&str, &str); 6] =
        [(VM1, VM3), (VM3, VM1), (VM1, FAR), (VM2, FAR), (VM2, PUBLIC1), (FAR, PUBLIC1)];
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
    ];
    (ends, 0usize..10, 0usize..3, any::<u8>()).prop_map(|((from, to), kind, nth, byte)| {
        let quoted = ipv4(to, from).udp(53, 80).data(20).bytes();
        let whole = ipv4(from, to).udp(80, 53).data(1000).bytes();
        match kind {
            0 => ipv4(from, to).tcp(80, 1024).syn().ack(1001).into(),
            1 => ipv4(from, to).tcp(80, 1024).flags(byte).data(9).into(),
            2 => ipv4(from, to).echo_reply(u16::from(byte) % 16, 1).data(10).into(),
            3 => ipv4(from, to).unreachable(byte % 16).quoting(&quoted, usize::from(byte)).into(),
            4 => ipv4(from, to).fragmentation_needed(byte.into()).quoting(&quoted, 8).into(),
            5 => fragments(&whole, 400)[nth].clone().into(),
            6 => ipv4(from, to).udp(53, 80).ttl(byte % 3).data(50).into(),
            7 => ipv4(from, to).udp(53, 80).data(3000).into(),
            8 => ipv4(from, to).tcp(80, 443).ack(9).data(9000).segments(1448).into(),
            _ => ipv4(from, to).icmp(byte, 0, 8 << 16).data(9).into(),
        }
    })
}

fn arps() -> impl Strategy<Value = OwnedFrame> {
    (any::<bool>(), 0..HOSTS.len(), 0..HOSTS.len(), any::<u8>()).prop_map(|(asks, from, to, last)| {
        let mac = [2, 0, 0, 2, 0, last % 5];
        let frame = if asks {
            arp_request(mac, HOSTS[from], HOSTS[to])
        } else {
            arp_reply(mac, HOSTS[from], [2; 6], HOSTS[to])
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
