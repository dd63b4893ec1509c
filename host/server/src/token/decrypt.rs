//! What protects the secrets of a PSKC file: RFC 6030 section 6, with AES in CBC mode. The MAC is checked before anything is
//! decrypted (section 6.1.1), a missing one is refused, and no algorithm is fallen back to.

use std::fmt;

use aes::{Aes128, Aes192, Aes256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use roxmltree::Node;
use sha1::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::Zeroizing;

use super::error::{FileError, Refused, printable};
use super::xml::{self, ENCRYPTION, ENCRYPTION_1_1, PSKC, SIGNATURE, children, only};

/// Section 6.2: the figures' 1,000 is the least that RFC 8018 section 4.2 knows.
const LEAST_ITERATIONS: u32 = 1_000;
/// About ten seconds (IM-04).
const MOST_ITERATIONS: u32 = 10_000_000;
/// RFC 8018 section 4.1: at least 64 bits.
const SALT: std::ops::RangeInclusive<usize> = 8..=128;
/// The length of a block and of an initialization vector.
const BLOCK: usize = 16;
/// No secret is so long, not even with its padding.
const MAX_CIPHERTEXT: usize = 1_024;
/// The least octets of a key for a MAC.
const LEAST_MAC_KEY: usize = 16;

/// What opens an encrypted file.
pub enum Unlock {
    /// The pre-shared key (section 6.1).
    Key(Zeroizing<Vec<u8>>),
    /// The passphrase that the key is derived from (section 6.2).
    Passphrase(Zeroizing<Vec<u8>>),
}

impl fmt::Debug for Unlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key([redacted])",
            Self::Passphrase(_) => "Passphrase([redacted])",
        })
    }
}

/// What a file is encrypted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// A pre-shared key.
    Key,
    /// A passphrase.
    Passphrase,
}

impl fmt::Display for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key => "give its pre-shared key with --key FILE",
            Self::Passphrase => "give its passphrase with --passphrase FILE",
        })
    }
}

/// Opens the secrets of one file.
pub(super) struct Opener {
    key: Zeroizing<Vec<u8>>,
    mac: Option<MacKey>,
}

impl Opener {
    /// What the container says of how it is encrypted; none where it is not.
    pub(super) fn new(
        container: Node<'_, '_>,
        unlock: Option<&Unlock>,
    ) -> Result<Option<Self>, FileError> {
        let described = only(container, PSKC, "EncryptionKey").map_err(FileError::Container)?;
        let method = only(container, PSKC, "MACMethod").map_err(FileError::Container)?;
        let Some(described) = described else {
            return match method {
                Some(_) => Err(FileError::Container(Refused::Missing("EncryptionKey"))),
                None => Ok(None),
            };
        };
        let key = encryption_key(container, described, unlock)?;
        let mac = method.map(|method| MacKey::new(method, &key)).transpose()?;
        Ok(Some(Self { key, mac }))
    }

    /// The secret in a `Secret` element.
    pub(super) fn secret(&self, secret: Node<'_, '_>) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let encrypted = only(secret, PSKC, "EncryptedValue")?.ok_or(Refused::NotEncrypted)?;
        if only(secret, PSKC, "PlainValue")?.is_some() {
            return Err(Refused::NotEncrypted);
        }
        let name = algorithm(encrypted)?;
        let cipher = match Cipher::of(name) {
            Some(cipher) if cipher.key_length() == self.key.len() => cipher,
            _ => return Err(Refused::Cipher(printable(short(name)))),
        };
        let sealed = cipher_value(encrypted)?;
        // Before anything is decrypted.
        let mac = self.mac.as_ref().ok_or(Refused::NoMac)?;
        let given = only(secret, PSKC, "ValueMAC")?.ok_or(Refused::NoMac)?;
        let given = base64(&xml::text(given, "ValueMAC")?).ok_or(Refused::Base64("ValueMAC"))?;
        if !mac.verifies(&sealed, &given) {
            return Err(Refused::MacMismatch);
        }
        cipher.open(&self.key, &sealed).ok_or(Refused::Padding)
    }
}

