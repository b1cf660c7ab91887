//! The known word that an unknown one was probably meant to be.

/// The candidate nearest to `word` whatever the case, or `None` where none is near. Of several the first by name, in
/// whatever order they come.
///
/// Near is an edit distance of at most a third of the word, and at most three.
///
/// # Cost
/// A few rows of a table of letters for each candidate of about the same length.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(MAX_LENGTH + 1).map(|c| c.to_ascii_lowercase()).collect();
    if word.len() > MAX_LENGTH {
        return None;
    }
    let reach = (word.len() / 3).min(3);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let other: Vec<char> =
            candidate.chars().take(MAX_LENGTH + 1).map(|c| c.to_ascii_lowercase()).collect();
        if other.len().abs_diff(word.len()) > reach {
            continue;
        }
        let within = best.map_or(reach, |(least, _)| least);
        if let Some(distance) = distance(&word, &other, within)
            && best.is_none_or(|least| (distance, candidate) < least)
        {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Whether a word could be another with at most so many letters wrong, in whatever case.
pub fn is_near(word: &str, other: &str, letters: usize) -> bool {
    let [word, other] = [word, other]
        .map(|it| it.chars().take(MAX_LENGTH + 1).map(|c| c.to_ascii_lowercase()).collect::<Vec<char>>());
    let is_short = word.len() <= MAX_LENGTH && word.len().abs_diff(other.len()) <= letters;
    is_short && distance(&word, &other, letters).is_some()
}

/// Longer words are not compared: no name of Azure's is longer, and the cost is quadratic.
const MAX_LENGTH: usize = 128;

/// How many letters must be inserted, deleted, replaced or swapped with their neighbour, if at most `within`.
fn distance(a: &[char], b: &[char], within: usize) -> Option<usize> {
    let mut before_last: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let mut least = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        // Distances never shrink from two rows to the next, so most candidates are done with here.
        if last.iter().chain(&row).min().is_some_and(|&least| least > within) {
            return None;
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().filter(|&distance| distance <= within)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_seen_through() {
        let tags = ["VirtualNetwork", "Internet", "Storage", "Sql"];
        assert_eq!(nearest("virtualnetwrok", tags), Some("VirtualNetwork"));
        assert_eq!(nearest("Strage", tags), Some("Storage"));
        assert_eq!(nearest("sgl", tags), Some("Sql"));
        assert_eq!(nearest("web-subnet", tags), None);
        assert_eq!(nearest("Itnernet", tags), Some("Internet"));
        assert_eq!(nearest("", tags), None);
        assert_eq!(nearest("b", ["a", "c"]), None, "everything is near to a letter");
        assert_eq!(nearest(&"x".repeat(100_000), tags), None);
    }

    #[test]
    fn of_equally_near_ones_it_is_always_the_same() {
        for names in [["vm2", "vm1", "vm3"], ["vm3", "vm2", "vm1"]] {
            assert_eq!(nearest("vm4", names), Some("vm1"));
        }
    }
}
