//! The key ring and what is derived from it: seals for records and tokens, keys for the component, digest keys.
//!
//! Every key in use is derived by HKDF-SHA-256 (RFC 5869) from one secret of the ring with a label of its own, so that
//! no two purposes share a key.

use chacha20poly1305::aead::KeyInit;
use chacha20poly1305::{Key as AeadKey, XChaCha20Poly1305};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    ClaimKey, OUTBOX, RECORD, ResealError, SealedBox, effect_binding, random, record_binding,
};
use crate::contract::Key;
use crate::store::AccountId;

/// The secrets that everything else is derived from, newest first. Never empty, at most [`KeyRing::MAX`].
#[derive(Clone)]
pub struct KeyRing {
    generations: Vec<Generation>,
    /// What claims are digested with, once the key that it comes from is retired.
    claims: Option<Zeroizing<[u8; 32]>>,
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
            claims: None,
        })
    }

    /// Reads the text form: a line a key, newest first, `#` starts a comment. A line `claims` holds the key of claims, where
    /// keys were retired.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn from_text(text: &str) -> Result<Self, KeyRingError> {
        let mut generations: Vec<Generation> = Vec::new();
        let mut claims = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(digits) = line.strip_prefix("claims ") {
                let mut key = Zeroizing::new([0; 32]);
                hex::decode_to_slice(digits.trim(), key.as_mut_slice())
                    .map_err(|_| KeyRingError::Line(number))?;
                if claims.replace(key).is_some() {
                    return Err(KeyRingError::Line(number));
                }
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
            _ => Ok(Self {
                generations,
                claims,
            }),
        }
    }

    /// The text form, for a file of mode 0600.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(128 * self.generations.len()));
        let mut line = |start: String, secret: &[u8; 32]| {
            text.push_str(&start);
            let mut digits = Zeroizing::new([0; 64]);
            // Twice as long as what it holds, so it fits.
            if hex::encode_to_slice(secret, digits.as_mut_slice()).is_ok() {
                text.extend(digits.iter().copied().map(char::from));
            }
            text.push('\n');
        };
        for generation in &self.generations {
            line(
                format!("{} {} ", generation.id, generation.created),
                &generation.secret,
            );
        }
        if let Some(key) = &self.claims {
            line("claims ".to_owned(), key);
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

    /// Drops every key but the newest, once nothing is sealed with them any more. The key of claims stays: their digests
    /// cannot be made anew.
    pub fn retire(&mut self) {
        if self.generations.len() > 1 {
            self.claims = Some(self.claim_key().0);
        }
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

    /// A key for digests of one purpose, such as `counts`. It is derived from the oldest key, so that it stays the same
    /// when the ring is rotated; when older keys are retired it changes, and with it every count, shadow record and
    /// browser binding begins anew. Digests made with it are no secret's only protection.
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
        self.reseal(RECORD, &record_binding(tenant, account, version), sealed)
    }

    /// The same waiting effect under the newest key; none where it is under it already.
    ///
    /// # Errors
    /// [`ResealError::Broken`] where no key of the ring opens it as this tenant's effect of that id.
    pub fn reseal_effect(
        &self,
        tenant: &str,
        effect: &[u8; 16],
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, ResealError> {
        self.reseal(OUTBOX, &effect_binding(tenant, effect), sealed)
    }

    fn reseal(
        &self,
        purpose: &str,
        bound: &[u8],
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, ResealError> {
        if SealedBox::key_of(sealed) == Some(self.current()) {
            return Ok(None);
        }
        let seals = self.sealed_box(purpose);
        let plain = seals.open(bound, sealed).ok_or(ResealError::Broken)?;
        Ok(Some(seals.seal(bound, &plain)?))
    }

    /// What claims are digested with: derived from the oldest key, and kept when that one is retired.
    pub(crate) fn claim_key(&self) -> ClaimKey {
        ClaimKey(match (&self.claims, self.generations.last()) {
            (Some(kept), _) => kept.clone(),
            (None, Some(oldest)) => oldest.derive(&[b"cofactor claims"]),
            (None, None) => Zeroizing::default(),
        })
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
        if id == 0 || words.next().is_some() {
            return None;
        }
        let mut secret = [0; 32];
        hex::decode_to_slice(digits, &mut secret).ok()?;
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
    fn claims_are_digested_alike_through_rotation_and_retirement() {
        let mut ring = KeyRing::generate(5).unwrap();
        let before = ring.claim_key().0;
        ring.rotate(6).unwrap();
        assert_eq!(*ring.claim_key().0, *before);
        ring.retire();
        assert_eq!(*ring.claim_key().0, *before);
        let again = KeyRing::from_text(&ring.to_text()).unwrap();
        assert_eq!(*again.claim_key().0, *before);
        assert_eq!(*again.to_text(), *ring.to_text());
    }

    #[test]
    fn bad_text_is_refused_with_its_line() {
        let key = "ab".repeat(32);
        let cases = [
            (format!("1 0 {key}\nclaims ab"), KeyRingError::Line(2)),
            (
                format!("1 0 {key}\nclaims {key}\nclaims {key}"),
                KeyRingError::Line(3),
            ),
            (format!("claims {key}"), KeyRingError::Empty),
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
    fn accounts_and_tenants_have_keys_of_their_own() {
        let keys = KeyRing::generate(0).unwrap().account_keys();
        let of = |tenant, id| keys.derive(tenant, AccountId([id; 16])).remove(0).secret;
        assert_ne!(of("a", 1), of("a", 2));
        assert_ne!(of("a", 1), of("b", 1));
        assert_eq!(of("a", 1), of("a", 1));
    }
}
