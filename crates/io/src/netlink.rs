//! Reading what the kernel says over netlink.
//!
//! # Source
//! RFC 3549, section 2.3; everything is in host byte order.

pub(crate) const MESSAGE_HEADER: usize = 16;
pub(crate) const ATTRIBUTE_HEADER: usize = 4;

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
