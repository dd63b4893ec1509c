//! What is told about a document: places, errors and warnings, and the words they are made of.
//!
//! Texts are put together by `concat`: the formatting machinery of the standard library would be a tenth of the component.

/// What is wrong with a policy document, or unwise, and where. The texts quote at most 40 characters of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyError {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The key, with its table: `totp.window`. Empty if the line could not be read.
    pub field: String,
    /// What was found.
    pub problem: String,
    /// What would be right: the allowed range, or the nearest known key.
    pub help: String,
}

/// A place in the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Place {
    pub(crate) const START: Self = Self { line: 1, column: 1 };

    /// The place behind `text`, which begins here.
    pub(crate) fn after(self, text: &str) -> Self {
        text.chars().fold(self, |place, character| match character {
            '\n' => Self {
                line: place.line.saturating_add(1),
                column: 1,
            },
            _ => Self {
                column: place.column.saturating_add(1),
                ..place
            },
        })
    }
}

/// Errors and warnings, each at most [`Report::MAX`].
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) errors: Vec<PolicyError>,
    pub(crate) warnings: Vec<PolicyError>,
}

impl Report {
    /// The contract promises complete errors up to this many.
    pub(crate) const MAX: usize = 64;

    pub(crate) fn error(&mut self, place: Place, field: &str, problem: String, help: String) {
        push(&mut self.errors, place, field, problem, help);
    }

    pub(crate) fn warn(&mut self, place: Place, field: &str, problem: String, help: String) {
        push(&mut self.warnings, place, field, problem, help);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.errors.len() >= Self::MAX
    }

    /// In the order of the document: rules between keys are judged after all keys were read.
    pub(crate) fn sort(&mut self) {
        for list in [&mut self.errors, &mut self.warnings] {
            list.sort_by_key(|error| (error.line, error.column));
        }
    }
}

fn push(list: &mut Vec<PolicyError>, place: Place, field: &str, problem: String, help: String) {
    if list.len() < Report::MAX {
        list.push(PolicyError {
            line: place.line,
            column: place.column,
            field: field.into(),
            problem,
            help,
        });
    }
}

/// Text of the document, short and without control characters, in backticks.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("`");
    for (at, character) in text.chars().enumerate() {
        if at == 40 {
            out.push('…');
            break;
        }
        out.push(if character.is_control() {
            '\u{fffd}'
        } else {
            character
        });
    }
    out.push('`');
    out
}

/// A number in decimal.
pub(crate) fn decimal(mut value: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(b'0'.saturating_add((value % 10) as u8)));
        value /= 10;
        if value == 0 {
            return digits.iter().rev().collect();
        }
    }
}

/// Words as a list: `a`, `b` or `c`.
pub(crate) fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let mut words = words.into_iter().peekable();
    let mut out = String::new();
    while let Some(word) = words.next() {
        if !out.is_empty() {
            out.push_str(if words.peek().is_some() { ", " } else { " or " });
        }
        out.push_str(&quoted(word));
    }
    out
}

/// The known word that is nearest to what was written, if it is near enough to be a slip: at most two letters changed,
/// added or left out, and fewer than half of them.
pub(crate) fn nearest<'w>(
    written: &str,
    known: impl IntoIterator<Item = &'w str>,
) -> Option<&'w str> {
    known
        .into_iter()
        .filter_map(|word| Some((distance(written, word)?, word)))
        .filter(|(distance, word)| *distance <= 2 && distance * 2 < word.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Levenshtein's distance in octets; none for words that are too long for any key.
fn distance(a: &str, b: &str) -> Option<usize> {
    const LONGEST: usize = 32;
    if a.len() > LONGEST || b.len() > LONGEST {
        return None;
    }
    let fold = |octet: u8| {
        if octet == b'_' {
            b'-'
        } else {
            octet.to_ascii_lowercase()
        }
    };
    let mut row = [0_usize; LONGEST + 1];
    for (at, cell) in row.iter_mut().enumerate() {
        *cell = at;
    }
    for (line, x) in a.bytes().enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        let mut cells = row.iter_mut();
        if let Some(first) = cells.next() {
            *first = left;
        }
        for (cell, y) in cells.zip(b.bytes()) {
            let above = *cell;
            let changed = diagonal + usize::from(fold(x) != fold(y));
            *cell = changed.min(above + 1).min(left + 1);
            diagonal = above;
            left = *cell;
        }
    }
    row.get(b.len()).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["window", "drift-cap", "resync-window"];
        for (written, expected) in [
            ("windw", Some("window")),
            ("Window", Some("window")),
            ("drift_cap", Some("drift-cap")),
            ("resync", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, known), expected, "{written}");
        }
        assert_eq!(distance("kitten", "sitting"), Some(3));
    }

    #[test]
    fn places_count_characters() {
        assert_eq!(Place::START.after("é\nöx"), Place { line: 2, column: 3 });
    }

    #[test]
    fn numbers_read_as_usual() {
        assert_eq!([0, 7, 10, 65_536].map(decimal), ["0", "7", "10", "65536"]);
    }

    #[test]
    fn quotes_are_short_and_print() {
        assert_eq!(quoted("a\u{1b}[31m"), "`a\u{fffd}[31m`");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 43);
    }
}
