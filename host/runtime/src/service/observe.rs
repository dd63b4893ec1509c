//! What the host counts for the component: which keys, under which digests, over which windows.
//!
//! Keys are digests, so that the store learns no address. An IPv4 source is its address, an IPv6 source its /64 prefix.

use std::net::{IpAddr, Ipv6Addr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::contract::{Count, HostPolicy, Observation};
use crate::seal::KeyRing;
use crate::store::{AccountId, Name};

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

    /// What to load for an event from `address`. Without an address there is no source to count for.
    pub(super) fn keys(&self, name: &Name, address: Option<&str>) -> Vec<(Observation, [u8; 16])> {
        let key =
            |kind: &Observation| Some((kind.clone(), self.key_of(&kind.kind, name, address)?));
        self.kinds.iter().filter_map(key).collect()
    }

    /// The loaded counts, in the order of [`Observer::keys`], as the component gets them.
    pub(super) fn counts(&self, loaded: &[u32]) -> Vec<Observation> {
        if loaded.len() != self.kinds.len() {
            return Vec::new();
        }
        self.kinds
            .iter()
            .zip(loaded)
            .map(|(kind, count)| Observation {
                count: *count,
                ..kind.clone()
            })
            .collect()
    }

    /// What the component counted, under the keys of this event. A kind that the policy does not name is not counted.
    pub(super) fn increments(
        &self,
        name: &Name,
        address: Option<&str>,
        counts: &[Count],
    ) -> Vec<(String, [u8; 16], u32, u64)> {
        let increment = |count: &Count| {
            let window = self
                .kinds
                .iter()
                .find(|kind| kind.kind == count.kind)?
                .window;
            Some((
                count.kind.clone(),
                self.key_of(&count.kind, name, address)?,
                count.by,
                window,
            ))
        };
        counts.iter().filter_map(increment).collect()
    }

    /// The shadow record that stands in for a name without an account: one of a fixed number, always the same for one
    /// name.
    pub(super) fn shadow(&self, name: &Name) -> AccountId {
        let digest = self.digest(&[
            b"shadow",
            name.tenant.as_bytes(),
            name.issuer.as_bytes(),
            name.user.as_bytes(),
        ]);
        let number = digest
            .first_chunk::<4>()
            .map_or(0, |first| u32::from_be_bytes(*first))
            % self.shadows;
        let mut id = [0; 16];
        if let Some(tail) = id.last_chunk_mut::<4>() {
            *tail = number.to_be_bytes();
        }
        AccountId(id)
    }

    fn key_of(&self, kind: &str, name: &Name, address: Option<&str>) -> Option<[u8; 16]> {
        let digest = match kind {
            "user" => self.digest(&[
                b"user",
                name.tenant.as_bytes(),
                name.issuer.as_bytes(),
                name.user.as_bytes(),
            ]),
            _ if kind.starts_with("source") => {
                self.digest(&[kind.as_bytes(), name.tenant.as_bytes(), &source(address?)?])
            }
            _ => return None,
        };
        digest.first_chunk::<16>().copied()
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

fn source(address: &str) -> Option<[u8; 16]> {
    Some(match address.parse::<IpAddr>().ok()?.to_canonical() {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).octets()
        }
    })
}
