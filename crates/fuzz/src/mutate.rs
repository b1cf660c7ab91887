//! Changing inputs at random, the same way for the same seed.

/// Numbers that often lie at an edge.
const EDGES: [u8; 12] = [0, 1, 2, 4, 7, 8, 0x10, 0x20, 0x40, 0x7f, 0x80, 0xff];
/// The longest input that is made.
const LONGEST: usize = 16 * 1024;

/// A generator of 64 bits (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`, or zero where that is zero.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.next() % end as u64) as usize }
    }

    fn one_of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(list.len()))
    }
}

/// Makes a new input out of those known.
pub(crate) fn mutated(random: &mut Random, known: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut input = random.one_of(known).cloned().unwrap_or_default();
    // Mostly little: an input that is wrong in one place gets further than one that is wrong in ten.
    let changes = 1 + random.below(4) * random.below(4);
    for _ in 0..changes {
        change(random, &mut input, known, words);
    }
    input.truncate(LONGEST);
    input
}

fn change(random: &mut Random, input: &mut Vec<u8>, known: &[Vec<u8>], words: &[&str]) {
    let at = random.below(input.len() + 1);
    let short = at + random.below(12).min(input.len() - at);
    match random.below(12) {
        0 => flip(input, at, 1 << random.below(8)),
        1 => put(input, at, random.next() as u8),
        2 => put(input, at, random.one_of(&EDGES).copied().unwrap_or_default()),
        3 => {
            let beside = [-1, 1][random.below(2)];
            input.get_mut(at).into_iter().for_each(|byte| *byte = byte.wrapping_add_signed(beside));
        }
        4 => drop(input.drain(at..short)),
        5 => {
            let end = at + random.below(input.len() - at + 1);
            input.drain(at..end);
        }
        6 => {
            let copied = input[at..short].to_vec();
            let to = random.below(input.len() + 1);
            input.splice(to..to, copied);
        }
        7 => {
            let new: Vec<u8> = (0..1 + random.below(8)).map(|_| random.next() as u8).collect();
            input.splice(at..at, new);
        }
        8 | 9 if !words.is_empty() => {
            let word = random.one_of(words).copied().unwrap_or_default();
            let end = if random.below(2) == 0 { at } else { short };
            input.splice(at..end, word.bytes());
        }
        8 | 9 => {
            let to = random.below(input.len() + 1);
            if at < input.len() && to < input.len() {
                input.swap(at, to);
            }
        }
        _ => splice(random, input, at, known),
    }
}

/// Puts a part of another input in, or goes on as that does.
fn splice(random: &mut Random, input: &mut Vec<u8>, at: usize, known: &[Vec<u8>]) {
    let Some(other) = random.one_of(known) else { return };
    let from = random.below(other.len() + 1);
    if random.below(2) == 0 {
        input.truncate(at);
        input.extend_from_slice(&other[from..]);
    } else {
        let to = from + random.below((other.len() - from).min(64) + 1);
        input.splice(at..at, other[from..to].iter().copied());
    }
}

fn flip(input: &mut [u8], at: usize, bit: u8) {
    input.get_mut(at).into_iter().for_each(|byte| *byte ^= bit);
}

fn put(input: &mut [u8], at: usize, new: u8) {
    input.get_mut(at).into_iter().for_each(|byte| *byte = new);
}
