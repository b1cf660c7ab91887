use super::*;
use packet::{Address, AttachmentId, Offload, Protocol};
use proptest::prelude::*;
use std::time::Duration;

/// The same, by looking at every fragment each time.
#[derive(Default)]
struct Scanned(Vec<Held>);

impl Scanned {
    fn has_room(&self, datagram: &Datagram, bytes: usize) -> bool {
        let Datagram { source, destination, .. } = *datagram;
        let fits = |times: usize, is_theirs: &dyn Fn(&Datagram) -> bool| {
            let theirs: Vec<_> = self.0.iter().filter(|held| is_theirs(&held.datagram)).collect();
            let sum: usize = theirs.iter().map(|held| held.bytes.len()).sum();
            theirs.len() < times * WAITING && sum + bytes <= times * WAITING_BYTES
        };
        fits(1, &|d| d.source == source) && fits(2, &|d| d.destination == destination) && fits(8, &|_| true)
    }

    fn release(&mut self, datagram: &Datagram) -> Vec<Held> {
        self.0.extract_if(.., |held| held.datagram == *datagram).collect()
    }

    fn late(&mut self, now: Time) -> Vec<Held> {
        self.0.extract_if(.., |held| now.since(held.since) >= PATIENCE).collect()
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// As many fragments of as many bytes.
    Hold(Datagram, usize, usize),
    Release(Datagram),
    Pass(u64),
}

fn datagrams() -> impl Strategy<Value = Datagram> {
    (0..9u32, 0..5u32, 0..3u32).prop_map(|(source, destination, identification)| Datagram {
        on: AttachmentId(0),
        source: Address::from_v4_bits(source),
        destination: Address::from_v4_bits(destination),
        protocol: Protocol::UDP,
        identification,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let hold = (datagrams(), 1..80usize, prop_oneof![Just(60), Just(1500), Just(60_000)]);
    let step = prop_oneof![
        6 => hold.prop_map(|(datagram, count, bytes)| Step::Hold(datagram, count, bytes)),
        3 => datagrams().prop_map(Step::Release),
        1 => (0..1200u64).prop_map(Step::Pass),
    ];
    prop::collection::vec(step, 1..60)
}

/// Which ones these are, by the number that each carries.
fn told(held: &[Held]) -> Vec<(Datagram, Vec<u8>)> {
    held.iter().map(|held| (held.datagram, held.bytes[..4].to_vec())).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_differs_from_looking_at_every_fragment(steps in steps()) {
        let (mut waiting, mut scanned) = (Waiting::default(), Scanned::default());
        let (mut now, mut number) = (Time::ZERO, 0u32);
        for step in steps {
            match step {
                Step::Hold(datagram, count, length) => for _ in 0..count {
                    let has_room = scanned.has_room(&datagram, length);
                    prop_assert_eq!(waiting.has_room(&datagram, length), has_room);
                    if has_room {
                        number += 1;
                        let mut bytes = vec![0; length];
                        bytes[..4].copy_from_slice(&number.to_be_bytes());
                        let held = || Held { datagram, since: now, bytes: bytes.clone(), offload: Offload::default() };
                        waiting.push(held());
                        scanned.0.push(held());
                    }
                },
                Step::Release(datagram) => {
                    prop_assert_eq!(told(&waiting.release(&datagram)), told(&scanned.release(&datagram)));
                }
                Step::Pass(millis) => {
                    now = now + Duration::from_millis(millis);
                    let late: Vec<_> = std::iter::from_fn(|| waiting.late(now)).collect();
                    prop_assert_eq!(told(&late), told(&scanned.late(now)));
                }
            }
            prop_assert_eq!((waiting.len(), waiting.is_empty()), (scanned.0.len(), scanned.0.is_empty()));
        }
        while waiting.late(now + PATIENCE).is_some() {}
        prop_assert!(waiting.is_empty() && waiting.numbers.is_empty() && waiting.sums.is_empty());
    }
}
