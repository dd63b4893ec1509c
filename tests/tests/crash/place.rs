//! A site of its own in a folder of its own: configuration, keys, database, and as many hosts on it as a test wants.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cofactor::keyring;
use cofactor::store::embedded::{EmbeddedStore, Options as StoreOptions};
use cofactor_guest::base32;
use cofactor_runtime::clock::Clock;
use cofactor_runtime::contract::{
    Action, Administration, AdministrationChange, Event, Origin, Outcome,
};
use cofactor_runtime::plugin::{Options, Plugin};
use cofactor_runtime::seal::KeyRing;
use cofactor_runtime::service::Service;
use cofactor_runtime::store::{Name, Store};
use cofactor_tests::api::Client;
use cofactor_tests::program::{Running, own, wait_for};
use cofactor_tests::scenario::{origin, totp};
use rusqlite::Connection;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use totp_rs::Algorithm;

/// The verify API's client, and its secret, which nothing may show.
pub(crate) const CLIENT: (&str, &str) = ("test", "canary-of-the-client-73f1c09a");

/// One site.
pub(crate) struct Place {
    folder: TempDir,
    started: AtomicU32,
}

/// A host that serves it. Killed when dropped.
pub(crate) struct Host {
    pub(crate) running: Running,
    pub(crate) api: SocketAddr,
    pub(crate) metrics: SocketAddr,
    pub(crate) log: PathBuf,
}

impl Place {
    /// A site with that policy, whose hosts log at `info`.
    pub(crate) fn new(policy: &str) -> Self {
        Self::logging(policy, "info")
    }

    pub(crate) fn logging(policy: &str, level: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let (name, secret) = CLIENT;
        let configuration = format!(
            r#"
            [listen]
            api = "127.0.0.1:0"
            metrics = "127.0.0.1:0"
            [store]
            path = "db"
            anchor = "anchor"
            [keys]
            file = "keys"
            [policy]
            file = "policy.toml"
            [log]
            format = "json"
            level = "{level}"
            [[client]]
            name = "{name}"
            secret = "{secret}"
            applications = ["example"]
            administer = true
            internal-reasons = true
            requests-per-second = 1000000
            "#
        );
        fs::write(folder.path().join("cofactor.toml"), configuration).unwrap();
        fs::write(folder.path().join("policy.toml"), policy).unwrap();
        Self {
            folder,
            started: AtomicU32::new(0),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a host and waits until it is ready.
    pub(crate) fn start(&self) -> Host {
        self.start_by(Command::new(own("cofactor").unwrap()))
    }

    /// The same, by a command that runs it: what is missing are its arguments.
    pub(crate) fn start_by(&self, mut command: Command) -> Host {
        let number = self.started.fetch_add(1, Ordering::SeqCst);
        let log = self.path(&format!("log-{number}"));
        command
            .arg("serve")
            .arg("--config")
            .arg(self.path("cofactor.toml"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let mut running = Running::start(&mut command).unwrap();
        let lines = wait_for("a host to be ready", || {
            let text = fs::read_to_string(&log).unwrap();
            assert!(!running.ended(), "the host ended: {text}");
            text.contains("\"message\":\"ready\"").then_some(text)
        })
        .unwrap();
        let address = |listener: &str| {
            json_lines(&lines)
                .find(|line| line["message"] == "listening" && line["listener"] == listener)
                .and_then(|line| line["address"].as_str()?.parse().ok())
                .unwrap()
        };
        Host {
            api: address("api"),
            metrics: address("metrics"),
            running,
            log,
        }
    }

    /// Runs another subcommand on the site and waits for its end.
    pub(crate) fn cofactor(&self, arguments: &[&str]) -> Output {
        Command::new(own("cofactor").unwrap())
            .args(arguments)
            .arg("--config")
            .arg(self.path("cofactor.toml"))
            .output()
            .unwrap()
    }

    /// The key ring, made where there is none.
    pub(crate) fn ring(&self) -> KeyRing {
        keyring::open(&self.path("keys"), &self.path("db"), now()).unwrap()
    }

    /// The store, in this process.
    pub(crate) fn store(&self) -> EmbeddedStore {
        EmbeddedStore::open(
            &StoreOptions::new(self.path("db"), self.path("anchor")),
            now(),
        )
        .unwrap()
    }

    /// The one door over any store, with this site's keys and policy, in this process.
    pub(crate) fn service<S: Store>(&self, store: S, clock: Arc<dyn Clock>) -> Service<S> {
        let policy = fs::read_to_string(self.path("policy.toml")).unwrap();
        Service::new(plugin(), store, self.ring(), &policy, clock).unwrap()
    }

    /// Gives each of these users an account with a TOTP credential of that many digits, all in one transaction.
    pub(crate) fn enrol(&self, users: &[String], digits: u8) {
        self.ring();
        let clock = Arc::new(cofactor_runtime::clock::SystemClock::new());
        let service = self.service(self.store(), clock);
        for some in users.chunks(1_000) {
            let events = some
                .iter()
                .map(|user| (name(user), event(user, import(user, digits))))
                .collect();
            for settled in pollster::block_on(service.step_all(events)).unwrap() {
                assert!(
                    matches!(settled.outcome, Outcome::Done(_)),
                    "{:?}",
                    settled.outcome
                );
            }
        }
        service.store().close();
    }

    /// What somebody with write access to the database, but without the program, can do.
    pub(crate) fn meddle(&self, statements: &str) {
        let connection = Connection::open(self.path("db")).unwrap();
        connection.execute_batch(statements).unwrap();
    }

    /// Every octet of every file of the site, by name.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| {
                let name = entry.file_name().into_string().unwrap();
                (name, fs::read(entry.path()).unwrap())
            })
            .collect()
    }
}

impl Host {
    /// A connection to its API.
    pub(crate) fn client(&self) -> Client {
        let (name, secret) = CLIENT;
        Client::connect(self.api, name, secret, "example").unwrap()
    }

