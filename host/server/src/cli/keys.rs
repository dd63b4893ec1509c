//! `cofactor keys`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ConfigFile, Exit, Failure, findings, output, wait};
use crate::config::Config;
use crate::keyring::{self, InUse};
use crate::store::embedded::{self, EmbeddedStore};
use cofactor_runtime::clock::{Clock, SystemClock};
use cofactor_runtime::seal::KeyRing;
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

/// Add a key, and seal every account and every waiting effect with it
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
/// Possible at once after `keys rotate`: whatever an interrupted rotation has left is sealed anew first. Sessions that an older key sealed end with it.
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
        let sealed = reseal(&store, &keyring::load(&config.keys)?, now)?;
        store.close();
        Ok(output::lines([format!(
            "key {id} seals from now on, {} records and {} effects already; start the host",
            sealed.records, sealed.effects
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
        // What a rotation that was interrupted left behind: nothing that an older key sealed is left afterwards.
        reseal(&store, &ring, now)?;
        store.close();
        keyring::retire(&config.keys)?;
        Ok(output::lines([format!(
            "key {} is the only one now; start the host",
            ring.current()
        )])?)
    }
}

/// Rows that are read at once.
const PAGE: u32 = 1_000;

/// How many were sealed anew.
struct Sealed {
    records: u64,
    effects: u64,
}

/// Seals everything with the newest key that is not yet. Effects that have expired nobody opens any more.
fn reseal(store: &EmbeddedStore, ring: &KeyRing, now: u64) -> Result<Sealed, Failure> {
    Ok(Sealed {
        records: reseal_records(store, ring)?,
        effects: reseal_effects(store, ring, now)?,
    })
}

fn reseal_records(store: &EmbeddedStore, ring: &KeyRing) -> Result<u64, Failure> {
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
                _ => return Err(in_use()),
            }
        }
    }
}

fn reseal_effects(store: &EmbeddedStore, ring: &KeyRing, now: u64) -> Result<u64, Failure> {
    let (mut after, mut resealed) = (None, 0);
    loop {
        let page = store.effects(now, after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(resealed);
        };
        after = Some(last.effect);
        for it in page {
            let broken = |error| {
                let id = hex::encode(it.effect);
                Failure::new(Exit::Store, format!("effect {id}: {error}"))
            };
            let anew = ring
                .reseal_effect(&it.tenant, &it.effect, &it.payload)
                .map_err(broken)?;
            let Some(payload) = anew else { continue };
            match wait(store.reseal_effect(it.effect, payload))?? {
                Committed::Done => resealed += 1,
                _ => return Err(in_use()),
            }
        }
    }
}

fn in_use() -> Failure {
    Failure::new(Exit::Store, "the store is in use: stop the host first")
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
