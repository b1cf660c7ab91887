//! Asking the kernel over netlink, and reading what it says.
//!
//! # Source
//! RFC 3549, section 2.3; everything is in host byte order.

use crate::sys;
use std::fs::File;
use std::io::{self, Read, Write};

pub(crate) const MESSAGE_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;

const REQUEST: u16 = libc::NLM_F_REQUEST as u16;
const ACKNOWLEDGE: u16 = libc::NLM_F_ACK as u16;
/// All that there are.
pub(crate) const DUMP: u16 = libc::NLM_F_DUMP as u16;

/// A connection to the kernel's interfaces and traffic control in the calling thread's network namespace.
#[derive(Debug)]
pub(crate) struct Connection {
    socket: File,
    sequence: u32,
}

impl Connection {
    pub(crate) fn open() -> io::Result<Self> {
        Ok(Self { socket: sys::device::route_socket(0)?, sequence: 0 })
    }

    /// Sends a request and waits until it is done.
    pub(crate) fn ask(&mut self, message: Message) -> io::Result<()> {
        self.ask_for(message, |_, _| {})
    }

    /// Sends a request, takes what the kernel says to it, and waits until it is done.
    pub(crate) fn ask_for(&mut self, mut message: Message, each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        message.add_flags(ACKNOWLEDGE);
        self.exchange(message, each)
    }

    /// Sends a request and reads until its end: an acknowledgement, an error, or the end of a list.
    pub(crate) fn exchange(&mut self, message: Message, mut each: impl FnMut(u16, &[u8])) -> io::Result<()> {
        self.sequence += 1;
        self.socket.write_all(&message.finish(self.sequence))?;
        // A list comes in pieces of at most 32 KiB.
        let mut buffer = vec![0; 64 << 10];
        loop {
            let length = self.socket.read(&mut buffer)?;
            let mut rest = buffer.get(..length).unwrap_or_default();
            while let Some((kind, sequence, body, after)) = split_message(rest) {
                rest = after;
                match i32::from(kind) {
                    _ if sequence != self.sequence => {}
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        return match word(body, 0).map(|code| code as i32) {
                            Some(0) => Ok(()),
                            Some(code) => Err(io::Error::from_raw_os_error(-code)),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => each(kind, body),
                }
            }
        }
    }
}

/// A request under construction.
#[derive(Debug)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    /// A request with the words of its kind's own header.
    pub(crate) fn new(kind: u16, flags: u16, header: &[u32]) -> Self {
        let mut bytes = vec![0; MESSAGE_HEADER];
        bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&(flags | REQUEST).to_ne_bytes());
        bytes.extend(header.iter().flat_map(|word| word.to_ne_bytes()));
        Self(bytes)
    }

    fn add_flags(&mut self, flags: u16) {
        let present = u16::from_ne_bytes([self.0[6], self.0[7]]);
        self.0[6..8].copy_from_slice(&(present | flags).to_ne_bytes());
    }

    pub(crate) fn word(self, kind: u16, word: u32) -> Self {
        self.bytes(kind, &word.to_ne_bytes())
    }

    pub(crate) fn text(self, kind: u16, text: &str) -> Self {
        self.bytes(kind, &[text.as_bytes(), &[0]].concat())
    }

    pub(crate) fn nest(self, kind: u16, fill: impl FnOnce(Self) -> Self) -> Self {
        let inner = fill(Self(Vec::new()));
        self.bytes(kind, &inner.0)
    }

    pub(crate) fn bytes(mut self, kind: u16, value: &[u8]) -> Self {
        let length = (ATTRIBUTE_HEADER + value.len()) as u16;
        self.0.extend(length.to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    pub(crate) fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[0..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// The first message: its kind, its sequence number, its body, and what follows it.
pub(crate) fn split_message(bytes: &[u8]) -> Option<(u16, u32, &[u8], &[u8])> {
    let length = word(bytes, 0)? as usize;
    let body = bytes.get(MESSAGE_HEADER..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    Some((half(bytes, 4)?, word(bytes, 8)?, body, after))
}

/// The first attribute: its kind, its value, and what follows it.
fn split_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::from(half(bytes, 0)?);
    let value = bytes.get(ATTRIBUTE_HEADER..length)?;
    let after = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    // The two upper bits say how the value is coded, not what it is.
    Some((half(bytes, 2)? & 0x3fff, value, after))
}

pub(crate) fn attribute(mut bytes: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((kind, value, after)) = split_attribute(bytes) {
        if kind == wanted {
            return Some(value);
        }
        bytes = after;
    }
    None
}

pub(crate) fn text(value: &[u8]) -> String {
    let end = value.iter().position(|byte| *byte == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

pub(crate) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shorter_than_its_header_is_nothing() {
        assert_eq!(split_attribute(&[0, 0, 0, 0]), None);
        assert_eq!(split_message(&[0; MESSAGE_HEADER]), None);
    }
}
