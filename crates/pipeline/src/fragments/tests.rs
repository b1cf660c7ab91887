use super::*;

const DROPPED: Lead = Lead::Dropped(DropReason::BadLength);

fn datagram(identification: u32) -> Datagram {
    let address = Address::from_v4_bits(0x0a00_0104);
    Datagram {
        on: AttachmentId(0),
        source: address,
        destination: address,
        protocol: Protocol::UDP,
        identification,
    }
}

fn at(millis: u64) -> Time {
    Time::ZERO + Duration::from_millis(millis)
}

#[test]
fn no_byte_passes_twice_in_any_order() {
    let mut fragments = Fragments::default();
    let d = datagram(1);
    fragments.begin(d, DROPPED, at(0), 0..8);
    for bytes in [16..24, 8..16] {
        assert!(fragments.is_new(&d, &bytes), "{bytes:?}");
        fragments.pass(&d, bytes, false);
    }
    for bytes in [0..8, 7..9, 0..100, 23..24] {
        assert!(!fragments.is_new(&d, &bytes), "{bytes:?}");
    }
    assert!(fragments.is_new(&d, &(24..32)));
}

#[test]
fn a_datagram_with_all_its_bytes_is_forgotten() {
    let mut fragments = Fragments::default();
    for (first, rest) in [(0..8, [(16..20, true), (8..16, false)]), (0..8, [(8..16, false), (16..20, true)])]
    {
        let d = datagram(1);
        assert!(fragments.begin(d, DROPPED, at(0), first));
        for (bytes, last) in rest {
            assert_eq!(fragments.len(), 1);
            fragments.pass(&d, bytes, last);
        }
        assert_eq!(fragments.len(), 0);
    }
}

#[test]
fn the_order_of_ages_is_bounded() {
    let mut fragments = Fragments::default();
    for nth in 0..10 * CAPACITY {
        let d = datagram(nth as u32);
        assert!(fragments.begin(d, DROPPED, at(nth as u64 / 1000), 0..8));
        fragments.pass(&d, 8..16, true);
    }
    assert!(fragments.links[&AttachmentId(0)].ages.is_empty());
    // One that stays stands before all that come and go.
    for nth in 0..10 * CAPACITY {
        let d = datagram(nth as u32);
        assert!(fragments.begin(d, DROPPED, at(nth as u64 / 1000), 0..8));
        fragments.pass(&d, 8..16, nth > 0);
    }
    assert_eq!(fragments.len(), 1);
    assert!(fragments.links[&AttachmentId(0)].ages.values().all(|ages| ages.order.len() <= 10));
}

#[test]
fn a_datagram_announced_again_and_again_has_one_place() {
    let mut fragments = Fragments::default();
    for nth in 0..50_000 {
        fragments.announce(datagram(nth / 100), 1, at(u64::from(nth) / 100));
    }
    assert_eq!(fragments.len(), 500);
    assert!(fragments.links[&AttachmentId(0)].ages.values().all(|ages| ages.order.len() <= 500));
}

/// One datagram of each of so many sources, from the nth on, to a destination.
fn crowd(sources: Range<u32>, to: u32) -> impl Iterator<Item = Datagram> {
    let address = Address::from_v4_bits;
    sources.map(move |nth| Datagram { source: address(nth), destination: address(to), ..datagram(nth) })
}

#[test]
fn a_destination_has_its_share_whoever_speaks_to_it() {
    let mut fragments = Fragments::default();
    for d in crowd(0..3 * CAPACITY as u32, 1) {
        assert!(fragments.begin(d, DROPPED, at(0), 0..8));
    }
    assert_eq!(fragments.len(), 2 * CAPACITY);
    for to in 2..20 {
        assert!(crowd(0..CAPACITY as u32, to).all(|d| fragments.begin(d, DROPPED, at(0), 0..8)));
    }
    assert_eq!(fragments.len(), 8 * CAPACITY);
    let mut waits = |d| fragments.hold(d, at(0), &[0; 60], Offload::default()) == Wait::Waits;
    assert_eq!(crowd(100_000..101_000, 1).filter(|&d| waits(d)).count(), 2 * WAITING);
    let all = (2..20).flat_map(|to| crowd(100_000..101_000, to)).filter(|&d| waits(d)).count();
    assert_eq!(all, 6 * WAITING);
    fragments.tick(at(30_000));
    assert_eq!((fragments.len(), fragments.links.len()), (0, 0));
}

