//! The command line: one file a subcommand. docs/commands.md is its manual.

mod administration;
mod audit;
mod bench;
mod component;
mod demo;
mod findings;
mod gateway;
mod input;
mod keys;
mod output;
mod policy;
mod report;
mod serve;
mod simulate;
mod token;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Level, Log};
use crate::keyring::{InUse, KeyFileError};
use crate::serve::StartError;
use crate::store::embedded::{EmbeddedStore, OpenError};
use cofactor_runtime::service::{Service, StepError};
use cofactor_runtime::store::StoreError;

const ABOUT: &str = "A second factor for sign-ins that already exist";

const LONG_ABOUT: &str = "\
Cofactor asks for a second factor where a first one has already accepted the user: behind nginx and other gateways, and \
from your own programs. What is asked and what is accepted is decided by one WebAssembly component, under a policy that \
you write; this command runs it, keeps the accounts and shows the pages.";

const AFTER_HELP: &str = "\
First steps:
  cofactor demo                      see it work, on this machine, with nothing configured
  cofactor serve --config FILE       run it in earnest (start from docs/cofactor.example.toml)
  cofactor user enrol alice          give a user a TOTP credential, with a QR code
  cofactor token import FILE         take over hardware tokens from their maker's file
  cofactor gateway print nginx       the configuration of a proxy that asks Cofactor before each request
  cofactor policy check FILE         see what is wrong with a policy before it is used

Exit codes:
  0  it was done
  1  it failed, was denied, or did not match
  2  the command line is wrong
  3  the configuration, the policy, the component or a file to read is wrong
  4  the store or the key ring cannot be used, or was tampered with";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "cofactor", version, about = ABOUT, long_about = LONG_ABOUT, after_help = AFTER_HELP)]
#[command(
    arg_required_else_help = true,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Serve),
    Demo(demo::DemoCommand),
    User(user::User),
    Token(token::TokenCommand),
    Policy(policy::PolicyCommand),
    Gateway(gateway::GatewayCommand),
    Simulate(simulate::Simulate),
    Component(component::Inspect),
    Keys(keys::Keys),
    Audit(audit::Audit),
    Bench(bench::Bench),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// The configuration file; see docs/cofactor.example.toml.
    #[arg(
        long,
        short,
        value_name = "FILE",
        default_value = "cofactor.toml",
        env = "COFACTOR_CONFIG"
    )]
    config: PathBuf,
}

impl ConfigFile {
    fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(&self.config)?)
    }
}

/// How a command ended, when not well. The numbers are the exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// It failed, was denied, or did not match.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Configuration, policy or component are wrong.
    Configuration = 3,
    /// Store or key ring cannot be used, or were tampered with.
    Store = 4,
}

/// Why a command ended, and what an operator is told. An empty text: everything was said already.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    fn new(exit: Exit, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { exit, text }
    }

    /// Everything was said already.
    fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    forbid_core_dumps();
    raise_file_limit();
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.text.is_empty() {
                output::error(&failure.text);
            }
            ExitCode::from(failure.exit as u8)
        }
    }
}

/// What is in memory while a step is judged must not end up in a file, also when the process falls (ST-06).
fn forbid_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    // Lowering one's own limits is always allowed.
    let _ = setrlimit(Resource::Core, none);
}

/// The usual soft limit of 1,024 open files is for programs that use `select`; each connection here is a file, and a
/// host that runs out of them cannot open its database. What the hard limit is too small for is refused at the start.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    // Raising a soft limit up to the hard one is always allowed.
    let _ = setrlimit(Resource::Nofile, all);
}

fn run(cli: Cli) -> Result<(), Failure> {
    match cli.command {
        Command::Serve(it) => it.run(),
        Command::Demo(it) => it.run(),
        Command::User(it) => it.run(),
        Command::Token(it) => it.run(),
        Command::Policy(it) => it.run(),
        Command::Gateway(it) => it.run(),
        Command::Simulate(it) => it.run(),
        Command::Component(it) => it.run(),
        Command::Keys(it) => it.run(),
        Command::Audit(it) => it.run(),
        Command::Bench(it) => it.run(),
    }
}

/// The one door, and the word to others that its keys are in use.
type Opened = (Service<EmbeddedStore>, InUse);

/// Refuses to make a database for a command that only looks: whoever looks may be another user than the host's, and what
/// it made would not be the host's to open.
fn existing(config: &Config) -> Result<(), Failure> {
    if config.store.path.exists() {
        return Ok(());
    }
    let path = config.store.path.display();
    Err(Failure::new(
        Exit::Store,
        format!("there is no database {path} yet"),
    ))
}

