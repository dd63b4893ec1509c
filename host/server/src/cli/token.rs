//! `cofactor token`. docs/tokens.md is its manual.

mod plan;
mod report;
mod unlock;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use cofactor_runtime::contract::{AdministrationChange, Outcome, Token as Judged};
use cofactor_runtime::service::Settled;
use cofactor_runtime::store::Name;

use super::administration::event;
use super::{ConfigFile, Exit, Failure, existing, input, open_service, output, wait};
use crate::token::{Decoded, FileError, MAX_FILE, Token, decode, recipients};
use plan::{Line, Plan, Verdict};
use report::{Report, Shape};

/// Hardware tokens: import a maker's file
///
/// Works on the configured database, also while the host is running. Every token goes through the component and into the
/// audit chain, with who imported it and why.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor token import tokens.csv --dry-run
  cofactor token import tokens.xml --passphrase passphrase.txt --users users.csv")]
pub(super) struct TokenCommand {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Import(Import),
}

/// Import the tokens of a file: all of them, or none
///
/// Takes PSKC (RFC 6030, plain or encrypted), the CSV with a header row that Entra ID takes, OATH CSV (`# version:2`), and
/// what Yubico's programs write. Prints a row for each token, whether it was accepted or why not. If any is refused, nothing
/// is written.
///
/// The file may say whose each token is. Otherwise --users names a list with the columns `serial` and `user`: then the list
/// alone decides, tokens that it does not name are skipped, and a serial number of the list that the file does not have is
/// refused. Users without an account get one.
///
/// A pre-shared key or a passphrase is read from a file or from standard input, and asked for at a terminal; never from the
/// command line, where other users of the machine could read it. A signature in the file is not verified.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor token import tokens.csv --dry-run
  cofactor token import tokens.csv --why 'order 4711'
  cofactor token import tokens.xml --key transport-key.txt --users users.csv
  pass show tokens/4711 | cofactor token import tokens.xml --passphrase - --users users.csv --json

Exit codes:
  0  all were imported, or would be (--dry-run)
  1  at least one was refused: nothing was written
  2  the command line is wrong
  3  a file cannot be read or decrypted, or the configuration is wrong
  4  the store or the key ring cannot be used")]
struct Import {
    #[command(flatten)]
    config: ConfigFile,
    /// The file; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Who gets which token: a CSV file with the header row `serial,user`.
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// The pre-shared key of an encrypted file, as hexadecimal in a file; `-` reads standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase")]
    key: Option<PathBuf>,
    /// The passphrase of an encrypted file, as the first line of a file; `-` reads standard input.
    #[arg(long, value_name = "FILE")]
    passphrase: Option<PathBuf>,
    /// Judge every token as if it were imported, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Why, for the audit.
    #[arg(long, default_value = "token import", value_name = "TEXT")]
    why: String,
    /// Whose users these are: the `tenant` of gateways and clients.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Which first factor vouches for the names: the `issuer` of gateways and clients.
    #[arg(long, default_value = "default")]
    issuer: String,
    /// Print the report as one JSON object.
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the report as CSV, safe to open in a spreadsheet.
    #[arg(long)]
    csv: bool,
}

impl TokenCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Import(it) => it.run(),
        }
    }
}

