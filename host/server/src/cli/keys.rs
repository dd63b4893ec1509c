//! `cofactor keys`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ConfigFile, Exit, Failure, findings, output, wait};
use crate::config::Config;
use crate::keyring::{self, InUse};
use crate::store::embedded::{self, EmbeddedStore};
use cofactor_runtime::clock::{Clock, SystemClock};
use cofactor_runtime::seal::{KeyRing, SealedBox};
use cofactor_runtime::store::Committed;

/// The key ring that seals accounts and cookies
///
/// The ring is one file (`keys.file`), readable by its owner alone. The newest key seals; older ones still open what
/// they sealed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor keys list
  cofactor keys rotate
  cofactor keys retire")]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    List(List),
    Rotate(Rotate),
    Retire(Retire),
}

/// Number and age of each key, newest first
///
/// Never shows a key itself.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cofactor keys list --json | jq .id")]
struct List {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object for each key.
    #[arg(long)]
    json: bool,
}

/// Add a key, and seal every account with it
///
/// Stop the host first, and start it again afterwards: a running host keeps the ring that it read, and could not open
/// what is sealed with the new key. Older keys stay in the ring until `keys retire`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  systemctl stop cofactor && cofactor keys rotate && systemctl start cofactor"
)]
struct Rotate {
    #[command(flatten)]
    config: ConfigFile,
}

impl Keys {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::List(it) => it.run(),
            Sub::Rotate(it) => it.run(),
            Sub::Retire(it) => it.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let ring = keyring::load(&config.keys)?;
        for (at, (id, created)) in ring.generations().enumerate() {
            let current = at == 0;
            if self.json {
                output::json(&json!({"id": id, "created": created, "current": current}))?;
            } else {
                let note = if current { "  seals" } else { "" };
                output::lines([format!("{id:4}  {}{note}", output::instant(created))])?;
            }
        }
        Ok(())
    }
}

/// Drop every key but the newest
///
/// Refused while anything is still sealed with an older one. Sessions that an older key sealed end with it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  systemctl stop cofactor && cofactor keys retire && systemctl start cofactor"
)]
struct Retire {
    #[command(flatten)]
    config: ConfigFile,
}

impl Rotate {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let now = now()?;
        let _alone = InUse::alone(&config.store.path)?;
        let store = store(&config, now)?;
        let id = keyring::rotate(&config.keys, now)?;
        let sealed = reseal(&store, &keyring::load(&config.keys)?)?;
        store.close();
        Ok(output::lines([format!(
            "key {id} seals from now on, {sealed} records already; start the host"
        )])?)
    }
}

impl Retire {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let now = now()?;
        let _alone = InUse::alone(&config.store.path)?;
        let store = store(&config, now)?;
        let ring = keyring::load(&config.keys)?;
        // What a rotation that was interrupted left behind.
        reseal(&store, &ring)?;
        let waiting = store.due(now, PAGE)?;
        store.close();
        if waiting
            .iter()
            .any(|due| SealedBox::key_of(&due.payload) != Some(ring.current()))
        {
            return Err(Failure::new(
                Exit::Failed,
                "effects that wait to be delivered are sealed with an older key: run this again when they are done or \
                 expired, a day after the rotation at the latest",
            ));
        }
        keyring::retire(&config.keys)?;
        Ok(output::lines([format!(
            "key {} is the only one now; start the host",
            ring.current()
        )])?)
    }
}

/// Records that are read at once.
const PAGE: u32 = 1_000;

/// Seals every record with the newest key; how many were not.
fn reseal(store: &EmbeddedStore, ring: &KeyRing) -> Result<u64, Failure> {
    let (mut after, mut resealed) = (None, 0);
    loop {
        let page = store.records(after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(resealed);
        };
        after = Some(last.id);
        for it in page {
            let broken = |error| Failure::new(Exit::Store, format!("account {}: {error}", it.id));
            let anew = ring
                .reseal_record(&it.tenant, it.id, it.version, &it.record)
                .map_err(broken)?;
            let Some(record) = anew else { continue };
            match wait(store.reseal(it.id, it.version, record))?? {
                Committed::Done => resealed += 1,
                _ => {
                    return Err(Failure::new(
                        Exit::Store,
                        "the store is in use: stop the host first",
                    ));
                }
            }
        }
    }
}

fn store(config: &Config, now: u64) -> Result<EmbeddedStore, Failure> {
    keyring::load(&config.keys)?;
    let store = EmbeddedStore::open(
        &embedded::Options::new(&config.store.path, &config.store.anchor),
        now,
    )?;
    findings::tell(&store);
    Ok(store)
}

fn now() -> Result<u64, Failure> {
    SystemClock::new()
        .now()
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}
