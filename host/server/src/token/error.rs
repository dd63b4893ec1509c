//! What is wrong with a file, and with one of its rows: what was found, and the way out. Never a secret, and of what stands in
//! a file only what is no secret's place.

use super::decrypt::Lock;
use super::{MAX_FILE, MAX_ROWS};

/// Why nothing of a file can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// Longer than [`MAX_FILE`].
    #[error("the file is longer than {} MiB: split it", MAX_FILE >> 20)]
    TooLarge,
    /// More rows than [`MAX_ROWS`].
    #[error("the file has more than {MAX_ROWS} rows: split it")]
    TooMany,
    /// Not UTF-8.
    #[error("the file is not UTF-8: convert it, for example with `iconv -t UTF-8`")]
    Encoding,
    /// No row at all.
    #[error("the file has no token")]
    Empty,
    /// A document type, and with it entities and whatever they pull in.
    #[error(
        "line {0}: a document type (`<!DOCTYPE`) is not allowed: PSKC needs none; remove it if you trust the file"
    )]
    DocumentType(usize),
    /// Tags of an unreasonable size, depth or number.
    #[error("line {0}: the XML is nested deeper, or a tag is longer, than any PSKC file needs")]
    Excessive(usize),
    /// Not well-formed.
    #[error("line {0}: the XML is not well-formed: get the file again, it may be cut short")]
    Xml(usize),
    /// XML of another kind.
    #[error(
        "the XML is no PSKC: expected `KeyContainer` of the namespace {}",
        super::xml::PSKC
    )]
    NotPskc,
    /// A version that is not known.
    #[error("PSKC version `{0}` is not supported: version 1.0 is")]
    Version(String),
    /// Neither XML nor a known first line.
    #[error(
        "line 1: no known kind of file: expected PSKC, a header row (`upn,serial number,secret key,time interval,manufacturer,\
         model`), `# version:2`, or a log of Yubico's programs"
    )]
    NoHeader,
    /// A header row with a column that is not known or there twice. It is not printed: it might be a secret.
    #[error(
        "line {line}, column {column}: its name is not known, or there twice; known are {}",
        super::csv::KNOWN
    )]
    Column {
        /// The line, from one.
        line: usize,
        /// The column, from one.
        column: usize,
    },
    /// A header row that lacks a column.
    #[error("line {line}: the header row has no column `{name}`")]
    NoColumn {
        /// The line, from one.
        line: usize,
        /// Which.
        name: &'static str,
    },
    /// A line that cannot be split.
    #[error("line {line}: {why}")]
    Line {
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        why: Refused,
    },
    /// A serial number that the list of recipients has twice.
    #[error("line {line}: the serial number is there already, in line {first}")]
    Twice {
        /// The line, from one.
        line: usize,
        /// Where it was first.
        first: usize,
    },
    /// Encrypted, and nothing given to decrypt it with.
    #[error("the file is encrypted: {0}")]
    Locked(Lock),
    /// Encrypted otherwise than with what was given.
    #[error("the file is not encrypted with what was given: {0}")]
    OtherLock(Lock),
    /// Encrypted for a certificate.
    #[error(
        "the file is encrypted for a certificate (`{0}`), which is not supported: ask the maker for one with a pre-shared key or a \
         passphrase"
    )]
    Certificate(String),
    /// A way to encrypt that is not supported, and not fallen back from.
    #[error("encryption with `{0}` is not supported: AES in CBC mode with 128, 192 or 256 bits is")]
    Cipher(String),
    /// A key of another length than the file's algorithm.
    #[error(
        "the key has {given} octets, and the file's encryption needs {needed}: is it another file's key?"
    )]
    KeyLength {
        /// What was given.
        given: usize,
        /// What is needed.
        needed: usize,
    },
    /// An encryption key that is described in another way.
    #[error("how the encryption key comes about is not supported: a key's name, or PBKDF2, is")]
    EncryptionKey,
    /// Another derivation than PBKDF2.
    #[error("key derivation with `{0}` is not supported: PBKDF2 is")]
    Derivation(String),
    /// A parameter of PBKDF2 that is missing, or outside its bounds.
    #[error("PBKDF2: {0} is missing or out of bounds: {1}")]
    Parameter(&'static str, &'static str),
    /// Another MAC than HMAC.
    #[error("the MAC `{0}` is not supported: HMAC with SHA-1, SHA-256 or SHA-512 is")]
    Mac(String),
    /// The MAC's key does not decrypt to one.
    #[error(
        "the MAC key cannot be decrypted: the key or the passphrase is wrong, or the file is damaged"
    )]
    WrongKey,
    /// Something around the keys that is there twice, missing or not to be read.
    #[error("the encryption of the file cannot be read: {0}")]
    Container(Refused),
}

