//! Byte lists in JSON: lower-case hexadecimal.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// Writes bytes as lower-case hexadecimal.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&hex::encode(bytes))
}

/// Reads hexadecimal of either case.
///
/// # Errors
/// Where the text has an odd length or another character.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
    hex::decode(text.as_bytes()).map_err(D::Error::custom)
}
