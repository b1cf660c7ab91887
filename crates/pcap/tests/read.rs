//! Captures as tools write them, broken ones, and any bytes at all.
#![expect(clippy::unwrap_used, reason = "tests")]

use pcap::{Error, IPV4, IPV6, LONGEST, Link, Reader, Record, Writer};
use proptest::prelude::*;
use std::time::Duration;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;

type Order = fn(u32) -> [u8; 4];
const ORDERS: [Order; 2] = [u32::to_le_bytes, u32::to_be_bytes];

fn read(file: &[u8]) -> Result<Vec<Record>, Error> {
    Reader::new(file)?.collect()
}

fn written(frames: &[(Duration, Vec<u8>)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut writer = Writer::new(&mut file).unwrap();
    for (time, frame) in frames {
        writer.write(*time, frame).unwrap();
    }
    writer.flush().unwrap();
    file
}

/// A classic file with one packet, as another tool on another machine would have written it.
fn classic(magic: u32, order: Order, link: u32) -> Vec<u8> {
    let words = [magic, 0, 0, 0, 65_535, link, 1_700_000_000, 250, 3, 60];
    let mut file: Vec<u8> = words.into_iter().flat_map(order).collect();
    file.extend([1, 2, 3]);
    file
}

/// A block of pcapng.
fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order(padded as u32 + 12);
    let mut block = [order(kind), length].concat();
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(length);
    block
}

fn words(order: Order, words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|&word| order(word)).collect()
}

/// Two 16-bit numbers in the order of the file.
fn halves(order: Order, first: u16, second: u16) -> [u8; 4] {
    let (a, b) = (u32::from(first), u32::from(second));
    if order(1)[0] == 1 { order(b << 16 | a) } else { order(a << 16 | b) }
}

fn section(order: Order) -> Vec<u8> {
    let mut body = order(0x1a2b_3c4d).to_vec();
    body.extend(halves(order, 1, 0));
    body.extend([0xff; 8]);
    block(order, 0x0a0d_0d0a, &body)
}

fn interface(order: Order, link: u16, options: &[u8]) -> Vec<u8> {
    let mut body = halves(order, link, 0).to_vec();
    body.extend(order(0));
    body.extend(options);
    block(order, 1, &body)
}

fn enhanced(order: Order, on: u32, time: u64, frame: &[u8], length: u32) -> Vec<u8> {
    let mut body = words(order, &[on, (time >> 32) as u32, time as u32, frame.len() as u32, length]);
    body.extend(frame);
    body.resize(body.len().next_multiple_of(4), 0);
    // A comment, and the end of the options.
    body.extend(halves(order, 1, 2));
    body.extend(b"hi\0\0");
    body.extend(halves(order, 0, 0));
    block(order, 6, &body)
}

/// Seconds in the unit of 1/1,024, from 100 seconds after 1970 on.
fn own_clock(order: Order) -> Vec<u8> {
    let offset: [u8; 8] = if order(1)[0] == 1 { 100i64.to_le_bytes() } else { 100i64.to_be_bytes() };
    let mut options = halves(order, 9, 1).to_vec();
    options.extend([0x8a, 0, 0, 0]);
    options.extend(halves(order, 14, 8));
    options.extend(offset);
    options
}

#[test]
fn classic_in_both_orders_and_units() {
    for order in ORDERS {
        for (magic, nanos) in [(MICROSECONDS, 250_000), (NANOSECONDS, 250)] {
            let records = read(&classic(magic, order, 1)).unwrap();
            let time = Duration::new(1_700_000_000, nanos);
            let bytes = vec![1, 2, 3];
            assert_eq!(records, [Record { number: 1, time, bytes, length: 60, link: Link::Ethernet }]);
            assert_eq!(records[0].missing(), 57);
        }
    }
}

