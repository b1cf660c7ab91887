//! How much of what a file says is said again.

/// So many characters of a quotation, or of a word, are enough to know it by.
const QUOTED: usize = 200;
/// A message is no longer, whatever it quotes.
const TEXT: usize = 4000;

/// A text of which every quotation, and every word outside of them, has some hundred characters at most; an ellipsis
/// stands for the rest.
///
/// A value may have as many bytes as its file, and so would each message that quotes it.
///
/// # Cost
/// One look at each character.
pub fn bounded(text: String) -> String {
    if text.len() <= QUOTED {
        return text;
    }
    let (mut short, mut left, mut closes) = (String::new(), text.as_str(), [true; 2]);
    while let Some((before, mark, quoted, after)) = quotation(left, &mut closes) {
        words(before, &mut short);
        short.push(mark);
        cut(quoted, &mut short);
        short.push(mark);
        left = after;
    }
    words(left, &mut short);
    match short.char_indices().nth(TEXT) {
        Some((at, _)) => format!("{}…", &short[..at]),
        None => short,
    }
}

/// What stands before the first quotation, its mark, what is quoted, and the rest. `closes` tells which marks still close
/// one: where a search found no end, a later one need not look.
fn quotation<'a>(text: &'a str, closes: &mut [bool; 2]) -> Option<(&'a str, char, &'a str, &'a str)> {
    let is_word = |it: Option<char>| it.is_some_and(char::is_alphanumeric);
    let mut last = None;
    for (start, mark) in text.char_indices() {
        let before = last.replace(mark);
        let Some(kind) = ['\'', '"'].iter().position(|it| *it == mark) else { continue };
        // After a letter it is an apostrophe.
        if is_word(before) || !closes[kind] {
            continue;
        }
        let inside = &text[start + 1..];
        let mut ends = inside.match_indices(mark).map(|(at, _)| at);
        match ends.find(|at| !is_word(inside[at + 1..].chars().next())) {
            Some(end) => return Some((&text[..start], mark, &inside[..end], &inside[end + 1..])),
            None => closes[kind] = false,
        }
    }
    None
}

fn words(text: &str, short: &mut String) {
    for word in text.split_inclusive(char::is_whitespace) {
        let bare = word.trim_end_matches(char::is_whitespace);
        cut(bare, short);
        short.push_str(&word[bare.len()..]);
    }
}

fn cut(text: &str, short: &mut String) {
    match text.char_indices().nth(QUOTED) {
        Some((at, _)) => {
            short.push_str(&text[..at]);
            short.push('…');
        }
        None => short.push_str(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_short_is_left_alone() {
        let text = "rule 'web/a b' of \"x\" isn't a rule: it's none, 'nor' that".repeat(20);
        assert_eq!(bounded(text.clone()), text);
        assert_eq!(bounded("x".repeat(QUOTED)), "x".repeat(QUOTED));
    }

    #[test]
    fn only_the_quotation_is_cut() {
        let (name, cut) = ("long name ".repeat(100_000), "long name ".repeat(QUOTED / 10));
        let said = bounded(format!("the type '{name}' isn't honoured, and \"{name}\" isn't either"));
        assert_eq!(said, format!("the type '{cut}…' isn't honoured, and \"{cut}…\" isn't either"));
        let word = "é".repeat(100_000);
        let cut = "é".repeat(QUOTED);
        assert_eq!(bounded(format!("{word} of {word}")), format!("{cut}… of {cut}…"));
    }

    #[test]
    fn no_text_is_long() {
        for text in ["'", "\"", " '", " 'a", "a ", "' '", "'\"", "é '"] {
            assert!(bounded(text.repeat(1_000_000)).chars().count() <= TEXT + 1, "{text}");
        }
    }
}
