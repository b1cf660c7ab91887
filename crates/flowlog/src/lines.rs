//! A stream that counts its lines, and ends with an error where one record goes on and on.

use crate::MAX_RECORD;
use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

/// How far a stream has been read.
#[derive(Debug)]
pub(crate) struct Position {
    line: Cell<u64>,
    /// The bytes that the present record may still have.
    left: Cell<u64>,
}

impl Position {
    /// The line that is being read, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.line.get()
    }

    /// Another record begins, or one is over.
    pub(crate) fn renew(&self) {
        self.left.set(MAX_RECORD);
    }
}

/// The bytes of a log, without the mark that may stand before them.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    stream: R,
    position: Rc<Position>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(mut stream: R) -> io::Result<(Self, Rc<Position>)> {
        if stream.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            stream.consume(3);
        }
        let position = Rc::new(Position { line: Cell::new(1), left: Cell::new(MAX_RECORD) });
        Ok((Self { stream, position: Rc::clone(&position) }, position))
    }
}

impl<R: BufRead> Read for Lines<R> {
    /// Never more than one byte, so that the line is always that of what was read last.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some(to), Some(&byte)) = (buffer.first_mut(), self.stream.fill_buf()?.first()) else {
            return Ok(0);
        };
        *to = byte;
        self.stream.consume(1);
        let Position { line, left } = &*self.position;
        line.set(line.get() + u64::from(byte == b'\n'));
        let rest = left.get().checked_sub(1).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a record of more than {} MiB", MAX_RECORD >> 20),
            )
        })?;
        left.set(rest);
        Ok(1)
    }
}
