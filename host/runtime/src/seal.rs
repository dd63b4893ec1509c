//! The key ring and what is derived from it: seals for records and tokens, keys for the component, digest keys.
//!
//! Every key in use is derived by HKDF-SHA-256 (RFC 5869) from one secret of the ring with a label of its own, so that
//! no two purposes share a key. Seals are XChaCha20-Poly1305 with a random 192-bit nonce.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key as AeadKey, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::contract::Key;
use crate::store::AccountId;

/// The secrets that everything else is derived from, newest first. Never empty, at most [`KeyRing::MAX`].
#[derive(Clone)]
pub struct KeyRing {
    generations: Vec<Generation>,
}

#[derive(Clone, ZeroizeOnDrop)]
struct Generation {
    #[zeroize(skip)]
    id: u32,
    #[zeroize(skip)]
    created: u64,
    secret: [u8; 32],
}

/// What is wrong with the text of a key ring.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// A line is not `id created secret`.
    #[error(
        "line {0}: expected a key number, its time in milliseconds and 64 hexadecimal digits, separated by spaces"
    )]
    Line(usize),
    /// Two lines have one number, or the newest is not first.
    #[error("line {0}: key numbers must fall from line to line, the newest first")]
    Order(usize),
    /// There is no key at all.
    #[error("there is no key in it")]
    Empty,
    /// There are more keys than may be in use at once.
    #[error(
        "more than {} keys: re-seal the accounts and remove the oldest",
        KeyRing::MAX
    )]
    Full,
}

impl KeyRing {
    /// How many generations may be in use at once.
    pub const MAX: usize = 8;

    /// A ring with one new key, made at `now` (milliseconds since the epoch).
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
    pub fn generate(now: u64) -> Result<Self, getrandom::Error> {
        Ok(Self {
            generations: vec![Generation {
                id: 1,
                created: now,
                secret: random()?,
            }],
        })
    }

    /// Reads the text form: a line a key, newest first, `#` starts a comment.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn from_text(text: &str) -> Result<Self, KeyRingError> {
        let mut generations: Vec<Generation> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let next = Generation::from_line(line).ok_or(KeyRingError::Line(number))?;
            if generations.last().is_some_and(|last| last.id <= next.id) {
                return Err(KeyRingError::Order(number));
            }
            generations.push(next);
        }
        match generations.len() {
            0 => Err(KeyRingError::Empty),
            n if n > Self::MAX => Err(KeyRingError::Full),
            _ => Ok(Self { generations }),
        }
    }

    /// The text form, for a file of mode 0600.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(128 * self.generations.len()));
        for generation in &self.generations {
            text.push_str(&format!("{} {} ", generation.id, generation.created));
            for byte in generation.secret {
                text.push(hex_digit(byte >> 4));
                text.push(hex_digit(byte));
            }
            text.push('\n');
        }
        text
    }

    /// Adds a new key, which seals everything from now on; older ones go on opening.
    ///
    /// # Errors
    /// [`KeyRingError::Full`] when the ring holds [`KeyRing::MAX`] keys.
    pub fn rotate(&mut self, now: u64) -> Result<u32, RotateError> {
        if self.generations.len() >= Self::MAX {
            return Err(RotateError::Ring(KeyRingError::Full));
        }
        let id = self.current().saturating_add(1);
        self.generations.insert(
            0,
            Generation {
                id,
                created: now,
                secret: random()?,
            },
        );
        Ok(id)
    }

    /// Drops every key but the newest, once nothing is sealed with them any more.
    pub fn retire(&mut self) {
        self.generations.truncate(1);
    }

    /// The number of the newest key.
    #[must_use]
    pub fn current(&self) -> u32 {
        self.generations.first().map_or(0, |newest| newest.id)
    }

    /// Number and time of each key, newest first.
    pub fn generations(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.generations
            .iter()
            .map(|generation| (generation.id, generation.created))
    }

    /// A seal for one purpose, such as `session`.
    #[must_use]
    pub fn sealed_box(&self, purpose: &str) -> SealedBox {
        let seal = |generation: &Generation| {
            let key = generation.derive(&[b"cofactor seal ", purpose.as_bytes()]);
            (generation.id, XChaCha20Poly1305::new(&AeadKey::from(*key)))
        };
        SealedBox {
            seals: self.generations.iter().map(seal).collect(),
        }
    }

    /// A key for digests of one purpose, such as `counts`. Stays the same when the ring is rotated: it is derived from
    /// the oldest key, and digests made with it are no secret's only protection.
    #[must_use]
    pub fn digest_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        match self.generations.last() {
            Some(oldest) => oldest.derive(&[b"cofactor digest ", purpose.as_bytes()]),
            None => Zeroizing::default(),
        }
    }

    /// The same record under the newest key; none where it is under it already.
    ///
    /// # Errors
    /// [`ResealError::Broken`] where no key of the ring opens it as this tenant's, this account's and this version's.
    pub fn reseal_record(
        &self,
        tenant: &str,
        account: AccountId,
        version: u64,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, ResealError> {
        if SealedBox::key_of(sealed) == Some(self.current()) {
            return Ok(None);
        }
        let seals = self.sealed_box(RECORD);
        let bound = record_binding(tenant, account, version);
        let record = seals.open(&bound, sealed).ok_or(ResealError::Broken)?;
        Ok(Some(seals.seal(&bound, &record)?))
    }

    /// What derives the component's keys for one account, for many accounts.
    pub(crate) fn account_keys(&self) -> AccountKeys {
        let extracted = |generation: &Generation| {
            (
                generation.id,
                generation.derive(&[b"cofactor account keys"]),
            )
        };
        AccountKeys {
            parents: self.generations.iter().map(extracted).collect(),
        }
    }
}

