//! Finishing in software what a sender left to its device, beside the other code that says what a wire carries.

use packet::{Checksum, Offload, SegmentKind, Segments, segment, unfinished};
use proptest::prelude::*;
use testkit::build::{OwnedFrame, ipv4, wire};

/// What `segment` emits, or `None` where it refuses.
fn cut(frame: &OwnedFrame) -> Option<Vec<Vec<u8>>> {
    let (mut scratch, mut emitted) = (Vec::new(), Vec::new());
    let is_sound = segment(&frame.bytes, frame.offload, &mut scratch, |bytes| emitted.push(bytes.to_vec()));
    assert!(is_sound || emitted.is_empty());
    is_sound.then_some(emitted)
}

fn tcp() -> impl Strategy<Value = OwnedFrame> {
    let numbers = (any::<u32>(), any::<u16>(), 0u8..=10, 0u8..=8, any::<u8>());
    (numbers, 1usize..9000, prop_oneof![1u16..64, 500u16..1500], any::<bool>()).prop_map(
        |((sequence, id, ip_words, tcp_words, flags), length, size, is_open)| {
            let draft = ipv4("10.0.0.1", "10.0.0.2")
                .tcp(1000, 2000)
                .seq(sequence)
                .flags(flags)
                .options(&vec![1; usize::from(tcp_words) * 4])
                .id(id.into())
                .ip_options(&vec![1; usize::from(ip_words) * 4])
                .data(length);
            // A receiver that has joined segments (GRO) leaves a finished checksum that says nothing of the whole.
            let mut frame = draft.segments(size).frame();
            if !is_open && length > usize::from(size) {
                frame.offload.checksum = Checksum::Verified;
            }
            frame
        },
    )
}

fn udp(kind: SegmentKind) -> impl Strategy<Value = OwnedFrame> {
    (any::<u16>(), 0u8..=10, 1usize..9000, 8u16..1500).prop_map(move |(id, words, length, size)| {
        let draft = ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).id(id.into()).ip_options(&vec![
            1;
            usize::from(
                words
            ) * 4
        ]);
        let mut frame = draft.data(length).partial().frame();
        frame.offload.segments = Some(Segments { kind, size, header: 0, ecn: false });
        frame
    })
}

/// An IPv6 super-frame, with a hop-by-hop header before its transport where asked for.
fn six(is_tcp: bool, extension: bool, length: usize, size: u16) -> OwnedFrame {
    let transport = if is_tcp { 6 } else { 17 };
    let mut payload = vec![0x03, 0xe8, 0x07, 0xd0];
    if is_tcp {
        payload.extend([0xff, 0xff, 0xff, 0x00, 0, 0, 0, 1, 0x50, 0x99, 1, 0, 0, 0, 0, 0]);
    } else {
        payload.extend((8 + length as u16).to_be_bytes());
        payload.extend([0, 0]);
    }
    let field = if is_tcp { 16 } else { 6 };
    payload.extend((0..length).map(|at| at as u8));
    let sum = !sum_of(&[0x20; 32], transport, &(payload.len() as u32).to_be_bytes());
    payload[field..field + 2].copy_from_slice(&sum.to_be_bytes());
    let (next, extension) =
        if extension { (0, vec![transport, 0, 1, 4, 0, 0, 0, 0]) } else { (transport, vec![]) };
    let mut bytes = [&[2; 12][..], &[0x86, 0xdd, 0x60, 0, 0, 0]].concat();
    bytes.extend(((extension.len() + payload.len()) as u16).to_be_bytes());
    bytes.extend([next, 64]);
    bytes.extend([0x20; 32]);
    bytes.extend(&extension);
    let start = bytes.len() as u16;
    bytes.extend(payload);
    let kind = if is_tcp { SegmentKind::Tcp6 } else { SegmentKind::Udp };
    let segments = Some(Segments { kind, size, header: 0, ecn: false });
    OwnedFrame {
        bytes,
        offload: Offload { checksum: Checksum::Partial { start, offset: field as u16 }, segments },
    }
}

