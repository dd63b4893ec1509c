//! `cofactor audit`.

use clap::{Args, Subcommand};
use cofactor_runtime::clock::{Clock, SystemClock};
use serde_json::json;

use super::{ConfigFile, Exit, Failure, existing, findings, output};
use crate::store::embedded::{EmbeddedStore, Options};

/// The audit chain: what was decided, when, and whether anybody changed it since
///
/// Every decision is written in the same transaction as what it changed, and each row carries the hash of the one
/// before. docs/audit.md lists the kinds of rows.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor audit verify
  cofactor audit show --json | jq 'select(.row.kind == \"sign-in-denied\")'")]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Verify(Verify),
    Show(Show),
}

/// Check that no row was changed, removed or put back
///
/// Reads the whole chain, holds it against the anchor file, and compares every name and record with its rows. Exit code
/// 4 where anything does not hold.
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
/// Exit code 4 where the database was found put back, which is said on standard error.
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

impl Audit {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Verify(it) => it.run(),
            Sub::Show(it) => it.run(),
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

fn open(config: &ConfigFile) -> Result<EmbeddedStore, Failure> {
    let config = config.load()?;
    existing(&config)?;
    let now = SystemClock::new()
        .now()
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    Ok(EmbeddedStore::open(
        &Options::new(&config.store.path, &config.store.anchor),
        now,
    )?)
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
    // The store's own rows say what became of a name: they carry a fact and nothing else.
    if row.get("kind").is_none() {
        return format!("{number:8}  {}  {}", output::instant(time), text("fact"));
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
