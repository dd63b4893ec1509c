//! `cofactor policy`.

mod explain;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::report::{excerpts, report};
use super::{Exit, Failure, input, output};
use crate::serve;

const DEFAULTS: &str = include_str!("../../../../docs/policy.example.toml");

/// Check the policy document, and ask it about a sign-in
///
/// A policy says what is asked, how often, and what happens after failures. The component itself checks it, so what
/// passes here is what the host accepts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor policy check policy.toml
  cofactor policy check --print-defaults > policy.toml
  cofactor policy explain policy.toml --user alice --application wiki --address 192.0.2.7")]
pub(super) struct PolicyCommand {
    #[command(subcommand)]
    command: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Check(Check),
    Explain(Box<explain::Explain>),
}

/// Say everything that is wrong with a policy, and what is unwise
///
/// Each error comes with its line and column, what was found, and what would be right. Warnings (what is allowed but a
/// standard forbids) leave the exit code at 0; errors make it 3.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cofactor policy check policy.toml
  cofactor policy check policy.toml --json | jq '.errors[].field'
  cofactor policy check --print-defaults    every key with its default and what it means")]
struct Check {
    /// The policy document (TOML); `-` reads standard input.
    #[arg(value_name = "FILE", required_unless_present = "print_defaults")]
    file: Option<PathBuf>,
    /// Print a commented policy that has every key at its default.
    #[arg(long, conflicts_with = "file")]
    print_defaults: bool,
    /// Check with this component instead of the one that the command carries.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
    /// Print one JSON object: `valid`, `errors`, `warnings`.
    #[arg(long)]
    json: bool,
}

impl PolicyCommand {
    pub(super) fn run(self) -> Result<(), Failure> {
        match self.command {
            Sub::Check(it) => it.run(),
            Sub::Explain(it) => it.run(),
        }
    }
}

impl Check {
    fn run(self) -> Result<(), Failure> {
        let Some(path) = &self.file else {
            return Ok(output::lines([DEFAULTS.trim_end()])?);
        };
        let text = input::text(path)?;
        let plugin = serve::component(&crate::config::Component {
            file: self.component,
            sha256: None,
            instances: Some(1),
        })?;
        let compiled = plugin
            .compile_policy(&text)
            .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
        let (errors, warnings) = match &compiled {
            Ok(policy) => (&[][..], policy.compiled().warnings.as_slice()),
            Err(errors) => (errors.as_slice(), &[][..]),
        };
        if self.json {
            output::json(&json!({
                "valid": errors.is_empty(), "errors": errors, "warnings": warnings,
            }))?;
        } else {
            let name = path.display().to_string();
            if !warnings.is_empty() {
                output::lines([format!(
                    "{name}: allowed, but unwise:{}",
                    excerpts(&text, warnings)
                )])?;
            }
            if errors.is_empty() {
                output::lines([format!("{name}: the policy is right")])?;
            } else {
                output::note(&report(&name, &text, errors));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(Failure::silent(Exit::Configuration))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_error_of_the_component_is_shown_in_its_line() {
        let plugin = serve::component(&crate::config::Component {
            file: None,
            sha256: None,
            instances: Some(1),
        })
        .unwrap();
        let text = "[totp]\nwindow = 99\n";
        let errors = plugin.compile_policy(text).unwrap().unwrap_err();
        let said = report("policy.toml", text, &errors);
        assert!(
            said.starts_with("policy.toml: 1 error:\n  line 2, column "),
            "{said}"
        );
        assert!(
            said.contains("totp.window") && said.contains("    | window = 99\n    |          ^"),
            "{said}"
        );

        assert!(
            plugin.compile_policy(DEFAULTS).unwrap().is_ok(),
            "the printed defaults are a policy"
        );
    }
}
