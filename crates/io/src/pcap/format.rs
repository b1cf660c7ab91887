//! The classic pcap format, both byte orders, microseconds and nanoseconds.

use super::Error;
use std::io::{self, Read, Write};
use std::time::Duration;

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
/// What capture tools write as their limit; also ours for what we believe.
const LONGEST: u32 = 262_144;

/// A packet of a capture file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Record {
    /// When it was captured, since 1970.
    pub time: Duration,
    /// The bytes captured.
    pub bytes: Vec<u8>,
    /// The bytes the packet had, captured or not.
    pub length: u32,
}

/// Reads a capture file of Ethernet frames.
#[derive(Debug)]
pub struct Reader<R> {
    source: R,
    is_swapped: bool,
    /// Nanoseconds in the unit of the file's fractions.
    unit: u32,
    count: u64,
}

impl<R: Read> Reader<R> {
    /// Reads the file's header.
    ///
    /// # Errors
    /// Where it is no capture file, or not one of Ethernet frames.
    pub fn new(mut source: R) -> Result<Self, Error> {
        let mut header = [0; 24];
        source.read_exact(&mut header)?;
        let magic = word(&header, 0);
        let (is_swapped, unit) = match (magic, magic.swap_bytes()) {
            (MICROSECONDS, _) => (false, 1_000),
            (NANOSECONDS, _) => (false, 1),
            (_, MICROSECONDS) => (true, 1_000),
            (_, NANOSECONDS) => (true, 1),
            _ => return Err(Error::Magic(magic)),
        };
        let reader = Self { source, is_swapped, unit, count: 0 };
        // The upper bits may tell of a frame check sequence.
        match reader.order(word(&header, 20)) & 0x0fff_ffff {
            ETHERNET => Ok(reader),
            other => Err(Error::LinkType(other)),
        }
    }

    /// The next packet, or `None` at the end of the file.
    ///
    /// # Errors
    /// Where the file breaks off in the middle of a packet or claims what cannot be.
    pub fn next_record(&mut self) -> Result<Option<Record>, Error> {
        let number = self.count + 1;
        let mut header = [0; 16];
        match read_all(&mut self.source, &mut header)? {
            0 => return Ok(None),
            16 => {}
            _ => return Err(Error::CutShort(number)),
        }
        let [seconds, fraction, captured, length] = [0, 4, 8, 12].map(|at| self.order(word(&header, at)));
        if captured > LONGEST {
            return Err(Error::TooLong { number, length: captured, limit: LONGEST });
        }
        let mut bytes = vec![0; captured as usize];
        if read_all(&mut self.source, &mut bytes)? < bytes.len() {
            return Err(Error::CutShort(number));
        }
        self.count = number;
        let fraction = Duration::from_nanos(u64::from(fraction) * u64::from(self.unit));
        Ok(Some(Record { time: Duration::from_secs(seconds.into()) + fraction, bytes, length }))
    }

    fn order(&self, word: u32) -> u32 {
        if self.is_swapped { word.swap_bytes() } else { word }
    }
}

/// Writes a capture file of Ethernet frames, with nanoseconds, in little-endian order.
#[derive(Debug)]
pub struct Writer<W> {
    target: W,
}

impl<W: Write> Writer<W> {
    /// Writes the file's header.
    ///
    /// # Errors
    /// What the target answered.
    pub fn new(mut target: W) -> io::Result<Self> {
        let mut header = [0; 24];
        let version = 4 << 16 | 2;
        for (at, word) in [(0, NANOSECONDS), (4, version), (16, LONGEST), (20, ETHERNET)] {
            header[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        target.write_all(&header)?;
        Ok(Self { target })
    }

    /// Writes a frame that was seen at `time` since 1970, cut at 256 KiB.
    ///
    /// # Errors
    /// What the target answered.
    pub fn write(&mut self, time: Duration, frame: &[u8]) -> io::Result<()> {
        let kept = frame.get(..LONGEST as usize).unwrap_or(frame);
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut header = [0; 16];
        // The format's seconds end in 2106.
        let seconds = time.as_secs() as u32;
        for (at, word) in [(0, seconds), (4, time.subsec_nanos()), (8, kept.len() as u32), (12, length)] {
            header[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        self.target.write_all(&header)?;
        self.target.write_all(kept)
    }

    /// Passes on what is still buffered.
    ///
    /// # Errors
    /// What the target answered.
    pub fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4].iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte))
}

/// Fills the buffer as far as the source reaches, and says how far that is.
fn read_all(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match source.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(frames: &[(Duration, Vec<u8>)]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        for (time, frame) in frames {
            writer.write(*time, frame).unwrap();
        }
        file
    }

    fn read(file: &[u8]) -> Result<Vec<Record>, Error> {
        let mut reader = Reader::new(file)?;
        std::iter::from_fn(|| reader.next_record().transpose()).collect()
    }

    /// A file as another tool on another machine would have written it.
    fn foreign(magic: u32, order: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let words = [magic, 0, 0, 0, 65_535, ETHERNET, 1_700_000_000, 250, 3, 60];
        let mut file: Vec<u8> = words.into_iter().flat_map(order).collect();
        file.extend([1, 2, 3]);
        file
    }

    #[test]
    fn both_orders_and_both_units_are_read() {
        for order in [u32::to_le_bytes, u32::to_be_bytes] {
            for (magic, nanos) in [(MICROSECONDS, 250_000), (NANOSECONDS, 250)] {
                let time = Duration::new(1_700_000_000, nanos);
                let expected = Record { time, bytes: vec![1, 2, 3], length: 60 };
                assert_eq!(read(&foreign(magic, order)).unwrap(), [expected]);
            }
        }
    }

    #[test]
    fn what_is_no_ethernet_capture_is_refused() {
        let mut other_link = foreign(MICROSECONDS, u32::to_le_bytes);
        other_link[20] = 113;
        assert!(matches!(read(&other_link), Err(Error::LinkType(113))));
        let pcapng = [&[0x0a, 0x0d, 0x0d, 0x0a][..], &[0; 40]].concat();
        assert!(matches!(read(&pcapng), Err(Error::Magic(0x0a0d_0d0a))));
        assert!(matches!(read(&[0; 10]), Err(Error::Io(_))));
    }

    #[test]
    fn a_length_beyond_reason_takes_no_memory() {
        let mut file = foreign(MICROSECONDS, u32::to_le_bytes);
        file[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(read(&file), Err(Error::TooLong { number: 1, length: u32::MAX, .. })));
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

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn what_is_written_is_read(
            frames in proptest::collection::vec(
                ((0u64..1 << 32, 0u32..1_000_000_000), proptest::collection::vec(any::<u8>(), 0..200)), 0..8,
            ),
        ) {
            let frames: Vec<_> =
                frames.into_iter().map(|((s, n), bytes)| (Duration::new(s, n), bytes)).collect();
            let records: Vec<_> =
                read(&written(&frames)).unwrap().into_iter().map(|record| (record.time, record.bytes)).collect();
            prop_assert_eq!(records, frames);
        }

        #[test]
        fn no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), is_capture: bool) {
            let mut file = if is_capture { written(&[]) } else { Vec::new() };
            file.extend(bytes);
            let _ = read(&file);
        }
    }
}
