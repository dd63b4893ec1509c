//! An issuer of tokens, which publishes its keys over HTTPS.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::program::project;

/// Somebody who signs tokens. Its threads end with the process.
pub struct Issuer {
    port: u16,
    key: SigningKey,
    published: Arc<Mutex<String>>,
    fetched: Arc<AtomicUsize>,
}

impl Issuer {
    /// With a key of its own, which is not published yet.
    ///
    /// # Errors
    /// Where there is no port, or no certificate.
    pub fn start() -> anyhow::Result<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let tls = project("tests/fixtures/tls");
        let chain =
            CertificateDer::pem_file_iter(tls.join("host.pem"))?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(tls.join("host.key"))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        let config = Arc::new(config);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let it = Self {
            port: listener.local_addr()?.port(),
            key: SigningKey::from_bytes(&seed),
            published: Arc::new(Mutex::new(json!({"keys": []}).to_string())),
            fetched: Arc::default(),
        };
        let (published, fetched) = (Arc::clone(&it.published), Arc::clone(&it.fetched));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Ok(connection) = ServerConnection::new(Arc::clone(&config)) else {
                    continue;
                };
                let mut stream = StreamOwned::new(connection, stream);
                let mut head = [0; 4096];
                if !stream.read(&mut head).is_ok_and(|read| read > 0) {
                    continue;
                }
                fetched.fetch_add(1, Ordering::SeqCst);
                let keys = published
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .clone();
                let _ = write!(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{keys}",
                    keys.len()
                );
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        Ok(it)
    }

    /// Where its keys are.
    #[must_use]
    pub fn address(&self) -> String {
        format!("https://localhost:{}/keys", self.port)
    }

    /// Its key under this name, as it is published.
    #[must_use]
    pub fn keys(&self, kid: &str) -> String {
        let x = URL_SAFE_NO_PAD.encode(self.key.verifying_key().as_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}]}).to_string()
    }

    /// Publishes its key under this name.
    pub fn publish(&self, kid: &str) {
        *self
            .published
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.keys(kid);
    }

    /// How often somebody asked for its keys.
    #[must_use]
    pub fn fetched(&self) -> usize {
        self.fetched.load(Ordering::SeqCst)
    }

    /// A token with this header and these claims.
    #[must_use]
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", encode(header), encode(claims));
        let signature = self.key.sign(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
    }
}
