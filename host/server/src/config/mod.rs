//! The configuration: one TOML file, checked as a whole before anything starts.
//!
//! Every key is documented in docs/configuration.md and in docs/cofactor.example.toml, which a test loads. Paths are
//! relative to the file. What is read here is what the rest of the host uses: addresses, networks and secrets are
//! parsed, files were looked at, and nothing is checked twice.

mod address;
mod document;
mod excerpt;
mod file;
mod listen;
mod nearest;
mod secret;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::gateway::config::Gateways;
use crate::names::Names;
use crate::portal::PortalSection;

pub use address::Address;
pub use document::{Document, Problem};
pub use excerpt::Excerpt;
pub use file::{Level, LogFormat};
pub use nearest::nearest;
pub use secret::{Secret, private};

/// What the operator configured.
#[derive(Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Where accounts are kept.
    pub store: StoreFiles,
    /// The key ring's file.
    pub keys: PathBuf,
    /// The policy document, if one is named. Without one, the defaults hold.
    pub policy: Option<PathBuf>,
    /// Which component judges.
    pub component: Component,
    /// What to log.
    pub log: Log,
    /// How user names become canonical.
    pub names: Arc<Names>,
    /// Which gateways may ask, for which sites. Without any, nothing listens on `listen.web`; without one that asks over
    /// gRPC, nothing on `listen.grpc`.
    pub gateways: Gateways,
    /// What people see on every page.
    pub portal: PortalSection,
    /// Who may call the verify API.
    pub clients: Vec<Client>,
}

/// Where to listen.
#[derive(Debug)]
pub struct Listen {
    /// Gateways and portal.
    pub web: Door,
    /// Gateways that ask over gRPC.
    pub grpc: Door,
    /// The verify API.
    pub api: Door,
    /// Health and metrics. None switches them off.
    pub metrics: Option<SocketAddr>,
}

/// One listener.
#[derive(Clone, Debug)]
pub struct Door {
    /// Where.
    pub address: Address,
    /// Certificate chain and private key, if it speaks TLS.
    pub tls: Option<Tls>,
    /// How many connections may be open at once.
    pub connections: usize,
}

/// Certificate chain and private key, and who signs clients' certificates: PEM files.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The chain, the host's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The authorities whose certificates a client may show. None: nobody is asked for one.
    pub client_ca: Option<PathBuf>,
}

/// The embedded store's files.
#[derive(Clone, Debug)]
pub struct StoreFiles {
    /// The database.
    pub path: PathBuf,
    /// The anchor, which shows that the database was not rolled back. Best kept on another disk.
    pub anchor: PathBuf,
}

/// Which component judges.
#[derive(Clone, Debug)]
pub struct Component {
    /// The file, or none for the one that the command carries.
    pub file: Option<PathBuf>,
    /// The only digest (SHA-256) that is accepted.
    pub sha256: Option<[u8; 32]>,
    /// How many steps may run at once. None leaves it to the engine.
    pub instances: Option<u32>,
}

/// What to log.
#[derive(Clone, Copy, Debug)]
pub struct Log {
    /// How a line looks.
    pub format: LogFormat,
    /// From which gravity on.
    pub level: Level,
}

/// Who may call the verify API.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name: the user part of its credential, and `origin.gateway` of what it asks.
    pub name: String,
    /// SHA-256 of its secret.
    pub secret: [u8; 32],
    /// Whose users it asks about.
    pub tenant: String,
    /// Under which first factor their names are known.
    pub issuer: String,
    /// Applications that it may name.
    pub applications: Vec<String>,
    /// Whether it may send `administer` events.
    pub administer: bool,
    /// Whether its answers hold `internal-reason`.
    pub internal_reasons: bool,
    /// How many requests it may make in a second, on average and at once.
    pub requests_per_second: u32,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError {
            path: path.to_owned(),
            text: String::new(),
            wrong: Wrong::Unreadable(error),
        })?;
        let base = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, base).map_err(|problems| ConfigError {
            path: path.to_owned(),
            text,
            wrong: Wrong::Problems(problems),
        })
    }

    /// Reads and checks a configuration. Relative paths start at `base`.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the document.
    pub fn parse(text: &str, base: &Path) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(text)?;
        let file: file::File = document.read()?;
        let mut problems = Vec::new();
        let config = file.resolve(base, |key, problem, help| {
            problems.push(document.problem(key, problem, help));
        });
        problems.sort_by_key(|problem| (problem.line, problem.column));
        match config {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(problems),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub struct ConfigError {
    path: PathBuf,
    text: String,
    wrong: Wrong,
}

#[derive(Debug)]
enum Wrong {
    Unreadable(std::io::Error),
    Problems(Vec<Problem>),
}

impl ConfigError {
    /// What is wrong with the file's text; empty where it could not be read at all.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match &self.wrong {
            Wrong::Unreadable(_) => &[],
            Wrong::Problems(problems) => problems,
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.wrong {
            Wrong::Unreadable(error) => write!(
                f,
                "cannot read the configuration {path}: {error}\n  Name it with --config, or start from \
                 docs/cofactor.example.toml. `cofactor demo` needs none."
            ),
            Wrong::Problems(problems) => {
                write!(f, "the configuration {path} cannot be used:")?;
                for problem in problems {
                    write!(f, "\n{}", Excerpt::of(&self.text, problem))?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests;
