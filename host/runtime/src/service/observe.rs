//! What the host counts for the component: which keys, under which digests, over which windows.
//!
//! Keys are digests, so that the store learns no address. An IPv4 source is its address, an IPv6 source its /64 prefix. A
//! kind that is neither a source's nor a user's, such as `country/49`, is counted for the tenant under its whole name.

use std::net::{IpAddr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::contract::{Count, HostPolicy, Observation, Origin};
use crate::seal::KeyRing;
use crate::store::{AccountId, Name};

/// Over how long a tenant's count runs whose window nobody has said: the longest that a component asks for.
const DAY: u64 = 24 * 60 * 60 * 1000;

pub(super) struct Observer {
    key: Zeroizing<[u8; 32]>,
    kinds: Vec<Observation>,
    shadows: u32,
}

impl Observer {
    pub(super) fn new(ring: &KeyRing, policy: &HostPolicy) -> Self {
        Self {
            key: ring.digest_key("counts"),
            kinds: policy.observe.clone(),
            shadows: policy.shadows.max(1),
        }
    }

    /// What to load for an event.
    pub(super) fn keys(&self, name: &Name, origin: &Origin) -> Vec<(Observation, [u8; 16])> {
        self.keys_of(&self.kinds, name, origin)
    }

    /// What to load where the component asks for counts of its own choice.
    pub(super) fn keys_of(
        &self,
        asked: &[Observation],
        name: &Name,
        origin: &Origin,
    ) -> Vec<(Observation, [u8; 16])> {
        let key = |kind: &Observation| (kind.clone(), self.key_of(&kind.kind, name, origin));
        asked.iter().map(key).collect()
    }

    /// What was loaded for [`Observer::keys`], in their order, as the component gets it.
    pub(super) fn counts(keys: &[(Observation, [u8; 16])], loaded: &[u32]) -> Vec<Observation> {
        keys.iter()
            .zip(loaded)
            .map(|((kind, _), count)| Observation {
                count: *count,
                ..kind.clone()
            })
            .collect()
    }

    /// What the component counted, under the keys of this event. `asked` is what it wanted to know in this step. A source's
    /// or user's kind that neither names is switched off; a tenant's is counted over a day then.
    pub(super) fn increments(
        &self,
        name: &Name,
        origin: &Origin,
        asked: &[Observation],
        counts: &[Count],
    ) -> Vec<(String, [u8; 16], u32, u64)> {
        let increment = |count: &Count| {
            let window = self
                .kinds
                .iter()
                .chain(asked)
                .find(|kind| kind.kind == count.kind)
                .map(|kind| kind.window)
                .or_else(|| is_tenants(&count.kind).then_some(DAY))?;
            let key = self.key_of(&count.kind, name, origin);
            Some((count.kind.clone(), key, count.by, window))
        };
        counts.iter().filter_map(increment).collect()
    }

    /// The shadow record that stands in for a name without an account: one of a fixed number of the tenant's own, always
    /// the same for one name.
    pub(super) fn shadow(&self, name: &Name) -> AccountId {
        let tenant = name.tenant.as_bytes();
        let number = self
            .digest(&[
                b"shadow",
                tenant,
                name.issuer.as_bytes(),
                name.user.as_bytes(),
            ])
            .first_chunk::<4>()
            .map_or(0, |first| u32::from_be_bytes(*first))
            % self.shadows;
        // A seal is bound to the tenant, so no record may serve two.
        let digest = self.digest(&[b"shadow record", tenant, &number.to_be_bytes()]);
        let mut id = AccountId([0; 16]);
        id.0.iter_mut()
            .zip(digest)
            .for_each(|(to, from)| *to = from);
        id
    }

    fn key_of(&self, kind: &str, name: &Name, origin: &Origin) -> [u8; 16] {
        let (kind, tenant) = (kind.as_bytes(), name.tenant.as_bytes());
        let digest = if kind.starts_with(b"source") {
            // All who come without an address that can be told are one source: each gateway's.
            let address = origin.address.as_deref().and_then(source);
            let source = match &address {
                Some(address) => address.as_slice(),
                None => origin.gateway.as_bytes(),
            };
            self.digest(&[kind, tenant, source])
        } else if kind.starts_with(b"user") {
            self.digest(&[kind, tenant, name.issuer.as_bytes(), name.user.as_bytes()])
        } else {
            self.digest(&[b"tenant", kind, tenant])
        };
        let mut key = [0; 16];
        key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
        key
    }

    /// HMAC-SHA-256 over the parts, each with its length before it.
    fn digest(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return [0; 32];
        };
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// Whether a kind is neither a source's nor a user's.
fn is_tenants(kind: &str) -> bool {
    !kind.starts_with("source") && !kind.starts_with("user")
}

fn source(address: &str) -> Option<[u8; 16]> {
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).octets()
        }
    })
}
