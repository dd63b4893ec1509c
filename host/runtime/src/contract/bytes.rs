//! Byte lists in JSON: lower-case hexadecimal.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes bytes as lower-case hexadecimal.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| {
        char::from(
            DIGITS
                .get(usize::from(nibble & 15))
                .copied()
                .unwrap_or(b'0'),
        )
    };
    let text: String = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect();
    to.serialize_str(&text)
}

/// Reads hexadecimal of either case.
///
/// # Errors
/// Where the text has an odd length or another character.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    if text.len() % 2 != 0 {
        return Err(D::Error::custom("hexadecimal of an odd length"));
    }
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            pair.iter().try_fold(0u8, |byte, c| {
                Some(byte << 4 | char::from(*c).to_digit(16)? as u8)
            })
        })
        .collect::<Option<Vec<u8>>>()
        .ok_or_else(|| D::Error::custom("not hexadecimal"))
}
