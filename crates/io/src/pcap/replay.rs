//! Attachments whose frames come from capture files and go to capture files.

use super::{Error, Reader, Writer};
use crate::{Links, Statistics};
use packet::checksum::finish;
use packet::{AttachmentId, Checksum, Frame, Offload};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};
use std::time::Duration;

/// Attachments over capture files.
///
/// A file knows no offloads: frames read have finished checksums and no segments, and an unfinished checksum is
/// finished when its frame is written. A super-frame is written as one.
#[derive(Debug, Default)]
pub struct Replay {
    ends: BTreeMap<AttachmentId, End>,
    time: Duration,
    scratch: Vec<u8>,
}

#[derive(Default)]
struct End {
    input: Option<Reader<Box<dyn Read + Send>>>,
    output: Option<Writer<Box<dyn Write + Send>>>,
    statistics: Statistics,
}

impl Replay {
    /// No attachments yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the frames of a file arrive on an attachment.
    ///
    /// # Errors
    /// Where it is no capture file of Ethernet frames.
    pub fn read_from(&mut self, on: AttachmentId, file: impl Read + Send + 'static) -> Result<(), Error> {
        let reader = Reader::new(Box::new(file) as Box<dyn Read + Send>)?;
        self.ends.entry(on).or_default().input = Some(reader);
        Ok(())
    }

    /// Keeps what is sent to an attachment in a file. Without one it is counted and forgotten.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn write_to(&mut self, to: AttachmentId, file: impl Write + Send + 'static) -> Result<(), Error> {
        let writer = Writer::new(Box::new(file) as Box<dyn Write + Send>)?;
        self.ends.entry(to).or_default().output = Some(writer);
        Ok(())
    }

    /// When the last frame that arrived was captured, since 1970.
    pub fn time(&self) -> Duration {
        self.time
    }

    /// Passes on what the output files still buffer.
    ///
    /// # Errors
    /// The first answer of a file that cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.ends.values_mut().filter_map(|end| end.output.as_mut()).try_for_each(Writer::flush)
    }

    fn put(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) -> bool {
        let Some(end) = self.ends.get_mut(&to) else { return false };
        self.scratch.clear();
        self.scratch.extend_from_slice(frame);
        if let Checksum::Partial { start, offset } = offload.checksum {
            finish(&mut self.scratch, start.into(), offset.into());
        }
        match end.output.as_mut().map_or(Ok(()), |file| file.write(self.time, &self.scratch)) {
            Ok(()) => end.statistics.sent += 1,
            Err(_) => end.statistics.send_failures += 1,
        }
        true
    }
}

impl Links for Replay {
    /// Also fails where the file breaks off or claims what cannot be.
    fn relay(
        &mut self,
        from: AttachmentId,
        budget: usize,
        mut judge: impl FnMut(&mut Frame<'_>) -> Option<AttachmentId>,
    ) -> io::Result<usize> {
        for taken in 0..budget {
            let end = self.ends.get_mut(&from).ok_or(io::ErrorKind::NotFound)?;
            let Some(input) = end.input.as_mut() else { return Ok(taken) };
            let record =
                input.next_record().map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            let Some(mut record) = record? else { return Ok(taken) };
            self.time = record.time;
            if record.bytes.len() < record.length as usize {
                end.statistics.truncated += 1;
                continue;
            }
            end.statistics.received += 1;
            let mut frame = Frame { bytes: &mut record.bytes, offload: Offload::default() };
            let to = judge(&mut frame);
            let offload = frame.offload;
            let is_lost = to.is_some_and(|to| !self.put(to, &record.bytes, offload));
            if let Some(end) = self.ends.get_mut(&from).filter(|_| is_lost) {
                end.statistics.refused += 1;
            }
        }
        Ok(budget)
    }

    fn send(&mut self, to: AttachmentId, frame: &[u8], offload: Offload) -> bool {
        let sent = self.statistics(to).sent;
        self.put(to, frame, offload);
        self.statistics(to).sent > sent
    }

    /// Returns at once: a file has nothing to wait for.
    fn wait(&mut self, _timeout: Duration) -> io::Result<()> {
        Ok(())
    }

    fn statistics(&self, attachment: AttachmentId) -> Statistics {
        self.ends.get(&attachment).map(|end| end.statistics).unwrap_or_default()
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End")
            .field("reads", &self.input.is_some())
            .field("writes", &self.output.is_some())
            .field("statistics", &self.statistics)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;
    use std::sync::{Arc, Mutex};

    const IN: AttachmentId = AttachmentId(1);
    const OUT: AttachmentId = AttachmentId(2);

    /// A file in memory that can be read after it was given away.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Shared {
        fn frames(&self) -> Vec<(Duration, Vec<u8>)> {
            let mut reader = Reader::new(Cursor::new(self.0.lock().unwrap().clone())).unwrap();
            let records = std::iter::from_fn(move || reader.next_record().unwrap());
            records.map(|record| (record.time, record.bytes)).collect()
        }
    }

    fn capture(frames: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file).unwrap();
        for (seconds, frame) in frames {
            writer.write(Duration::from_secs(*seconds), frame).unwrap();
        }
        file
    }

    #[test]
    fn frames_go_from_file_to_file_with_their_times() {
        let (mut replay, output) = (Replay::new(), Shared::default());
        replay.read_from(IN, Cursor::new(capture(&[(5, &[1; 20]), (6, &[2; 30]), (7, &[3; 40])]))).unwrap();
        replay.write_to(OUT, output.clone()).unwrap();
        let judged = replay.relay(IN, 10, |frame| (frame.bytes[0] != 2).then_some(OUT));
        assert_eq!(judged.unwrap(), 3);
        assert_eq!(replay.time(), Duration::from_secs(7));
        let expected = [(Duration::from_secs(5), vec![1; 20]), (Duration::from_secs(7), vec![3; 40])];
        assert_eq!(output.frames(), expected);
        assert_eq!(replay.relay(IN, 10, |_| Some(OUT)).unwrap(), 0, "the file is over");
    }

    #[test]
    fn an_unfinished_checksum_is_finished_on_the_way_into_a_file() {
        let (mut replay, output) = (Replay::new(), Shared::default());
        replay.write_to(OUT, output.clone()).unwrap();
        let offload = Offload { checksum: Checksum::Partial { start: 4, offset: 2 }, segments: None };
        replay.send(OUT, &[9, 9, 9, 9, 0x12, 0x34, 0x00, 0x10], offload);
        // The complement of 0x1234 + 0x0010.
        assert_eq!(output.frames()[0].1, [9, 9, 9, 9, 0x12, 0x34, 0xed, 0xbb]);
    }

    #[test]
    fn a_packet_captured_in_part_is_never_judged() {
        let mut file = capture(&[(1, &[1; 20])]);
        file[36..40].copy_from_slice(&60u32.to_le_bytes());
        let mut replay = Replay::new();
        replay.read_from(IN, Cursor::new(file)).unwrap();
        assert_eq!(replay.relay(IN, 10, |_| panic!("judged")).unwrap(), 1);
        assert_eq!(replay.statistics(IN), Statistics { truncated: 1, ..Default::default() });
    }

    #[test]
    fn a_broken_file_is_an_error_that_says_where() {
        let mut file = capture(&[(1, &[1; 20]), (2, &[2; 20])]);
        file.truncate(file.len() - 1);
        let mut replay = Replay::new();
        replay.read_from(IN, Cursor::new(file)).unwrap();
        let error = replay.relay(IN, 10, |_| None).unwrap_err();
        assert_eq!(error.to_string(), "the file ends in the middle of packet 2");
    }
}