#[test]
fn a_source_leaves_half_of_its_destination_to_others() {
    let mut fragments = Fragments::default();
    let others = || crowd(1..CAPACITY as u32, 7);
    assert!(others().all(|d| fragments.begin(d, DROPPED, at(0), 0..8)));
    for nth in 0..5 * CAPACITY as u32 {
        let flood = Datagram { identification: nth, ..crowd(100_000..100_001, 7).next().unwrap() };
        assert!(fragments.begin(flood, DROPPED, at(0), 0..8));
    }
    assert_eq!(fragments.len(), 2 * CAPACITY - 1);
    assert!(others().all(|d| fragments.is_under_way(&d)));
}

#[test]
fn an_identification_used_again_lives_its_own_life() {
    let mut fragments = Fragments::default();
    let d = datagram(1);
    fragments.begin(d, DROPPED, at(0), 0..8);
    fragments.pass(&d, 8..16, true);
    assert!(fragments.begin(d, DROPPED, at(20_000), 0..8));
    fragments.tick(at(30_000));
    assert_eq!(fragments.len(), 1);
    fragments.tick(at(50_000));
    assert_eq!(fragments.len(), 0);
}

#[test]
fn the_wait_is_bounded_in_number_and_time() {
    let mut fragments = Fragments::default();
    let hold = |n| fragments.hold(datagram(n), at(0), &[0; 60], Offload::default());
    assert_eq!((0..100).map(hold).filter(|&wait| wait == Wait::Waits).count(), WAITING);
    assert!(fragments.tick(at(999)).is_empty());
    assert_eq!(fragments.tick(at(1000)).len(), WAITING);
    assert_eq!(fragments.waiting(), 0);
}

#[test]
fn large_fragments_that_wait_are_few() {
    let mut fragments = Fragments::default();
    let large = vec![0; WAITING_BYTES / 4 - 10];
    let mut hold = |n, bytes: &[u8]| fragments.hold(datagram(n), at(0), bytes, Offload::default());
    assert_eq!((0..6).filter(|&n| hold(n, &large) == Wait::Waits).count(), 4);
    assert_eq!((hold(7, &[0; 41]), hold(8, &[0; 40])), (Wait::Full, Wait::Waits));
}

#[test]
fn only_the_datagrams_own_fragments_are_released() {
    let mut fragments = Fragments::default();
    for identification in [1, 2, 1] {
        fragments.hold(datagram(identification), at(0), &[0; 60], Offload::default());
    }
    assert_eq!(fragments.release(&datagram(1)).len(), 2);
    assert_eq!(fragments.waiting(), 1);
}

#[test]
fn two_first_fragments_of_one_name_do_not_both_begin() {
    let mut fragments = Fragments::default();
    assert!(fragments.begin(datagram(1), DROPPED, at(0), 0..8));
    assert!(!fragments.begin(datagram(1), DROPPED, at(0), 0..8));
    fragments.tick(at(1000));
    assert!(fragments.begin(datagram(1), DROPPED, at(1000), 0..8), "the name is free again");
}

#[test]
fn what_comes_just_after_its_first_one_does_not_wait() {
    let mut fragments = Fragments::default();
    fragments.begin(datagram(1), DROPPED, at(0), 0..8);
    assert_eq!(fragments.hold(datagram(1), at(0), &[0; 60], Offload::default()), Wait::NoNeed);
    assert_eq!(fragments.waiting(), 0);
}

#[test]
fn records_end_after_their_life() {
    let mut fragments = Fragments::default();
    fragments.begin(datagram(1), DROPPED, at(0), 0..8);
    fragments.tick(at(29_999));
    assert_eq!(fragments.len(), 1);
    fragments.tick(at(30_000));
    assert_eq!((fragments.len(), fragments.links.len()), (0, 0));
}
