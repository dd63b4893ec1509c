//! Puts the host together: component, key ring, store, service and listeners.

mod apart;
mod descriptors;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cofactor_runtime::clock::{Clock, ClockJumped, SystemClock};
use cofactor_runtime::contract::PolicyError;
use cofactor_runtime::plugin::{LoadError, Options, Plugin};
use cofactor_runtime::service::{Service, ServiceError, StepError};
use rustix::process::{Resource, getrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::api::{self, Api};
use crate::config::{Address, Component, Config, Door};
use crate::delivery::forward;
use crate::gateway::{self, Front, ext_authz};
use crate::keyring::{self, InUse, KeyFileError};
use crate::listener::{ListenError, Listener};
use crate::metrics::{self, ApiCounters, Watched};
use crate::store::embedded::{self, EmbeddedStore, OpenError};
use apart::Apart;

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
    /// There are fewer open files than connections.
    #[error(
        "listen.connections = {connections} needs {needed} open files, and this process may open {limit}: raise the limit \
         (LimitNOFILE= of the systemd unit, or ulimit -n), or set listen.connections to {fitting} or less"
    )]
    Descriptors {
        /// What is configured.
        connections: usize,
        /// How many files that takes, all in all.
        needed: u64,
        /// How many the system gives.
        limit: u64,
        /// How many connections would fit.
        fitting: u64,
    },
    /// An address cannot be served.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Gateways and portal are not fit to start.
    #[error(transparent)]
    Front(#[from] StepError),
    /// The clock is not to be trusted.
    #[error(transparent)]
    Clock(#[from] ClockJumped),
    /// A listener came to an end that nobody asked for.
    #[error("the host ended by itself; the log says why")]
    Ended,
    /// The system gives no threads.
    #[error("cannot start threads: {0}")]
    Threads(std::io::Error),
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
/// are none. For as long as the second value lives nobody changes the key ring, which is read only here.
///
/// # Errors
/// The first thing that is not as it has to be.
pub fn service(config: &Config) -> Result<(Service<EmbeddedStore>, InUse), StartError> {
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
    let in_use = InUse::shared(&config.store.path)?;
    let ring = keyring::open(&config.keys, &config.store.path, now)?;
    let store = EmbeddedStore::open(
        &embedded::Options::new(&config.store.path, &config.store.anchor),
        now,
    )?;
    match Service::new(plugin, store, ring, &policy, Arc::new(clock)) {
        Ok(service) => Ok((service, in_use)),
        Err(ServiceError::Policy(errors)) => Err(StartError::Policy {
            path: config.policy.clone(),
            text: policy,
            errors,
        }),
        Err(ServiceError::Plugin(error)) => Err(StartError::Compile(error.to_string())),
    }
}

/// A host whose listeners are bound.
pub struct Host {
    service: Arc<Service<EmbeddedStore>>,
    in_use: InUse,
    front: Option<Arc<Front<EmbeddedStore>>>,
    served: Vec<(&'static str, Listener, Router)>,
    /// The gRPC listener, and its threads.
    over_grpc: Option<(Apart, Listener, Router)>,
}

impl Host {
    /// Opens everything and binds every listener. Nothing is served yet.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        // Checked first: whoever takes all descriptors would keep the store from answering.
        descriptors::check(&config, getrlimit(Resource::Nofile).current)?;
        let (service, in_use) = service(&config)?;
        let service = Arc::new(service);
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
        let (mut front, mut over_grpc) = (None, None);
        if !config.gateways.all.is_empty() {
            let asks_over_grpc = config.gateways.any_over_grpc();
            let made = Front::new(Arc::clone(&service), config.gateways, &config.portal)?;
            let made = Arc::new(made);
            let web = Listener::bind(&config.listen.web).await?;
            served.push(("web", web, gateway::router(Arc::clone(&made))));
            if asks_over_grpc {
                let apart = Apart::new().map_err(StartError::Threads)?;
                let door = config.listen.grpc;
                let bound = apart.spawn(async move { Listener::bind_http2(&door).await });
                let listener = match bound {
                    Some(bound) => bound.await.map_err(|_| StartError::Ended)??,
                    None => return Err(StartError::Ended),
                };
                let router = {
                    let _there = apart.enter();
                    ext_authz::router(Arc::clone(&made))
                };
                over_grpc = Some((apart, listener, router));
            }
            front = Some(made);
        }
        served.push((
            "api",
            Listener::bind(&config.listen.api)
                .await?
                .refusing(api::refusal),
            api.router(),
        ));
        if let Some(address) = config.listen.metrics {
            let door = Door {
                address: Address::Tcp(address),
                tls: None,
                connections: METRICS_CONNECTIONS,
            };
            let watched = Arc::clone(&service);
            let router = metrics::router(Watched {
                service: Arc::clone(&service),
                api: counters,
                unacknowledged: Box::new(move || watched.store().unacknowledged()),
            });
            served.push(("metrics", Listener::bind(&door).await?, router));
        }
        Ok(Self {
            service,
            in_use,
            front,
            served,
            over_grpc,
        })
    }

    /// Where the listener of that name (`web`, `grpc`, `api`, `metrics`) is.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<&Address> {
        self.listeners()
            .find(|(other, _)| *other == name)
            .map(|(_, listener)| listener.address())
    }

    fn listeners(&self) -> impl Iterator<Item = (&'static str, &Listener)> {
        let over_grpc = self.over_grpc.iter();
        let over_grpc = over_grpc.map(|(_, listener, _)| ("grpc", listener));
        let served = self.served.iter();
        served
            .map(|(name, listener, _)| (*name, listener))
            .chain(over_grpc)
    }

    /// Serves until `stop` turns true, lets requests end, and closes the store: the anchor is written last.
    ///
    /// # Errors
    /// Where a listener came to its end before.
    pub async fn serve(self, mut stop: watch::Receiver<bool>) -> Result<(), StartError> {
        for (name, listener) in self.listeners() {
            tracing::info!(listener = name, address = %listener.address(), "listening");
        }
        tracing::info!(
            version = env!("CARGO_PKG_VERSION"),
            component = %self.service.plugin().digest(),
            "ready"
        );
        let (halt, halted) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for (_, listener, router) in self.served {
            tasks.spawn(listener.serve(router, halted.clone()));
        }
        let _apart = self.over_grpc.map(|(apart, listener, router)| {
            if let Some(serving) = apart.spawn(listener.serve(router, halted.clone())) {
                tasks.spawn(async move {
                    let _ = serving.await;
                });
            }
            apart
        });
        let mending = tokio::spawn(mend(Arc::clone(&self.service)));
        let forwarding = tokio::spawn(forward::run(Arc::clone(&self.service)));
        let tending = tokio::spawn(tend(self.front));
        let asked = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => true,
            // Half a host would answer monitoring and nobody else.
            _ = tasks.join_next() => false,
        };
        if !asked {
            tracing::error!("a listener came to its end by itself");
        }
        let _ = halt.send(true);
        while tasks.join_next().await.is_some() {}
        for task in [mending, forwarding, tending] {
            task.abort();
            let _ = task.await;
        }
        let service = self.service;
        let _ = tokio::task::spawn_blocking(move || service.store().close()).await;
        drop(self.in_use);
        tracing::info!("stopped");
        if asked {
            Ok(())
        } else {
            Err(StartError::Ended)
        }
    }
}

