//! Durations as they are typed, in the policy's own form.

/// `45m` as milliseconds: a whole number with `s`, `m`, `h` or `d`.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let expected =
        || format!("`{text}` is no duration: a whole number with s, m, h or d, such as 45m");
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(expected)?;
    let unit = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(expected()),
    };
    if !number.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(expected());
    }
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(unit).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_are_read_as_the_policy_reads_them() {
        for (text, ms) in [
            ("45m", Some(2_700_000)),
            ("0s", Some(0)),
            ("8h", Some(28_800_000)),
            ("7d", Some(604_800_000)),
            ("", None),
            ("m", None),
            ("+5m", None),
            ("5", None),
            ("5 m", None),
            ("5ms", None),
            ("5é", None),
            ("999999999999999999d", None),
        ] {
            assert_eq!(duration(text).ok(), ms, "{text}");
        }
    }
}
