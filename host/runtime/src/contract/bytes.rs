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

/// Byte lists that may be absent.
pub mod optional {
    use serde::{Deserialize, Deserializer, Serializer};

    /// Writes bytes as lower-case hexadecimal, and nothing as null.
    ///
    /// # Errors
    /// Those of the serializer.
    // The signature is serde's.
    #[allow(clippy::ref_option)]
    pub fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(bytes) => to.serialize_str(&hex::encode(bytes)),
            None => to.serialize_none(),
        }
    }

    /// Reads hexadecimal of either case, or null.
    ///
    /// # Errors
    /// Where the text has an odd length or another character.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        #[derive(Deserialize)]
        struct Bytes(#[serde(with = "crate::contract::bytes")] Vec<u8>);
        Ok(Option::<Bytes>::deserialize(from)?.map(|Bytes(bytes)| bytes))
    }
}
