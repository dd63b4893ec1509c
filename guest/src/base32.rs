//! Base32 (RFC 4648 section 6), as secrets are typed and printed.
//!
//! Lower case and spaces are taken, padding may be left out, and nothing else is forgiven: a character that was misread is a key
//! that was misread. No branch and no memory access depends on the value of a valid character.

use core::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// Key bytes: erased when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Why a text is no base32. Positions are characters from 1, and tell nothing of a valid one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base32Error {
    /// There is nothing in it.
    Empty,
    /// It has more than [`MAX_CHARACTERS`] characters.
    TooLong,
    /// A digit that looks like a letter: 0, 1 or 8.
    LookAlike {
        /// Where it is.
        position: usize,
    },
    /// Another character that base32 does not have.
    Character {
        /// Where it is.
        position: usize,
    },
    /// Padding in the middle, or not as much as the length asks for.
    Padding,
    /// No number of octets has this many characters: one was lost, or added.
    Length,
    /// The last character has bits that no octet uses: it was misread, or the text was cut.
    TrailingBits,
}

impl Base32Error {
    /// What to tell the person who typed it.
    pub fn message(self) -> &'static str {
        match self {
            Self::Empty => "the secret is empty",
            Self::TooLong => "the secret is longer than 128 characters",
            Self::LookAlike { .. } => {
                "base32 has no 0, 1 and 8: look for the letters O, I (or L) and B"
            }
            Self::Character { .. } => "base32 has the letters A to Z and the digits 2 to 7 only",
            Self::Padding => "the padding (=) is wrong: leave it out",
            Self::Length => "a character is missing, or one too many",
            Self::TrailingBits => "the last character cannot be right",
        }
    }
}

/// Longest text, without spaces and padding: 80 octets.
pub const MAX_CHARACTERS: usize = 128;
/// The same in octets.
pub const MAX_OCTETS: usize = MAX_CHARACTERS * 5 / 8;

impl Secret {
    /// The bytes, which the caller keeps from leaking.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether two secrets are one key to HMAC, which fills short ones up with zeros. Compares in constant time.
    pub fn is(&self, other: &Self) -> Choice {
        let [mut first, mut second] = [
            Zeroizing::new([0; MAX_OCTETS]),
            Zeroizing::new([0; MAX_OCTETS]),
        ];
        for (padded, secret) in [(&mut first, self), (&mut second, other)] {
            padded
                .iter_mut()
                .zip(secret.as_bytes())
                .for_each(|(to, from)| *to = *from);
        }
        first.as_slice().ct_eq(second.as_slice())
    }

    /// Whether it has fewer than the 128 bits that RFC 4226 R6 requires. Such a secret may be imported, never issued.
    pub fn is_short(&self) -> bool {
        self.0.len() < 16
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Reads a secret: base32 that is not empty.
pub fn decode_secret(text: &str) -> Result<Secret, Base32Error> {
    let secret = decode(text)?;
    if secret.0.is_empty() {
        Err(Base32Error::Empty)
    } else {
        Ok(secret)
    }
}

/// Reads base32. An empty text is no octets, as in the RFC.
pub fn decode(text: &str) -> Result<Secret, Base32Error> {
    // All the room at once, so that no half-filled copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_OCTETS));
    let mut buffer = Zeroizing::new(0_u32);
    let mut bits = 0_u32;
    let mut characters = 0_usize;
    let mut padding = 0_usize;
    for (at, character) in text.chars().enumerate() {
        // Four times as much would be more space than text.
        if at >= 4 * MAX_CHARACTERS {
            return Err(Base32Error::TooLong);
        }
        if character == ' ' {
            continue;
        }
        if character == '=' {
            padding += 1;
            continue;
        }
        if padding != 0 {
            return Err(Base32Error::Padding);
        }
        let value = u8::try_from(character).map_or(INVALID, value);
        if value == INVALID {
            let position = at + 1;
            return Err(match character {
                '0' | '1' | '8' => Base32Error::LookAlike { position },
                _ => Base32Error::Character { position },
            });
        }
        characters += 1;
        if characters > MAX_CHARACTERS {
            return Err(Base32Error::TooLong);
        }
        *buffer = (*buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(((*buffer >> bits) & 0xff) as u8);
            *buffer &= (1 << bits) - 1;
        }
    }
    // RFC 4648 section 6: 2, 4, 5 and 7 characters at the end stand for 1, 2, 3 and 4 octets; 1, 3 and 6 for nothing.
    let expected = match characters % 8 {
        0 => 0,
        2 => 6,
        4 => 4,
        5 => 3,
        7 => 1,
        _ => return Err(Base32Error::Length),
    };
    if padding != 0 && padding != expected {
        return Err(Base32Error::Padding);
    }
    if *buffer != 0 {
        return Err(Base32Error::TrailingBits);
    }
    Ok(Secret(bytes))
}

/// Writes base32 in upper case, without padding.
pub fn encode(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 8 / 5 + 1));
    for chunk in bytes.chunks(5) {
        let mut buffer = Zeroizing::new(0_u64);
        for at in 0..5 {
            *buffer = (*buffer << 8) | u64::from(chunk.get(at).copied().unwrap_or(0));
        }
        for at in 0..(chunk.len() * 8).div_ceil(5) {
            let value = ((*buffer >> (35 - 5 * at)) & 31) as u8;
            text.push(char::from(character(value)));
        }
    }
    text
}

