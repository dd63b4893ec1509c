//! What is made from the host's seed and keys, each under a label of its own.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::base32::Secret;
use crate::contract::{Context, Fault};

/// The seed of one step: every value that has to be unpredictable comes from it (HKDF-Expand, RFC 5869 section 2.3).
#[derive(Clone, Copy)]
pub struct Seed<'a>(&'a [u8]);

impl<'a> Seed<'a> {
    /// The context's seed, whose length was checked.
    pub fn new(ctx: &'a Context) -> Self {
        Self(&ctx.entropy)
    }

    /// One that is the same at every step, for what has to be: 32 octets.
    pub(crate) fn of(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// So many octets for a use. The same label gives the same octets: one label a value.
    pub fn expand<const N: usize>(self, label: &str) -> Result<[u8; N], Fault> {
        let mut octets = [0; N];
        self.fill(label, &mut octets)?;
        Ok(octets)
    }

    /// The shared secret of a new credential. There is one in a step.
    pub fn secret(self, length: u8) -> Result<Secret, Fault> {
        let mut octets = Zeroizing::new(vec![0; usize::from(length)]);
        self.fill("secret", &mut octets)?;
        Ok(Secret::new(core::mem::take(&mut *octets)))
    }

    fn fill(self, label: &str, octets: &mut [u8]) -> Result<(), Fault> {
        // Fails for a seed or a length out of range, which `input` and the policy exclude.
        let seed = Hkdf::<Sha256>::from_prk(self.0)
            .map_err(|_| Fault::BadRequest("ctx.entropy".to_owned()))?;
        seed.expand(label.as_bytes(), octets)
            .map_err(|_| Fault::Other("entropy".to_owned()))
    }
}

/// A digest that only a holder of the key can make: SHA-256 over the key and the parts, each with its length before it, of
/// which at most half is kept. Without the other half of its state nothing can be appended to what was digested, and that
/// is all that HMAC would add: it hashes twice, which would make every step a fifth dearer.
pub struct KeyedDigest(Vec<u8>);

impl KeyedDigest {
    /// Begins one for a use.
    pub fn new(key: &[u8], label: &'static str) -> Self {
        // Hashed in one piece at the end: many small ones would cost as much again.
        let mut digest = Self(Vec::with_capacity(512));
        digest.part(key);
        digest.part(label.as_bytes());
        digest
    }

    /// Adds a part.
    pub fn part(&mut self, part: &[u8]) {
        self.0.extend_from_slice(&(part.len() as u32).to_le_bytes());
        self.0.extend_from_slice(part);
    }

    /// Stands where a part was left out: no part has this length.
    pub fn nothing(&mut self) {
        self.0.extend_from_slice(&u32::MAX.to_le_bytes());
    }

    /// Its first octets: at most 16.
    pub fn finish<const N: usize>(self) -> [u8; N] {
        const { assert!(N <= 16) };
        let mut octets = [0; N];
        octets
            .iter_mut()
            .zip(Sha256::digest(&self.0))
            .for_each(|(octet, from)| *octet = from);
        octets
    }
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}

/// SHA-256 over parts, each with its length before it.
pub fn plain_digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u32).to_le_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}
