//! The keys that sign tokens, as they are written down (RFC 7517).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature;
use serde::Deserialize;
use serde_json::Value;

use super::json;

/// The longest key set that is read, in octets: a few hundred keys.
pub(super) const LONGEST: usize = 256 * 1024;
/// How many keys of a set are looked at.
const MOST: usize = 256;

/// How a token is signed. There is no other: `none` and the keyed digests of RFC 7518 are no signatures of an issuer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 section 3.3), keys of 2,048 to 8,192 bits.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518 section 3.4).
    #[serde(rename = "ES256")]
    Es256,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Algorithm {
    /// The one of this name; names have a case (RFC 7515 section 4.1.1).
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// One key, for one algorithm.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    kid: Option<String>,
    material: Material,
}

#[derive(Debug, PartialEq, Eq)]
enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    /// Reads one; none for what is no key for signatures of ours: it may be there for others.
    fn read(jwk: &Value) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let octets = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
        if text("use").is_some_and(|it| it != "sig") {
            return None;
        }
        if let Some(operations) = jwk.get("key_ops")
            && !operations.as_array()?.iter().any(|it| it == "verify")
        {
            return None;
        }
        let (algorithm, material) = match (text("kty")?, text("crv")) {
            ("RSA", None) => {
                let (n, e) = (octets("n")?, octets("e")?);
                (Algorithm::Rs256, Material::Rsa { n, e })
            }
            ("EC", Some("P-256")) => {
                let (x, y) = (octets("x")?, octets("y")?);
                if x.len() != 32 || y.len() != 32 {
                    return None;
                }
                // The uncompressed form (SEC 1 section 2.3.3).
                let point = [&[4][..], &x, &y].concat();
                (Algorithm::Es256, Material::P256(point))
            }
            ("OKP", Some("Ed25519")) => (Algorithm::EdDsa, Material::Ed25519(octets("x")?)),
            _ => return None,
        };
        if text("alg").is_some_and(|name| Algorithm::named(name) != Some(algorithm)) {
            return None;
        }
        Some(Self {
            kid: text("kid").map(str::to_owned),
            material,
        })
    }

    /// The only algorithm that it is used with, whatever a token says.
    fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    /// Whether it signed this.
    #[must_use]
    pub fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Rsa { n, e } => signature::RsaPublicKeyComponents { n, e }
                .verify(&signature::RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Material::P256(point) => {
                signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point)
                    .verify(message, signature)
                    .is_ok()
            }
            Material::Ed25519(key) => signature::UnparsedPublicKey::new(&signature::ED25519, key)
                .verify(message, signature)
                .is_ok(),
        }
    }
}

/// A set of keys.
#[derive(Debug, PartialEq, Eq)]
pub struct KeySet(Vec<Key>);