/// Why a ring cannot be rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// It is full.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// The operating system has no randomness to give.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Generation {
    fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let (id, created, digits) = (
            words.next()?.parse().ok()?,
            words.next()?.parse().ok()?,
            words.next()?,
        );
        if id == 0 || words.next().is_some() || digits.len() != 64 {
            return None;
        }
        let mut secret = [0; 32];
        for (byte, pair) in secret.iter_mut().zip(digits.as_bytes().chunks(2)) {
            *byte = pair.iter().try_fold(0u8, |value, c| {
                Some(value << 4 | char::from(*c).to_digit(16)? as u8)
            })?;
        }
        Some(Self {
            id,
            created,
            secret,
        })
    }

    fn derive(&self, label: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        expand(&self.secret, label)
    }
}

/// HKDF-SHA-256 with an empty salt; 32 bytes are always within its limit.
fn expand(secret: &[u8; 32], label: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    if Hkdf::<Sha256>::new(None, secret)
        .expand_multi_info(label, key.as_mut_slice())
        .is_err()
    {
        // Unreachable by RFC 5869 section 2.3 (the limit is 8,160 bytes); an unusable key must not pass for a key.
        key.zeroize();
    }
    key
}

/// Derives the keys that the component gets for one account.
pub(crate) struct AccountKeys {
    parents: Vec<(u32, Zeroizing<[u8; 32]>)>,
}

impl AccountKeys {
    /// Newest first.
    pub(crate) fn derive(&self, tenant: &str, account: AccountId) -> Vec<Key> {
        let key = |(id, parent): &(u32, Zeroizing<[u8; 32]>)| {
            // The parent is uniform already (RFC 5869 section 3.3), so one HMAC is enough.
            let mut secret = Zeroizing::new([0; 32]);
            if let Ok(hkdf) = Hkdf::<Sha256>::from_prk(parent.as_slice())
                && hkdf
                    .expand_multi_info(
                        &[tenant.as_bytes(), b"\0", &account.0],
                        secret.as_mut_slice(),
                    )
                    .is_err()
            {
                secret.zeroize();
            }
            Key {
                id: *id,
                secret: secret.to_vec(),
            }
        };
        self.parents.iter().map(key).collect()
    }
}

/// Seals bytes for one purpose with the newest key, and opens what any key of the ring sealed.
///
/// The form is: 4 bytes key number, 24 bytes nonce, ciphertext with a 16-byte tag.
#[derive(Clone)]
pub struct SealedBox {
    seals: Vec<(u32, XChaCha20Poly1305)>,
}

impl SealedBox {
    /// How much longer the sealed form is.
    pub const OVERHEAD: usize = 4 + 24 + 16;

