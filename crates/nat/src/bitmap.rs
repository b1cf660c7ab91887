//! Which indexes of a large pool are taken: a bitmap in three levels that grows and shrinks by chunks.
//!
//! ```text
//! header   full: 16 bits, one a chunk         the bitmap's own
//! chunk    full: 64 bits, one a word          4,096 indexes, 528 bytes, there only while one of them is taken
//! word     64 bits, one an index              a set bit is a taken index
//! ```

const CHUNKS: usize = 16;
const WORDS: usize = 64;
const CHUNK_BITS: u32 = 12;
const CHUNK_SIZE: usize = 1 << CHUNK_BITS;

/// The taken indexes of one pool.
pub(crate) struct Bitmap {
    /// A bit for each chunk that has no free index.
    full: u16,
    /// How many indexes there are.
    size: u16,
    /// A missing chunk is one of free indexes only.
    chunks: [Option<Box<Chunk>>; CHUNKS],
}

impl Bitmap {
    /// A bitmap of that many free indexes, at least one.
    pub(crate) fn new(size: u16) -> Self {
        let (last, _) = split(size - 1);
        // What lies beyond the last chunk has no free index either.
        let full = (u32::from(u16::MAX) << (last + 1)) as u16;
        Self { full, size, chunks: [const { None }; CHUNKS] }
    }

    /// Whether no index is free.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.full == u16::MAX
    }

    /// Whether an index is taken.
    #[inline]
    pub(crate) fn has(&self, index: u16) -> bool {
        let (chunk, offset) = split(index);
        self.chunks[chunk].as_ref().is_some_and(|taken| taken.has(offset))
    }

    /// The first free index at `from` or after it, going round the end; there must be one.
    ///
    /// Cost: at most four words: the one of `from`, its chunk's summary, the next chunk's summary, and a word there.
    #[inline]
    pub(crate) fn next_free(&self, from: u16) -> u16 {
        let (chunk, offset) = split(from);
        let here = match &self.chunks[chunk] {
            Some(taken) => taken.free_from(offset),
            None => Some(offset),
        };
        if let Some(offset) = here {
            return join(chunk, offset);
        }
        // The nearest chunk with a free index; this one comes last, for what is free below `from`.
        let skipped = (!self.full).rotate_right(chunk as u32 + 1).trailing_zeros() as usize;
        let next = (chunk + 1 + skipped) % CHUNKS;
        let there = self.chunks[next].as_ref().map_or(0, |taken| taken.first_free());
        join(next, there)
    }

    /// Takes a free index.
    #[inline]
    pub(crate) fn set(&mut self, index: u16) {
        let (chunk, offset) = split(index);
        let size = usize::from(self.size) - chunk * CHUNK_SIZE;
        let taken = self.chunks[chunk].get_or_insert_with(|| Box::new(Chunk::new(size)));
        taken.set(offset);
        self.full |= u16::from(taken.is_full()) << chunk;
    }

    /// Frees a taken index.
    #[inline]
    pub(crate) fn clear(&mut self, index: u16) {
        let (chunk, offset) = split(index);
        let Some(taken) = &mut self.chunks[chunk] else { return };
        taken.clear(offset);
        if taken.used == 0 {
            self.chunks[chunk] = None;
        }
        self.full &= !(1 << chunk);
    }

    /// The memory of its chunks.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.chunks.iter().flatten().count() * size_of::<Chunk>()
    }

    /// The taken indexes, lowest first.
    pub(crate) fn indexes(&self) -> impl Iterator<Item = u16> {
        let chunks = self.chunks.iter().enumerate();
        chunks
            .filter_map(|(chunk, taken)| Some((chunk, taken.as_ref()?)))
            .flat_map(|(chunk, taken)| taken.offsets().map(move |offset| join(chunk, offset)))
            .filter(|&index| index < self.size)
    }
}

/// The number of the chunk, below 16, and the offset in it, below 4,096.
#[inline]
fn split(index: u16) -> (usize, usize) {
    (usize::from(index >> CHUNK_BITS), usize::from(index) % CHUNK_SIZE)
}

#[inline]
fn join(chunk: usize, offset: usize) -> u16 {
    (chunk << CHUNK_BITS | offset) as u16
}

/// 4,096 indexes, at least one of them taken.
struct Chunk {
    /// A bit for each word that has no free index.
    full: u64,
    used: u16,
    words: [u64; WORDS],
}

impl Chunk {
    /// A chunk of `size` free indexes or all; those beyond the pool's last are set for ever, so that no search finds them.
    fn new(size: usize) -> Self {
        let mut new = Self { full: 0, used: 0, words: [0; WORDS] };
        for beyond in size.min(CHUNK_SIZE)..CHUNK_SIZE {
            new.set(beyond);
        }
        new.used = 0;
        new
    }

