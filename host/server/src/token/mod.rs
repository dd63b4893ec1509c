//! Files of hardware tokens, decoded: PSKC (RFC 6030) and the comma-separated forms of OATH tokens (S08). What becomes of a
//! token is the component's to judge; here a file becomes tokens, or a reason why not.
//!
//! Whoever made a file is not trusted. It is measured before it is parsed, an XML file has neither a document type nor an
//! entity, and nothing that was encrypted is used before its MAC was checked (RFC 6030 section 6.1.1). No secret is in an
//! error or in a `Debug`, and secrets are wiped when they are dropped.
//!
//! This folder names nothing else of the host, so that the fuzzer can compile it alone.

mod csv;
mod date;
mod decrypt;
mod error;
mod pskc;
mod recipients;
#[cfg(test)]
mod tests;
mod xml;

use std::fmt;

use zeroize::Zeroizing;

pub use csv::cell;
pub use decrypt::{Lock, Unlock};
pub use error::{FileError, Refused, Skipped};
pub use recipients::{Recipient, recipients};

/// The longest file, in octets.
pub const MAX_FILE: usize = 16 << 20;

/// The most rows of a file.
pub const MAX_ROWS: usize = 10_000;

/// What was in a file.
#[derive(Debug)]
pub struct Decoded {
    /// What kind of file it is.
    pub format: Format,
    /// Whether its secrets were encrypted.
    pub encrypted: bool,
    /// Whether it carries a signature. None is ever verified.
    pub signed: bool,
    /// Its tokens, in order, and what it has in place of one.
    pub rows: Vec<Row>,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Portable Symmetric Key Container, RFC 6030.
    Pskc,
    /// Columns named by a header row, as Entra ID takes them.
    Header,
    /// `# version:1` or `# version:2`: fixed columns, secrets in hexadecimal.
    OathCsv,
    /// What the YubiKey programs of Yubico write.
    Yubico,
}

impl Format {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pskc => "pskc",
            Self::Header => "csv",
            Self::OathCsv => "oath-csv",
            Self::Yubico => "yubico",
        }
    }
}

/// One row: a `Key` of PSKC, a line of the others.
#[derive(Debug)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// The serial number; empty where there is none.
    pub serial: String,
    /// Whose it is, as the file has it; `REALM\user` where it has a realm.
    pub user: Option<String>,
    /// What it is.
    pub entry: Entry,
}

/// Where a row stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, from one.
    pub line: usize,
    /// The `Id` of a PSKC `Key`.
    pub key: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        match &self.key {
            Some(key) => write!(f, ", key {}", key.escape_debug()),
            None => Ok(()),
        }
    }
}

/// What a row is.
#[derive(Debug)]
pub enum Entry {
    /// A token that the component can judge.
    Token(Token),
    /// Something that cannot be a token as it stands.
    Refused(Refused),
    /// Something that is no token and does no harm.
    Skipped(Skipped),
}

/// A token, within the bounds of the contract. The fields are those of `token` in wit/types.wit.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The maker's serial number. 1 to 64 octets.
    pub serial: String,
    /// Who made it. At most 64 octets.
    pub manufacturer: String,
    /// What it is. At most 64 octets.
    pub model: String,
    /// How its codes come about.
    pub method: Method,
    /// At most 128 octets.
    pub secret: Zeroizing<Vec<u8>>,
    /// `SHA1`, `SHA256` or `SHA512`; empty for OCRA.
    pub algorithm: &'static str,
    /// Length of its codes.
    pub digits: u8,
    /// Length of a step, in seconds; zero if it counts.
    pub period: u32,
    /// Its counter; zero if it keeps time.
    pub counter: u64,
    /// Its OCRA suite; empty for others. At most 128 octets.
    pub suite: String,
    /// It may be used from then on. Milliseconds since the epoch.
    pub starts: Option<u64>,
    /// It may be used until then. Milliseconds since the epoch.
    pub expires: Option<u64>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("serial", &self.serial)
            .field("manufacturer", &self.manufacturer)
            .field("model", &self.model)
            .field("method", &self.method)
            .field("secret", &"[redacted]")
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("period", &self.period)
            .field("counter", &self.counter)
            .field("suite", &self.suite)
            .field("starts", &self.starts)
            .field("expires", &self.expires)
            .finish()
    }
}

impl Token {
    /// Refuses what the contract has no room for.
    fn bounded(self) -> Result<Self, Refused> {
        let fields = [
            ("serial number", self.serial.len(), 64),
            ("manufacturer", self.manufacturer.len(), 64),
            ("model", self.model.len(), 64),
            ("secret", self.secret.len(), 128),
            ("suite", self.suite.len(), 128),
        ];
        if self.serial.is_empty() {
            return Err(Refused::Missing("serial number"));
        }
        if self.secret.is_empty() {
            return Err(Refused::Missing("secret"));
        }
        match fields.iter().find(|(_, length, most)| length > most) {
            Some((field, length, most)) => Err(Refused::TooLong(field, *length, *most)),
            None => Ok(self),
        }
    }
}

/// How codes come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// RFC 4226.
    Hotp,
    /// RFC 6238.
    Totp,
    /// RFC 6287.
    Ocra,
}

impl Method {
    /// Its name in the contract.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hotp => "hotp",
            Self::Totp => "totp",
            Self::Ocra => "ocra",
        }
    }
}

/// Decodes a file, whatever kind it is. `unlock` opens an encrypted one.
///
/// # Errors
/// Where nothing of it can be used; [`FileError::Locked`] where something to unlock it with is missing. What concerns one row
/// alone is said in that row.
pub fn decode(file: &[u8], unlock: Option<&Unlock>) -> Result<Decoded, FileError> {
    if file.len() > MAX_FILE {
        return Err(FileError::TooLarge);
    }
    let text = std::str::from_utf8(file).map_err(|_| FileError::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let decoded = if text.trim_start().starts_with('<') {
        pskc::decode(text, unlock)?
    } else {
        csv::decode(text)?
    };
    if decoded.rows.is_empty() {
        return Err(FileError::Empty);
    }
    Ok(decoded)
}

/// A whole number of a field.
fn number<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<T, Refused> {
    // `+5` is a number to Rust and to no format.
    if !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return Err(Refused::Number(field));
    }
    text.parse().map_err(|_| Refused::Number(field))
}

/// Where this was first, if it was there before.
fn first<K: Eq + std::hash::Hash>(
    seen: &mut std::collections::HashMap<K, usize>,
    it: K,
    line: usize,
) -> Option<usize> {
    match seen.entry(it) {
        std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
        std::collections::hash_map::Entry::Vacant(free) => {
            free.insert(line);
            None
        }
    }
}
