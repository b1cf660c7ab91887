//! A reader of our output who may have enough of it.

use std::io::{self, ErrorKind, Write};

/// A writer whose reader may go before the end, as `head` does: what is written after that goes nowhere, so that a command
/// comes to its end and exits with the status that its answer means.
#[derive(Debug)]
pub(super) struct Reader<W> {
    to: W,
    has_gone: bool,
}

impl<W: Write> Reader<W> {
    pub(super) const fn new(to: W) -> Self {
        Self { to, has_gone: false }
    }

    /// What was done, or `otherwise` where the reader has gone.
    fn or_gone<T>(&mut self, done: io::Result<T>, otherwise: T) -> io::Result<T> {
        match done {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.has_gone = true;
                Ok(otherwise)
            }
            done => done,
        }
    }
}

impl<W: Write> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.has_gone {
            return Ok(bytes.len());
        }
        let done = self.to.write(bytes);
        self.or_gone(done, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.has_gone {
            return Ok(());
        }
        let done = self.to.flush();
        self.or_gone(done, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, and fails with the kind of error then.
    struct Taking(usize, ErrorKind);

    impl Write for Taking {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.0.min(bytes.len()) {
                0 => Err(self.1.into()),
                taken => {
                    self.0 -= taken;
                    Ok(taken)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            if self.0 == 0 { Err(self.1.into()) } else { Ok(()) }
        }
    }

    #[test]
    fn a_reader_may_go_and_nothing_else_may_fail() {
        let mut gone = Reader::new(Taking(3, ErrorKind::BrokenPipe));
        gone.write_all(b"a long answer").unwrap();
        assert!(gone.has_gone);
        gone.write_all(b"and more").unwrap();
        gone.flush().unwrap();
        let mut full = Reader::new(Taking(3, ErrorKind::StorageFull));
        assert_eq!(full.write_all(b"a long answer").unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(full.flush().unwrap_err().kind(), ErrorKind::StorageFull);
    }
}