    /// Seals `plain`, bound to `bound`: it opens only together with the same bytes.
    ///
    /// # Errors
    /// Where the operating system has no randomness to give.
    pub fn seal(&self, bound: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, cipher) = self.seals.first().ok_or(SealError)?;
        let nonce: [u8; 24] = random().map_err(|_| SealError)?;
        let sealed = cipher
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: plain,
                    aad: bound,
                },
            )
            .map_err(|_| SealError)?;
        let mut out = Vec::with_capacity(28 + sealed.len());
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`SealedBox::seal`] made with the same `bound`; none if anything was altered.
    #[must_use]
    pub fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (id, rest) = sealed.split_first_chunk::<4>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<24>()?;
        let id = u32::from_be_bytes(*id);
        let (_, cipher) = self.seals.iter().find(|(known, _)| *known == id)?;
        cipher
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: ciphertext,
                    aad: bound,
                },
            )
            .ok()
            .map(Zeroizing::new)
    }

    /// The number of the key that sealed it, whether or not the ring still has it.
    #[must_use]
    pub fn key_of(sealed: &[u8]) -> Option<u32> {
        sealed.first_chunk::<4>().map(|id| u32::from_be_bytes(*id))
    }
}

/// A seal could not be made: the operating system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("could not seal: no randomness")]
pub struct SealError;

/// Why a record could not be sealed anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResealError {
    /// No key of the ring opens it.
    #[error("its seal is broken, or its key is gone")]
    Broken,
    /// There is no randomness.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// What records are sealed for.
pub(crate) const RECORD: &str = "record";

/// What a record is bound to: tenant, account and version.
pub(crate) fn record_binding(tenant: &str, account: AccountId, version: u64) -> Vec<u8> {
    let mut bound = Vec::with_capacity(tenant.len() + 25);
    bound.extend_from_slice(tenant.as_bytes());
    bound.push(0);
    bound.extend_from_slice(&account.0);
    bound.extend_from_slice(&version.to_be_bytes());
    bound
}

/// What an outbox row is bound to: tenant and effect.
pub(crate) fn effect_binding(tenant: &str, effect: &[u8; 16]) -> Vec<u8> {
    let mut bound = Vec::with_capacity(tenant.len() + 17);
    bound.extend_from_slice(tenant.as_bytes());
    bound.push(0);
    bound.extend_from_slice(effect);
    bound
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

fn hex_digit(nibble: u8) -> char {
    char::from_digit(u32::from(nibble & 15), 16).unwrap_or('0')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn text_form_survives_a_round_trip() {
        let mut ring = KeyRing::generate(5).unwrap();
        ring.rotate(6).unwrap();
        let again = KeyRing::from_text(&ring.to_text()).unwrap();
        assert_eq!(again.generations().collect::<Vec<_>>(), [(2, 6), (1, 5)]);
        assert_eq!(*again.to_text(), *ring.to_text());
    }

    #[test]
    fn bad_text_is_refused_with_its_line() {
        let key = "ab".repeat(32);
        let cases = [
            (String::new(), KeyRingError::Empty),
            ("# none\n".into(), KeyRingError::Empty),
            (format!("1 0 {key}\nx"), KeyRingError::Line(2)),
            (format!("1 0 {key}00"), KeyRingError::Line(1)),
            (format!("0 0 {key}"), KeyRingError::Line(1)),
            (format!("1 0 {key}\n2 0 {key}"), KeyRingError::Order(2)),
            (
                (0..9).map(|i| format!("{} 0 {key}\n", 9 - i)).collect(),
                KeyRingError::Full,
            ),
        ];
        for (text, error) in cases {
            assert_eq!(KeyRing::from_text(&text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_seal_opens_only_with_its_binding_purpose_and_bytes() {
        let mut ring = KeyRing::generate(0).unwrap();
        let old = ring.sealed_box("record").seal(b"a", b"plain").unwrap();
        ring.rotate(1).unwrap();
        let seal = ring.sealed_box("record");
        assert_eq!(seal.open(b"a", &old).unwrap().as_slice(), b"plain");
        assert_eq!(SealedBox::key_of(&seal.seal(b"a", b"").unwrap()), Some(2));
        assert!(seal.open(b"b", &old).is_none());
        assert!(ring.sealed_box("session").open(b"a", &old).is_none());
        for at in 0..old.len() {
            let mut bent = old.clone();
            *bent.get_mut(at).unwrap() ^= 1;
            assert!(seal.open(b"a", &bent).is_none(), "byte {at}");
        }
        ring.retire();
        assert!(ring.sealed_box("record").open(b"a", &old).is_none());
    }

    #[test]
    fn accounts_and_tenants_have_keys_of_their_own() {
        let keys = KeyRing::generate(0).unwrap().account_keys();
        let of = |tenant, id| keys.derive(tenant, AccountId([id; 16])).remove(0).secret;
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
        assert_eq!(of("a", 1), of("a", 1));
    }
}
