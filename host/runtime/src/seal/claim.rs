//! What is held uniquely in a tenant is stored as a keyed digest: whoever reads the database cannot try telephone numbers.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::contract::Claim;

/// Makes the digests under which claims are stored. It stays the same for as long as the key ring does, through rotation and
/// retirement: a digest of another key would be no clash.
pub(crate) struct ClaimKey(pub(super) Zeroizing<[u8; 32]>);

impl ClaimKey {
    /// What to take, and what to give up.
    pub(crate) fn digests(&self, tenant: &str, claims: &[Claim]) -> (Vec<[u8; 32]>, Vec<[u8; 32]>) {
        let (mut take, mut drop) = (Vec::new(), Vec::new());
        for claim in claims {
            match claim {
                Claim::Take(digest) => take.extend(self.digest(tenant, digest)),
                Claim::Drop(digest) => drop.extend(self.digest(tenant, digest)),
                // The plugin believes no claim that it does not know.
                Claim::Other(_) => {}
            }
        }
        (take, drop)
    }

    /// HMAC-SHA-256 over the tenant, with its length before it, and the digest.
    fn digest(&self, tenant: &str, digest: &[u8]) -> Option<[u8; 32]> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).ok()?;
        mac.update(&(tenant.len() as u64).to_be_bytes());
        mac.update(tenant.as_bytes());
        mac.update(digest);
        Some(mac.finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_a_tenants_own() {
        let (one, other) = (
            ClaimKey(Zeroizing::new([1; 32])),
            ClaimKey(Zeroizing::new([2; 32])),
        );
        let claims = [Claim::Take(vec![5; 32]), Claim::Drop(vec![6; 32])];
        let found = one.digests("a", &claims);
        assert_eq!(found, one.digests("a", &claims));
        assert_ne!(found, one.digests("b", &claims));
        assert_ne!(found, other.digests("a", &claims));
        assert_ne!(found.0, [[5; 32]]);
        assert_eq!((found.0.len(), found.1.len()), (1, 1));
    }
}
