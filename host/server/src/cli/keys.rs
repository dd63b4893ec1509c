//! `cofactor keys`.

use clap::{Args, Subcommand};
use serde_json::json;

use super::{ConfigFile, Failure, output};
use crate::keyring;
use cofactor_runtime::clock::{Clock, SystemClock};

/// The key ring that seals accounts and cookies
///
/// The ring is one file (`keys.file`), readable by its owner alone. The newest key seals; older ones still open what
/// they sealed.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor keys list
  cofactor keys rotate")]
pub(super) struct Keys {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    List(List),
    Rotate(Rotate),
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

/// Add a key that seals from now on
///
/// Stop the host first, and start it again afterwards: a running host keeps the ring that it read, and could not open
/// what another process seals with the new key. A record changes its seal when it is next written; older keys stay in
/// the ring for the others.
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

impl Rotate {
    fn run(self) -> Result<(), Failure> {
        let config = self.config.load()?;
        let now = SystemClock::new()
            .now()
            .map_err(|error| Failure::new(super::Exit::Failed, error.to_string()))?;
        let id = keyring::rotate(&config.keys, now)?;
        Ok(output::lines([format!(
            "key {id} seals from now on; restart the host"
        )])?)
    }
}
