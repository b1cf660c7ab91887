//! Lines to stderr that nobody waits for.
//!
//! Whoever reads a log may be slow, hang or be gone, and a thread that waited for it would neither relay nor end. So nothing is
//! written where it would have to wait: the kernel is asked before, and the descriptor does not block where it can be had
//! so, which is with pipes and terminals. Opened anew it is ours alone: whoever else writes there still waits as before.
//!
//! What was asked before may still have to wait on a terminal of another user, and on a file of a server that is gone.

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};

/// The most that is written at once: whatever says that it takes more takes so much (`PIPE_BUF`).
const PIECE: usize = 4096;

/// Says how many lines were lost, in a line.
type Told = Box<dyn Fn(u64) -> String + Send>;

/// A descriptor to which lines are written, whole or not at all.
pub(crate) struct Lines {
    out: File,
    told: Told,
    /// The lines that nobody has been told of.
    lost: u64,
    /// Whether the last line broke off.
    is_broken: bool,
}

impl Lines {
    /// Lines to stderr; `told` says how many were lost, in a line.
    ///
    /// # Errors
    /// Where stderr is closed.
    pub(crate) fn to_stderr(told: Told) -> io::Result<Self> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        Ok(Self::to(stderr, "/proc/self/fd/2", told))
    }

    /// Lines to a descriptor that can be opened anew under a path.
    fn to(out: File, path: &str, told: Told) -> Self {
        let kind = out.metadata().map(|metadata| metadata.file_type());
        let can_wait = kind.is_ok_and(|kind| kind.is_fifo() || kind.is_char_device());
        let anew = can_wait.then(|| {
            let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
            OpenOptions::new().write(true).custom_flags(flags).open(path)
        });
        let out = anew.and_then(Result::ok).unwrap_or(out);
        Self { out, told, lost: 0, is_broken: false }
    }

    /// Writes one line, and before it how many were lost; or loses it, too.
    fn line(&mut self, line: &[u8]) {
        if self.lost > 0 && self.put((self.told)(self.lost).as_bytes()) {
            self.lost = 0;
        }
        if self.lost > 0 || !self.put(line) {
            self.lost += 1;
        }
    }

    /// Writes one line; whether that was possible at once.
    fn put(&mut self, line: &[u8]) -> bool {
        if self.is_broken && self.write_at_once(b"\n") < 1 {
            return false;
        }
        let written = self.write_at_once(line);
        self.is_broken = (1..line.len()).contains(&written);
        written == line.len()
    }

    /// Writes as much as can be written at once; how many bytes.
    fn write_at_once(&mut self, bytes: &[u8]) -> usize {
        let mut left = bytes;
        while !left.is_empty() && takes_more(&self.out) {
            let piece = left.get(..PIECE).unwrap_or(left);
            match self.out.write(piece) {
                Ok(0) => break,
                Ok(count) => left = left.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        bytes.len() - left.len()
    }
}

fn takes_more(out: &File) -> bool {
    let mut asked = [PollFd::new(out.as_fd(), PollFlags::POLLOUT)];
    // An error is what the write will meet; it does not wait.
    poll(&mut asked, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("out", &self.out).field("lost", &self.lost).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read as _, pipe};
    use std::os::fd::{AsRawFd as _, OwnedFd};

    fn lines() -> (PipeReader, Lines) {
        let (reader, writer) = pipe().unwrap();
        let writer = File::from(OwnedFd::from(writer));
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        (reader, Lines::to(writer, &path, Box::new(|count| format!("{count} lost\n"))))
    }

    /// As much as is there.
    fn read(reader: &mut PipeReader) -> String {
        let mut bytes = vec![0; 1 << 20];
        let length = reader.read(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Writes lines until one is lost; how many were not.
    fn fill(lines: &mut Lines, line: &str) -> usize {
        let mut written = 0;
        while lines.lost == 0 {
            lines.line(line.as_bytes());
            written += 1;
        }
        written - 1
    }

    #[test]
    fn a_full_pipe_loses_lines_and_the_next_one_that_gets_through_says_how_many() {
        let (mut reader, mut lines) = lines();
        let line = "x".repeat(99) + "\n";
        let written = fill(&mut lines, &line);
        for _ in 0..9 {
            lines.line(line.as_bytes());
        }
        let whole = read(&mut reader);
        // The one that found no room may have left its beginning.
        assert_eq!(whole.lines().filter(|line| line.len() == 99).count(), written);
        let is_broken = !whole.ends_with('\n');
        lines.line(b"after\n");
        lines.line(b"later\n");
        let end = if is_broken { "\n" } else { "" };
        assert_eq!(read(&mut reader), format!("{end}10 lost\nafter\nlater\n"));
    }

    #[test]
    fn a_line_longer_than_the_room_for_it_breaks_off_and_ends_before_the_next() {
        let (mut reader, mut lines) = lines();
        lines.line(&vec![b'y'; 1 << 20]);
        assert_eq!(lines.lost, 1);
        let begun = read(&mut reader).len();
        assert!((1..1 << 20).contains(&begun));
        lines.line(b"after\n");
        assert_eq!(read(&mut reader), "\n1 lost\nafter\n");
    }

    #[test]
    fn where_nobody_reads_any_more_lines_are_lost() {
        let (reader, mut lines) = lines();
        drop(reader);
        assert_eq!(fill(&mut lines, "x\n"), 0);
        lines.line(b"y\n");
        assert_eq!(lines.lost, 2);
    }
}
