//! The keys that sign tokens (RFC 7517): read from a file, or fetched from an address of the configuration. Never from one
//! that a token names.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONNECTION, HOST};
use axum::http::{Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper_util::rt::TokioIo;
use ring::signature;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::{json, trust};

/// The longest key set that is read, in octets: a few hundred keys.
const LONGEST: usize = 256 * 1024;
/// How many keys of a set are looked at.
const MOST: usize = 256;
/// How long the whole of a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody asks again after a fetch, whatever came of it, in milliseconds: tokens with keys that nobody knows cost
/// the issuer one question a minute.
const PAUSE: u64 = 60_000;

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

/// Where keys come from.
#[derive(Debug)]
enum Source {
    File(PathBuf),
    Address { url: Url, tls: Arc<ClientConfig> },
}

/// The keys of an issuer, as they were last seen.
#[derive(Debug)]
pub struct Keys {
    source: Source,
    /// How long a set is used after it was seen, in milliseconds.
    keep: u64,
    held: RwLock<Option<Held>>,
    /// When somebody last asked for them, in milliseconds since the epoch. Who holds the lock asks.
    asked: Mutex<Option<u64>>,
}

#[derive(Clone, Debug)]
struct Held {
    set: Arc<KeySet>,
    seen: u64,
}

impl Keys {
    /// Those of a file, which is read at once and has to be right.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of_file(path: &Path, keep: u64) -> Result<Self, String> {
        read(path)?;
        Ok(Self::new(Source::File(path.to_owned()), keep))
    }

    /// Those of an address, which is not asked before somebody needs them: the issuer may be down when the host starts.
    ///
    /// # Errors
    /// Where the address is none that can be believed, or nobody's certificate could be.
    pub fn of_address(text: &str, ca: Option<&Path>, keep: u64) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("`{text}`: {error}"))?;
        if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
            return Err(format!(
                "`{text}`: expected an address such as https://login.example.com/keys: who could change it on its way could \
                 be anybody"
            ));
        }
        let tls = trust::client(ca)?;
        Ok(Self::new(Source::Address { url, tls }, keep))
    }

    fn new(source: Source, keep: u64) -> Self {
        Self {
            source,
            keep,
            held: RwLock::new(None),
            asked: Mutex::new(None),
        }
    }

    /// The set that has the key of this name for this algorithm. Where the one that is held does not, the issuer is asked,
    /// at most once a minute. `now` is in milliseconds since the epoch.
    ///
    /// # Errors
    /// Where there is no set at all that is young enough to be believed.
    pub async fn with(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: u64,
    ) -> Result<Option<Arc<KeySet>>, String> {
        let fitting = |held: Held| held.set.find(kid, algorithm).is_some().then_some(held.set);
        if let Some(set) = self.held(now).and_then(fitting) {
            return Ok(Some(set));
        }
        self.refresh(now).await;
        match self.held(now) {
            Some(held) => Ok(fitting(held)),
            None => Err(format!("there are no keys of {}", self.source)),
        }
    }

    /// Looks after the set, at most once a minute: to be called now and then, so that a key that was taken out is gone before
    /// anybody brings a new one.
    pub async fn refresh(&self, now: u64) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| now < asked.saturating_add(PAUSE) && now >= asked) {
            return;
        }
        *asked = Some(now);
        match self.source.set().await {
            Ok(set) => {
                let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
                *held = Some(Held {
                    set: Arc::new(set),
                    seen: now,
                });
            }
            Err(error) => {
                let held = self.held(now).is_some();
                tracing::warn!(source = %self.source, error, held, "no key set");
            }
        }
    }

    fn held(&self, now: u64) -> Option<Held> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.clone()
            .filter(|held| now < held.seen.saturating_add(self.keep))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Address { url, .. } => write!(f, "{url}"),
        }
    }
}

impl Source {
    async fn set(&self) -> Result<KeySet, String> {
        match self {
            Self::File(path) => read(path),
            Self::Address { url, tls } => {
                let text = tokio::time::timeout(PATIENCE, fetch(url, Arc::clone(tls)))
                    .await
                    .map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))??;
                KeySet::read(&text)
            }
        }
    }
}

fn read(path: &Path) -> Result<KeySet, String> {
    let shown = path.display();
    let text = std::fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    KeySet::read(&text).map_err(|problem| format!("{shown}: {problem}"))
}

/// One GET. Redirects are not followed: the address of the configuration is the one that is believed.
async fn fetch(url: &Url, tls: Arc<ClientConfig>) -> Result<Vec<u8>, String> {
    fn plain(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let port = url.port_or_known_default().unwrap_or(443);
    let (name, stream) = match url.host().ok_or("it has no host")? {
        Host::Domain(name) => (
            ServerName::try_from(name.to_owned()).map_err(plain)?,
            TcpStream::connect((name, port)).await,
        ),
        Host::Ipv4(address) => (
            std::net::IpAddr::from(address).into(),
            TcpStream::connect((address, port)).await,
        ),
        Host::Ipv6(address) => (
            std::net::IpAddr::from(address).into(),
            TcpStream::connect((address, port)).await,
        ),
    };
    let stream = TlsConnector::from(tls)
        .connect(name, stream.map_err(plain)?)
        .await
        .map_err(plain)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(plain)?;
    let path = url.query().map_or_else(
        || url.path().to_owned(),
        |query| format!("{}?{query}", url.path()),
    );
    let authority = url.authority();
    let request = Request::get(path)
        .header(HOST, authority)
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(CONNECTION, "close")
        .body(Body::empty())
        .map_err(plain)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(plain)?;
        if answer.status() != StatusCode::OK {
            return Err(format!("the answer is {}", answer.status()));
        }
        let body = axum::body::to_bytes(Body::new(answer.into_body()), LONGEST)
            .await
            .map_err(plain)?;
        Ok(body.to_vec())
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        // The connection may be over before the last of the body was taken.
        _ = &mut connection => exchange.await,
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

    #[tokio::test]
    async fn a_file_is_read_again_for_a_key_that_is_new_but_once_a_minute_and_kept_for_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        let write = |kid: &str| {
            let key = json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": encode([1; 32])});
            std::fs::write(&path, json!({ "keys": [key] }).to_string()).unwrap();
        };
        write("one");
        let keys = Keys::of_file(&path, 600_000).unwrap();
        let has = async |kid: &str, now: u64| {
            keys.with(Some(kid), Algorithm::EdDsa, now)
                .await
                .map(|set| set.is_some())
        };
        assert_eq!(has("one", 1_000_000).await, Ok(true));
        write("two");
        assert_eq!(has("two", 1_059_999).await, Ok(false));
        assert_eq!(has("two", 1_060_000).await, Ok(true));
        assert_eq!(has("one", 1_060_001).await, Ok(false));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(has("two", 1_659_999).await, Ok(true), "kept");
        assert!(has("two", 1_660_000).await.is_err(), "but no longer");
        write("two");
        // The clock went back: nothing waits for it.
        assert_eq!(has("two", 500_000).await, Ok(true));
    }

    #[test]
    fn addresses_that_can_be_believed() {
        let authority =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/tls/authority.pem");
        let read = |text| Keys::of_address(text, Some(&authority), 1).map(drop);
        assert_eq!(read("https://login.example.com/keys?v=1"), Ok(()));
        for bad in [
            "http://login.example.com/keys",
            "file:///etc/keys.json",
            "https://user:password@login.example.com/",
            "login.example.com",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