/// Why a row cannot be a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Something that has to be there.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Something that may be there once.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// Elements where text is expected.
    #[error("{0} is no text")]
    NoText(&'static str),
    /// No whole number, or one that does not fit.
    #[error("{0} is no whole number, negative, or too large")]
    Number(&'static str),
    /// Field, its octets, and the most.
    #[error("{0} has {1} octets; at most {2} are taken")]
    TooLong(&'static str, usize, usize),
    /// Not base64.
    #[error("{0} is not base64")]
    Base64(&'static str),
    /// Not hexadecimal.
    #[error("the secret is not hexadecimal: expected an even number of 0-9 and a-f")]
    Hexadecimal,
    /// Not base32; the position of the character, from one.
    #[error("the secret is not base32: its character {0} is not one of A-Z and 2-7")]
    Base32(usize),
    /// Base32 that stops in the middle of an octet.
    #[error("the secret is not base32: it is cut short, no secret has so many characters")]
    CutShort,
    /// A type of key, or of token, that is none of ours.
    #[error("the type `{0}` is not supported: hotp, totp and ocra are")]
    Algorithm(String),
    /// A hash that is none of ours.
    #[error("the hash `{0}` is not supported: SHA1, SHA256 and SHA512 are")]
    Hash(String),
    /// Answers in something else than digits.
    #[error("its codes are `{0}`, which is not supported: DECIMAL is")]
    Encoding(String),
    /// Codes with a check digit.
    #[error("its codes have check digits, which is not supported")]
    CheckDigits,
    /// Pre-shared profiles and references instead of a secret.
    #[error(
        "its secret is not in the file but agreed on otherwise (`{0}`), which is not supported: ask for a file with secrets"
    )]
    Reference(&'static str),
    /// A secret in the clear in a file that says it is encrypted.
    #[error(
        "its secret is not encrypted, though the file says how it would be: do not trust the file"
    )]
    NotEncrypted,
    /// A secret that is encrypted, in a file that does not say how.
    #[error("its secret is encrypted, and the file does not say how")]
    NoEncryptionKey,
    /// Something else than a secret that is encrypted.
    #[error("{0} is encrypted, which is not supported: only secrets may be")]
    Encrypted(&'static str),
    /// Encrypted with something else than the file's algorithm.
    #[error(
        "its secret is encrypted with `{0}`, which is not supported here: AES in CBC mode, by the length of the key, is"
    )]
    Cipher(String),
    /// Encrypted without a MAC.
    #[error(
        "its secret is encrypted without a MAC, so that nobody could tell whether it was altered: ask for a file with MACs"
    )]
    NoMac,
    /// The MAC is not the secret's.
    #[error("the MAC does not match: the key or the passphrase is wrong, or the file was altered")]
    MacMismatch,
    /// The MAC matches and what it covers is no secret.
    #[error("its secret cannot be decrypted: the file is damaged")]
    Padding,
    /// A PIN that the verifier would have to know of.
    #[error(
        "its PIN is used as `{0}`, which is not supported: a PIN that the token itself asks for is"
    )]
    Pin(String),
    /// A key that is not for one-time codes.
    #[error("its policy does not have it used for one-time codes")]
    Usage,
    /// A policy that cannot be kept.
    #[error("its policy has `{0}`, which cannot be kept")]
    Policy(String),
    /// No date and time.
    #[error("{0} is no date and time such as 2030-01-31T00:00:00Z")]
    Date(&'static str),
    /// An interval that this kind of file does not have.
    #[error("the time interval is neither 30 nor 60 seconds")]
    Interval,
    /// A key's `Id` that another one has.
    #[error("another key of the file has this Id, in line {0}")]
    KeyId(usize),
    /// A serial number that another row has.
    #[error("the serial number is there already, in line {0}: remove one of the two")]
    Serial(usize),
    /// Quotes that are no quotes.
    #[error(
        "a quote stands inside a field, or is not closed: quote the whole field, and double a quote inside it"
    )]
    Quotes,
    /// Too few fields.
    #[error("{0} fields; at least {1} are expected")]
    Few(usize, usize),
    /// Too many fields.
    #[error("{0} fields; at most {1} are expected")]
    Many(usize, usize),
    /// A line that no token needs.
    #[error("the line is longer than 4096 octets")]
    LongLine,
}

/// What is no token, and does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Skipped {
    /// The PIN of a token that asks for it itself.
    #[error("a PIN, which is no token")]
    Pin,
    /// A row without a serial number.
    #[error("no serial number")]
    NoSerial,
    /// Another thing that the same programs write.
    #[error("not an OATH token")]
    NotOath,
}

/// Something of the file's own, as it may be printed.
pub(super) fn printable(text: &str) -> String {
    text.escape_debug().take(100).collect()
}
