//! Names made of texts: `guid` and `uniqueString`.

/// The name space of Azure's GUIDs.
///
/// # Source
/// Azure "String functions for Bicep", *guid*.
const NAMESPACE: [u8; 16] = 0x11fb_06fb_712d_4ddd_98c7_e71b_bd58_8830_u128.to_be_bytes();

/// The GUID of a text.
///
/// # Source
/// RFC 4122, section 4.3, version 5.
pub(crate) fn guid(text: &str) -> String {
    let digest = sha1(&[&NAMESPACE[..], text.as_bytes()].concat());
    let mut bits = digest.iter().take(16).fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    bits = bits & !(0xf << 76) | 5 << 76;
    bits = bits & !(0b11 << 62) | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

/// # Source
/// RFC 3174
fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut message = bytes.to_vec();
    message.push(0x80);
    message.resize(message.len().next_multiple_of(64), 0);
    if message.len() - bytes.len() < 9 {
        message.resize(message.len() + 64, 0);
    }
    message.truncate(message.len() - 8);
    message.extend((bytes.len() as u64 * 8).to_be_bytes());
    let mut state = [0x6745_2301_u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in message.chunks(64) {
        let mut words = [0_u32; 80];
        for (word, bytes) in words.iter_mut().zip(block.chunks(4)) {
            *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
        }
        for nth in 16..80 {
            words[nth] = (words[nth - 3] ^ words[nth - 8] ^ words[nth - 14] ^ words[nth - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (nth, word) in words.into_iter().enumerate() {
            let (mixed, constant) = match nth / 20 {
                0 => (b & c | !b & d, 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => (b & c | b & d | c & d, 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next.wrapping_add(constant));
        }
        for (old, new) in state.iter_mut().zip([a, b, c, d, e]) {
            *old = old.wrapping_add(new);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_mut(4).zip(state) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Thirteen letters and digits that tell texts apart.
///
/// # Source
/// Azure does not document the function. This is what others found it to be and checked against Azure's results: a
/// variant of MurmurHash3 with 64 bits and the seed 0, written five bits at a time.
pub(crate) fn unique_string(text: &str) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits = murmur(text.as_bytes());
    let mut out = String::with_capacity(13);
    for _ in 0..13 {
        out.push(char::from(LETTERS[(bits >> 59) as usize]));
        bits <<= 5;
    }
    out
}

fn murmur(bytes: &[u8]) -> u64 {
    const ONE: u32 = 0x239b_961b;
    const TWO: u32 = 0xab0e_9789;
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let first = |word: u32| word.wrapping_mul(ONE).rotate_left(15).wrapping_mul(TWO);
    let second = |word: u32| word.wrapping_mul(TWO).rotate_left(17).wrapping_mul(ONE);
    let (mut a, mut b) = (0_u32, 0_u32);
    let blocks = bytes.chunks_exact(8);
    let tail = blocks.remainder();
    for block in blocks {
        let (left, right) = block.split_at(4);
        a = (a ^ first(word(left))).rotate_left(19).wrapping_add(b);
        a = a.wrapping_mul(5).wrapping_add(0x561c_cd1b);
        b = (b ^ second(word(right))).rotate_left(13).wrapping_add(a);
        b = b.wrapping_mul(5).wrapping_add(0x0bca_a747);
    }
    let (left, right) = tail.split_at(tail.len().min(4));
    a ^= first(word(left));
    b ^= second(word(right));
    a ^= bytes.len() as u32;
    b ^= bytes.len() as u32;
    a = a.wrapping_add(b);
    b = b.wrapping_add(a);
    (a, b) = (spread(a), spread(b));
    a = a.wrapping_add(b);
    b = b.wrapping_add(a);
    u64::from(b) << 32 | u64::from(a)
}

fn spread(word: u32) -> u32 {
    let word = (word ^ word >> 16).wrapping_mul(0x85eb_ca6b);
    let word = (word ^ word >> 13).wrapping_mul(0xc2b2_ae35);
    word ^ word >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_are_those_of_the_standard() {
        assert_eq!(hex(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(&sha1(b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
        );
        assert_eq!(hex(&sha1(&[b'a'; 1_000_000])), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
        for length in 54..66 {
            assert_ne!(sha1(&vec![0; length]), sha1(&vec![0; length + 1]));
        }
    }

    #[test]
    fn names_are_those_that_others_computed() {
        assert_eq!(unique_string("hello-world"), "a7wkljktk6wne");
        assert_eq!(murmur(b"hello-world"), 571_013_382_255_652_050);
        assert_eq!(guid("a-b-c"), "a98fa280-e03f-5afa-8d8e-92d0a9c201e8");
    }
}
