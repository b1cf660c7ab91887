use super::*;
use proptest::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const ON: AttachmentId = AttachmentId(3);
const OTHER: AttachmentId = AttachmentId(4);
/// What a lone attachment gets of so many buffers: it holds at most twice what is left.
const fn alone(count: usize) -> usize {
    (2 * count).div_ceil(3)
}

fn put(queue: &Queue, on: AttachmentId, length: usize) -> bool {
    queue.put(on, Offload::default(), &vec![1; length], false)
}

/// How many of more than fit get in.
fn fill(queue: &Queue, on: AttachmentId, length: usize) -> usize {
    (0..SMALL + 5).filter(|_| put(queue, on, length)).count()
}

fn drain(queue: &Queue) -> usize {
    let mut bytes = 0;
    while let Some(handed) = queue.take() {
        bytes += handed.parcel.frame().len();
        queue.give_back(handed.parcel);
    }
    bytes
}

#[test]
fn a_full_queue_refuses_by_size_and_recovers() {
    let queue = Queue::new();
    for _ in 0..2 {
        assert_eq!(fill(&queue, ON, SMALL_FRAME), alone(SMALL));
        assert_eq!(fill(&queue, ON, MAX_FRAME), alone(LARGE), "they have buffers of their own");
        assert!(!put(&queue, ON, MAX_FRAME + 1), "nothing longer");
        // However many there are, what they hold together is bounded.
        for id in 100..2 * SMALL as u16 {
            put(&queue, AttachmentId(id), SMALL_FRAME);
            put(&queue, AttachmentId(id), MAX_FRAME);
        }
        assert_eq!((queue.small.free.len(), queue.large.free.len()), (0, 0));
        assert!(!put(&queue, OTHER, 60) && !put(&queue, OTHER, MAX_FRAME));
        assert_eq!(drain(&queue), SMALL * SMALL_FRAME + LARGE * MAX_FRAME, "every buffer has come back");
    }
}

#[test]
fn a_flooder_leaves_room_for_the_others() {
    let queue = Queue::new();
    for length in [60, MAX_FRAME] {
        let pool = if length == 60 { SMALL } else { LARGE };
        for flooders in 1..=20 {
            let ids = (10..).map(AttachmentId).take(flooders);
            // As long as any of them gets in.
            while ids.clone().filter(|on| put(&queue, *on, length)).count() > 0 {}
            assert!(!put(&queue, AttachmentId(10), length));
            // Each of them holds twice what is free, and one that holds nothing gets two thirds of it.
            let free = pool / (1 + 2 * flooders) - 1;
            let share = alone(free).min(8);
            assert!(share > 0 && queue.has_room(OTHER, share), "{flooders} flooders of {length} bytes");
            let quiet = (0..share).filter(|_| put(&queue, OTHER, length)).count();
            assert_eq!(quiet, share, "{flooders} flooders of {length} bytes");
            drain(&queue);
        }
    }
}

#[test]
fn room_that_was_promised_is_there() {
    for count in [1, 8, 64] {
        let queue = Queue::new();
        let mut admitted = 0;
        while queue.has_room(ON, count) {
            for length in [60, MAX_FRAME] {
                assert!((0..count).all(|_| put(&queue, ON, length)), "{admitted} before");
            }
            admitted += count;
        }
        assert!(admitted > 0 && admitted <= alone(LARGE));
        assert!(queue.has_room(OTHER, count.min(8)), "the others have theirs");
    }
}

/// Several senders, each for an attachment of its own and all of them for one, and a slow receiver.
#[test]
fn several_senders_lose_nothing_and_keep_their_order() {
    let queue = Arc::new(Queue::new());
    let senders = 3_u8;
    let each = 20_000_u32;
    std::thread::scope(|scope| {
        for sender in 0..senders {
            let queue = Arc::clone(&queue);
            scope.spawn(move || {
                for number in 0..each {
                    let mut frame = vec![sender; if number % 50 == 0 { SMALL_FRAME + 1 } else { 64 }];
                    frame[1..5].copy_from_slice(&number.to_ne_bytes());
                    let on = if number % 3 == 0 { ON } else { AttachmentId(100 + u16::from(sender)) };
                    while !queue.put(on, Offload::default(), &frame, false) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let mut next = vec![0; usize::from(senders)];
        while next.iter().any(|seen| *seen < each) {
            let Some(handed) = queue.take() else {
                std::thread::yield_now();
                continue;
            };
            let frame = handed.parcel.frame();
            let number = u32::from_ne_bytes(frame[1..5].try_into().unwrap());
            let expected = &mut next[usize::from(frame[0])];
            assert_eq!(number, *expected, "of sender {}", frame[0]);
            *expected += 1;
            queue.give_back(handed.parcel);
        }
    });
    assert!(queue.is_empty());
    // Nobody holds anything any more, so everybody gets what a lone one gets.
    for id in [ON.0, 100, 101, 102] {
        assert_eq!(fill(&queue, AttachmentId(id), 64), alone(SMALL), "attachment {id}");
        drain(&queue);
    }
}

/// Whoever holds little gets in at every moment, whatever three senders do for one other attachment.
#[test]
fn a_quiet_attachment_gets_in_while_several_senders_flood() {
    let queue = Queue::new();
    let (is_over, outstanding) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for length in [60, 60, MAX_FRAME] {
            let (queue, is_over) = (&queue, &is_over);
            scope.spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    if !put(queue, ON, length) {
                        std::thread::yield_now();
                    }
                }
            });
        }
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                let Some(handed) = queue.take() else { continue };
                if handed.on == OTHER {
                    outstanding.fetch_sub(1, Ordering::Relaxed);
                }
                queue.give_back(handed.parcel);
            }
        });
        let mut admitted = 0;
        for number in 0..4_000 {
            while outstanding.load(Ordering::Relaxed) > 20 {
                std::thread::yield_now();
            }
            outstanding.fetch_add(1, Ordering::Relaxed);
            admitted += usize::from(put(&queue, OTHER, if number % 8 == 0 { MAX_FRAME } else { 60 }));
        }
        is_over.store(true, Ordering::Relaxed);
        assert_eq!(admitted, 4_000);
    });
}

