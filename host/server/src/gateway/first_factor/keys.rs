//! The keys of an issuer of tokens: read from a file, or fetched from an address of the configuration. Never from one that a
//! token names.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONNECTION, HOST};
use axum::http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use super::jwks::{Algorithm, KeySet, LONGEST};
use super::trust;

/// How long the whole of a fetch may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long nobody asks again after a fetch, whatever came of it, in milliseconds: tokens with keys that nobody knows cost
/// the issuer one question a minute.
const PAUSE: u64 = 60_000;

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
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::super::jwks::tests::encode;
    use super::*;

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
