//! Texts counted as .NET counts them, in units of UTF-16.

/// A text, with lengths and places in units of UTF-16.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Units<'a>(&'a str);

impl<'a> Units<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text)
    }

    pub(crate) fn length(self) -> usize {
        if self.0.is_ascii() { self.0.len() } else { self.0.encode_utf16().count() }
    }

    /// At most `count` units from `from` on. Half of a pair becomes U+FFFD.
    pub(crate) fn slice(self, from: usize, count: usize) -> String {
        if self.0.is_ascii() {
            let from = from.min(self.0.len());
            let to = from.saturating_add(count).min(self.0.len());
            return self.0.get(from..to).unwrap_or_default().to_owned();
        }
        let units: Vec<u16> = self.0.encode_utf16().skip(from).take(count).collect();
        String::from_utf16_lossy(&units)
    }

    /// The text with each letter small, and as many units as before.
    pub(crate) fn folded(text: &str) -> String {
        text.chars().map(|it| alone(it, it.to_lowercase())).collect()
    }

    /// The text with each letter large, and as many units as before.
    pub(crate) fn raised(text: &str) -> String {
        text.chars().map(|it| alone(it, it.to_uppercase())).collect()
    }
}

/// The other case of a letter, where that is one letter of the same size; .NET knows no others.
fn alone(letter: char, mut other: impl Iterator<Item = char>) -> char {
    match (other.next(), other.next()) {
        (Some(one), None) if one.len_utf16() == letter.len_utf16() => one,
        _ => letter,
    }
}