#[test]
fn pcapng_with_sections_interfaces_and_all_kinds_of_packets() {
    for order in ORDERS {
        let mut file = section(order);
        file.extend(interface(order, 1, &[]));
        file.extend(interface(order, 101, &own_clock(order)));
        file.extend(block(order, 5, &[7; 20]));
        file.extend(enhanced(order, 0, 1_700_000_000_000_250, &[1, 2, 3], 60));
        file.extend(enhanced(order, 1, 1024 + 512, &[0x45, 0], 2));
        file.extend(block(order, 3, &words(order, &[5, 0x0101_0101, 0x0101_0101])));
        let mut old = halves(order, 1, 99).to_vec();
        old.extend(words(order, &[0, 2048, 1, 1, 0x6060_6060]));
        file.extend(block(order, 2, &old));
        // Another section, in the other order, has interfaces of its own.
        let other = if order(1)[0] == 1 { ORDERS[1] } else { ORDERS[0] };
        file.extend(section(other));
        file.extend(interface(other, 276, &[]));
        file.extend(enhanced(other, 0, 3_000_000, &[9; 20], 20));

        let records = read(&file).unwrap();
        let seen: Vec<_> =
            records.iter().map(|r| (r.number, r.time, r.bytes.len(), r.length, r.link)).collect();
        let second = Duration::from_secs;
        assert_eq!(
            seen,
            [
                (1, Duration::new(1_700_000_000, 250_000), 3, 60, Link::Ethernet),
                (2, second(101) + Duration::from_millis(500), 2, 2, Link::RawIp),
                (3, second(0), 5, 5, Link::Ethernet),
                (4, second(102), 1, 1, Link::RawIp),
                (5, second(3), 20, 20, Link::Cooked2),
            ]
        );
    }
}

#[test]
fn behind_each_links_header_is_the_packet() {
    let ethernet = [&[0; 12][..], &[0x08, 0x00], &[0x45, 9]].concat();
    let cooked = [&[0, 0, 0, 1, 0, 6, 1, 1, 1, 1, 1, 1, 0, 0][..], &[0x86, 0xdd], &[0x60, 9]].concat();
    let cooked2 = [&[0x08, 0x06][..], &[0; 18], &[7]].concat();
    let of = |link: u16, bytes: &[u8]| {
        let record = Record {
            number: 1,
            time: Duration::ZERO,
            bytes: bytes.to_vec(),
            length: 0,
            link: Link::of(link),
        };
        record.payload().map(|(kind, payload)| (kind, payload.to_vec()))
    };
    assert_eq!(of(1, &ethernet), Some((IPV4, vec![0x45, 9])));
    assert_eq!(of(113, &cooked), Some((IPV6, vec![0x60, 9])));
    assert_eq!(of(276, &cooked2), Some((0x0806, vec![7])));
    for raw in [12, 14, 101, 228] {
        assert_eq!(of(raw, &[0x45, 1]), Some((IPV4, vec![0x45, 1])));
        assert_eq!(of(raw, &[0x60]), Some((IPV6, vec![0x60])));
    }
    assert_eq!(
        [of(101, &[0x10]), of(101, &[]), of(1, &[0; 13]), of(276, &[0; 19]), of(9, &[0; 99])],
        [const { None }; 5]
    );
}

#[test]
fn what_is_no_capture_is_refused() {
    assert!(matches!(read(&classic(MICROSECONDS, u32::to_le_bytes, 9)), Err(Error::LinkType(9))));
    assert!(matches!(read(b"{\"records\": []}"), Err(Error::Magic(_))));
    assert!(matches!(read(&[]), Err(Error::CutShort(1))));
    let mut other = section(u32::to_le_bytes);
    other[12] = 2;
    assert!(matches!(read(&other), Err(Error::Version(2, 0))));
    other[8] = 0;
    assert!(matches!(read(&other), Err(Error::Block { number: 1, .. })));
}

