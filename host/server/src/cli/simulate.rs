//! `cofactor simulate`: scenarios in virtual time. docs/scenario.md is its manual.

mod counts;
mod expectation;
mod line;
mod scenario;

use std::io::BufRead as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failure, input, output};
use crate::serve;
use scenario::Scenario;

/// Run a scenario in virtual time through the real component
///
/// The file has one JSON object a line: first the setting (policy, keys, entropy), then what happens and when. For each
/// event the component's transition is printed as one JSON line. Nothing is stored and no clock is read: the same
/// scenario gives the same lines on every machine. A line may say what it expects; the exit code is 1 if anything was
/// otherwise, so that scenarios are tests.
///
/// docs/scenario.md describes the format.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor simulate sign-in.jsonl
  cofactor simulate sign-in.jsonl | jq -c .outcome
  cofactor simulate --policy strict.toml sign-in.jsonl    the same scenario under another policy")]
pub(super) struct Simulate {
    /// The scenario; `-` reads standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Use this policy document instead of the scenario's.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Use this component instead of the one that the command carries.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Print nothing but what was not as expected.
    #[arg(long, short)]
    quiet: bool,
}

impl Simulate {
    pub(super) fn run(self) -> Result<(), Failure> {
        let plugin = serve::component(&crate::config::Component {
            file: self.component,
            sha256: None,
            instances: Some(1),
        })?;
        let policy = self.policy.as_deref().map(input::text).transpose()?;
        let base = self.file.parent().unwrap_or(Path::new("."));
        let mut lines = input::open(&self.file)?.lines().enumerate();
        let wrong = |line: usize, text: String| {
            Failure::new(
                Exit::Configuration,
                format!("{}: line {}: {text}", self.file.display(), line + 1),
            )
        };
        let mut scenario = None;
        let mut unexpected = 0;
        for (at, line) in lines.by_ref() {
            let line = line.map_err(|error| wrong(at, error.to_string()))?;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let Some(scenario) = &mut scenario else {
                let begun = Scenario::begin(&plugin, &line, policy.as_deref(), base);
                scenario = Some(begun.map_err(|error| wrong(at, error))?);
                continue;
            };
            let happened = scenario
                .happen(&line, at)
                .map_err(|error| wrong(at, error))?;
            if !self.quiet {
                output::json(&happened.answer)?;
            }
            for difference in happened.unexpected {
                unexpected += 1;
                output::note(&format!(
                    "{}: line {}: {difference}",
                    self.file.display(),
                    at + 1
                ));
            }
        }
        if scenario.is_none() {
            return Err(wrong(0, "the setting is missing: a scenario begins with a line such as {\"entropy\": \"seed\"}".to_owned()));
        }
        match unexpected {
            0 => Ok(()),
            _ => Err(Failure::silent(Exit::Failed)),
        }
    }
}
