//! `xs:dateTime` as an instant.

/// Milliseconds since the epoch; none where it is no date and time of 1970 to 9999. Without a zone it is UTC.
pub(super) fn instant(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let (year, date) = date.split_once('-')?;
    let (month, day) = date.split_once('-')?;
    let (year, month, day) = (digits(year, 4)?, digits(month, 2)?, digits(day, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let of_month = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=of_month).contains(&day) {
        return None;
    }
    let (time, offset) = zone(time)?;
    let (clock, fraction) = match time.split_once('.') {
        Some((clock, fraction)) => (clock, millis(fraction)?),
        None => (time, 0),
    };
    let (hour, clock) = clock.split_once(':')?;
    let (minute, second) = clock.split_once(':')?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 0000-03-01 in the proleptic Gregorian calendar: years that begin in March end with the leap day.
    let (year, march_month) = if month < 3 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * march_month + 2) / 5 + day - 1;
    let seconds = (days - 719_468) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    u64::try_from(seconds * 1_000 + fraction).ok()
}

/// What is before the zone, and the zone in seconds.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, zone) = time.split_at_checked(at)?;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 14 && minutes <= 59).then_some((time, sign * (hours * 3_600 + minutes * 60)))
}

fn millis(fraction: &str) -> Option<i64> {
    let all = !fraction.is_empty() && fraction.bytes().all(|octet| octet.is_ascii_digit());
    let three: String = fraction.chars().chain("000".chars()).take(3).collect();
    if all { digits(&three, 3) } else { None }
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let all = text.len() == length && text.bytes().all(|octet| octet.is_ascii_digit());
    if all { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn dates_and_times() {
        for (text, ms) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00:00", Some(0)),
            ("2006-05-31T00:00:00Z", Some(1_149_033_600_000)),
            ("2000-02-29T23:59:59.5Z", Some(951_868_799_500)),
            ("2027-01-15T10:00:00+02:00", Some(1_800_000_000_000)),
            ("2027-01-15T07:30:00-00:30", Some(1_800_000_000_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_300_799_000)),
            ("1970-01-01T00:00:00+01:00", None),
            ("1969-12-31T23:59:59Z", None),
            ("2001-02-29T00:00:00Z", None),
            ("2001-13-01T00:00:00Z", None),
            ("2001-00-01T00:00:00Z", None),
            ("2001-01-00T00:00:00Z", None),
            ("2001-01-01T24:00:00Z", None),
            ("2001-01-01", None),
            ("2001-1-1T0:0:0Z", None),
            ("2001-01-01T00:00:00.Z", None),
            ("2001-01-01T00:00:00+15:00", None),
            ("-001-01-01T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(instant(text), ms, "{text}");
        }
    }
}