/// Section 6: which key it is, and the key.
fn encryption_key(
    container: Node<'_, '_>,
    described: Node<'_, '_>,
    unlock: Option<&Unlock>,
) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let derived = only(described, ENCRYPTION_1_1, "DerivedKey").map_err(FileError::Container)?;
    if let Some(derived) = derived {
        // Its parameters first, so that what cannot be done is said before a passphrase is asked for.
        let derivation = Derivation::new(container, derived)?;
        return match unlock {
            None => Err(FileError::Locked(Lock::Passphrase)),
            Some(Unlock::Key(_)) => Err(FileError::OtherLock(Lock::Passphrase)),
            Some(Unlock::Passphrase(passphrase)) => Ok(derivation.key(passphrase)),
        };
    }
    let certificate = ["X509Data", "KeyValue", "RetrievalMethod"];
    let is_certificate = |node: Node<'_, '_>| {
        certificate
            .iter()
            .any(|name| node.has_tag_name((SIGNATURE, *name)))
    };
    if described.children().any(is_certificate) {
        let name = container
            .descendants()
            .find(|node| node.has_tag_name((ENCRYPTION, "EncryptionMethod")))
            .and_then(|node| node.attribute("Algorithm"))
            .unwrap_or("X509Data");
        return Err(FileError::Certificate(printable(short(name))));
    }
    if children(described, SIGNATURE, "KeyName").next().is_none() {
        return Err(FileError::EncryptionKey);
    }
    match unlock {
        None => Err(FileError::Locked(Lock::Key)),
        Some(Unlock::Passphrase(_)) => Err(FileError::OtherLock(Lock::Key)),
        Some(Unlock::Key(key)) => match key.len() {
            16 | 24 | 32 => Ok(key.clone()),
            given => Err(FileError::KeyLength { given, needed: 16 }),
        },
    }
}

/// PBKDF2 as RFC 8018 section 5.2, with parameters within bounds.
struct Derivation {
    salt: Vec<u8>,
    iterations: u32,
    length: usize,
    hash: Hash,
}

impl Derivation {
    fn new(container: Node<'_, '_>, derived: Node<'_, '_>) -> Result<Self, FileError> {
        let method = only(derived, ENCRYPTION_1_1, "KeyDerivationMethod")
            .map_err(FileError::Container)?
            .ok_or(FileError::Container(Refused::Missing(
                "KeyDerivationMethod",
            )))?;
        let name = method.attribute("Algorithm").unwrap_or_default();
        const PBKDF2: [&str; 2] = [
            "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2",
            "http://www.w3.org/2009/xmlenc11#pbkdf2",
        ];
        if !PBKDF2.contains(&name) {
            return Err(FileError::Derivation(printable(short(name))));
        }
        // Its parameters are in three namespaces, depending on who wrote the file: RFC 6030's own figure has none.
        let parameters = local(method, "PBKDF2-params")?;
        let number = |name, expected| {
            let node = local(parameters, name)?;
            let text = xml::text(node, name).map_err(FileError::Container)?;
            super::number::<u32>(name, &text).map_err(|_| FileError::Parameter(name, expected))
        };
        let salt = local(local(parameters, "Salt")?, "Specified")?;
        let salt = xml::text(salt, "Salt").map_err(FileError::Container)?;
        let salt = base64(&salt).unwrap_or_default().to_vec();
        if !SALT.contains(&salt.len()) {
            return Err(FileError::Parameter("Salt", "8 to 128 octets"));
        }
        const COUNT: &str = "1,000 to 10,000,000";
        let iterations = number("IterationCount", COUNT)?;
        if !(LEAST_ITERATIONS..=MOST_ITERATIONS).contains(&iterations) {
            return Err(FileError::Parameter("IterationCount", COUNT));
        }
        const LENGTH: &str = "16, 24 or 32 octets, as the cipher needs";
        let length = number("KeyLength", LENGTH)?;
        let needed = container
            .descendants()
            .find(|node| node.has_tag_name((ENCRYPTION, "EncryptionMethod")))
            .and_then(|node| Cipher::of(node.attribute("Algorithm")?));
        let fits = |cipher: Cipher| cipher.key_length() == length as usize;
        if ![16, 24, 32].contains(&length) || !needed.is_none_or(fits) {
            return Err(FileError::Parameter("KeyLength", LENGTH));
        }
        let hash = match parameters
            .children()
            .find(|node| node.is_element() && node.tag_name().name() == "PRF")
            .and_then(|node| node.attribute("Algorithm"))
        {
            // RFC 8018 appendix A.2: HMAC-SHA-1 is what an absent one means.
            None => Hash::Sha1,
            Some(name) => {
                Hash::of_mac(name).ok_or_else(|| FileError::Mac(printable(short(name))))?
            }
        };
        Ok(Self {
            salt,
            iterations,
            length: length as usize,
            hash,
        })
    }

    fn key(&self, passphrase: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut key = Zeroizing::new(vec![0; self.length]);
        let derive = match self.hash {
            Hash::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>,
            Hash::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>,
            Hash::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>,
        };
        derive(passphrase, &self.salt, self.iterations, &mut key);
        key
    }
}

/// The element of that name, in whatever namespace.
fn local<'a, 'i>(parent: Node<'a, 'i>, name: &'static str) -> Result<Node<'a, 'i>, FileError> {
    let mut found = parent
        .children()
        .filter(|node| node.is_element() && node.tag_name().name() == name);
    match (found.next(), found.next()) {
        (Some(node), None) => Ok(node),
        (None, _) => Err(FileError::Container(Refused::Missing(name))),
        _ => Err(FileError::Container(Refused::Twice(name))),
    }
}

#[derive(Clone, Copy)]
enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

