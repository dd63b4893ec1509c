//! The known word that a misspelt one most likely means.

/// The word that is fewest edits away, if that is few enough to be a slip.
#[must_use]
pub fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(edits, candidate)| *edits <= candidate.len().max(word.len()).div_ceil(3))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters, row by row.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (above, other) in row.iter().skip(1).zip(&to) {
            let here = (diagonal + usize::from(letter != *other))
                .min(above + 1)
                .min(left + 1);
            diagonal = *above;
            left = here;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_finds_none() {
        let known = ["certificate", "key", "path", "anchor", "user-header"];
        for (word, expected) in [
            ("certificat", Some("certificate")),
            ("user_header", Some("user-header")),
            ("pth", Some("path")),
            ("keys", Some("key")),
            ("anchro", Some("anchor")),
            ("completely-different", None),
        ] {
            assert_eq!(nearest(word, &known), expected, "{word}");
        }
    }
}