impl KeySet {
    /// Reads a set.
    ///
    /// # Errors
    /// Where it is none, or has no key that signatures can be checked with.
    pub fn read(text: &[u8]) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("it is longer than {LONGEST} octets"));
        }
        let set = json::object(text).ok_or("it is no JSON object with each name once")?;
        let keys = set
            .get("keys")
            .and_then(Value::as_array)
            .ok_or("it has no list `keys` (RFC 7517 section 5)")?;
        let keys: Vec<Key> = keys.iter().take(MOST).filter_map(Key::read).collect();
        if keys.is_empty() {
            return Err("it has no key for RS256, ES256 or EdDSA".to_owned());
        }
        Ok(Self(keys))
    }

    /// The key of this name for this algorithm; without a name the only one for it.
    #[must_use]
    pub fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Option<&Key> {
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.algorithm() == algorithm)
            .filter(|key| kid.is_none() || key.kid.as_deref() == kid);
        let found = fitting.next()?;
        fitting.next().is_none().then_some(found)
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
pub(super) mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    use super::*;

    /// An issuer with a key of each curve.
    pub(crate) struct Issuer {
        pub(crate) edwards: Ed25519KeyPair,
        pub(crate) nist: EcdsaKeyPair,
    }

    pub(crate) fn encode(octets: impl AsRef<[u8]>) -> String {
        URL_SAFE_NO_PAD.encode(octets)
    }

    impl Issuer {
        pub(crate) fn new() -> Self {
            let random = SystemRandom::new();
            let edwards = Ed25519KeyPair::generate_pkcs8(&random).unwrap();
            let nist =
                EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
            Self {
                edwards: Ed25519KeyPair::from_pkcs8(edwards.as_ref()).unwrap(),
                nist: EcdsaKeyPair::from_pkcs8(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    nist.as_ref(),
                    &random,
                )
                .unwrap(),
            }
        }

        pub(crate) fn keys(&self) -> Value {
            let point = self.nist.public_key().as_ref();
            json!({"keys": [
                {"kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "sig",
                 "x": encode(self.edwards.public_key())},
                {"kty": "EC", "crv": "P-256", "kid": "ec", "alg": "ES256",
                 "x": encode(&point[1..33]), "y": encode(&point[33..])},
                {"kty": "EC", "crv": "P-384", "kid": "other", "x": "AA", "y": "AA"},
                {"kty": "oct", "kid": "shared", "k": encode("a secret of the issuer's own")},
            ]})
        }
    }

    #[test]
    fn keys_are_used_for_what_they_are_for() {
        let issuer = Issuer::new();
        let set = KeySet::read(issuer.keys().to_string().as_bytes()).unwrap();
        for (kid, algorithm, found) in [
            (Some("ed"), Algorithm::EdDsa, true),
            (Some("ed"), Algorithm::Es256, false),
            (Some("ed"), Algorithm::Rs256, false),
            (Some("ec"), Algorithm::Es256, true),
            (Some("other"), Algorithm::Es256, false),
            (Some("shared"), Algorithm::EdDsa, false),
            (Some("../../etc/passwd"), Algorithm::EdDsa, false),
            (Some(""), Algorithm::EdDsa, false),
            (None, Algorithm::EdDsa, true),
            (None, Algorithm::Rs256, false),
        ] {
            assert_eq!(
                set.find(kid, algorithm).is_some(),
                found,
                "{kid:?} {algorithm:?}"
            );
        }
    }

    #[test]
    fn what_is_not_for_signatures_is_left_out() {
        let x = encode([7; 32]);
        for (key, usable) in [
            (json!({"kty": "OKP", "crv": "Ed25519", "x": x}), true),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "key_ops": ["verify"]}),
                true,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "use": "enc"}),
                false,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "key_ops": ["sign"]}),
                false,
            ),
            (
                json!({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "ES256"}),
                false,
            ),
            (json!({"kty": "OKP", "crv": "X25519", "x": x}), false),
            (json!({"kty": "OKP", "crv": "Ed25519", "x": 7}), false),
            (
                json!({"kty": "EC", "crv": "P-256", "x": x, "y": "AA"}),
                false,
            ),
            (
                json!({"kty": "RSA", "n": x, "e": "AQAB", "alg": "PS256"}),
                false,
            ),
            (json!(7), false),
        ] {
            let set = json!({ "keys": [key] }).to_string();
            assert_eq!(KeySet::read(set.as_bytes()).is_ok(), usable, "{set}");
        }
        for bad in ["", "[]", "{}", "{\"keys\":7}", "{\"keys\":[],\"keys\":[]}"] {
            assert!(KeySet::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_keys_of_one_name_are_none() {
        let key = |x: u8| json!({"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": encode([x; 32])});
        let set = json!({"keys": [key(1), key(2)]}).to_string();
        let set = KeySet::read(set.as_bytes()).unwrap();
        assert_eq!(set.find(Some("a"), Algorithm::EdDsa), None);
        assert_eq!(set.find(None, Algorithm::EdDsa), None);
    }
}