impl Import {
    fn run(self) -> Result<(), Failure> {
        let inputs = [
            Some(&self.file),
            self.users.as_ref(),
            self.key.as_ref(),
            self.passphrase.as_ref(),
        ];
        if inputs
            .iter()
            .flatten()
            .filter(|path| path.as_path() == Path::new("-"))
            .count()
            > 1
        {
            return Err(Failure::new(
                Exit::Usage,
                "only one of the files can be standard input",
            ));
        }
        let config = self.config.load()?;
        if self.dry_run {
            existing(&config)?;
        }
        let decoded = self.decoded()?;
        let list = match &self.users {
            Some(path) => {
                let file = input::octets(path, MAX_FILE)?;
                Some(recipients(&file).map_err(|error| wrong(path, &error))?)
            }
            None => None,
        };
        let Plan { mut lines, tokens } = Plan::new(decoded.rows, list, &config.names);
        let mut events = Vec::with_capacity(tokens.len());
        for (at, user, token) in tokens {
            let name = Name {
                tenant: self.tenant.clone(),
                issuer: self.issuer.clone(),
                user,
            };
            let event = event(
                &name,
                &self.why,
                AdministrationChange::ImportToken(judged(token)),
            )?;
            events.push((at, (name, event)));
        }
        let (places, events): (Vec<usize>, Vec<_>) = events.into_iter().unzip();
        let (service, _in_use) = open_service(&config)?;
        // What is refused already keeps everything back; the component says what else would be.
        let rehearse = self.dry_run || lines.iter().any(Line::is_refused) || events.is_empty();
        let judged = wait(async {
            if rehearse {
                service
                    .rehearse_all(events)
                    .await
                    .map(|settled| (settled, false))
            } else {
                let batch = service.administer_all(events).await;
                batch.map(|batch| (batch.settled, batch.committed))
            }
        })?;
        service.store().close();
        let (settled, committed) = judged?;
        for (at, settled) in places.into_iter().zip(settled) {
            if let Some(line) = lines.get_mut(at) {
                line.verdict = verdict(settled);
            }
        }
        let report = Report {
            format: decoded.format,
            encrypted: decoded.encrypted,
            signed: decoded.signed,
            dry_run: self.dry_run,
            committed,
            lines,
        };
        report.print(match (self.json, self.csv) {
            (true, _) => Shape::Json,
            (_, true) => Shape::Csv,
            _ => Shape::Text,
        })?;
        if report.lines.iter().any(Line::is_refused) {
            return Err(Failure::silent(Exit::Failed));
        }
        Ok(())
    }

    fn decoded(&self) -> Result<Decoded, Failure> {
        let file = input::octets(&self.file, MAX_FILE)?;
        let mut unlock = unlock::given(self.key.as_deref(), self.passphrase.as_deref())?;
        let mut decoded = decode(&file, unlock.as_ref());
        if let (Err(FileError::Locked(lock)), true) = (&decoded, self.file != Path::new("-")) {
            unlock = unlock::asked(*lock)?;
            if unlock.is_some() {
                decoded = decode(&file, unlock.as_ref());
            }
        }
        let decoded = decoded.map_err(|error| wrong(&self.file, &error))?;
        if unlock.is_some() && !decoded.encrypted {
            let text = "the file is not encrypted: if that is as it should be, leave --key and --passphrase out";
            return Err(Failure::new(
                Exit::Configuration,
                format!("{}: {text}", self.file.display()),
            ));
        }
        if decoded.signed {
            output::note(
                "The file carries a signature, which was NOT verified: nothing here says who signed it. Verify it with the \
                 maker's certificate before you trust the file.",
            );
        }
        Ok(decoded)
    }
}

fn wrong(path: &Path, error: &FileError) -> Failure {
    Failure::new(Exit::Configuration, format!("{}: {error}", path.display()))
}

fn judged(token: Token) -> Judged {
    Judged {
        serial: token.serial,
        manufacturer: token.manufacturer,
        model: token.model,
        method: token.method.name().to_owned(),
        secret: token.secret.to_vec(),
        algorithm: token.algorithm.to_owned(),
        digits: token.digits,
        period: token.period,
        counter: token.counter,
        suite: token.suite,
        starts: token.starts,
        expires: token.expires,
    }
}

fn verdict(settled: Settled) -> Verdict {
    match settled.outcome {
        Outcome::Deny(denial) => Verdict::Refused {
            detail: report::hint(&denial.internal_reason, settled.field.as_deref()),
            reason: denial.internal_reason,
            field: settled.field,
        },
        Outcome::Done(done) => Verdict::Accepted {
            credential: done.credential,
        },
        // The component has no other answer to an import: what it was is on record.
        _ => Verdict::Accepted { credential: None },
    }
}