/// The queue as one would write it down: a list, and everything counted anew each time.
#[derive(Default)]
struct Naive {
    waiting: VecDeque<(AttachmentId, usize)>,
    /// Taken and not given back.
    in_hand: Vec<usize>,
}

impl Naive {
    fn is_small(length: usize) -> bool {
        length <= SMALL_FRAME
    }

    fn put(&mut self, on: AttachmentId, length: usize) -> bool {
        let alike = |other: &usize| Self::is_small(*other) == Self::is_small(length);
        let all = if Self::is_small(length) { SMALL } else { LARGE };
        let used = self.waiting.iter().filter(|(_, other)| alike(other)).count()
            + self.in_hand.iter().filter(|other| alike(other)).count();
        let held = self.waiting.iter().filter(|(of, other)| *of == on && alike(other)).count();
        let is_in = used < all && held < 2 * (all - used);
        if is_in {
            self.waiting.push_back((on, length));
        }
        is_in
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// So many frames of one attachment.
    Put(u16, bool, u16),
    /// So many taken, and kept in hand.
    Take(u16),
    /// All in hand given back.
    GiveBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u16, any::<bool>(), 1..900_u16).prop_map(|(on, small, count)| Step::Put(on, small, count)),
        2 => (1..64_u16).prop_map(Step::Take),
        2 => (64..1500_u16).prop_map(Step::Take),
        2 => Just(Step::GiveBack),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_queue_is_the_naive_one(steps in proptest::collection::vec(step(), 1..25)) {
        let (queue, mut naive) = (Queue::new(), Naive::default());
        let mut in_hand = Vec::new();
        let mut numbers: HashMap<AttachmentId, usize> = HashMap::new();
        for step in steps {
            match step {
                Step::Put(on, small, count) => {
                    let on = AttachmentId(on);
                    for _ in 0..count {
                        let number = numbers.entry(on).or_default();
                        // Lengths that name the frame.
                        let length = *number % 1000 + if small { 60 } else { SMALL_FRAME + 1 };
                        let room = queue.has_room(on, 1);
                        let is_in = put(&queue, on, length);
                        assert_eq!(is_in, naive.put(on, length));
                        assert!(is_in || !room, "room that was promised");
                        *number += usize::from(is_in);
                    }
                }
                Step::Take(count) => {
                    for _ in 0..count {
                        let handed = queue.take();
                        let expected = naive.waiting.pop_front();
                        let seen = handed.as_ref().map(|handed| (handed.on, handed.parcel.frame().len()));
                        assert_eq!(seen, expected);
                        naive.in_hand.extend(expected.map(|(_, length)| length));
                        in_hand.extend(handed.map(|handed| handed.parcel));
                    }
                }
                Step::GiveBack => {
                    naive.in_hand.clear();
                    in_hand.drain(..).for_each(|parcel| queue.give_back(parcel));
                }
            }
        }
    }

    #[test]
    fn a_frame_comes_out_as_it_went_in(lengths in proptest::collection::vec(0..=MAX_FRAME, 1..40)) {
        let queue = Queue::new();
        for (nth, length) in lengths.iter().enumerate() {
            assert!(queue.put(AttachmentId(nth as u16), Offload::default(), &vec![nth as u8; *length], true));
        }
        for (nth, length) in lengths.iter().enumerate() {
            let handed = queue.take().unwrap();
            assert_eq!(handed.on, AttachmentId(nth as u16));
            assert_eq!(handed.parcel.frame(), vec![nth as u8; *length]);
            queue.give_back(handed.parcel);
        }
        assert!(queue.take().is_none());
    }
}
