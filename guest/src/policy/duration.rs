//! Durations as the document writes them: a whole number and a unit, `"90s"`, `"15m"`, `"12h"`, `"14d"`.

use super::report::decimal;
use super::{DAY, HOUR, MINUTE, SECOND};

const UNITS: [(char, u64); 4] = [('d', DAY), ('h', HOUR), ('m', MINUTE), ('s', SECOND)];

/// Milliseconds, if the text is a duration.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().last()?;
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = text.strip_suffix(unit)?;
    // Nine digits of days are far over every range, and far under an overflow.
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|octet| octet.is_ascii_digit())
    {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(*milliseconds)
}

/// In the largest unit that leaves no rest.
pub(crate) fn shown(milliseconds: u64) -> String {
    let (name, unit) = UNITS
        .into_iter()
        .find(|(_, unit)| milliseconds != 0 && milliseconds.is_multiple_of(*unit))
        .unwrap_or(('s', SECOND));
    let mut out = decimal(milliseconds / unit);
    out.push(name);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_number_and_a_unit() {
        for (text, expected) in [
            ("30s", Some(30 * SECOND)),
            ("0s", Some(0)),
            ("15m", Some(15 * MINUTE)),
            ("12h", Some(12 * HOUR)),
            ("14d", Some(14 * DAY)),
            ("999999999d", Some(999_999_999 * DAY)),
            ("", None),
            ("s", None),
            ("30", None),
            ("30 s", None),
            ("30S", None),
            ("-30s", None),
            ("+30s", None),
            ("1.5h", None),
            ("1h30m", None),
            ("1000000000d", None),
            ("٣s", None),
            ("30š", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_written() {
        for text in ["0s", "90s", "15m", "36h", "14d"] {
            assert_eq!(parse(text).map(shown).as_deref(), Some(text));
        }
    }
}
