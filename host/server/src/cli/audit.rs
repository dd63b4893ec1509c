//! `cofactor audit`.

use clap::{Args, Subcommand};
use cofactor_runtime::clock::{Clock, SystemClock};
use serde_json::json;

use super::{ConfigFile, Exit, Failure, existing, findings, output, wait};
use crate::store::embedded::{AcknowledgeError, EmbeddedStore, Options};

/// The audit chain: what was decided, when, and whether anybody changed it since
///
/// Every decision is written in the same transaction as what it changed, and each row carries the hash of the one
/// before. docs/audit.md lists the kinds of rows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor audit verify
  cofactor audit show --json | jq 'select(.row.kind == \"sign-in-denied\")'
  cofactor audit acknowledge --actor alice --why 'restored the backup of Monday, ticket 4711'")]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Verify(Verify),
    Show(Show),
    Acknowledge(Acknowledge),
}

/// Check that no row was changed, removed or put back
///
/// Reads the whole chain, holds it against the anchor file, and compares every name and record with its rows. Exit code
/// 4 where anything does not hold, or the database was put back and nobody has acknowledged it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  cofactor audit verify || page-somebody")]
struct Verify {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Print rows, oldest first
///
/// Exit code 4 where the database was found put back and nobody has acknowledged it, which is said on standard error.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor audit show --limit 20
  cofactor audit show --after 1200 --json    continue where a program left off")]
struct Show {
    #[command(flatten)]
    config: ConfigFile,
    /// Start behind the row with this number.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    after: u64,
    /// How many rows at most; without it, all of them.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,
    /// Print one JSON object for each row: `number`, `time`, `row`.
    #[arg(long)]
    json: bool,
}

/// Say that you know that the database was put back
///
/// A database that was put back, or whose anchor was missing, is reported at every start, by `/readyz`, in the metrics and
/// by every command, until somebody acknowledges it. This writes an audit row with your name and reason, and ends the
/// report. It ends nothing else: one-time codes that may have been used before stay refused as docs/store.md says.
///
/// Find out first why it happened: somebody who puts an old database back wants used codes to be good again. Works
/// beside a running host. With nothing to acknowledge it writes nothing and says so, with exit code 0.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor audit verify
  cofactor audit acknowledge --actor alice --why 'restored the backup of Monday, ticket 4711'")]
struct Acknowledge {
    #[command(flatten)]
    config: ConfigFile,
    /// Who acknowledges it: 1 to 64 octets.
    #[arg(long, value_name = "NAME", value_parser = said::<64>)]
    actor: String,
    /// How it came about, for the audit: 1 to 256 octets.
    #[arg(long, value_name = "TEXT", value_parser = said::<256>)]
    why: String,
    /// Print one JSON object: `acknowledged`, a list of texts.
    #[arg(long)]
    json: bool,
}

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Verify(it) => it.run(),
            Sub::Show(it) => it.run(),
            Sub::Acknowledge(it) => it.run(),
        }
    }
}

impl Verify {
    fn run(self) -> Result<(), Failure> {
        let store = open(&self.config)?;
        let found = findings::said(&store).into_iter().next();
        let chain = store.verify_chain().map_err(|error| error.to_string());
        let sound = store.check().map_err(|error| error.to_string());
        let problem = found.or(chain.as_ref().err().cloned()).or(sound.err());
        if self.json {
            let seq = chain.as_ref().ok().map(|head| head.seq);
            output::json(&json!({"sound": problem.is_none(), "rows": seq, "problem": problem}))?;
        }
        match (problem, chain) {
            (None, Ok(head)) if !self.json => Ok(output::lines([format!(
                "{} rows, all as they were written",
                head.seq
            )])?),
            (None, _) => Ok(()),
            (Some(_), _) if self.json => Err(Failure::silent(Exit::Store)),
            (Some(problem), _) => Err(Failure::new(Exit::Store, problem)),
        }
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        const PAGE: u32 = 1000;
        let store = open(&self.config)?;
        let is_sound = findings::tell(&store);
        let (mut after, mut left) = (self.after, self.limit.unwrap_or(u64::MAX));
        while left > 0 {
            let rows = store.audit(after, PAGE)?;
            let Some((last, ..)) = rows.last() else { break };
            after = *last;
            for (number, time, text) in rows {
                if left == 0 {
                    break;
                }
                left -= 1;
                let row: serde_json::Value =
                    serde_json::from_str(&text).unwrap_or(serde_json::Value::Null);
                if self.json {
                    output::json(&json!({"number": number, "time": time, "row": row}))?;
                } else {
                    output::lines([line(number, time, &row)])?;
                }
            }
        }
        if is_sound {
            return Ok(());
        }
        Err(Failure::silent(Exit::Store))
    }
}

impl Acknowledge {
    fn run(self) -> Result<(), Failure> {
        let store = open(&self.config)?;
        let seen = wait(store.acknowledge(&self.actor, &self.why, now()?))??;
        let seen: Vec<_> = seen.iter().map(findings::describe).collect();
        if self.json {
            return Ok(output::json(&json!({ "acknowledged": seen }))?);
        }
        if seen.is_empty() {
            return Ok(output::lines(["there is nothing to acknowledge"])?);
        }
        Ok(output::lines(
            seen.iter()
                .map(|finding| format!("acknowledged: {finding}")),
        )?)
    }
}

impl From<AcknowledgeError> for Failure {
    fn from(error: AcknowledgeError) -> Self {
        Self::new(Exit::Store, error.to_string())
    }
}

/// A text of 1 to `MOST` octets, in one line.
fn said<const MOST: usize>(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MOST || text.contains(char::is_control) {
        return Err(format!("expected 1 to {MOST} octets in one line"));
    }
    Ok(text.to_owned())
}

fn open(config: &ConfigFile) -> Result<EmbeddedStore, Failure> {
    let config = config.load()?;
    existing(&config)?;
    Ok(EmbeddedStore::open(
        &Options::new(&config.store.path, &config.store.anchor),
        now()?,
    )?)
}

fn now() -> Result<u64, Failure> {
    SystemClock::new()
        .now()
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))
}

/// One row for people. What is in it comes from users: it is escaped.
fn line(number: u64, time: u64, row: &serde_json::Value) -> String {
    let text = |key: &str| {
        row.get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("-")
            .escape_debug()
            .to_string()
    };
    // The host's own rows are of no step: a fact, and what belongs to it.
    if row.get("kind").is_none() {
        let mut line = format!("{number:8}  {}  {}", output::instant(time), text("fact"));
        for (key, value) in row.as_object().into_iter().flatten() {
            if key != "fact" {
                let value = value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned);
                line.push_str(&format!("  {key}={}", value.escape_debug()));
            }
        }
        return line;
    }
    format!(
        "{number:8}  {}  {}  {}  user={} application={} gateway={} method={}",
        output::instant(time),
        text("kind"),
        text("reason"),
        text("user"),
        text("application"),
        text("gateway"),
        text("method"),
    )
}