/// The internet checksum of a pseudo-header and what follows it.
fn sum_of(addresses: &[u8], protocol: u8, rest: &[u8]) -> u16 {
    let sum = etherparse::checksum::Sum16BitWords::new().add_slice(addresses).add_2bytes([0, protocol]);
    u16::from_be(sum.add_slice(rest).ones_complement())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_stream_is_cut_as_a_device_cuts_it(frame in tcp()) {
        prop_assert_eq!(cut(&frame).unwrap(), wire(&frame.bytes, frame.offload));
    }

    #[test]
    fn datagrams_and_fragments_are_cut_as_a_device_cuts_them(
        frame in prop_oneof![udp(SegmentKind::Udp), udp(SegmentKind::UdpFragments)],
    ) {
        prop_assert_eq!(cut(&frame).unwrap(), wire(&frame.bytes, frame.offload));
    }

    /// Around where a datagram of 1,233 bytes begins to fit, which is no multiple of eight.
    #[test]
    fn a_datagram_that_fits_is_left_alone(size in 1230u16..1240) {
        let mut frame = ipv4("10.0.0.1", "10.0.0.2").udp(1000, 2000).data(1225).partial().frame();
        frame.offload.segments = Some(Segments { kind: SegmentKind::UdpFragments, size, header: 0, ecn: false });
        let packets = cut(&frame).unwrap();
        prop_assert_eq!(packets.len(), if size < 1233 { 2 } else { 1 });
        prop_assert_eq!(packets, wire(&frame.bytes, frame.offload));
    }

    #[test]
    fn an_ipv6_super_frame_becomes_packets_that_hold(
        is_tcp: bool, extension: bool, length in 1usize..5000, size in 20u16..1500,
    ) {
        let frame = six(is_tcp, extension, length, size);
        let at = 54 + if extension { 8 } else { 0 };
        let header = if is_tcp { 20 } else { 8 };
        let packets = cut(&frame).unwrap();
        prop_assert_eq!(packets.len(), length.div_ceil(size.into()));
        let mut data = Vec::new();
        for (nth, packet) in packets.iter().enumerate() {
            prop_assert_eq!(usize::from(u16::from_be_bytes([packet[18], packet[19]])), packet.len() - 54);
            let transport = &packet[at..];
            let rest = [&(transport.len() as u32).to_be_bytes()[..], transport].concat();
            let protocol = if is_tcp { 6 } else { 17 };
            prop_assert_eq!(sum_of(&packet[22..54], protocol, &rest), 0);
            if is_tcp {
                let sequence = u32::from_be_bytes(transport[4..8].try_into().unwrap());
                prop_assert_eq!(sequence, 0xffff_ff00_u32.wrapping_add(nth as u32 * u32::from(size)));
                let is_last = nth + 1 == packets.len();
                let expected = 0x10 | if nth == 0 { 0x80 } else { 0 } | if is_last { 0x09 } else { 0 };
                prop_assert_eq!(transport[13], expected);
            } else {
                prop_assert_eq!(usize::from(u16::from_be_bytes([transport[4], transport[5]])), transport.len());
            }
            data.extend_from_slice(&transport[header..]);
        }
        prop_assert_eq!(&data, &frame.bytes[at + header..]);
    }

    #[test]
    fn no_frame_makes_it_panic(
        mut frame in tcp(), cutting in 0usize..200, at in 0usize..80, byte: u8,
        start: u16, offset: u16, kind in 0usize..4, size: u16,
    ) {
        let kinds = [SegmentKind::Tcp4, SegmentKind::Tcp6, SegmentKind::Udp, SegmentKind::UdpFragments];
        frame.bytes.truncate(cutting);
        if let Some(place) = frame.bytes.get_mut(at) {
            *place = byte;
        }
        frame.offload = Offload {
            checksum: Checksum::Partial { start, offset },
            segments: Some(Segments { kind: kinds[kind], size, header: 0, ecn: false }),
        };
        cut(&frame);
        unfinished(&frame.bytes);
    }

    #[test]
    fn an_open_checksum_is_recognised_and_no_other(
        ports: (u16, u16), length in 0usize..100, is_tcp: bool, ending in 0u8..3,
    ) {
        let draft = ipv4("10.0.0.1", "10.0.0.2");
        let (open, finished, start, offset) = if is_tcp {
            let draft = draft.tcp(ports.0, ports.1).data(length);
            (draft.clone().partial().frame(), draft.bytes(), 34, 16)
        } else {
            let draft = draft.udp(ports.0, ports.1).data(length);
            (draft.clone().partial().frame(), draft.bytes(), 34, 6)
        };
        prop_assert_eq!(unfinished(&open.bytes), Some(Checksum::Partial { start, offset }));
        prop_assert_eq!(unfinished(&finished), None);
        // A switch pads short frames.
        let padded = [&open.bytes[..], &vec![0; ending.into()]].concat();
        prop_assert_eq!(unfinished(&padded), Some(Checksum::Partial { start, offset }));
    }
}

#[test]
fn a_plain_frame_stays_and_an_open_one_is_finished() {
    let draft = ipv4("10.0.0.1", "10.0.0.2").udp(5, 6).payload(b"hello");
    let plain = OwnedFrame { bytes: draft.bytes(), offload: Offload::default() };
    assert_eq!(cut(&plain), Some(vec![plain.bytes.clone()]));
    let finished = cut(&draft.partial().frame()).unwrap();
    assert_eq!(finished[0], plain.bytes);
}

#[test]
fn datagrams_without_checksums_stay_without() {
    let mut frame = ipv4("10.0.0.1", "10.0.0.2").udp(5, 6).data(100).without_checksum().frame();
    frame.offload.segments = Some(Segments { kind: SegmentKind::Udp, size: 40, header: 0, ecn: false });
    let cut = cut(&frame).unwrap();
    assert_eq!(cut.len(), 3);
    assert!(cut.iter().all(|packet| packet[40..42] == [0, 0]));
}

#[test]
fn a_frame_that_is_not_what_its_offload_says_is_refused() {
    let with = |kind, size| {
        let mut frame = ipv4("10.0.0.1", "10.0.0.2").tcp(5, 6).data(3000).partial().frame();
        frame.offload.segments = Some(Segments { kind, size, header: 0, ecn: false });
        cut(&frame).map(|packets| packets.len())
    };
    assert_eq!(with(SegmentKind::Tcp4, 1000), Some(3));
    assert_eq!(with(SegmentKind::Tcp4, 0), None, "no size");
    assert_eq!(with(SegmentKind::Tcp6, 1000), None, "another family");
    assert_eq!(with(SegmentKind::Udp, 1000), None, "another protocol");
    assert_eq!(with(SegmentKind::UdpFragments, 1000), None, "another protocol");
    let mut tiny = ipv4("10.0.0.1", "10.0.0.2").udp(5, 6).data(3000).partial().frame();
    tiny.offload.segments =
        Some(Segments { kind: SegmentKind::UdpFragments, size: 7, header: 0, ecn: false });
    assert_eq!(cut(&tiny), None, "not even eight bytes a fragment");
}