#[test]
fn blocks_that_contradict_themselves_are_refused() {
    let order: Order = u32::to_le_bytes;
    let begun = [section(order), interface(order, 1, &[])].concat();
    let with = |block: &[u8]| read(&[&begun, block].concat());
    assert!(with(&[]).unwrap().is_empty());
    let whole = enhanced(order, 0, 1, &[1; 8], 8);
    assert_eq!(with(&whole).unwrap().len(), 1);
    for (at, value) in [(4, 13), (4, 8), (8, 1), (20, 100), (whole.len() - 4, 1)] {
        let mut block = whole.clone();
        block[at] = value;
        assert!(matches!(with(&block), Err(Error::Block { number: 1, .. })), "{at} = {value}");
    }
    let short = block(order, 6, &[0; 16]);
    assert!(matches!(with(&short), Err(Error::Block { .. })));
}

#[test]
fn a_length_beyond_reason_takes_no_memory() {
    let mut file = classic(MICROSECONDS, u32::to_le_bytes, 1);
    file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(read(&file), Err(Error::TooLong { number: 1, length: u32::MAX })));
    let order: Order = u32::to_le_bytes;
    let mut block = enhanced(order, 0, 1, &[1; 8], 8);
    block[20..24].copy_from_slice(&(LONGEST + 1).to_le_bytes());
    let file = [section(order), interface(order, 1, &[]), block].concat();
    assert!(matches!(read(&file), Err(Error::TooLong { number: 1, .. })));
    // What is not read may be of any length, and is not kept.
    let huge = [section(order), words(order, &[5, 0xffff_fffc])].concat();
    assert!(matches!(read(&huge), Err(Error::CutShort(1))));
}

#[test]
fn a_file_cut_short_says_where() {
    let file = written(&[(Duration::ZERO, vec![1; 20]), (Duration::ZERO, vec![2; 20])]);
    for length in 24..file.len() {
        match (read(&file[..length]), length) {
            (Ok(records), 24) => assert!(records.is_empty()),
            (Ok(records), 60) => assert_eq!(records.len(), 1),
            (Err(Error::CutShort(number)), _) => assert_eq!(number, if length < 60 { 1 } else { 2 }),
            (other, _) => panic!("{length} bytes: {other:?}"),
        }
    }
}

#[test]
fn an_error_is_the_last_thing_that_is_said() {
    let file = written(&[(Duration::ZERO, vec![1; 20])]);
    let mut reader = Reader::new(&file[..file.len() - 1]).unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

fn files() -> impl Strategy<Value = Vec<u8>> {
    let order: Order = u32::to_le_bytes;
    let begun = [section(order), interface(order, 1, &own_clock(order))].concat();
    let whole = [&begun[..], &enhanced(order, 0, 5, &[3; 30], 30), &block(order, 3, &[8; 12])].concat();
    prop_oneof![
        Just(Vec::new()),
        Just(written(&[])),
        Just(classic(NANOSECONDS, u32::to_be_bytes, 1)),
        Just(begun),
        Just(whole),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn what_is_written_is_read(
        frames in proptest::collection::vec(
            ((0u64..1 << 32, 0u32..1_000_000_000), proptest::collection::vec(any::<u8>(), 0..200)), 0..8,
        ),
    ) {
        let frames: Vec<_> = frames.into_iter().map(|((s, n), bytes)| (Duration::new(s, n), bytes)).collect();
        let records: Vec<_> = read(&written(&frames)).unwrap().into_iter().map(|r| (r.time, r.bytes)).collect();
        prop_assert_eq!(records, frames);
    }

    #[test]
    fn no_bytes_make_it_panic(
        file in files(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        behind in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let mut file = file;
        for (at, value) in changes {
            if !file.is_empty() {
                let at = at.index(file.len());
                file[at] = value;
            }
        }
        file.extend(behind);
        if let Ok(reader) = Reader::new(&file[..]) {
            for record in reader.flatten() {
                prop_assert!(record.bytes.len() <= LONGEST as usize);
                let _ = record.payload();
            }
        }
    }
}
