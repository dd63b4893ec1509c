//! Instants, as a document writes them: `2026-12-31T18:00:00Z` (RFC 3339).

/// Milliseconds since 1970. None for what is no instant: without a time, without an offset, or before 1970.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let octets = text.as_bytes();
    let number = |from: usize, to: usize| {
        let digits = octets.get(from..to)?;
        digits.iter().try_fold(0_u64, |number, octet| {
            octet
                .is_ascii_digit()
                .then(|| number * 10 + u64::from(octet - b'0'))
        })
    };
    let is = |at: usize, wanted: &[u8]| octets.get(at).is_some_and(|octet| wanted.contains(octet));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // A fraction of a second is of no use to a rule.
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|digit: char| digit.is_ascii_digit());
        if rest.len() == fraction.len() {
            return None;
        }
    }
    let offset = match rest.as_bytes() {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), _, _, b':', _, _] => {
            let at = octets.len() - 5;
            let (hours, minutes) = (number(at, at + 2)?, number(at + 3, at + 5)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = (hours * 60 + minutes) as i64;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    // Days before the year: 365 each, and one for each leap year.
    let before = year - 1;
    let since_one = before * 365 + before / 4 - before / 100 + before / 400;
    let mut since = since_one - 719_162;
    for earlier in 1..month {
        since += match earlier {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
    }
    let minutes = ((since + day - 1) * 24 + hour) * 60 + minute;
    let seconds = minutes.checked_add_signed(-offset)? * 60 + second;
    Some(seconds * 1000)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn instants_are_read_as_rfc_3339_writes_them() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2023-11-14T22:13:20Z", Some(1_700_000_000_000)),
            ("2023-11-14t22:13:20.999z", Some(1_700_000_000_000)),
            ("2023-11-14 23:43:20+01:30", Some(1_700_000_000_000)),
            ("2023-11-14T12:13:20-10:00", Some(1_700_000_000_000)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800_000)),
            ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
            ("2023-02-29T00:00:00Z", None),
            ("2100-02-29T00:00:00Z", None),
            ("2023-13-01T00:00:00Z", None),
            ("2023-11-14T24:00:00Z", None),
            ("2023-11-14T23:59:60Z", None),
            ("2023-11-14", None),
            ("2023-11-14T22:13:20", None),
            ("2023-11-14T22:13:20.Z", None),
            ("2023-11-14T22:13:20+1:30", None),
            ("1969-12-31T23:59:59Z", None),
            ("1970-01-01T00:00:00+00:01", None),
            ("", None),
            ("tomorrow", None),
        ] {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
