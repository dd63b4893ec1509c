//! Telephone numbers in the form of ITU-T E.164, as far as it matters who pays for them: the country, and the ranges that cost
//! whoever calls them and pay whoever holds them (SV-01).

use crate::account::RecordError;

/// A number that may be called and texted: `+`, and 7 to 15 digits in a range that belongs to a country. It prints as
/// `[redacted]`.
#[derive(Clone, PartialEq, Eq)]
pub struct Number(String);

impl Number {
    /// Reads a number as people write it: spaces, hyphens, dots and brackets are dropped. None if it is not in the
    /// international form, or in a range that belongs to no country or is a premium one.
    pub fn parse(text: &str) -> Option<Self> {
        // The zero in brackets is for calls from within the country, and for them alone.
        let rest = text
            .trim()
            .strip_prefix('+')
            .filter(|_| !text.contains("(0)"))?;
        let mut kept = String::with_capacity(16);
        kept.push('+');
        for character in rest.chars() {
            match character {
                '0'..='9' => kept.push(character),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return None,
            }
        }
        let digits = kept.strip_prefix('+')?;
        if !(7..=15).contains(&digits.len()) || country(digits).is_none() || is_premium(digits) {
            return None;
        }
        Some(Self(kept))
    }

    /// The octets that a record carries.
    pub fn encode(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    /// Reads what [`Number::encode`] wrote. A range that has become a premium one since is found out here too.
    pub fn decode(octets: &[u8]) -> Result<Self, RecordError> {
        core::str::from_utf8(octets)
            .ok()
            .and_then(Self::parse)
            .filter(|number| number.0.as_bytes() == octets)
            .ok_or(RecordError::OutOfRange("number"))
    }

    /// The number: `+`, and its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The code of its country, such as `49`. In the North American plan, whose code is 1, countries other than the United
    /// States and Canada have one of four digits, such as `1876`: fraud picks them because they look like the others.
    pub fn country(&self) -> &str {
        self.0
            .strip_prefix('+')
            .and_then(country)
            .unwrap_or_default()
    }

    /// As much of it as its user needs to know it again: country and last two digits, such as `+49***67`.
    pub fn masked(&self) -> String {
        let last = self
            .0
            .get(self.0.len().saturating_sub(2)..)
            .unwrap_or_default();
        ["+", self.country(), "***", last].concat()
    }
}

impl core::fmt::Debug for Number {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Country codes of ITU-T E.164, without those that belong to no country: freephone and shared cost (800, 808), satellites
/// (870, 881), personal and international networks (878, 882, 883, 888), premium (979) and trials (991).
#[rustfmt::skip]
static COUNTRIES: [u16; 207] = [
    1, 7,
    20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
    60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98,
    211, 212, 213, 216, 218,
    220, 221, 222, 223, 224, 225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239,
    240, 241, 242, 243, 244, 245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257, 258,
    260, 261, 262, 263, 264, 265, 266, 267, 268, 269, 290, 291, 297, 298, 299,
    350, 351, 352, 353, 354, 355, 356, 357, 358, 359, 370, 371, 372, 373, 374, 375, 376, 377, 378, 379,
    380, 381, 382, 383, 385, 386, 387, 389, 420, 421, 423,
    500, 501, 502, 503, 504, 505, 506, 507, 508, 509, 590, 591, 592, 593, 594, 595, 596, 597, 598, 599,
    670, 672, 673, 674, 675, 676, 677, 678, 679, 680, 681, 682, 683, 685, 686, 687, 688, 689, 690, 691, 692,
    850, 852, 853, 855, 856, 880, 886,
    960, 961, 962, 963, 964, 965, 966, 967, 968, 970, 971, 972, 973, 974, 975, 976, 977,
    992, 993, 994, 995, 996, 998,
];

/// Area codes of the North American plan outside the United States, their territories, and Canada.
static ELSEWHERE: [&str; 21] = [
    "242", "246", "264", "268", "284", "345", "441", "473", "649", "658", "664", "721", "758",
    "767", "784", "809", "829", "849", "868", "869", "876",
];

/// Ranges that pay whoever holds the number, country code first: those that national numbering plans set apart for it, or
/// for sharing the caller's cost.
static PREMIUM: [&str; 33] = [
    "1900", "31900", "31906", "31909", "3290", "3389", "34803", "34806", "34807", "34905", "35160",
    "35176", "35315", "358600", "358700", "39144", "39166", "3989", "41900", "41901", "41906",
    "42090", "43900", "43901", "43930", "43931", "4484", "4487", "449", "46900", "46939", "46944",
    "49900",
];

/// The country code at the front of a number's digits. No code is the beginning of another.
fn country(digits: &str) -> Option<&str> {
    if let Some(rest) = digits.strip_prefix('1') {
        let outside = rest.get(..3).is_some_and(|area| ELSEWHERE.contains(&area));
        return digits.get(..if outside { 4 } else { 1 });
    }
    (1..=3).find_map(|length| {
        let code = digits.get(..length)?;
        let known = code
            .parse()
            .is_ok_and(|code: u16| COUNTRIES.contains(&code));
        (known && !code.starts_with('0')).then_some(code)
    })
}

fn is_premium(digits: &str) -> bool {
    // An exchange of that number is a premium one in every area of the North American plan.
    let exchange = digits.starts_with('1') && digits.get(4..7) == Some("976");
    exchange || PREMIUM.iter().any(|range| digits.starts_with(range))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{COUNTRIES, Number};

    #[test]
    fn no_country_code_is_the_beginning_of_another() {
        let codes: Vec<String> = COUNTRIES.iter().map(u16::to_string).collect();
        for (at, code) in codes.iter().enumerate() {
            let others = codes.iter().enumerate();
            let mut longer = others.filter(|(other, _)| *other != at);
            assert!(
                !longer.any(|(_, other)| other.starts_with(code.as_str())),
                "{code}"
            );
        }
    }

    #[test]
    fn numbers_as_people_write_them_have_one_form_and_one_country() {
        for (written, kept, country) in [
            ("+49 151 1234-5678", "+4915112345678", "49"),
            (" +1 (212) 555.1234 ", "+12125551234", "1"),
            ("+1 876 555 1234", "+18765551234", "1876"),
            ("+1 787 555 1234", "+17875551234", "1"),
            ("+7 495 123 45 67", "+74951234567", "7"),
            ("+44 20 7123 4567", "+442071234567", "44"),
            ("+370 60 123456", "+37060123456", "370"),
            ("+996 312 123456", "+996312123456", "996"),
        ] {
            let number = Number::parse(written).unwrap();
            assert_eq!((number.as_str(), number.country()), (kept, country));
            assert_eq!(Number::decode(&number.encode()), Ok(number.clone()));
            assert!(!format!("{number:?}").contains(&kept[1..]));
            assert!(number.masked().len() <= 10);
        }
    }

    #[test]
    fn what_is_no_number_of_a_country_is_refused() {
        for bad in [
            "+800 1234 5678",
            "+808 1234 5678",
            "+870 773 123 456",
            "+878 10 1234567",
            "+881 6 1234567",
            "+882 13 123456",
            "+888 123 4567",
            "+979 1 2345678",
            "+991 123 4567",
            "+999 123 4567",
            "+210 123 4567",
            "+1 900 555 1234",
            "+1 212 976 5123",
            "+44 909 8790123",
            "+33 899 123456",
            "0151 12345678",
            "+0 151 123456",
            "+49\u{a0}151 12345678",
            "+٤٩15112345678",
            "+",
            "",
        ] {
            assert_eq!(Number::parse(bad), None, "{bad}");
        }
        // What a record holds is in the one form, or was not written by this.
        assert!(Number::decode(b"+49 15112345678").is_err());
        assert!(Number::decode(b"+4915112345678\xff").is_err());
    }
}