const INVALID: u8 = 0xff;

/// The value of a character, or [`INVALID`].
fn value(character: u8) -> u8 {
    let c = i16::from(character);
    // Each mask is all ones if the character lies between the bounds.
    let between = |low: u8, high: u8| ((i16::from(low) - 1 - c) & (c - i16::from(high) - 1)) >> 8;
    let upper = between(b'A', b'Z') & (c - i16::from(b'A') + 1);
    let lower = between(b'a', b'z') & (c - i16::from(b'a') + 1);
    let digit = between(b'2', b'7') & (c - i16::from(b'2') + 27);
    // Zero, which stands for no match, wraps to INVALID.
    ((upper | lower | digit) as u8).wrapping_sub(1)
}

/// The character of a value below 32.
fn character(value: u8) -> u8 {
    let v = i16::from(value);
    let is_digit = (25 - v) >> 8;
    (v + i16::from(b'A') + (is_digit & (i16::from(b'2') - 26 - i16::from(b'A')))) as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_vectors_decode_or_are_refused() {
        let file = include_str!("../../tests/vectors/base32/base32_cases.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 28);
        for case in cases {
            let input = case["input"].as_str().unwrap();
            match case["expect_hex"].as_str() {
                Some(hex) => {
                    let secret = decode(input).unwrap();
                    let found: String = secret
                        .as_bytes()
                        .iter()
                        .map(|octet| format!("{octet:02x}"))
                        .collect();
                    assert_eq!(found, hex, "{input}");
                    let canonical = input.replace([' ', '='], "").to_uppercase();
                    assert_eq!(*encode(secret.as_bytes()), canonical);
                }
                // RFC 4648 decodes the empty text; a secret may not be empty.
                None => assert!(decode_secret(input).is_err(), "{input}: {}", case["why"]),
            }
        }
    }

    #[test]
    fn refusals_say_what_is_wrong() {
        for (text, expected) in [
            ("", Base32Error::Empty),
            ("MZXW6YT8", Base32Error::LookAlike { position: 8 }),
            ("0ZXW6YTB", Base32Error::LookAlike { position: 1 }),
            ("MZXW6YT9", Base32Error::Character { position: 8 }),
            ("MZ-XW6YT", Base32Error::Character { position: 3 }),
            ("MZXW6Y=B", Base32Error::Padding),
            ("MZXW6YTB=", Base32Error::Padding),
            ("MZ=====", Base32Error::Padding),
            ("NIXnix", Base32Error::Length),
            ("MZ", Base32Error::TrailingBits),
        ] {
            assert_eq!(decode_secret(text), Err(expected), "{text}");
            assert!(!expected.message().is_empty());
        }
    }

    #[test]
    fn secrets_have_at_most_128_characters() {
        let secret = decode_secret(&"A".repeat(128)).unwrap();
        assert_eq!(secret.as_bytes(), [0; 80]);
        assert_eq!(decode_secret(&"A".repeat(136)), Err(Base32Error::TooLong));
        assert_eq!(
            decode_secret(&" ".repeat(100_000)),
            Err(Base32Error::TooLong)
        );
    }

    #[test]
    fn each_octet_has_the_value_of_the_alphabet() {
        const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        for octet in 0..=u8::MAX {
            let expected = ALPHABET
                .iter()
                .position(|known| *known == octet.to_ascii_uppercase());
            assert_eq!(
                value(octet),
                expected.map_or(INVALID, |at| at as u8),
                "{octet}"
            );
        }
        assert!((0..32).all(|value| character(value) == ALPHABET[usize::from(value)]));
    }

    #[test]
    fn secrets_are_not_printed() {
        assert_eq!(format!("{:?}", Secret::new(vec![1, 2, 3])), "[redacted]");
        assert!(decode("2SH3V3GDW7ZNMGYE").unwrap().is_short());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_encoded_decodes_to_itself(bytes in prop::collection::vec(any::<u8>(), 0..=80)) {
            let text = encode(&bytes);
            let decoded = decode(&text).unwrap();
            prop_assert_eq!(decoded.as_bytes(), &bytes);
            let lower = decode(&text.to_lowercase()).unwrap();
            prop_assert_eq!(lower.as_bytes(), &bytes);
        }

        #[test]
        fn what_decodes_has_one_spelling(text in "[A-Za-z2-7= ]{0,40}") {
            if let Ok(secret) = decode(&text) {
                prop_assert_eq!(&*encode(secret.as_bytes()), &text.replace([' ', '='], "").to_uppercase());
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,200}") {
            let _ = decode_secret(&text);
        }
    }
}