impl Hash {
    fn of_mac(name: &str) -> Option<Self> {
        match name {
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1" => Some(Self::Sha1),
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256" => Some(Self::Sha256),
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha512" => Some(Self::Sha512),
            _ => None,
        }
    }
}

struct MacKey {
    hash: Hash,
    key: Zeroizing<Vec<u8>>,
}

impl MacKey {
    fn new(method: Node<'_, '_>, encryption: &Zeroizing<Vec<u8>>) -> Result<Self, FileError> {
        let name = method.attribute("Algorithm").unwrap_or_default();
        let hash = Hash::of_mac(name).ok_or_else(|| FileError::Mac(printable(short(name))))?;
        let Some(own) = only(method, PSKC, "MACKey").map_err(FileError::Container)? else {
            // Without a key of its own the MAC has that of the encryption.
            let key = encryption.clone();
            return Ok(Self { hash, key });
        };
        let name = algorithm(own).map_err(FileError::Container)?;
        let cipher = Cipher::of(name).ok_or_else(|| FileError::Cipher(printable(short(name))))?;
        if cipher.key_length() != encryption.len() {
            return Err(FileError::KeyLength {
                given: encryption.len(),
                needed: cipher.key_length(),
            });
        }
        let sealed = cipher_value(own).map_err(FileError::Container)?;
        let key = cipher
            .open(encryption, &sealed)
            .filter(|key| key.len() >= LEAST_MAC_KEY)
            .ok_or(FileError::WrongKey)?;
        Ok(Self { hash, key })
    }

    /// Section 6.1.1: over the initialization vector and the ciphertext. In constant time.
    fn verifies(&self, sealed: &[u8], given: &[u8]) -> bool {
        let verifies = match self.hash {
            Hash::Sha1 => Hmac::<Sha1>::new_from_slice(&self.key)
                .map(|mac| mac.chain_update(sealed).verify_slice(given)),
            Hash::Sha256 => Hmac::<Sha256>::new_from_slice(&self.key)
                .map(|mac| mac.chain_update(sealed).verify_slice(given)),
            Hash::Sha512 => Hmac::<Sha512>::new_from_slice(&self.key)
                .map(|mac| mac.chain_update(sealed).verify_slice(given)),
        };
        matches!(verifies, Ok(Ok(())))
    }
}

#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
}

impl Cipher {
    fn of(name: &str) -> Option<Self> {
        match name {
            "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => Some(Self::Aes128),
            "http://www.w3.org/2001/04/xmlenc#aes192-cbc" => Some(Self::Aes192),
            "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => Some(Self::Aes256),
            _ => None,
        }
    }

    fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// XML Encryption section 5.2: the initialization vector is the first block; the last octet says how many are padding,
    /// whatever the others of it are.
    fn open(self, key: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (vector, ciphertext) = sealed.split_at_checked(BLOCK)?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        match self {
            Self::Aes128 => cbc::Decryptor::<Aes128>::new_from_slices(key, vector)
                .ok()?
                .decrypt_padded::<NoPadding>(&mut plain)
                .ok()?,
            Self::Aes192 => cbc::Decryptor::<Aes192>::new_from_slices(key, vector)
                .ok()?
                .decrypt_padded::<NoPadding>(&mut plain)
                .ok()?,
            Self::Aes256 => cbc::Decryptor::<Aes256>::new_from_slices(key, vector)
                .ok()?
                .decrypt_padded::<NoPadding>(&mut plain)
                .ok()?,
        };
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        if !(1..=BLOCK).contains(&padding) {
            return None;
        }
        plain.truncate(length);
        Some(plain)
    }
}

fn algorithm<'a>(encrypted: Node<'a, '_>) -> Result<&'a str, Refused> {
    only(encrypted, ENCRYPTION, "EncryptionMethod")?
        .and_then(|method| method.attribute("Algorithm"))
        .ok_or(Refused::Missing("EncryptionMethod"))
}

fn cipher_value(encrypted: Node<'_, '_>) -> Result<Vec<u8>, Refused> {
    const VALUE: &str = "CipherValue";
    let data = only(encrypted, ENCRYPTION, "CipherData")?.ok_or(Refused::Missing("CipherData"))?;
    let value = only(data, ENCRYPTION, VALUE)?.ok_or(Refused::Missing(VALUE))?;
    let value = base64(&xml::text(value, VALUE)?).ok_or(Refused::Base64(VALUE))?;
    if value.len() > MAX_CIPHERTEXT {
        return Err(Refused::TooLong(VALUE, value.len(), MAX_CIPHERTEXT));
    }
    Ok(value.to_vec())
}

/// `xs:base64Binary`, which may have blanks and line breaks in it.
pub(super) fn base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let whole: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(whole.as_bytes()).ok().map(Zeroizing::new)
}

/// What an identifier ends in, which is what people call it.
fn short(name: &str) -> &str {
    name.rsplit_once('#').map_or(name, |(_, short)| short)
}
