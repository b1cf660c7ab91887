//! The internet checksum, in full and by difference.

use crate::{Address, Protocol};
use etherparse::checksum::Sum16BitWords;

/// The internet checksum over `parts` as if they stood one after another (RFC 1071).
///
/// Zero over data that contains its own correct checksum. Every part but the last has an even length.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let sum = parts.iter().fold(Sum16BitWords::new(), |sum, part| sum.add_slice(part));
    u16::from_be(sum.ones_complement())
}

/// Whether an IPv4 header, whose length is a multiple of four, agrees with the checksum in it (RFC 791, section 3.1).
#[inline]
pub fn header_holds(header: &[u8]) -> bool {
    let (longs, _) = header.as_chunks::<4>();
    fold(longs.iter().map(|long| u64::from(u32::from_be_bytes(*long))).sum()) == 0xffff
}

/// The internet checksum of a transport message with the pseudo-header that belongs to it; zero over a message whose
/// checksum is right.
///
/// # Source
/// RFC 793, section 3.1, and RFC 8200, section 8.1. ICMP for IPv4 has no pseudo-header (RFC 792).
pub fn transport_sum(source: Address, destination: Address, protocol: Protocol, message: &[u8]) -> u16 {
    let sum = Sum16BitWords::new().add_slice(message);
    if source.is_v4() && protocol == Protocol::ICMP {
        return u16::from_be(sum.ones_complement());
    }
    // Both families sum the same words, since zeros count nothing: addresses, length, protocol.
    let sum = match (source.v4_bits(), destination.v4_bits()) {
        (Some(source), Some(destination)) => {
            sum.add_slice(&source.to_be_bytes()).add_slice(&destination.to_be_bytes())
        }
        _ => sum.add_slice(&source.bits().to_be_bytes()).add_slice(&destination.bits().to_be_bytes()),
    };
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let sum = sum.add_slice(&length.to_be_bytes()).add_2bytes([0, protocol.0]);
    u16::from_be(sum.ones_complement())
}

/// The sum of changes to data that a checksum covers, so that the checksum can follow without the data.
///
/// # Source
/// RFC 1624, equation 3: `HC' = ~(~HC + ~m + m')`.
#[derive(Clone, Copy, Default, Debug)]
pub struct Change(u64);

impl Change {
    /// No change.
    pub const NONE: Self = Self(0);

    /// The same with a 16-bit word that was `old` and becomes `new`.
    #[inline]
    #[must_use]
    pub fn word(self, old: u16, new: u16) -> Self {
        Self(self.0 + u64::from(!old) + u64::from(new))
    }

    /// The same with a 32-bit value at an even offset that was `old` and becomes `new`.
    #[inline]
    #[must_use]
    pub fn long(self, old: u32, new: u32) -> Self {
        self.word((old >> 16) as u16, (new >> 16) as u16).word(old as u16, new as u16)
    }

    /// The same with an IPv6 address at an even offset.
    #[inline]
    #[must_use]
    pub fn wide(self, old: u128, new: u128) -> Self {
        let words = |bits: u128| (0..4).map(move |nth| (bits >> (32 * nth)) as u32);
        words(old).zip(words(new)).fold(self, |sum, (old, new)| sum.long(old, new))
    }

    /// Both changes together.
    #[inline]
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The finished checksum after the change.
    #[inline]
    pub fn finished(self, checksum: u16) -> u16 {
        !fold(u64::from(!checksum) + self.0)
    }

    /// The sum of an unfinished checksum after the change: the field holds the pseudo-header's sum itself,
    /// not its complement, so only changes to the pseudo-header may be applied.
    #[inline]
    pub fn unfinished(self, sum: u16) -> u16 {
        fold(u64::from(sum) + self.0)
    }
}

#[inline]
fn fold(sum: u64) -> u16 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// Finishes an unfinished transport checksum: sums from `start` to the end of `packet` and stores at `start + offset`.
///
/// `start` counts from the beginning of `packet`, which ends where the IP packet ends. Does nothing where the
/// places lie outside.
pub fn finish(packet: &mut [u8], start: usize, offset: usize) {
    let Some(covered) = packet.get(start..) else { return };
    if offset + 2 > covered.len() {
        return;
    }
    // A computed zero would mean "no checksum" in UDP (RFC 768), and the other zero is as right for TCP.
    let sum = match checksum(&[covered]) {
        0 => 0xffff,
        sum => sum,
    };
    packet[start + offset..start + offset + 2].copy_from_slice(&sum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_change_gives_what_summing_anew_gives(
            mut data in proptest::collection::vec(any::<u8>(), 16..64), at in 0usize..6, new: u32,
        ) {
            let before = checksum(&[&data]);
            let place = at * 2..at * 2 + 4;
            let old = u32::from_be_bytes(data[place.clone()].try_into().unwrap());
            data[place].copy_from_slice(&new.to_be_bytes());
            let after = Change::NONE.long(old, new).finished(before);
            // Both zeros of one's complement are the same sum.
            let anew = checksum(&[&data]);
            prop_assert!(after == anew || (after ^ anew) == 0xffff && (after == 0 || anew == 0));
        }

        #[test]
        fn data_with_its_checksum_sums_to_zero(mut data in proptest::collection::vec(any::<u8>(), 8..64)) {
            data[2..4].fill(0);
            let sum = checksum(&[&data]);
            data[2..4].copy_from_slice(&sum.to_be_bytes());
            prop_assert_eq!(checksum(&[&data]), 0);
        }
    }

    #[test]
    fn places_outside_are_left_alone() {
        let mut short = [1, 2, 3, 4];
        finish(&mut short, 9, 0);
        finish(&mut short, 0, 3);
        finish(&mut short, usize::MAX, 3);
        assert_eq!(short, [1, 2, 3, 4]);
    }
}