/// Opens what the host opens, for a command that does one thing. What is wrong with the store is said on the way.
fn open_service(config: &Config) -> Result<Opened, Failure> {
    crate::log::init(Log {
        format: config.log.format,
        level: Level::Warn,
    });
    Ok(crate::serve::service(config)?)
}

/// Waits for something asynchronous, in a command that does one thing.
fn wait<T>(future: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("cannot start: {error}")))?;
    Ok(runtime.block_on(future))
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Configuration, error.to_string())
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        Self::new(Exit::Store, error.to_string())
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self::new(Exit::Store, error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(Exit::Store, error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::Keys(_) | StartError::Store(_) => Exit::Store,
            StartError::File { .. }
            | StartError::Component(_)
            | StartError::Policy { .. }
            | StartError::Descriptors { .. }
            | StartError::Compile(_) => Exit::Configuration,
            StartError::Listen(_)
            | StartError::Threads(_)
            | StartError::Front(_)
            | StartError::Clock(_)
            | StartError::Ended
            | StartError::Signals(_) => Exit::Failed,
        };
        match &error {
            StartError::Policy { path, text, errors } => {
                let name = path.as_ref().map_or_else(
                    || "the policy".to_owned(),
                    |path| path.display().to_string(),
                );
                Self::new(exit, report::report(&name, text, errors))
            }
            _ => Self::new(exit, error.to_string()),
        }
    }
}

impl From<StepError> for Failure {
    fn from(error: StepError) -> Self {
        let exit = match &error {
            StepError::Unavailable(_) | StepError::Tampered(_) => Exit::Store,
            _ => Exit::Failed,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // A reader that has seen enough, such as `head`, needs no word of it.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self::silent(Exit::Failed);
        }
        Self::new(Exit::Failed, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// Help that teaches: every command says more with --help than with -h, and shows how it is used.
    #[test]
    fn every_command_has_long_help_with_an_example() {
        fn visit(command: &mut clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            let help = command.render_long_help().to_string();
            assert!(
                help.contains("cofactor "),
                "{path}: an example is missing\n{help}"
            );
            assert!(
                command.get_about().is_some(),
                "{path}: what it does is missing"
            );
            for sub in command.get_subcommands_mut() {
                visit(sub, &path);
            }
        }
        let mut command = Cli::command();
        command.build();
        visit(&mut command, "");
    }

    #[test]
    fn command_lines() {
        for (line, right) in [
            ("cofactor serve", true),
            ("cofactor serve --config x.toml", true),
            ("cofactor demo", true),
            ("cofactor component --write x.wasm", true),
            ("cofactor component --file x.wasm --json", true),
            ("cofactor user add alice", true),
            ("cofactor user list --json", true),
            ("cofactor user show alice --tenant t --issuer i", true),
            ("cofactor user enrol alice --label Phone", true),
            ("cofactor user enrol alice --uri -", true),
            ("cofactor user enrol alice --uri - --label Phone", false),
            ("cofactor user remove alice", true),
            ("cofactor user remove", false),
            ("cofactor token import tokens.xml", true),
            (
                "cofactor token import - --dry-run --json --users u.csv",
                true,
            ),
            ("cofactor token import t.xml --key k --passphrase p", false),
            ("cofactor token import t.xml --json --csv", false),
            ("cofactor token import", false),
            ("cofactor policy check policy.toml", true),
            ("cofactor policy check --print-defaults", true),
            ("cofactor policy check", false),
            ("cofactor simulate x.jsonl", true),
            ("cofactor simulate -", true),
            ("cofactor keys rotate", true),
            ("cofactor keys list --json", true),
            ("cofactor audit verify", true),
            ("cofactor audit show --after 5 --limit 10", true),
            ("cofactor audit acknowledge --actor a --why b --json", true),
            ("cofactor audit acknowledge --actor a", false),
            ("cofactor audit acknowledge --why b", false),
            ("cofactor audit acknowledge --actor= --why b", false),
            ("cofactor gateway print nginx", true),
            ("cofactor gateway print caddy --host app.example.com", true),
            ("cofactor gateway print", false),
            ("cofactor bench", true),
            ("cofactor", false),
        ] {
            let parsed = Cli::try_parse_from(line.split(' '));
            assert_eq!(parsed.is_ok(), right, "{line}: {parsed:?}");
        }
    }
}
