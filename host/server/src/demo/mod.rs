//! The demonstration: everything that a sign-in needs, in one process on loopback.
//!
//! ```text
//! browser ── gateway (this module's) ── first factor: a form, one test user
//!                 ├── asks the real endpoint of nginx before each request
//!                 ├── passes /.cofactor/ on to the real portal
//!                 └── application (this module's), which shows the headers it gets
//! ```
//!
//! The gateway plays nginx's part as docs/nginx.md has it: it takes away what clients send under the names of identity
//! headers, says itself who the user is, and proves itself with a secret. It is no gateway for anything else.

mod application;
mod gateway;
mod pages;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::Store;
use subtle::ConstantTimeEq;

use crate::config::Secret;
use crate::gateway::config::{AmbiguousPaths, GatewaySection, Gateways, Kind, RESERVED};
use crate::gateway::{Front, first_factor};
use crate::names::Names;
use crate::portal::PortalSection;

/// The test user.
pub const USER: &str = "alice";

/// The demonstration, ready to be served.
pub struct Demo<S> {
    front: Arc<Front<S>>,
    secret: String,
    password: String,
    address: SocketAddr,
    visitors: Visitors,
}

/// Why there is no demonstration.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// It is for one machine, and speaks plain HTTP.
    #[error("the demonstration listens on a loopback address only, such as 127.0.0.1:8080")]
    NotLoopback,
    /// The operating system has no randomness to give.
    #[error("no randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    /// Its own configuration was refused.
    #[error("{0}")]
    Configuration(String),
    /// The service is not fit.
    #[error(transparent)]
    Service(#[from] StepError),
}

impl<S: Store> Demo<S> {
    /// A demonstration on this service, to be served at `address`. Secret and password are new each time.
    ///
    /// # Errors
    /// Where the address is not loopback, or there is no randomness.
    pub fn new(service: Arc<Service<S>>, address: SocketAddr) -> Result<Self, DemoError> {
        if !address.ip().is_loopback() {
            return Err(DemoError::NotLoopback);
        }
        let secret = hex::encode(random::<32>()?);
        let section = GatewaySection {
            name: "demonstration".into(),
            kind: Kind::Nginx,
            peers: vec![address.ip().to_string()],
            proxies: Vec::new(),
            secret: Some(Secret::new(secret.clone())),
            secret_file: None,
            certificates: Vec::new(),
            hosts: vec![
                format!("http://{address}"),
                format!("http://localhost:{}", address.port()),
            ],
            application: "demonstration".into(),
            tenant: "default".into(),
            issuer: "demonstration".into(),
            portal: RESERVED.into(),
            ambiguous_paths: AmbiguousPaths::Refuse,
            first_factor: first_factor::Kind::Header,
            jwt: None,
            client_certificate: None,
            ldap: None,
            sessions: None,
            app_passwords: false,
        };
        let gateways = Gateways::new(&[section], Names::default(), Path::new("."))
            .map_err(DemoError::Configuration)?;
        let portal = PortalSection {
            title: "Cofactor demonstration".into(),
            help: None,
        };
        Ok(Self {
            front: Arc::new(Front::new(service, gateways, &portal)?),
            secret,
            password: readable(random::<8>()?),
            address,
            visitors: Visitors::default(),
        })
    }

    /// The address to open in a browser.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The test user's password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The gateway with everything behind it. Whoever serves it gives each request a `ConnectInfo<SocketAddr>`.
    pub fn router(self) -> Router {
        gateway::router(Arc::new(self))
    }

    fn knows(&self, user: &str, password: &str) -> bool {
        let same = |a: &str, b: &str| a.as_bytes().ct_eq(b.as_bytes());
        bool::from(same(user, USER) & same(password, &self.password))
    }
}

/// Browsers that passed the first factor, by a random cookie; forgotten when the process ends.
#[derive(Default)]
struct Visitors(Mutex<HashMap<String, String>>);

impl Visitors {
    const MOST: usize = 1024;

    fn admit(&self, user: &str) -> Option<String> {
        let id = hex::encode(random::<16>().ok()?);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= Self::MOST {
            all.clear();
        }
        all.insert(id.clone(), user.to_owned());
        Some(id)
    }

    fn user(&self, id: &str) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    fn dismiss(&self, id: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A password that is easy to copy from a terminal: 40 bits, in letters that are not mistaken for one another.
fn readable(bytes: [u8; 8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte & 31)))
        .map(|letter| char::from(*letter))
        .collect()
}
