//! What is made from the host's seed and keys, each under a label of its own.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};

use crate::contract::{Context, Fault, Key};

/// The seed of one step: every value that has to be unpredictable comes from it (HKDF-Expand, RFC 5869 section 2.3).
#[derive(Clone, Copy)]
pub struct Seed<'a>(&'a [u8]);

impl<'a> Seed<'a> {
    /// The context's seed, whose length was checked.
    pub fn new(ctx: &'a Context) -> Self {
        Self(&ctx.entropy)
    }

    /// So many octets for a use. The same label gives the same octets: one label a value.
    pub fn expand<const N: usize>(self, label: &str) -> Result<[u8; N], Fault> {
        let mut octets = [0; N];
        self.fill(label, &mut octets)?;
        Ok(octets)
    }

    /// The same, for a length that the policy decides: at most 255 times 32 octets.
    pub fn fill(self, label: &str, octets: &mut [u8]) -> Result<(), Fault> {
        // Fails for a seed or a length out of range, which `input` and the policy exclude.
        let seed = Hkdf::<Sha256>::from_prk(self.0)
            .map_err(|_| Fault::BadRequest("ctx.entropy".to_owned()))?;
        seed.expand(label.as_bytes(), octets)
            .map_err(|_| Fault::Other("entropy".to_owned()))
    }
}

/// A digest that only a holder of the key can make. Each part goes in with its length before it. The caller keeps at most
/// half of the octets, so that none can be appended to (the length-extension of SHA-256).
pub fn keyed_digest<'p>(
    key: &Key,
    label: &'static str,
    parts: impl IntoIterator<Item = &'p [u8]>,
) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(&key.secret);
    for part in core::iter::once(label.as_bytes()).chain(parts) {
        hash.update((part.len() as u32).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