    /// What it wrote to its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

/// The component in this process.
pub(crate) fn plugin() -> Plugin {
    let options = Options {
        instances: 128,
        ..Options::default()
    };
    Plugin::load(cofactor_component::COMPONENT, &options).unwrap()
}

/// The lines of a log.
pub(crate) fn json_lines(text: &str) -> impl Iterator<Item = serde_json::Value> + '_ {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
}

/// The name under which the API's client knows a user.
pub(crate) fn name(user: &str) -> Name {
    Name {
        tenant: "default".into(),
        issuer: "default".into(),
        user: user.into(),
    }
}

/// The key of a user's token: nobody else's, and always the same.
pub(crate) fn key(user: &str) -> Vec<u8> {
    let mut key = Sha256::digest(format!("key of {user}")).to_vec();
    key.truncate(20);
    key
}

/// The code that a user's token shows `steps` from the Unix time `at` in milliseconds.
pub(crate) fn code(user: &str, digits: u8, at: u64, steps: i64) -> String {
    let at = (at / 1_000).checked_add_signed(30 * steps).unwrap();
    totp(&key(user), Algorithm::SHA1, digits, 30, at).unwrap()
}

/// Whether the code of now is also that of a step soon to come. It may be accepted again as that one, and rightly (RFC
/// 6238 tells steps apart by nothing else); with wide windows and thousands of replays that happens.
pub(crate) fn recurs(user: &str, digits: u8, at: u64) -> bool {
    let now = code(user, digits, at, 0);
    (1..=40).any(|steps| code(user, digits, at, steps) == now)
}

/// An administrator enrols a user's token.
pub(crate) fn import(user: &str, digits: u8) -> Action {
    let secret = base32::encode(&key(user));
    let uri = format!(
        "otpauth://totp/Example:{user}?secret={}&issuer=Example&digits={digits}",
        secret.as_str()
    );
    administer(AdministrationChange::ImportOtpauth(uri))
}

pub(crate) fn administer(change: AdministrationChange) -> Action {
    Action::Administer(Administration {
        actor: "test".into(),
        why: "test".into(),
        change,
    })
}

/// An event of a user, with an id of its own.
pub(crate) fn event(user: &str, action: Action) -> Event {
    let mut id = vec![0; 16];
    getrandom::fill(&mut id).unwrap();
    let origin = Origin {
        gateway: CLIENT.0.into(),
        address: None,
        ..origin(user)
    };
    Event { id, origin, action }
}

/// The wall clock, in milliseconds since the epoch.
#[allow(clippy::disallowed_methods, reason = "real hosts go by the real clock")]
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// The short number in `make test`, the long one in `make soak`.
pub(crate) fn short_or_long(short: usize, long: usize) -> usize {
    if std::env::var_os("COFACTOR_SOAK").is_some() {
        long
    } else {
        short
    }
}

/// Copies those files that are there.
pub(crate) fn copy(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}