    fn is_full(&self) -> bool {
        self.full == u64::MAX
    }

    /// The first free offset at `from` or after it in this chunk.
    #[inline]
    fn free_from(&self, from: usize) -> Option<usize> {
        let (word, bit) = (from / 64, from % 64);
        let free = !self.words[word] & u64::MAX << bit;
        if free != 0 {
            return Some(word * 64 + free.trailing_zeros() as usize);
        }
        let later = !self.full & (u64::MAX << word) << 1;
        (later != 0).then(|| self.free_in(later.trailing_zeros() as usize))
    }

    /// The lowest free offset; there must be one.
    #[inline]
    fn first_free(&self) -> usize {
        self.free_in((!self.full).trailing_zeros() as usize)
    }

    #[inline]
    fn free_in(&self, word: usize) -> usize {
        word * 64 + (!self.words[word % WORDS]).trailing_zeros() as usize
    }

    #[inline]
    fn has(&self, offset: usize) -> bool {
        self.words[offset / 64] >> (offset % 64) & 1 == 1
    }

    #[inline]
    fn set(&mut self, offset: usize) {
        let word = &mut self.words[offset / 64];
        *word |= 1 << (offset % 64);
        self.full |= u64::from(*word == u64::MAX) << (offset / 64);
        self.used += 1;
    }

    #[inline]
    fn clear(&mut self, offset: usize) {
        self.words[offset / 64] &= !(1 << (offset % 64));
        self.full &= !(1 << (offset / 64));
        self.used -= 1;
    }

    fn offsets(&self) -> impl Iterator<Item = usize> {
        (0..CHUNK_SIZE).filter(|&offset| self.has(offset))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CAPACITY;

    /// The bytes of a pool's heap memory when every chunk is there.
    const WORST: usize = size_of::<Bitmap>() + CHUNKS * size_of::<Chunk>();
    const _: () = assert!(WORST <= 8_704);

    #[test]
    fn the_last_free_index_is_found_from_everywhere() {
        let mut bitmap = Bitmap::new(CAPACITY as u16);
        (0..CAPACITY as u16).for_each(|index| bitmap.set(index));
        assert_eq!(bitmap.full, u16::MAX);
        for free in [0, 1, 63, 64, 4_095, 4_096, 61_439, 61_440, 64_447, 64_510] {
            bitmap.clear(free);
            for from in [0, 1, 63, 64, 4_095, 4_096, 4_097, 30_000, 61_440, 64_510] {
                assert_eq!(bitmap.next_free(from), free, "from {from}");
            }
            bitmap.set(free);
        }
    }

    #[test]
    fn a_chunk_lives_while_one_of_its_indexes_is_taken() {
        let mut bitmap = Bitmap::new(CAPACITY as u16);
        for index in [0, 4_095, 4_096, 64_510] {
            bitmap.set(index);
        }
        assert_eq!(bitmap.indexes().collect::<Vec<_>>(), [0, 4_095, 4_096, 64_510]);
        assert_eq!(bitmap.chunks.iter().flatten().count(), 3);
        for index in [4_096, 0, 64_510, 4_095] {
            bitmap.clear(index);
        }
        assert_eq!((bitmap.full, bitmap.chunks.iter().flatten().count()), (0, 0));
    }

    #[test]
    fn a_smaller_bitmap_has_no_more_than_it_should() {
        for size in [1, 2, 63, 64, 65, 4_095, 4_096, 4_097, 16_384, 61_440, 64_510] {
            let mut bitmap = Bitmap::new(size);
            let mut taken = Vec::new();
            for _ in 0..size {
                let index = bitmap.next_free(size / 2);
                bitmap.set(index);
                taken.push(index);
            }
            assert_eq!(bitmap.full, u16::MAX);
            taken.sort_unstable();
            assert!(taken.into_iter().eq(0..size) && bitmap.indexes().eq(0..size), "{size}");
            for free in [0, size / 3, size - 1] {
                bitmap.clear(free);
                assert_eq!(bitmap.next_free(size - 1), free);
                bitmap.set(free);
            }
        }
    }

    #[test]
    fn nothing_beyond_the_last_index_is_free() {
        let mut bitmap = Bitmap::new(CAPACITY as u16);
        (61_440..CAPACITY as u16).for_each(|index| bitmap.set(index));
        assert_eq!(bitmap.full, 1 << 15);
        assert_eq!(bitmap.next_free(61_440), 0);
        assert_eq!(bitmap.indexes().count(), CAPACITY - 61_440);
    }
}
