//! Seals: authenticated encryption, bound to what the bytes belong to.
//!
//! XChaCha20-Poly1305 with a random 192-bit nonce, under keys that the [`KeyRing`] derives.

mod claim;
mod ring;

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::store::AccountId;

pub(crate) use claim::ClaimKey;
pub(crate) use ring::AccountKeys;
pub use ring::{KeyRing, KeyRingError, RotateError};

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

/// Why something could not be sealed anew.
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
/// What waiting effects are sealed for.
pub(crate) const OUTBOX: &str = "outbox";

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
}
