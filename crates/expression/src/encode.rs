//! Base 64, percent signs, and relative URIs.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// # Source
/// RFC 4648, section 4
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for nth in 0..4 {
            let index = (bits >> (18 - 6 * nth) & 63) as usize;
            let letter = ALPHABET.get(index).map_or('=', |letter| char::from(*letter));
            out.push(if nth <= chunk.len() { letter } else { '=' });
        }
    }
    out
}

/// The bytes, or `None` for what is no base 64; white space is skipped as .NET does.
pub(crate) fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    let letters: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if !letters.len().is_multiple_of(4) {
        return None;
    }
    let mut bytes = Vec::with_capacity(letters.len() / 4 * 3);
    let groups = letters.len() / 4;
    for (nth, group) in letters.chunks(4).enumerate() {
        let filled = group.iter().rposition(|letter| *letter != b'=').map_or(0, |last| last + 1);
        if filled < 2 || (filled < 4 && nth + 1 < groups) {
            return None;
        }
        let mut bits = 0_u32;
        for letter in group.iter().take(filled) {
            bits = bits << 6 | ALPHABET.iter().position(|known| known == letter)? as u32;
        }
        bits <<= 6 * (4 - filled);
        bytes.extend(bits.to_be_bytes().into_iter().skip(1).take(filled - 1));
    }
    Some(bytes)
}

/// # Source
/// RFC 3986, section 2.3: what is not reserved stays.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A percent sign that no two digits follow stays.
pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |nth: usize| char::from(*bytes.get(nth)?).to_digit(16);
    let mut out = Vec::with_capacity(bytes.len());
    let mut nth = 0;
    while let Some(&byte) = bytes.get(nth) {
        match (byte, digit(nth + 1), digit(nth + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                nth += 3;
            }
            _ => {
                out.push(byte);
                nth += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A URI as it is meant beside another.
///
/// # Source
/// RFC 3986, section 5.2
pub(crate) fn resolve(base: &str, relative: &str) -> String {
    if scheme(relative).is_some() {
        return relative.to_owned();
    }
    let scheme = scheme(base).unwrap_or_default();
    let rest = base.get(scheme.len()..).unwrap_or_default();
    if relative.starts_with("//") {
        return format!("{scheme}{relative}");
    }
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(after) => rest.split_at(2 + after.find(['/', '?', '#']).unwrap_or(after.len())),
        None => ("", rest),
    };
    let before = |text: &str, marks: &[char]| text.find(marks).unwrap_or(text.len());
    let path = rest.get(..before(rest, &['?', '#'])).unwrap_or_default();
    let query = rest.get(path.len()..before(rest, &['#'])).unwrap_or_default();
    if relative.is_empty() {
        return format!("{scheme}{authority}{}{query}", without_dots(path));
    }
    let (way, tail) = relative.split_at(before(relative, &['?', '#']));
    let (path, query) = if way.starts_with('/') {
        (way.to_owned(), "")
    } else if way.is_empty() {
        (path.to_owned(), if tail.starts_with('#') { query } else { "" })
    } else {
        let parent = path.rfind('/').map_or(0, |slash| slash + 1);
        let slash = if parent == 0 && !authority.is_empty() { "/" } else { "" };
        (format!("{slash}{}{way}", path.get(..parent).unwrap_or_default()), "")
    };
    format!("{scheme}{authority}{}{query}{tail}", without_dots(&path))
}

/// The parts of a URI with an authority.
pub(crate) struct Uri<'u> {
    pub(crate) scheme: &'u str,
    pub(crate) host: &'u str,
    pub(crate) port: Option<u16>,
    pub(crate) path: &'u str,
    /// With its question mark; may be empty.
    pub(crate) query: &'u str,
}

/// A URI in its parts, or `None` for what is none with a host.
///
/// # Source
/// RFC 3986, section 3
pub(crate) fn parts(uri: &str) -> Option<Uri<'_>> {
    let named = scheme(uri)?;
    let rest = uri.get(named.len()..)?.strip_prefix("//")?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let place = authority.rsplit('@').next().unwrap_or_default();
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match place.rsplit_once(':').filter(|(_, port)| !port.contains(']')) {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (place, None),
    };
    let path = if path.is_empty() { "/" } else { path };
    (!host.is_empty()).then_some(Uri { scheme: named.trim_end_matches(':'), host, port, path, query })
}

/// The scheme with its colon.
fn scheme(uri: &str) -> Option<&str> {
    let end = uri.find([':', '/', '?', '#'])?;
    let name = uri.get(..end)?;
    let is = name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it));
    if is && uri.get(end..)?.starts_with(':') { uri.get(..=end) } else { None }
}

/// # Source
/// RFC 3986, section 5.2.4
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." => kept.extend(last.then_some("")),
            ".." => {
                if kept.len() > 1 || kept.last().is_some_and(|part| !part.is_empty()) {
                    kept.pop();
                }
                kept.extend(last.then_some(""));
            }
            part => kept.push(part),
        }
    }
    kept.join("/")
}
