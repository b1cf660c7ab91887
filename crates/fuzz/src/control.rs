//! Requests on the control socket, and the words that `explain` is asked with.

use control::{Line, Request, VERSION, read_request};
use explain::Words;
use packet::{Parsed, parse};

/// What requests are made of.
pub const WORDS: &[&str] = &[
    "\"version\":",
    "\"request\":",
    "\"status\"",
    "\"flows\"",
    "\"snat\"",
    "\"drops\"",
    "\"reload\"",
    "\"test-ip-flow\"",
    "\"explain\"",
    "\"from\":",
    "\"limit\":",
    "\"packet\":",
    "\"nic\":",
    "null",
    "-1",
    "1e999",
    "18446744073709551616",
    "[[[[",
    "{}",
    "\\u0000",
    "\\ud800",
    "\n",
    "tcp ",
    "udp ",
    "icmp ",
    "esp ",
    "10.0.1.4:443 ",
    "0.0.0.0",
    "flags=syn,ack",
    "ttl=255",
    "size=65535",
    "df",
];

/// Reads the first byte as the size of the pieces that the rest comes in.
pub fn run(input: &[u8]) {
    let Some((&size, text)) = input.split_first() else { return };
    let whole = assembled(text.chunks(text.len().max(1)));
    let pieces = assembled(text.chunks(usize::from(size) + 1));
    assert_eq!(whole, pieces, "how a request is cut changes what it is");
    let expected = text.iter().position(|&byte| byte == b'\n').map(|end| &text[..end]);
    if let Some(Ok(line)) = &whole {
        assert_eq!(Some(line.as_slice()), expected, "a request ends at its newline");
        request(line);
    }
    request(text);
    if let Ok(text) = std::str::from_utf8(text) {
        words(text);
    }
}

/// The request that arrives in these pieces, or why there is none; `None` where it goes on.
fn assembled<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<Result<Vec<u8>, String>> {
    let mut line = Line::default();
    for piece in pieces {
        match line.take(piece) {
            Ok(None) => {}
            Ok(Some(line)) => return Some(Ok(line)),
            Err(why) => return Some(Err(why)),
        }
    }
    None
}

/// What is read can be written and is read the same.
fn request(line: &[u8]) {
    let request = match read_request(line) {
        Ok(request) => request,
        Err(why) => return assert!(!why.is_empty(), "a refusal says why"),
    };
    let mut written = serde_json::to_value(&request).expect("a request can be written");
    written["version"] = VERSION.into();
    let again = read_request(&serde_json::to_vec(&written).expect("a value can be written"));
    assert_eq!(again.as_ref(), Ok(&request));
    if let Request::Explain { packet: control::Packet::Words(packet), .. } = &request {
        words(packet);
    }
}

/// A packet in words becomes a frame that says the same.
fn words(text: &str) {
    let words = match Words::parse(&[text]) {
        Ok(words) => words,
        Err(why) => return assert!(!why.is_empty(), "a refusal says why"),
    };
    assert!(!words.to_string().is_empty());
    let frame = words.frame([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]);
    match parse(&frame) {
        Ok(Parsed::Ip(packet)) => {
            assert_eq!(packet.source, words.source.0.into());
            assert_eq!(packet.destination, words.destination.0.into());
            assert_eq!((packet.protocol, packet.ttl), (words.protocol, words.ttl));
        }
        // A packet may be asked about that the path refuses: TCP without flags, or with SYN and RST.
        Err(packet::Malformed::TransportHeader) => {}
        other => panic!("{text}: {other:?}"),
    }
}