/// Tries every second whether a store that could not be reached can be again.
async fn mend(service: Arc<Service<EmbeddedStore>>) {
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut reachable = true;
    loop {
        seconds.tick().await;
        // Why it still fails was logged by whoever failed first, and by the store.
        let _ = service.end_outage().await;
        if reachable != service.is_reachable() {
            reachable = !reachable;
            if reachable {
                tracing::info!("the store can be reached again");
            } else {
                tracing::error!("the store cannot be reached");
            }
        }
    }
}

/// Looks after the keys of those who issue tokens.
async fn tend(front: Option<Arc<Front<EmbeddedStore>>>) {
    let Some(front) = front else {
        return;
    };
    let mut times = tokio::time::interval(KEYS_EVERY);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        let Ok(now) = front.service.now() else {
            continue;
        };
        for gateway in &front.gateways.all {
            gateway.first_factor.refresh(now).await;
        }
    }
}

/// How often the keys of those who issue tokens are looked after: so long at most counts one that was taken back.
const KEYS_EVERY: Duration = Duration::from_secs(15 * 60);
/// Connections to health and metrics.
const METRICS_CONNECTIONS: usize = 64;

/// SIGTERM, SIGINT, and the SIGHUP of a terminal that was closed.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
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
            hangup: signal(SignalKind::hangup()).map_err(StartError::Signals)?,
        })
    }

    /// Returns when one of them has come.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// Runs the configured host until SIGTERM, SIGINT or SIGHUP.
///
/// # Errors
/// Where it cannot start.
pub async fn run(config: Config) -> Result<(), StartError> {
    let mut signals = Signals::new()?;
    let host = Host::start(config).await?;
    let (stop, stopped) = watch::channel(false);
    let mut serving = tokio::spawn(host.serve(stopped));
    let ended = tokio::select! {
        () = signals.wait() => {
            tracing::info!("stopping");
            let _ = stop.send(true);
            serving.await
        }
        ended = &mut serving => ended,
    };
    ended.unwrap_or(Err(StartError::Ended))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
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
        serving.await.unwrap().unwrap();
        assert!(
            folder.path().join("cofactor.anchor").exists(),
            "the anchor is written"
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_host_that_lost_a_listener_ends_instead_of_waiting_to_be_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let config = Config::parse(LISTEN, folder.path()).unwrap();
        let host = Host::start(config).await.unwrap();
        for (_, listener, _) in &host.served[..1] {
            listener.accept_nothing_more();
        }
        let (_stop, stopped) = watch::channel(false);
        assert!(matches!(host.serve(stopped).await, Err(StartError::Ended)));
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
