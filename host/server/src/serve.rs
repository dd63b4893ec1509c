//! Puts the host together: component, key ring, store, service and listeners.

use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use cofactor_runtime::clock::{Clock, ClockJumped, SystemClock};
use cofactor_runtime::contract::PolicyError;
use cofactor_runtime::plugin::{LoadError, Options, Plugin};
use cofactor_runtime::service::{Service, ServiceError, StepError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::api::Api;
use crate::config::{Address, Component, Config, Door};
use crate::gateway::{self, Front};
use crate::keyring::{self, KeyFileError};
use crate::listener::{ListenError, Listener};
use crate::metrics::{self, ApiCounters};
use crate::store::embedded::{self, EmbeddedStore, Finding, OpenError};

/// Why the host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file that the configuration names cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The component was not loaded.
    #[error(transparent)]
    Component(#[from] LoadError),
    /// The policy is wrong.
    #[error("the policy has {} error(s)", .errors.len())]
    Policy {
        /// Where it is; none for the defaults.
        path: Option<PathBuf>,
        /// Its text.
        text: String,
        /// All that is wrong with it.
        errors: Vec<PolicyError>,
    },
    /// The component failed on the policy.
    #[error("the component could not compile the policy: {0}")]
    Compile(String),
    /// The key ring cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// An address cannot be served.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Gateways and portal are not fit to start.
    #[error(transparent)]
    Front(#[from] StepError),
    /// The clock is not to be trusted.
    #[error(transparent)]
    Clock(#[from] ClockJumped),
    /// The system does not let the process wait for signals.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
}

/// Loads the component that the configuration names, or the one that the command carries. A pinned digest is compared
/// before anything is parsed.
///
/// # Errors
/// Where it cannot be read or is not acceptable.
pub fn component(component: &Component) -> Result<Plugin, StartError> {
    let mut options = Options {
        sha256: component.sha256,
        ..Options::default()
    };
    if let Some(instances) = component.instances {
        options.instances = instances;
    }
    Ok(match &component.file {
        None => Plugin::load(cofactor_component::COMPONENT, &options)?,
        Some(path) => {
            let bytes = std::fs::read(path).map_err(|source| StartError::File {
                path: path.clone(),
                source,
            })?;
            Plugin::load(&bytes, &options)?
        }
    })
}

/// Makes the one door over the configured component, policy, keys and store. Key ring and database are made where there
/// are none.
///
/// # Errors
/// The first thing that is not as it has to be.
pub fn service(config: &Config) -> Result<Service<EmbeddedStore>, StartError> {
    let clock = SystemClock::new();
    let now = clock.now()?;
    let plugin = component(&config.component)?;
    let policy = match &config.policy {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|source| StartError::File {
            path: path.clone(),
            source,
        })?,
    };
    let ring = keyring::open(&config.keys, &config.store.path, now)?;
    let store = EmbeddedStore::open(
        &embedded::Options::new(&config.store.path, &config.store.anchor),
        now,
    )?;
    for finding in store.findings() {
        match finding {
            Finding::RolledBack {
                anchored,
                found,
                time,
            } => tracing::error!(
                anchored,
                found,
                time,
                "the database is older than its anchor: codes that may have been used already are refused"
            ),
            Finding::AnchorMissing => tracing::error!(
                "the anchor is missing: whether the database was put back cannot be told, and recent codes are refused"
            ),
        }
    }
    Service::new(plugin, store, ring, &policy, Arc::new(clock)).map_err(|error| match error {
        ServiceError::Policy(errors) => StartError::Policy {
            path: config.policy.clone(),
            text: policy,
            errors,
        },
        ServiceError::Plugin(error) => StartError::Compile(error.to_string()),
    })
}

/// A host whose listeners are bound.
pub struct Host {
    service: Arc<Service<EmbeddedStore>>,
    served: Vec<(&'static str, Listener, Router)>,
}

impl Host {
    /// Opens everything and binds every listener. Nothing is served yet.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let service = Arc::new(service(&config)?);
        for warning in service.policy_warnings() {
            tracing::warn!(
                line = u64::from(warning.line),
                field = warning.field,
                "policy: {} ({})",
                warning.problem,
                warning.help
            );
        }
        let counters = Arc::new(ApiCounters::default());
        let names = Arc::clone(&config.names);
        let api = Api::new(
            Arc::clone(&service),
            names,
            config.clients,
            Arc::clone(&counters),
        );
        let mut served = Vec::new();
        if !config.gateways.all.is_empty() {
            let front = Front::new(Arc::clone(&service), config.gateways, &config.portal)?;
            let web = Listener::bind(&config.listen.web).await?;
            served.push(("web", web, gateway::router(Arc::new(front))));
        }
        served.push((
            "api",
            Listener::bind(&config.listen.api).await?,
            api.router(),
        ));
        if let Some(address) = config.listen.metrics {
            let door = Door {
                address: Address::Tcp(address),
                tls: None,
                connections: 64,
            };
            let router = metrics::router(Arc::clone(&service), counters);
            served.push(("metrics", Listener::bind(&door).await?, router));
        }
        Ok(Self { service, served })
    }

    /// Where the listener of that name (`web`, `api`, `metrics`) is.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<&Address> {
        self.served
            .iter()
            .find(|(other, ..)| *other == name)
            .map(|(_, listener, _)| listener.address())
    }

    /// Serves until `stop` turns true, lets requests end, and closes the store: the anchor is written last.
    pub async fn serve(self, stop: watch::Receiver<bool>) {
        for (name, listener, _) in &self.served {
            tracing::info!(listener = name, address = %listener.address(), "listening");
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            component = %self.service.plugin().digest(),
            "ready"
        );
        let tasks: Vec<_> = self
            .served
            .into_iter()
            .map(|(_, listener, router)| tokio::spawn(listener.serve(router, stop.clone())))
            .collect();
        for task in tasks {
            let _ = task.await;
        }
        let service = self.service;
        let _ = tokio::task::spawn_blocking(move || service.store().close()).await;
        tracing::info!("stopped");
    }
}

/// SIGTERM and SIGINT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on they no longer end the process at once.
    ///
    /// # Errors
    /// Where the system does not let the process wait for them.
    pub fn new() -> Result<Self, StartError> {
        Ok(Self {
            terminate: signal(SignalKind::terminate()).map_err(StartError::Signals)?,
            interrupt: signal(SignalKind::interrupt()).map_err(StartError::Signals)?,
        })
    }

    /// Returns when one of them has come.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Runs the configured host until SIGTERM or SIGINT.
///
/// # Errors
/// Where it cannot start.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut signals = Signals::new()?;
    let host = Host::start(config).await?;
    let (stop, stopped) = watch::channel(false);
    let serving = tokio::spawn(host.serve(stopped));
    signals.wait().await;
    tracing::info!("stopping");
    let _ = stop.send(true);
    let _ = serving.await;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::{Read, Write};
    use std::path::Path;

    use super::*;

    const LISTEN: &str = "[listen]\napi = '127.0.0.1:0'\nmetrics = '127.0.0.1:0'\n";

    fn get(address: &Address, path: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address.to_string()).unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_host_starts_tells_how_it_is_and_stops() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(LISTEN, folder.path()).unwrap();
        let host = Host::start(config).await.unwrap();
        let metrics = host.address("metrics").unwrap().clone();
        let api = host.address("api").unwrap().clone();
        assert!(host.address("web").is_none(), "there is no gateway");
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(host.serve(stopped));
        let asked = tokio::task::spawn_blocking(move || {
            assert!(get(&metrics, "/healthz").ends_with("alive\n"));
            assert!(get(&metrics, "/readyz").ends_with("ready\n"));
            let text = get(&metrics, "/metrics");
            for name in [
                "cofactor_build_info{",
                "cofactor_verdicts_total{verdict=\"pass\"} 0",
                "cofactor_step_seconds_bucket{le=\"+Inf\"} 0",
                "cofactor_commit_seconds_count 0",
                "cofactor_conflicts_total 0",
                "cofactor_faults_total 0",
                "cofactor_instances_busy 0",
            ] {
                assert!(text.contains(name), "{name}\n{text}");
            }
            assert!(get(&api, "/v1/openapi.json").contains("\"openapi\": \"3.1.0\""));
            assert!(get(&api, "/v1/description").starts_with("HTTP/1.1 401 "));
        });
        asked.await.unwrap();
        stop.send(true).unwrap();
        serving.await.unwrap();
        assert!(
            folder.path().join("cofactor.anchor").exists(),
            "the anchor is written"
        );
    }

    #[test]
    fn what_keeps_a_host_from_starting_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        file("wrong.toml", "[totp]\nwindow = 99\n");
        file("wrong.wasm", "no component");
        let pinned = format!("[component]\nsha256 = '{}'", "0".repeat(64));
        // The digest is compared first: what is no component at all is refused for its digest.
        let both = format!("{pinned}\nfile = 'wrong.wasm'");
        for (text, said) in [
            (pinned.as_str(), "but the configuration pins 000000"),
            (&both, "but the configuration pins 000000"),
            ("component.file = 'wrong.wasm'", "could not be compiled"),
            ("component.file = 'nowhere.wasm'", "cannot read"),
            ("policy.file = 'nowhere.toml'", "cannot read"),
            ("policy.file = 'wrong.toml'", "the policy has 1 error(s)"),
        ] {
            let config = Config::parse(text, folder.path()).unwrap();
            let error = service(&config).err().unwrap().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
        assert!(!Path::new("cofactor.db").exists());
    }
}
